"""Start a run: the command goes on by itself, refs/runs/NAME keeps the commit, and a record says what ran.

Two flags are added to the command, --tb-dir=DIRECTORY and --save-path=PATH, for what the run puts out. To have none:
git config runs.tb-dir-flag None, and git config runs.save-path-flag None.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from contextlib import ExitStack, contextmanager
from itertools import count

from .. import launchers, project
from ..code import keeping, refs
from ..code.refs import Neighbours
from ..code.snapshot import Snapshot
from ..code.work_tree import WorkTree, changes
from ..console.escape import escape, from_printable
from ..console.messages import counted, hint, report_all, warn
from ..console.questions import confirm, edited
from ..environment import interpreter
from ..errors.base import UsageError
from ..errors.code import MEBIBYTE, NameTaken, mebibytes
from ..errors.commands import NoDescription, NotFinished
from ..errors.running import NoVirtualenv, RefWithoutRecord
from ..records import query
from ..records.record import FINISHED, SHAPING_SETTINGS, Run
from ..running import deletion, launch, lifecycle, own_tree
from ..running.command_line import possible_secrets
from ..running.launch import Launch
from ..system import signals
from ..system.git import config
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from typing import TextIO

    from ..code.limits import Untracked
    from ..launchers.launcher import Started
    from ..project import Project
    from ..records.record import Record
    from ..system.git.discovery import Search


ONE_ARGUMENT = "COMMAND is one argument: quote it, or put '--' before the program"
OTHER_SETTINGS = ("dirty", "snapshot-limit", "isolate", "launcher")
USAGE = "git runs new [<options>] NAME COMMAND\n   or: git runs new [<options>] NAME -- PROGRAM [ARG...]"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("command", metavar="COMMAND", nargs="*", help="what the shell is to run, in one argument")
    parser.set_defaults(words=[])  # what follows "--"
    parser.epilog = f"{ONE_ARGUMENT}."
    parser.add_argument(
        "-m",
        "--description",
        metavar="TEXT",
        action="append",
        help="default: the subject of the commit; each further one is a paragraph",
    )
    parser.add_argument(
        "--param",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="record a parameter that the command does not name; may be given many times",
    )
    parser.add_argument("-e", "--edit", action="store_true", help="write the description in the editor")
    parser.add_argument("-a", "--attach", action="store_true", help="join its session at once")
    parser.add_argument("--wait", action="store_true", help="return when it has ended, with its exit code")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the name")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be started")
    collision = parser.add_mutually_exclusive_group()
    collision.add_argument("--timestamp", action="store_true", help="if the name is taken, add the time to it")
    collision.add_argument("--overwrite", action="store_true", help="if the name is taken, delete the old run first")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before the old run is deleted")
    parser.add_argument("-f", "--force", action="store_true", help="delete the old run even if it is another host's")
    code = parser.add_argument_group("what runs")
    dirty = code.add_mutually_exclusive_group()
    for option, value, summary in (
        ("--snapshot", "snapshot", "keep uncommitted changes in a commit of the run's own"),
        ("--allow-dirty", "allow", "run uncommitted changes, which nothing keeps"),
    ):
        dirty.add_argument(option, dest="dirty", action="append_const", const=value, help=summary)
    code.add_argument("--snapshot-limit", metavar="SIZE", action="append", help="bytes of untracked files, as 20m")
    isolate = code.add_mutually_exclusive_group()
    isolate.add_argument(
        "--isolate",
        metavar="HOW",
        nargs="?",
        action="append",
        type=lambda how: how or "true",
        help="run in a work tree of its own, which later edits do not reach; =mount: seen in the place of yours",
    )
    isolate.add_argument(
        "--no-isolate", dest="isolate", action="append_const", const="false", help="run in this work tree"
    )
    code.add_argument("--keep", action="store_true", help="keep the run's own work tree, whatever happens")
    settings = parser.add_argument_group("settings, for this run")
    settings.add_argument("--tb-dir", metavar="PATH", action="append", help="the TensorBoard directory")
    settings.add_argument("--save-path", metavar="PATH", action="append", help="the checkpoint path, in a directory")
    settings.add_argument("--tb-dir-flag", metavar="FLAG", action="append", help="passes the TensorBoard directory")
    settings.add_argument("--save-path-flag", metavar="FLAG", action="append", help="passes the checkpoint path")
    settings.add_argument(
        "--extra-flag", metavar="FLAG=VALUE", action="append", help="one flag more; empty: forget those configured"
    )
    settings.add_argument("--virtualenv-path", metavar="PATH", action="append", help="activated before the command")
    settings.add_argument(
        "--launcher", metavar="LAUNCHER", action="append", help=f"where it runs: {', '.join(launchers.NAMES)}"
    )
    settings.add_argument("--shell", metavar="SHELL", action="append", help="runs the command")


def run(args: Namespace, search: Search) -> int:
    """Asks and edits first; then the run is started as a whole, or not at all."""
    typed = _typed(args)
    if args.description is not None:
        args.description = "\n\n".join(args.description)
    work_tree = WorkTree()
    here = project.find(search, _options(args))
    refs.validate(args.name)
    neighbours = Neighbours(args.name)
    work_tree.list_untracked(here)
    here.settings.isolate = own_tree.isolation_by(here, here.settings.isolate)
    launch.check_ready(here, work_tree)
    _check_virtualenv(here)
    collision = "timestamp" if args.timestamp else "overwrite" if args.overwrite else here.settings.collision
    name, old = _settle_name(here, neighbours, collision)
    if args.dry_run or args.edit or old:  # else `start` finds out, later
        launchers.named(here.settings.launcher).check()
    if args.dry_run:
        code = Snapshot(work_tree.state.commit or "", [], {}) if here.settings.dirty == "snapshot" else work_tree.head
        return _show(here, _launch(here, work_tree, code, typed, args), name, work_tree, old)
    with ExitStack() as kept_until_started:
        if args.edit:
            args.description = kept_until_started.enter_context(
                _edit(here, work_tree.subject if args.description is None else args.description)
            )
        if old and not args.yes:
            confirm("Delete the following run, and start the new one?", [name], doing=f"delete run '{name}'")
        if args.edit or old:
            # Much may have changed while somebody was thinking.
            work_tree = WorkTree()
            work_tree.list_untracked(here)
            launch.check_ready(here, work_tree)
        if old:
            deletion.delete(here, [old], force=args.force)
        stem = args.name if collision == "timestamp" else None
        with signals.held():
            fields, started = _start(here, work_tree, name, typed, args, stem)
            kept_until_started.close()
            exit_code = launch.go_on(started, lambda target: _say(here, fields, work_tree, target, quiet=args.quiet))
    sys.stdout.flush()
    maintenance.start_if_due(here)
    if args.attach:
        _attach(here, fields)
    return _wait(here, Run(fields["name"], fields)) if args.wait and not started.run_here else exit_code


def _options(args: Namespace) -> dict[str, list[str]]:
    """What the command line says of settings."""
    return {key: getattr(args, key.replace("-", "_")) or [] for key in (*SHAPING_SETTINGS, *OTHER_SETTINGS)}


def _launch(here: Project, work_tree: WorkTree, code: Snapshot, typed: str, args: Namespace) -> Launch:
    head, settings = work_tree.state.commit, here.settings
    environment = work_tree.environment()
    is_dirty = settings.dirty == "allow" and (changes(here, work_tree.state) or work_tree.hidden(here))
    return Launch(
        command=typed,
        description=work_tree.subject if args.description is None else args.description,
        code=code,
        prefix=here.repository.prefix,
        environment=environment,
        links=own_tree.links(here, settings.isolate, environment),
        isolate=settings.isolate,
        untracked=work_tree.untracked,
        keep=args.keep,
        notes={
            "params": _params(args.param) or None,
            "base": head if head != code.commit else None,
            "dirty": True if is_dirty else None,
            "branch": work_tree.state.branch,
        },
    )


def _start(
    here: Project, work_tree: WorkTree, name: str, typed: str, args: Namespace, stem: str | None
) -> tuple[Record, Started]:
    """Start the run; where somebody took its name just now, under `stem` and the time, if there is a stem."""
    while True:
        prepared = _launch(here, work_tree, work_tree.code(here, name), typed, args)
        try:
            fields = prepared.record(here, name)
            return fields, prepared.start(here, fields)
        except NameTaken:
            if stem is None:
                raise
            name = _with_timestamp(here, stem)


def _params(given: list[str]) -> dict[str, str]:
    """Parameters by name; raises UsageError."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[\w.@/-]+", name):
            raise UsageError(f"'{text}' is no KEY=VALUE", f"usage: {USAGE}\n")
        found[name] = value
    return found


