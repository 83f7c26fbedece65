"""MLflow: all runs in an SQLite database, with tables for their parameters, metrics and tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing

from ..place import Task, same
from ..scale import LIST, LOOKUP, NEW, TABLE
from .peer import Peer

DATABASE = "mlflow.db"
PROGRAM = """\
import sys
import mlflow
with mlflow.start_run(run_name=sys.argv[1]):
    mlflow.log_params({"lr": 0.1, "seed": 1})
    mlflow.log_metric("loss", 0.5)
"""


class Mlflow(Peer):
    """Started once; all further runs are copies of its rows."""

    package = "mlflow-skinny"
    needs = ("sqlalchemy", "alembic", "pandas")  # for a database, and for a table

    def make(self) -> None:
        (self.directory / "train.py").write_text(PROGRAM)
        self.run(*self._new(0))
        with closing(sqlite3.connect(self.directory / DATABASE)) as database, database:
            [first] = database.execute("SELECT run_uuid FROM runs").fetchone()
            for table in ("runs", "params", "metrics", "latest_metrics", "tags"):
                columns = [column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")]
                values = ["printf('%032x', ?)" if column == "run_uuid" else column for column in columns]
                database.executemany(
                    f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} WHERE run_uuid = ?",
                    ((number, first) for number in range(1, self.runs)),
                )

    def tasks(self) -> Mapping[str, Task]:
        mlflow = self._with_database(self.program("mlflow"))
        return {
            LIST: same(*mlflow, "runs", "list", "--experiment-id", "0"),
            TABLE: same(*mlflow, "experiments", "csv", "--experiment-id", "0"),
            LOOKUP: same(*mlflow, "runs", "describe", "--run-id", f"{self.runs // 2:032x}"),
            NEW: Task(self._new),
        }

    def _new(self, number: int) -> list[str]:
        return self._with_database(self.program("python"), "train.py", f"new{number}")

    def _with_database(self, *command: str) -> list[str]:
        uri = f"MLFLOW_TRACKING_URI=sqlite:///{DATABASE}"
        return ["env", uri, "MLFLOW_DISABLE_TELEMETRY=true", *command]
