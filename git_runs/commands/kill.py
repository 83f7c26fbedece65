"""Stop runs: SIGTERM to all their processes, SIGKILL to those that do not heed it in time."""

from __future__ import annotations

from .. import lifecycle, project, query
from ..arguments import add_patterns, selected
from ..errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..git import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=float,
        default=lifecycle.GRACE,
        help=f"time between SIGTERM and SIGKILL (default: {lifecycle.GRACE:.0f})",
    )


def run(args: Namespace, search: Search) -> int:
    here = project.find(search)
    runs = query.find_all(here.store, selected(here, args))
    going_on = [one for one in runs if one.record.is_under_way]
    if not going_on:
        raise NotRunning([one.name for one in runs])
    lifecycle.stop(here, going_on, args.grace)
    for one in going_on:
        print(f"Killed run '{one.name}'")
    return 0
