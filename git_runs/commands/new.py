"""Start a run: the command goes on by itself, refs/runs/NAME keeps the commit, and a record says what ran.

Two flags are added to the command, --tb-dir=DIRECTORY and --save-path=PATH, for what the run puts out. To have none:
git config runs.tb-dir-flag None, and git config runs.save-path-flag None.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count

from .. import launchers, project
from ..cli import starting
from ..cli.arguments import given_message
from ..code import refs
from ..code.refs import Neighbours
from ..code.work_tree import WorkTree
from ..console.escape import escape
from ..console.messages import report_all
from ..console.questions import confirm, edited
from ..errors.base import UsageError
from ..errors.code import NameTaken
from ..errors.commands import NoDescription, NotFinished
from ..errors.launchers import NotQueueable
from ..errors.running import NotIsolated, RefWithoutRecord
from ..launchers.launcher import Started
from ..records import query
from ..records.record import FINISHED, Run
from ..running import deletion, launch, lifecycle, own_tree, queue, slots
from ..running.launch import Launch
from ..system import signals
from ..system.git import config
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from typing import TextIO

    from ..project import Project
    from ..records.record import Record
    from ..system.git.discovery import Search


USAGE = "git runs new [<options>] <name> <command>\n   or: git runs new [<options>] <name> -- <program> [<arg>...]"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("command", metavar="COMMAND", nargs="*", help="what the shell is to run, in one argument")
    _, dirty, isolate = starting.add_arguments(parser)
    parser.add_argument("-e", "--edit", action="store_true", help="write the description in the editor")
    parser.add_argument("-a", "--attach", action="store_true", help="join its session at once")
    parser.add_argument("--wait", action="store_true", help="return when it has ended, with its exit code")
    dirty.add_argument(
        "--allow-dirty",
        dest="dirty",
        action="append_const",
        const="allow",
        help="run uncommitted changes, which nothing keeps",
    )
    isolate.add_argument(
        "--no-isolate", dest="isolate", action="append_const", const="false", help="run in this work tree"
    )
    starting.add_queue(parser, jobs="queue it: of what is queued, N runs go on at once; 0: start it now")


def run(args: Namespace, search: Search) -> int:
    """Asks and edits first; then the run is started as a whole, or not at all."""
    typed = starting.command(args.command, args, USAGE)
    params = starting.params(args, USAGE)
    args.description = given_message(args)
    work_tree = WorkTree()
    here = project.find(search, starting.options(args))
    refs.validate(args.name)
    neighbours = Neighbours(args.name)
    work_tree.list_untracked(here)
    is_queued = _is_queued(here, args)
    here.settings.isolate = own_tree.isolation_by(here, here.settings.isolate) or (own_tree.TREE if is_queued else "")
    launch.check_ready(here, work_tree)
    starting.check_virtualenv(here)
    starting.check_away(here, args, USAGE)
    collision = "timestamp" if args.timestamp else "overwrite" if args.overwrite else here.settings.collision
    name, old = _settle_name(here, neighbours, collision)
    if args.dry_run or args.edit or old or is_queued:  # else `start` finds out, later
        launchers.named(here.settings.launcher).check()
    if args.dry_run:
        code = starting.code_to_be(here, work_tree)
        prepared = starting.launch_of(here, work_tree, code, typed, params, args)
        return _show(here, prepared, name, work_tree, old, "queue" if is_queued else "start")
    with ExitStack() as kept_until_started:
        if args.edit:
            args.description = kept_until_started.enter_context(
                _edit(here, name, work_tree.subject if args.description is None else args.description)
            )
        if old and not args.yes:
            confirm("Delete the following run, and start the new one?", [name], doing=f"delete run '{name}'")
        if args.edit or old:
            # Much may have changed while somebody was thinking.
            work_tree = WorkTree()
            work_tree.list_untracked(here)
            launch.check_ready(here, work_tree)
        stem = args.name if collision == "timestamp" else None
        with signals.held():
            fields, started = _start(here, work_tree, name, typed, params, args, old, stem, is_queued=is_queued)
            kept_until_started.close()
            exit_code = launch.go_on(started, lambda target: _say(here, fields, work_tree, target, quiet=args.quiet))
        if is_queued:
            slots.start(here, args.jobs, args.gpus, [fields["id"]])
        else:
            slots.revive(here)
    sys.stdout.flush()
    maintenance.start_if_due(here)
    if args.attach:
        _attach(here, fields)
    return _wait(here, Run(fields["name"], fields)) if args.wait and not started.run_here else exit_code


def _is_queued(here: Project, args: Namespace) -> bool:
    """Whether the run is to wait for its turn. Raises NotQueueable, NotIsolated and UsageError."""
    is_asked = bool(args.jobs) or args.gpus is not None or args.priority is not None
    if args.jobs == 0 and is_asked:
        raise UsageError("--gpus and --priority are for runs that are queued", f"usage: {USAGE}\n")
    launcher = launchers.named(here.settings.launcher)
    is_elsewhere = launcher.is_here or launcher.is_scheduler
    if is_asked and is_elsewhere:
        raise NotQueueable(launcher.name, is_here=launcher.is_here)
    is_queued = is_asked or (args.jobs is None and here.settings.jobs > 0 and not is_elsewhere)
    if is_queued and args.isolate and not here.settings.isolate:
        raise NotIsolated
    return is_queued


def _start(
    here: Project,
    work_tree: WorkTree,
    name: str,
    typed: str,
    params: dict[str, str],
    args: Namespace,
    old: Run | None,
    stem: str | None,
    *,
    is_queued: bool,
) -> tuple[Record, Started]:
    """Start the run, or queue it, in the place of the old one, if there is any; where somebody took its name just now,
    under `stem` and the time, if there is a stem."""
    while True:
        prepared = starting.launch_of(here, work_tree, work_tree.code(here, name), typed, params, args)
        try:
            with _in_place_of(here, prepared, old, force=args.force) if old else nullcontext():
                fields = prepared.record(here, name)
                if not is_queued:
                    return fields, prepared.start(here, fields)
                queue.add(here, [(prepared, fields)], args.priority or 0)
                return fields, Started({}, None)
        except NameTaken:
            if stem is None:
                raise
            name = _with_timestamp(here, stem)


@contextmanager
def _in_place_of(here: Project, prepared: Launch, old: Run, *, force: bool) -> Iterator[None]:
    """Deletes the old run, once it is known that the new one can be made."""
    with ExitStack() as replaced:
        with signals.allowed():
            prepared.check(here, prepared.fields(here, old.name))
            replaced.enter_context(deletion.replacing(here, [old], force=force))
        yield


def _settle_name(here: Project, neighbours: Neighbours, collision: str) -> tuple[str, Run | None]:
    """The name to use, and the run that has it and is to be deleted first."""
    name = neighbours.name
    if launch.is_free(here, neighbours):
        return name, None
    if collision == "timestamp":
        return _with_timestamp(here, name), None
    is_starting = here.store.is_reserved(name)  # asked first: what is started has its record before this ends
    has_record = here.store.exists(name)
    if is_starting and not has_record:
        raise NameTaken(name)
    if collision == "refuse":
        raise NameTaken(name) if has_record else NameTaken(name, RefWithoutRecord.hint(refs.ref(name)))
    if not has_record:
        raise RefWithoutRecord(refs.ref(name), name)
    return name, query.find(here.store, name)


def _with_timestamp(here: Project, name: str) -> str:
    """The name with the epoch's seconds at its end; those of the next second that is free."""
    for seconds in count(int(time.time())):
        candidate = f"{name}{seconds}"
        refs.validate(candidate)
        if launch.is_free(here, Neighbours(candidate)):
            break
    return candidate


