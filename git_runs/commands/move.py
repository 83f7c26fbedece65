"""Rename a run: its ref, its record, its outputs and its session. A run that goes on does so."""

from __future__ import annotations

from .. import project
from ..records import query
from ..running import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("-f", "--force", action="store_true", help="move a run of another host too")


def run(args: Namespace, search: Search) -> int:
    """All of it is renamed, or nothing."""
    here = project.find(search)
    lifecycle.move(here, query.find(here.store, args.old), args.new, force=args.force)
    return 0
