"""Where is measured: a home and a tmux server that are used for nothing else; and how."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOPWATCH = Path(__file__).with_name("stopwatch.py")
PATIENCE = 1800.0  # seconds that any command may take
ROUNDS = 21  # fewer, and a busy moment of the machine may meet most of them


class CommandFailed(Exception):
    """A command that is measured ended with an error, which it printed itself."""


class TookTooLong(Exception):
    """A command that is measured did not end in time."""


@dataclass(frozen=True)
class Timing:
    """What a whole process took."""

    seconds: float  # the median
    memory: int  # bytes; the highest peak
    rounds: int = 1
    fastest: float = 0.0  # seconds, of the rounds of a summary

    @property
    def note(self) -> str:
        """What is to be said after what was measured."""
        return " (once)" if self.rounds == 1 else ""


@dataclass(frozen=True)
class Task:
    """A command, which may be another in every round, and what is done around it while nobody measures."""

    command: Callable[[int], list[str]]
    before: Callable[[int], object] = lambda number: None
    after: Callable[[int], object] = lambda number: None
    cwd: Path | None = None  # where the others run, by default


def same(*command: str, cwd: Path | None = None) -> Task:
    """The same command in every round."""
    return Task(lambda number: list(command), cwd=cwd)


PYTHON, GIT, REFS = "python -c pass", "git --version", "git for-each-ref"
FLOORS = {
    PYTHON: same(sys.executable, "-c", "pass"),
    GIT: same("git", "--version"),
    REFS: same("git", "for-each-ref", "--format=%(refname)", "refs/runs"),
}


class Place:
    """A directory with a home, and the environment of a person who has nothing set up but a name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        person = {
            f"GIT_{who}_{what}": "bench@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        own = {"HOME": str(root), "TMUX_TMPDIR": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
        left_out = ("TMUX", "TMUX_PANE", "PYTHONDONTWRITEBYTECODE")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in left_out},
            **own,
            **person,
        }

    def run(self, *command: str, cwd: Path) -> None:
        """Run it to its end; raises subprocess.CalledProcessError."""
        subprocess.run(command, cwd=cwd, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def fails(self, *command: str, cwd: Path) -> bool:
        """Run it to its end; whether it ended with an error."""
        nowhere = subprocess.DEVNULL
        return bool(subprocess.run(command, cwd=cwd, env=self.environment, stderr=nowhere, check=False).returncode)

    def time(self, command: list[str], cwd: Path, patience: float = PATIENCE, **environment: str) -> Timing:
        """What one run of the command takes; raises CommandFailed or TookTooLong."""
        stopwatch = [sys.executable, "-I", "-S", str(STOPWATCH), str(patience), *command]
        measured = subprocess.run(
            stopwatch,
            cwd=cwd,
            env=self.environment | environment,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        code, seconds, memory = measured.stdout.split()
        if float(seconds) >= patience:
            raise TookTooLong(f"'{' '.join(command)}' takes more than {patience:.0f} s")
        if code != "0":
            printed = measured.stderr.strip().splitlines() or [""]
            raise CommandFailed(f"'{' '.join(command)}' ended with {code}: {printed[-1]}")
        return Timing(float(seconds), int(memory))

    def take_turns(self, tasks: Mapping[str, Task], cwd: Path, rounds: int = ROUNDS) -> dict[str, Timing]:
        """The median of each task, after a first round to warm up, which does not count.

        They take turns, so that a drift of the machine's speed meets all of them.
        """
        taken: dict[str, list[Timing]] = {name: [] for name in tasks}
        for number in range(rounds + 1):
            for name, task in tasks.items():
                task.before(number)
                taken[name].append(self.time(task.command(number), task.cwd or cwd))
                task.after(number)
        return {name: summary(timings[1:]) for name, timings in taken.items()}

    def repository(self, name: str, files: int = 1) -> Path:
        """A repository of that many files, committed."""
        path = self.root / name
        self.make_repository(path, files)
        return path

    def make_repository(self, path: Path, files: int = 1) -> None:
        """Make one in that directory, which is not there."""
        self.run("git", "init", "-q", "-b", "main", str(path), cwd=self.root)
        for number in range(files):
            directory = path / f"d{number // 500}"
            directory.mkdir(exist_ok=True)
            (directory / f"f{number}.txt").write_text(f"{number}\n")
        self.run("git", "add", ".", cwd=path)
        self.run("git", "commit", "-q", "-m", "files", cwd=path)
        os.sync()  # else the first to flush a file of its own waits for all of these


def summary(timings: list[Timing]) -> Timing:
    """Median and minimum of the times, and highest memory."""
    return Timing(
        statistics.median(one.seconds for one in timings),
        max(one.memory for one in timings),
        sum(one.rounds for one in timings),
        min(one.seconds for one in timings),
    )


@contextmanager
def temporary(parent: Path | None) -> Iterator[Place]:
    """A place below `parent`, by default below /tmp, which is removed at the end with all that was started there."""
    place = Place(Path(tempfile.mkdtemp(prefix="git-runs-bench-", dir=parent or "/tmp")))
    try:
        yield place
    finally:
        subprocess.run(["tmux", "kill-server"], env=place.environment, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(place.root, ignore_errors=True)


def say(text: str) -> None:
    """Say on standard error what is going on."""
    print(text, file=sys.stderr, flush=True)
