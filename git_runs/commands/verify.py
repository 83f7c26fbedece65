"""Compare what two runs put out: exit code, log, metrics and checkpoints."""

from __future__ import annotations

from .. import project
from ..cli import table
from ..console import progress
from ..console.output import show
from ..errors.reproducing import GoesOn
from ..records import query
from ..reproducing import comparison

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search

WIDTH = 200  # of a cell: paths and lines are to be read


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument(
        "--format", default=table.DEFAULT_FORMAT, help="csv, tsv, json, or any format of tabulate (default: simple)"
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 only if everything is equal."""
    here = project.find(search)
    a, b = query.find_all(here.store, [args.a, args.b])
    for one in (a, b):
        if one.record.is_under_way:
            raise GoesOn(one.name)
    items = list(progress.over(comparison.compare(here.outputs, a, b), "Comparing outputs"))
    rows = [(item.what, item.state, item.detail or None) for item in items]
    show(table.render(("output", "state", "differs first in"), rows, args.format, WIDTH))
    return int(any(item.differs for item in items))
