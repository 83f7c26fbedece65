"""A run's own work tree in the place of the user's: whatever names the tree by its path then reaches the run's own.

It is so only in the view that the run's command has of the file system, made of bind mounts:

    the run's own work tree        at the top of the user's
    the runs dir                   where it is, inside that
    the user's common git dir      at <runs dir>/git, since its place is taken: the own tree's .git names it there
    each linked path               where it is, and not by a link
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from ..system import mounts
from ..system.files import is_below, locked
from ..system.git.discovery import Standing
from ..system.git.worktrees import git_dir_at, linked
from .isolation import is_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ..system.mounts import View

MOVED_ASIDE = "git"  # in the runs dir: where the common git dir is found, since its place is taken
GITFILE = "git-runs-gitfile"  # in the git dir of a work tree: its .git where the common git dir is moved aside


class StandIn:
    """What is to stand where. It passes through the supervisor's spec."""

    def __init__(
        self,
        *,
        name: str,
        tree: str,
        top: str,
        common_dir: str,
        main_top: str | None,
        runs_dir: str,
        runs_dir_inside: str | None,
        links: dict[str, str],
        others: dict[str, str],
        submodules: Iterable[Iterable[str]],
    ) -> None:
        self.name = name  # of the run
        self.tree = os.path.realpath(tree)  # the run's own work tree, absolute, as all of them
        self.top = os.path.realpath(top)  # the place that it takes
        self.common_dir = common_dir  # of the repository, where all find it who see no other work tree in that place
        self.main_top = main_top  # of its main work tree
        self.runs_dir = os.path.realpath(runs_dir)
        self.runs_dir_inside = runs_dir_inside  # where the runs dir is in the user's tree, from its top, if it is there
        self.links = links  # sources by path from the top
        self.others = others  # sources by absolute path
        self.submodules = [(path, inner) for path, inner in submodules]  # paths from the top, and common git dirs
        self._made: list[str] = []  # places for mounts in the tree, from there, to be removed in the end

    def view(self, common_dir: str) -> View | None:
        """The view for the command; None where we are in it. `common_dir`: where we find the common git dir. Raises
        MountsForbidden, ToolMissing and OSError."""
        with suppress(OSError):
            if os.path.samefile(self.tree, self.top):
                return None
        standing = Standing(self.tree, self.top, self.common_dir, self.main_top or "", self.name)
        standing.write(git_dir_at(self.tree))
        binds = [(self.tree, self.top), *self._inside(common_dir)]
        with _held_places(self.runs_dir) as made:
            if not os.path.lexists(self.top):
                os.mkdir(self.top)
                made.append(self.top)
            for number, (source, target) in enumerate(binds[1:], 1):
                is_had = any(is_below(target, earlier) for _, earlier in binds[1:number])
                if is_below(target, self.top) and not is_had:
                    self._make_place(os.path.relpath(target, self.top), of_directory=os.path.isdir(source))
            return mounts.make(binds)

    def is_seen(self) -> bool:
        """Whether a process that is ours to see has the tree in the other place."""
        return mounts.is_seen(self.tree, self.top)

    def remove_places(self) -> None:
        """Remove the places that were made for mounts, as far as nothing is in them; when nobody uses them."""
        for path in reversed(self._made):
            place = os.path.join(self.tree, path)
            with suppress(OSError):
                if os.path.isdir(place):
                    os.rmdir(place)
                elif not os.path.getsize(place):
                    os.unlink(place)
        self._made.clear()
        with suppress(OSError), _held_places(self.runs_dir):
            pass

    def _inside(self, common_dir: str) -> Iterator[tuple[str, str]]:
        """What stands inside the tree, or is moved aside for it: sources and places, in the order of mounting."""
        own_places = [self.runs_dir] if self._hides(self.runs_dir) else []
        if self.runs_dir_inside:
            own_places.append(os.path.join(self.top, self.runs_dir_inside))
        yield from ((self.runs_dir, place) for place in dict.fromkeys(own_places))
        aside = self._aside(common_dir)
        for place in aside.values():
            os.makedirs(place, exist_ok=True)
        yield from ((source, _moved(place, aside)) for source, place in aside.items())
        for path in ("", *(path for path, _ in self.submodules)):
            gitfile = os.path.join(self.tree, path, ".git")
            if os.path.isfile(gitfile) and _is_moved(git_dir := git_dir_at(os.path.join(self.tree, path)), aside):
                yield _write_gitfile(git_dir, _moved(git_dir, aside)), os.path.join(self.top, path, ".git")
        yield from self._other_work_trees(common_dir)
        for path, source in self.links.items():
            if os.path.exists(source) and self._is_place(path):
                yield source, os.path.join(self.top, path)
        yield from ((source, place) for place, source in self.others.items())

    def _aside(self, common_dir: str) -> dict[str, str]:
        """The git dirs whose place is taken, and where they are found instead."""
        aside = {}
        # Inside a view it is in the runs dir already, and goes with that.
        if self._hides(common_dir) and not is_below(common_dir, self.runs_dir):
            aside[common_dir] = os.path.join(self.runs_dir, MOVED_ASIDE)
        own_git_dir = git_dir_at(self.tree)
        for number, (_, inner) in enumerate(self.submodules):
            if os.path.isdir(inner) and self._hides(inner) and not is_below(inner, common_dir):
                aside[inner] = os.path.join(own_git_dir, f"{MOVED_ASIDE}-{number}")
        return aside

    def _other_work_trees(self, common_dir: str) -> Iterator[tuple[str, str]]:
        """The .git of each other work tree whose place is taken: git, which would not find it, would prune it."""
        for _, gitfile in linked(common_dir):
            place = os.path.realpath(gitfile)
            is_other = place != os.path.join(self.top, ".git") and not is_below(place, self.runs_dir)
            if is_other and self._hides(place) and os.path.isfile(place):
                yield place, place

    def _hides(self, place: str) -> bool:
        """Whether the tree takes the place of what is there."""
        return is_below(os.path.realpath(place), self.top)

    def _is_place(self, path: str) -> bool:
        """Whether a link can be mounted there: nothing is there but a place for it, and no link leads elsewhere."""
        place = os.path.join(self.tree, path)
        above = os.path.realpath(os.path.dirname(place))
        return is_below(above, self.tree) and (
            not os.path.lexists(place) or (not os.path.islink(place) and is_empty(place))
        )

    def _make_place(self, path: str, *, of_directory: bool) -> None:
        """Something in the tree to mount on, with the directories above it."""
        place = os.path.join(self.tree, path)
        if not os.path.lexists(place):
            self._make_place(os.path.dirname(path), of_directory=True)
            os.mkdir(place) if of_directory else open(place, "x").close()
            self._made.append(path)

    def to_json(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


@contextmanager
def _held_places(runs_dir: str) -> Iterator[list[str]]:
    """The directories that were made where work trees were to stand and nothing was any more, by all runs of one runs
    dir; held by one process at a time, which may add to them. When it has done, those that nobody uses are removed."""
    path = os.path.join(runs_dir, "places")  # the list, with NULs between
    with locked(path):
        with open(path, "rb") as file:
            before = [os.fsdecode(place) for place in file.read().split(b"\0") if place]
        made = list(before)
        yield made
        # One may be in another that was made before it.
        left = [place for place in reversed(made) if place not in before or _is_needed(place)][::-1]
        with open(path, "wb") as file:
            file.write(b"\0".join(map(os.fsencode, left)))


def _is_needed(place: str) -> bool:
    """Whether a process sees a work tree there; else it is removed, if nothing is in it."""
    if mounts.is_mount_point(place):
        return True
    with suppress(OSError):
        os.rmdir(place)
    return False


@contextmanager
def seen_at(binds: Mapping[str, str], runs_dir: str) -> Iterator[View]:
    """A view in which directories, the values, are seen at other places, the keys, only for as long as this goes on; of
    places that are not there and cannot be made, nothing is seen. `runs_dir`: where what is made is noted.

    Raises MountsForbidden, ToolMissing and OSError.
    """
    with _held_places(runs_dir) as made:
        for place in binds:
            if not os.path.isdir(place) and can_stand_at(place):
                os.mkdir(place)
                made.append(place)
        view = mounts.make([(source, place) for place, source in binds.items() if os.path.isdir(place)])
    try:
        yield view
    finally:
        view.close()
        with _held_places(runs_dir):
            pass


def can_stand_at(place: str) -> bool:
    """Whether a work tree can stand there: it is a directory, or can be made one."""
    above = os.path.dirname(place)
    return place != above and (os.path.isdir(place) or (not os.path.lexists(place) and os.access(above, os.W_OK)))


def _is_moved(place: str, aside: dict[str, str]) -> bool:
    return any(is_below(place, source) for source in aside)


def _moved(place: str, aside: dict[str, str]) -> str:
    """Where something is found once those directories are moved aside."""
    for source, target in aside.items():
        if is_below(place, source):
            return os.path.normpath(os.path.join(_moved(target, aside), os.path.relpath(place, source)))
    return place


def _write_gitfile(git_dir: str, named: str) -> str:
    """A .git that names the git dir by another path; where it is."""
    path = os.path.join(git_dir, GITFILE)
    with open(path, "wb") as file:
        file.write(b"gitdir: " + os.fsencode(named) + b"\n")
    return path