@contextmanager
def _edit(here: Project, name: str, text: str) -> Iterator[str]:
    what = f"the description of run '{name}'"
    with edited(text, what, editor=config.editor(), directory=here.repository.git_dir) as description:
        if not description:
            raise NoDescription("nothing was started")
        yield description


def _show(here: Project, prepared: Launch, name: str, work_tree: WorkTree, old: Run | None, done: str) -> int:
    fields = prepared.record(here, name)
    if old:
        print(f"Would delete the old run '{name}'")
    print(f"Would {done} run '{name}' at {starting.place_of(here, work_tree, prepared.code)}:")
    print(f"  {escape(fields['command'])}")
    return 0


def _say(here: Project, fields: Record, work_tree: WorkTree, target: TextIO, *, quiet: bool) -> None:
    """What was started, and what to beware of."""
    _announce(here, fields, work_tree, target, quiet=quiet)
    starting.warn_of(here, fields, work_tree.untracked)


def _announce(here: Project, fields: Record, work_tree: WorkTree, target: TextIO, *, quiet: bool) -> None:
    name = fields["name"]
    if quiet:
        print(name, file=target)
        return
    done = "Queued" if fields.is_queued else "Started"
    place = launchers.place_of(fields)
    print(f"{done} run '{name}' at {starting.at(here, fields, work_tree)}{f', {place}' if place else ''}", file=target)
    print(f"  {escape(fields['command'])}", file=target)
    if fields.is_queued:
        print("  to see what waits:     git runs queue", file=target)
        print(f"  to take it out:        git runs kill {name}", file=target)
    if launchers.can_attach(fields) or fields.is_queued:
        print(f"  to follow its output:  git runs log -f {name}", file=target)
        print(f"  to attach to it:       git runs attach {name}", file=target)
    print(f"  to reproduce it:       git runs reproduce {'--run ' if 'worktree' in fields else ''}{name}", file=target)


def _wait(here: Project, started: Run) -> int:
    """Until the run has ended: its exit code, or 1 where that is not known."""
    lifecycle.wait(here, [started])
    now = here.store.find(started)
    if now and now.record.status == FINISHED:
        return 0
    report_all([NotFinished(started.name, lifecycle.ending(now))])
    return (now.record.shell_code if now else None) or 1


def _attach(here: Project, fields: Record) -> None:
    """Once it runs."""
    sys.stdout.flush()
    if fields.is_queued:
        now = lifecycle.wait_for_start(here, Run(fields["name"], fields))
        fields = now.record if now else fields
    if session := lifecycle.find_session(here, fields):
        session.attach()
