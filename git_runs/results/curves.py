"""What the values of a metric are drawn over: steps, the time since the run's first point, or epochs."""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from math import isfinite, nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .metrics import Metric

AXES = ("step", "time", "epoch")
EPOCH = "epoch"  # the metric that says in which epoch a step was
UNITS = (("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86400))
ENOUGH = 2  # units, from which on a unit is used


def xs(metric: Metric, beside: Sequence[Metric], axis: str) -> Sequence[float]:
    """A value of one of AXES for each point of a metric, NaN where it is not known; times in seconds. `beside` are all
    metrics of the run."""
    if axis == "time":
        first = min(filter(isfinite, chain.from_iterable(one.series.times for one in beside)), default=nan)
        return [time - first for time in metric.series.times]
    if axis == "epoch":
        return _epochs(metric, beside)
    return metric.series.steps


def unit(seconds: float) -> tuple[str, int]:
    """The unit to write times up to that in, and how many seconds it has."""
    return next((one for one in reversed(UNITS) if seconds >= ENOUGH * one[1]), UNITS[0])


def _epochs(metric: Metric, beside: Sequence[Metric]) -> list[float]:
    """By the metric `epoch` of the same source: at its steps as it says, between them as much of the way; NaN before
    the first one and after the last one."""
    known = next((one.series for one in beside if one.key == EPOCH and one.source == metric.source), None)
    if known is None:
        return [nan] * len(metric.series.steps)
    points = sorted(dict(zip(known.steps, known.values, strict=True)).items())
    steps, epochs = [step for step, _ in points], [epoch for _, epoch in points]

    def epoch(step: float) -> float:
        place = bisect_left(steps, step)
        if place == len(steps) or (place == 0 and step != steps[0]):
            return nan
        if step == steps[place]:
            return epochs[place]
        part = (step - steps[place - 1]) / (steps[place] - steps[place - 1])
        return epochs[place - 1] + part * (epochs[place] - epochs[place - 1])

    return [epoch(step) for step in metric.series.steps]
