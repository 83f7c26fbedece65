"""Which of the runs are to be shown: conditions on their fields, points in time, and how many."""

from __future__ import annotations

import re

from . import git, query
from .arguments import natural
from .errors import BadCondition
from .record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .record import Run, Value

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
        self._since = git.moment(args.since) if args.since is not None else None
        self._until = git.moment(args.until) if args.until is not None else None
        self._count: int | None = args.max_count
        self._reverse: bool = args.reverse

    def choose(self, runs: list[Run]) -> list[Run]:
        """Those of the runs, which are in order, that are to be shown; raises SlowPattern."""
        chosen = [run for run in runs if self._is_within(run) and all(one.holds(run) for one in self._conditions)]
        chosen = chosen[: self._count]
        return chosen[::-1] if self._reverse else chosen

    def _is_within(self, run: Run) -> bool:
        if self._since is None and self._until is None:
            return True
        start = run.record.moment("datetime")
        return (
            start is not None
            and (self._since is None or self._since <= start)
            and (self._until is None or start <= self._until)
        )


class _Condition:
    """`key=value` and the like."""

    def __init__(self, text: str) -> None:
        match = _CONDITION.fullmatch(text)
        if not match:
            raise BadCondition(text, "it is a field, one of = != < <= > >= ~, and a value")
        self._key, self._operator, self._value = match.groups()
        try:
            self._pattern = re.compile(self._value) if self._operator == "~" else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BadCondition(text, str(error)) from None

    def holds(self, run: Run) -> bool:
        """Whether it holds for the run; a field that is missing is equal to nothing, and not less or greater."""
        value = _find(run, self._key)
        if self._operator in ("=", "!="):
            return (value is not None and to_text(value) == self._value) == (self._operator == "=")
        if value is None:
            return False
        if self._pattern:
            with query.bounded(self._value):
                return self._pattern.search(to_text(value)) is not None
        left, right = query.sort_key(value), query.sort_key(self._value)
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[self._operator]


def _find(run: Run, key: str) -> Value:
    """A field, or with dots a field inside it: "environment.python"."""
    value = run.value(key)
    if value is None and "." in key:
        outer, *inner = key.split(".")
        value = run.value(outer)
        for part in inner:
            value = value.get(part) if isinstance(value, dict) else None
    return value
