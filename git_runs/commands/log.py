"""Show what a run printed."""

from __future__ import annotations

import sys

from .. import project
from ..cli.arguments import natural
from ..errors.commands import NoLog
from ..records import logs
from ..running import adoption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    parser.add_argument("-n", "--lines", metavar="LINES", type=natural, help="begin with the last LINES lines")


def run(args: Namespace, search: Search) -> int:
    """The bytes go out as the command printed them."""
    here = project.find(search)
    one = adoption.find_all(here, [args.name])[0]

    def goes_on() -> bool:
        now = here.store.find(one)
        return now is not None and now.record.is_under_way

    try:
        log = here.outputs.open_log(one.name)
    except FileNotFoundError:
        raise NoLog(one.name) from None
    with log:
        logs.copy(
            log,
            sys.stdout.buffer,
            identifier=one.record.text("id"),
            last=args.lines,
            goes_on=goes_on if args.follow else None,
        )
    return 0
