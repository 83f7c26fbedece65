"""List the names of runs, one a line, in natural order."""

from __future__ import annotations

import sys

from .. import project
from ..cli import filters
from ..cli.arguments import add_patterns, surveyed
from ..cli.filters import Filter
from ..cli.strays import warn_of_strays
from ..console.messages import report_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are listed all the same."""
    chosen = Filter(args)
    here = project.find(search)
    catalogue, bad = surveyed(here, args)
    names = chosen.choose(here.store, catalogue, bad)
    sys.stdout.write("\n".join([*names, ""]))
    warn_of_strays(here, args, len(catalogue.names) + len(bad))
    return report_all(bad)
