"""What is kept beside a snapshot, since no checkout of it would bring that back: the bytes of files that git changes,
and repositories inside the work tree that may go away by themselves, such as a clone.

It is in a commit of its own: the files at their paths, as they lay in the tree; of a repository, below its path, the
tree and the raw commit of its snapshot, and what is kept beside that. The commit is a further parent of the snapshot,
as git-stash(1) keeps untracked files in one, so that what keeps the run's commit keeps it, too.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ..console.escape import printable
from ..errors.system import GitFailed
from ..system.git import calls, discovery, objects, variables, worktrees
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..records.record import Record

EXECUTABLE, PLAIN = "100755", "100644"  # modes in trees
TREE, COMMIT, KEPT = "tree", "commit", "kept"  # what there is below the path of a repository
MESSAGE = "what a checkout of the snapshot would not bring back\n"
LOOSE = 100  # objects that are copied one by one, as fetch.unpackLimit has it: git-config(1)


class Inner:
    """A repository inside the work tree, and its snapshot."""

    def __init__(self, common_dir: str, commit: str, kept: str | None) -> None:
        self.common_dir = common_dir  # absolute
        self.commit = commit  # full hash
        self.kept = kept  # the commit that is kept beside it


def keep(copy: Tree, paths: list[str], inner: Mapping[str, Inner], limit: int) -> tuple[str | None, dict[str, int]]:
    """A commit of the files at those paths, byte for byte, and of the repositories, by path, both from the top; None
    where there is nothing to keep.

    Files from which on there would be more than `limit` bytes are left out, and repositories of which more had to be
    copied: with the second value, their bytes by path; 0 where git cannot copy them. The index of the copy is used up.
    """
    files = _within(copy, [path for path in paths if _is_file(copy, path)], limit)
    blobs = _store(copy, files)
    too_large = {}
    if files or inner:
        copy.run("read-tree", "--empty")
    copy.set_index((_mode(copy, path), blobs[path], path) for path in files)
    for path, one in inner.items():
        try:
            if (size := _copy_objects(copy, one, limit)) > limit:
                too_large[path] = size
            else:
                _add_repository(copy, path, one)
        except GitFailed:
            too_large[path] = 0
    if not files and inner.keys() == too_large.keys():
        return None, too_large
    code = copy.run("write-tree").strip()
    return copy.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", code, stdin=MESSAGE).strip(), too_large


class Kept:
    """What is kept of a run's code, and where: paths are those of repositories from the top, "" is the outer one."""

    def __init__(self, repository: str, submodules: Iterable[tuple[str, str, str]], kept: Mapping[str, str]) -> None:
        inner = list(submodules)
        self.repositories = {"": repository, **{path: git_dir for path, git_dir, _ in inner}}  # common git dirs
        self._commits = {path: commit for path, _, commit in inner}
        self._kept = kept  # commits that `keep` made
        self._is_here: dict[str, bool] = {"": True}

    def is_here(self, path: str) -> bool:
        """Whether the repository is where it was, with its commit."""
        if path not in self._is_here:
            place = self.repositories[path]
            self._is_here[path] = os.path.isdir(place) and objects.resolve(self._commits[path], place) is not None
        return self._is_here[path]

    def can_revive(self, path: str) -> bool:
        """Whether the repository itself is kept."""
        return self._of_repository(path) is not None

    def beside(self, path: str) -> tuple[str, str] | None:
        """The git dir, and the tree in it, that have what is kept beside the snapshot of the repository."""
        if self.is_here(path):
            return (self.repositories[path], self._kept[path]) if path in self._kept else None
        if (found := self._of_repository(path)) and objects.exists(f"{found[1]}/{KEPT}", found[0]):
            return found[0], f"{found[1]}/{KEPT}"
        return None

    def around(self, path: str) -> str:
        """The repository in which a path is."""
        return max((one for one in self._commits if path.startswith(f"{one}/")), key=len, default="")

    def _of_repository(self, path: str) -> tuple[str, str] | None:
        """The git dir, and the tree in it, that have the repository."""
        around = self.around(path)
        if not (beside := self.beside(around)):
            return None
        git_dir, tree = beside
        found = f"{tree}{'/' if ':' in tree else ':'}{os.path.relpath(path, around or '.')}"
        return (git_dir, found) if objects.exists(f"{found}/{COMMIT}", git_dir) else None

    def revive(self, top: str, path: str) -> None:
        """Make the repository anew in the work tree at `top`, detached at its commit.

        Raises GitFailed, and what the file system says.
        """
        commit, place = self._commits[path], inside(top, path)
        if not (found := self._of_repository(path)):
            raise GitFailed(f"fatal: submodule {path}: commit {commit} is not in '{self.repositories[path]}'\n")
        raw = objects.content(f"{found[1]}/{COMMIT}", found[0])
        worktrees.build(place, commit, raw, os.path.join(found[0], "objects"))

    def restore(self, top: str) -> None:
        """Give the files in the work tree that was just made at `top`, and in those inside, the bytes that were kept of
        them. What is no file of the checkout's is left as it is. Raises GitFailed, and what the file system says."""
        for path in self.repositories:
            place = os.path.join(top, path) if path else top
            if (beside := self.beside(path)) and (dirs := discovery.dirs_at(place)):
                _restore_in(Tree(place, dirs[0], variables.without_repository()), *beside)


