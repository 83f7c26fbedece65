"""Whether the clock here still shows what it showed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from math import nan

import pytest

from git_runs.records.clock import DAY, Clock, clock_for

HOUR = 3600
SPRING = datetime.fromisoformat("2026-03-29T00:00:00+00:00").timestamp()  # clocks in Berlin are put forward at 1:00
Zone = Callable[[str], None]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Sets the time zone."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("times", "other", "is_right"),
    [
        ([SPRING - 40 * DAY, nan], "CET-1", True),  # winter only
        ([SPRING - 40 * DAY, SPRING + 40 * DAY], "CET-1", False),
        ([SPRING - 40 * DAY], "UTC", False),
        ([SPRING + 0.5 * HOUR], "CET-1CEST,M3.5.0/3,M10.5.0", True),  # an hour later, and not before the only run
        ([SPRING + 1.5 * HOUR], "CET-1CEST,M3.5.0/3,M10.5.0", False),
        ([nan], "UTC", True),
        ([], "UTC", True),
    ],
)
def test_a_clock_goes_right_where_it_shows_the_same_at_all_times(
    zone: Zone, times: list[float], other: str, is_right: bool
) -> None:
    zone("CET-1CEST,M3.5.0/2,M10.5.0")
    clock = clock_for(times)
    assert clock.goes_right()
    again = Clock(clock.moments, clock.offsets)
    zone(other)
    assert again.goes_right() == is_right


def test_times_on_the_same_days_are_asked_for_once() -> None:
    assert len(clock_for(SPRING - 10 * DAY + second for second in range(DAY)).moments) == 2


def test_a_moment_that_no_clock_can_show_is_one_too() -> None:
    assert clock_for([2.0**62]).goes_right()
