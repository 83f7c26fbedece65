"""Delete runs: stop them, and remove their outputs, records and refs."""

from __future__ import annotations

import os

from .. import project
from ..cli.arguments import add_patterns, selected
from ..console.escape import escape
from ..console.messages import report_all
from ..console.questions import confirm
from ..errors.commands import GoneMeanwhile
from ..records import query
from ..running import lifecycle
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..project import Project
    from ..records.record import Run
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("-f", "--force", action="store_true", help="delete runs of other hosts too")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where somebody else moved or deleted a run meanwhile; what took its name is not hit."""
    here = project.find(search)
    runs = query.find_all(here.store, selected(here, args), only=lifecycle.FIELDS)
    if not args.yes:
        confirm("Delete the following runs?", [_shown(here, one) for one in runs], doing="delete runs")
    deleted = {one.name for one in lifecycle.delete(here, runs, force=args.force)}
    maintenance.start_if_due(here)
    for one in runs:
        if one.name in deleted:
            print(f"Deleted run '{one.name}' (was {escape(one.record.text('commit')[:10])})")
    return report_all([GoneMeanwhile(one.name) for one in runs if one.name not in deleted])


def _shown(here: Project, run: Run) -> str:
    remarks = [run.record.status] if run.record.is_under_way else []
    if os.path.isdir(here.outputs.worktree(run.name)):
        remarks.append("with its work tree and all that is in it")
    return f"{run.name} ({', '.join(remarks)})" if remarks else run.name
