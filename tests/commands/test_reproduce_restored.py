"""`git runs reproduce --run --restore`: a run comes back with the packages that it had, whatever is installed now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, needs_mounts, prepared, wait_for
from tests.wheels import Virtualenv, make

PROGRAM = "import pkg; print(pkg.version)\n"


class Place:
    """A repository whose program uses a package of a virtualenv, and where both versions of it are found."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.wheels = repo.path.parent / "wheels"
        self.venv = Virtualenv(repo.machine, repo.path / ".venv")
        repo.machine.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        repo.machine.environment |= {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(self.wheels)}  # it may be there

    def install(self, *packages: str) -> None:
        """Into the virtualenv, in the place of what is there."""
        self.venv.install(f"--find-links={self.wheels}", "--upgrade", *packages)

    def reproduce(self, *options: str) -> tuple[int, str, str]:
        """Run it again, and wait; gives the exit code, what was found, and what was said before."""
        result = self.repo.runs("reproduce", "--run", "--wait", *options, "x")
        return result.code, result.out.partition("\n")[2], result.err

    @property
    def restored(self) -> list[Path]:
        """The virtualenvs in the cache."""
        return list((self.repo.machine.home / ".cache/git-runs/environments").glob("*/"))


@prepared
def installed(repo: Repository) -> None:
    """With the first version in the virtualenv."""
    place = Place(repo)
    for version in ("1.0", "2.0"):
        make(place.wheels, "pkg", version)
    place.install("pkg==1.0")
    repo.commit(".gitignore", ".venv\n")
    repo.commit("train.py", PROGRAM)


@pytest.fixture
def place(installed: Repository) -> Place:
    """Where a run is to be restored."""
    return Place(installed)


def test_a_package_that_was_upgraded_is_had_back(place: Place) -> None:
    place.repo.git("config", "runs.link", ".venv")
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS, "--isolate")
    place.install("pkg==2.0")
    code, found, _ = place.reproduce()
    assert (code, found.splitlines()[:2]) == (1, ["Reproduction: different", "  log: line 1: '1.0' / '2.0'"])
    assert "\n  packages: -pkg==1.0\n  packages: +pkg==2.0\n" in found
    result = place.reproduce("--restore")
    (restored,) = place.restored
    said = f"Restoring 1 package for Python {place.repo.environment('x')['python']} in ~/.cache/git-runs/environments/"
    assert result == (0, "Reproduction: equal\n", f"{said}{restored.name}\n")
    assert place.reproduce("--restore") == (0, "Reproduction: equal\n", "")
    assert place.repo.record("x-repro3")["links"][".venv"]["target"] == str(restored)  # type: ignore[index]
    assert (place.venv.site / "pkg.py").read_text().startswith("version = '2.0'")


def activated(place: Place) -> None:
    place.repo.machine.environment["VIRTUAL_ENV"] = str(place.venv.path)
    place.repo.machine.environment["PATH"] = f"{place.venv.path}/bin:{place.repo.machine.environment['PATH']}"
    place.repo.finish("x", "python train.py", *NO_FLAGS, "--isolate")


def activated_and_left(place: Place) -> None:
    before = dict(place.repo.machine.environment)
    activated(place)
    place.repo.machine.environment = before


def by_setting(place: Place) -> None:
    place.repo.finish("x", "python train.py | cat", *NO_FLAGS, "--isolate", f"--virtualenv-path={place.venv.path}")


def in_the_tree_itself(place: Place) -> None:
    place.repo.commit("sub/train.py", PROGRAM)
    place.repo.finish("x", "../.venv/bin/python train.py", *NO_FLAGS, cwd=place.repo.path / "sub")


def sourced_in_the_command(place: Place) -> None:
    place.repo.finish("x", ". .venv/bin/activate && python train.py", *NO_FLAGS)


@pytest.mark.parametrize(
    "start", [activated, activated_and_left, by_setting, in_the_tree_itself, sourced_in_the_command]
)
def test_a_command_comes_to_the_restored_virtualenv(place: Place, start: Callable[[Place], None]) -> None:
    start(place)
    assert place.repo.log("x").endswith("1.0\n")
    place.install("pkg==2.0")
    code, found, said = place.reproduce("--restore")
    assert (code, found, "warning: " in said) == (0, "Reproduction: equal\n", False)
    again, original = place.repo.environment("x-repro"), place.repo.environment("x")
    assert again["packages"] == original["packages"]
    assert again["variables"]["VIRTUAL_ENV"] == str(place.restored[0])


