"""What is kept beside a snapshot, since no checkout of it would bring that back: the bytes of files that git changes.

They are in a commit of their own, at their paths and as they lay in the tree. It is a further parent of the snapshot,
as git-stash(1) keeps untracked files in one, so that what keeps the run's commit keeps it, too.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ..console.escape import printable
from ..errors.system import GitFailed
from ..system.git import discovery, objects, variables
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records.record import Record

EXECUTABLE, PLAIN = "100755", "100644"  # modes in trees
MESSAGE = "bytes that a checkout would give otherwise\n"


def keep(copy: Tree, paths: list[str], limit: int) -> str | None:
    """A commit of the files at those paths, from the top, byte for byte; None where there are none to keep.

    Files from which on there would be more than `limit` bytes are left out. The index of the copy is used up.
    """
    files = _within(copy, [path for path in paths if _is_file(copy, path)], limit)
    if not files:
        return None
    blobs = _store(copy, files)
    copy.run("read-tree", "--empty")
    copy.set_index((_mode(copy, path), blobs[path], path) for path in files)
    code = copy.run("write-tree").strip()
    return copy.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", code, stdin=MESSAGE).strip()


def restore(top: str, repositories: Mapping[str, str], kept: Mapping[str, str]) -> None:
    """Give the files in a work tree that was just made at `top` the bytes that were kept of them.

    `kept` has the commits that `keep` made, and `repositories` the git dirs where they are, both by the path, from the
    top, of the work tree inside; "" for the outer one. What is no file of the checkout's is left as it is. Raises
    GitFailed, and what the file system says.
    """
    for inside, commit in kept.items():
        place = os.path.join(top, inside) if inside else top
        if inside in repositories and (dirs := discovery.dirs_at(place)):
            _restore_in(Tree(place, dirs[0], variables.without_repository()), commit, repositories[inside])


def not_kept(record: Record, repository: str) -> list[str]:
    """Of the files that a checkout of the run would give other bytes, those whose bytes are not here.

    `repository` is the git dir of the run.
    """
    inexact = record.texts("inexact")
    if not inexact:
        return []
    repositories = {"": repository, **{path: inner for path, inner, _ in record.submodules}}
    here: set[str] = set()
    for inside, commit in record.kept.items():
        with suppress(GitFailed):
            files = objects.files_of(commit, repositories[inside])
            here.update(printable(f"{inside}/{path}" if inside else path) for _, _, path in files)
    return [path for path in inexact if path not in here]


def _within(tree: Tree, paths: list[str], limit: int) -> list[str]:
    """The first of the files, as long as they have no more than `limit` bytes together."""
    size = 0
    found = []
    for path in paths:
        size += tree.size(path)
        if size > limit:
            break
        found.append(path)
    return found


def _is_file(tree: Tree, path: str) -> bool:
    return tree.has(path) and stat.S_ISREG(os.lstat(tree.place(path)).st_mode)


def _mode(tree: Tree, path: str) -> str:
    return EXECUTABLE if tree.is_executable(path) else PLAIN


def _store(copy: Tree, paths: list[str]) -> dict[str, str]:
    """The blobs, by path, that hold the files as they are."""
    storing = ("hash-object", "-w", "--no-filters")
    simple = [path for path in paths if "\n" not in path]
    lines = "".join(f"./{path}\n" for path in simple)  # which git reads as paths, also where they begin with a quote
    blobs = dict(zip(simple, copy.run(*storing, "--stdin-paths", stdin=lines).split(), strict=True))
    return blobs | {path: copy.run(*storing, "--", path).strip() for path in paths if path not in blobs}


def _restore_in(tree: Tree, commit: str, repository: str) -> None:
    checked_out = {entry.name for entry in tree.files()}
    wanted = [one for one in objects.files_of(commit, repository) if one[2] in checked_out and _is_file(tree, one[2])]
    contents = objects.contents([blob for _, blob, _ in wanted], repository)
    for (mode, _, path), content in zip(wanted, contents, strict=True):
        with open(os.open(tree.place(path), os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), _permissions(os.fstat(file.fileno()).st_mode, mode))
    # Of a file of another size git would say that it is changed, without a look at it.
    tree.update_index("--add", [path for _, _, path in wanted])


def _permissions(now: int, mode: str) -> int:
    """Those that git gives a file of that mode: who may read it may execute it, or nobody."""
    return stat.S_IMODE(now) | (now & 0o444) >> 2 if mode == EXECUTABLE else stat.S_IMODE(now) & ~0o111
