"""List the names of runs, one a line, in natural order; or what a format shows of them."""

from __future__ import annotations

import sys

from .. import project
from ..cli import filters, format_options
from ..cli.arguments import add_color, add_patterns, add_remotes, are_fetched, selected_anywhere, surveyed
from ..cli.filters import Filter, Finder
from ..cli.strays import warn_of_strays
from ..console.messages import report_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    add_remotes(parser)
    filters.add_arguments(parser)
    filters.add_sort(parser, "the order of their names")
    format_options.add_arguments(parser)
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are listed all the same."""
    chosen = Filter(args)
    here = project.find(search)
    end = "\0" if args.null else "\n"
    orders = args.sort or []
    is_for_people = not format_options.is_asked(args, has_lines=True)
    if args.remotes and chosen.takes_all and not orders and is_for_people:
        _show(chosen.first(selected_anywhere(here, args)), end)  # to read ten thousand for the first time takes seconds
        return 0
    catalogue, bad = surveyed(here, args)
    finder = Finder(here)
    names = chosen.choose(finder, catalogue, bad, *orders)
    if is_for_people:
        _show(names, end)
    else:
        from ..cli import format_entries, format_output

        form = format_output.chosen(here, args)
        format_output.write(form, format_entries.of_runs(finder, form.keys, catalogue, names, bad))
    if not are_fetched(args):
        warn_of_strays(here, args, len(catalogue.names) + len(bad))
    return report_all(bad)


def _show(names: Iterable[str], end: str) -> None:
    sys.stdout.write(end.join([*names, ""]))
