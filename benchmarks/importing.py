"""What it takes to move in with 10,000 runs of another tool: a store of files as MLflow writes it."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

from tests.importers.make_fixtures import FIXTURES

from .figures import Figure, Limit
from .place import Place, say

IMPORTING = "importing"
RUNS = 10_000
STORE = FIXTURES / "mlflow/mlruns"
EXPERIMENT = "203777284482255571"
RUN = "137964cb278d4aebb2182d7fa48806cf"  # with parameters, metrics, tags and an artifact


def importing(place: Place, rounds: int) -> list[Figure]:
    """10,000 runs are here within 30 seconds; and when they are already, nothing changes."""
    repository = place.repository("importing")
    say(f"{RUNS:,} runs: writing them as MLflow does")
    _write(repository, _head(place, repository))
    command = ["git", "runs", "import", "-q", "--from=mlflow"]
    first, second = (place.time(command, repository) for _ in range(2))
    shutil.rmtree(repository)
    return [
        Figure("import of a store of MLflow", RUNS, first, {}, Limit(more=30)),
        Figure("the same once more", RUNS, second, {}, Limit(more=30)),
    ]


def _head(place: Place, repository: Path) -> str:
    words = ("git", "rev-parse", "HEAD")
    return subprocess.run(
        words, cwd=repository, env=place.environment, check=True, capture_output=True, text=True
    ).stdout


def _write(repository: Path, commit: str) -> None:
    """Copies of one run, each with an id and a name of its own, that ran at that commit."""
    experiment = repository / "mlruns" / EXPERIMENT
    experiment.mkdir(parents=True)
    shutil.copy(STORE / EXPERIMENT / "meta.yaml", experiment)
    text = (STORE / EXPERIMENT / RUN / "meta.yaml").read_text()
    for number in range(RUNS):
        identifier, name = uuid.UUID(int=number).hex, f"try-{number}"
        run = experiment / identifier
        shutil.copytree(STORE / EXPERIMENT / RUN, run)
        (run / "meta.yaml").write_text(text.replace(RUN, identifier).replace("run_name: try 0.1", f"run_name: {name}"))
        (run / "tags/mlflow.runName").write_text(name)
        (run / "tags/mlflow.source.git.commit").write_text(commit.strip())


MEASURES = {IMPORTING: importing}
