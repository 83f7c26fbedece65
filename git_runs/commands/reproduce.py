"""Check out the code of a run, and show the command that runs it again."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress

from .. import launchers, project
from ..cli.arguments import named
from ..cli.hashes import short
from ..code import keeping, refs, stand_in
from ..code.work_tree import WorkTree, check_clean
from ..config import layers, runsrc
from ..console.escape import escape
from ..console.messages import hint, report_all, warn
from ..console.questions import confirm
from ..environment import restoring
from ..environment.restored import Restored, links_to, virtualenv_of
from ..errors.base import UsageError
from ..errors.code import HiddenChanges, NotClean, RefMoved
from ..errors.commands import NoCommand
from ..errors.records import NoEnvironment
from ..errors.reproducing import GoesOn, NotTheSame, PlaceTaken
from ..records import query
from ..records.record import MOUNT, SHAPING_SETTINGS, UNKNOWN, UNRECORDED_SETTINGS, Record, Run, to_text
from ..reproducing import comparison, preconditions
from ..running import adoption, launch, lifecycle, own_tree, registration, rerun
from ..running.command_line import quote
from ..running.launch import Launch
from ..sharing import commits
from ..system import processes, signals, whoami
from ..system.git import discovery, status, worktrees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from ..config.settings import Settings
    from ..project import Project
    from ..records.record import Value
    from ..system.git.discovery import Repository, Search


WORKTREE_HINT = "or check it out beside this one: --worktree"
KEPT_HINT = "to get these back: --worktree or --run"
COPY_HINT = "to have it: copy environments/ from the runs dir where it was recorded, or export there and import here"
_UNKNOWN = "?"  # equals no recorded value
USAGE = (
    "git runs reproduce [-n | --check | --worktree[=<path>]] [<name>]\n"
    "   or: git runs reproduce --run[=<newname>] [--restore] [--wait] [-y] [<name>]\n"
    "   or: git runs reproduce --run[=<newname>] --host=<host> [-y] [<name>]"
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: the newest run")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("-n", "--dry-run", action="store_true", help="only show the commands")
    way.add_argument("--check", action="store_true", help="only print what is missing or has changed")
    way.add_argument("--worktree", metavar="PATH", nargs="?", help="check out into a new work tree")
    way.add_argument("--run", metavar="NEWNAME", nargs="?", help="start it again, in a work tree of its own")
    parser.add_argument("--restore", action="store_true", help="with --run: with the packages that it had")
    parser.add_argument("--wait", action="store_true", help="with --run: wait, and compare what it puts out")
    parser.add_argument("--host", metavar="HOST", help="with --run: on another host, with packages and variables there")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before a command of others is run")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where `--check` finds anything, or a run that was waited for is not equal."""
    if args.run is None and (args.restore or args.wait or args.yes):
        raise UsageError("--restore, --wait and --yes go with --run", f"usage: {USAGE}\n")
    if args.host and (args.run is None or args.restore or args.wait):
        raise UsageError("--host goes with --run, and without --restore and --wait", f"usage: {USAGE}\n")
    work_tree = WorkTree()
    here = project.find(search, {"launcher": [launchers.of_host(args.host)]} if args.host else {})
    (one,) = adoption.find_all(here, [named(here, args.name)])
    commits.bring(here, one)
    if one.remote is not None:  # of others there has to be a runs dir already
        registration.prepare(here)
    if args.run is not None and one.record.is_open:
        raise GoesOn(one.name)
    today = work_tree.environment()
    variables = today if args.run is None else rerun.variables_of(here, one, today)
    isolate = rerun.isolation(here, one) if args.run is not None else ""
    restored = None
    if args.restore:
        restored = _restore(here, one, variables, today, asks=not args.yes, mounts=isolate == MOUNT)
        variables = restored.environment(variables)
    inner = preconditions.submodules(here, one.record)
    is_mounted = one.record.is_mounted if args.run is None else isolate == MOUNT
    given = today if one.record.is_elsewhere and not restored else variables
    problems = [] if args.host else preconditions.check(here, one, inner, given, restored, is_mounted=is_mounted)
    if args.check:
        exit_code = report_all([NotTheSame(problem) for problem in problems])
        _hint_at_restoring(here, one, problems)
        return exit_code
    commit = _commit(one)
    has_command = bool(one.record.typed_command.strip())
    if not has_command and (args.run is not None or not (one.record.is_imported or one.record.status == UNKNOWN)):
        raise NoCommand(one.name)
    if args.run is not None or args.worktree is not None:
        keeping.Kept(here.repository.common_dir, commit, inner, one.record.kept).check()
    for problem in preconditions.shortened(problems):
        warn(problem)
    if args.run is not None:
        if not args.restore:
            _hint_at_restoring(here, one, problems)
        return _run_again(here, one, rerun.prepare(here, one, isolate, inner, variables, restored), args, today)
    if args.worktree is not None:
        return _into_work_tree(here, one, commit, inner, args.worktree)
    _warn_of_plain_checkout(here, one.record, inner)
    if args.dry_run:
        settings = None if status.differs(commit, runsrc.NAME) else _settings(here.repository, one)
        lines = [f"git checkout --no-overwrite-ignore {commit}", _command(here.repository, one, settings)]
    else:
        _check_out(here, work_tree, commit)
        lines = [_command(here.repository, one, _settings(discovery.Search().repository(), one))]
    _print(lines)
    return 0


