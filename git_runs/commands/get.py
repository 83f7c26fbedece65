"""Bring here what runs of other hosts put out: log, TensorBoard directory and checkpoints."""

from __future__ import annotations

from .. import project
from ..cli.arguments import all_named
from ..console.messages import counted, hint, report_all, warn
from ..errors.base import RunsError, few
from ..errors.code import mebibytes
from ..errors.system import HostRefused, HostSilent
from ..records import query
from ..records.record import OPEN
from ..sharing import getting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..records.record import Run
    from ..sharing.staging import Placed
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: the newest run")
    parser.add_argument("--log", action="store_true", help="only what it printed, and what else is named so")
    parser.add_argument("--tensorboard", action="store_true", help="only its TensorBoard directory, likewise")
    parser.add_argument("--checkpoints", action="store_true", help="only its checkpoints, likewise")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where not all could be had."""
    here = project.find(search)
    kinds = [kind for option, kind in getting.KINDS.items() if getattr(args, option)] or list(getting.KINDS.values())
    runs = query.find_all(here.store, dict.fromkeys(all_named(here, args.names)))
    failed: list[RunsError] = []
    for one in runs:
        try:
            _say(one, getting.get(here, one, kinds))
        except RunsError as error:
            if len(runs) == 1 or isinstance(error, (HostSilent, HostRefused)):
                raise
            failed.append(error)
    return report_all(failed)


def _say(one: Run, placed: Placed) -> None:
    what = f"{counted(placed.files, 'file')}, {mebibytes(placed.bytes)}" if placed.files else "nothing new"
    print(f"{one.name}: {what}")
    if placed.kept:
        warn(f"other files of run '{one.name}' are here, and stay: {few(placed.kept)}")
        hint("to have those of the host, move yours away, and get them again")
    if placed.leading_out:
        warn(
            f"symbolic links that lead out of the outputs of run '{one.name}' were left out: {few(placed.leading_out)}"
        )
    if one.record.status in OPEN:
        hint(f"run '{one.name}' had not ended when its record was written: later there may be more to get")