@needs_mounts
def test_a_recorded_virtualenv_that_is_gone_is_not_missed(place: Place) -> None:
    place.repo.machine.environment |= {"VIRTUAL_ENV": str(place.venv.path)}
    place.repo.git("config", "runs.link", ".venv")
    place.repo.finish("x", f"{place.venv.path}/bin/python train.py", *NO_FLAGS, "--isolate=mount")
    shutil.rmtree(place.venv.path)
    code, found, said = place.reproduce("--restore")
    assert (code, found) == (0, "Reproduction: equal\n")
    assert "there is no virtualenv" not in said


def test_causes_of_a_difference_do_not_include_the_restored_virtualenv(place: Place) -> None:
    place.repo.git("config", "runs.link", ".venv")
    activated_and_left(place)
    place.repo.finish("y", ".venv/bin/python train.py; date +%N", *NO_FLAGS, "--isolate")
    place.install("pkg==2.0")
    result = place.repo.runs("reproduce", "--run", "--wait", "--restore", "y")
    assert result.code == 1
    assert place.repo.record("y-repro")["differences"][1:] == ["perhaps a random start without a fixed seed"]  # type: ignore[index]


def test_a_python_that_is_named_by_its_absolute_path_is_warned_of(place: Place) -> None:
    place.repo.finish("x", f"{place.venv.path}/bin/python train.py", *NO_FLAGS, "--isolate")
    place.install("pkg==2.0")
    code, _, said = place.reproduce("--restore")
    assert code == 1
    assert f"warning: the command names '{place.venv.path}/bin/python', and so does not use the restored" in said
    assert "warning: packages: +pkg==2.0\n" in said


def test_what_cannot_be_had_is_named_before_anything_is_started(place: Place) -> None:
    for name in ("rare", "gone"):
        make(place.wheels, name, "1.0")
    place.install("rare==1.0", "gone==1.0")
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    for wheel in [*place.wheels.glob("rare-*"), *place.wheels.glob("gone-*")]:
        wheel.unlink()
    code, found, said = place.reproduce("--restore")
    lines = said.splitlines()[1:]
    assert (code, found) == (128, "")
    assert sorted(lines[0].removeprefix("fatal: the environment cannot be restored: ").split(", ")) == [
        "gone==1.0",
        "rare==1.0",
    ]
    assert sorted(lines[1].split(": ")[1].split(", ")) == ["gone==1.0", "rare==1.0"]  # for the same reason
    assert lines[2] == "hint: to run it with what is here: leave out --restore"
    assert (place.restored, place.repo.ok("list")) == ([], "x\n")


def test_a_python_that_is_not_here_is_named(place: Place) -> None:
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    edit_environment(place, f"python: {place.repo.environment('x')['python']}", "python: 3.9.99")
    code, _, said = place.reproduce("--restore")
    assert code == 128
    assert "fatal: the environment cannot be restored: Python 3.9.99\nhint: Python 3.9.99: " in said
    edit_environment(place, "python: 3.9.99", "python: unknown")
    reason = "fatal: which Python the run used, and with which packages, is not known\n"
    assert place.reproduce("--restore") == (128, "", reason)


