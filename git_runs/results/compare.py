"""Runs side by side: what was chosen for them, what came out, and how they went; and which choice went with which
outcome."""

from __future__ import annotations

from collections import Counter
from math import isnan, nan

from ..console import progress
from ..records.record import HEADLINE, METRICS, PARAMS
from . import correlation, values
from .values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..project import Project
    from ..records.record import Run, Value

PARAMETER, METRIC, FIELD = "parameter", "metric", "field"  # the kinds of rows
PREFIXES = {
    PARAMETER: PARAMS,
    METRIC: METRICS,
    FIELD: "",
}  # which make a key that two kinds have one of them


class Row:
    """One thing of which each run may have a value."""

    def __init__(self, kind: str, key: str, found: Sequence[Value]) -> None:
        self.kind = kind  # PARAMETER, METRIC or FIELD
        self.key = key
        self.label = key  # the key, with a prefix if another kind has the same
        self.values = found  # of each run; None where it has none

    @property
    def differs(self) -> bool:
        """Whether two runs have different values, or one has none. 0.1 and 0.10 are the same, as are two NaN."""
        first = self.values[0]
        return not all(values.are_same(first, other) for other in self.values[1:])


def rows(here: Project, runs: Sequence[Run]) -> list[Row]:
    """The parameters, the metrics, and status, duration and commit; what differs before what is the same in all."""
    chosen = [values.parameters(run) for run in runs]
    came_out = _outcomes_of(Values(here), runs)
    fields = [{key: find(run) for key, find in _FIELDS.items()} for run in runs]
    found = [*_rows(PARAMETER, chosen), *_rows(METRIC, came_out), *_rows(FIELD, fields)]
    times = Counter(row.key for row in found)
    for row in found:
        if times[row.key] > 1:
            row.label = PREFIXES[row.kind] + row.key
    return sorted(found, key=lambda row: not row.differs)


def _outcomes_of(found: Values, runs: Sequence[Run]) -> list[dict[str, float]]:
    return [found.outcomes(run) for run in progress.over(found.expecting(runs), "Reading metrics", len(runs))]


def _rows(kind: str, found: Sequence[Mapping[str, Value]]) -> Iterable[Row]:
    keys = dict.fromkeys(key for one in found for key in one)
    return (Row(kind, key, [one.get(key) for one in found]) for key in keys)


DURATION, COMMIT = "duration", "commit"
_FIELDS: dict[str, Callable[[Run], Value]] = {
    "status": lambda run: run.value("status"),
    DURATION: lambda run: run.record.duration,
    COMMIT: lambda run: run.record.text("commit") or None,
}


# --- which choice went with which outcome


class Correlation:
    """How a parameter went with a metric, in the runs in which both are numbers."""

    def __init__(self, key: str, pairs: Sequence[tuple[float, float]]) -> None:
        self.key = key  # of the parameter
        self.count = len(pairs)  # runs that it rests on
        self.value = correlation.of(pairs)  # from -1 to 1, or None
        self.reason = "" if self.value is not None else _reason(pairs)  # why there is none


class Correlations:
    """Those of all parameters that are numbers with one metric, the strongest first, and without a value last."""

    def __init__(self, here: Project, runs: Sequence[Run], key: str) -> None:
        found = Values(here)
        self.known = {key for one in _outcomes_of(found, runs) for key in one}  # the keys of all metrics
        headline, _ = values.headline(here.settings.metric)
        self.key = headline if headline and key == HEADLINE else key.removeprefix(METRICS)
        outcomes = [found.of(run, METRICS + self.key) for run in runs]
        self.is_known = any(one is not None for one in outcomes)
        self.without = outcomes.count(None)  # runs that do not have the metric
        self.not_numbers = sum(one is not None and isnan(one) for one in outcomes)  # runs of which it is NaN
        chosen = [values.parameters(run) for run in runs]
        pairs = zip(chosen, outcomes, strict=True)
        self.all = _correlations((one, nan if outcome is None else outcome) for one, outcome in pairs)
        numbers = {one.key for one in self.all}
        keys = dict.fromkeys(key for one in chosen for key in one)
        self.no_numbers = [key for key in keys if key not in numbers]  # parameters that are none in any of the runs


def _correlations(runs: Iterable[tuple[Mapping[str, Value], float]]) -> list[Correlation]:
    """From the parameters and the metric of each run; NaN: it does not count."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for chosen, outcome in runs:
        for key, value in chosen.items():
            if (number := _number(value)) is not None:
                pairs.setdefault(key, []).extend([] if isnan(outcome) else [(number, outcome)])
    found = (Correlation(key, those) for key, those in pairs.items())
    return sorted(found, key=lambda one: (one.value is None, -abs(one.value or 0), one.key))


def _number(value: Value) -> float | None:
    """The number that a parameter is; None where it is none, or NaN."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if isnan(number) else number


def _reason(pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < correlation.FEWEST:
        return f"fewer than {correlation.FEWEST} runs"
    return "does not vary" if len({number for number, _ in pairs}) == 1 else "the metric does not vary"
