"""Show runs side by side: what was chosen for them and what came out, first where they differ."""

from __future__ import annotations

from math import isfinite

from .. import project
from ..cli import filters, layout, table
from ..cli.appearance import Appearance
from ..cli.arguments import add_patterns, in_order, surveyed
from ..cli.filters import Filter, Finder
from ..console import terminal
from ..console.messages import counted, hint, report_all, warn
from ..console.output import reaches_terminal, show
from ..errors.base import few
from ..errors.commands import NoRunLeft, NoSuchMetric
from ..records import query
from ..records.record import to_text
from ..records.rows import CUT, GAP, PADDING, shown
from ..results import compare
from ..results.summary import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator, Sequence

    from ..project import Project
    from ..records.record import Run, Value
    from ..results.compare import Row
    from ..system.git.discovery import Search

CORRELATION = ("parameter", "correlation", "runs", "note")
NAMED = 5  # keys that are named of those that are not shown
SHORT = 10  # digits of a commit


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.add_argument(
        "--sort",
        metavar="[-]KEY",
        help="runs in the order of a field or parameter, - backwards (default: newest first)",
    )
    parser.add_argument("--all", action="store_true", help="also what is the same in all runs")
    parser.add_argument(
        "--correlate",
        metavar="METRIC",
        help="show how the parameters went with that metric instead: rank correlation, strongest first",
    )
    parser.add_argument(
        "--format", default=table.DEFAULT_FORMAT, help="csv, tsv, json, or any format of tabulate (default: simple)"
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read, or there is nothing to compare."""
    here = project.find(search)
    catalogue, bad = surveyed(here, args)
    ordered, key = in_order(catalogue, here, args)
    names = Filter(args).choose(Finder(here), ordered, bad, key)
    runs = list(query.recall(here.store, names, ["metrics", "settings"], bad))
    if not runs:
        report_all(bad)
        raise NoRunLeft
    if args.correlate is None:
        _show_side_by_side(here, runs, args)
    else:
        _show_correlations(here, runs, args)
    return report_all(bad)


def _show_side_by_side(here: Project, runs: Sequence[Run], args: Namespace) -> None:
    found = compare.rows(here, runs)
    if args.format in table.FOR_PROGRAMS:
        show(_for_programs(found, runs, args.format))
        return
    is_whole = args.all or len(runs) == 1
    _draw(here, [row for row in found if is_whole or row.differs], runs, args.format)
    if same := [row.label for row in found if not (is_whole or row.differs)]:
        these = "both runs" if len(runs) == 2 else f"all {len(runs)} runs"
        hint(f"the same in {these}: {few(same, NAMED)}; shown with --all")


# --- side by side


def _for_programs(found: Sequence[Row], runs: Sequence[Run], style: str) -> Iterator[str]:
    """All values as they are. In JSON those of each row are an object of their own: a run may be called "key"."""
    names = [run.name for run in runs]
    if style == "json":
        objects = ((row.kind, row.key, dict(zip(names, map(_for_json, row.values), strict=True))) for row in found)
        return table.render(("kind", "key", "values"), objects, style, 0)
    return table.render(("kind", "key", *names), ([row.kind, row.key, *row.values] for row in found), style, 0)


def _for_json(value: Value) -> Value:
    """JSON has no NaN and no infinities (RFC 8259, section 6): they are null."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _draw(here: Project, found: Sequence[Row], runs: Sequence[Run], style: str) -> None:
    """On a terminal, runs that do not fit beside each other come in tables below each other."""
    widest = here.settings.column_width
    is_on_terminal = style == table.DEFAULT_FORMAT and reaches_terminal()
    mark = Appearance(here.repository).signs.cut if is_on_terminal else CUT

    def column(texts: Iterable[str | None]) -> list[str]:
        return [layout.cut(shown(text), widest, mark) for text in texts]

    labels = column(row.label for row in found)
    columns = [column(_text(row, place) for row in found) for place in range(len(runs))]
    names = [run.name for run in runs]
    parts = [range(len(runs))]
    if is_on_terminal:
        parts = _parts(list(map(_width, names, columns)), terminal.size()[0] - _width("", labels))
    for number, part in enumerate(parts):
        rows = zip(labels, *columns[part.start : part.stop], strict=True)
        show(["\n"] * bool(number))
        show(table.render(("", *names[part.start : part.stop]), rows, style, widest))


def _width(name: str, cells: Sequence[str]) -> int:
    return max(len(name) + PADDING, *map(len, cells), 0)


def _parts(widths: Sequence[int], room: int) -> list[range]:
    """Which columns of these widths stand beside each other, with a gap before each; one at least."""
    starts, used = [0], 0
    for place, needed in enumerate(widths):
        used += len(GAP) + needed
        if used > room and place > starts[-1]:
            starts.append(place)
            used = len(GAP) + needed
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]


def _text(row: Row, place: int) -> str | None:
    """A value as people read it; None where there is none."""
    value = row.values[place]
    if value is None:
        return None
    if row.kind == compare.METRIC:
        return written(value)
    if row.kind == compare.FIELD and row.key == compare.DURATION:
        return _span(value)
    if row.kind == compare.FIELD and row.key == compare.COMMIT:
        return to_text(value)[:SHORT]
    return to_text(value)


def _span(seconds: float) -> str:
    """A span of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, hours, days = (round(seconds) // size for size in (60, 3600, 86400))
    if not hours:
        return f"{minutes} min {round(seconds) % 60} s"
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"


# --- correlations


def _show_correlations(here: Project, runs: Sequence[Run], args: Namespace) -> None:
    """Raises NoSuchMetric."""
    found = compare.Correlations(here, runs, args.correlate)
    if not found.is_known:
        raise NoSuchMetric(found.key, found.known)
    for_people = args.format not in table.FOR_PROGRAMS

    def value(one: compare.Correlation) -> Value:
        return f"{one.value:+.3f}" if for_people and one.value is not None else one.value

    rows = ([one.key, value(one), one.count, one.reason or None] for one in found.all)
    show(table.render(CORRELATION, rows, args.format, here.settings.column_width))
    if found.without:
        warn(f"left out: {counted(found.without, 'run')} without '{found.key}'")
    if found.not_numbers:
        warn(f"left out: {counted(found.not_numbers, 'run')} whose '{found.key}' is not a number")
    if found.no_numbers:
        hint(f"no numbers: {few(found.no_numbers, NAMED)}")
