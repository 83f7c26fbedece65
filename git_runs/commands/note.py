"""Add a remark to runs, with date and author; `git runs show` shows all of them."""

from __future__ import annotations

from .. import project
from ..cli.arguments import add_message, add_patterns, given_message, selected_or_newest
from ..console.questions import edited
from ..errors.base import few
from ..errors.commands import NoNote
from ..records import query, remarks
from ..system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ..records.record import Run
    from ..records.store import Store
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    add_message(parser, help="the remark, instead of the editor; each further one is a paragraph")


def run(args: Namespace, search: Search) -> int:
    """The same remark for all of the runs; for the newest where none is named."""
    here = project.find(search)
    runs = query.find_all(here.store, selected_or_newest(here, args))
    if (given := given_message(args)) is not None:
        _add(here.store, runs, given)
        return 0
    names = few([f"'{one.name}'" for one in runs])
    what = f"a remark on {names}"
    with edited("", what, editor=config.editor(), directory=here.repository.git_dir) as text:
        _add(here.store, runs, text)
    return 0


def _add(store: Store, runs: Iterable[Run], text: str) -> None:
    if not text.strip():
        raise NoNote
    for one in runs:
        with store.change(one) as fields:
            remarks.add_note(fields, text.strip())
