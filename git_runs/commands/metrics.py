"""Show the metrics that a run has written: what came out of it."""

from __future__ import annotations

import sys

from .. import project
from ..cli import format_options, layout, table
from ..cli.appearance import Appearance
from ..cli.arguments import add_color, is_for_people, named
from ..cli.layout import Column
from ..console import terminal
from ..console.output import show
from ..console.sparkline import BLOCKS, sparkline
from ..errors.commands import NoMetrics, OnlySummary
from ..records import query
from ..results import metrics
from ..results.metrics import RECORD
from ..results.summary import Summary, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from ..project import Project
    from ..records.record import Run, Value
    from ..results.metrics import Metric
    from ..system.git.discovery import Search

    Point = tuple[str, str, float, float]

WIDTH = 200  # of a cell
FORMS = ((20, 6), (12, 6), (12, 4), (8, 4))  # the places of a curve and the digits of a value: the first that fits
NAME = 24  # places that a name keeps at least
SUMMARY = ("metric", "source", "points", "last step", "last", "min", "max", "curve")
BY_RANK = ("metric", "last", "min", "max", "curve", "source", "points", "last step")  # what matters most
CURVE = ("metric", "source", "step", "value")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: the newest run")
    format_options.add_arguments(
        parser,
        also="csv, tsv or json for all points, or any format of tabulate (default: simple; on a terminal, what fits)",
    )
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where the run has none, or no points of them are left."""
    here = project.find(search)
    is_for_programs = format_options.is_asked(args, has_names=True)
    (one,) = query.look_up(here.store, [named(here, args.name)])
    found = metrics.read(here, one)
    recorded = metrics.of_record(one)
    if not found and not recorded:
        if one.record.is_elsewhere:
            raise query.outputs_elsewhere(here.store, one)
        raise NoMetrics(one.name)
    if args.format in table.FOR_PROGRAMS and not found:
        if one.record.is_elsewhere:
            raise query.outputs_elsewhere(here.store, one, has_summary=True)
        raise OnlySummary(one.name)
    if args.format in table.FOR_PROGRAMS:
        points = (point for metric in found for point in _points(metric))
        show(table.render(CURVE, points, args.format, WIDTH))
        return 0
    entries = {key: _Entry(key, RECORD, summary) for key, summary in recorded.items()}
    entries |= {one.key: _Entry(one.key, one.source, Summary.of(one.series), one.series.values) for one in found}
    shown = [entries[key] for key in sorted(entries)]
    if is_for_programs:
        _show_for_programs(here, args, one, shown)
    elif args.format is None and is_for_people(args):
        sys.stdout.writelines(f"{line}\n" for line in _fitting(shown, Appearance(here.repository)))
    else:
        rows = (one.cells(*FORMS[0]) for one in shown)
        show(table.render(SUMMARY, rows, args.format or table.DEFAULT_FORMAT, WIDTH))
    return 0


class _Entry:
    """What is shown of a metric."""

    def __init__(self, key: str, source: str, summary: Summary, values: Sequence[float] = ()) -> None:
        self.key = key
        self.source = source
        self.summary = summary
        self._values = values

    def cells(self, width: int, digits: int) -> list[str]:
        """Those of SUMMARY, with a curve of that width and values of so many digits."""
        counts = (written(self.summary[aspect]) for aspect in ("n", "step"))
        values = (written(self.summary[aspect], digits) for aspect in ("last", "min", "max"))
        curve = sparkline(self._values, width, is_ascii=not terminal.shows(BLOCKS))
        return [self.key, self.source, *counts, *values, curve]


def _show_for_programs(here: Project, args: Namespace, run: Run, entries: Sequence[_Entry]) -> None:
    """One after the other: `%(metric)`, `%(source)` and what there is of its numbers, beside all that the run has."""
    from ..cli import format_entries, format_output
    from ..cli.filters import Finder

    finder = Finder(here)

    class Line(format_entries.Entry):
        def __init__(self, entry: _Entry) -> None:
            super().__init__(run.name)
            numbers = dict(entry.summary.shown())
            self._values = {"name": run.name, "metric": entry.key, "source": entry.source, **numbers}

        def find(self, key: str) -> Value:
            return self._values[key] if key in self._values else finder.of(run, key)

        def whole(self) -> dict[str, Value]:
            return self._values

    format_output.write(format_output.chosen(here, args), map(Line, entries))


def _fitting(entries: Sequence[_Entry], appearance: Appearance) -> Iterator[str]:
    """The lines of a table that fits the terminal: by shorter curves and fewer digits, or else by fewer columns."""
    width, signs, paint = appearance.width, appearance.signs, appearance.paint
    for form in FORMS:
        columns = [_column(*one) for one in zip(SUMMARY, *(entry.cells(*form) for entry in entries), strict=True)]
        kept, widths, left_out = layout.fitted(columns, width)
        if widths == [one.width for one in columns]:
            break
    if missing := layout.left_out(left_out, "--format=simple", width, signs):
        yield from (paint("missing", missing), "")
    yield from layout.drawn(kept, widths, signs, paint)


def _column(title: str, *cells: str) -> Column:
    is_name, is_curve = title == "metric", title == "curve"
    return Column(
        title,
        cells,
        rank=BY_RANK.index(title),
        least=NAME if is_name else None,
        colors=["curve"] * len(cells) if is_curve else (),
        numbers=not (is_name or is_curve),
    )


def _points(metric: Metric) -> Iterator[Point]:
    for step, value in zip(metric.series.steps, metric.series.values, strict=True):
        yield metric.key, metric.source, int(step) if step.is_integer() else step, value
