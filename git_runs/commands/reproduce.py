"""Check out the code of a run, and show the command that runs it again."""

from __future__ import annotations

import os
import sys

from .. import git, lifecycle, project, query, refs
from ..command_line import quote
from ..errors import RefGone, RefMoved
from ..escape import escape
from ..record import SHAPING_SETTINGS
from ..terminal import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..git import Search
    from ..project import Project
    from ..record import Run, Value


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show the commands")


def run(args: Namespace, search: Search) -> int:
    """Only a clean tree is left for the run's commit: git would carry other edits along."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    commit = _commit(one)
    command = _command(here, one)
    if not args.dry_run:
        _check_out(here, commit)
    print("To reproduce:")
    if args.dry_run:
        print(f" git checkout {commit}")
    print(f" {command}")
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
    state = git.read_status(git.start_status())
    lifecycle.check_clean(here, state, "a checkout would mix the changes with the run's code")
    print(escape(git.checkout(commit).rstrip(), keep="\n"), file=sys.stderr)
    if state.branch:
        hint(f"to go back: git switch {state.branch}")


def _command(here: Project, run: Run) -> str:
    """The line that starts the run again from the current directory, to be pasted into a shell."""
    typed = run.record.text("input-command") or run.record.text("command")
    words = ["git", *_directory(here, run), "runs", "new", "--timestamp", run.name, typed]
    options = [("description", run.record.text("description")), *_changed_settings(here, run)]
    return " ".join([*map(_quote, words), *(f"--{key}={_quote(value)}" for key, value in options)])


def _quote(word: str) -> str:
    return quote(word, for_terminal=sys.stdout.isatty())


def _directory(here: Project, run: Run) -> list[str]:
    """Where the command has to be started, unless that is here."""
    top, cwd = here.repository.top, run.record.text("cwd") or "."
    if top is None or os.path.normpath(cwd) == os.path.normpath(here.repository.prefix or "."):
        return []
    return ["-C", os.path.normpath(os.path.join(top, cwd))]


def _changed_settings(here: Project, run: Run) -> Iterator[tuple[str, str]]:
    """Keys and values of the settings that shaped the command and are different today."""
    recorded = run.record.get("settings")
    if not isinstance(recorded, dict):
        return
    for key in SHAPING_SETTINGS:
        today = getattr(here.settings, key.replace("-", "_"))
        if key not in recorded or recorded[key] == today:
            continue
        if isinstance(today, list):
            # An empty value forgets those that are configured today.
            yield from ((key, value) for value in ([""] if today else []) + _as_list(recorded[key]))
        else:
            yield key, "None" if recorded[key] is None else str(recorded[key])


def _as_list(value: Value) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