def _typed(args: Namespace) -> str:
    """The command before flags are added."""
    if args.words and not args.command:
        return shlex.join(args.words)
    if not args.command:
        raise UsageError("a command is required", f"usage: {USAGE}\n")
    if len(args.command) != 1 or args.words or _took_a_flag_of_the_program(args):
        raise UsageError(ONE_ARGUMENT, f"usage: {USAGE}\n")
    if not args.command[0].strip():
        raise UsageError("the command is empty", f"usage: {USAGE}\n")
    return str(args.command[0])


def _took_a_flag_of_the_program(args: Namespace) -> bool:
    """Whether the command is one bare word followed by a flag of one letter, as in `python3 -m train`."""
    (command,) = args.command
    following = args.given[args.given.index(command) + 1 :]
    return not re.search(r"\s", command) and any(re.match("-[^-]", word) for word in following)


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
def _edit(here: Project, text: str) -> Iterator[str]:
    with edited(text, editor=config.editor(), directory=here.repository.git_dir) as description:
        if not description:
            raise NoDescription("nothing was started")
        yield description


def _check_virtualenv(here: Project) -> None:
    path = here.settings.virtualenv_path
    if path is not None and not interpreter.is_virtualenv(path):
        raise NoVirtualenv(path)


def _show(here: Project, prepared: Launch, name: str, work_tree: WorkTree, old: Run | None) -> int:
    fields = prepared.record(here, name)
    count = len(changes(here, work_tree.state)) if here.settings.dirty == "snapshot" else 0
    snapshot = f"a snapshot of {counted(count, 'change')} on top of " if count else ""
    commit = f"commit {fields['commit']}" if fields["commit"] else "a first commit"
    if old:
        print(f"Would delete the old run '{name}'")
    print(f"Would start run '{name}' at {snapshot}{commit}:")
    print(f"  {escape(fields['command'])}")
    return 0


