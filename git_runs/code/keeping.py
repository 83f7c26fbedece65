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
from ..errors.code import NotOfThisCommit
from ..errors.system import GitFailed
from ..system.git import calls, discovery, objects, variables, worktrees
from . import index
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..records.record import Record
    from .index import File

PLAIN = "100644"  # the mode of a file in a tree that is not executable
TREE, COMMIT, KEPT = "tree", "commit", "kept"  # what there is below the path of a repository
MESSAGE = "what a checkout of the snapshot would not bring back\n"
ASKED = 512  # objects at once: git is slow to find that it has not one
LOOSE = 100  # objects that are copied one by one, as fetch.unpackLimit has it: git-config(1)


class Inner:
    """A repository inside the work tree, and its snapshot."""

    def __init__(self, common_dir: str, commit: str, kept: str | None) -> None:
        self.common_dir = common_dir  # absolute
        self.commit = commit  # full hash
        self.kept = kept  # the commit that is kept beside it


def keep(
    copy: Tree, paths: list[str], inner: Mapping[str, Inner], limit: int, *, is_partial: bool
) -> tuple[str | None, dict[str, int]]:
    """A commit of the files at those paths, byte for byte, and of the repositories, by path, both from the top; None
    where there is nothing to keep.

    Files from which on there would be more than `limit` bytes are left out, and repositories of which more had to be
    copied: with the second value, their bytes by path; 0 where git cannot copy them. In a repository that `is_partial`
    git is not asked what it has, since it would fetch the rest. The index of the copy is used up.
    """
    files = _within(copy, [path for path in paths if _is_file(copy, path)], limit)
    blobs = _store(copy, files)
    too_large = {}
    if files or inner:
        copy.run("read-tree", "--empty")
    copy.set_index((_mode(copy, path), blobs[path], path) for path in files)
    for path, one in inner.items():
        try:
            if (size := _copy_objects(copy, one, limit, is_partial=is_partial)) > limit:
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

    def __init__(
        self, repository: str, commit: str, submodules: Iterable[tuple[str, str, str]], kept: Mapping[str, str]
    ) -> None:
        inner = list(submodules)
        self.repositories = {"": repository, **{path: git_dir for path, git_dir, _ in inner}}  # common git dirs
        self._commits = {"": commit, **{path: commit for path, _, commit in inner}}
        self._kept = kept  # commits that `keep` made, as a record has them
        self._is_own: dict[str, bool] = {}  # whether they are so
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
            return (self.repositories[path], self._kept[path]) if self._has_own(path) else None
        if (found := self._of_repository(path)) and objects.exists(f"{found[1]}/{KEPT}", found[0]):
            return found[0], f"{found[1]}/{KEPT}"
        return None

    def around(self, path: str) -> str:
        """The repository in which a path is."""
        return max((one for one in self._commits if one and path.startswith(f"{one}/")), key=len, default="")

    def foreign(self) -> dict[str, str]:
        """The commits that a record names as kept though they are not kept beside its own, by path: somebody may have
        put them there, so that another code runs than that of the commit."""
        return {path: one for path, one in self._here().items() if not self._has_own(path)}

    def check(self) -> None:
        """Raises NotOfThisCommit where there is one."""
        for path, one in self.foreign().items():
            raise NotOfThisCommit(one, path)

    def incomplete(self) -> list[str]:
        """The commits of which something that is kept is missing."""
        return [one for path, one in self._here().items() if not objects.is_complete(one, self.repositories[path])]

    def _here(self) -> dict[str, str]:
        """Of the commits in the record, those that are here, with that which they are kept beside."""
        there = {path: self.repositories[path] for path in self._kept if path in self._commits and self.is_here(path)}
        return {
            path: self._kept[path]
            for path, git_dir in there.items()
            if objects.raw_commit(self._kept[path], git_dir) and objects.raw_commit(self._commits[path], git_dir)
        }

    def _has_own(self, path: str) -> bool:
        """Whether what is kept beside the snapshot of the repository is a parent of that."""
        if path not in self._is_own:
            own = kept_beside(self._commits[path], self.repositories[path])
            self._is_own[path] = own is not None and own == self._kept.get(path)
        return self._is_own[path]

    def _of_repository(self, path: str) -> tuple[str, str] | None:
        """The git dir, and the tree in it, that have the repository."""
        around = self.around(path)
        if not (beside := self.beside(around)):
            return None
        git_dir, tree = beside
        found = _within_tree(tree, os.path.relpath(path, around or "."))
        return (git_dir, found) if objects.exists(f"{found}/{COMMIT}", git_dir) else None

    def revive(self, top: str, path: str, sparse: list[str]) -> None:
        """Make the repository anew in the work tree at `top`, detached at its commit; `sparse` are the patterns of what
        is there, none: all.

        Raises GitFailed, and what the file system says.
        """
        commit, place = self._commits[path], inside(top, path)
        if not (found := self._of_repository(path)):
            raise GitFailed(f"fatal: submodule {path}: commit {commit} is not in '{self.repositories[path]}'\n")
        raw = objects.content(f"{found[1]}/{COMMIT}", found[0])
        worktrees.build(place, commit, raw, os.path.join(found[0], "objects"), sparse)

    def restore(self, top: str, inexact: Iterable[str]) -> None:
        """Give the files in the work tree that was just made at `top`, and in those inside, the bytes that were kept of
        them: `inexact` ones, as a record has their paths, and all of repositories that are kept.

        What is no file of the checkout's is left as it is. Raises GitFailed, and what the file system says.
        """
        named = set(inexact)
        for path in self.repositories:
            place = os.path.join(top, path) if path else top
            if (beside := self.beside(path)) and (dirs := discovery.dirs_at(place)):
                files = objects.files_of(beside[1], beside[0])
                wanted = [one for one in files if not self.is_here(path) or printable(_join(path, one[2])) in named]
                _restore_in(Tree(place, dirs[0], variables.without_repository()), beside[0], wanted)


