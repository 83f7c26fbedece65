"""Work of ours that copies of the process do: what comes of it is what would have come of it here."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from git_runs.system import children


@pytest.mark.parametrize("count", [0, 7, children.MANY, 5 * children.MANY + 1])
def test_two_find_what_one_would(count: int) -> None:
    assert children.in_two(range, count, children.MANY) == list(range(count))


def test_what_the_second_cannot_find_is_found_by_the_first() -> None:
    first = os.getpid()

    def find(start: int, end: int) -> Iterator[int]:
        for number in range(start, end):
            if os.getpid() != first and number == end - 1:
                raise OSError
            yield number

    assert children.in_two(find, 2 * children.MANY, children.MANY) == list(range(2 * children.MANY))
