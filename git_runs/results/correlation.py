"""How strongly two series of numbers rise and fall together: the rank correlation of Spearman."""

from __future__ import annotations

from itertools import groupby
from math import sqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FEWEST = 3  # pairs that say anything: two always rise or fall together


def of(pairs: Iterable[tuple[float, float]]) -> float | None:
    """The rank correlation of the pairs, from -1 to 1: that of Pearson of their ranks, none of which may be NaN.

    None where there are fewer than FEWEST, or either series does not vary.
    """
    pairs = list(pairs)
    if len(pairs) < FEWEST:
        return None
    first, second = (_ranks_twice([pair[side] for pair in pairs]) for side in (0, 1))
    variances = _covariance(first, first) * _covariance(second, second)
    return _covariance(first, second) / sqrt(variances) if variances else None


def ranks(numbers: Sequence[float]) -> list[float]:
    """The place of each number in their order, from 1; equal ones share the mean of their places."""
    return [rank / 2 for rank in _ranks_twice(numbers)]


def _ranks_twice(numbers: Sequence[float]) -> list[int]:
    """Whole numbers, with which all that follows is exact."""
    found = [0] * len(numbers)
    before = 0
    for _, group in groupby(sorted(range(len(numbers)), key=numbers.__getitem__), key=numbers.__getitem__):
        places = list(group)
        for place in places:
            found[place] = 2 * before + 1 + len(places)
        before += len(places)
    return found


def _covariance(first: Sequence[int], second: Sequence[int]) -> int:
    """Of ranks; times the square of how many there are."""
    return len(first) * sum(map(int.__mul__, first, second)) - sum(first) * sum(second)
