"""Show the deleted runs that can be had back, or delete them for good."""

from __future__ import annotations

from .. import project
from ..cli import table
from ..console.messages import counted, plural, warn
from ..console.output import show
from ..console.questions import confirm
from ..records import record
from ..records.order import natural_key
from ..records.trash import DAY
from ..running import deletion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..system.git.discovery import Search

COLUMNS = ("name", "deleted", "kept-until", "deletion")
USAGE = "git runs trash [--format=<format>]\n   or: git runs trash empty [-y]"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("action", nargs="?", choices=("empty",), help="delete them for good")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--format", default=table.DEFAULT_FORMAT, help="of the table, as for git runs table")


def run(args: Namespace, search: Search) -> int:
    """What was deleted last comes first."""
    here = project.find(search)
    if args.action == "empty":
        _empty(here, args)
    else:
        rows = list(_rows(here, for_people=args.format not in table.FOR_PROGRAMS))
        show(table.render(COLUMNS, rows, args.format, here.settings.column_width))
    return 0


def _rows(here: Project, *, for_people: bool) -> Iterator[tuple[str, str, str, str]]:
    for one in here.trash.deletions():
        times = [record.timestamp(moment) for moment in (one.moment, one.moment + one.days * DAY)]
        deleted, until = map(record.local_time, times) if for_people else times
        for name in sorted(one.names(), key=natural_key):
            yield name, str(deleted), str(until), one.identifier


def _empty(here: Project, args: Namespace) -> None:
    """No more than what is shown."""
    shown = {one: sorted(one.names(), key=natural_key) for one in here.trash.deletions()}
    names = [name for several in shown.values() for name in several]
    if names and not args.yes:
        confirm(f"Delete the following {plural(len(names), 'run')} for good?", names, doing="empty the trash")
    forgotten = [name for one, several in shown.items() for name in deletion.forget(here, one, several)]
    deletion.forget_lost(here)
    here.trash.free()
    print(f"Deleted {counted(len(forgotten), 'run')} for good")
    if left := len(names) - len(forgotten):
        warn(f"{counted(left, 'run')} stayed in the trash: somebody else is at it, or see git runs fsck")
