"""What the clock here shows: whether texts of moments that were made before are still what it would show today."""

from __future__ import annotations

import time
from array import array
from itertools import chain
from math import isnan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = 24 * 3600
NONE = -(1 << 31)  # stands for the offset at a moment that the clock cannot show


class Clock:
    """A clock as it went: how far it was ahead of UTC at some moments, both in seconds."""

    def __init__(self, moments: Iterable[int] = (), offsets: Iterable[int] | None = None) -> None:
        """With what `moments` and `offsets` gave before; the clock here where there are only moments."""
        self.moments = array("q", moments)
        self.offsets = array("i", map(_offset, self.moments) if offsets is None else offsets)

    def goes_right(self) -> bool:
        """Whether the clock here goes like this one."""
        return Clock(self.moments).offsets == self.offsets


def clock_for(times: Iterable[float]) -> Clock:
    """The clock here, at as many moments as it takes to know what it shows at all of these times: where each of their
    days begins and ends; and on a day on which it is put forward or back, at the times themselves."""
    seconds = [int(when // 1) for when in times if not isnan(when)]
    days = {second // DAY for second in seconds}
    ends = Clock(sorted({day * DAY for day in chain(days, (day + 1 for day in days))}))
    at = dict(zip(ends.moments, ends.offsets, strict=True))
    changing = {day for day in days if at[day * DAY] != at[(day + 1) * DAY]}
    return Clock([*ends.moments, *(second for second in seconds if second // DAY in changing)])


def _offset(moment: int) -> int:
    try:
        return time.localtime(moment).tm_gmtoff
    except (ValueError, OverflowError, OSError):
        return NONE
