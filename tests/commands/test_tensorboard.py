"""`git runs tensorboard`: the real one, on the runs that are selected."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository, Screen, wait_for

PROGRAM = """import os
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

writer = EventFileWriter(os.environ["RUNS_TB_DIR"])
writer.add_event(Event(step=1, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])))
writer.close()
"""


_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
_QUICKLY = ("--", "--port=0", "--reload_interval=1")


class Board:
    """A TensorBoard that was started by `git runs tensorboard`."""

    def __init__(self, repo: Repository, *arguments: str) -> None:
        self.process = repo.machine.start("git-runs", "tensorboard", *arguments, *_QUICKLY, cwd=repo.path)
        assert self.process.stdout
        self.said = [self.process.stdout.readline().decode(), self.process.stdout.readline().decode()]
        found = _ADDRESS.search(self.said[0])
        assert found, self.process.communicate()
        self.url, self.port = found[0], found[1]

    def ask(self, what: str) -> Any:
        """What it answers, in JSON."""
        with urllib.request.urlopen(f"{self.url}data/{what}") as answer:
            return json.load(answer)

    def shows(self, *runs: str) -> None:
        """Wait until it shows exactly those runs."""
        wait_for(lambda: self.ask("runs") == list(runs))

    def end(self, number: int) -> int:
        """Its exit code after that signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(autouse=True)
def tensorboard(machine: Machine) -> None:
    """One is installed where runs find it."""
    machine.take_packages_of_tests()


@pytest.fixture
def board(repo: Repository) -> Iterator[Callable[..., Board]]:
    """Starts one; it is ended after the test."""
    started: list[Board] = []

    def start(*arguments: str) -> Board:
        started.append(Board(repo, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end(signal.SIGTERM)


def train(repo: Repository, *names: str) -> None:
    """Runs that have written event files."""
    if not (repo.path / "write.py").exists():
        repo.commit("write.py", PROGRAM)
    for name in names:
        repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, name, "python write.py")


def boards(repo: Repository) -> list[Path]:
    """The directories of links that are there, and their locks."""
    return list((repo.path / ".runs/boards").glob("*"))


def test_it_shows_the_runs_that_are_selected_as_they_come_and_go(repo: Repository, board: Callable[..., Board]) -> None:
    train(repo, "e/a", "e/b", "other")
    one = board("e/.*", "--where=status=finished")
    one.shows("e/a", "e/b")
    assert one.ask("environment")["window_title"] == "git runs: e/.* status=finished"
    assert one.said[0] == f"TensorBoard of 2 runs: {one.url} (Ctrl-C ends it)\n"
    assert re.fullmatch(rf" +from another machine:  ssh -L {one.port}:localhost:{one.port} \w+@\S+\n", one.said[1])
    (directory,) = (path for path in boards(repo) if path.is_dir())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    train(repo, "e/new")
    repo.ok("move", "e/b", "e/moved")
    repo.ok("delete", "-y", "e/a")
    one.shows("e/moved", "e/new")
    assert repo.runs("fsck").out == ""
    repo.ok("delete", "-y", "e/.*")
    one.shows()
    assert one.end(signal.SIGTERM) == 0
    assert boards(repo) == []


def test_runs_without_event_files_are_counted(repo: Repository, board: Callable[..., Board]) -> None:
    train(repo, "a")
    repo.finish("empty")
    repo.finish("gone")
    (repo.path / ".runs/tensorboard/gone").rmdir()
    assert "warning" not in repo.runs("tensorboard", "a", "--", "--no-such-option").err
    one = board("empty", "gone")
    one.end(signal.SIGTERM)
    assert one.process.stderr
    assert one.process.stderr.readline().decode() == "warning: without event files so far: 2 of 2 runs\n"
    result = repo.runs("tensorboard", "--", "--no-such-option")
    assert result.err.startswith("warning: without event files so far: 2 of 3 runs\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGHUP, 128 + signal.SIGHUP)])
def test_a_signal_ends_both(repo: Repository, board: Callable[..., Board], number: int, code: int) -> None:
    train(repo, "a")
    one = board()
    one.shows("a")  # before it serves, its own end is another one
    assert one.end(number) == code
    assert boards(repo) == []
    assert len(list(repo.machine.processes())) == 0


def test_ctrl_c_ends_it(repo: Repository, screen: Screen) -> None:
    train(repo, "a")
    screen.type("git runs tensorboard -- --port 0")
    screen.shows("ssh -L")
    found = _ADDRESS.search(screen.text())
    assert found
    urllib.request.urlopen(found[0]).close()  # before it serves, its own end is another one
    screen.press("C-c")
    wait_for(lambda: boards(repo) == [])
    screen.shows("^C\n$")  # and no more is said


def test_its_own_end_is_ours(repo: Repository) -> None:
    train(repo, "a")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        result = repo.runs("tensorboard", "--", "--port", port)
    assert (result.code, result.out) == (255, "")
    assert f"could not bind to port {port}" in result.err
    assert repo.runs("tensorboard", "--", "--no-such-option").code == 2
    assert boards(repo) == []


def test_what_a_killed_one_left_goes_once_its_tensorboard_has_ended(
    repo: Repository, board: Callable[..., Board]
) -> None:
    def kill() -> None:
        one = board()
        one.end(signal.SIGKILL)
        one.shows("a")  # it goes on
        assert repo.runs("fsck").out == ""
        assert len(boards(repo)) == 2
        for process in repo.machine.processes():
            with suppress(OSError):
                os.kill(int(process.name), signal.SIGKILL)
        wait_for(lambda: not list(repo.machine.processes()))

    train(repo, "a")
    kill()
    (problem,) = json.loads(repo.runs("fsck", "--format=json").out)
    assert problem["kind"] == "directory"
    repo.ok("gc")
    assert boards(repo) == []
    kill()
    assert repo.runs("tensorboard", "--", "--no-such-option").code == 2
    assert boards(repo) == []
    assert (repo.path / ".runs/tensorboard/a").is_dir()


def test_one_that_has_no_tensorboard(repo: Repository, tmp_path: Path) -> None:
    train(repo, "a")
    programs = tmp_path / "programs"
    programs.mkdir()
    path = repo.machine.environment["PATH"]
    for name in ("git", "git-runs", "sh"):
        (programs / name).symlink_to(shutil.which(name, path=path) or "")
    result = repo.runs("tensorboard", PATH=str(programs))
    assert (result.code, result.out) == (128, "")
    assert result.err.splitlines() == [
        "fatal: tensorboard is not installed, or not on PATH",
        "hint: install it: pip install tensorboard",
        "hint: one in another virtualenv is found if runs.virtualenv-path names that",
    ]
    virtualenv = tmp_path / "venv"
    (virtualenv / "bin").mkdir(parents=True)
    (virtualenv / "bin/tensorboard").symlink_to(shutil.which("tensorboard", path=path) or "")
    repo.git("config", "runs.virtualenv-path", str(virtualenv))
    assert repo.runs("tensorboard", "--", "--no-such-option", PATH=str(programs)).code == 2


def test_what_is_refused(repo: Repository) -> None:
    train(repo, "a")
    result = repo.runs("tensorboard", "--where=status=running")
    assert (result.code, result.out, result.err) == (1, "", "error: no run is selected\n")
    result = repo.runs("tensorboard", "--", "--logdir=/tmp")
    assert (result.code, result.out) == (129, "")
    assert result.err.startswith("error: --logdir is for git runs to give")
    assert repo.runs("tensorboard", "b").err == "error: no run matches 'b'\n"
    assert boards(repo) == []
