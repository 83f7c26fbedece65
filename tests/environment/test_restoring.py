"""Virtualenvs that are made as recorded ones were."""

from __future__ import annotations

import ensurepip
import fcntl
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from git_runs.environment import restoring
from git_runs.environment.packages import installed
from git_runs.environment.restored import Restored, links_to, virtualenv_of
from git_runs.environment.restoring import COMPLETE
from git_runs.errors.records import NoEnvironment
from git_runs.errors.reproducing import NotRestored
from git_runs.records.record import Record
from git_runs.system import processes
from git_runs.system.files import locked
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
    assert len(said) == 1
    assert found(restore(["pkg==1.0"], environment)) == ["pkg==1.0"]


def test_what_goes_on_without_us_keeps_others_from_beginning(tmp_path: Path) -> None:
    with locked(str(tmp_path / "lock")) as lock:
        _, pid, _ = processes.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"], holding=[lock])
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
    assert raised.value.hints[0].startswith("a==1, b==1, c==1, ...: WARNING: Retrying")
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
