"""Curves of one line."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.console.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        (range(8), 8, "▁▂▃▄▅▆▇█"),
        (range(8), 4, "▁▃▆█"),
        ([1, nan, None, inf, 3], 9, "▁   █"),
        ([1, nan, 3, 3], 2, "▁█"),
        ([5, 5], 9, "▄▄"),
        ([nan, nan], 9, "  "),
        ([], 9, ""),
        ([1, 2], 0, ""),
    ],
)
def test_values_as_blocks(values: Sequence[float | None], width: int, line: str) -> None:
    assert sparkline(values, width) == line


def test_in_ascii() -> None:
    assert sparkline(range(100), 5, is_ascii=True) == "_.-~^"


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=50), st.integers(-1, 60), st.booleans())
def test_whatever_the_values_it_is_as_wide_as_they_are_or_as_it_may_be(
    values: list[float | None], width: int, is_ascii: bool
) -> None:
    assert len(sparkline(values, width, is_ascii=is_ascii)) == max(min(len(values), width), 0)
