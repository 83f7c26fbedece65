"""A work tree of a run's own, at the run's commit, where later edits do not reach it.

It is a linked work tree (git-worktree(1)) in the runs dir. Submodules in it are linked work trees of the submodules'
repositories here, so that nothing comes from the network. Ignored paths that a run needs are symbolic links.
"""

from __future__ import annotations

import fnmatch
import glob
import json
import os
from contextlib import suppress

from . import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
        submodules: Iterable[Iterable[str]],
        links: dict[str, str],
        keep: bool,
    ) -> None:
        self.path = path  # absolute top of the work tree
        self.repository = repository  # its common git dir, absolute
        self.commit = commit  # full hash
        # Path from the top, common git dir and commit of each, outer ones first.
        self.submodules = [(path, inner, commit) for path, inner, commit in submodules]
        self.links = links  # absolute targets by path from the top
        self.keep = keep  # whether the work tree stays whatever happens

    def steps(self) -> list[list[str]]:
        """The commands that make the work tree, one after the other."""
        inner = [(repository, self._inside(path), commit) for path, repository, commit in self.submodules]
        return [git.add_worktree(*place) for place in [(self.repository, self.path, self.commit), *inner]]

    def make_links(self) -> None:
        """Link what is linked; what the commit has at such a path stays."""
        for path, target in self.links.items():
            place = self._inside(path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with suppress(FileExistsError):
                os.symlink(target, place)

    def is_unchanged(self) -> bool:
        """Whether nothing in the work tree would be lost with it; raises GitFailed."""
        places = [(self.path, self.commit), *((self._inside(path), commit) for path, _, commit in self.submodules)]
        return all(self._is_as(top, commit) for top, commit in places)

    def _is_as(self, top: str, commit: str) -> bool:
        heads, changed, unknown = git.leftovers(top)
        return (
            heads == {commit}
            and not changed
            and all(is_build_product(path) or self._is_link(top, path) for path in unknown)
        )

    def _is_link(self, top: str, path: str) -> bool:
        return os.path.relpath(os.path.join(top, path.rstrip("/")), self.path) in self.links

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
        git.remove_worktree(inner, os.path.join(path, inside))
    git.remove_worktree(repository, path)


def repair(path: str, repository: str, submodules: Iterable[tuple[str, str, str]]) -> None:
    """Tell git that the work tree of a run has been moved to `path`."""
    git.repair_worktree(repository, path)
    for inside, inner, _ in submodules:
        git.repair_worktree(inner, os.path.join(path, inside))


def is_build_product(path: str) -> bool:
    """Whether the path, which may end in "/", is what tools make again whenever they need it."""
    parts = path.rstrip("/").split("/")
    return any(fnmatch.fnmatchcase(part, pattern) for part in parts for pattern in BUILD_PRODUCTS)


def missed(prefix: str, links: Iterable[str], include: Iterable[str], runs_dir: str) -> list[str]:
    """The ignored paths at or above the directory `prefix` that an isolated run will not find.

    `links` and `include` are the paths and pathspecs that it gets all the same.
    """
    given = {path.rstrip("/") for path in [*links, runs_dir, *(git.ignored(include) if include else ())]}

    def matters(path: str) -> bool:
        parent = os.path.dirname(path.rstrip("/"))
        return f"{prefix}/".startswith(f"{parent}/") or not parent

    return [
        path for path in git.ignored() if matters(path) and not is_build_product(path) and path.rstrip("/") not in given
    ]


def leading_back(environment: Mapping[str, str], virtualenv: str | None, top: str) -> list[str]:
    """What would have an isolated run import code from the work tree at `top` instead of its own.

    That is entries of PYTHONPATH, and packages that are installed from there in editable mode (PEP 610).
    """
    found = []
    for entry in environment.get("PYTHONPATH", "").split(":"):
        if f"{entry}/".startswith(f"{top}/"):
            found.append(f"PYTHONPATH ({entry})")
    place = virtualenv or environment.get("VIRTUAL_ENV") or ""
    pattern = os.path.join(glob.escape(place), "lib", "python*", "site-packages", "*.dist-info", "direct_url.json")
    for path in glob.glob(pattern) if place else ():
        with suppress(OSError, ValueError, AttributeError), open(path) as file:
            direct = json.load(file)
            if direct.get("dir_info", {}).get("editable") and f"{direct.get('url')}/".startswith(f"file://{top}/"):
                found.append(f"package {os.path.basename(os.path.dirname(path)).split('-')[0]} (editable)")
    return found
