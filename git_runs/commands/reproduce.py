"""Check out the code of a run, and show the command that runs it again."""

from __future__ import annotations

import os
import shlex
import sys

from .. import config, git, project, query, refs
from ..command_line import quote
from ..errors import NoCommand, NotClean, RefGone, RefMoved
from ..escape import escape
from ..record import SHAPING_SETTINGS, to_text
from ..terminal import hint, warn
from ..work_tree import check_clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..config import Settings
    from ..git import Repository, Search
    from ..project import Project
    from ..record import Run, Value


_UNKNOWN = "?"  # equals no recorded value


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show the commands")


def run(args: Namespace, search: Search) -> int:
    """Only a clean tree is left for the run's commit: git would carry other edits along."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    commit = _commit(one)
    if not _typed(one).strip():
        raise NoCommand(one.name)
    if args.dry_run:
        settings = None if git.differs(commit, config.RUNSRC) else _settings(here.repository, one)
        lines = [f"git checkout {commit}", _command(here, one, settings)]
    else:
        _check_out(here, commit)
        lines = [_command(here, one, _settings(git.Search().repository(), one))]
    print("\n ".join(["To reproduce:", *lines]))
    return 0


def _commit(run: Run) -> str:
    """The full hash that both the ref and the record tell; raises RefGone or RefMoved."""
    recorded = run.record.text("commit")
    commit = refs.commit_of(run.name)
    if commit is None:
        raise RefGone(refs.ref(run.name), recorded, is_here=git.resolve(recorded) is not None)
    if commit != recorded:
        raise RefMoved(refs.ref(run.name), commit, recorded)
    return commit


def _check_out(here: Project, commit: str) -> None:
    before = git.read_status(git.start_status())
    check_clean(here, before, "a checkout would mix the changes with the run's code")
    for name in query.going_on_here(here.store):
        warn(f"run '{name}' goes on: if it runs in this work tree, what it loads from now on is other code")
    print(escape(git.checkout(commit).rstrip(), keep="\n"), file=sys.stderr)
    if before.branch:
        hint(f"to go back: git switch {_quote(before.branch)}")
    try:
        check_clean(here, git.read_status(git.start_status()), "it is not what the run had")
    except NotClean as error:
        warn(error.message)
        hint("to bring submodules to their commits: git submodule update --init --recursive")


def _command(here: Project, run: Run, today: Settings | None) -> str:
    """The line that starts the run again from the current directory, to be pasted into a shell.

    `today` are the settings that it will meet; None: nobody knows.
    """
    typed = _typed(run)
    words = ["git", *_directory(here, run), "runs", "new", "--timestamp", run.name]
    options = [("description", run.record.text("description")), *_changed_settings(run, today)]
    flags = [f"--{key}={_quote(value)}" for key, value in options]
    if typed.startswith("-"):  # it can only have come from behind "--"
        return " ".join([*map(_quote, words), *flags, "--", *map(_quote, shlex.split(typed))])
    return " ".join([*map(_quote, [*words, typed]), *flags])


def _typed(run: Run) -> str:
    return run.record.text("input-command") or run.record.text("command")


def _quote(word: str) -> str:
    return quote(word, for_terminal=sys.stdout.isatty())


def _directory(here: Project, run: Run) -> list[str]:
    """Where the command has to be started, unless that is here."""
    if here.repository.top is None or _prefix(run) == here.repository.prefix:
        return []
    return ["-C", os.path.join(here.repository.top, _prefix(run)).rstrip("/") or "/"]


def _prefix(run: Run) -> str:
    """The run's directory as git tells one, from the top of the work tree: "" or "sub/dir/"."""
    directory = os.path.normpath(run.record.text("cwd") or ".")
    return "" if directory == "." else directory + "/"


def _settings(repository: Repository, run: Run) -> Settings:
    """The settings for a command in the run's directory, without those of our own command line."""
    config_files = [entry for entry in repository.config if entry.scope != "command"]
    there = git.Repository(repository.git_dir, repository.common_dir, repository.top, _prefix(run), config_files)
    return config.load(there, {})


def _changed_settings(run: Run, today: Settings | None) -> Iterator[tuple[str, str]]:
    """Keys and values of the settings that shaped the command and are not surely the same today."""
    recorded = run.record.get("settings")
    if not isinstance(recorded, dict):
        return
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
