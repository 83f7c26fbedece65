"""What is kept of a series of values: a few numbers, and the form of its curve."""

from __future__ import annotations

import re
from math import isnan, nan
from struct import pack, unpack

from ..console.numbers import rounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from ..records.record import Value
    from .sources.source import Series

# What may stand behind a key, as in `loss:min`; without one it is `last`. `step`, `argmin` and `argmax` are the steps
# of the last, the lowest and the highest value, `n` is the number of values.
ASPECTS = ("last", "min", "max", "first", "step", "argmin", "argmax", "n")
_NUMBERS = (*ASPECTS, "start", "end")  # and the first and the largest step
SHORT = 12  # characters of a number that nobody has made longer by saving it in 4 bytes
DIGITS = 6  # of a number, for people
CURVE = 64  # values at most by which a curve is drawn small
DENSE = 32  # points at the beginning of an outline, which has each of them


class Summary:
    """Of the points of one metric; of none so far."""

    __slots__ = ("_numbers", "curve", "stride")

    points: Sequence[tuple[float, float]] = ()  # steps and values: none but in an Outline

    def __init__(self, numbers: Sequence[float] = (), curve: Sequence[float] = (), stride: int = 1) -> None:
        """From what `numbers`, `curve` and `stride` gave before."""
        self._numbers = list(numbers)  # in the order of ASPECTS; none while there is no point
        self.curve = list(curve)  # the first value, and each that comes `stride` values after the one before
        self.stride = stride

    @classmethod
    def of(cls, series: Series) -> Summary:
        """Of all its points."""
        summary = cls()
        summary.add(series)
        return summary

    @classmethod
    def of_record(cls, fields: Mapping[str, Value]) -> Summary:
        """From what `shown` gave, as the record of a run holds it."""
        return cls([*(number_of(fields.get(aspect)) for aspect in ASPECTS), nan, nan])

    @property
    def numbers(self) -> list[float]:
        """All numbers, to make another one of; none where there is no point."""
        return self._numbers

    def __getitem__(self, name: str) -> float:
        """The number of that name: one of ASPECTS, `start`, the first step, or `end`, the largest one."""
        return self._numbers[_NUMBERS.index(name)]

    def add(self, series: Series) -> None:
        """Its points come after those that there are."""
        if not series.values:
            return
        self._draw(series.values)
        values: Sequence[float] = series.values
        total = sum(values)
        if isnan(total):  # comparisons with NaN are never true
            values = [value for value in values if not isnan(value)]
        lowest, highest = (min(values), max(values)) if values else (nan, nan)
        of_lowest, of_highest = (series.steps[series.values.index(one)] if values else nan for one in (lowest, highest))
        self._follow(
            [
                *(series.values[-1], lowest, highest, series.values[0], series.steps[-1], of_lowest, of_highest),
                *(len(series.values), series.steps[0], max(series.steps)),
            ]
        )

    def then(self, other: Summary) -> Summary:
        """Of both, the points of the other one after those of this one."""
        both = Summary(self._numbers, self.curve, self.stride)
        if other._numbers:
            both._follow(other._numbers)
            stride = max(self.stride, other.stride)
            both.curve = [*self.curve[:: stride // self.stride], *other.curve[:: stride // other.stride]]
            both.stride = stride
            both._thin()
        return both

    def _follow(self, later: Sequence[float]) -> None:
        if not self._numbers:
            self._numbers = list(later)
            return
        _, lowest, highest, first, _, argmin, argmax, number, start, end = self._numbers
        if later[1] < lowest or isnan(lowest):
            lowest, argmin = later[1], later[5]
        if later[2] > highest or isnan(highest):
            highest, argmax = later[2], later[6]
        self._numbers = [later[0], lowest, highest, first, later[4], argmin, argmax, number + later[7], start]
        self._numbers.append(max(end, later[9]))

    def _draw(self, values: Sequence[float]) -> None:
        number = int(self._numbers[7]) if self._numbers else 0
        self.curve.extend(values[-number % self.stride :: self.stride])
        self._thin()

    def _thin(self) -> None:
        while len(self.curve) > CURVE:
            self.curve = self.curve[::2]
            self.stride *= 2

    def shown(self) -> Iterator[tuple[str, float]]:
        """Each aspect with its number, for records: whole ones without a point, and others as short as they may be."""
        for aspect in ASPECTS if self._numbers else ():
            yield aspect, tidy(self[aspect])


class Outline(Summary):
    """With some of its points as well: each of the first DENSE, every second one up to twice as many, every fourth one
    up to four times as many, and so on. So all curves that a program writes have them at the same steps."""

    __slots__ = ("points",)

    points: list[tuple[float, float]]

    def __init__(self, numbers: Sequence[float] = ()) -> None:
        super().__init__(numbers)
        self.points = []

    def add(self, series: Series) -> None:
        """Its points come after those that there are."""
        before = int(self["n"]) if self.numbers else 0
        super().add(series)
        for index, point in enumerate(zip(series.steps, series.values, strict=True), before):
            if index % (1 << max(0, (index // DENSE).bit_length())) == 0:
                self.points.append(point)

    def then(self, other: Summary) -> Outline:
        """Of both, the points of the other one after those of this one."""
        both = Outline(super().then(other).numbers)
        both.points = [*self.points, *other.points]
        return both


def number_of(value: Value) -> float:
    """A number as YAML has it (1.2.2, 10.3.2: Core Schema), of which we read nothing but text; NaN for what is none."""
    try:
        return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", str(value), flags=re.IGNORECASE))
    except ValueError:
        return nan


def split(name: str, keys: Container[str]) -> tuple[str, str]:
    """The key of a metric, and one of ASPECTS: `loss:min` is `loss` and `min`. Any of the keys may have a colon."""
    key, _, aspect = name.rpartition(":")
    return (key, aspect) if name not in keys and aspect in ASPECTS and key else (name, ASPECTS[0])


def written(number: float, digits: int = DIGITS) -> str:
    """The number as people read it: a whole one as it is, and others in so many digits, as `rounded` has them."""
    short = tidy(number)
    return str(short) if isinstance(short, int) else rounded(short, digits)


def tidy(number: float) -> float:
    """The number as people write it: 3 for 3.0, and 0.1 for what 0.1 becomes in 4 bytes, as programs save it."""
    if abs(number) < 1e15 and number == int(number):
        return int(number)
    if len(repr(number)) <= SHORT:
        return number
    try:
        short = unpack("<f", pack("<f", number))[0]
    except OverflowError:
        return number
    if short != number:
        return number
    for digits in range(6, 9):
        if unpack("<f", pack("<f", shorter := float(f"{number:.{digits}g}")))[0] == number:
            return shorter
    return float(f"{number:.9g}")
