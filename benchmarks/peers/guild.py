"""Guild AI: each run in a directory, with a file for each of its attributes."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from ..place import Task, same
from ..scale import LIST, LOOKUP, NEW, TABLE
from .peer import Peer


class Guild(Peer):
    """Started once; all further runs are copies of that directory."""

    package = "guildai"
    most = 10_000  # of thirty files each

    def make(self) -> None:
        (self.directory / "train.py").write_text("lr = 0.1\nprint(f'loss: {lr}')\n")
        self.home.mkdir()
        self.run(*self._new(1))
        [first] = (self.home / "runs").iterdir()
        started = int((first / ".guild/attrs/started").read_text())
        for number in range(1, self.runs):
            run = first.with_name(uuid.UUID(int=number, version=4).hex)
            shutil.copytree(first, run)
            (run / ".guild/attrs/id").write_text(f"{run.name}\n")
            (run / ".guild/attrs/label").write_text(f"lr{number}\n")
            (run / ".guild/attrs/started").write_text(f"{started + number}\n")

    def tasks(self) -> Mapping[str, Task]:
        return {
            LIST: same(*self._guild(), "runs", "list", "--all"),
            TABLE: same(*self._guild(), "compare", "--csv", "-"),
            LOOKUP: same(*self._guild(), "runs", "info", str(self.runs)),
            NEW: Task(self._new),
        }

    @property
    def home(self) -> Path:
        """Not in the directory, for all of that is copied into each run."""
        return self.directory.with_name("home")

    def _guild(self) -> list[str]:
        return [self.program("guild"), "-H", str(self.home)]

    def _new(self, number: int) -> list[str]:
        return [*self._guild(), "run", "-y", "train.py", f"lr={number}"]
