"""The rank correlation, against values that others have computed."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.results import correlation


def test_equal_numbers_share_the_mean_of_their_places() -> None:
    assert correlation.ranks([30, 10, 20, 20, inf, 20]) == [5, 1, 3, 3, 6, 3]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Wikipedia, "Spearman's rank correlation coefficient", Example: 1 - 6 * 194 / (10 * 99).
        ([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17], -29 / 165),
        ([1, 2, 3, 4, 5], [5, 6, 7, 8, 7], 0.8207826816681233),  # the documentation of scipy.stats.spearmanr
        ([1, 2, 4], [1e-9, 5, inf], 1),
        ([1, 2, 4], [3, 2, -1], -1),
        ([1, 2, 3, 4], [0, 1, 1, 0], 0),
        ([1, 2], [1, 2], None),
        ([1, 2, 3], [7, 7, 7], None),
        ([7, 7, 7], [1, 2, 3], None),
        ([], [], None),
    ],
)
def test_known_values(first: list[float], second: list[float], expected: float | None) -> None:
    found = correlation.of(zip(first, second, strict=True))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-15))


@given(st.lists(st.tuples(st.floats(allow_nan=False), st.integers(0, 3)), min_size=3))
def test_it_depends_on_the_order_alone(pairs: list[tuple[float, float]]) -> None:
    found = correlation.of(pairs)
    assert correlation.of([(first, second**3) for first, second in pairs]) == found
    turned = correlation.of([(-first, second) for first, second in pairs])
    if found is None:
        assert turned is None
    else:
        assert turned == -found
        assert -1 <= found <= 1