def _hint_at_restoring(here: Project, one: Run, problems: list[str]) -> None:
    if preconditions.can_be_restored(here, one.record, problems):
        hint(f"to have the packages that it had: git runs reproduce --run --restore {one.name}")


def _warn_of_plain_checkout(here: Project, record: Record, inner: Iterable[tuple[str, str, str]]) -> None:
    """Name what is kept with the run, and what a checkout of its commit alone does not bring back."""
    if not record.kept:
        return
    if inexact := record.texts("inexact"):
        warn(f"a plain checkout gives other bytes than the run had: {', '.join(inexact)}")
    inner = list(inner)
    kept = keeping.Kept(here.repository.common_dir, record.text("commit"), inner, record.kept)
    for path in (path for path, _, _ in inner if kept.can_revive(path)):
        warn(f"a plain checkout does not hold the repository '{path}', which is kept with the run")
    hint(KEPT_HINT)


def _print(lines: list[str]) -> None:
    print("\n ".join(["To reproduce:", *lines]))


# --- starting it again


def _run_again(here: Project, one: Run, prepared: Launch, args: Namespace, today: dict[str, str]) -> int:
    settings = _settings(here.repository, one, of_the_run=True)
    settings.history = here.settings.history  # which shapes no run
    if args.host:
        settings.launcher = here.settings.launcher
    if prepared.restored and settings.virtualenv_path and not prepared.restored.stands_in:
        settings.virtualenv_path = prepared.restored.path
    again = project.Project(here.repository, settings, here.umask)
    if args.run:
        refs.validate(args.run)
        refs.Neighbours(args.run).check(hint="")
    if not args.yes and _is_somebody_elses(one):
        _confirm(
            one, prepared.record(again, args.run or rerun.free_name(here, one.own_name)), prepared.environment, today
        )
    with signals.held():
        fields, started = rerun.start(again, prepared, one.own_name, args.run)
        exit_code = launch.go_on(started, lambda target: _say(again, one, fields, target))
    return _wait_and_compare(here, Run(fields["name"], fields)) if args.wait else exit_code


def _say(again: Project, one: Run, fields: Record, target: TextIO) -> None:
    """What was started, and what to beware of."""
    commit = short(again.repository, fields.text("commit"))
    place = launchers.place_of(fields) if launchers.is_away(fields) else None
    at = f"{commit}, {place}" if place else commit
    print(f"Started run '{fields['name']}' to reproduce '{one.name}' at {at}", file=target)
    own_tree.warn_of_limits(again, fields, None, include=(), original=one.record)


def _restore(
    here: Project, one: Run, variables: dict[str, str], today: dict[str, str], *, asks: bool, mounts: bool
) -> Restored:
    """The virtualenv that the run is to have instead of the recorded one; raises NoEnvironment, NotRestored, and
    Declined or NotConfirmed, since to build a package of somebody else's is to run it."""
    _commit(one)  # before anything takes long
    environments = here.store.environments
    recorded = environments.of(one.record)
    packages = environments.packages(recorded.get("packages"))
    if packages is None:
        raise NoEnvironment("the list of packages of the run is not in the runs dir", COPY_HINT)
    recorded = Record({**recorded, **environments.contents(recorded)})
    top = here.repository.top or "/"
    if asks and _is_somebody_elses(one):
        shown = _what_installing_runs(recorded, packages, top)
        confirm(f"Install the packages of {_whose(one)}?", shown, doing="install packages of somebody else's")
    there = one.record.text("top") if mounts else None
    path = restoring.restore(recorded, packages, top=top, there=there, environment=today, say=_note)
    virtualenv = virtualenv_of(recorded)
    links = links_to(virtualenv, rerun.links(here, one))
    can_stand = bool(links) or (os.path.isabs(virtualenv or "") and stand_in.can_stand_at(virtualenv or ""))
    stands_in = mounts and can_stand
    return Restored(path=path, virtualenv=virtualenv, links=links, variables=variables, stands_in=stands_in)


