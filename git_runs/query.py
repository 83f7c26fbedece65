"""From patterns and sort keys to runs."""

from __future__ import annotations

import re
from contextlib import suppress
from math import inf, isnan

from .errors import BadPattern, BadRecord, NoSuchRun, NothingSelected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .record import Record, Value
    from .store import Store


class Run:
    """A run by its name, with its record."""

    def __init__(self, name: str, record: Record) -> None:
        self.name = name
        self.record = record

    def value(self, key: str) -> Value:
        """A field as it is to be shown: the name is the file's, and the status may be `lost`. None: missing."""
        if key == "name":
            return self.name
        return self.record.status if key == "status" else self.record.get(key)


def find(store: Store, name: str) -> Run:
    """The run of exactly that name; raises NoSuchRun or BadRecord."""
    return Run(name, store.read(name))


def find_all(store: Store, names: Iterable[str]) -> list[Run]:
    """The runs of exactly those names; raises NoSuchRun or BadRecord."""
    return [find(store, name) for name in names]


def select(store: Store, patterns: Iterable[str], *, glob: bool) -> list[str]:
    """The names that match any of the patterns, all where there is no pattern, in natural order.

    A pattern that is a run's name selects that run alone. Raises BadPattern or NothingSelected.
    """
    patterns = list(patterns)
    if not patterns:
        return sorted(store.names(), key=natural_key)
    names: list[str] = []
    selected: set[str] = set()
    for pattern in patterns:
        if store.exists(pattern):
            selected.add(pattern)
            continue
        names = names or list(store.names())
        matching = list(filter(_matcher(pattern, glob), names))
        if not matching:
            raise NothingSelected(pattern, looks_like_glob=not glob and any(c in pattern for c in "*?["))
        selected.update(matching)
    return sorted(selected, key=natural_key)


def _matcher(pattern: str, glob: bool) -> Callable[[str], object]:
    if glob:
        import fnmatch

        pattern = fnmatch.translate(pattern)
    try:
        return re.compile(pattern).fullmatch
    except re.error as error:
        raise BadPattern(pattern, str(error)) from None


def natural_key(text: str) -> list[str | int]:
    """Sorts `lr2` before `lr10`."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", text))]


def read(store: Store, names: Iterable[str]) -> tuple[list[Run], list[BadRecord]]:
    """The runs of those names, and what is wrong with records that cannot be read; runs deleted since are left out."""
    runs, bad = [], []
    for name in names:
        try:
            runs.append(find(store, name))
        except NoSuchRun:
            pass
        except BadRecord as error:
            bad.append(error)
    return runs, bad


def sort(runs: list[Run], key: str) -> list[Run]:
    """The runs in the order of a field, `-field` backwards; those without it at the end."""
    field, backwards = key.lstrip("-"), key.startswith("-")
    having = [run for run in runs if run.value(field) is not None]
    missing = [run for run in runs if run.value(field) is None]
    return sorted(having, key=lambda run: _sort_key(run.value(field)), reverse=backwards) + missing


def _sort_key(value: Value) -> tuple[float, list[str | int]]:
    """Points in time by when they were, numbers by size, everything else naturally."""
    from datetime import datetime

    text = str(value)
    for measure in (float, lambda text: datetime.fromisoformat(text).timestamp()):
        with suppress(ValueError, OverflowError):
            number = measure(text)
            if not isnan(number):
                return number, []
    return inf, natural_key(text)
