"""What the runs put out, in the runs dir beside the records.

    <runs dir>/
        tensorboard/<name>/    passed to the command as --tb-dir
        checkpoints/<name>/    passed to the command as --save-path
        logs/<name>.log        all that the command printed
        worktrees/<name>/      the work tree of an isolated run
        get/                   what is under way from other hosts, see sharing/staging.py
        git/, places           for runs whose work tree stands in the place of another, see code/stand_in.py

A run that is moved while it goes on leaves a symbolic link at each path that its command was given.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from ..errors.records import LeadsOut, OutputsInTheWay
from ..system.files import is_below, move, open_plain, paths_below, prune, remove_all
from .record import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

LOG = ".log"
KINDS = ("tensorboard", "checkpoints", "logs", "worktrees")


def start_marker(identifier: str) -> bytes:
    """What a run's supervisor prints before the command where something else came before: another such string."""
    return f"\x1b]7710;git-runs;start;{identifier}\x07".encode()


def end_marker(identifier: str) -> bytes:
    """What a run's supervisor prints last, to see when the log is complete: a control string that terminals ignore.

    It is an operating system command without meaning (ECMA-48, 8.3.89). It stays in the log only of a command that
    left others behind, which still print.
    """
    return f"\x1b]7710;git-runs;{identifier}\x07".encode()


