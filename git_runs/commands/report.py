"""Write a page about runs: one HTML file with parameters, metrics, curves, code and the ends of logs."""

from __future__ import annotations

import os
import sys

from .. import project
from ..cli import filters
from ..cli.arguments import add_patterns, in_order, surveyed
from ..cli.filters import Filter, Finder
from ..cli.strays import warn_of_strays
from ..console.messages import report_all
from ..console.output import show
from ..errors.commands import NotAReport, NothingToReport
from ..records import query
from ..results.report import page
from ..system.files import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..project import Project
    from ..system.git.discovery import Search

DEFAULT = "report.html"  # in the runs dir, where no tree becomes dirty by it


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.add_argument("--sort", metavar="[-]KEY", help="the order of the runs, - backwards")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"- for standard output; default: {DEFAULT} in the runs dir"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace a file that is no report")


def run(args: Namespace, search: Search) -> int:
    """Prints where the page is. Exit code 1 where a record cannot be read; the others are in it all the same."""
    chosen = Filter(args)
    here = project.find(search)
    output = args.output or os.path.relpath(os.path.join(here.store.root, DEFAULT))
    if output != "-" and not args.force:
        _check_replaceable(output)
    catalogue, bad = surveyed(here, args)
    ordered, key = in_order(catalogue, here, args)
    runs, unreadable = query.read(here.store, chosen.choose(Finder(here), ordered, bad, key))
    warn_of_strays(here, args, len(catalogue.names) + len(bad))
    if not runs:
        report_all(bad + unreadable)
        raise NothingToReport
    _write(output, page.make(here, runs, _repository(here), _selection(args)), here)
    return report_all(bad + unreadable)


def _check_replaceable(path: str) -> None:
    """Raises NotAReport where there is a file of something else."""
    if os.path.isfile(path) and os.path.getsize(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            if file.read(len(page.MARK)) != page.MARK:
                raise NotAReport(path)


def _write(path: str, text: str, here: Project) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe, say; a directory is refused by the system
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        # It is the user's, to be read by whom they let read files; a link leads to it as before.
        write_whole(os.path.realpath(path), text, 0o666 & ~here.umask)
    show([path + "\n"])


def _repository(here: Project) -> str:
    """What people call the repository: the name of its directory."""
    directory = here.repository.main_top() or here.repository.common_dir
    return os.path.basename(directory).removesuffix(".git")


def _selection(args: Namespace) -> str:
    """Which runs were asked for, in the words of the command line."""
    words = [*args.patterns, *args.patterns_too, *args.where]
    words += [f"since {args.since}"] * (args.since is not None) + [f"until {args.until}"] * (args.until is not None)
    words += [f"the first {args.max_count}"] * (args.max_count is not None)
    return ", ".join(words) or "all runs"
