"""Have deleted runs back, with their outputs, records and refs."""

from __future__ import annotations

from .. import project
from ..cli import outcome
from ..cli.arguments import add_patterns, is_glob
from ..console.messages import counted, report_all
from ..errors.base import RunsError
from ..errors.records import NothingDeleted
from ..records import query, record, remotes
from ..records.record import Run
from ..running import deletion, optimizer
from ..sharing.remote import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.trash import Deletion
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser, required=True)
    parser.add_argument("--deletion", metavar="DELETION", help="as git runs trash shows it; default: each run's latest")
    outcome.add_verbose(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run could not be brought back; it stays in the trash."""
    here = project.find(search)
    latest = _latest(here, args.deletion)
    names = query.choose(
        args.patterns, latest.__contains__, latest.keys, glob=is_glob(here, args), nothing=NothingDeleted
    )
    failed: dict[str, RunsError] = {}
    for one in dict.fromkeys(latest[name] for name in names):
        of_this = [name for name in names if latest[name] is one]
        failed |= deletion.undelete(here, one, of_this)
        optimizer.undelete(here, one, [name for name in of_this if name not in failed])
    back = [name for name in names if name not in failed]
    are_named = args.verbose or len(back) <= outcome.FEW
    lines = list(_lines(here, latest, back)) if are_named else back
    outcome.say(lines, f"{counted(len(lines), 'run')} are back", verbose=args.verbose)
    for remote in remotes.remotes(here.repository.common_dir) if back else ():
        _catch_up(Remote(here, remote), back)
    for error in failed.values() if len(failed) == 1 else ():
        raise error
    return report_all(list(failed.values()))


def _lines(here: Project, latest: dict[str, Deletion], names: list[str]) -> Iterator[str]:
    """Which of the runs that were called so each is."""
    for name, found in here.store.reader.recall(names, light=True):
        started = f"started {record.local_time(found.record.text('datetime'))}, " if isinstance(found, Run) else ""
        deleted = record.local_time(record.timestamp(latest[name].moment))
        yield f"Run '{name}' is back ({started}deleted {deleted})"


def _catch_up(remote: Remote, names: list[str]) -> None:
    """Merge what came from the remote while the runs were in the trash."""
    from ..cli import exchange
    from ..sharing import merging

    exchange.tell_merged(remote, [merging.catch_up(remote, names)])


def _latest(here: Project, identifier: str | None) -> dict[str, Deletion]:
    """The deletions of the runs that can be had back, by name: the latest of each, or that one."""
    found: dict[str, Deletion] = {}
    for one in here.trash.deletions():
        if identifier in (None, one.identifier):
            for name in one.names():
                found.setdefault(name, one)
    return found
