"""Make records of runs of which only the refs are here."""

from __future__ import annotations

from .. import project
from ..console.messages import report_all
from ..errors.base import UsageError
from ..errors.code import NameTaken
from ..errors.records import NoSuchRun
from ..running import adoption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search

USAGE = "git runs adopt NAME...\n   or: git runs adopt --all"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--all", action="store_true", help="all refs of runs that have no record")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where there is no such ref."""
    if bool(args.names) == args.all:
        raise UsageError("name the runs, or use --all", f"usage: {USAGE}\n")
    here = project.find(search, mends=True)
    names = adoption.without_record(here) if args.all else list(dict.fromkeys(args.names))
    taken = [name for name in names if here.store.exists(name)]
    new = [name for name in names if name not in taken]
    missing = adoption.adopt(here, new)
    for name in new:
        if name not in missing:
            print(f"Adopted run '{name}'")
    return report_all([*(NameTaken(name, "") for name in taken), *map(NoSuchRun, missing)])
