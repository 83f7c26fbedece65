"""Which of the runs are to be shown: conditions on their fields, points in time, and how many."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice
from math import inf, isnan

from ..console import progress
from ..console.messages import warn
from ..errors.base import did_you_mean
from ..errors.cli import BadCondition
from ..records import query
from ..records.order import NUMERIC, value_key
from ..records.record import COMPUTED, FIELDS, HEADLINE, METRICS, PARAMS, is_field, to_text
from ..system.git import dates, refstore
from .arguments import natural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.columns import Witness
    from ..records.record import Run, Value
    from ..results.top.actions import Known
    from ..results.values import Values

HASHES = ("commit", "base")  # fields, of which abbreviations are known, as git has them
SHORTEST = 4  # digits of one, as of git's core.abbrev
HOW_COMMITS_ARE_NAMED = "a commit is named as git does it (HEAD~3), or by the first digits of its hash"
KEPT_TOGETHER = 4  # parameters and metrics, of which the values that are kept do not displace each other
HISTORY = {  # options of git-for-each-ref(1)
    "--contains": "only runs of COMMIT and what came after it (default: HEAD)",
    "--no-contains": "only others than these",
    "--points-at": "only runs of COMMIT itself",
    "--merged": "only runs whose commit is in COMMIT (default: HEAD)",
    "--no-merged": "only others than these",
}
DRAWN = ("progress", "curve")  # columns that cli/overview.py makes
FEW = 20  # runs whose parameters and metrics are those that may be meant
_CONDITION = re.compile(r"([^\s=!<>~]+)\s*(==|!=|<=|>=|=|<|>|~)\s*(.*)", re.DOTALL)


def add_sort(parser: ArgumentParser, default: str) -> None:
    """--sort; `default` says what the order is without it."""
    parser.add_argument(
        "--sort",
        metavar="[-]KEY",
        action="append",
        help=f"sort by one of these, - backwards; of several the last counts first (default: {default})",
    )


def add_arguments(parser: ArgumentParser) -> None:
    """-n, --reverse, --since, --until, --where, and what is asked of history, as by git-branch(1)."""
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
    for option, meaning in HISTORY.items():
        asked = parser.add_argument(option, metavar="COMMIT", action="append", default=[], help=meaning)
        asked.const = "HEAD"  # where nothing follows


class Finder:
    """Finds values of runs by name: of fields, by what commands that show nothing else need not import."""

    def __init__(self, here: Project) -> None:
        self._here = here
        self._kinds: dict[str, str] = {}  # what names of parameters and metrics mean: the same for all runs
        self._warned: set[str] = set()

    def resolve(self, keys: Iterable[str], catalogue: Catalogue) -> None:
        """Let each of the keys mean the same for all runs: a parameter, if any of the catalogue's runs has that one."""
        clear = {HEADLINE} if self._here.settings.metric else set()
        names = {key for key in keys if not is_field(key) and not key.startswith((PARAMS, METRICS))}
        unclear = names - clear - self._kinds.keys()
        chosen = self._chosen(catalogue) if len(unclear) > KEPT_TOGETHER else None
        for key in unclear:
            if chosen is None:
                values = self.column(PARAMS + key, catalogue, range(len(catalogue.names)))
                is_chosen = any(value is not None for value in values)
                if is_chosen:
                    others = [name for name, value in zip(catalogue.names, values, strict=True) if value is None]
                    self._warn_of_metric(key, others)
            else:
                is_chosen = key in chosen
            self._kinds[key] = PARAMS + key if is_chosen else key

    def _warn_of_metric(self, key: str, others: Sequence[str]) -> None:
        """Say so where the key means a parameter, and one of these runs, which do not have that, has such a metric."""
        runs = query.recall(self._here.store, others[:FEW], [METRICS + key], [])
        if any(self.values.of(run, METRICS + key) is not None for run in runs):
            warn(f"'{key}' is a parameter of some of the runs: for the metric say '{METRICS}{key}'")

    def _chosen(self, catalogue: Catalogue) -> set[str]:
        """The names of all parameters of the catalogue's runs."""
        from ..results.values import parameters

        names = catalogue.names
        runs = progress.over(self.recall(names, [PARAMS], []), "Reading runs", len(names))
        return {name for run in runs for name in parameters(run)}

    def of(self, run: Run, key: str) -> Value:
        """The value as it is to be shown; None where the run has none of that name."""
        if is_field(key):
            return query.value(self._here.store, run, key)
        return self.values.of(run, self._kinds.get(key, key))

    def environment(self, run: Run) -> Value:
        """All that was found where the run ran; None where nothing is known."""
        return self._here.store.environments.find(run.record) or run.value("environment")

    @cached_property
    def values(self) -> Values:
        """Those of parameters and metrics."""
        from ..results.values import Values

        return Values(self._here)

    def recall(self, names: Iterable[str], keys: Collection[str], bad: list[BadRecord]) -> Iterator[Run]:
        """The runs of those names, of which those keys are asked for; records that cannot be read go to `bad`."""
        runs = query.recall(self._here.store, names, keys, bad)
        return runs if all(map(is_field, keys)) else self.values.expecting(runs)

    def column(self, key: str, catalogue: Catalogue, places: Sequence[int]) -> list[Value]:
        """The values of the catalogue's runs at those places, of a parameter or metric; None where a record cannot be
        read any more."""
        key = self._kinds.get(key, key)

        from ..records.columns import UNKNOWN
        from ..results import reading

        def ask(names: list[str]) -> Iterator[tuple[Value, Witness]]:
            runs = progress.over(self.recall(names, [key], []), "Reading runs", len(names))
            found = {run.name: self.values.witnessed(run, key) for run in runs}
            return (found.get(name, (None, UNKNOWN)) for name in names)

        settings = self._here.settings
        rules = [*settings.metric_files, *(pattern.pattern for pattern in settings.metric_pattern)]
        what = to_text([reading.FORM, key, settings.metric, *rules])
        return self._here.store.everywhere.column(what, catalogue, places, ask, reading.holds)

    def order(self, key: str) -> tuple[str, bool]:
        """What a sort key means: the key, and whether it sorts backwards."""
        name, backwards = key.removeprefix("-"), key.startswith("-")
        return name, backwards if is_field(name) else backwards != self.values.sorts_down(name)

    def noting(self, runs: Iterable[Run], missing: set[str]) -> Iterator[Run]:
        """The runs; keys of which one of them has a value are missing no more."""
        for run in runs:
            missing.difference_update([key for key in missing if self.of(run, key) is not None])
            yield run

    def warn_of(self, missing: Iterable[str], names: Sequence[str]) -> None:
        """Name the keys that none of those runs has, and those that may be meant."""
        headline = (self._here.settings.metric or HEADLINE).removeprefix("-")
        meant = {headline if key in (HEADLINE, METRICS + headline) else key for key in missing}
        for key in meant - self._warned if names else ():
            self._warned.add(key)
            if key == HEADLINE:
                warn(f"'{key}' stands for the metric that runs.metric names, which is not set")
                continue
            if key in DRAWN:
                warn(f"'{key}' is no value of a run: a table on a terminal has it where no columns are named")
                continue
            known = [*FIELDS, *COMPUTED]
            for run in query.recall(self._here.store, names[:FEW], [key], []):
                known += self.values.names(run)
            guess = "" if "." in key else did_you_mean(key.partition(":")[0], known)
            warn(f"none of these runs has a field, parameter or metric '{key}'{guess}")


