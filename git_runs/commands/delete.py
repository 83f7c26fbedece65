"""Delete runs: stop them, and put their outputs, records and refs into the trash, from where they can be had back."""

from __future__ import annotations

from .. import project
from ..cli import outcome
from ..cli.arguments import add_patterns, is_glob, selected
from ..cli.hashes import short
from ..console.escape import escape
from ..console.messages import counted, hint, plural, report_all
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
    from ..sharing.pushing import Parcel
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("-f", "--force", action="store_true", help="delete runs of other hosts too")
    parser.add_argument("--now", action="store_true", help="free the disk at once: there is no way back")
    parser.add_argument("--remote", metavar="REMOTE", help="delete runs there, and not here")
    outcome.add_verbose(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing where all is well")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where somebody else moved or deleted a run meanwhile; what took its name is not hit."""
    here = project.find(search)
    return _delete_here(here, args) if args.remote is None else _delete_there(here, args)


def _delete_here(here: Project, args: Namespace) -> int:
    runs = query.find_all(here.store, selected(here, args), only=lifecycle.FIELDS)
    shown = [deletion.described(here, one) for one in runs]
    if args.dry_run:
        print("\n".join(f"Would delete run {one}" for one in shown))
        return 0
    if not args.yes:
        confirm(f"Delete the following {plural(len(shown), 'run')}?", shown, doing="delete runs")
    deleted = deletion.delete(here, runs, force=args.force, days=0 if args.now else None)
    maintenance.start_if_due(here)
    lines = [f"Deleted run '{one.name}'{_was(here, one)}" for one in deleted]
    if not args.quiet:
        outcome.say(lines, f"Deleted {counted(len(lines), 'run')}", verbose=args.verbose)
    if deleted and not args.quiet and here.settings.trash_days and not args.now:
        days = counted(here.settings.trash_days, "day")
        what, name = ("it", deleted[0].name) if len(deleted) == 1 else ("one", "<name>")
        hint(f"to have {what} back, within {days}: git runs undelete {name}")
    for command in deletion.left_elsewhere(deleted):
        hint(f"what is on another host is left; to delete it there: {command}")
    names = {one.name for one in deleted}
    return report_all([GoneMeanwhile(one.name) for one in runs if one.name not in names])


def _was(here: Project, one: Run) -> str:
    commit = one.record.text("commit")
    return f" (was {escape(short(here.repository, commit))})" if commit else ""  # as with git branch -d


def _delete_there(here: Project, args: Namespace) -> int:
    from ..cli import exchange
    from ..sharing import remote, removal
    from ..sharing.shared import Shared

    there = remote.find(here, args.remote)

    def choose(names: set[str]) -> list[str]:
        return query.choose(args.patterns, names.__contains__, lambda: names, glob=is_glob(here, args))

    def approve(parcel: Parcel) -> None:
        if not args.yes:
            names = sorted(parcel.names)
            confirm(f"Delete the following {plural(len(names), 'run')} on {there.name}?", names, doing="delete runs")

    if args.dry_run:
        names = choose(Shared(there.git_dir, there.tips()[0]).names())
        print("\n".join(f"Would delete run {name} on {there.name}" for name in names))
        return 0
    code = exchange.report(there, removal.delete(there, choose, approve))
    hint("other clones keep what they have of them until they pull")
    hint(f"their text stays in the history of the records there; to drop that: git runs purge {there.name}")
    return code