class Outputs:
    """The outputs of all runs in one runs dir."""

    def __init__(self, root: str) -> None:
        self.root = root  # absolute

    def tensorboard(self, name: str) -> str:
        """The directory for TensorBoard's events."""
        return os.path.join(self.root, "tensorboard", name)

    def checkpoints(self, name: str) -> str:
        """The path for checkpoints, a directory."""
        return os.path.join(self.root, "checkpoints", name)

    def log(self, name: str) -> str:
        """The file that holds all that the command printed."""
        return os.path.join(self.root, "logs", name + LOG)

    def open_log(self, name: str) -> BinaryIO:
        """The log, for reading; raises LeadsOut where it is or lies behind a link that no move left, and OSError."""
        path, passed = self.log(name), {name}
        while (successor := self._leads_to(path)) and successor not in passed:
            passed.add(successor)
            path = self.log(successor)
        if self.is_behind_link(path):
            raise LeadsOut(path)
        return open_plain(path)

    def is_behind_link(self, path: str) -> bool:
        """Whether the output at `path` is a symbolic link, or lies in a group that is one."""
        return os.path.islink(path) or self._link_on_way(path) is not None

    def worktree(self, name: str) -> str:
        """The work tree of the run's own, if it is isolated."""
        return os.path.join(self.root, "worktrees", name)

    @property
    def kinds(self) -> dict[str, str]:
        """The directories of all outputs of one kind, by their names."""
        return {kind: os.path.join(self.root, kind) for kind in KINDS}

    def suffix(self, kind: str) -> str:
        """What the outputs of that kind have after the run's name."""
        return LOG if kind == "logs" else ""

    def _all(self, name: str) -> tuple[str, ...]:
        return self.tensorboard(name), self.checkpoints(name), self.log(name), self.worktree(name)

    def create(self, name: str) -> None:
        """Make the run's directories and an empty log; raises OutputsInTheWay. All or none are made."""
        if os.path.lexists(self.worktree(name)):
            raise OutputsInTheWay(name, self.worktree(name))
        with ExitStack() as undo:
            for path in (self.tensorboard(name), self.checkpoints(name), self.log(name)):
                self._make(path, name)
                undo.callback(self._remove, path)
            undo.pop_all()

    def move(self, old: str, new: str, *, keep_links: bool) -> None:
        """Rename the run's outputs, with links at the old paths if the command may still write there.

        Raises OutputsInTheWay, and LeadsOut where they lie in a group that is a link. All or none are moved.
        """
        with ExitStack() as undo:
            for source, target in zip(self._all(old), self._all(new), strict=True):
                if not os.path.lexists(source):
                    continue
                if self._link_on_way(source):
                    raise LeadsOut(source)
                self._rename(source, target, new)
                undo.callback(self._rename, target, source, old)
                if keep_links:
                    os.symlink(os.path.relpath(target, os.path.dirname(source)), source)
                    undo.callback(os.unlink, source)
            undo.pop_all()
        for source in self._all(old):
            prune(source, self._kind(source))

    def move_to(self, other: Outputs, name: str) -> None:
        """Rename the run's outputs into another runs dir on the same disk, but for those behind a link out of this one.

        Raises OutputsInTheWay, and OSError. All or none are moved.
        """
        with ExitStack() as undo:
            for source, target in zip(self._all(name), other._all(name), strict=True):
                if os.path.lexists(source) and not self._leads_out(source):
                    other._rename(source, target, name)
                    undo.callback(self._rename, target, source, name)
            undo.pop_all()

    def place(self, name: str, kind: str, inside: str) -> str:
        """Where the run's output of that kind is, or what is at the path `inside` it, "" for all of it."""
        return os.path.join(self.kinds[kind], name, inside).rstrip(os.sep)

    def take(self, name: str, found: Iterable[tuple[str, str, str]]) -> None:
        """Make outputs that lie elsewhere those of the run: each is given by where it is, and by kind and path as
        `place` has it.

        Raises OutputsInTheWay, and OSError. All or none are moved.
        """
        targets = [(source, self.place(name, kind, inside)) for source, kind, inside in found]
        moves = [(source, target) for source, target in targets if source != target]
        with ExitStack() as undo:
            for source, target in moves:
                if self._is_link_to(source, target):
                    os.unlink(target)
                    undo.callback(os.symlink, source, target)
                self._check_free(target, name)
                move(source, target)
                undo.callback(move, target, source)
            undo.pop_all()
        for source, _ in moves:
            if is_below(source, self.root):
                prune(source, self.root)

    def link(self, name: str, found: Iterable[tuple[str, str, str]]) -> None:
        """The same, with symbolic links to where they are; those that are there already stay."""
        for source, kind, inside in found:
            target = self.place(name, kind, inside)
            if not self._is_link_to(source, target):
                self._check_free(target, name)
                os.symlink(source, target)

    @staticmethod
    def _is_link_to(source: str, target: str) -> bool:
        return os.path.islink(target) and os.readlink(target) == source

    def undo_move(self, old: str, new: str) -> None:
        """Bring back what was moved from `old` to `new` before that was interrupted."""
        for source, target in zip(self._all(old), self._all(new), strict=True):
            if os.path.lexists(target):
                if self._leads_to(source) == new:
                    os.unlink(source)
                if not os.path.lexists(source):
                    self._rename(target, source, old)
                    prune(target, self._kind(target))

    def discard(self, name: str) -> None:
        """Delete the outputs of a run that has just been given them."""
        for path in self.inside(name):
            self._remove(path)

    def discard_one(self, path: str) -> None:
        """Delete an output that is no run's, links not followed; raises LeadsOut."""
        if self._leads_out(path):
            raise LeadsOut(path)
        self._remove(path)

    def inside(self, name: str) -> list[str]:
        """Where the run's outputs may be, without those that a link on the way leads out of the runs dir."""
        return [path for path in self._all(name) if not self._leads_out(path)]

    def outside(self, name: str) -> list[str]:
        """The others, as far as they are there."""
        return [path for path in self._all(name) if self._leads_out(path) and os.path.lexists(path)]

    def prune(self, names: Iterable[str]) -> None:
        """Remove the groups of runs that are gone, where they are empty."""
        for group in {os.path.dirname(name) for name in names} - {""}:
            for top in self.kinds.values():
                prune(os.path.join(top, group, "any"), top)

    def names_of_logs(self) -> Iterator[str]:
        """The names of the runs that have a log here."""
        for path in paths_below(self.kinds["logs"]):
            if path.endswith(LOG) and is_name(name := path[: -len(LOG)]):
                yield name

    def heir(self, name: str) -> str | None:
        """The name that a run has now which was moved away from `name` while it went on; None where there is none."""
        heir = self._successor(name)
        passed = {name}
        while heir and heir not in passed and (further := self._successor(heir)):
            passed.add(heir)
            heir = further
        return heir

    def _successor(self, name: str) -> str | None:
        """What the run was called next. A move leaves links at all that the run had; others, people made."""
        successors = {self._leads_to(path) for path in self._all(name) if os.path.lexists(path)}
        return successors.pop() if len(successors) == 1 else None

    def remove_links(self, *names: str) -> None:
        """Remove the links that the move of a run away from those names left."""
        for name in names:
            for path in self._all(name) if self._successor(name) else ():
                if os.path.islink(path):
                    os.unlink(path)
                    prune(path, self._kind(path))

    def _leads_to(self, path: str) -> str | None:
        """The name of the run whose output of the same kind the link at `path` points to, as `move` makes links."""
        with suppress(OSError):
            target = os.readlink(path)
            inside = os.path.normpath(os.path.join(os.path.dirname(path), target))
            name = os.path.relpath(inside, self._kind(path)).removesuffix(LOG if path.endswith(LOG) else "")
            if is_name(name) and not os.path.isabs(target):
                return name
        return None

    def _kind(self, path: str) -> str:
        """The directory of all outputs of the same kind."""
        return os.path.join(self.root, path[len(self.root) + 1 :].split(os.sep, 1)[0])

    def _leads_out(self, path: str) -> bool:
        """Whether a symbolic link on the way to `path` leads somewhere else."""
        while (path := os.path.dirname(path)) != self.root:
            if os.path.islink(path):
                return True
        return False

    def _check_way(self, path: str, name: str) -> None:
        """Raises OutputsInTheWay where a link among the groups of the path would lead the run's outputs elsewhere."""
        if link := self._link_on_way(path):
            raise OutputsInTheWay(name, link)

    def _link_on_way(self, path: str) -> str | None:
        """A symbolic link among the groups that the output lies in, if there is one."""
        group = os.path.dirname(path)
        while group != self._kind(path):
            if os.path.islink(group):
                return group
            group = os.path.dirname(group)
        return None

    def _make(self, path: str, name: str) -> None:
        self._check_way(path, name)
        while True:
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "x").close() if path.endswith(LOG) else os.mkdir(path)
                return
            except FileExistsError:
                raise OutputsInTheWay(name, path) from None
            except FileNotFoundError:
                continue  # the last run of the group was deleted just now, and the group's directory with it
            except OSError:
                prune(path, self._kind(path))
                raise

    def _rename(self, source: str, target: str, name: str) -> None:
        self._check_free(target, name)
        os.rename(source, target)

    def _check_free(self, target: str, name: str) -> None:
        """Make the directory that the target lies in; raises OutputsInTheWay where it is there already."""
        self._check_way(target, name)
        if os.path.lexists(target):
            raise OutputsInTheWay(name, target)
        os.makedirs(os.path.dirname(target), exist_ok=True)

    def _remove(self, path: str) -> None:
        remove_all(path)
        prune(path, self._kind(path))
