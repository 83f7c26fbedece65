"""Let a remote forget what its records were before: their history goes, the records stay as they are now."""

from __future__ import annotations

from .. import project
from ..console.messages import counted, hint
from ..console.questions import confirm
from ..sharing import remote, removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("remote", metavar="REMOTE")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where the remote has no runs."""
    there = remote.find(project.find(search), args.remote)

    def approve(commits: int) -> None:
        if not args.yes:
            what = f"{counted(commits, 'former state')} of the records, which nobody can have back from there"
            confirm(f"Purge {there.name}?", [what], doing="purge a remote")

    if not removal.purge(there, approve):
        print(f"{there.name} has no runs")
        return 1
    print(f"Purged {there.name}: its records are there as they are now")
    hint("what a clone has fetched stays there; a host may keep it for a while")
    return 0