def _join(path: str, inside: str) -> str:
    return f"{path}/{inside}" if path else inside


def kept_beside(commit: str, git_dir: str) -> str | None:
    """The commit that `keep` made beside a snapshot in that repository, if any: it is its last parent."""
    found = [one for one in objects.parents(commit, git_dir)[-1:] if objects.message(one, git_dir) == MESSAGE]
    return found[0] if found else None


class Beside:
    """What is kept beside a snapshot of which there is no more than the commit."""

    def __init__(self, commit: str, git_dir: str) -> None:
        self.commit = kept_beside(commit, git_dir)  # full hash
        self.files: list[str] = []  # from the top, as a record has their paths
        self.repositories: dict[str, str] = {}  # full hashes of their commits by path from the top
        if self.commit:
            self._add("", self.commit, commit, git_dir)

    def _add(self, path: str, kept: str, code: str, git_dir: str) -> None:
        """Add what `kept` has beside the tree `code` of the repository at that path."""
        commits = dict(objects.submodules_of(code, git_dir))
        repositories = [one for one in commits if objects.exists(_within_tree(kept, f"{one}/{COMMIT}"), git_dir)]
        below = tuple(f"{one}/" for one in repositories)
        files = objects.files_of(kept, git_dir)
        self.files += [printable(_join(path, one)) for _, _, one in files if not one.startswith(below)]
        for one in repositories:
            self.repositories[_join(path, one)] = commits[one]
            inner = _within_tree(kept, one)
            if objects.exists(f"{inner}/{KEPT}", git_dir):
                self._add(_join(path, one), f"{inner}/{KEPT}", f"{inner}/{TREE}", git_dir)


def _within_tree(tree: str, path: str) -> str:
    """The name of what is at that path in a tree: gitrevisions(7)."""
    return f"{tree}{'/' if ':' in tree else ':'}{path}"


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
    kept = Kept(repository, record.text("commit"), record.submodules, record.kept)
    here: set[str] = set()
    for top in kept.repositories:
        with suppress(GitFailed):
            files = objects.files_of(beside[1], beside[0]) if (beside := kept.beside(top)) else []
            paths = [_join(top, path) for _, _, path in files]
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
    return index.EXECUTABLE if tree.is_executable(path) else PLAIN