def inside(top: str, path: str) -> str:
    """The place of a path in the work tree at `top`; raises GitFailed where a link leads from there to another."""
    place = os.path.join(top, path)
    if os.path.realpath(place) != os.path.normpath(os.path.join(os.path.realpath(top), path)):
        raise GitFailed(f"fatal: '{place}' is behind a link\n")
    return place


def not_kept(record: Record, repository: str) -> list[str]:
    """Of the files that a checkout of the run would give other bytes, those whose bytes are not here.

    `repository` is the git dir of the run.
    """
    inexact = record.texts("inexact")
    if not inexact:
        return []
    kept = Kept(repository, record.submodules, record.kept)
    here: set[str] = set()
    for top in kept.repositories:
        with suppress(GitFailed):
            files = objects.files_of(beside[1], beside[0]) if (beside := kept.beside(top)) else []
            paths = [f"{top}/{path}" if top else path for _, _, path in files]
            here.update(printable(path) for path in paths if kept.around(path) == top)
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
    if not paths:
        return {}
    simple = [path for path in paths if "\n" not in path]
    lines = "".join(f"./{path}\n" for path in simple)  # which git reads as paths, also where they begin with a quote
    blobs = dict(zip(simple, copy.run(*storing, "--stdin-paths", stdin=lines).split(), strict=True))
    return blobs | {path: copy.run(*storing, "--", path).strip() for path in paths if path not in blobs}


def _copy_objects(copy: Tree, inner: Inner, limit: int) -> int:
    """Copy what the snapshot consists of and is not in the outer repository, unless it has more than `limit` bytes;
    gives how many it has."""
    place = ("--no-replace-objects", *calls.at(inner.common_dir))
    trees = [f"{commit}^{{tree}}" for commit in (inner.commit, inner.kept) if commit]
    names = calls.run(*place, "rev-list", "--objects", "--no-object-names", *trees)
    known = copy.run("cat-file", "--batch-check=%(objectname)", stdin=names).splitlines()
    missing = "".join(line.removesuffix(" missing") + "\n" for line in known if line.endswith(" missing"))
    size = sum(map(int, calls.run(*place, "cat-file", "--batch-check=%(objectsize)", stdin=missing).split()))
    if missing and size <= limit:
        pack = calls.Call(*place, "pack-objects", "-q", "--stdout", stdin=missing).bytes()
        unpacking = ("index-pack", "--stdin") if missing.count("\n") > LOOSE else ("unpack-objects", "-q")
        copy.start(*unpacking, stdin=pack).output()
    return size


def _add_repository(copy: Tree, path: str, inner: Inner) -> None:
    """Add to the index what is kept of the repository at that path, the objects of which are here."""
    place = ("--no-replace-objects", *calls.at(inner.common_dir))
    raw = calls.Call(*place, "cat-file", "commit", inner.commit).bytes()
    blob = copy.start("hash-object", "-w", "--no-filters", "--stdin", stdin=raw).output().strip()
    for name, commit in ((TREE, inner.commit), (KEPT, inner.kept)):
        if commit:
            tree = calls.run(*place, "rev-parse", f"{commit}^{{tree}}").strip()
            copy.run("read-tree", f"--prefix={path}/{name}/", tree)
    copy.set_index([(PLAIN, blob, f"{path}/{COMMIT}")])


def _restore_in(tree: Tree, repository: str, kept: str) -> None:
    checked_out = {path for _, _, path in tree.files()}
    wanted = [one for one in objects.files_of(kept, repository) if one[2] in checked_out and _is_file(tree, one[2])]
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
