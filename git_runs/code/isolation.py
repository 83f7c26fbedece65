"""A work tree of a run's own, at the run's commit, where later edits do not reach it.

It is a linked work tree (git-worktree(1)) in the runs dir. Submodules in it are linked work trees of the submodules'
repositories here, so that nothing comes from the network. Ignored paths that a run needs are symbolic links.
"""

from __future__ import annotations

import fnmatch
import os
from contextlib import suppress

from ..environment import interpreter
from ..system.git import calls, objects, status, worktrees
from . import index, keeping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

BUILD_PRODUCTS = ("__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store")


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
        self.kept = kept  # commits with the bytes of files that git changes, as `keeping.restore` takes them
        self.keep = keep  # whether the work tree stays whatever happens
        self.is_mounted = is_mounted  # whether its links are mounted, and so not made: see stand_in.py

    def steps(self) -> Iterator[list[str]]:
        """The commands that make the work tree. Each has to be carried out before the next is asked for.

        Raises GitFailed, and what the file system says.
        """
        yield from worktrees.making(self.repository, self.path, self.commit, self.sparse)
        for path, repository, commit in self.submodules:
            yield from worktrees.making(repository, self._inside(path), commit, [])
        for path, repository in [("", self.repository), *(inner[:2] for inner in self.submodules)]:
            yield worktrees.locking(repository, self._inside(path).rstrip("/"), "a run goes on in it")

    def unlock(self) -> None:
        """Let git remove the work tree, when the run has ended."""
        worktrees.unlock(self.repository, self.path)
        for path, repository, _ in self.submodules:
            worktrees.unlock(repository, self._inside(path))

    def complete(self) -> None:
        """Give files the bytes that were kept of them, make empty directories, and link what is linked; what the commit
        has at such a path stays. Raises GitFailed, and what the file system says."""
        repositories = {"": self.repository, **{path: inner for path, inner, _ in self.submodules}}
        keeping.restore(self.path, repositories, self.kept)
        for path in self.directories:
            with suppress(FileExistsError, NotADirectoryError):
                os.makedirs(self._inside(path), exist_ok=True)
        for path, target in {} if self.is_mounted else self.links.items():
            place = self._inside(path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with suppress(FileExistsError):
                os.symlink(target, place)

    def is_unchanged(self) -> bool:
        """Whether nothing in the work tree would be lost with it; raises GitFailed."""
        places = [(self.path, self.commit), *((self._inside(path), commit) for path, _, commit in self.submodules)]
        return all(self._is_as(top, commit) for top, commit in places)

    def _is_as(self, top: str, commit: str) -> bool:
        inside = os.path.relpath(top, self.path)
        links = {os.path.relpath(path, inside): {"target": target} for path, target in self.links.items()}
        return worktrees.past_heads(top) == {commit} and not changed_or_made(top, links)

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
        if _is_no_link(path, inside):
            worktrees.remove(inner, os.path.join(path, inside))
    worktrees.remove(repository, path)


def repair(path: str, repository: str, submodules: Iterable[tuple[str, str, str]]) -> None:
    """Let git know that the work tree of a run has been moved to `path`."""
    worktrees.repair(repository, path)
    for inside, inner, _ in submodules:
        if _is_no_link(path, inside):
            worktrees.repair(inner, os.path.join(path, inside))


def _is_no_link(path: str, inside: str) -> bool:
    """Whether no link leads from the path inside to a work tree of somebody else's."""
    return os.path.realpath(os.path.join(path, inside)) == os.path.join(os.path.realpath(path), inside)


def changed_or_made(top: str, links: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What a run changed or made in the work tree at `top`, paths from there; raises GitFailed.

    Directories in which all is new end in "/". A link of the run's that leads where it was made to lead is none of it.
    """

    def is_ours(path: str) -> bool:
        place = os.path.join(top, calls.path(path))
        return path in links and os.path.islink(place) and os.readlink(place) == links[path].get("target")

    changed, untracked = index.changed_and_untracked(top)
    return [*changed, *(path for path in untracked if not is_build_product(path) and not is_ours(path))]


def is_build_product(path: str) -> bool:
    """Whether the path, which may end in "/", is what tools make again whenever they need it."""
    parts = path.rstrip("/").split("/")
    return any(fnmatch.fnmatchcase(part, pattern) for part in parts for pattern in BUILD_PRODUCTS)


def empty_directories(top: str, runs_dir: str) -> list[str]:
    """The directories in the work tree at `top` in which nothing is, but for ignored ones, as paths from there."""
    groups = [group.rstrip("/") for group in status.untracked_directories(top)]
    left_out = {runs_dir, *(path.rstrip("/") for path in (status.ignored(top) if groups else ()))}
    found = []
    for group in groups:
        for directory, inner, files in os.walk(os.path.join(top, group)):
            path = os.path.relpath(directory, top)
            if path in left_out or ".git" in inner + files:  # a repository of its own
                inner.clear()
            elif not inner and not files and not is_build_product(path):
                found.append(path)
    return found


def missed(top: str, links: Iterable[str], include: Iterable[str], runs_dir: str) -> list[str]:
    """The ignored paths in the work tree at `top` that an isolated run will miss; a directory, with "/" at its end,
    stands for all in it.

    `links` and `include` are the paths and pathspecs, from the top, that it gets all the same.
    """
    included = set(status.ignored(top, include, each=True)) if include else set()
    given = {path.rstrip("/") for path in [*links, runs_dir]} | included
    found: list[str] = []
    for path in status.ignored(top):
        # git names what a pattern matches in a directory of which it has just named all.
        if is_build_product(path) or (found and found[-1].endswith("/") and path.startswith(found[-1])):
            continue
        if path.endswith("/") and any(one.startswith(path) for one in included):  # only a part of it
            found += [one for one in status.ignored(top, [path], each=True) if one not in included]
        elif path.rstrip("/") not in given:
            found.append(path)
    return found


def leading_out(command: interpreter.Command, top: str, commit: str) -> dict[str, str]:
    """What leads out of the run's own work tree, and the absolute places to which it leads from that at `top`: words of
    the command that climb out, and symbolic links of the commit, by their paths from the top."""

    def climbs_out(path: str, directory: str) -> bool:
        place = os.path.normpath(os.path.join(directory, path))
        return ".." in path.split("/") and not f"{place}/".startswith(f"{top}/") and os.path.lexists(place)

    words = dict.fromkeys(word.rpartition("=")[2] for step in command.steps for word in step)
    climbing = [word for word in words if climbs_out(word, command.cwd)]
    found = {word: os.path.normpath(os.path.join(command.cwd, word)) for word in climbing}
    for path in objects.links_of(commit) if commit else ():  # none yet where it is only shown what would be started
        with suppress(OSError):
            place = os.path.join(top, path)
            target, directory = os.readlink(place), os.path.dirname(place)
            if os.path.isabs(target) or climbs_out(target, directory):
                found[path] = os.path.normpath(os.path.join(directory, target))
    return found


def leading_elsewhere(outside: Iterable[str], top: str) -> list[str]:
    """Those of the words and links that `leading_out` found in which the way out is a relative one, so that they lead
    elsewhere from a work tree in another place; links as "path -> target"."""
    found = []
    for path in outside:
        if ".." in path.split("/"):
            found.append(path)
            continue
        with suppress(OSError):
            target = os.readlink(os.path.join(top, path))
            if not os.path.isabs(target):
                found.append(f"{path} -> {target}")
    return found


def live_code(command: interpreter.Command, top: str, runs_dir: str) -> list[str]:
    """What would have an isolated run take code from the work tree at `top`, which people edit, instead of its own.

    That is what its command names there, entries of PYTHONPATH, and packages installed in editable mode.
    """

    def is_live(place: str) -> bool:
        if not os.path.isabs(place):
            return False
        real = os.path.realpath(place) + "/"
        return real.startswith(os.path.realpath(top) + "/") and not real.startswith(os.path.realpath(runs_dir) + "/")

    python_path = command.environment.get("PYTHONPATH", "")
    found = [f"PYTHONPATH ({entry})" for entry in python_path.split(":") if is_live(entry)]
    words = [word.rpartition("=")[2] for step in command.steps for word in step]
    found += [word for word in dict.fromkeys(words) if is_live(word) and not status.ignores(word)]
    return found + [f"package {name} (editable)" for name, place in command.editable_packages() if is_live(place)]


def code_elsewhere(command: interpreter.Command, top: str) -> list[str]:
    """What has a run take code from outside of the work tree, whose top the run sees at `top`: people may edit it, and
    no commit of the run's holds it. That is entries of PYTHONPATH, and packages installed in editable mode."""

    def is_elsewhere(place: str) -> bool:
        return os.path.isabs(place) and not f"{os.path.realpath(place)}/".startswith(f"{os.path.realpath(top)}/")

    python_path = command.environment.get("PYTHONPATH", "")
    found = [f"PYTHONPATH ({entry})" for entry in python_path.split(":") if is_elsewhere(entry)]
    return found + [f"package {name} (editable)" for name, place in command.editable_packages() if is_elsewhere(place)]
