"""Put runs into one file, and take them from one: for machines without a network between them."""

from __future__ import annotations

import errno
import os

from .. import project
from ..cli import exchange
from ..cli.arguments import add_patterns, selected
from ..console.messages import counted
from ..errors.base import UsageError
from ..records import query
from ..sharing import bundle
from ..sharing.remote import BUNDLE, Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..project import Project
    from ..system.git.discovery import Search

USAGE = (
    "git runs bundle create <file> <pattern>... [--known=<revision> ...]\n"
    "   or: git runs bundle import <file> [--as=<name>] [--replace]"
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("action", choices=("create", "import"))
    parser.add_argument("file", metavar="FILE")
    add_patterns(parser)
    parser.add_argument(
        "--known",
        metavar="REVISION",
        action="append",
        default=[],
        help="leave out what that contains: whoever imports the file has it",
    )
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        default=BUNDLE,
        help=f"the runs are called NAME/... here; default: {BUNDLE}",
    )
    parser.add_argument("--replace", action="store_true", help="let go of runs that came so before, and are not here")


def run(args: Namespace, search: Search) -> int:
    """Creates, or imports."""
    here = project.find(search)
    return _create(here, args) if args.action == "create" else _import(here, args)


def _create(here: Project, args: Namespace) -> int:
    if not args.patterns:
        raise UsageError("name the runs that are to be in the file", f"usage: {USAGE}\n")
    runs = query.find_all(here.store, selected(here, args), only=("id",))
    parcel = bundle.create(here, args.file, runs, args.known)
    them = "it" if len(parcel.new) == 1 else "them"
    how = "git runs bundle import <file>"
    print(f"{counted(len(parcel.new), 'run')} in '{args.file}'; to have {them} elsewhere: {how}")
    exchange.warn_of_missing(parcel, "in it")
    return int(bool(parcel.without_commit))


def _import(here: Project, args: Namespace) -> int:
    if not os.path.isfile(args.file):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), args.file)
    news, merged = bundle.import_(here, args.file, args.name, replace=args.replace)
    there = Remote(here, args.name)
    exchange.tell_news(there, news, quiet=False)
    return exchange.tell_merged(there, [merged])