def _what_installing_runs(recorded: Record, packages: list[str], top: str) -> list[str]:
    """Lines with all of somebody else's record that may run as code before, or while, its command does."""
    executable = restoring.executable_of(recorded, top)
    python = [f"is asked for its version: {executable}"] if os.path.isfile(executable) else []
    files = restoring.code_in(recorded, packages).items()
    texts = [line for title, text in files for line in (f"{title}:", *(f"  {one}" for one in text.splitlines()))]
    return [*packages, *python, *texts]


def _note(line: str) -> None:
    print(escape(line), file=sys.stderr)


def _is_somebody_elses(one: Run) -> bool:
    is_ours = one.record.is_local or launchers.is_away(one.record)
    return not is_ours or one.record.text("user") != whoami.user()


def _whose(one: Run) -> str:
    return f"{one.record.text('user')} on {one.record.text('host')}"


def _confirm(one: Run, fields: Record, variables: dict[str, str], today: dict[str, str]) -> None:
    """Show all that somebody else's record would have run here."""
    changed = [f"{key}={value}" for key, value in variables.items() if today.get(key) != value]
    confirm(
        f"Run the command of {_whose(one)}?",
        [fields.text("command"), f"shell: {fields['settings']['shell']}", *changed],
        doing="run a command of somebody else's",
    )


def _wait_and_compare(here: Project, started: Run) -> int:
    found = _when_judged(here, started)
    outcome = found.text("reproduction")
    print(f"Reproduction: {outcome or 'unknown'}")
    for difference in found.texts("differences"):
        print(f"  {escape(difference)}")
    for line in found.texts("unchecked"):
        print(f"  note: {escape(line)}")
    return int(outcome != comparison.EQUAL)


def _when_judged(here: Project, started: Run) -> Record:
    """Its record after its end, once it says how it compares: that may come later. Empty where it was deleted."""
    process: dict[str, object] = {}
    while going := lifecycle.wait(here, [started], timeout=1.0):
        process = going[0].record.get("process") or process
    while (now := here.store.find(started)) and "reproduction" not in now.record and processes.is_alive(process):
        processes.wait_for_end(process, processes.MOMENT)
    return now.record if now else Record()


# --- checking it out


def _into_work_tree(here: Project, one: Run, commit: str, inner: Iterable[tuple[str, str, str]], place: str) -> int:
    top = here.repository.top or here.repository.common_dir
    path = os.path.abspath(place or f"{top}-{one.own_name.replace('/', '-')}")
    if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise PlaceTaken(path)
    inner = list(inner)
    patterns = one.record.sparse_inside
    kept = keeping.Kept(here.repository.common_dir, commit, inner, one.record.kept)
    worktrees.make(here.repository.common_dir, path, commit, one.record.sparse)
    for inside, repository, wanted in inner:
        if kept.is_here(inside):
            worktrees.make(repository, keeping.inside(path, inside), wanted, patterns.get(inside, []))
        elif repository:
            kept.revive(path, inside, patterns.get(inside, []))
    kept.restore(path, one.record.texts("inexact"))
    there = discovery.repository_at(path)
    print(f"The run's code is in '{escape(path)}'.")
    _print([_command(there, one, _settings(there, one), always_there=True)])
    return 0


def _commit(run: Run) -> str:
    """The full hash that both the ref and the record have; of a run of a remote, that of the record, which is here.
    Raises RefGone or RefMoved."""
    recorded = run.record.text("commit")
    if run.remote is not None:
        return recorded
    commit = refs.commit_of(run.name)
    if commit is None:
        raise refs.gone(run)
    if commit != recorded:
        raise RefMoved(refs.ref(run.name), commit, recorded)
    return commit


def _check_out(here: Project, work_tree: WorkTree, commit: str) -> None:
    before = work_tree.state
    check_clean(here, before, "a checkout would mix the changes with the run's code", WORKTREE_HINT)
    if hidden := work_tree.hidden(here):
        raise HiddenChanges(hidden)
    for name in query.going_on_here(here.store):
        warn(f"run '{name}' goes on: if it runs in this work tree, what it loads from now on is other code")
    print(escape(worktrees.switch(commit, here.repository.git_dir).rstrip(), keep="\n"), file=sys.stderr)
    back = _quote(before.branch) if before.branch else f"--detach {before.commit}"
    hint(f"to go back: git switch {back}")
    try:
        check_clean(here, status.read(status.start()), "it is not what the run had")
    except NotClean as error:
        warn(error.message)
        hint("to bring submodules to their commits: git submodule update --init --recursive")


