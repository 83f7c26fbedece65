"""What a work tree of a run's own does not have, or takes from elsewhere: it is recorded, and said at the start."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property, lru_cache

from ..console.escape import printable
from ..system.git import calls, status
from .isolation import is_build_product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..environment.interpreter import Command


class Untracked:
    """What lies in the work tree at `top` and is not tracked; git lists it while we do something else."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._calls = status.start_ignored(top), status.start_untracked(top)
        self._empty_directories: dict[str, list[str]] = {}  # by runs dir

    @cached_property
    def _ignored(self) -> list[str]:
        """A directory, with "/" at its end, stands for all in it."""
        return status.read_paths(self._calls[0])

    def empty_directories(self, runs_dir: str) -> list[str]:
        """The directories in which nothing is, but for ignored ones and what tools make, as paths from the top; not the
        runs dir, a path from there, too."""
        if runs_dir not in self._empty_directories:
            self._empty_directories[runs_dir] = self._find_empty_directories(runs_dir)
        return self._empty_directories[runs_dir]

    def _find_empty_directories(self, runs_dir: str) -> list[str]:
        groups = [path.rstrip("/") for path in status.read_paths(self._calls[1]) if path.endswith("/")]
        left_out = {runs_dir, *(path.rstrip("/") for path in (self._ignored if groups else ()))}
        found = []
        for group in groups:
            for directory, inner, files in os.walk(os.path.join(self._top, group)):
                path = os.path.relpath(directory, self._top)
                if path in left_out or ".git" in inner + files:  # a repository of its own
                    inner.clear()
                elif not inner and not files and not is_build_product(path):
                    found.append(path)
        return found

    def missed(self, links: Iterable[str], include: Iterable[str], runs_dir: str) -> list[str]:
        """The ignored paths that an isolated run will miss; a directory, with "/" at its end, stands for all in it.

        `links` and `include` are the paths and pathspecs, from the top, that it gets all the same.
        """
        included = set(self._each(include)) if include else set()
        given = {path.rstrip("/") for path in [*links, runs_dir]} | included
        paths = [path for path in self._ignored if not is_build_product(path)]
        if not included and not any(path.endswith("/") for path in paths):
            return [path for path in paths if path not in given]
        found: list[str] = []
        for path in paths:
            # git names what a pattern matches in a directory of which it has just named all.
            if found and found[-1].endswith("/") and path.startswith(found[-1]):
                continue
            if path.endswith("/") and any(one.startswith(path) for one in included):  # only a part of it
                found += [one for one in self._each([path]) if one not in included]
            elif path.rstrip("/") not in given:
                found.append(path)
        return found

    def is_virtualenv(self, path: str) -> bool:
        """Whether an ignored path, as `missed` gives it, is a virtualenv, which works only where it is."""
        return os.path.isfile(os.path.join(self._top, calls.path(path), "pyvenv.cfg"))

    def most_wanted(self, missed: list[str], words: Iterable[str], cwd: str) -> str:
        """Of the paths that an isolated run will miss, the one that is most likely to be needed: one that a word of its
        command names, or has around it, seen from the absolute directory `cwd`; else the first that is no virtualenv.
        """
        places = (os.path.join(cwd, word.rpartition("=")[2]) for word in words)
        named = [os.path.relpath(place, self._top) for place in places if os.path.lexists(place)]
        by_name = {path.rstrip("/"): path for path in missed} if named else {}
        for place in named:
            parts = place.split("/")
            around = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
            if found := next(filter(None, map(by_name.get, around)), None):
                return found
        below = tuple(f"{place}/" for place in named)
        inside = next((path for path in missed if path.startswith(below)), None) if below else None
        return inside or next((path for path in missed if not self.is_virtualenv(path)), missed[0])

    def _each(self, pathspecs: Iterable[str]) -> list[str]:
        """The ignored files that match."""
        return status.read_paths(status.start_ignored(self._top, pathspecs, each=True))


class KnownUntracked(Untracked):
    """What was found once: of that no more than the empty directories."""

    def __init__(self, empty_directories: list[str]) -> None:
        self._known = empty_directories

    def empty_directories(self, runs_dir: str) -> list[str]:
        """Those that were there."""
        return self._known


def leading_out(command: Command, top: str, links: Iterable[str]) -> dict[str, str]:
    """What leads out of the run's own work tree, and the absolute places to which it leads from that at `top`: words of
    the command that climb out, and symbolic links that are part of the code, of all of which `links` are the paths."""

    def climbs_out(path: str, directory: str) -> bool:
        place = os.path.normpath(os.path.join(directory, path))
        return ".." in path.split("/") and not f"{place}/".startswith(f"{top}/") and os.path.lexists(place)

    words = dict.fromkeys(word.rpartition("=")[2] for step in command.steps for word in step)
    climbing = [word for word in words if climbs_out(word, command.cwd)]
    found = {word: os.path.normpath(os.path.join(command.cwd, word)) for word in climbing}
    for path in links:
        with suppress(OSError):
            place = os.path.join(top, calls.path(path))
            target, directory = os.readlink(place), os.path.dirname(place)
            if (os.path.isabs(target) and not _is_in(target, top)) or climbs_out(target, directory):
                found[path] = os.path.normpath(os.path.join(directory, target))
    return found


def live_links(links: Iterable[str], top: str, runs_dir: str) -> list[str]:
    """Those of the paths at which a symbolic link leads, by an absolute path, back into the work tree at `top`, which
    people edit; each is a path from the top."""
    found = []
    for path in links:
        with suppress(OSError):
            target = os.readlink(os.path.join(top, calls.path(path)))
            if os.path.isabs(target) and _is_in(target, top) and not _is_in(target, runs_dir):
                found.append(f"link {printable(path)}")
    return found


def _is_in(place: str, directory: str) -> bool:
    return f"{os.path.realpath(place)}/".startswith(f"{os.path.realpath(directory)}/")


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


def live_code(command: Command, top: str, runs_dir: str) -> list[str]:
    """What would have an isolated run take code from the work tree at `top`, which people edit, instead of its own.

    That is what its command names there, entries of PYTHONPATH, and packages installed in editable mode.
    """

    def is_live(place: str) -> bool:
        return os.path.isabs(place) and _is_in(place, top) and not _is_in(place, runs_dir)

    python_path = command.environment.get("PYTHONPATH", "")
    found = [f"PYTHONPATH ({entry})" for entry in python_path.split(":") if is_live(entry)]
    words = [word.rpartition("=")[2] for step in command.steps for word in step]
    found += [word for word in dict.fromkeys(words) if is_live(word) and not _ignores(word)]
    return found + [f"package {name} (editable)" for name, place in command.editable_packages() if is_live(place)]


@lru_cache
def _ignores(place: str) -> bool:
    """As git says it once: the commands of a sweep name the same places."""
    return status.ignores(place)


def code_elsewhere(command: Command, top: str) -> list[str]:
    """What has a run take code from outside of the work tree, whose top the run sees at `top`: people may edit it, and
    no commit of the run's holds it. That is entries of PYTHONPATH, and packages installed in editable mode."""

    def is_elsewhere(place: str) -> bool:
        return os.path.isabs(place) and not _is_in(place, top)

    python_path = command.environment.get("PYTHONPATH", "")
    found = [f"PYTHONPATH ({entry})" for entry in python_path.split(":") if is_elsewhere(entry)]
    return found + [f"package {name} (editable)" for name, place in command.editable_packages() if is_elsewhere(place)]