class Filter:
    """What those arguments ask for; raises BadCondition."""

    def __init__(self, args: Namespace) -> None:
        asked = [f"{option}={commit}" for option in HISTORY for commit in getattr(args, _attribute(option))]
        self._history = refstore.start_selecting(refstore.RUNS, asked) if asked else None
        self._conditions = [Condition(text) for text in args.where]
        self._since = dates.moment(args.since) if args.since is not None else None
        self._until = dates.moment(args.until) if args.until is not None else None
        self._count: int | None = args.max_count
        self._reverse: bool = args.reverse

    def choose(self, finder: Finder, catalogue: Catalogue, bad: list[BadRecord], *orders: str | None) -> list[str]:
        """The names of those of the runs that are to be shown, in the order of a field, `-field` backwards, or else as
        they are; of several orders the last counts first, as in git-for-each-ref(1). Records that turn out to be
        unreadable go to `bad`. Raises SlowPattern, and GitFailed where git knows no such commit.
        """
        places = self._of_history(catalogue, self._places(catalogue.starts))
        finder.resolve([one.key for one in self._conditions], catalogue)
        finder.resolve([order.removeprefix("-") for order in orders if order], catalogue)
        ordered: Iterable[str] = map(catalogue.names.__getitem__, places)
        for number, order in enumerate(filter(None, orders)):
            if number:
                numbers = {name: place for place, name in enumerate(catalogue.names)}
                places = [numbers[name] for name in ordered]
            ordered = self._ordered(finder, catalogue, places, bad, order)
        matching = self._matching(finder, list(ordered), bad) if self._conditions else ordered
        return self.first(matching)

    @property
    def takes_all(self) -> bool:
        """Whether no record is asked for anything."""
        return not self._conditions and self._since is None and self._until is None and self._history is None

    def first(self, names: Iterable[str]) -> list[str]:
        """As many of the names as are to be shown, from the first, or backwards."""
        chosen = list(islice(names, self._count))
        return chosen[::-1] if self._reverse else chosen

    def _places(self, starts: Sequence[float]) -> Iterable[int]:
        """Where the runs are that were started within the time that is asked for."""
        if self._since is None and self._until is None:
            return range(len(starts))
        since = -inf if self._since is None else self._since
        until = inf if self._until is None else self._until
        return [place for place, start in enumerate(starts) if since <= start <= until]

    def _of_history(self, catalogue: Catalogue, places: Iterable[int]) -> Iterable[int]:
        """Those of the places where runs are whose refs git has selected: of runs that are here."""
        if self._history is None:
            return places
        names = refstore.selected(self._history, refstore.RUNS)
        return [place for place in places if catalogue.names[place] in names]

    def _ordered(
        self, finder: Finder, catalogue: Catalogue, places: Iterable[int], bad: list[BadRecord], order: str
    ) -> Iterable[str]:
        names = map(catalogue.names.__getitem__, places)
        key, backwards = finder.order(order)
        if key == "datetime":
            return map(catalogue.names.__getitem__, _by_start(places, catalogue.starts, backwards=backwards))
        if is_field(key):
            return query.sort(((run.name, finder.of(run, key)) for run in finder.recall(names, [key], bad)), backwards)
        where = list(places)
        chosen = [catalogue.names[place] for place in where]
        values = finder.column(key, catalogue, where)
        finder.warn_of([key] if all(value is None for value in values) else [], chosen)
        return query.sort(zip(chosen, values, strict=True), backwards)

    def _matching(self, finder: Finder, names: list[str], bad: list[BadRecord]) -> Iterator[str]:
        keys = [one.key for one in self._conditions]
        missing = {key for key in keys if not is_field(key)}
        runs = finder.noting(finder.recall(names, keys, bad), missing)
        for run in progress.over(runs, "Reading runs", len(names)):
            if all(one.holds(run, finder) for one in self._conditions):
                yield run.name
        finder.warn_of(missing, names)
        for one in self._conditions:
            if one.is_incomparable:
                warn(f"'{one.text}': '{one.value}' is no number, and no date")


