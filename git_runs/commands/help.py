"""Open the manual, or its page of a command."""

from __future__ import annotations

import os

from ..cli import manual
from ..console.messages import counted, hint, warn
from ..errors.base import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search

USAGE = "git runs help [<command>]\n   or: git runs help --install"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("command", metavar="COMMAND", nargs="?")
    parser.add_argument(
        "--install",
        action="store_true",
        help="link the manual, and completion for shells, where these are looked for, in ~/.local/share",
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code of what shows the page."""
    if not args.install:
        return manual.show(manual.page_of(args.command or manual.OF_ALL))
    if args.command:
        raise UsageError("--install is for all pages", f"usage: {USAGE}\n")
    return _install()


def _install() -> int:
    from ..cli import installing

    home = installing.home()
    linked, in_the_way = installing.link_all(home)
    for directory, number in linked.items():
        print(f"Linked {counted(number, 'file')} in {os.path.join(home, directory)}")
    for path in in_the_way:
        warn(f"'{path}' is something else, and stays")
    if not manual.is_found_by_man():
        hint(f"man does not look there yet: export MANPATH={os.path.join(home, 'man')}:")
    if any(directory.startswith("zsh/") for directory in linked):
        hint(f"for zsh, before compinit in ~/.zshrc: fpath+=({os.path.join(home, 'zsh/site-functions')})")
    return 1 if in_the_way else 0
