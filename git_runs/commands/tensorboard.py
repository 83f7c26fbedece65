"""Start TensorBoard on the runs that are selected; it goes with the selection until Ctrl-C.

What follows `--` are further arguments of TensorBoard's: `git runs tensorboard 'exp/.*' -- --port 7000`.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, suppress

from .. import project
from ..cli import filters
from ..cli.arguments import add_patterns, surveyed
from ..cli.filters import Filter, Finder
from ..console.escape import escape
from ..console.messages import counted, report_all, warn
from ..errors.base import RunsError
from ..errors.commands import NoRunLeft
from ..errors.records import NothingSelected
from ..records import query
from ..results import tensorboard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.record import Run
    from ..results.tensorboard import Address
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "git runs tensorboard [<options>] [<pattern>...] [-- <argument>...]"
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.set_defaults(words=[])  # what follows "--"


def run(args: Namespace, search: Search) -> int:
    """Exit code of TensorBoard; 1 where no run is selected."""
    here = project.find(search)
    program = tensorboard.program(here.settings.virtualenv_path)
    chosen = Filter(args)
    runs, bad = _select(here, args, chosen)
    report_all(bad)
    if not runs:
        raise NoRunLeft
    targets, shared = tensorboard.directories(here.outputs, runs)
    for name in shared:
        warn(f"run '{name}' is not shown: its TensorBoard directory has those of other runs in it")
    if without := len(runs) - len(shared) - len(targets) + tensorboard.without_events(targets.values()):
        warn(f"without event files so far: {without} of {counted(len(runs), 'run')}")
    with tensorboard.board(here.store.root) as place:
        command = tensorboard.command(program, place, _title(args), args.words)
        tensorboard.link(place, targets)
        return tensorboard.serve(
            command,
            lambda: _follow(here, args, chosen, place),
            lambda address: _show(address, len(targets)),
            lambda line: print(escape(line, keep="\t"), file=sys.stderr),
        )


def _select(here: Project, args: Namespace, chosen: Filter) -> tuple[list[Run], list[BadRecord]]:
    """The runs that are to be shown now, and records that cannot be read. Raises NothingSelected."""
    catalogue, bad = surveyed(here, args)
    names = chosen.choose(Finder(here), catalogue, bad, "-datetime")
    return list(query.recall(here.store, names, ["settings"], bad)), bad


def _follow(here: Project, args: Namespace, chosen: Filter, place: str) -> None:
    """Show the runs that are selected by now. What can be said of them was said at the start."""
    with redirect_stderr(io.StringIO()), suppress(RunsError, OSError):
        try:
            runs, _ = _select(here, args, chosen)
        except NothingSelected:
            runs = []
        tensorboard.link(place, tensorboard.directories(here.outputs, runs)[0])


def _title(args: Namespace) -> str:
    words = [*args.patterns, *args.patterns_too, *args.where]
    return f"git runs: {' '.join(words) or 'all runs'}"


def _show(address: Address, count: int) -> None:
    print(f"TensorBoard of {counted(count, 'run')}: {address.url} (Ctrl-C ends it)")
    print(f"  from another machine:  {address.tunnel}", flush=True)
