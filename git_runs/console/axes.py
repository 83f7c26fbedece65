"""Axes of a plot: where a value lies, and which values are written beside it."""

from __future__ import annotations

from math import ceil, floor, inf, log10

from .numbers import rounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Tick = tuple[float, str]  # where on the scale, and what is written there

LIMIT = 1e300  # what is larger counts as infinite, since the difference of two such numbers may be
SAME = 1e-12  # part of the largest value, by which values must differ to be shown as different ones
UNITS = ("", "k", "M", "G", "T")  # powers of 1000
MANTISSAS = (1, 2, 5, 10)


class Scale:
    """An axis of so many pixels from one value to another, both between -LIMIT and LIMIT."""

    def __init__(self, low: float, high: float, pixels: int) -> None:
        self.low = low
        self.high = high
        self._last = pixels - 1
        self.is_point = high - low <= max(abs(low), abs(high)) * SAME or high - low < 1 / LIMIT
        self._factor = 0.0 if self.is_point else self._last / (high - low)

    def pixel(self, value: float) -> int:
        """The pixel of the value, counted from the lower end; the one in the middle, where all are the same."""
        if self.is_point:
            return self._last // 2
        return min(max(int((value - self.low) * self._factor + 0.5), 0), self._last)

    def end(self, pixel: int) -> float:
        """The value up to which values lie at the pixel."""
        return self.low + (pixel + 0.5) / self._factor if self._factor else inf

    def ticks(self, count: int, *, is_whole: bool = False) -> list[Tick]:
        """About so many round values on it, and how they are written; whole numbers only, if that is asked for."""
        if self.is_point:
            return [(self.low, number(self.low))]
        mantissa, exponent = _step((self.high - self.low) / max(count, 1))
        if is_whole and exponent < 0 and self.high - self.low >= 1:
            mantissa, exponent = 1, 0
        step = mantissa * 10.0**exponent
        values = [place * step for place in range(ceil(self.low / step), floor(self.high / step) + 1)]
        return list(zip(values, _labels(values, exponent), strict=True))


class LogScale(Scale):
    """The same of the decimal logarithms of values."""

    def ticks(self, count: int, *, is_whole: bool = False) -> list[Tick]:
        """Powers of ten, with twos and fives between them where there is room; other round values in a narrow range."""
        if self.is_point:
            return [(self.low, number(10**self.low))]
        decades = self.high - self.low
        every = ceil(decades / max(count, 1))
        mantissas = MANTISSAS[:-1] if decades * 3 <= count else MANTISSAS[:1]
        exponents = range(floor(self.low), floor(self.high) + 1)
        ticks = [
            (exponent + log10(mantissa), _power(mantissa, exponent))
            for exponent in exponents
            if exponent % every == 0
            for mantissa in mantissas
        ]
        inside = [tick for tick in ticks if self.low <= tick[0] <= self.high]
        if len(inside) > 1:
            return inside
        linear = Scale(10**self.low, 10**self.high, self._last + 1)
        return [(log10(value), text) for value, text in linear.ticks(count, is_whole=is_whole) if value > 0]


def number(value: float, digits: int = 5) -> str:
    """A value with so many digits at most, as short as possible."""
    text = rounded(value, digits)
    mantissa, is_power, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if is_power else text


def _step(least: float) -> tuple[int, int]:
    """The smallest round number that is not less, as a mantissa and a power of ten."""
    exponent = floor(log10(least))
    mantissa = next((one for one in MANTISSAS if one * 10.0**exponent >= least), 10)
    return (1, exponent + 1) if mantissa == 10 else (mantissa, exponent)


def _labels(values: Sequence[float], exponent: int) -> list[str]:
    """The multiples of a round number with that power of ten, all written in the same way."""
    largest = max(map(abs, values), default=0)
    if largest and not 1e-3 <= largest < 1e15:
        digits = max(floor(log10(largest)) - exponent, 0)
        return [_with_power(value, digits) for value in values]
    unit = 0
    while largest >= 1e4 and largest >= 1000 ** (unit + 1):
        unit += 1
    decimals = max(3 * unit - exponent, 0)
    return [f"{value / 1000**unit:.{decimals}f}{UNITS[unit]}" if value else "0" for value in values]


def _power(mantissa: int, exponent: int) -> str:
    return number(mantissa * 10.0**exponent) if -3 <= exponent < 4 else f"{mantissa}e{exponent}"


def _with_power(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if value else "0"
