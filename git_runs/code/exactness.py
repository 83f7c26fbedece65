"""Whether a commit keeps the bytes of a work tree: line ends, filters and executable bits may come back otherwise."""

from __future__ import annotations

import uuid
from contextlib import suppress

from ..errors.system import GitFailed
from ..system.git import variables
from . import index
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .index import File

CHUNK = 64 << 20  # bytes of files that are compared at once


def inexact(copy: Tree, base: str | None, code: str, changed: list[str]) -> list[str]:
    """The files that a checkout of the tree `code` would give other bytes than they have now: of those that are others
    than in `base`, or changed as far as git status sees it."""
    return differing(copy, _blobs(copy, base, code, changed))


def differing(copy: Tree, files: Iterable[File]) -> list[str]:
    """Those of the files, given by mode, blob and path, that are not as a checkout makes them of their blobs."""
    # As a checkout will be: with the attributes of the copy, but without the options of our own command line.
    environment = variables.without_repository() | {"GIT_INDEX_FILE": copy.environment["GIT_INDEX_FILE"]}
    return _differing(Tree(copy.top, copy.git_dir, environment), files)


def depending_on_settings(copy: Tree, files: list[File]) -> list[str]:
    """Those of the files that would not be so once the settings and attributes that no commit holds are gone."""
    if not files:
        return []
    with copy.without_settings() as elsewhere:
        return _differing(elsewhere, files)


def _differing(tree: Tree, files: Iterable[File]) -> list[str]:
    chunk: list[tuple[str, str]] = []
    size = 0
    found: list[str] = []
    for mode, blob, path in files:
        if tree.is_executable(path) != (mode == index.EXECUTABLE):  # core.fileMode
            found.append(path)
            continue
        chunk.append((blob, path))
        size += tree.size(path)
        if size > CHUNK:
            found += _differing_in(tree, chunk)
            chunk, size = [], 0
    return found + _differing_in(tree, chunk)


def _blobs(copy: Tree, base: str | None, code: str, changed: list[str]) -> Iterator[File]:
    """Modes, hashes and paths; links and submodules are not converted, and so left out."""
    empty = base or copy.run("hash-object", "-t", "tree", "--stdin", stdin="").strip()
    # ":<modes> <objects> <status>" and the path, in turns.
    words = copy.words("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=d", empty, code)
    for header, path in zip(words[0::2], words[1::2], strict=True):
        _, mode, _, blob, _ = header.split(" ")
        if mode.startswith("100"):
            yield mode, blob, path
    if unseen := set(changed) - set(words[1::2]):
        yield from (file for file in copy.files() if file[2] in unseen)


def _differing_in(tree: Tree, files: list[tuple[str, str]]) -> list[str]:
    """Those of the files, given by blob and path."""
    simple = [file for file in files if "\n" not in file[1]]
    made: dict[tuple[str, str], bytes | None] = {}
    with suppress(GitFailed, ValueError):  # where it fails for one of them, or has not the blob
        made |= zip(simple, _checked_out(tree, simple), strict=True)
    made |= {file: _one_checked_out(tree, *file) for file in files if file not in made}
    return [file[1] for file in files if made[file] != _content(tree, file[1])]


def _checked_out(tree: Tree, files: list[tuple[str, str]]) -> list[bytes]:
    """What a checkout makes of the files; raises GitFailed."""
    if not files:
        return []
    # The size that cat-file prints is that of the object, before filters: a line that no file holds separates them.
    separator = uuid.uuid4().hex
    requests = "".join(f"{blob} {path}\n" for blob, path in files)
    answer = tree.start("cat-file", f"--batch={separator}", "--filters", stdin=requests).bytes()
    return [content[:-1] for content in answer.split(separator.encode() + b"\n")[1:]]


def _one_checked_out(tree: Tree, blob: str, path: str) -> bytes | None:
    """What a checkout makes of a file; None where it fails."""
    with suppress(GitFailed):
        return tree.start("cat-file", "--filters", f"--path={path}", blob).bytes()
    return None


def _content(tree: Tree, path: str) -> bytes | None:
    try:
        with open(tree.place(path), "rb") as file:
            return file.read()
    except OSError:
        return None
