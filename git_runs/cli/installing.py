"""Links to what man(1) and shells read, from where they look for it: for ways to install that link only the program."""

from __future__ import annotations

import os

from ..errors.cli import NothingToLink
from ..system import files
from . import manual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "/git_runs/share/"  # in the paths that links of ours lead to, of whatever installation


def home() -> str:
    """Where a user's own data are: XDG Base Directory Specification."""
    return os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")


def link_all(home: str) -> tuple[dict[str, int], list[str]]:
    """Link all of it below that directory. Gives how many files are linked now, by directory below it, and the paths at
    which something else was in the way, which stays. Raises NothingToLink in a checkout."""
    linked: dict[str, int] = {}
    in_the_way = []
    for source in _found():
        below = os.path.relpath(source, manual.SHARE)
        place = os.path.join(home, below)
        if _link(source, place):
            directory = os.path.dirname(below)
            linked[directory] = linked.get(directory, 0) + 1
        else:
            in_the_way.append(place)
    if not linked and not in_the_way:
        raise NothingToLink
    return linked, in_the_way


def _found() -> Iterator[str]:
    documents = os.path.join(manual.SHARE, "doc")
    return (path for path in sorted(files.files_below(manual.SHARE)) if not files.is_below(path, documents))


def _link(source: str, place: str) -> bool:
    if os.path.lexists(place):
        if not os.path.islink(place) or MARK not in os.readlink(place):
            return False
        os.unlink(place)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(source, place)
    return True
