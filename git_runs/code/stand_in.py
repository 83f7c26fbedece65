"""A run's own work tree in the place of the user's: whatever names the tree by its path then reaches the run's own.

It is so only in the view that the run's command has of the file system, made of bind mounts:

    the run's own work tree        at the top of the user's
    the runs dir                   where it is, inside that
    the user's common git dir      at <runs dir>/git, since its place is taken: the own tree's .git names it there
    each linked path               where it is, and not by a link
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress

from ..errors.system import MountsForbidden
from ..system import mounts
from ..system.git.discovery import MOVED_ASIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ..system.mounts import View

GITFILE = "git-runs-gitfile"  # in the git dir of a work tree: its .git where the common git dir is moved aside


class StandIn:
    """What is to stand where. It passes through the supervisor's spec."""

    def __init__(
        self,
        *,
        tree: str,
        top: str,
        common_dir: str,
        runs_dir: str,
        runs_dir_inside: str | None,
        links: dict[str, str],
        submodules: Iterable[Iterable[str]],
    ) -> None:
        self.tree = tree  # the run's own work tree, absolute, as all of them
        self.top = top  # the place that it takes
        self.common_dir = common_dir  # of the repository
        self.runs_dir = runs_dir
        self.runs_dir_inside = runs_dir_inside  # where the runs dir is in the user's tree, from its top, if it is there
        self.links = links  # sources by path from the top
        self.submodules = [(path, common_dir) for path, common_dir in submodules]  # inside the tree
        self._made: list[str] = []  # places for mounts, to be removed in the end, from the tree

    def view(self) -> View | None:
        """The view for the command; None where we are in it. Raises MountsForbidden, ToolMissing and OSError."""
        with suppress(OSError):
            if os.path.samefile(self.tree, self.top):
                return None
        if self._hides(self.common_dir) and _is_below(self.runs_dir, self.common_dir):
            raise MountsForbidden("the runs dir lies in the git dir")
        binds = [(self.tree, self.top), *self._inside()]
        for number, (source, target) in enumerate(binds):
            if not any(_is_below(target, earlier) for _, earlier in binds[1:number]):  # that has it
                self._make_place(self._in_tree(target), of_directory=os.path.isdir(source))
        return mounts.make(binds)

    def remove_places(self) -> None:
        """Remove the places that were made for mounts, as far as nothing is in them and no other run uses them."""
        for path in reversed(self._made):
            place = os.path.join(self.tree, path)
            with suppress(OSError):
                if os.path.isdir(place):
                    if not mounts.is_mount_point(place):
                        os.rmdir(place)
                elif not os.path.getsize(place):
                    os.unlink(place)
        self._made.clear()

    def _inside(self) -> Iterator[tuple[str, str]]:
        """What stands inside the tree, or is moved aside for it: sources and places, in the order of mounting."""
        own_places = [self.runs_dir] if self._hides(self.runs_dir) else []
        if self.runs_dir_inside:
            own_places.append(os.path.join(self.top, self.runs_dir_inside))
        yield from ((self.runs_dir, place) for place in dict.fromkeys(own_places))
        aside = {}
        if self._hides(self.common_dir):
            aside[self.common_dir] = os.path.join(self.runs_dir, MOVED_ASIDE)
        own_git_dir = _git_dir(self.tree)
        for number, (_, inner) in enumerate(self.submodules):
            if os.path.isdir(inner) and self._hides(inner) and not _is_below(inner, self.common_dir):
                aside[inner] = os.path.join(own_git_dir, f"{MOVED_ASIDE}-{number}")
        for place in aside.values():
            os.makedirs(place, exist_ok=True)
        yield from ((source, _moved(place, aside)) for source, place in aside.items())
        for path in ("", *(path for path, _ in self.submodules)):
            gitfile = os.path.join(self.tree, path, ".git")
            if os.path.isfile(gitfile) and self._hides(git_dir := _git_dir(os.path.join(self.tree, path))):
                yield _write_gitfile(git_dir, _moved(git_dir, aside)), os.path.join(self.top, path, ".git")
        for path, source in self.links.items():
            if os.path.exists(source) and not _has_content(os.path.join(self.tree, path)):
                yield source, os.path.join(self.top, path)

    def _hides(self, place: str) -> bool:
        """Whether the tree takes the place of what is there."""
        return _is_below(os.path.realpath(place), os.path.realpath(self.top))

    def _in_tree(self, place: str) -> str:
        """Where a place below the top is in the tree itself."""
        return os.path.join(self.tree, os.path.relpath(place, self.top)) if place.startswith(self.top + "/") else place

    def _make_place(self, place: str, *, of_directory: bool) -> None:
        """Something to mount on, with the directories above it."""
        if os.path.lexists(place):
            return
        if not _is_below(place, self.tree) and not of_directory:
            return
        if _is_below(place, self.tree):
            self._make_place(os.path.dirname(place), of_directory=True)
        os.mkdir(place) if of_directory else open(place, "x").close()
        self._made.append(os.path.relpath(place, self.tree) if _is_below(place, self.tree) else place)

    def to_json(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


@contextmanager
def seen_at(binds: Mapping[str, str]) -> Iterator[View]:
    """A view in which directories, the values, are seen at other places, the keys, only for as long as this goes on; of
    places that are not there and cannot be made, nothing is seen. Raises MountsForbidden, ToolMissing and OSError."""
    with ExitStack() as undo:
        for place in binds:
            if not os.path.isdir(place) and can_stand_at(place):
                os.mkdir(place)
                undo.callback(os.rmdir, place)
        yield mounts.make([(source, place) for place, source in binds.items() if os.path.isdir(place)])


def can_stand_at(place: str) -> bool:
    """Whether a work tree can stand there: it is a directory, or can be made one."""
    above = os.path.dirname(place)
    return place != above and (os.path.isdir(place) or (not os.path.lexists(place) and os.access(above, os.W_OK)))


def _is_below(place: str, directory: str) -> bool:
    return place == directory or place.startswith(directory.rstrip("/") + "/")


def _has_content(place: str) -> bool:
    """Whether anything is there but a place for a mount."""
    if os.path.isdir(place) and not os.path.islink(place):
        return bool(os.listdir(place))
    return os.path.lexists(place) and (os.path.islink(place) or os.path.getsize(place) > 0)


def _moved(place: str, aside: dict[str, str]) -> str:
    """Where something is found once those directories are moved aside."""
    for source, target in aside.items():
        if _is_below(place, source):
            return os.path.normpath(os.path.join(_moved(target, aside), os.path.relpath(place, source)))
    return place


def _git_dir(tree: str) -> str:
    """The git dir of a linked work tree: gitrepository-layout(5), gitfile."""
    with open(os.path.join(tree, ".git"), "rb") as file:
        return os.path.join(tree, os.fsdecode(file.read().rstrip(b"\n").removeprefix(b"gitdir: ")))


def _write_gitfile(git_dir: str, named: str) -> str:
    """A .git that names the git dir by another path; where it is."""
    path = os.path.join(git_dir, GITFILE)
    with open(path, "wb") as file:
        file.write(b"gitdir: " + os.fsencode(named) + b"\n")
    return path
