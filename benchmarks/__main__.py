"""`python -m benchmarks`: measure the installed `git runs`, and print one table.

Each command is timed as a whole process, in turn with the others of its group, so that a drift of the machine's speed
meets all of them. The figures are medians; the ratios are to floors measured in the same group.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

ROUNDS = 21
FILES = 50_000
SNAPSHOT_FILES = 20_000
RUNS = 100_000

Command = list[str]
Row = tuple[str, float, str, str]


class Place:
    """A home, a tmux server and repositories that are used for nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            **os.environ,
            "HOME": str(root),
            "TMUX_TMPDIR": str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": "bench@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        self.environment.pop("TMUX", None)

    def run(self, *command: str, cwd: Path) -> None:
        """Run it to its end; it must succeed."""
        subprocess.run(command, cwd=cwd, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def time(self, command: Command, cwd: Path) -> float:
        """Seconds that the process takes, from its start to its end."""
        start = time.perf_counter()
        self.run(*command, cwd=cwd)
        return time.perf_counter() - start

    def medians(
        self, commands: dict[str, Callable[[int], Command]], cwd: Path, rounds: int = ROUNDS
    ) -> dict[str, float]:
        """The median time of each command, all taken in turn; each may be another in every round."""
        times: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                times[name].append(self.time(command(number), cwd))
                # What was started goes on beside us for a moment: it is not to slow down the next.
                subprocess.run(
                    ["git", "runs", "wait", ".*"], cwd=cwd, env=self.environment, stderr=subprocess.DEVNULL, check=False
                )
        # The first round warms up.
        return {name: statistics.median(taken[1:]) for name, taken in times.items()}

    def repository(self, name: str, files: int) -> Path:
        """A repository of that many files, committed."""
        path = self.root / name
        self.run("git", "init", "-q", str(path), cwd=self.root)
        for number in range(files):
            directory = path / f"d{number // 500}"
            directory.mkdir(exist_ok=True)
            (directory / f"f{number}.txt").write_text(f"{number}\n")
        self.run("git", "add", ".", cwd=path)
        self.run("git", "commit", "-q", "-m", "files", cwd=path)
        os.sync()  # else the first to flush a file of its own waits for all of these
        return path


def same(*command: str) -> Callable[[int], Command]:
    """The same command in every round."""
    return lambda number: list(command)


def new(prefix: str, *options: str) -> Callable[[int], Command]:
    """Another run in every round."""
    return lambda number: ["git", "runs", "new", "-q", *options, f"{prefix}{number}", "true"]


def nothing() -> Callable[[int], Command]:
    """The floor: an interpreter that does nothing."""
    return same(sys.executable, "-c", "pass")


def reading_ten_runs(place: Place) -> list[Row]:
    """`list` and `lookup`, at most 4 times the floor."""
    repository = place.repository("ten", files=1)
    for number in range(10):
        place.run("git", "runs", "new", "-q", f"run{number}", "true", cwd=repository)
    place.run("git", "runs", "wait", ".*", cwd=repository)
    time.sleep(2.5)  # a record that has just been written is not remembered
    took = place.medians(
        {
            "python -c pass": nothing(),
            "git runs list, 10 runs": same("git", "runs", "list"),
            "git runs lookup NAME KEY, 10 runs": same("git", "runs", "lookup", "run3", "commit"),
            "git runs table, 10 runs": same("git", "runs", "table"),
        },
        repository,
    )
    floor = took["python -c pass"]
    limits = dict(zip(took, ("", "4.0", "4.0", ""), strict=True))
    return [(name, seconds, f"{seconds / floor:.2f} x python -c pass", limits[name]) for name, seconds in took.items()]


def starting(place: Place) -> list[Row]:
    """`new`, at most 250 ms more than the floor."""
    repository = place.repository("small", files=10)
    took = place.medians({"python -c pass": nothing(), "git runs new": new("run")}, repository)
    more = took["git runs new"] - took["python -c pass"]
    return [
        ("git runs new, 10 files", took["git runs new"], f"{more * 1000:.0f} ms more than python -c pass", "250 ms")
    ]


def starting_in_a_large_tree(place: Place, small: float) -> list[Row]:
    """`new`, at most 1.3 times `git status --porcelain` plus what it takes in a small repository."""
    repository = place.repository("large", FILES)
    status = f"git status --porcelain, {FILES:,} files"
    started = f"git runs new, {FILES:,} files"
    took = place.medians({status: same("git", "status", "--porcelain"), started: new("run")}, repository, rounds=9)
    limit = 1.3 * took[status] + small
    ratio = f"{took[started] / took[status]:.2f} x git status"
    return [(status, took[status], "", ""), (started, took[started], ratio, f"{limit / took[status]:.2f}")]


def taking_a_snapshot(place: Place) -> list[Row]:
    """What `--snapshot` adds to `new`, at most 1.5 times `git stash create`."""
    repository = place.repository("changed", SNAPSHOT_FILES)
    time.sleep(1.1)  # else git has to look into all files, which are as young as the index
    for number in range(0, SNAPSHOT_FILES, SNAPSHOT_FILES // 10):
        (repository / f"d{number // 500}" / f"f{number}.txt").write_text("changed\n")
    (repository / "untracked.txt").write_text("new\n")
    stash = f"git stash create, {SNAPSHOT_FILES:,} files"
    plain, snapshot = "git runs new --allow-dirty, there", "git runs new --snapshot, there"
    commands = {
        stash: same("git", "stash", "create"),
        plain: new("plain", "--allow-dirty"),
        snapshot: new("snapshot", "--snapshot"),
    }
    took = place.medians(commands, repository, rounds=15)
    more = took[snapshot] - took[plain]
    ratio = f"{more / took[stash]:.2f} x git stash create more"
    return [(stash, took[stash], "", ""), (plain, took[plain], "", ""), (snapshot, took[snapshot], ratio, "1.5")]


def checking_many_runs(place: Place) -> list[Row]:
    """`fsck`, at most 10 s."""
    repository = place.repository("many", files=1)
    place.run("git", "runs", "new", "-q", "run", "true", cwd=repository)
    place.run("git", "runs", "wait", ".*", cwd=repository)
    copy_run(repository, "run", RUNS)
    list_refs, fsck = f"git for-each-ref, {RUNS:,} runs", "git runs fsck, there"
    commands = {list_refs: same("git", "for-each-ref", "refs/runs"), fsck: same("git", "runs", "fsck")}
    took = {name: [place.time(command(0), repository) for _ in range(4)][1:] for name, command in commands.items()}
    medians = {name: statistics.median(times) for name, times in took.items()}
    ratio = f"{medians[fsck] / medians[list_refs]:.1f} x git for-each-ref"
    return [(list_refs, medians[list_refs], "", ""), (fsck, medians[fsck], ratio, "10 s")]


def copy_run(repository: Path, name: str, number: int) -> None:
    """Further runs that differ from an ended one only in name and id, with outputs of their own."""
    runs = repository / ".runs"
    text = (runs / f"records/{name}.yml").read_text()
    identifier = text.splitlines()[0]
    changes = []
    for copy in (f"{name}{count}" for count in range(1, number)):
        (runs / f"records/{copy}.yml").write_text(
            text.replace(identifier, f"id: {uuid.uuid4()}").replace(f"name: {name}\n", f"name: {copy}\n")
        )
        (runs / f"logs/{copy}.log").touch()
        for kind in ("tensorboard", "checkpoints"):
            (runs / kind / copy).mkdir()
        changes.append(f"create refs/runs/{copy} HEAD\n")
    subprocess.run(["git", "update-ref", "--stdin"], cwd=repository, input="".join(changes), text=True, check=True)
    os.sync()


def main() -> None:
    """Measure all, in a directory that is removed again."""
    root = Path(tempfile.mkdtemp(prefix="git-runs-bench-", dir="/tmp"))
    place = Place(root)
    try:
        rows = reading_ten_runs(place)
        rows += starting(place)
        rows += starting_in_a_large_tree(place, rows[-1][1])
        rows += taking_a_snapshot(place)
        rows += checking_many_runs(place)
    finally:
        subprocess.run(["tmux", "kill-server"], env=place.environment, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(root, ignore_errors=True)
    table = [(name, f"{seconds * 1000:.1f}", ratio, limit) for name, seconds, ratio, limit in rows]
    print(tabulate(table, headers=["what", "median, ms", "ratio", "limit"], disable_numparse=True))


if __name__ == "__main__":
    main()
