"""What the commands that start runs share: their options, what is to be started by them, and what to beware of."""

from __future__ import annotations

import os
import re
import shlex
from itertools import takewhile

from .. import launchers
from ..code import keeping
from ..code.snapshot import Snapshot
from ..code.work_tree import changes
from ..console.escape import escape, from_printable
from ..console.messages import counted, hint, warn
from ..environment import interpreter
from ..errors.base import UsageError
from ..errors.code import MEBIBYTE, mebibytes
from ..errors.running import NoVirtualenv
from ..records.record import SHAPING_SETTINGS
from ..running import own_tree
from ..running.command_line import added_flags, has_several_programs, possible_secrets
from ..running.launch import Launch
from .arguments import add_message, add_slots, natural, whole_number
from .hashes import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _MutuallyExclusiveGroup

    from ..code.limits import Untracked
    from ..code.work_tree import WorkTree
    from ..project import Project
    from ..records.record import Record

ONE_ARGUMENT = "<command> is one argument: quote it, or put '--' before the program"
OF_HERE = ("isolate", "slurm", "virtualenv-path")  # options that say what only the host where a run is can know
OTHER_SETTINGS = ("dirty", "snapshot-limit", "isolate", "launcher", "slurm")

Groups = tuple["_MutuallyExclusiveGroup", "_MutuallyExclusiveGroup", "_MutuallyExclusiveGroup"]


def add_arguments(parser: ArgumentParser) -> Groups:
    """The options. Gives the groups of those that exclude each other, for more of them: of what is done where a name is
    taken, with uncommitted changes, and of isolation."""
    parser.set_defaults(words=[])  # what follows "--"
    parser.epilog = f"{ONE_ARGUMENT}."
    paragraphs = "what it is for (default: the subject of the commit); each further one is a paragraph"
    add_message(parser, help=paragraphs, of_file=["-F"])  # `sweep` has another --file
    parser.add_argument(
        "--param",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="record a parameter that the command does not name; may be given many times",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the name")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be started")
    collision = parser.add_mutually_exclusive_group()
    collision.add_argument("--timestamp", action="store_true", help="if the name is taken, add the time to it")
    collision.add_argument("--overwrite", action="store_true", help="if the name is taken, delete the old run first")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before the old run is deleted")
    parser.add_argument("-f", "--force", action="store_true", help="delete the old run even if it is another host's")
    parser.add_argument(
        "--retry", metavar="N", type=natural, default=0, help="start a command that fails again, N times at most"
    )
    return collision, *_add_settings(parser)


def _add_settings(parser: ArgumentParser) -> tuple[_MutuallyExclusiveGroup, _MutuallyExclusiveGroup]:
    code = parser.add_argument_group("what runs")
    dirty = code.add_mutually_exclusive_group()
    dirty.add_argument(
        "--snapshot",
        dest="dirty",
        action="append_const",
        const="snapshot",
        help="keep uncommitted changes in a commit of the run's own",
    )
    code.add_argument(
        "--no-snapshot", dest="dirty", action="append_const", const="refuse", help="refuse uncommitted changes"
    )
    code.add_argument(
        "--snapshot-limit", metavar="SIZE", action="append", help="bytes of untracked files at most (default: 10m)"
    )
    isolate = code.add_mutually_exclusive_group()
    isolate.add_argument(
        "--isolate",
        metavar="HOW",
        nargs="?",
        action="append",
        type=lambda how: how or "true",
        help="run in a work tree of its own, which later edits do not reach; =mount: seen in the place of yours",
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
        "--launcher", metavar="LAUNCHER", action="append", help=f"where it runs: {', '.join(launchers.NAMES)}, ..."
    )
    settings.add_argument(
        "--host",
        metavar="HOST",
        action="append",
        dest="launcher",
        type=launchers.of_host,
        help="run it on another host, which has the repository: runs.host.HOST.path",
    )
    settings.add_argument(
        "--slurm", metavar="OPTION", action="append", help="for sbatch, as gres=gpu:1; empty: no other"
    )
    settings.add_argument("--shell", metavar="SHELL", action="append", help="runs the command")
    return dirty, isolate


def add_queue(parser: ArgumentParser, *, jobs: str) -> None:
    """--jobs, whose help is given, --gpus and --priority."""
    queued = parser.add_argument_group("when it runs")
    add_slots(queued, jobs=jobs)
    queued.add_argument("--priority", metavar="N", type=whole_number, help="queue it before those of a lower number")


# --- what they say


def options(args: Namespace) -> dict[str, list[str]]:
    """What the command line says of settings."""
    return {key: getattr(args, key.replace("-", "_")) or [] for key in (*SHAPING_SETTINGS, *OTHER_SETTINGS)}


