"""`git runs metrics`: what came out of a run."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Repository

PROGRAM = """import csv, sys
with open(f"{sys.argv[1].split('=')[1]}/metrics.csv", "w") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "loss", "acc"])
    for step in range(1, 1001):
        writer.writerow([step, 1 / step, "nan" if step % 2 else step / 1000])
"""


@pytest.fixture
def trained(repo: Repository) -> Repository:
    """With a run that has written a metric file."""
    repo.commit("train.py", PROGRAM)
    repo.finish("a", "python train.py")
    return repo


def test_each_metric_is_summed_up(trained: Repository) -> None:
    assert trained.ok("metrics", "a").splitlines() == [
        "metric    source    points    last step    last    min    max",
        "--------  --------  --------  -----------  ------  -----  -----",
        "acc       files     1000      1000         1       0.002  1",
        "loss      files     1000      1000         0.001   0.001  1",
    ]


def test_programs_get_all_points(trained: Repository) -> None:
    lines = trained.ok("metrics", "a", "--format=csv").splitlines()
    assert (lines[0], lines[1001], len(lines)) == ("metric,source,step,value", "loss,files,1,1.0", 2001)
    found = json.loads(trained.ok("metrics", "a", "--format=json"))
    assert [found[0]["value"], found[1]["value"]] == [None, 0.002]
    assert found[1000] == {"metric": "loss", "source": "files", "step": 1, "value": 1.0}


def test_they_go_with_the_run(trained: Repository) -> None:
    trained.ok("move", "a", "g/b")
    assert "loss" in trained.ok("metrics", "g/b")


def test_a_run_without_any(repo: Repository) -> None:
    repo.finish("a")
    result = repo.runs("metrics", "a")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: run 'a' has no metrics\nhint: they are read from metrics.csv, ")
