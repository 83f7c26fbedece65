"""Pack refs, compact the cache, and close the sessions of runs that ended long ago."""

from __future__ import annotations

from .. import project
from ..console import progress
from ..errors.upkeep import AlreadyCollecting
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--auto", action="store_true", help="only if there are many loose run refs: see runs.gc-auto")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def run(args: Namespace, search: Search) -> int:
    """Like `git gc`, it says nothing but how far it has got; another one that is at work is enough for `--auto`."""
    if args.quiet:
        progress.silence()
    here = project.find(search)
    try:
        if not args.auto or maintenance.is_due(here):
            maintenance.collect(here)
    except AlreadyCollecting:
        if not args.auto:
            raise
    return 0
