"""Change the description of a run."""

from __future__ import annotations

from .. import project
from ..console.questions import edited
from ..errors.commands import NoDescription
from ..records import query
from ..system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..records.record import Run
    from ..records.store import Store
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "-m",
        "--description",
        metavar="TEXT",
        action="append",
        help="the new description, instead of the editor; each further one is a paragraph",
    )


def run(args: Namespace, search: Search) -> int:
    """The record is locked only while the description is written, not while it is edited."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    if args.description is not None:
        _describe(here.store, one, "\n\n".join(args.description))
        return 0
    old = one.record.text("description")
    with edited(old, editor=config.editor(), directory=here.repository.git_dir) as text:
        if not text:
            raise NoDescription("it stays as it was")
        _describe(here.store, one, text)
    return 0


def _describe(store: Store, run: Run, text: str) -> None:
    with store.change(run) as fields:
        fields["description"] = text
