"""Curves that are thinned so that many fit into one page, and no peak is lost."""

from __future__ import annotations

from math import isfinite, isnan, nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..sources.source import Series

    Point = tuple[float, float]  # step, value; NaN where there is no finite value

MOST_BUCKETS = 500  # of a curve
FEWEST_BUCKETS = 25
ALL_BUCKETS = 100_000  # of all curves of a page


class Bucket:
    """Points that follow each other, of which two are shown: the lowest and the highest, as they come."""

    __slots__ = ("count", "first", "mean", "second")

    def __init__(self, first: Point, second: Point, mean: float, count: int) -> None:
        self.first = first
        self.second = second
        self.mean = mean  # of the finite values; NaN where there is none
        self.count = count  # of the finite values


class Curve:
    """One metric of one run, by ascending steps."""

    def __init__(self, buckets: list[Bucket], *, is_thinned: bool) -> None:
        self.buckets = buckets
        self.is_thinned = is_thinned

    @property
    def points(self) -> list[Point]:
        """What is drawn: all points, or two of each bucket."""
        if not self.is_thinned:
            return [bucket.first for bucket in self.buckets]
        return [point for bucket in self.buckets for point in (bucket.first, bucket.second)]

    @property
    def means(self) -> list[Point]:
        """The mean of each bucket."""
        return [(bucket.second[0], bucket.mean) for bucket in self.buckets]

    def thinned(self, most: int) -> Curve:
        """The curve with no more buckets than that."""
        if len(self.buckets) <= most:
            return self
        size = -(-len(self.buckets) // most)
        groups = (self.buckets[start : start + size] for start in range(0, len(self.buckets), size))
        return Curve(list(map(_merged, groups)), is_thinned=True)


def of(series: Series) -> Curve:
    """The curve of a series, without points whose step is no number."""
    steps, values = _by_step(series)
    if len(steps) <= 2 * MOST_BUCKETS:
        points = list(zip(steps, map(_finite, values), strict=True))
        buckets = [Bucket(point, point, point[1], int(isfinite(point[1]))) for point in points]
        return Curve(buckets, is_thinned=False)
    size = -(-len(steps) // MOST_BUCKETS)
    slices = (slice(start, start + size) for start in range(0, len(steps), size))
    return Curve([_bucket(steps[part], values[part]) for part in slices], is_thinned=True)


def fitted(curves: Sequence[Curve]) -> list[Curve]:
    """The curves of a page, thinned until all of them fit."""
    most = max(FEWEST_BUCKETS, ALL_BUCKETS // max(1, len(curves)))
    # Of a curve that has all its points each bucket is one of them, and else two.
    return [curve.thinned(most if curve.is_thinned or len(curve.buckets) > 2 * most else 2 * most) for curve in curves]


def _by_step(series: Series) -> tuple[Sequence[float], Sequence[float]]:
    steps, values = series.steps, series.values
    if all(map(_is_step, steps)) and all(map(float.__le__, steps, steps[1:])):
        return steps, values
    points = sorted((step, place) for place, step in enumerate(steps) if _is_step(step))
    return [step for step, _ in points], [values[place] for _, place in points]


def _is_step(step: float) -> bool:
    """Whether it is a number of which there are distances."""
    return abs(step) < 1e300


def _bucket(steps: Sequence[float], values: Sequence[float]) -> Bucket:
    total = sum(values)
    if not isfinite(total):  # which takes longer
        return _merged(
            [Bucket((s, v), (s, v), v, int(isfinite(v))) for s, v in zip(steps, map(_finite, values), strict=True)]
        )
    lowest, highest = min(values), max(values)
    is_flat = lowest == highest
    places = (0, len(values) - 1) if is_flat else sorted((values.index(lowest), values.index(highest)))
    first, second = ((steps[place], values[place]) for place in places)
    return Bucket(first, second, total / len(values), len(values))


def _merged(buckets: Sequence[Bucket]) -> Bucket:
    points = [point for bucket in buckets for point in (bucket.first, bucket.second)]
    having = [point for point in points if not isnan(point[1])]
    if not having:
        return Bucket(points[0], points[-1], nan, 0)
    lowest, highest = (choose(having, key=lambda point: point[1]) for choose in (min, max))
    first, second = (having[0], having[-1]) if lowest[1] == highest[1] else sorted((lowest, highest))
    count = sum(bucket.count for bucket in buckets)
    mean = sum(bucket.mean * (bucket.count / count) for bucket in buckets if bucket.count)
    return Bucket(first, second, _finite(mean), count)


def _finite(value: float) -> float:
    return value if isfinite(value) else nan


# --- for the page


def packed(curve: Curve) -> dict[str, list[float | None]]:
    """The curve for JSON: `steps`, each but the first as the distance from the one before, `values`, and, where it is
    thinned, the `means` of each two of them. JSON has no NaN (RFC 8259, section 6): it is null."""
    points = curve.points
    found: dict[str, list[float | None]] = {
        "steps": list(_distances([step for step, _ in points])),
        "values": [_short(value) for _, value in points],
    }
    if curve.is_thinned:
        found["means"] = [_short(bucket.mean) for bucket in curve.buckets]
    return found


def _distances(steps: Sequence[float]) -> Iterator[float]:
    before = 0.0
    for step in steps:
        distance = float(f"{step - before:.12g}")
        yield int(distance) if distance.is_integer() and abs(distance) < 1e15 else distance
        before = step


def _short(value: float) -> float | None:
    """The value with the seven digits that one of 32 bits has."""
    if not isfinite(value):
        return None
    short = float(f"{value:.7g}")
    return int(short) if short.is_integer() and abs(short) < 1e7 else short
