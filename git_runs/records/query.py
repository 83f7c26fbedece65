"""From patterns and sort keys to runs."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from operator import itemgetter

from ..console import progress
from ..errors.records import BadPattern, BadRecord, NoSuchRun, NothingSelected, SlowPattern
from .order import natural_key, value_key
from .record import HEAVY, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import NoReturn

    from .record import Value
    from .store import Store

PATIENCE = 2.0  # seconds of computing that matching a pattern may take


def find(store: Store, name: str) -> Run:
    """The run of exactly that name; raises NoSuchRun or BadRecord."""
    return find_all(store, [name])[0]


def find_all(store: Store, names: Iterable[str], only: Sequence[str] = ()) -> list[Run]:
    """The runs of exactly those names, with all fields of their records or `only` those; raises NoSuchRun or
    BadRecord."""
    runs = []
    names = list(names)
    for name, found in progress.over(store.reader.recall(names), "Reading runs", len(names)):
        if isinstance(found, BadRecord):
            raise found
        if found is None:
            raise NoSuchRun(name)
        runs.append(found.only(only) if only else found)
    return runs


def select(store: Store, patterns: Iterable[str], *, glob: bool) -> list[str]:
    """The names that match any of the patterns, all where there is no pattern, in natural order.

    A pattern that is a run's name selects that run alone. Raises BadPattern or NothingSelected.
    """
    patterns = list(patterns)
    if not patterns:
        return sorted(store.names(), key=natural_key)
    return choose(patterns, store.exists, store.names, glob=glob)


def choose(
    patterns: Iterable[str],
    exists: Callable[[str], bool],
    all_names: Callable[[], Iterable[str]],
    *,
    glob: bool,
    nothing: type[NothingSelected] = NothingSelected,
) -> list[str]:
    """The same of other names than those of the records; raises BadPattern, or `nothing`."""
    names: list[str] = []
    selected: set[str] = set()
    for pattern in patterns:
        if exists(pattern):
            selected.add(pattern)
            continue
        names = names or list(all_names())
        matching = _matching(pattern, glob, names)
        if not matching:
            raise nothing(pattern, looks_like_glob=not glob and any(c in pattern for c in "*?["))
        selected.update(matching)
    return sorted(selected, key=natural_key)


def _matching(pattern: str, glob: bool, names: list[str]) -> list[str]:
    """The names that match the pattern; raises BadPattern, or SlowPattern where that takes too long."""
    with bounded(pattern):
        return list(filter(_matcher(pattern, glob), names))


@contextmanager
def bounded(pattern: str) -> Iterator[None]:
    """Raises SlowPattern where what is done in the `with` block, to match the pattern, takes too long."""

    def give_up(number: int, frame: object) -> NoReturn:
        raise SlowPattern(pattern)

    # `re` handles signals while it matches. The time is our own, so that a busy machine makes no pattern slow.
    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE, 0.5)  # again, should some clean-up swallow the exception
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _matcher(pattern: str, glob: bool) -> Callable[[str], object]:
    if glob:
        import fnmatch

        pattern = fnmatch.translate(pattern)
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may mean something else in a later Python
            return re.compile(pattern).fullmatch
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(pattern, str(error)) from None


def read(store: Store, names: Iterable[str]) -> tuple[list[Run], list[BadRecord]]:
    """The runs of those names, and what is wrong with records that cannot be read; runs deleted since are left out."""
    names = list(names)
    found = [found for _, found in progress.over(store.reader.recall(names), "Reading runs", len(names))]
    return [run for run in found if isinstance(run, Run)], [bad for bad in found if isinstance(bad, BadRecord)]


def going_on_here(store: Store) -> list[str]:
    """The names of the runs that go on on this host, in natural order."""
    runs, _ = read(store, sorted(store.names(), key=natural_key))
    return [run.name for run in runs if run.record.is_local and run.record.is_under_way]


def recall(store: Store, names: Iterable[str], keys: Iterable[str], bad: list[BadRecord]) -> Iterator[Run]:
    """The runs of those names, of which only those fields are read; records that cannot be read go to `bad`."""
    light = not any(key.split(".")[0] in HEAVY for key in keys)
    for _, found in store.reader.recall(names, light=light):
        if isinstance(found, Run):
            yield found
        elif found:
            bad.append(found)


def value(store: Store, run: Run, key: str) -> Value:
    """A field as it is to be shown, None where it is missing; with dots a field inside it: `settings.shell`."""
    found = run.value(key)
    if found is None and "." in key:
        outer, *inner = key.split(".")
        found = store.environments.find(run.record) if outer == "environment" else run.value(outer)
        for part in inner:
            found = found.get(part) if isinstance(found, dict) else None
    return found


def sort(store: Store, runs: Iterable[Run], key: str, find: Callable[[Store, Run, str], Value] = value) -> list[str]:
    """The names of the runs in the order of a field, `-field` backwards; those without it at the end. `find` gives its
    value."""
    field, backwards = key.lstrip("-"), key.startswith("-")
    values = [(run.name, find(store, run, field)) for run in runs]
    having = [(value_key(value), name) for name, value in values if value is not None]
    having.sort(key=itemgetter(0), reverse=backwards)
    return [name for _, name in having] + [name for name, value in values if value is None]
