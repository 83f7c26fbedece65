"""Virtualenvs that are made as recorded ones were."""

from __future__ import annotations

import ensurepip
import fcntl
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from git_runs.environment import restoring
from git_runs.environment.packages import installed
from git_runs.environment.restored import Restored, links_to, virtualenv_of
from git_runs.environment.restoring import COMPLETE
from git_runs.errors.records import NoEnvironment
from git_runs.errors.reproducing import NotRestored
from git_runs.records.record import Record
from git_runs.system import programs
from git_runs.system.files import locked
from tests.conftest import wait_for
from tests.wheels import make

RECORDED = Record(python=sys.version.split()[0], executable=sys.executable)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of somebody who has a cache of his own, and whose packages come from one directory."""
    make(tmp_path / "wheels", "pkg", "1.0")
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    return {
        **index,
        "PATH": without_uv(os.environ["PATH"]),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def without_uv(path: str) -> str:
    """The directories of PATH in which there is none."""
    return ":".join(place for place in path.split(":") if not os.path.exists(f"{place}/uv"))


def restore(lines: list[str], environment: dict[str, str], said: list[str] | None = None) -> str:
    """The virtualenv with these packages."""
    heard = [] if said is None else said
    return restoring.restore(RECORDED, lines, top="/", environment=environment, say=heard.append)


def found(virtualenv: str) -> list[str]:
    """What is installed in it, without digests."""
    return [line.partition("  ")[0] for line in installed(map(str, Path(virtualenv).glob("lib/python*/site-packages")))]


def test_it_holds_what_was_recorded_and_nothing_else(environment: dict[str, str]) -> None:
    assert found(restore(["pkg==1.0  0123456789abcdef"], environment)) == ["pkg==1.0"]


def test_pip_is_in_it_where_it_was_recorded(environment: dict[str, str]) -> None:
    pip = f"pip=={ensurepip.version()}"
    assert found(restore([pip, "pkg==1.0"], environment)) == [pip, "pkg==1.0"]


def test_what_was_interrupted_is_made_anew_and_what_is_there_is_used(environment: dict[str, str]) -> None:
    said: list[str] = []
    made = Path(restore(["pkg==1.0"], environment, said))
    (made / COMPLETE).unlink()
    (made / "half").touch()
    assert restore(["pkg==1.0"], environment, said) == str(made)
    assert not (made / "half").exists()
    (made / "used").touch()
    assert restore(["pkg==1.0  0123456789abcdef"], environment, said) == str(made)
    assert (made / "used").exists()
    assert len(said) == 2


def test_two_at_once_make_one(environment: dict[str, str]) -> None:
    said: list[str] = []
    threads = [threading.Thread(target=restore, args=(["pkg==1.0"], environment, said)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in said if line.startswith("Restoring")]) == 1
    assert found(restore(["pkg==1.0"], environment)) == ["pkg==1.0"]


def test_who_waits_for_another_says_so(environment: dict[str, str]) -> None:
    made = restore(["pkg==1.0"], environment)
    os.unlink(f"{made}/{COMPLETE}")
    said: list[str] = []
    with locked(f"{made}.lock"):
        waiting = threading.Thread(target=restore, args=(["pkg==1.0"], environment, said))
        waiting.start()
        wait_for(lambda: said != [])
    waiting.join()
    assert said[0] == "Waiting for another process that restores the same"
    assert said[1].startswith("Restoring 1 package for Python ")


def a_package_more(virtualenv: Path) -> None:
    metadata = next(virtualenv.glob("lib/*/site-packages")) / "more-1.0.dist-info"
    metadata.mkdir()


def a_module_more(virtualenv: Path) -> None:
    (next(virtualenv.glob("lib/*/site-packages")) / "sitecustomize.py").touch()


def an_edited_file(virtualenv: Path) -> None:
    module = next(virtualenv.glob("lib/*/site-packages/pkg.py"))
    module.write_text(module.read_text().replace("1.0", "1.1"))


def an_upgraded_python(virtualenv: Path) -> None:
    (virtualenv / "bin/python").unlink()
    (virtualenv / "bin/python").write_text("#!/bin/sh\necho 3.9.99\n")
    (virtualenv / "bin/python").chmod(0o755)


@pytest.mark.parametrize("change", [a_package_more, a_module_more, an_edited_file, an_upgraded_python])
def test_one_that_was_changed_since_is_made_anew_and_stays(
    environment: dict[str, str], change: Callable[[Path], None]
) -> None:
    first = Path(restore(["pkg==1.0"], environment))
    change(first)
    second = restore(["pkg==1.0"], environment)
    assert second == f"{first}-2"
    assert found(second) == ["pkg==1.0"]
    assert (first / COMPLETE).exists()
    assert restore(["pkg==1.0"], environment) == second


def editable(files: dict[str, str]) -> Record:
    """What is recorded where these texts make a package `mine` be found."""
    return Record({**RECORDED, "editable": {"mine": files, "evil": {"evil.pth": "import os"}}})


def test_only_packages_of_the_list_in_editable_mode_bring_files(environment: dict[str, str], tmp_path: Path) -> None:
    metadata = {
        "mine-1.0.dist-info/METADATA": "Name: mine\n",
        "mine-1.0.dist-info/direct_url.json": f'{{"url": "file://{tmp_path}", "dir_info": {{"editable": true}}}}',
        "mine-1.0.dist-info/RECORD": "mine.pth,,\nmine-1.0.dist-info/RECORD,,\n",
    }
    recorded = editable({"mine.pth": f"{tmp_path}\n", **metadata})
    lines = [f"mine==1.0 @ file://{tmp_path} (editable)", "evil==1.0"]
    assert restoring.code_in(recorded, lines) == {"mine: mine.pth": f"{tmp_path}\n"}
    made = Path(restoring.restore(recorded, lines[:1], top="/", environment=environment, say=print))
    (site,) = made.glob("lib/*/site-packages")
    assert (site / "mine.pth").exists()
    assert not (site / "evil.pth").exists()
    (site / "mine.pth").write_text("/elsewhere\n")
    again = restoring.restore(recorded, lines[:1], top="/", environment=environment, say=print)
    assert again == f"{made}-2"


def test_nothing_of_a_recorded_environment_runs_when_it_is_made(environment: dict[str, str], tmp_path: Path) -> None:
    text = f"import os; os.mkdir({str(tmp_path / 'ran')!r})\n"
    recorded = editable({"mine.pth": text, "mine-1.0.dist-info/METADATA": "Name: mine\n"})
    with pytest.raises(NotRestored):  # it was not recorded as it is found
        restoring.restore(recorded, ["pkg==1.0", "mine==1.0 (editable)"], top="/", environment=environment, say=print)
    lines = [f"mine==1.0 @ file://{tmp_path} (editable)", "pkg==1.0"]
    made = restoring.restore(recorded, lines, top="/", environment=environment, say=print)
    assert restoring.restore(recorded, lines, top="/", environment=environment, say=print) == made
    assert not (tmp_path / "ran").exists()
    programs.run([f"{made}/bin/python", "-c", ""], environment)
    assert (tmp_path / "ran").exists()


def test_settings_that_install_elsewhere_do_not_count(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"PIP_USER": "1", "PIP_TARGET": str(tmp_path / "target"), "PIP_ROOT": str(tmp_path / "root")}
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text("[install]\nuser = true\n")
    assert found(restore(["pkg==1.0"], environment)) == ["pkg==1.0"]


def test_after_some_that_cannot_be_had_the_rest_is_named_together(environment: dict[str, str]) -> None:
    names = [f"gone{letter}==1.0" for letter in "abcdefghij"]
    with pytest.raises(NotRestored) as raised:
        restore([*names, "pkg==1.0"], environment)
    assert len(raised.value.reasons) == restoring.ATTEMPTS
    assert len(raised.value.hints) == 3
    assert " and 2 more: ERROR: Could not find a version" in raised.value.hints[0]
    assert raised.value.hints[1].startswith("not tried any more, since so many cannot be had: ")
    assert raised.value.hints[1].endswith(" and 3 more")


def test_what_goes_on_without_us_keeps_others_from_beginning(tmp_path: Path) -> None:
    with locked(str(tmp_path / "lock")) as lock:
        _, pid, _ = programs.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"], holding=[lock])
    with open(tmp_path / "lock") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(int(pid), signal.SIGKILL)
        fcntl.flock(file, fcntl.LOCK_EX)


def test_where_no_index_answers_it_does_not_ask_for_each_package(environment: dict[str, str]) -> None:
    del environment["PIP_NO_INDEX"]
    environment |= {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    with pytest.raises(NotRestored) as raised:
        restore(["a==1", "b==1", "c==1", "d==1", "pkg==1.0"], environment)
    assert raised.value.hints[0].startswith("a==1, b==1, c==1 and 2 more: WARNING: Retrying")
    assert raised.value.message == "the environment cannot be restored: a==1, b==1, c==1, d==1, pkg==1.0"


def test_packages_come_from_where_they_came_from(environment: dict[str, str], tmp_path: Path) -> None:
    wheel = shutil.move(make(tmp_path / "wheels", "other", "1.0"), tmp_path)
    line = f"other==1.0 @ file://{wheel}"
    assert found(restore([line], environment)) == [line]
    os.unlink(wheel)
    environment["XDG_CACHE_HOME"] = str(tmp_path / "empty")
    with pytest.raises(NotRestored) as raised:
        restore([line], environment)
    assert raised.value.reasons == {line: f"'{wheel}' is not there"}


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("pkg==1.0+cu118", ["pkg==1.0+cu118"]),
        ("pkg==1.0 @ https://example.com/p@0123abcd", ["git+https://example.com/p@0123abcd"]),
        ("pkg==1.0 @ ssh://git@example.com/p@0123abcd", ["git+ssh://git@example.com/p@0123abcd"]),
        ("pkg==1.0 @ https://example.com/pkg.whl", ["https://example.com/pkg.whl"]),
        ("pkg==1.0 @ file:///usr (editable)", ["--editable", "/usr"]),
    ],
)
def test_how_a_recorded_package_is_installed(line: str, arguments: list[str]) -> None:
    assert restoring.arguments(line) == arguments


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("pkg==1.0 @ file:///none (editable)", "'/none' is not there"),
        ("pkg==1.0 @ https://example.com/p (editable)", "where its files are is not known"),
        ("--index-url=https://example.com", "it is no name and version of a package"),
        ("-e==/usr", "it is no name and version of a package"),
        ("wa==1.0 @ --log=/x", "it is no name and version of a package"),
        ("wa==1.0 @ -r/x", "it is no name and version of a package"),
    ],
)
def test_why_a_recorded_package_cannot_be_installed(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        restoring.arguments(line)


def test_a_version_that_came_out_as_another_is_no_use(environment: dict[str, str], tmp_path: Path) -> None:
    line = f"pkg==2.0 @ file://{tmp_path}/wheels/pkg-1.0-py3-none-any.whl"
    with pytest.raises(NotRestored) as raised:
        restore([line], environment)
    assert raised.value.reasons == {
        line: f"it came out as pkg==1.0 @ file://{tmp_path}/wheels/pkg-1.0-py3-none-any.whl"
    }
    assert list((tmp_path / "cache/git-runs/environments").glob("*/")) == []


def test_an_environment_of_which_nothing_is_known_is_none(environment: dict[str, str]) -> None:
    with pytest.raises(NoEnvironment):
        restoring.restore(Record(python="unknown"), [], top="/", environment=environment, say=print)


def test_by_uv(environment: dict[str, str], tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").symlink_to(uv)
    environment |= {
        "PATH": f"{tmp_path}/bin:{environment['PATH']}",
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": environment.pop("PIP_FIND_LINKS"),  # pip would find nothing
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }
    made = Path(restore(["pkg==1.0"], environment))
    assert found(str(made)) == ["pkg==1.0"]
    assert "uv = " in (made / "pyvenv.cfg").read_text()
    with pytest.raises(NotRestored) as raised:
        restore(["gone==1.0", "pkg==1.0", "rare==1.0"], environment)
    assert list(raised.value.reasons) in (["gone==1.0", "rare==1.0"], ["rare==1.0", "gone==1.0"])


def test_the_recorded_virtualenv(tmp_path: Path) -> None:
    assert virtualenv_of(Record(executable="/usr/bin/python3")) is None
    assert virtualenv_of(Record(executable="envs/a/bin/python3")) == "envs/a"
    assert virtualenv_of(Record(executable="../a/bin/python3")) is None
    assert virtualenv_of(Record(executable="/gone/bin/python3", virtualenv="/gone")) == "/gone"
    (tmp_path / "pyvenv.cfg").touch()
    assert virtualenv_of(Record(executable=f"{tmp_path}/bin/python")) == str(tmp_path)


def test_which_links_lead_to_the_restored_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert links_to(None, {"data": "/data"}) == []
    assert links_to(str(tmp_path), {"data": "/data", ".venv": f"{tmp_path}/link"}) == [".venv"]
    assert links_to(".venv", {"data": "/data"}) == [".venv"]
    assert links_to("envs/a", {"envs": "/envs"}) == []


def test_path_begins_with_the_restored_one_and_has_no_recorded_one() -> None:
    variables = {"PATH": "/a/bin:/venv/bin:/b", "VIRTUAL_ENV": "/venv", "X": "1"}
    restored = Restored(path="/new", virtualenv=None, links=[], variables=variables)
    set_again = restored.environment(variables)
    assert set_again == {"PATH": "/new/bin:/a/bin:/b", "VIRTUAL_ENV": "/new", "X": "1"}
    assert Restored(**restored.to_json()).environment_without(set_again) == variables
