"""Change the description of a run."""

from __future__ import annotations

from argparse import SUPPRESS

from .. import project
from ..cli.arguments import add_message, given_message, named
from ..console.escape import escape
from ..console.questions import edited
from ..errors.base import UsageError
from ..errors.commands import NoDescription
from ..records import query
from ..system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..records.record import Run
    from ..records.store import Store
    from ..system.git.discovery import Search

USAGE = "usage: git runs describe [-m <text> | -F <file>]... <name>\n"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE.removeprefix("usage: ").rstrip()
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("text", nargs="*", default=[], help=SUPPRESS)
    add_message(parser, help="the new description, instead of the editor; each further one is a paragraph")


def run(args: Namespace, search: Search) -> int:
    """The record is locked only while the description is written, not while it is edited."""
    if args.text:
        raise UsageError(f"a description is given with -m: git runs describe {args.name} -m <text>", USAGE)
    here = project.find(search)
    one = query.find(here.store, named(here, args.name))
    if (given := given_message(args)) is not None:
        _describe(here.store, one, given)
        return 0
    old = one.record.text("description")
    what = f"the description of run '{one.name}'"
    with edited(old, what, editor=config.editor(), directory=here.repository.git_dir) as text:
        if not text:
            raise NoDescription("it stays as it was")
        _describe(here.store, one, text)
    return 0


def _describe(store: Store, run: Run, text: str) -> None:
    with store.change(run) as fields:
        old = fields.text("description")
        fields["description"] = text
        fields.mark_edited("description")
    if old and not text:
        print(f"Removed the description of run '{run.name}' (was '{escape(old)}')")