def _store(copy: Tree, paths: list[str]) -> dict[str, str]:
    """The blobs, by path, that hold the files as they are."""
    storing = ("hash-object", "-w", "--no-filters")
    if not paths:
        return {}
    simple = [path for path in paths if "\n" not in path]
    lines = "".join(f"./{path}\n" for path in simple)  # which git reads as paths, also where they begin with a quote
    blobs = dict(zip(simple, copy.run(*storing, "--stdin-paths", stdin=lines).split(), strict=True))
    return blobs | {path: copy.run(*storing, "--", path).strip() for path in paths if path not in blobs}


def _copy_objects(copy: Tree, inner: Inner, limit: int, *, is_partial: bool) -> int:
    """Copy what the snapshot consists of and is not in the outer repository, unless it has more than `limit` bytes;
    gives how many it has, or then, all in all."""
    place = ("--no-replace-objects", *calls.at(inner.common_dir))
    trees = [f"{commit}^{{tree}}" for commit in (inner.commit, inner.kept) if commit]
    names = calls.run(*place, "rev-list", "--objects", "--no-object-names", *trees).split()
    sizes = dict(zip(names, _sizes(place, names), strict=True))
    missing = _missing(copy, sizes, limit, is_partial=is_partial)
    if sum(sizes[name] for name in missing) > limit:
        return sum(sizes.values())
    if missing:
        pack = calls.Call(*place, "pack-objects", "-q", "--stdout", stdin=_lines(missing)).bytes()
        unpacking = ("index-pack", "--stdin") if len(missing) > LOOSE else ("unpack-objects", "-q")
        copy.start(*unpacking, stdin=pack).output()
    return sum(sizes[name] for name in missing)


def _missing(tree: Tree, sizes: Mapping[str, int], limit: int, *, is_partial: bool) -> list[str]:
    """Those of the objects, whose bytes are given by name, that are not in the repository of the tree, or, where these
    are more than `limit` bytes, some with more than that."""
    if is_partial:
        return list(sizes)
    found: list[str] = []
    size = 0
    largest_first = sorted(sizes, key=sizes.__getitem__, reverse=True)
    for start in range(0, len(sizes), ASKED):
        some = largest_first[start : start + ASKED]
        known = _known(tree, some)
        found += [name for name in some if name not in known]
        size += sum(sizes[name] for name in some if name not in known)
        if size > limit:
            break
    return found


def _sizes(place: tuple[str, ...], names: list[str]) -> list[int]:
    """The bytes of the objects in the repository that these options of git name."""
    words = ("cat-file", "--batch-check=%(objectsize)", "--buffer")
    return list(map(int, calls.run(*place, *words, stdin=_lines(names)).split()))


def _known(tree: Tree, names: list[str]) -> set[str]:
    """Those of the objects that are in the repository of the tree."""
    answers = tree.run("cat-file", "--batch-check=%(objectname)", "--buffer", stdin=_lines(names)).splitlines()
    return {name for name, answer in zip(names, answers, strict=True) if not answer.endswith(" missing")}


def _lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


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


def _restore_in(tree: Tree, repository: str, files: list[File]) -> None:
    """Give the files of the tree the modes and the blobs, of that repository, that are given by path."""
    before = {path: (mode, blob, path) for mode, blob, path in tree.files()}
    wanted = [one for one in files if one[2] in before and _is_file(tree, one[2])]
    contents = objects.contents([blob for _, blob, _ in wanted], repository)
    for (mode, _, path), content in zip(wanted, contents, strict=True):
        with open(os.open(tree.place(path), os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), _permissions(os.fstat(file.fileno()).st_mode, mode))
    # Of a file of another size git would say that it is changed, without a look at it.
    tree.update_index("--add", [path for _, _, path in wanted])
    after = set(tree.files()) if wanted else set()
    converted = [one for one in wanted if before[one[2]] not in after]  # by settings of then
    if converted:
        tree.set_index(before[path] for _, _, path in converted)
        tree.update_index("--assume-unchanged", [path for _, _, path in converted])
        index.note_restored(tree.git_dir, converted)


def _permissions(now: int, mode: str) -> int:
    """Those that git gives a file of that mode: who may read it may execute it, or nobody."""
    return stat.S_IMODE(now) | (now & 0o444) >> 2 if mode == index.EXECUTABLE else stat.S_IMODE(now) & ~0o111
