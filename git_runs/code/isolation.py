"""A work tree of a run's own, at the run's commit, where later edits do not reach it.

It is a linked work tree (git-worktree(1)) in the runs dir. Submodules in it are linked work trees of the submodules'
repositories here, so that nothing comes from the network. Ignored paths that a run needs are symbolic links.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from ..system.git import calls, worktrees
from . import index, keeping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

BUILD_PRODUCTS = (
    *("__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store", "*.egg-info"),
)


_NAMES = "|".join(re.escape(name).replace(r"\*", "[^/]*") for name in BUILD_PRODUCTS)
_BUILD_PRODUCT = re.compile(rf"(?:^|/)(?:{_NAMES})(?:/|\Z)")


class Isolation:
    """What is to be made, and unmade, for one run. It passes through the supervisor's spec."""

    def __init__(
        self,
        *,
        path: str,
        repository: str,
        commit: str,
        sparse: list[str],
        submodules: Iterable[Iterable[str]],
        links: dict[str, str],
        directories: Iterable[str],
        kept: dict[str, str],
        inexact: Iterable[str],
        sparse_inside: dict[str, list[str]],
        keep: bool,
        is_mounted: bool = False,
    ) -> None:
        self.path = path  # absolute top of the work tree
        self.repository = repository  # its common git dir, absolute
        self.commit = commit  # full hash
        self.sparse = sparse  # patterns of what is there; none: all of the commit
        # Path from the top, common git dir and commit of each, outer ones first.
        self.submodules = [(path, inner, commit) for path, inner, commit in submodules]
        self.links = links  # absolute targets by path from the top
        self.directories = list(directories)  # empty ones, from the top, which git does not keep
        self.kept = kept  # commits with the bytes of files that git changes, as `keeping.Kept` takes them
        self.inexact = list(inexact)  # the files of which these are used, as a record has their paths
        self.sparse_inside = sparse_inside  # patterns of what is there in submodules, by path
        self.keep = keep  # whether the work tree stays whatever happens
        self.is_mounted = is_mounted  # whether its links are mounted, and so not made: see stand_in.py

    def steps(self) -> Iterator[list[str]]:
        """The commands that make the work tree. Each has to be carried out before the next is asked for.

        Raises GitFailed, and what the file system says.
        """
        yield from worktrees.making(self.repository, self.path, self.commit, self.sparse)
        linked = [(self.repository, self.path)]
        kept = self._kept()
        for path, repository, commit in self.submodules:
            sparse = self.sparse_inside.get(path, [])
            if kept.is_here(path):
                yield from worktrees.making(repository, keeping.inside(self.path, path), commit, sparse)
                linked.append((repository, self._inside(path)))
            else:
                kept.revive(self.path, path, sparse)
        for repository, place in linked:
            yield worktrees.locking(repository, place, "a run goes on in it")

    def _kept(self) -> keeping.Kept:
        return keeping.Kept(self.repository, self.commit, self.submodules, self.kept)

    def unlock(self) -> None:
        """Let git remove the work tree, when the run has ended."""
        worktrees.unlock(self.repository, self.path)
        for path, repository, _ in self.submodules:
            if _is_linked(self.path, path, repository):
                worktrees.unlock(repository, self._inside(path))

    def complete(self) -> None:
        """Give files the bytes that were kept of them, make empty directories, and link what is linked; what the commit
        has at such a path stays. Raises GitFailed, and what the file system says."""
        self._kept().restore(self.path, self.inexact)
        for path in self.directories:
            with suppress(FileExistsError, NotADirectoryError):
                os.makedirs(self._inside(path), exist_ok=True)
        for path, target in self.links.items():
            if self.is_mounted and not os.path.islink(target):
                continue
            place = self._inside(path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with suppress(FileExistsError):
                os.symlink(os.readlink(target) if self.is_mounted else target, place)

    def name_repository(self, common_dir: str) -> None:
        """Let its .git files name the repository by another path, by which others find it. Raises OSError."""
        for path, repository in [("", self.repository), *((path, inner) for path, inner, _ in self.submodules)]:
            gitfile = os.path.join(self._inside(path), ".git")
            inside = os.path.relpath(repository, self.repository)
            if inside.startswith("..") or not os.path.isfile(gitfile):
                continue
            with open(gitfile, "rb") as file:
                named = file.read()
            with open(gitfile, "wb") as file:
                file.write(named.replace(os.fsencode(f"{self.repository}/"), os.fsencode(f"{common_dir}/"), 1))

    def is_unchanged(self) -> bool:
        """Whether nothing in the work tree would be lost with it; raises GitFailed."""
        places = [(self.path, self.commit), *((self._inside(path), commit) for path, _, commit in self.submodules)]
        return all(self._is_as(top, commit) for top, commit in places)

    def _is_as(self, top: str, commit: str) -> bool:
        inside = os.path.relpath(top, self.path)
        links = {os.path.relpath(path, inside): {"target": target} for path, target in self.links.items()}
        others = [os.path.relpath(path, inside) for path, _, _ in self.submodules]
        return worktrees.past_heads(top) == {commit} and not changed_or_made(top, links, others)

    def remove(self) -> None:
        """Remove the work tree, whatever is in it."""
        remove(self.path, self.repository, self.submodules)

    def _inside(self, path: str) -> str:
        return os.path.join(self.path, path)

    def to_json(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return dict(vars(self))


def remove(path: str, repository: str, submodules: Iterable[tuple[str, str, str]]) -> None:
    """Remove the work tree of a run, and those of its submodules, from the disk and from git's list of work trees."""
    for inside, inner, _ in sorted(submodules, reverse=True):
        if _is_linked(path, inside, inner):
            worktrees.remove(inner, os.path.join(path, inside))
    worktrees.remove(repository, path)


def repair(path: str, repository: str, submodules: Iterable[tuple[str, str, str]]) -> None:
    """Let git know that the work tree of a run has been moved to `path`."""
    worktrees.repair(repository, path)
    for inside, inner, _ in submodules:
        if _is_linked(path, inside, inner):
            worktrees.repair(inner, os.path.join(path, inside))


def _is_linked(path: str, inside: str, repository: str) -> bool:
    """Whether a linked work tree of that repository may be there: no symbolic link leads to one of somebody else's, and
    it is no repository of its own."""
    place = os.path.join(path, inside)
    is_no_link = os.path.realpath(place) == os.path.join(os.path.realpath(path), inside)
    return is_no_link and os.path.isdir(repository) and not os.path.isdir(os.path.join(place, ".git"))


def changed_or_made(top: str, links: Mapping[str, Mapping[str, str]], others: Iterable[str]) -> list[str]:
    """What a run changed or made in the work tree at `top`, paths from there; raises GitFailed.

    Directories in which all is new end in "/". The repositories at the paths `others` are asked by themselves. A link
    of the run's that leads where it was made to lead is none of it.
    """

    def is_ours(path: str) -> bool:
        link = links.get(path.rstrip("/"))
        place = os.path.join(top, calls.path(path.rstrip("/")))
        if link is None or not os.path.islink(place):
            return link is not None and is_empty(place)  # as a place for a mount is
        target = link.get("target", "")
        return os.readlink(place) == target or (os.path.islink(target) and os.readlink(place) == os.readlink(target))

    changed, untracked = index.changed_and_untracked(top, others)
    return [*changed, *(path for path in untracked if not is_build_product(path) and not is_ours(path))]


def is_empty(place: str) -> bool:
    """Whether a directory or file is there with nothing in it."""
    try:
        return not (os.listdir(place) if os.path.isdir(place) else os.path.getsize(place))
    except OSError:
        return False


def is_build_product(path: str) -> bool:
    """Whether the path, which may end in "/", is what tools make again whenever they need it."""
    return _BUILD_PRODUCT.search(path) is not None
