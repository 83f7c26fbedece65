"""What metrics are drawn over."""

from __future__ import annotations

from math import nan

import pytest

from git_runs.results import curves
from git_runs.results.metrics import Metric
from git_runs.results.sources.source import Series


def metric(key: str, *points: tuple[float, float, float], source: str = "files") -> Metric:
    """One with those steps, values and times."""
    series = Series()
    for point in points:
        series.add(*point)
    return Metric(key, source, series)


LOSS = metric("loss", (0, 3, 1000), (10, 2, 1060), (20, 1, nan))
VALIDATED = metric("val_loss", (10, 2, 1090))


def test_steps_are_as_they_were_written() -> None:
    assert list(curves.xs(LOSS, [LOSS], "step")) == [0, 10, 20]


def test_time_counts_from_the_first_point_of_the_run() -> None:
    assert curves.xs(LOSS, [LOSS, VALIDATED], "time") == pytest.approx([0, 60, nan], nan_ok=True)
    assert curves.xs(VALIDATED, [LOSS, VALIDATED], "time") == [90]
    timeless = metric("loss", (0, 3, nan))
    assert curves.xs(timeless, [timeless], "time") == pytest.approx([nan], nan_ok=True)


def test_epochs_are_those_of_the_metric_epoch_of_the_same_source() -> None:
    epochs = metric("epoch", (10, 2, nan), (0, 1, nan))
    assert curves.xs(LOSS, [LOSS, epochs], "epoch") == pytest.approx([1, 2, nan], nan_ok=True)
    between = metric("loss", (5, 3, nan))
    assert curves.xs(between, [between, epochs], "epoch") == [1.5]
    others = metric("epoch", (0, 1, nan), (20, 2, nan), source="log")
    assert curves.xs(LOSS, [LOSS, others], "epoch") == pytest.approx([nan] * 3, nan_ok=True)


@pytest.mark.parametrize(
    ("seconds", "unit"), [(0, "seconds"), (119, "seconds"), (120, "minutes"), (7200, "hours"), (172800, "days")]
)
def test_the_unit_of_times_fits_them(seconds: float, unit: str) -> None:
    assert curves.unit(seconds)[0] == unit
