"""How long the peers take for the same work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..figures import MEGABYTE, Figure
from ..place import FLOORS, PYTHON, CommandFailed, Place, Task, Timing, TookTooLong, say
from ..scale import LIST, LOOKUP, NEW, TABLE
from . import PEERS
from .peer import Peer

HEADERS = ("what", "runs", "who", "median, ms", "x python", "x git runs", "peak, MB")
WHATS = (LIST, TABLE, LOOKUP, NEW)
MOST_ROUNDS = 9  # with these, a full run already spends most of its time on the peers
SLOW = 5.0  # seconds from which once, warm, is enough
PATIENCE = 300.0  # seconds for one command, the first time too; what takes longer is not tried with more runs


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    runs: int
    who: str
    timing: Timing | str  # or why it is not known
    floor: Timing | None = None


def rows(place: Place, sizes: Iterable[int], rounds: int, ours: Iterable[Figure]) -> list[list[str]]:
    """A line for each of WHATS, number of runs and peer, below HEADERS; beside those of `git runs`."""
    mine = [one for one in ours if one.what in WHATS and one.runs]
    own = {(one.what, one.runs or 0): one.timing for one in mine}
    found = [Line(one.what, one.runs or 0, "git runs", one.timing, one.timings[PYTHON]) for one in mine]
    for peer in PEERS:
        found += _lines(place, peer, sorted(sizes), min(rounds, MOST_ROUNDS))
    found.sort(key=lambda line: (WHATS.index(line.what), line.runs))
    return [_cells(line, own) for line in found]


def absent() -> list[str]:
    """The peers that are not installed."""
    return [peer.package for peer in PEERS if peer.version() is None]


def _lines(place: Place, peer: type[Peer], sizes: Sequence[int], rounds: int) -> Iterator[Line]:
    """All of one peer; none where it is not installed."""
    version = peer.version()
    given_up: dict[str, str] = {}
    for runs in (size for size in sizes if version and size <= peer.most):
        say(f"{runs:,} runs: {peer.package}")
        there = peer(place, place.repository(f"{peer.package}-{runs}/work"), runs)
        there.make()
        os.sync()
        for what, task in there.tasks().items():
            timing, floor = _tried(place, what, task, there.directory, rounds, given_up)
            yield Line(what, runs, f"{peer.package} {version}", timing, floor)
        shutil.rmtree(there.directory.parent)


def _tried(
    place: Place, what: str, task: Task, directory: Path, rounds: int, given_up: dict[str, str]
) -> tuple[Timing | str, Timing | None]:
    """What it takes, and the floor; or why that is not known, which is then `given_up`."""
    if what not in given_up:
        try:
            return _timed(place, what, task, directory, rounds)
        except TookTooLong as error:
            say(str(error))
            given_up[what] = f"> {PATIENCE:.0f} s"
        except CommandFailed as error:
            say(str(error))
            given_up[what] = "failed"
    return given_up[what], None


def _timed(place: Place, what: str, task: Task, directory: Path, rounds: int) -> tuple[Timing, Timing]:
    """What it takes, warm; and the floor in the same turns."""
    place.time(task.command(-2), directory, PATIENCE)
    warm = place.time(task.command(-1), directory, PATIENCE)
    if warm.seconds > SLOW:
        return warm, place.take_turns({PYTHON: FLOORS[PYTHON]}, directory, rounds)[PYTHON]
    timings = place.take_turns({PYTHON: FLOORS[PYTHON], what: task}, directory, rounds)
    return timings[what], timings[PYTHON]


def _cells(line: Line, own: Mapping[tuple[str, int], Timing]) -> list[str]:
    if isinstance(line.timing, str):
        return [line.what, f"{line.runs:,}", line.who, line.timing, "", "", ""]
    ours = own.get((line.what, line.runs))
    return [
        line.what + line.timing.note,
        f"{line.runs:,}",
        line.who,
        f"{line.timing.seconds * 1000:.1f}",
        _ratio(line.timing, line.floor),
        _ratio(line.timing, ours),
        f"{line.timing.memory / MEGABYTE:.0f}",
    ]


def _ratio(timing: Timing, other: Timing | None) -> str:
    return f"{timing.seconds / other.seconds:.1f}" if other else ""
