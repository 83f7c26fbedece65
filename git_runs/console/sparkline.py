"""Values as a line of text one character high: ▇▅▃▂▁."""

from __future__ import annotations

from itertools import pairwise

from .axes import LIMIT, Scale

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-~^"  # for where those are not shown
GAP = " "


def sparkline(values: Sequence[float | None], width: int, *, is_ascii: bool = False) -> str:
    """The values from left to right, in at most so many characters, each as high as the mean of its share, blank
    where none of these is a number that can be drawn; "" without values."""
    characters = ASCII if is_ascii else BLOCKS
    means = [_mean(share) for share in _shares(values, width)]
    known = [mean for mean in means if mean is not None]
    height = Scale(min(known, default=0.0), max(known, default=0.0), len(characters))
    return "".join(GAP if mean is None else characters[height.pixel(mean)] for mean in means)


def _shares(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    """The values in at most `width` shares, as equal as they can be."""
    count = min(max(width, 0), len(values))
    ends = [place * len(values) // count for place in range(count + 1)] if count else [0]
    return [values[start:end] for start, end in pairwise(ends)]


def _mean(share: Sequence[float | None]) -> float | None:
    numbers = [value for value in share if value is not None and -LIMIT < value < LIMIT]
    return sum(value / len(numbers) for value in numbers) if numbers else None
