"""What has changed in the records since they were last kept in git, see history.py.

    <common git dir>/git-runs.journal         a line for each change: "+", or "-<name>" for a record that is to go
    <common git dir>/git-runs.journal.lock    while a process of its own keeps them

A command only appends to the journal; a process that outlives it does the rest, one at a time for a repository. Only a
record whose end is written here goes from the history: one that is simply gone was lost, and can be had back.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress

from ..system import programs
from . import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

NAME = "git-runs.journal"


class Journal:
    """The journal of one repository."""

    def __init__(self, common_dir: str, root: str) -> None:
        self.path = os.path.join(common_dir, NAME)
        self.lock = self.path + locks.SUFFIX
        self.is_left_to_others = False  # whether somebody else will `start`, as a supervisor
        self._common_dir = common_dir
        self._root = root  # of the runs dir
        self._has_noted = False

    def note(self, *gone: str) -> None:
        """Records were changed; or, before they are deleted, the names of those that are to go. It fails no change."""
        self.write(*gone)
        if not self._has_noted and not self.is_left_to_others:
            import atexit

            self._has_noted = True
            atexit.register(self.start)

    def write(self, *gone: str) -> None:
        """The same, but let nobody keep it now."""
        with suppress(OSError), self._opened() as file:
            file.write("".join(f"-{name}\n" for name in gone).encode() or b"+\n")

    def has_history(self) -> bool:
        """Whether records were kept at any time."""
        return os.path.exists(self.path)

    def start(self) -> None:
        """Let a process of its own keep what was noted, unless one is at it."""
        with suppress(OSError):
            if os.path.getsize(self.path) and not locks.is_held(self.lock):
                # In a work tree it would keep that from being removed.
                programs.detach_module("git_runs.upkeep.history", self._common_dir, self._root, cwd="/")

    # --- for the process that keeps them

    def read(self) -> tuple[set[str], int]:
        """The names that are to go, and how much of the journal was read, in bytes."""
        if not os.path.exists(self.path):
            return set(), 0
        with suppress(OSError), self._opened() as file:
            file.seek(0)
            content = file.read()
            return {line[1:].decode() for line in content.splitlines() if line.startswith(b"-")}, len(content)
        return set(), 0

    def forget(self, size: int, *, but: set[str]) -> None:
        """Remove the first bytes of the journal, but keep those names that are to go."""
        with self._opened() as file:
            file.seek(size)
            rest = file.read()
            file.truncate(0)
            file.write("".join(f"-{name}\n" for name in but).encode() + rest)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """For reading and appending, by nobody else meanwhile."""
        with open(self.path, "ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
