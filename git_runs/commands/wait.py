"""Wait until runs have ended; the exit code is 0 only if all of them finished."""

from __future__ import annotations

from .. import project
from ..cli.arguments import add_patterns, seconds, selected_or_newest
from ..console import progress
from ..console.messages import report_all
from ..errors.commands import NotFinished
from ..records import query
from ..records.record import FINISHED
from ..running import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument("--timeout", metavar="SECONDS", type=seconds, help="give up after that time")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run did not finish, or not in time; each is named on standard error."""
    here = project.find(search)
    runs = query.find_all(here.store, selected_or_newest(here, args))
    with progress.of("Waiting for runs", len(runs)) as ended:
        if lifecycle.wait(here, runs, args.timeout, ended):
            progress.clear()  # they are not done
    endings = {one.name: lifecycle.ending(here.store.find(one)) for one in runs}
    return report_all([NotFinished(name, ending) for name, ending in endings.items() if ending != FINISHED])
