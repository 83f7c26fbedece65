"""Files that a checkout may give other bytes though git status calls them unchanged: attributes or settings that change
bytes may be others than when the files were checked out, or lose something on the way. gitattributes(5)
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from . import index
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..system.git.config import Checkout
    from .index import File, Listing

FILE = ".gitattributes"
LINE_ENDS = ("text", "crlf", "eol")
CONTENT = ("filter", "ident", "working-tree-encoding")  # which may change bytes, but not their number
CONVERTING = (*LINE_ENDS, *CONTENT)
LFS = "lfs"  # a filter that keeps every byte, of files that may be very large: git-lfs(1)
_NAMES = re.compile(rf"\b(?:binary|{'|'.join(CONVERTING)})\b")  # "binary" is "-diff -merge -text"


class Suspects:
    """Files, as an index has them, that a checkout may give other bytes than they have in the work tree."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.moved: set[str] = set()  # those of them whose attributes are others than in the last commit
        self.filtered: set[str] = set()  # those of them that a filter changes
        self.are_converted_by_settings = False  # which no commit holds


def suspects(copy: Tree, base: str | None, changed: Iterable[str], checkout: Checkout, before: Listing) -> Suspects:
    """Those of the copied index, which has been `before` like that, and has `changed` paths since the commit `base`.

    Where neither settings nor attributes change bytes, git is asked nothing. Raises GitFailed.
    """
    found = Suspects()
    changed = list(changed)
    directories = [os.path.dirname(path) for path in changed if _is_one(path)]
    uncommitted = _named_in([copy.common_file("info", "attributes"), checkout.attributes_file])
    names = uncommitted | _named_in(copy.place(path) for path in [*before.called(FILE), *changed] if _is_one(path))
    if not (names or directories or checkout.converts or not checkout.keeps_modes):
        return found
    found.are_converted_by_settings = bool(uncommitted) or checkout.converts or checkout.writes_crlf
    files = copy.files() if changed else before.files
    sizes = copy.start("cat-file", "--batch-check=%(objectsize)", "--buffer", stdin=_lines(files)).read_ahead()
    statuses = list(copy.each_status([path for _, _, path in files]))
    found.moved = _moved(copy, base, files, directories)
    asked = [name for name in CONTENT if name in names]
    asked += LINE_ENDS if checkout.writes_crlf or not names.isdisjoint(("eol", "crlf")) else ()
    attributes = _of(copy, files, asked)
    for file, status, size in zip(files, statuses, sizes.output().splitlines(), strict=True):
        mode, _, path = file
        if status is None:
            continue
        is_other = size != str(status.st_size)
        is_suspect = not checkout.keeps_modes and bool(status.st_mode & 0o100) != (mode == index.EXECUTABLE)
        if values := attributes.get(path):
            if _is_set(values.get("filter")):
                found.filtered.add(path)
            is_suspect |= _is_converted(values, checkout, is_other=is_other)
        else:
            is_suspect |= is_other
        if (is_suspect or path in found.moved) and copy.has(path):
            found.files.append(file)
    return found


def _is_one(path: str) -> bool:
    return os.path.basename(path) == FILE


def _named_in(paths: Iterable[str]) -> set[str]:
    """The attributes that change bytes and are named in the files, which need not be there."""
    found: set[str] = set()
    for path in paths:
        with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            found.update(_NAMES.findall(file.read()))
    return found


def _lines(files: list[File]) -> str:
    """The blobs, one a line."""
    return "".join(f"{blob}\n" for _, blob, _ in files)


def _is_converted(values: dict[str, str], checkout: Checkout, *, is_other: bool) -> bool:
    """Whether a file with those attributes, whose size may be another than that of its blob, may come out otherwise."""
    if values.get("filter") == LFS:
        return not is_other  # there is only what stands for the file
    return is_other or any(_is_set(values.get(name)) for name in CONTENT) or _gets_crlf(values, checkout)


def _is_set(value: str | None) -> bool:
    return value not in (None, "unspecified", "unset")


def _gets_crlf(values: dict[str, str], checkout: Checkout) -> bool:
    """Whether a checkout may end the lines of a file with those attributes otherwise than its commit."""
    if not values.keys() >= set(LINE_ENDS) or values["text"] == "unset" or values["eol"] == "lf":
        return False
    return values["eol"] == "crlf" or checkout.writes_crlf


def _moved(copy: Tree, base: str | None, files: list[File], directories: list[str]) -> set[str]:
    """The paths of those below the directories that have other attributes now than in the commit `base`."""
    below = tuple(f"{directory}/" if directory else "" for directory in directories)
    files = [file for file in files if below and file[2].startswith(below)]
    if not base or not files:
        return set()
    with copy.with_index_of(base) as before:
        was = _of(before, files, CONVERTING)
    now = _of(copy, files, CONVERTING)
    return {path for path in now if now[path] != was[path]}


def _of(tree: Tree, files: list[File], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """What those attributes are by path and name, as a checkout of the index of that tree will find them."""
    names = list(names)
    if not names or not files:
        return {}
    paths = "".join(f"{path}\0" for _, _, path in files)
    # Path, attribute and value, in turns.
    words = tree.words("check-attr", "--cached", "-z", "--stdin", *names, stdin=paths)
    values = zip(*[iter(words[2::3])] * len(names), strict=True)
    return {file[2]: dict(zip(names, own, strict=True)) for file, own in zip(files, values, strict=True)}
