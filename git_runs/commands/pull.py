"""Fetch, and merge what others have changed in the runs that are here, too, into their records."""

from __future__ import annotations

from .. import project
from ..cli import exchange
from ..sharing import fetching, merging, remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    exchange.add_arguments(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where the record of a run could not be merged."""
    there = remote.find(project.find(search), args.remote)
    with there.alone():
        news = fetching.fetch(there)
        merged = merging.merge_all(there)
        merging.remove_deleted(there, merged)
    exchange.tell_news(there, news, quiet=args.quiet)
    return exchange.tell_merged(there, [merged])