def params(args: Namespace, usage: str) -> dict[str, str]:
    """What was given with --param, by name; raises UsageError."""
    found = {}
    for text in args.param:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[\w.@/-]+", name):
            raise UsageError(f"'{text}' is no <key>=<value>", f"usage: {usage}\n")
        found[name] = value
    return found


def command(operands: list[str], args: Namespace, usage: str) -> str:
    """The command before flags are added: the only one of the operands, or what follows "--". Raises UsageError."""
    if args.words and not operands:
        return shlex.join(args.words)
    if not operands:
        raise UsageError("a command is required", f"usage: {usage}\n")
    if len(operands) != 1 or args.words or _took_a_flag_of_the_program(operands[0], args):
        raise UsageError(ONE_ARGUMENT, f"usage: {usage}\n")
    if not operands[0].strip():
        raise UsageError("the command is empty", f"usage: {usage}\n")
    return operands[0]


def _took_a_flag_of_the_program(typed: str, args: Namespace) -> bool:
    """Whether the command is one bare word followed by a flag of one letter, as in `python3 -m train`."""
    following = takewhile(lambda word: not re.match(r"\w[^=]*=", word), args.given[args.given.index(typed) + 1 :])
    return not re.search(r"\s", typed) and any(re.match("-[^-]", word) for word in following)


# --- what is to be started


def check_away(here: Project, args: Namespace, usage: str) -> None:
    """Raises UsageError where the run is for another host, and something is asked for that is up to that one."""
    given = [f"--{key}" for key in OF_HERE if getattr(args, key.replace("-", "_"))]
    if given and launchers.named(here.settings.launcher).is_away:
        raise UsageError(f"{given[0]} is not for runs of another host: the settings there hold", f"usage: {usage}\n")


def check_virtualenv(here: Project) -> None:
    """Raises NoVirtualenv where the settings name one that is none."""
    path = here.settings.virtualenv_path
    if launchers.named(here.settings.launcher).is_away:
        return
    if path is not None and not interpreter.is_virtualenv(path):
        raise NoVirtualenv(path)


def launch_of(
    here: Project, work_tree: WorkTree, code: Snapshot, typed: str, params: dict[str, str], args: Namespace
) -> Launch:
    """A run of that code and command, from this work tree. Of the arguments it takes `description`, by now one text or
    None, `keep` and `retry`."""
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
        retry=args.retry,
        notes={
            "params": params or None,
            "base": head if head != code.commit else None,
            "dirty": True if is_dirty else None,
            "branch": work_tree.state.branch,
        },
    )


# --- what is said of it


def code_to_be(here: Project, work_tree: WorkTree) -> Snapshot:
    """The code of a run that is only shown: HEAD, on top of which a snapshot would be. Raises GitFailed."""
    return Snapshot(work_tree.state.commit or "", [], {}) if here.settings.dirty == "snapshot" else work_tree.head


def place_of(here: Project, work_tree: WorkTree, code: Snapshot) -> str:
    """At what a run of that code would be started, in words."""
    count = len(changes(here, work_tree.state)) if here.settings.dirty == "snapshot" else 0
    snapshot = f"a snapshot of {counted(count, 'change')} on top of " if count else ""
    return snapshot + (f"commit {code.commit}" if code.commit else "a first commit")


def at(here: Project, fields: Record, work_tree: WorkTree) -> str:
    """At what a run was started, in words."""
    base = f", a snapshot on top of {short(here.repository, fields['base'])}" if "base" in fields else ""
    subject = f" ({escape(work_tree.subject)})" if work_tree.subject else ""
    return f"{short(here.repository, fields['commit'])}{base}{subject}"


# --- what to beware of


def warn_of(here: Project, fields: Record, untracked: Untracked | None) -> None:
    """Warn of what may make the run something else than the person expects."""
    if secrets := possible_secrets(fields.text("input-command")):
        warn(f"the record, which others may read, holds what looks secret: {', '.join(secrets)}; pass it in a variable")
    _warn_of_flags(here, fields)
    is_isolated = fields.is_isolated  # its own work tree has what is kept
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


def _warn_of_flags(here: Project, fields: Record) -> None:
    """Say where flags that are for another program may have gone to the last one of the command."""
    typed = fields.text("input-command")
    if not has_several_programs(typed) or launchers.named(here.settings.launcher).is_away:
        return
    if flags := added_flags(typed, here.settings):
        ways = "to place them: <tb-dir> and <save-path> in it; to have none: --tb-dir-flag=None --save-path-flag=None"
        warn(f"the last program of the command gets {' and '.join(flags)}; {ways}")


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
