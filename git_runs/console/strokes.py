"""Points as strokes, each of which can be drawn from left to right without lifting the pen."""

from __future__ import annotations

from itertools import compress, groupby, pairwise
from math import isfinite, log10, nan
from operator import le

from .axes import LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Stroke = tuple[Sequence[float], Sequence[float]]  # x and y of its points


def strokes(xs: Sequence[float], ys: Sequence[float], smoothing: float, *, is_log: bool) -> Iterator[Stroke]:
    """Those of points in the order in which they were written; of decimal logarithms of y where `is_log`.

    A stroke ends before a value that cannot be drawn: not a number, infinite, or on a logarithmic axis not above zero.
    Where x goes back, as after a restart, another one begins, and smoothing with it.
    """
    for across, values in _passes(xs, ys):
        values = smoothed(values, smoothing) if smoothing else values
        if is_log:
            values = [log10(value) if 1 / LIMIT < value < LIMIT else nan for value in values]
        yield from _pieces(across, values)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average of the values so far, in which what was before has that weight, from 0 to less
    than 1, and the first value counts as if nothing had been before; NaN where a value cannot be drawn."""
    found = []
    total = weights = 0.0
    share = 1 - weight
    for value in values:
        if -LIMIT < value < LIMIT:
            total = total * weight + value * share
            weights = weights * weight + share
            found.append(total / weights)
        else:
            found.append(nan)
    return found


def _passes(xs: Sequence[float], ys: Sequence[float]) -> Iterator[Stroke]:
    """The points of which x is known, split where it goes back."""
    if not _are_drawable(xs):
        known = [-LIMIT < x < LIMIT for x in xs]
        xs, ys = list(compress(xs, known)), list(compress(ys, known))
    forward = list(map(le, xs, xs[1:]))
    backs = [] if all(forward) else [place for place, is_forward in enumerate(forward, 1) if not is_forward]
    for start, end in pairwise([0, *backs, len(xs)]):
        yield xs[start:end], ys[start:end]


def _pieces(xs: Sequence[float], ys: Sequence[float]) -> Iterator[Stroke]:
    """The points, split where a value cannot be drawn."""
    if _are_drawable(ys):
        yield xs, ys
        return
    start = 0
    for is_good, group in groupby(-LIMIT < y < LIMIT for y in ys):
        end = start + len(list(group))
        if is_good:
            yield xs[start:end], ys[start:end]
        start = end


def _are_drawable(values: Sequence[float]) -> bool:
    return len(values) > 0 and all(map(isfinite, values)) and min(values) > -LIMIT and max(values) < LIMIT
