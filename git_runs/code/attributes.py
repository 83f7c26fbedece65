"""Files that a checkout may give other bytes though git status calls them unchanged: their attributes have changed
since they were checked out. gitattributes(5)
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..system.git.config import ConfigEntry
    from .index import Entry

FILE = ".gitattributes"
CONVERTING = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")  # those that change bytes
_NAMES_ONE = re.compile(rf"\b(?:binary|{'|'.join(CONVERTING)})\b")  # "binary" is "-diff -merge -text"


def touched(copy: Tree, base: str | None, changed: Iterable[str], of_the_user: str) -> list[Entry]:
    """The files, as the copied index has them, for which attributes that change bytes are others now.

    They are so since the commit `base` by `changed` paths, or by a newer file that git does not track: info/attributes,
    and that at `of_the_user`. Where there is none of these, git is asked nothing. Raises GitFailed.
    """
    directories = [os.path.dirname(path) for path in changed if os.path.basename(path) == FILE] if base else []
    newest = max(map(_changed_at, (copy.common_file("info", "attributes"), of_the_user)))
    if not directories and not newest:
        return []
    files = [entry for entry in copy.files() if copy.has(entry.name)]
    below = tuple(f"{directory}/" if directory else "" for directory in directories)
    moved = [entry for entry in files if below and entry.name.startswith(below)]
    older = [entry for entry in files if copy.changed_at(entry.name) <= newest]
    found = _with_other_attributes(copy, base, moved) | _with_attributes(copy, older)
    return [entry for entry in files if entry.name in found]


def file_of_the_user(config: Iterable[ConfigEntry]) -> str:
    """The path of the attributes that hold in all of the user's repositories; nothing need be there."""
    configured = [entry.value or "" for entry in config if entry.key == "core.attributesfile"]
    directory = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return os.path.expanduser(configured[-1] if configured else os.path.join(directory, "git", "attributes"))


def _changed_at(path: str) -> int:
    """When the file was changed, in nanoseconds; 0 where it is not there, or changes no bytes."""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return os.fstat(file.fileno()).st_mtime_ns if _NAMES_ONE.search(file.read()) else 0
    return 0


def _with_other_attributes(copy: Tree, base: str | None, files: list[Entry]) -> set[str]:
    """The paths of those that have others now than in the commit `base`."""
    if not base or not files:
        return set()
    with copy.with_index_of(base) as before:
        was = _of(before, files)
    now = _of(copy, files)
    return {path for path in now if now[path] != was[path]}


def _with_attributes(copy: Tree, files: list[Entry]) -> set[str]:
    """The paths of those that have any."""
    none = ("unspecified",) * len(CONVERTING)
    return {path for path, values in _of(copy, files).items() if values != none} if files else set()


def _of(tree: Tree, files: list[Entry]) -> dict[str, tuple[str, ...]]:
    """What the attributes are by path, as a checkout of the index of that tree will find them."""
    paths = "".join(f"{entry.name}\0" for entry in files)
    # Path, attribute and value, in turns.
    words = tree.words("check-attr", "--cached", "-z", "--stdin", *CONVERTING, stdin=paths)
    values = zip(*[iter(words[2::3])] * len(CONVERTING), strict=True)
    return dict(zip((entry.name for entry in files), values, strict=True))