def edit_environment(place: Place, old: str, new: str) -> None:
    """Change what is recorded of the environment of the only run."""
    (path,) = (place.repo.path / ".runs/environments").glob("*.yml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_texts_of_editable_packages_are_kept_apart_and_come_with_an_export(place: Place, tmp_path: Path) -> None:
    repo = place.repo
    place.venv.install_editable(repo.path, "mine", "src")
    repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    recorded = repo.environment("x")
    texts = json.loads((repo.path / f".runs/environments/{recorded['editable']}.txt").read_text())
    assert texts["mine"]["__editable__.mine-1.0.pth"] == f"{repo.path}/src\n"
    repo.ok("export", "-o", str(tmp_path / "all"))
    shutil.rmtree(repo.path / ".runs")
    repo.ok("import", str(tmp_path / "all"))
    assert repo.environment("x") == recorded
    (place.venv.site / "__editable__.mine-1.0.pth").write_text("/elsewhere\n")
    assert "package mine: it is installed in editable mode in another way" in repo.runs("reproduce", "--check", "x").err
    place.reproduce("--restore")
    assert next(place.restored[0].glob("lib/*/site-packages/__editable__*")).read_text() == f"{repo.path}/src\n"


def test_a_list_that_is_not_here_may_be_had(place: Place) -> None:
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    for path in (place.repo.path / ".runs/environments").glob("*.txt"):
        path.unlink()
    lines = place.reproduce("--restore")[2].splitlines()
    assert lines[0] == "fatal: the list of packages of the run is not in the runs dir"
    assert lines[1].startswith("hint: to have it: copy environments/ from the runs dir")


def test_without_a_recorded_environment_nothing_can_be_restored(place: Place) -> None:
    place.repo.finish("x")
    path = place.repo.record_path("x")
    path.write_text("".join(line for line in path.open() if not line.startswith("environment:")))
    assert place.reproduce("--restore") == (128, "", "fatal: the environment was not recorded\n")


def test_packages_of_somebody_elses_run_are_asked_for(place: Place) -> None:
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    path = place.repo.record_path("x")
    path.write_text(path.read_text().replace("user: ", "user: not-"))
    code, _, said = place.reproduce("--restore")
    assert code == 128
    assert said.startswith("fatal: refusing to install packages of somebody else's without asking, and")
    assert place.restored == []
    assert place.reproduce("--restore", "-y")[:2] == (0, "Reproduction: equal\n")


def test_code_of_somebody_elses_record_is_shown_before_it_runs(place: Place, screen: Screen) -> None:
    place.venv.install_editable(place.repo.path, "mine", "src")
    place.repo.finish("x", ".venv/bin/python train.py", *NO_FLAGS)
    path = place.repo.record_path("x")
    path.write_text(path.read_text().replace("user: ", "user: not-"))
    screen.type("git runs reproduce --run --restore x")
    screen.shows("[y/N]")
    shown = screen.text().replace("\n", "")
    assert f"  mine==1.0 @ file://{place.repo.path} (editable)" in shown
    assert f"  is asked for its version: {place.repo.path}/.venv/bin/python" in shown
    assert f"  mine: __editable__.mine-1.0.pth:    {place.repo.path}/src" in shown
    assert place.restored == []


def compiled(repo: Repository, source: str) -> None:
    """A shared library that git ignores."""
    (repo.path / "src/native.c").write_text(source)
    made = repo.machine.run("cc", "-shared", "-o", "new.so", "src/native.c", cwd=repo.path)
    assert made.code == 0, made
    (repo.path / "new.so").rename(repo.path / "src/native.so")


@needs_mounts
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")
def test_a_project_as_people_have_them(place: Place, tmp_path: Path) -> None:
    """An editable install, an ignored config, data beside the repository, an absolute path and a compiled module:
    edited at once, upgraded, rebased and renamed, and it comes back."""
    repo = place.repo
    top = repo.path
    place.venv.install_editable(top, "mine", "src")
    (top / "src").mkdir()
    (top / "src/mine.py").write_text(
        "import ctypes, json\n"
        "config = json.load(open('conf/local/my.json'))\n"
        "answer = ctypes.CDLL(__file__.replace('mine.py', 'native.so')).answer\n"
    )
    compiled(repo, "int answer(void) { return 1; }")
    repo.commit(".gitignore", ".venv\n*.so\nconf/local\n__pycache__\n")
    (top / "train.py").write_text(
        "import mine, pkg, sys\nprint(mine.config, mine.answer(), pkg.version, open(sys.argv[1]).read())\n"
    )
    (top / "conf/local").mkdir(parents=True)
    (top / "conf/local/my.json").write_text('{"lr": 1}\n')
    (tmp_path / "data").write_text("data\n")
    for key, value in (("link", ".venv"), ("include", "conf/local"), ("include", "*.so")):
        repo.git("config", "--add", f"runs.{key}", value)
    command = f"{top}/.venv/bin/python {top}/train.py ../data"
    result = repo.runs("new", "-q", *NO_FLAGS, "--snapshot", "--isolate=mount", "x", command)
    assert (result.code, result.err) == (0, "")
    (top / "src/mine.py").write_text("config = 'edited'\n")
    (top / "conf/local/my.json").write_text('{"lr": 2}\n')
    compiled(repo, "int answer(void) { return 2; }")
    repo.wait("x")
    assert repo.log("x").endswith("{'lr': 1} 1 1.0 data\n\n")
    place.install("pkg==2.0")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "edited")
    repo.git("commit", "-q", "--amend", "-m", "rebased")
    repo.path = top.rename(tmp_path / "renamed")
    code, found, err = place.reproduce("--restore")
    assert found.startswith("Reproduction: equal"), (found, err)
    assert code == 0
    assert [line for line in err.splitlines() if not line.startswith("Restoring")] == []
    wait_for(lambda: not top.exists())


@needs_mounts
def test_a_virtualenv_elsewhere_is_replaced_in_its_place(place: Place, tmp_path: Path) -> None:
    place.venv = Virtualenv(place.repo.machine, tmp_path / "venv")
    place.install("pkg==1.0")
    python = tmp_path / "venv/bin/python"
    place.repo.ok("new", "-q", *NO_FLAGS, "--isolate=mount", "--wait", "x", f"{python} train.py")
    place.install("pkg==2.0")
    assert place.reproduce("--restore")[:2] == (0, "Reproduction: equal\n")
    assert place.reproduce()[0] == 1
