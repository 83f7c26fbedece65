"""Wait until runs have ended; the exit code is 0 only if all of them finished."""

from __future__ import annotations

import sys

from .. import lifecycle, project, query
from ..arguments import add_patterns, selected
from ..errors import NoSuchRun
from ..escape import escape
from ..record import FINISHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..git import Search
    from ..store import Store


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="give up after that time")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run did not finish, or not in time; each is named on standard error."""
    here = project.find(search)
    names = selected(here, args)
    lifecycle.wait(here, names, args.timeout)
    endings = {name: _ending(here.store, name) for name in names}
    unfinished = {name: ending for name, ending in endings.items() if ending != FINISHED}
    for name, ending in unfinished.items():
        print(f"error: run '{name}': {escape(ending)}", file=sys.stderr)
    return int(bool(unfinished))


def _ending(store: Store, name: str) -> str:
    try:
        return query.find(store, name).record.ending()
    except NoSuchRun:
        return "deleted or moved meanwhile"
