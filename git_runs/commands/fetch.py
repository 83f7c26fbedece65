"""See which runs a remote has: their records, not their commits. Nothing changes in the runs that are here."""

from __future__ import annotations

from .. import project
from ..cli import exchange
from ..sharing import fetching, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    exchange.add_arguments(parser)


def run(args: Namespace, search: Search) -> int:
    """Prints what is new there."""
    there = remote.find(project.find(search), args.remote)
    with there.alone():
        news = fetching.fetch(there)
    exchange.tell_news(there, news, quiet=args.quiet)
    return 0