def _attribute(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _by_start(places: Iterable[int], starts: Sequence[float], *, backwards: bool) -> list[int]:
    """The places in the order of the starts; those where none is known at the end."""
    known: list[int] = []
    unknown: list[int] = []
    for place in places:
        (unknown if isnan(starts[place]) else known).append(place)
    return sorted(known, key=starts.__getitem__, reverse=backwards) + unknown


class Condition:
    """`key=value` and the like, `tag` for one of the tags; raises BadCondition."""

    def __init__(self, text: str) -> None:
        match = _CONDITION.fullmatch(text)
        if not match:
            raise BadCondition(text, "it has to be a field, parameter or metric, one of = != < <= > >= ~, and a value")
        self.text = text
        self.is_incomparable = False  # where all values so far are numbers, and that is none
        self._has_compared = False
        self.key: str  # or with dots a field inside another
        self.value: str  # as it was typed
        self.key, self._operator, self.value = match.groups()
        if self.key == "tag":
            self.key = "tags"
        try:
            self._pattern = query.compiled(self.value) if self._operator == "~" else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BadCondition(text, str(error)) from None

    def holds(self, run: Run, finder: Known) -> bool:
        """Whether it holds for the run, or one of its tags; a field that is missing is equal to nothing, and not less
        or greater; nor is a text less or greater than a number."""
        value = finder.of(run, self.key)
        items = value if self.key == "tags" and isinstance(value, list) else [] if value is None else [value]
        if self._operator in ("=", "==", "!="):
            return any(map(self._is, items)) == (self._operator != "!=")
        if value is None:
            return False
        if self._pattern:
            with query.bounded(self.value):
                return any(self._pattern.search(to_text(item)) for item in items)
        left, right = value_key(value), self._bound
        if (left[1] == NUMERIC) != (right[1] == NUMERIC):
            self.is_incomparable = not self._has_compared and left[1] == NUMERIC
            return False
        self.is_incomparable, self._has_compared = False, True
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[self._operator]

    @cached_property
    def _bound(self) -> tuple[float, tuple[list[str | float], str]]:
        """What values are less or greater than; points in time may have any of git's forms of dates."""
        from ..records.rows import TIMES

        bound = value_key(self.value)
        is_date = self.key in TIMES and bound[1] != NUMERIC and dates.is_date(self.value)
        return (dates.moment(self.value), NUMERIC) if is_date else bound

    def _is(self, value: Value) -> bool:
        """Whether that is the value which is asked for; of others than fields, numbers may be written in other ways."""
        if to_text(value) == self.value or (self.key in HASHES and self._is_commit(to_text(value))):
            return True
        if is_field(self.key):
            return False
        from ..results import values

        return values.are_equal(value, self.value)

    def _is_commit(self, commit: str) -> bool:
        return commit == self._commit or _abbreviates(self.value, commit)

    @cached_property
    def _commit(self) -> str | None:
        """The commit that is meant, by any of git's names for it; None where there is none here, but may be elsewhere.
        Raises BadCondition."""
        from ..system.git import objects

        commit = objects.resolve(self.value)
        if commit is None and not re.fullmatch("[0-9a-fA-F]+", self.value):
            condition = f"{self.key}{self._operator}{self.value}"
            raise BadCondition(condition, f"'{self.value}' names no commit", HOW_COMMITS_ARE_NAMED)
        return commit


def _abbreviates(digits: str, commit: str) -> bool:
    return len(digits) >= SHORTEST and commit.startswith(digits.lower())
