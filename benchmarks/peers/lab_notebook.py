"""lab-notebook: all runs in one SQLite table, each in a tmux session of its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from ..place import Task, same
from ..scale import LIST, LOOKUP, NEW, TABLE
from .peer import Peer


class LabNotebook(Peer):
    """Successor of tf-run-manager."""

    package = "lab-notebook"

    def make(self) -> None:
        self.run(*self._new("template"))
        with sqlite3.connect(self.directory / "runs.db") as database:
            columns = 'command, "commit", datetime, description'
            database.executemany(
                f"INSERT INTO runs SELECT ?, {columns} FROM runs WHERE path = 'template'",
                ((f"lr{number}",) for number in range(self.runs)),
            )
            database.execute("DELETE FROM runs WHERE path = 'template'")
        database.close()

    def tasks(self) -> Mapping[str, Task]:
        runs = self.program("runs")
        return {
            LIST: same(runs, "ls", "%"),
            TABLE: same(runs, "lookup", "all", "%"),
            LOOKUP: same(runs, "lookup", "--porcelain", "commit", f"lr{self.runs // 2}"),
            NEW: Task(lambda number: self._new(f"new{number}")),
        }

    def _new(self, path: str) -> list[str]:
        return [self.program("runs"), "-y", "new", f"--path={path}", "--command=true", "--description=as before"]
