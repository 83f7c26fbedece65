"""Compare what two runs put out: exit code, log, metrics and checkpoints."""

from __future__ import annotations

from textwrap import wrap

from .. import project
from ..cli import table
from ..cli.arguments import all_named
from ..console import progress, terminal
from ..console.output import reaches_terminal, show
from ..errors.reproducing import GoesOn
from ..records import query
from ..records.rows import GAP, PADDING
from ..reproducing import comparison

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from ..system.git.discovery import Search

    Row = tuple[str, str, str | None]

COLUMNS = ("output", "state", "differs first in")
WIDTH = 200  # of a cell: paths and lines are to be read
NARROW = 20  # places for what differs below which the terminal wraps the lines


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument(
        "--format", default=table.DEFAULT_FORMAT, help="csv, tsv, json, or any format of tabulate (default: simple)"
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 only if everything is equal."""
    here = project.find(search)
    a, b = query.find_all(here.store, all_named(here, [args.a, args.b]))
    for one in (a, b):
        if one.record.is_open:
            raise GoesOn(one.name)
    items = list(progress.over(comparison.compare(here.outputs, a, b), "Comparing outputs"))
    rows = [(item.what, item.state, item.detail or None) for item in items]
    if args.format == table.DEFAULT_FORMAT and reaches_terminal():
        rows = list(_fitting(rows))
    show(table.render(COLUMNS, rows, args.format, WIDTH))
    return int(any(item.differs for item in items))


def _fitting(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows in such a form that the table fits the terminal: what differs goes on in further rows."""
    firsts = [COLUMNS[0], *(row[0] for row in rows)], [COLUMNS[1], *(row[1] for row in rows)]
    taken = [max(len(title) + PADDING, *map(len, cells)) for title, *cells in firsts]
    room = terminal.size()[0] - sum(taken) - len(GAP) * len(taken)
    for what, state, detail in rows:
        first, *more = wrap(detail, room, break_on_hyphens=False) if detail and room >= NARROW else [detail]
        yield what, state, first
        yield from (("", "", piece) for piece in more)
