"""Stop runs: SIGTERM to all their processes, SIGKILL to those that do not heed it in time. Those that wait in the queue
are taken out."""

from __future__ import annotations

from .. import project
from ..cli import outcome
from ..cli.arguments import add_patterns, seconds, selected
from ..console.escape import escape
from ..console.messages import counted
from ..errors.commands import NotRunning
from ..records import query
from ..records.record import KILLED
from ..running import lifecycle, queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=seconds,
        default=lifecycle.GRACE,
        help=f"time between SIGTERM and SIGKILL (default: {lifecycle.GRACE:.0f})",
    )
    outcome.add_verbose(parser)


def run(args: Namespace, search: Search) -> int:
    """For each run it prints how it ended: it may have been faster."""
    here = project.find(search)
    runs = query.find_all(here.store, selected(here, args))
    going_on = [one for one in runs if queue.is_open(here, one.record)]
    if not going_on:
        raise NotRunning([one.name for one in runs])
    lifecycle.stop(here, going_on, args.grace)
    by_themselves = 0
    lines = []
    for one in going_on:
        now = here.store.find(one)
        if now is None or now.record.status == KILLED:
            had_begun = now is None or now.record.has_begun
            lines.append(f"Killed run '{one.name}'" + ("" if had_begun else ", which had not begun"))
        else:
            by_themselves += 1
            lines.append(f"Run '{one.name}' ended by itself: {escape(now.record.ending())}")
    summary = f"Killed {counted(len(lines) - by_themselves, 'run')}"
    if by_themselves:
        summary += f"; {by_themselves} ended by {'itself' if by_themselves == 1 else 'themselves'}"
    outcome.say(lines, summary, verbose=args.verbose)
    return 0
