"""What does not depend on the number of runs, but on that of files: `new` in large trees, and its snapshots; or on that
of points: plots."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .figures import Figure, Limit
from .place import FLOORS, PYTHON, Place, Task, Timing, same

FILES = 50_000
SNAPSHOT_FILES = 20_000
IGNORED_FILES = 20_000
CURVES, POINTS = 5, 10_000
LARGE, SNAPSHOT, ISOLATED, DRAWING = "large-tree", "snapshot", "isolated", "drawing"


def starting_in_a_large_tree(place: Place, rounds: int) -> list[Figure]:
    """`new`, at most 1.3 times `git status --porcelain` plus what it takes in a small repository."""
    small, large = place.repository("small", files=10), place.repository("large", FILES)
    status, there, started = f"git status, {FILES:,} files", "new, 10 files", f"new, {FILES:,} files"
    tasks = {
        status: same("git", "status", "--porcelain", cwd=large),
        there: _new(place, small),
        started: _new(place, large),
    }
    return _figures(_timings(place, tasks, rounds), started, Limit({status: 1.3, there: 1}))


def taking_a_snapshot(place: Place, rounds: int) -> list[Figure]:
    """What `--snapshot` adds to `new`, at most 1.5 times `git stash create`."""
    repository = place.repository("changed", SNAPSHOT_FILES)
    time.sleep(1.1)  # else git has to look into all files, which are as young as the index
    for number in range(0, SNAPSHOT_FILES, SNAPSHOT_FILES // 10):
        (repository / f"d{number // 500}" / f"f{number}.txt").write_text("changed\n")
    (repository / "untracked.txt").write_text("new\n")
    stash, plain = f"git stash create, {SNAPSHOT_FILES:,} files", "new --allow-dirty, there"
    snapshot = "new --snapshot, there"
    tasks = {
        stash: same("git", "stash", "create", cwd=repository),
        plain: _new(place, repository, "--allow-dirty"),
        snapshot: _new(place, repository, "--snapshot"),
    }
    return _figures(_timings(place, tasks, rounds), snapshot, Limit({stash: 1.5, plain: 1}))


def isolating(place: Place, rounds: int) -> list[Figure]:
    """What a work tree of the run's own in the place of the user's, and the ignored files that it will miss, add to
    `new`: at most 30 ms. And what mounts add to a whole run, where the checkout does not take most of the time."""
    small, repository = place.repository("few", files=10), place.repository("isolated", FILES)
    for number in range(IGNORED_FILES):
        (repository / f"d{number // 500}" / f"f{number}.bin").write_text("")
    (repository / ".git/info/exclude").write_text("*.bin\n")
    plain, isolated = "new --snapshot, 50,000 files and 20,000 ignored", "new --snapshot --isolate=mount, there"
    tree, mounted = "new --isolate, 10 files, to its end", "new --isolate=mount, there, to its end"
    tasks = {
        plain: _new(place, repository, "--snapshot"),
        isolated: _new(place, repository, "--snapshot", "--isolate=mount"),
        tree: _new(place, small, "--launcher=foreground", "--isolate"),
        mounted: _new(place, small, "--launcher=foreground", "--isolate=mount"),
    }
    timings = _timings(place, tasks, rounds)
    starting, ending = Limit({plain: 1}, more=0.03), Limit({tree: 1}, more=0.05)
    return _figures(timings, isolated, starting)[:2] + _figures(timings, mounted, ending)[2:]


def drawing(place: Place, rounds: int) -> list[Figure]:
    """A plot of five smoothed curves of 10,000 points, at most 50 ms more than it takes to make the points."""
    points, drawn = f"{CURVES} curves of {POINTS:,} points", "drawn, 80x24"
    make = (
        "import math; from git_runs.console.plot import Curve, Look, Plot; "
        f"curves = [Curve(str(n), range({POINTS}), [math.sin(i * i) / (i + n + 1) for i in range({POINTS})])"
        f" for n in range({CURVES})]"
    )
    draw = "Plot('loss', curves, smoothing=0.9).draw(Look(80, 24, is_braille=True, is_colored=True))"
    tasks = {
        points: same(sys.executable, "-c", make),
        drawn: same(sys.executable, "-c", f"{make}; {draw}"),
    }
    return _figures(_timings(place, tasks, rounds), drawn, Limit({points: 1}, more=0.05))


MEASURES = {LARGE: starting_in_a_large_tree, SNAPSHOT: taking_a_snapshot, ISOLATED: isolating, DRAWING: drawing}


def _timings(place: Place, tasks: dict[str, Task], rounds: int) -> dict[str, Timing]:
    return place.take_turns({PYTHON: FLOORS[PYTHON], **tasks}, place.root, rounds)


def _figures(timings: dict[str, Timing], limited: str, limit: Limit) -> list[Figure]:
    return [
        Figure(what, None, timing, timings, limit if what == limited else None)
        for what, timing in timings.items()
        if what != PYTHON
    ]


def _new(place: Place, repository: Path, *options: str) -> Task:
    """Another run in every round; what it started is not to slow down the next."""
    prefix = "-".join(["run", *options]).replace("--", "")
    return Task(
        lambda number: ["git", "runs", "new", "-q", *options, f"{prefix}{number}", "true"],
        after=lambda number: place.fails("git", "runs", "kill", "--grace=0", f"{prefix}{number}", cwd=repository),
        cwd=repository,
    )