def _command(repository: Repository, run: Run, today: Settings | None, *, always_there: bool = False) -> str:
    """The line that starts the run again in `repository`, to be pasted into a shell in the current directory.

    `today` are the settings that it will meet; None: nobody knows.
    """
    typed = run.record.typed_command
    if not typed.strip():
        return "# the command is not known: there was only the ref"
    words = ["git", *_directory(repository, run, always_there), "runs", "new", "--timestamp", run.own_name]
    options = [("description", run.record.text("description")), *_changed_settings(run, today)]
    given = run.record.get("params")
    options += [("param", f"{key}={value}") for key, value in (given.items() if isinstance(given, dict) else ())]
    if times := rerun.retries(run):
        options.append(("retry", str(times)))
    if launcher := _own_launcher(run, today):
        options.append(("launcher", launcher))
    flags = [f"--{key}={_quote(value)}" for key, value in options]
    if isolation := _own_isolation(run, today):
        flags.append("--isolate" if isolation == own_tree.TREE else f"--isolate={isolation}")
    if typed.startswith("-"):
        if given := _words_given(typed):
            return " ".join([*map(_quote, words), *flags, "--", *map(_quote, given)])
        typed = f" {typed}"  # which is the same to a shell, and no option
    return " ".join([*map(_quote, [*words, typed]), *flags])


def _words_given(typed: str) -> list[str]:
    """The words that were given after `--`, of which we made that command; none where it was made otherwise."""
    with suppress(ValueError):  # a quote without an end
        words = shlex.split(typed)
        return words if shlex.join(words) == typed else []
    return []


def _quote(word: str) -> str:
    return quote(word, for_terminal=sys.stdout.isatty())


def _directory(repository: Repository, run: Run, always_there: bool) -> list[str]:
    """Where the command has to be started, unless that is here."""
    if repository.top is None or (rerun.prefix(run) == repository.prefix and not always_there):
        return []
    return ["-C", os.path.join(repository.top, rerun.prefix(run)).rstrip("/") or "/"]


def _at(repository: Repository, run: Run) -> Repository:
    """The repository seen from the run's directory, without the settings of our own command line."""
    config_files = [entry for entry in repository.config if entry.scope != "command"]
    return discovery.Repository(
        repository.git_dir, repository.common_dir, repository.top, rerun.prefix(run), config_files
    )


def _settings(repository: Repository, run: Run, *, of_the_run: bool = False) -> Settings:
    """Today's settings for a command in the run's directory; or those of the run as far as it has recorded them."""
    options: dict[str, list[str]] = {}
    for key, value in _changed_settings(run, None) if of_the_run else ():
        options.setdefault(key, []).append(value)
    today = layers.load(_at(repository, run), options)
    if of_the_run and not launchers.is_away(run.record) and (own := _own_launcher(run, today)):
        today.launcher = own
    return today


def _own_launcher(run: Run, today: Settings | None) -> str | None:
    """The launcher of the run, if it is not the default one, and nobody has chosen another for today."""
    default, own = launchers.NAMES[0], launchers.name_of(run.record)
    return own if own != default and (today is None or today.launcher == default) else None


def _own_isolation(run: Run, today: Settings | None) -> str | None:
    """How the run was isolated, if that is not as today's setting has it."""
    setting = today.isolate if today else ""
    if run.record.is_mounted:
        return None if setting.startswith(MOUNT) else MOUNT
    return own_tree.TREE if run.record.is_isolated and not setting else None


def _changed_settings(run: Run, today: Settings | None) -> Iterator[tuple[str, str]]:
    """Keys and values of the settings that shaped the command and are not surely the same today."""
    recorded = run.record.get("settings")
    if not isinstance(recorded, dict):
        return
    recorded = {**UNRECORDED_SETTINGS, **recorded}
    for key in SHAPING_SETTINGS:
        if key not in recorded:
            continue
        now = getattr(today, key.replace("-", "_"), _UNKNOWN)
        if key == "extra-flag":
            flags = _as_list(recorded[key])
            if flags != now:
                # An empty value forgets those that are configured.
                yield from ((key, value) for value in ([""] if now else []) + flags)
        elif recorded[key] != now:
            yield key, "None" if recorded[key] is None else str(recorded[key])


def _as_list(value: Value) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [to_text(value)] if value else []