def _say(here: Project, fields: Record, work_tree: WorkTree, target: TextIO, *, quiet: bool) -> None:
    """What was started, and what to beware of."""
    _announce(fields, work_tree, target, quiet=quiet)
    _warn(here, fields, work_tree.untracked)


def _announce(fields: Record, work_tree: WorkTree, target: TextIO, *, quiet: bool) -> None:
    name = fields["name"]
    if quiet:
        print(name, file=target)
        return
    base = f", a snapshot on top of {fields['base'][:10]}" if "base" in fields else ""
    subject = f" ({escape(work_tree.subject)})" if work_tree.subject else ""
    print(f"Started run '{name}' at {fields['commit'][:10]}{base}{subject}", file=target)
    print(f"  {escape(fields['command'])}", file=target)
    if launchers.can_attach(fields):
        print(f"  to follow its output:  git runs log -f {name}", file=target)
        print(f"  to attach to it:       git runs attach {name}", file=target)
    print(f"  to reproduce it:       git runs reproduce {'--run ' if 'worktree' in fields else ''}{name}", file=target)


def _warn(here: Project, fields: Record, untracked: Untracked | None) -> None:
    """Warn of what may make the run something else than the person expects."""
    if secrets := possible_secrets(fields.text("input-command")):
        warn(f"the record, which others may read, holds what looks secret: {', '.join(secrets)}; pass it in a variable")
    is_isolated = "worktree" in fields  # its own work tree has what is kept
    if is_isolated:
        _warn_of_other_bytes(here, fields)
    elif inexact := fields.texts("inexact"):
        warn(f"a checkout would give other bytes than you have (line ends, ident, filters): {', '.join(inexact)}")
    for path, size in fields.not_kept.items():
        reason = f"{mebibytes(size)} are more than runs.snapshot-limit" if size else "git cannot copy it"
        warn(f"the repository '{path}' is not kept with the run, which needs it to come back: {reason}")
    if largest := max(fields.not_kept.values(), default=0):
        hint(f"to keep it: --snapshot-limit={largest // MEBIBYTE + 1}m")
    for path, link in fields.links.items() if is_isolated else ():
        if not os.path.exists(link.text("target")):
            warn(f"linked path '{path}' is not there")
    own_tree.warn_of_limits(here, fields, untracked, include=here.settings.include)


def _warn_of_other_bytes(here: Project, fields: Record) -> None:
    """Name the files that the run's own work tree has otherwise, since there were too many bytes to keep."""
    if not (inexact := keeping.not_kept(fields, here.repository.common_dir)):
        return
    warn(f"the run's own work tree has other bytes than yours: {', '.join(inexact)}")
    top = here.repository.top or ""
    places = [os.path.join(top, from_printable(path)) for path in fields.texts("inexact")]
    size = sum(os.path.getsize(place) for place in places if os.path.isfile(place))
    if size > here.settings.snapshot_limit:
        hint(f"to give it yours: --snapshot-limit={size // MEBIBYTE + 1}m")


def _wait(here: Project, started: Run) -> int:
    """Until the run has ended: its exit code, or 1 where that is not known."""
    lifecycle.wait(here, [started])
    now = here.store.find(started)
    if now and now.record.status == FINISHED:
        return 0
    report_all([NotFinished(started.name, lifecycle.ending(now))])
    return (now.record.shell_code if now else None) or 1


def _attach(here: Project, fields: Record) -> None:
    sys.stdout.flush()
    if session := lifecycle.find_session(here, fields):
        session.attach()
