"""From patterns and sort keys to runs."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from functools import partial
from math import inf, isnan
from operator import itemgetter

from ..console import progress
from ..errors.records import (
    BadPattern,
    BadRecord,
    NoSuchRun,
    NotAdopted,
    NothingSelected,
    NotSoMany,
    SlowPattern,
    not_seen,
)
from ..system import signals
from .order import natural_key, value_key
from .record import HEAVY, LOST, OPEN, Run, is_field, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from ..errors.sharing import OutputsElsewhere
    from .record import Value
    from .store import Store

PATIENCE = 2.0  # seconds of computing that matching a pattern may take
STATUS_WIDTH = 30
NEWEST = "-"  # as a name
_REF = re.compile("(?:refs/)?runs/(.+)")
_BY_AGE = re.compile(r"@\{([0-9]{1,9})\}")


def resolve(store: Store, text: str) -> str:
    """The name of the run or group that a text names in another way: as a ref, `runs/NAME` or `refs/runs/NAME`; or by
    its age, `@{N}` with so many newer ones, `-` the newest. What is a name itself, or none, stays as it is. Raises
    NotSoMany."""
    if by_age := _BY_AGE.fullmatch(text):
        return by_age_of_start(store, int(by_age[1]))
    if text == NEWEST:
        return by_age_of_start(store, 0)
    return _of_ref(text, partial(_is_there, store))


def _is_there(store: Store, name: str) -> bool:
    return store.exists(name) or is_group(store, name) or store.everywhere.is_away(name)


def _of_ref(text: str, is_there: Callable[[str], bool]) -> str:
    """Of a text that names the ref of what is there, its name; the text itself where it is a name, or names none."""
    ref = _REF.fullmatch(text)
    return ref[1] if ref and not is_there(text) and is_there(ref[1]) else text


def by_age_of_start(store: Store, newer: int) -> str:
    """The name of the run than which so many runs were started later: 0 for the newest. Raises NotSoMany."""
    from heapq import nlargest

    catalogue, _ = store.reader.survey()
    starts = [-inf if isnan(start) else start for start in catalogue.starts]
    newest = nlargest(newer + 1, range(len(starts)), key=starts.__getitem__)
    if len(newest) <= newer:
        raise NotSoMany(newer, len(starts))
    return catalogue.names[newest[newer]]


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
        if found is None and store.everywhere.is_away(name):
            raise NotAdopted(name)
        if found is None:
            raise _missing(store, name)
        runs.append(found.only(only) if only else found)
    return runs


def _missing(store: Store, name: str) -> NoSuchRun:
    """With what else may be meant by the name."""
    in_group = len(names_of_group(store, name.rstrip("/")))
    away = store.everywhere.away(name)
    here = store.find(look_up(store, [away])[0]) if away else None
    now, is_deleted = here.name if here else None, _is_deleted(store, name)
    return NoSuchRun(name, in_group, store.everywhere.remote_of(name), away, now, is_deleted)


def _is_deleted(store: Store, name: str) -> bool:
    from .trash import Trash

    return any(name in deletion.names() for deletion in Trash(store.root).deletions())


def current(store: Store, runs: Sequence[Run]) -> dict[str, Run | None]:
    """Runs as they are now, whatever they are called, by their ids; None where there is no record any more. Those of
    which that cannot be known, since a record cannot be read, are left out."""
    found: dict[str, Run | None] = {}
    others = set()
    for (_, one), run in zip(store.reader.recall([run.name for run in runs]), runs, strict=True):
        identifier = run.record.text("id")
        if isinstance(one, Run) and one.record.text("id") == identifier:
            found[identifier] = one
        else:
            others.add(identifier)
    return found | _moved(store, others) if others else found


def _moved(store: Store, identifiers: set[str]) -> dict[str, Run | None]:
    """The same of runs that may have any name by now, looked for once for all."""
    everything = [found for _, found in store.reader.recall(store.names(), light=True) if found]
    names = [one.name for one in everything if isinstance(one, Run) and one.record.text("id") in identifiers]
    runs = (one for _, one in store.reader.recall(names) if isinstance(one, Run))
    found = {identifier: run for run in runs if (identifier := run.record.text("id")) in identifiers}
    is_all_read = not any(isinstance(one, BadRecord) for one in everything)
    return {**(dict.fromkeys(identifiers) if is_all_read else {}), **found}


def outputs_elsewhere(store: Store, run: Run, *, has_summary: bool = False) -> OutputsElsewhere:
    """What to raise where no more of a run is found than its record."""
    from ..errors.sharing import OutputsElsewhere

    here = store.find(run) if run.remote else None
    name, is_adopted = here.name if here else None, run.remote is None
    return OutputsElsewhere(run.name, run.record.text("host"), name, is_adopted=is_adopted, has_summary=has_summary)


def look_up(store: Store, names: Iterable[str]) -> list[Run]:
    """The same, to be read and not to be changed: also of runs that were fetched from a remote, as `origin/NAME`."""
    names = list(names)
    found = []
    for name, one in store.everywhere.recall(names):
        if isinstance(one, BadRecord):
            raise one
        found.append(find(store, name) if one is None else one)
    return found


def select_anywhere(store: Store, patterns: Iterable[str], *, glob: bool) -> list[str]:
    """The same as `select`; patterns that match no run here select those that were fetched, as `origin/NAME`."""
    with _pointing_to_remotes(store):
        return choose(patterns, store.exists, store.names, glob=glob, others=lambda: store.everywhere.names_away())


@contextmanager
def _pointing_to_remotes(store: Store) -> Iterator[None]:
    """Let NothingSelected say it where the pattern is about runs of a remote."""
    try:
        yield
    except NothingSelected as error:
        if remote := store.everywhere.remote_of(error.pattern):
            error.hints = (not_seen(remote),)
        raise


def select_fetched(store: Store, patterns: Iterable[str], *, glob: bool, and_here: bool) -> list[str]:
    """The same of the runs that were fetched alone, or of all wherever they are."""
    names = [*store.everywhere.names_away(), *(store.names() if and_here else ())]
    patterns = list(patterns)
    if not patterns:
        return sorted(names, key=natural_key)
    with _pointing_to_remotes(store):
        return choose(patterns, {*names}.__contains__, lambda: names, glob=glob)


def select(store: Store, patterns: Iterable[str], *, glob: bool) -> list[str]:
    """The names that match any of the patterns, all where there is no pattern, in natural order.

    A pattern that is a run's name selects that run alone, one that is a group's name the runs in that. Raises
    BadPattern or NothingSelected, or NotAdopted for the name of a run of a remote.
    """
    patterns = list(patterns)
    if not patterns:
        return sorted(store.names(), key=natural_key)
    try:
        with _pointing_to_remotes(store):
            return choose(patterns, store.exists, store.names, glob=glob)
    except NothingSelected:
        for name in filter(store.everywhere.is_away, patterns):
            raise NotAdopted(name) from None
        raise


def choose(
    patterns: Iterable[str],
    exists: Callable[[str], bool],
    all_names: Callable[[], Iterable[str]],
    *,
    glob: bool,
    nothing: type[NothingSelected] = NothingSelected,
    others: Callable[[], Iterable[str]] = tuple,
) -> list[str]:
    """The same of other names than those of the records; where a pattern matches none of them, of `others`. Raises
    BadPattern, or `nothing`."""
    names: list[str] = []
    selected: set[str] = set()
    for typed in patterns:
        pattern = _of_ref(typed, exists)
        if exists(pattern):
            selected.add(pattern)
            continue
        names = names or list(all_names())
        matching = in_group(pattern, names) or _matching(pattern, glob, names)
        matching = matching or _among(list(others()), pattern, glob)
        if not matching:
            raise nothing(pattern, looks_like_glob=not glob and any(c in pattern for c in "*?["))
        selected.update(matching)
    return sorted(selected, key=natural_key)


def _among(names: list[str], pattern: str, glob: bool) -> list[str]:
    return [pattern] if pattern in names else in_group(pattern, names) or _matching(pattern, glob, names)


def in_group(group: str, names: Iterable[str]) -> list[str]:
    """Those of the names that lie in the group, which may be written with "/" at its end."""
    start = group.rstrip("/") + "/"
    return [name for name in names if name.startswith(start)]


def is_group(store: Store, name: str) -> bool:
    """Whether there is a group of that name, which may have "/" at its end."""
    return is_name(name.rstrip("/")) and os.path.isdir(os.path.join(store.records, name))


def names_of_group(store: Store, group: str) -> list[str]:
    """The names of the runs in that group, in natural order."""
    return sorted(in_group(group, store.names()), key=natural_key) if is_group(store, group) else []


def _matching(pattern: str, glob: bool, names: list[str]) -> list[str]:
    """The names that match the pattern; raises BadPattern, or SlowPattern where that takes too long."""
    with bounded(pattern):
        return list(filter(_matcher(pattern, glob), names))


def bounded(pattern: str) -> AbstractContextManager[None]:
    """Raises SlowPattern where what is done in the `with` block, to match the pattern, takes too long."""
    return signals.bounded(PATIENCE, SlowPattern(pattern))


def _matcher(pattern: str, glob: bool) -> Callable[[str], object]:
    if glob:
        import fnmatch

        pattern = fnmatch.translate(pattern)
    try:
        return compiled(pattern).fullmatch
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(pattern, str(error)) from None


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression; raises re.error, OverflowError or RecursionError."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what may mean something else in a later Python
        return re.compile(pattern)


def read(store: Store, names: Iterable[str]) -> tuple[list[Run], list[BadRecord]]:
    """The runs of those names, and what is wrong with records that cannot be read; runs deleted since are left out."""
    names = list(names)
    found = [found for _, found in progress.over(store.everywhere.recall(names), "Reading runs", len(names))]
    return [run for run in found if isinstance(run, Run)], [bad for bad in found if isinstance(bad, BadRecord)]


def recorded_as_open(store: Store) -> list[Run]:
    """The runs that should have not ended, on whatever host, with no more than the light fields of their records; those
    that cannot be read are left out."""
    catalogue, _ = store.reader.survey()
    rows = store.reader.rows(catalogue, ("status",), STATUS_WIDTH)
    statuses = rows.cells("status") if rows else [LOST] * len(catalogue.names)
    names = [name for name, status in zip(catalogue.names, statuses, strict=True) if status in (*OPEN, LOST)]
    runs = (found for _, found in store.reader.recall(names, light=True))
    return [run for run in runs if isinstance(run, Run) and run.record.text("status") in OPEN]


def going_on_here(store: Store) -> list[str]:
    """The names of the runs that go on on this host, in natural order."""
    runs = [run for run in recorded_as_open(store) if run.record.is_local and run.record.is_under_way]
    return sorted((run.name for run in runs), key=natural_key)


def recall(store: Store, names: Iterable[str], keys: Iterable[str], bad: list[BadRecord]) -> Iterator[Run]:
    """The runs of those names, of which only those fields are read; records that cannot be read go to `bad`."""
    light = all(is_field(key) and key.split(".")[0] not in HEAVY for key in keys)
    for _, found in store.everywhere.recall(names, light=light):
        if isinstance(found, Run):
            yield found
        elif found:
            bad.append(found)


def value(store: Store, run: Run, key: str) -> Value:
    """A field as it is to be shown, None where it is missing; with dots a field inside it: `settings.shell`."""
    if key == "reproduces":
        return original(store, run) or _name_of_gone(store, run)
    found = run.value(key)
    if found is None and "." in key:
        outer, *inner = key.split(".")
        found = store.environments.find(run.record) if outer == "environment" else run.value(outer)
        for part in inner:
            found = found.get(part) if isinstance(found, dict) else None
    return found


def original(store: Store, run: Run) -> str | None:
    """What the run is called now that this one reproduces; None where that is not here. Where only its name was
    recorded, that."""
    name, identifier = run.record.text("reproduces"), run.record.text("original")
    if not name or not identifier:
        return name or None
    names = [name] if run.remote is None else [name, f"{run.remote}/{name}"]
    for found, one in store.everywhere.recall(names, light=True):
        if isinstance(one, Run) and one.record.text("id") == identifier:
            return found
    return store.everywhere.names_by_id.get(identifier)


def _name_of_gone(store: Store, run: Run) -> str | None:
    """What the run was called that this one reproduces, and which is not here, unless another one is called so."""
    name = run.record.text("reproduces")
    return None if not name or store.exists(name) else name


def _is_nan(value: Value) -> bool:
    return isinstance(value, float) and isnan(value)


def sort(values: Iterable[tuple[str, Value]], backwards: bool) -> list[str]:
    """The names in the order of their values; those that have none, or one that is no number, at the end."""
    pairs = [(name, None if value is None or _is_nan(value) else value_key(value)) for name, value in values]
    having = [(key, name) for name, key in pairs if key is not None]
    having.sort(key=itemgetter(0), reverse=backwards)
    return [name for _, name in having] + [name for name, key in pairs if key is None]
