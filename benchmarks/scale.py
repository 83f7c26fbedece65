"""How long commands take with 10 to 100,000 runs, and how long they may take."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from git_runs.records.store import Store

from .data import RACY, copied, name_of, repository_with, with_loose_refs
from .figures import Figure, Limit
from .place import FLOORS, GIT, PYTHON, REFS, Place, Task, Timing, same, say

SIZES = (10, 1_000, 10_000, 100_000)
FILL, LIST, ONE, LOOKUP = "table, cache empty", "list", "list PATTERN, one hit", "lookup NAME KEY"
NAMES, IN_GROUP, OF_RECORDS = (f"complete {what}" for what in ("names", "names of a group", "keys"))
TABLE, NEWEST, EDITED, FSCK = "table", "table -n 20", "table, one record edited", "fsck"
FORMAT, JSON = "list --format of 5 values", "list --json"
NEW, DESCRIBE, DELETE, DELETE_FILES = "new", "describe -m", "delete -y of all", "delete --now of all, gc-auto=0"
LOOSE_REFS, LOOSE_LIST, LOOSE_NEW = (f"{what}, refs loose" for what in (REFS, LIST, NEW))
LOOSE_UP_TO = 10_000  # runs; ten times what `git runs gc` leaves loose

# What can be asked for, and what is measured then.
KEYS: Mapping[str, tuple[str, ...]] = {
    "floors": (PYTHON, GIT, REFS),
    "fill": (FILL,),
    "list": (LIST,),
    "one": (ONE,),
    "lookup": (LOOKUP,),
    "complete": (NAMES, IN_GROUP, OF_RECORDS),
    "table": (TABLE,),
    "newest": (NEWEST,),
    "forms": (FORMAT, JSON),
    "new": (NEW,),
    "describe": (DESCRIBE,),
    "edited": (EDITED,),
    "loose": (LOOSE_REFS, LOOSE_LIST, LOOSE_NEW),
    "fsck": (FSCK,),
    "delete": (DELETE, DELETE_FILES),
}


def _times(factor: float, memory: float | None = None) -> Limit:
    return Limit({PYTHON: factor}, memory=memory)


def _more(seconds: float) -> Limit:
    return Limit({PYTHON: 1}, seconds)


# What is promised, for each of SIZES.
LIMITS: Mapping[str, tuple[Limit | None, ...]] = {
    LIST: (_times(4), _times(4.5), _times(8), _times(40, memory=100)),
    ONE: (_times(4), _times(4), None, None),
    LOOKUP: (_times(4), _times(4), _times(4), _times(6)),
    # 60 ms where Python takes 12.
    **dict.fromkeys((NAMES, IN_GROUP, OF_RECORDS), (_times(5), _times(5), _times(5), None)),
    TABLE: (_times(10), _times(14), _times(40), _times(400, memory=400)),
    NEWEST: (_times(10), _times(10), _times(14), _times(40)),
    FORMAT: (None, None, _times(50), None),
    JSON: (None, None, _times(110), None),
    NEW: (_more(0.2), _more(0.2), _more(0.21), _more(0.22)),
    DESCRIBE: (_more(0.06), _more(0.06), _more(0.07), _more(0.08)),
    EDITED: (None, None, Limit({TABLE: 1.1}), Limit({TABLE: 1.1})),
    FSCK: (None, None, None, Limit(more=10)),
    DELETE: (None, None, Limit(more=10), Limit(more=100)),
}


def limit_of(what: str, runs: int) -> Limit | None:
    """What is promised for so many runs, if anything is."""
    return LIMITS[what][SIZES.index(runs)] if what in LIMITS and runs in SIZES else None


Where = Callable[[Place, Path], AbstractContextManager[Path]]


def _there(place: Place, repository: Path) -> AbstractContextManager[Path]:
    return nullcontext(repository)


@dataclass(frozen=True)
class Group:
    """What takes turns."""

    tasks: Mapping[str, Task]
    beside: Mapping[str, Task] = field(default_factory=dict)  # measured in the same turns, and shown elsewhere
    once: bool = False  # since it is done then
    where: Where = _there  # what becomes of the repository meanwhile

    def timings(self, place: Place, repository: Path, chosen: Container[str], rounds: int) -> dict[str, Timing]:
        """What those that are chosen take, and the floors."""
        tasks = {what: task for what, task in self.tasks.items() if what in chosen}
        in_turn = {**FLOORS, **self.beside, **({} if self.once else tasks)}
        with self.where(place, repository) as there:
            timings = place.take_turns(in_turn, there, rounds)
            for what, task in tasks.items() if self.once else ():
                timings[what] = place.time(task.command(0), there)
        return timings


def measure(place: Place, runs: int, chosen: Container[str], rounds: int, kept: Path | None = None) -> list[Figure]:
    """The figures of what is chosen, in a repository with so many runs; it stays where it is to be `kept`."""
    repository = repository_with(place, runs, kept)
    time.sleep(RACY)
    figures = []
    for group in _groups(place, repository, runs):
        if measured := [what for what in group.tasks if what in chosen]:
            say(f"{runs:,} runs: {', '.join(measured)}")
            timings = group.timings(place, repository, chosen, rounds)
            figures += [Figure(what, runs, timings[what], timings, limit_of(what, runs)) for what in measured]
    if not kept:
        shutil.rmtree(repository)
    return figures


def _groups(place: Place, repository: Path, runs: int) -> Iterator[Group]:
    yield Group(FLOORS)
    yield Group({FILL: _runs("table")}, once=True, where=_without_cache)
    yield _reading(runs)
    yield _changing(place, repository)
    yield _editing(place, repository)
    if runs <= LOOSE_UP_TO:
        yield _loose(place, repository)
    yield Group({FSCK: _runs("fsck")})
    yield _deleting(DELETE)
    if runs <= LOOSE_UP_TO:
        yield _deleting(DELETE_FILES, "-c", "runs.gc-auto=0", now=True)  # which frees the disk before it ends


@contextmanager
def _without_cache(place: Place, repository: Path) -> Iterator[Path]:
    Store(str(repository / ".runs")).reader.forget()
    yield repository


def _reading(runs: int) -> Group:
    one = runs // 2
    return Group(
        {
            LIST: _runs("list"),
            ONE: _runs("list", f".*lr{one}"),
            LOOKUP: _runs("lookup", name_of(one), "commit"),
            NAMES: _runs("complete", "--", "show", "l"),
            IN_GROUP: _runs("complete", "--", "show", "sweep1/"),
            OF_RECORDS: _runs("complete", "--", "table", "--sort="),
            TABLE: _runs("table"),
            NEWEST: _runs("table", "-n", "20"),
            FORMAT: _runs("list", "--format=%(name) %(status) %(commit:short) %(lr) %(loss:min)"),
            JSON: _runs("list", "--json"),
        }
    )


def _changing(place: Place, repository: Path) -> Group:
    describe = Task(lambda number: ["git", "runs", "describe", name_of(1), "-m", f"As it was in round {number}"])
    return Group({NEW: _new(place, repository), DESCRIBE: describe})


def _editing(place: Place, repository: Path) -> Group:
    record = Path(Store(str(repository / ".runs")).path(name_of(2)))
    before = record.read_text()

    def edit(number: int) -> None:
        record.write_text(f"{before}note: edited by hand, the {number}. time\n")

    def remember(number: int) -> None:
        record.write_text(before)
        time.sleep(RACY)
        place.run("git", "runs", "table", cwd=repository)

    table = _runs("table").command
    return Group({EDITED: Task(table, before=edit, after=remember)}, beside={TABLE: Task(table)})


def _loose(place: Place, repository: Path) -> Group:
    loose_refs = {LOOSE_REFS: FLOORS[REFS], LOOSE_LIST: _runs("list"), LOOSE_NEW: _new(place, repository)}
    return Group(loose_refs, where=with_loose_refs)


def _deleting(what: str, *options: str, now: bool = False) -> Group:
    """By force, for some of the runs are of other hosts."""
    words = ["delete", "-y", "--force", *(["--now"] if now else [])]
    return Group({what: same("git", *options, "runs", *words, ".*")}, once=True, where=copied)


def _new(place: Place, repository: Path) -> Task:
    """Another run in every round, deleted again; `git runs gc`, which would change what is measured, does not start."""

    def name(number: int) -> str:
        return f"new-{os.getpid()}-{number}"

    def forget(number: int) -> None:
        for words in (["wait"], ["delete", "-y", "--now"]):
            place.run("git", "runs", *words, name(number), cwd=repository)

    return Task(lambda number: ["git", "-c", "runs.gc-auto=0", "runs", "new", "-q", name(number), "true"], after=forget)


def _runs(*words: str) -> Task:
    return same("git", "runs", *words)
