"""A value of a run by its name: a field of its record, or else a parameter, or else a metric.

`params.lr` and `metrics.loss` name one kind alone. A name with dots is a field inside another, too: `settings.shell`.
Of a metric, `loss` is the last value, and `loss:min` and the like what summary.ASPECTS has. `metric` is the one that
the setting runs.metric names, if it names one.
"""

from __future__ import annotations

from math import isnan

from ..records import query
from ..records.columns import UNKNOWN
from ..records.record import HEADLINE, METRICS, PARAMS, is_field, to_text
from . import params
from .metrics import MOST, Metrics, aspects
from .summary import number_of, split, tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..project import Project
    from ..records.columns import Witness
    from ..records.record import Run, Value


class Values:
    """The values of runs, of which each file is read once."""

    def __init__(self, here: Project) -> None:
        self.metrics = Metrics(here)
        self._store = here.store
        self._headline, self._sorts_down = headline(here.settings.metric)
        self._last: tuple[Run, dict[str, Value]] | None = None  # the parameters of the run that was asked for

    def of(self, run: Run, name: str) -> Value:
        """The value as it is to be shown; None where the run has none of that name."""
        if name.startswith(METRICS):
            return self._metric(run, name.removeprefix(METRICS))
        if name.startswith(PARAMS):
            return self._parameters(run).get(name.removeprefix(PARAMS))
        if name == HEADLINE and self._headline:
            return self._metric(run, self._headline)
        found = query.value(self._store, run, name)
        if found is not None or is_field(name):
            return found
        found = self._parameters(run).get(name)
        return self._metric(run, name) if found is None else found

    def _parameters(self, run: Run) -> dict[str, Value]:
        if self._last is None or self._last[0] is not run:
            self._last = run, parameters(run)
        return self._last[1]

    def _metric(self, run: Run, name: str) -> Value:
        recorded = run.record.get("metrics")
        if isinstance(recorded, dict):
            key, aspect = split(name, recorded)
            if recorded.get(key) is not None:
                summary = aspects(recorded[key])
                return tidy(number_of(summary[aspect])) if aspect in summary else None
            if len(recorded) < MOST:
                return None
        found = self.metrics.summaries(run).by_key()
        key, aspect = split(name, found)
        return tidy(found[key][1][aspect]) if key in found else None

    def witnessed(self, run: Run, name: str) -> tuple[Value, Witness]:
        """The value, and what it rests on beside the record, as records/columns.py keeps it."""
        value = self.of(run, name)
        if not self.metrics.has_read(run):
            return value, None
        witness = self.metrics.summaries(run).witness()
        return value, UNKNOWN if witness is None else witness

    def sorts_down(self, name: str) -> bool:
        """Whether the best value of that name is the highest."""
        return name == HEADLINE and self._sorts_down

    def outcomes(self, run: Run) -> dict[str, float]:
        """What came out of the run: the headline, as it is called, and the last value of each metric."""
        found = {key: tidy(one["last"]) for key, (_, one) in self.metrics.of(run).items()}
        head = self._metric(run, self._headline) if self._headline else None
        return found if head is None else {self._headline: head, **found}

    def expecting(self, runs: Iterable[Run]) -> Iterator[Run]:
        """The runs: of those that go by, what is asked for is found faster."""
        return self.metrics.expecting(runs)

    def names(self, run: Run) -> list[str]:
        """The names of its parameters and metrics."""
        recorded = run.record.get("metrics")
        return [*parameters(run), *(recorded if isinstance(recorded, dict) else self.metrics.of(run))]


def headline(text: str | None) -> tuple[str, bool]:
    """The metric that the setting runs.metric names, "" for none, and whether the highest value is the best: `-acc`."""
    return (text or "").removeprefix("-"), (text or "").startswith("-")


def parameters(run: Run) -> dict[str, Value]:
    """What was chosen for the run, by name: what its command says, and, before that, what was given with --param."""
    given = run.record.get("params")
    derived = params.of(run.record.typed_command)
    shown = {name: "true" if value is True else value for name, value in derived.items()}
    return {**shown, **(given if isinstance(given, dict) else {})}


def are_same(one: Value, other: Value) -> bool:
    """Whether two parameters or metrics are the same: 0.1 and 0.10 are, as are two NaN; nothing is as what is there."""
    if None in (one, other):
        return one is other
    return to_text(one) == to_text(other) or are_equal(one, to_text(other))


def are_equal(value: Value, text: str) -> bool:
    """Whether a parameter or metric has the value that a text says: 0.10 is 0.1."""
    numbers = _number(value), _number(text)
    return None not in numbers and numbers[0] == numbers[1]


def _number(value: Value) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if isnan(number) else number
