"""Which of the runs are to be shown: conditions on their fields, points in time, and how many."""

from __future__ import annotations

import re
from itertools import islice
from math import inf, isnan

from ..console import progress
from ..console.messages import warn
from ..errors.base import did_you_mean
from ..errors.cli import BadCondition
from ..records import query
from ..records.order import value_key
from ..records.record import FIELDS, is_field, to_text
from ..system.git import dates
from .arguments import natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..errors.records import BadRecord
    from ..records.catalogue import Catalogue
    from ..records.record import Run, Value
    from ..records.store import Store

_CONDITION = re.compile(r"([^\s=!<>~]+)\s*(!=|<=|>=|=|<|>|~)\s*(.*)", re.DOTALL)


def add_arguments(parser: ArgumentParser) -> None:
    """-n, --reverse, --since, --until and --where."""
    parser.add_argument("-n", "--max-count", metavar="N", type=natural, help="show no more than N runs")
    parser.add_argument("--reverse", action="store_true", help="show the chosen runs in the opposite order")
    parser.add_argument("--since", "--after", metavar="DATE", help="only runs started since then, in git's date forms")
    parser.add_argument("--until", "--before", metavar="DATE", help="only runs started until then")
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only runs with 'KEY=VALUE', or !=, <, <=, >, >= or ~ (regular expression); may be given many times",
    )


class Filter:
    """What those arguments ask for; raises BadCondition."""

    def __init__(self, args: Namespace) -> None:
        self._conditions = [_Condition(text) for text in args.where]
        self._since = dates.moment(args.since) if args.since is not None else None
        self._until = dates.moment(args.until) if args.until is not None else None
        self._count: int | None = args.max_count
        self._reverse: bool = args.reverse

    def choose(self, store: Store, catalogue: Catalogue, bad: list[BadRecord], order: str | None = None) -> list[str]:
        """The names of those of the runs that are to be shown, in the order of a field, `-field` backwards, or else as
        they are. Records that turn out to be unreadable go to `bad`. Raises SlowPattern.
        """
        places = self._places(catalogue.starts)
        ordered = self._ordered(store, catalogue, places, bad, order)
        matching = self._matching(store, list(ordered), bad) if self._conditions else ordered
        chosen = list(islice(matching, self._count))
        return chosen[::-1] if self._reverse else chosen

    def _places(self, starts: Sequence[float]) -> Iterable[int]:
        """Where the runs are that were started within the time that is asked for."""
        if self._since is None and self._until is None:
            return range(len(starts))
        since = -inf if self._since is None else self._since
        until = inf if self._until is None else self._until
        return [place for place, start in enumerate(starts) if since <= start <= until]

    def _ordered(
        self, store: Store, catalogue: Catalogue, places: Iterable[int], bad: list[BadRecord], order: str | None
    ) -> Iterable[str]:
        names = map(catalogue.names.__getitem__, places)
        if order is None:
            return names
        if order.lstrip("-") == "datetime":
            by_start = _by_start(places, catalogue.starts, backwards=order.startswith("-"))
            return map(catalogue.names.__getitem__, by_start)
        key = order.lstrip("-")
        return query.sort(store, query.recall(store, names, [key], bad), order, value_of(key))

    def _matching(self, store: Store, names: list[str], bad: list[BadRecord]) -> Iterator[str]:
        runs = query.recall(store, names, [one.key for one in self._conditions], bad)
        missing = {one.key for one in self._conditions if not is_field(one.key)}
        for run in progress.over(noting(store, runs, missing), "Reading runs", len(names)):
            if all(one.holds(run, store) for one in self._conditions):
                yield run.name
        warn_of_fields(missing if names else ())


def value_of(key: str) -> Callable[[Store, Run, str], Value]:
    """How a value of that name is found: of a field, by what commands that show nothing else need not import."""
    if is_field(key):
        return query.value
    from ..results import values

    return values.of


def noting(store: Store, runs: Iterable[Run], missing: set[str]) -> Iterator[Run]:
    """The runs; keys of which one of them has a value are missing no more."""
    find = {key: value_of(key) for key in missing}
    for run in runs:
        missing.difference_update([key for key in missing if find[key](store, run, key) is not None])
        yield run


def warn_of_fields(missing: Iterable[str]) -> None:
    """Name the keys that no run has, and those that may be meant."""
    for key in missing:
        guess = "" if "." in key else did_you_mean(key, FIELDS)
        warn(f"none of these runs has a field or parameter '{key}'{guess}")


def _by_start(places: Iterable[int], starts: Sequence[float], *, backwards: bool) -> list[int]:
    """The places in the order of the starts; those where none is known at the end."""
    known: list[int] = []
    unknown: list[int] = []
    for place in places:
        (unknown if isnan(starts[place]) else known).append(place)
    return sorted(known, key=starts.__getitem__, reverse=backwards) + unknown


class _Condition:
    """`key=value` and the like."""

    def __init__(self, text: str) -> None:
        match = _CONDITION.fullmatch(text)
        if not match:
            raise BadCondition(text, "it is a field or parameter, one of = != < <= > >= ~, and a value")
        self.key: str  # or with dots a field inside another
        self.key, self._operator, self._value = match.groups()
        self._find = value_of(self.key)
        try:
            self._pattern = re.compile(self._value) if self._operator == "~" else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BadCondition(text, str(error)) from None

    def holds(self, run: Run, store: Store) -> bool:
        """Whether it holds for the run; a field that is missing is equal to nothing, and not less or greater."""
        value = self._find(store, run, self.key)
        if self._operator in ("=", "!="):
            return (value is not None and self._is(value)) == (self._operator == "=")
        if value is None:
            return False
        if self._pattern:
            with query.bounded(self._value):
                return self._pattern.search(to_text(value)) is not None
        left, right = value_key(value), value_key(self._value)
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[self._operator]

    def _is(self, value: Value) -> bool:
        """Whether that is the value which is asked for; of parameters, numbers may be written in other ways."""
        if to_text(value) == self._value:
            return True
        if is_field(self.key):
            return False
        from ..results import values

        return values.are_equal(value, self._value)
