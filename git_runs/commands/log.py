"""Show what a run printed."""

from __future__ import annotations

import sys

from .. import project
from ..cli.arguments import named, natural
from ..running import adoption, lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: the newest run")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends; wait for it to begin")
    parser.add_argument("-n", "--lines", metavar="LINES", type=natural, help="begin with the last LINES lines")


def run(args: Namespace, search: Search) -> int:
    """The bytes go out as the command printed them."""
    here = project.find(search)
    one = adoption.find_all(here, [named(here, args.name)])[0]

    lifecycle.copy_log(here, one, sys.stdout.buffer, last=args.lines, follows=args.follow)
    return 0
