"""Delete runs: stop them, and put their outputs, records and refs into the trash, from where they can be had back."""

from __future__ import annotations

import os

from .. import project
from ..cli import outcome
from ..cli.arguments import add_patterns, selected
from ..console.escape import escape
from ..console.messages import counted, hint, report_all
from ..console.questions import confirm
from ..errors.commands import GoneMeanwhile
from ..records import query
from ..running import deletion, lifecycle
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
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("-f", "--force", action="store_true", help="delete runs of other hosts too")
    parser.add_argument("--now", action="store_true", help="free the disk at once: there is no way back")
    outcome.add_verbose(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where somebody else moved or deleted a run meanwhile; what took its name is not hit."""
    here = project.find(search)
    runs = query.find_all(here.store, selected(here, args), only=lifecycle.FIELDS)
    shown = [_shown(here, one) for one in runs]
    if args.dry_run:
        print("\n".join(f"Would delete run {one}" for one in shown))
        return 0
    if not args.yes:
        confirm("Delete the following runs?", shown, doing="delete runs")
    deleted = deletion.delete(here, runs, force=args.force, now=args.now)
    maintenance.start_if_due(here)
    lines = [f"Deleted run '{one.name}' (was {escape(one.record.text('commit')[:10])})" for one in deleted]
    outcome.say(lines, f"Deleted {counted(len(lines), 'run')}", verbose=args.verbose)
    if deleted and here.settings.trash_days and not args.now:
        days = counted(here.settings.trash_days, "day")
        hint(f"to have {'it' if len(deleted) == 1 else 'one'} back, within {days}: git runs undelete NAME")
    names = {one.name for one in deleted}
    return report_all([GoneMeanwhile(one.name) for one in runs if one.name not in names])


def _shown(here: Project, run: Run) -> str:
    remarks = [run.record.status] if run.record.is_under_way else []
    if os.path.isdir(here.outputs.worktree(run.name)):
        remarks.append("with its work tree and all that is in it")
    return f"{run.name} ({', '.join(remarks)})" if remarks else run.name
