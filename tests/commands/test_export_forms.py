"""`git runs export` in the forms of other programs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import NO_FLAGS, Repository, prepared
from tests.old_tool.make import STUBS

LOSSES = "echo step 1: loss 0.5; echo step 2: loss 0.25 # --lr=0.1"


@prepared
def two(repo: Repository) -> None:
    """A repository with a run that has metrics, and one in a group that failed."""
    repo.finish("good", f"true --lr=0.1; {LOSSES}", *NO_FLAGS, "-m", 'a, "b"\nc')
    repo.finish("g/bad", "exit 3", *NO_FLAGS)


def test_csv_has_a_row_a_run(two: Repository) -> None:
    rows = {row["name"]: row for row in csv.DictReader(two.ok("export", "--format=csv").splitlines(keepends=True))}
    assert (rows["good"]["params.lr"], rows["good"]["metrics.loss"]) == ("0.1", "0.25")
    assert rows["good"]["description"] == 'a, "b"\nc'
    assert (rows["g/bad"]["status"], rows["g/bad"]["exit-code"], rows["g/bad"]["metrics.loss"]) == ("failed", "3", "")


def test_json_has_all_of_a_run_and_an_object_a_line(two: Repository, tmp_path: Path) -> None:
    printed = two.ok("export", "--format=json")
    bad, good = json.loads(printed)
    assert json.loads(printed.splitlines()[2]) == good
    assert (good["params"], good["metrics"]["loss"]["min"], good["metrics"]["loss"]["n"]) == ({"lr": "0.1"}, 0.25, 2)
    assert (bad["exit-code"], bad["commit"]) == (3, two.lookup("g/bad", "commit"))
    path = tmp_path / "runs.json"
    assert two.ok("export", "--format=json", "-o", str(path), "good") == f"Exported 1 run to '{path}'\n"
    result = two.runs("export", "--format=json", "-o", str(path))
    assert (result.code, result.err) == (128, f"fatal: '{path}' exists\nhint: to replace it: --force\n")
    two.ok("export", "--format=json", "-f", "-o", str(path))
    assert path.read_text() == printed


def test_an_mlflow_store_comes_back_with_the_same_values(two: Repository, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for _ in range(2):
        two.ok("export", "--format=mlflow", "-o", str(store))
    (metric,) = store.glob("0/*/metrics/loss")
    assert [line.split()[1:] for line in metric.read_text().splitlines()] == [["0.5", "1"], ["0.25", "2"]]
    other = Repository(two.machine, tmp_path / "other")
    two.git("clone", "-q", str(two.path), str(other.path))
    other.ok("import", str(store))
    assert other.ok("list").split() == ["g/bad", "good"]
    for name in ("g/bad", "good"):
        for key in ("commit", "description", "status"):
            assert other.lookup(name, key) == two.lookup(name, key)
    assert (other.lookup("good", "lr"), other.lookup("good", "loss:min")) == ("0.1", "0.25")


def test_the_runs_of_an_mlflow_store_that_are_here_are_known(two: Repository) -> None:
    two.ok("export", "--format=mlflow")
    records = {name: two.record(name) for name in ("g/bad", "good")}
    store = two.path / "mlruns"
    for words in ([], ["--move-outputs", str(store)]):
        known = f"Imported 0 of 2 runs from '{store}' (MLflow); 2 runs are here already\n"
        assert two.ok("import", *words) == known
    assert {name: two.record(name) for name in records} == records
    assert list((two.path / ".runs").rglob("imported.jsonl")) == []
    two.ok("move", "good", "better")
    two.ok("delete", "-y", "better")
    assert two.ok("import").splitlines()[1:] == [
        "Left out what was deleted here, and can be had back by 'git runs undelete': 'better'"
    ]
    assert two.ok("list") == "g/bad\n"


def test_an_mlflow_store_comes_back_with_what_mlflow_has_no_word_for(repo: Repository, tmp_path: Path) -> None:
    repo.finish("clean", "true", *NO_FLAGS)
    (repo.path / "train.py").write_text("print('changed')\n")
    repo.finish("changed", "true", *NO_FLAGS, "--allow-dirty")
    repo.ok("tag", "changed", "+good")
    for text in ("a seed\nthat is lucky", "two: words"):
        repo.ok("note", "changed", "-m", text)
    path = repo.record_path("changed")
    path.write_text(path.read_text().replace("status: finished", "status: lost"))
    repo.ok("export", "--format=mlflow", "-o", str(tmp_path / "store"))
    other = Repository(repo.machine, tmp_path / "other")
    repo.git("clone", "-q", str(repo.path), str(other.path))
    other.ok("import", str(tmp_path / "store"))
    keys = ("dirty", "notes", "status", "tags")
    for name in ("changed", "clean"):
        theirs, ours = other.record(name), repo.record(name)
        assert {key: theirs.get(key) for key in keys} == {key: ours.get(key) for key in keys}
    assert "(with uncommitted changes, which nothing keeps)" in other.ok("show", "changed")
    assert len(other.record("changed")["notes"]) == 2  # type: ignore[arg-type]


def test_an_mlflow_store_comes_back_with_points_in_the_order_in_which_they_were_written(
    repo: Repository, tmp_path: Path
) -> None:
    written = ((1, 5, 9), (2, 4, 8), (1, 3, 7), (1, 2, 6))
    rows = "\n".join(f'{{"step": {step}, "loss": {loss}, "val": {val}}}' for step, loss, val in written)
    repo.finish("one", f"echo '{rows}' >$RUNS_TB_DIR/metrics.jsonl", *NO_FLAGS)
    repo.ok("export", "--format=mlflow", "-o", str(tmp_path / "store"))
    other = Repository(repo.machine, tmp_path / "other")
    repo.git("clone", "-q", str(repo.path), str(other.path))
    other.ok("import", str(tmp_path / "store"))
    table = ["table", "--columns=name,loss,loss:step,val,val:step", "--format=csv"]
    assert other.ok(*table).splitlines()[1] == "one,2,1,6,1"
    for words in (table, ["metrics", "one", "--format=csv"]):
        assert other.ok(*words) == repo.ok(*words)


def test_an_mlflow_store_has_the_values_of_all_keys(repo: Repository, tmp_path: Path) -> None:
    losses = """echo '{"loss": 1, "loss/train": 2, "loss/val/top": 3}' > $RUNS_TB_DIR/metrics.jsonl"""
    given = [f"--param={word}" for word in ("a@b=1", "a_b=2", "a@b/c=3", f"{'long' * 70}=4")]
    repo.finish("one", losses, *NO_FLAGS, *given)
    repo.finish("two")
    repo.ok("tag", "one", "+model=mlp", "+model=cnn", "+=odd")
    store = tmp_path / "store"
    for _ in range(2):
        result = repo.runs("export", "--format=mlflow", "-o", str(store))
        assert result.code == 0
        assert "'a@b' as 'a_b-2'" in result.err
        assert values_in(store, "one", "metrics") == {"loss": "1.0", "loss-train": "2.0", "loss-val-top": "3.0"}
        params = values_in(store, "one", "params")
        assert {key: params[key] for key in ("a_b", "a_b-2", "a_b-c")} == {"a_b": "2", "a_b-2": "1", "a_b-c": "3"}
        assert "4" in params.values()
        tags = values_in(store, "one", "tags")
        assert (tags["model"], tags["model-2"], tags["_"]) == ("mlp", "cnn", "odd")
        assert values_in(store, "two", "metrics") == {}


def values_in(store: Path, run: str, kind: str) -> dict[str, str]:
    """What an MLflow store has of a run: of metrics the last value."""
    (meta,) = (path for path in store.glob("0/*/meta.yaml") if f"run_name: {run}\n" in path.read_text())
    files = {path: path.read_text() for path in (meta.parent / kind).rglob("*") if path.is_file()}
    top = meta.parent / kind
    return {str(path.relative_to(top)): text.split()[1] if kind == "metrics" else text for path, text in files.items()}


def test_a_key_that_comes_later_finds_its_place_in_an_mlflow_store(repo: Repository, tmp_path: Path) -> None:
    store, curves = tmp_path / "store", repo.path / ".runs/tensorboard/one/metrics.jsonl"
    repo.ok("new", "-q", *NO_FLAGS, "one", "sleep 60")
    for values, stored in (
        ({"loss/train": 1}, {"loss/train": "1.0"}),
        ({"loss": 2, "loss/train": 1}, {"loss-2": "2.0", "loss/train": "1.0"}),
    ):
        curves.write_text(json.dumps(values) + "\n")
        repo.ok("export", "--format=mlflow", "-o", str(store))
        assert values_in(store, "one", "metrics") == stored


def test_mlflow_is_not_said_that_a_run_finished_of_which_nobody_knows(repo: Repository, tmp_path: Path) -> None:
    repo.git("update-ref", "refs/runs/one", "HEAD")
    repo.ok("adopt", "one")
    repo.ok("export", "--format=mlflow", "-o", str(tmp_path / "store"))
    (meta,) = (tmp_path / "store").glob("0/*/meta.yaml")
    assert yaml.safe_load(meta.read_text())["status"] == 1
    other = Repository(repo.machine, tmp_path / "other")
    repo.git("clone", "-q", str(repo.path), str(other.path))
    other.ok("import", str(tmp_path / "store"))
    assert other.lookup("one", "status") == "unknown"


def test_an_mlflow_store_takes_the_place_of_nothing(two: Repository, tmp_path: Path) -> None:
    store = tmp_path / "store"
    two.ok("export", "--format=mlflow", "-o", str(store), "good")
    (artifacts,) = store.glob("0/*/artifacts")
    (artifacts / "kept").write_text("")
    two.ok("export", "--format=mlflow", "-o", str(store))
    assert (artifacts / "kept").exists()
    assert two.runs("export", "--format=mlflow", "-o", "-").code == 129
    result = two.runs("export", "--format=mlflow", "-o", str(two.path))
    assert (result.code, result.err.splitlines()[0]) == (
        128,
        f"fatal: '{two.path}' holds something else than runs of MLflow",
    )


def test_the_first_tool_reads_what_is_exported(two: Repository, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(modules), "tf-run-manager==2.1.6"]
    if subprocess.run(pip, check=False, capture_output=True).returncode:
        pytest.skip("the first tool cannot be installed here")
    (modules / "runs.py").unlink()  # of the version before, left in the wheel
    for path, text in {**STUBS, "termcolor.py": "def colored(text, **_):\n    return text\n"}.items():
        (modules / path).parent.mkdir(exist_ok=True)
        (modules / path).write_text(text)
    two.ok("export", "-o", ".runs/runs.yml")

    def first_tool(*words: str) -> str:
        code = "from runs.main import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(modules)}
        command = [sys.executable, "-W", "ignore", "-c", code, *words]
        return subprocess.run(command, cwd=two.path, env=environment, check=True, capture_output=True, text=True).stdout

    assert first_tool("lookup", "good", "commit").strip() == two.lookup("good", "commit")
    assert "good" in first_tool("table")
    again = first_tool("reproduce", "good")
    assert f"git checkout {two.lookup('good', 'commit')}" in again
    assert f"runs new good '{two.lookup('good', 'input-command')}'" in again
