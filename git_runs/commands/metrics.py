"""Show the metrics that a run has written: what came out of it."""

from __future__ import annotations

from math import isfinite

from .. import project
from ..cli import table
from ..console.output import show
from ..errors.commands import NoMetrics
from ..records import query
from ..results import metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..results.metrics import Metric
    from ..system.git.discovery import Search

    Point = tuple[str, str, float, float | None]

WIDTH = 200  # of a cell
SUMMARY = ("metric", "source", "points", "last step", "last", "min", "max")
CURVE = ("metric", "source", "step", "value")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--format", default=table.DEFAULT_FORMAT, help="csv, tsv or json for all points, or any format of tabulate"
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where the run has none."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    found = metrics.read(here.outputs, one.name)
    if not found:
        raise NoMetrics(one.name)
    if args.format in table.FOR_PROGRAMS:
        points = (point for metric in found for point in _points(metric))
        show(table.render(CURVE, points if args.format != "json" else map(_for_json, points), args.format, WIDTH))
    else:
        show(table.render(SUMMARY, map(_summary, found), args.format, WIDTH))
    return 0


def _summary(metric: Metric) -> list[str]:
    series = metric.series
    numbers = (series.steps[-1], metric.last, metric.lowest, metric.highest)
    return [metric.key, metric.source, str(len(series.values)), *(f"{number:.6g}" for number in numbers)]


def _points(metric: Metric) -> Iterator[Point]:
    for step, value in zip(metric.series.steps, metric.series.values, strict=True):
        yield metric.key, metric.source, int(step) if step.is_integer() else step, value


def _for_json(point: Point) -> Point:
    """JSON has no NaN and no infinities (RFC 8259, section 6): they are null."""
    key, source, step, value = point
    return key, source, step, value if value is not None and isfinite(value) else None
