"""What a tool has left in a repository: the fixtures, brought to where the test is."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.conftest import Machine, Repository
from tests.importers.make_fixtures import FIXTURES, PROJECT, make_project

# Columns with paths in databases.
PATHS = {
    "mlflow.db": [("runs", "artifact_uri")],
    "experiments.db": [("artifacts", "path"), ("experiments", "output_dir")],
}
WITH_PATHS = (".runsrc", "runs.yml", "meta.yaml", "opref")  # files of text


def project(machine: Machine, top: Path) -> Repository:
    """The repository that the tools were used in, without what they left."""
    make_project(top)
    repo = Repository(machine, top)
    (top / ".git/info/exclude").write_text("*.db\n*.yml\n.*/\n.runsrc\nmlruns\noutputs\nwandb\n")
    return repo


def lay(tool: str, repo: Repository) -> None:
    """Put there what the tool left."""
    if tool == "dvc":
        repo.git("fetch", "-q", str(FIXTURES / "dvc/repository.bundle"), "refs/exps/*:refs/exps/*")
    for source in (FIXTURES / tool).iterdir():
        target = repo.path / source.name.replace("dot-", ".", 1)
        if source.is_dir() and source.name != "of-database":
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file() and source.suffix not in (".bundle", ".gz"):
            shutil.copy(source, target)
    _bring_paths(repo.path)


def lay_mlflow_database(repo: Repository) -> None:
    """Only SQLite, with its artifacts."""
    shutil.copytree(FIXTURES / "mlflow/of-database", repo.path / "mlruns")
    (repo.path / "mlflow.db").write_bytes(gzip.decompress((FIXTURES / "mlflow/mlflow.db.gz").read_bytes()))
    _bring_paths(repo.path)


def _bring_paths(top: Path) -> None:
    """Have the paths of the project lead to where it is now."""
    for path in top.rglob("*"):
        if path.name in PATHS:
            with closing(sqlite3.connect(path)) as database, database:
                for table, column in PATHS[path.name]:
                    database.execute(f"UPDATE {table} SET {column} = replace({column}, '{PROJECT}', '{top}')")
        elif path.name in WITH_PATHS and path.is_file():
            path.write_text(path.read_text().replace(str(PROJECT), str(top)))
