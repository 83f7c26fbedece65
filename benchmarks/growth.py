"""How the cost of a command grows with the number of runs: the exponent k of the power law seconds = c * runs ** k."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log

from .figures import Figure
from .scale import LIST, LOOKUP, NEW, TABLE

WHATS = (LIST, TABLE, LOOKUP, NEW)
HEADERS = ("what", "exponent", "between the two largest")


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the straight line that comes nearest to the points (least squares), on logarithmic axes."""
    xs, ys = [log(x) for x, _ in points], [log(y) for _, y in points]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / sum((x - x_mean) ** 2 for x in xs)


def rows(figures: Iterable[Figure]) -> list[list[str]]:
    """A line for each of WHATS that was measured with two numbers of runs or more, below HEADERS."""
    found = []
    for what in WHATS:
        points = sorted((one.runs, one.timing.seconds) for one in figures if one.what == what and one.runs)
        if len(points) > 1:
            found.append([what, f"{exponent(points):.2f}", f"{exponent(points[-2:]):.2f}"])
    return found
