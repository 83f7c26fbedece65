"""Rename a run, or all runs of a group: ref, record, outputs and session. A run that goes on does so."""

from __future__ import annotations

from .. import project
from ..cli.arguments import named
from ..records import query
from ..running import lifecycle, moving, optimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="the name of a run, or of a group")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be moved")
    parser.add_argument("-f", "--force", action="store_true", help="move a run of another host too")


def run(args: Namespace, search: Search) -> int:
    """All of it is renamed, or nothing."""
    here = project.find(search)
    old, new = named(here, args.old), args.new
    is_group = not here.store.exists(old) and query.is_group(here.store, old)
    if is_group:
        old, new = old.rstrip("/"), new.rstrip("/")
    if args.dry_run:
        names = moving.names_in_other_group(here, old, new) if is_group else {old: new}
        for one, name in moving.plan_moves(here, names, force=args.force):
            print(f"Would move run '{one.name}' to '{name}'")
    elif is_group:
        optimizer.move_group(here, old, new, force=args.force)
    else:
        lifecycle.move(here, query.find(here.store, old), new, force=args.force)
    return 0
