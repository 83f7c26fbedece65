"""Delete runs: stop them, and remove their outputs, records and refs."""

from __future__ import annotations

from .. import lifecycle, project, query
from ..arguments import add_patterns, selected
from ..terminal import confirm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..git import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("-f", "--force", action="store_true", help="delete runs of other hosts too")


def run(args: Namespace, search: Search) -> int:
    here = project.find(search)
    runs = query.find_all(here.store, selected(here, args))
    if not args.yes:
        confirm("Delete the following runs?", [one.name for one in runs], doing="delete runs")
    lifecycle.delete(here, runs, force=args.force)
    for one in runs:
        print(f"Deleted run '{one.name}' (was {one.record.text('commit')[:10]})")
    return 0
