"""Databases of the first tool, as its published versions wrote them, with what its runs have put out."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.conftest import NO_FLAGS, Machine, Repository
from tests.old_tool.repository import VERSIONS, make_repository

NAMES = {
    "1.0.6": ["file", "slow", "slow10"],
    "1.1.6": ["below", "file", "slow"],
    "2.1.6": ["exp/deep/er", "exp/file", "slow"],
}
DATABASES = {
    "1.0.6": [".runs/.runs.yml"],
    "1.1.6": [".runs/.runs.yml", ".runs.yml"],
    "2.1.6": [".runs/runs.yml", ".runs/exp/runs.yml", ".runs/exp/deep/runs.yml"],
}
VERSION = pytest.mark.parametrize("version", NAMES)


@pytest.fixture
def old(machine: Machine, tmp_path: Path, version: str) -> Repository:
    """The repository in which that version of the tool was used."""
    top = tmp_path / "old"
    make_repository(top)
    for path in (VERSIONS / version).iterdir():
        target = top / path.name.replace("dot-", ".", 1)
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copy(path, target)
    return Repository(machine, top)


def put_out(repo: Repository) -> list[str]:
    """What is in the files that the runs have put out."""
    kinds = {"tensorboard", "checkpoints"}
    files = [path for path in (repo.path / ".runs").rglob("*") if path.is_file() and kinds & set(path.parts)]
    return sorted(path.read_text() for path in files)


@VERSION
def test_all_of_its_runs_are_imported_with_their_outputs(old: Repository, version: str) -> None:
    commit = old.git("rev-parse", "HEAD").strip()
    before = put_out(old)
    databases = {path: (old.path / path).read_bytes() for path in DATABASES[version]}
    printed = old.ok("import").splitlines()
    assert [line.split("'")[1] for line in printed] == [str(old.path / path) for path in DATABASES[version]]
    assert old.ok("list").split() == NAMES[version]
    assert {path: (old.path / path).read_bytes() for path in DATABASES[version]} == databases
    assert put_out(old) == before
    for name in NAMES[version]:
        record = old.record(name)
        assert record["commit"] == old.git("rev-parse", f"runs/{name}").strip() == commit
        assert record["description"] in ("Learn more", "A  smaller: step")
        assert datetime.fromisoformat(str(record["datetime"])).tzinfo
        assert (old.path / f".runs/tensorboard/{name}/events").exists()
        assert len(list((old.path / f".runs/checkpoints/{name}").iterdir())) == (1 if "file" in name else 2)
    assert old.ok("fsck") == ""
    assert old.ok("fsck", "--repair", "--prune-outputs") == ""
    assert put_out(old) == before


@VERSION
def test_flags_are_not_passed_twice(old: Repository, version: str) -> None:
    old.ok("import")
    typed = "python3 train.py --lr=0.5"
    assert old.lookup("slow", "input-command") == typed
    assert old.lookup("slow", "command").startswith(f"{typed} --tb-dir=")
    again = old.ok("reproduce", "-n", "slow").splitlines()[-1]
    assert f"'{typed}'" in again
    assert "--tb-dir" not in again
    assert "--extra-flag=--seed=slow" in again
    result = old.runs("reproduce", "--run", "--wait", "-y", "slow")
    assert (result.code, "Reproduction: equal\n" in result.out) == (0, True), result
    assert "  note: exit code: how run 'slow' ended is not recorded\n" in result.out
    assert "  note: log: what run 'slow' printed was not kept\n" in result.out
    (name,) = set(old.ok("list").split()) - set(NAMES[version])
    assert old.lookup(name, "command") == (
        f"{typed} --tb-dir={old.path}/.runs/tensorboard/{name}"
        f" --save-path={old.path}/.runs/checkpoints/{name}/model.ckpt --seed=slow"
    )
    assert (old.path / f".runs/tensorboard/{name}/events").read_text() == "loss 0.5\n"


@VERSION
def test_outputs_go_where_their_runs_go(old: Repository, version: str) -> None:
    old.ok("import")
    name = next(name for name in NAMES[version] if "file" in name)
    old.ok("move", name, "g/moved")
    (checkpoint,) = (old.path / ".runs/checkpoints/g/moved").iterdir()
    assert checkpoint.read_text().startswith("weights 0.5 ")
    assert old.runs("verify", "g/moved", "slow").code == 1
    old.ok("delete", "-y", "--now", "g/moved", "slow")
    (other,) = set(NAMES[version]) - {name, "slow"}
    left = [path for path in (old.path / ".runs/checkpoints").rglob("*") if path.is_file()]
    assert {path.parent for path in left} == {old.path / f".runs/checkpoints/{other}"}
    assert old.ok("fsck") == ""


@VERSION
def test_before_the_import_a_hint_names_it(old: Repository, version: str) -> None:
    hint = f"hint: runs of the first runs tool are in '{old.path / DATABASES[version][0]}'; to have them here: git runs"
    assert f"{hint} import\n" in old.runs("table").err
    old.ok("import")
    assert old.runs("table").err == ""


@VERSION
def test_a_dry_run_only_says(old: Repository, version: str) -> None:
    commit = old.git("rev-parse", "--short=10", "HEAD").strip()
    lines = old.ok("import", "-n").splitlines()
    for name in NAMES[version]:
        assert f"Would import run '{name}' ({commit})" in lines
    assert old.refs() == []
    assert not (old.path / ".runs/records").exists()


@VERSION
def test_what_was_not_imported_is_not_pruned(old: Repository, version: str) -> None:
    before = put_out(old)
    old.finish("mine", "true", "--tb-dir-flag=None", "--save-path-flag=None")
    old.runs("fsck", "--repair", "--prune-outputs")
    assert put_out(old) == before
    what = f"/.runs/tensorboard/slow' belongs to a run that only '{old.path / DATABASES[version][0]}' has"
    assert f"{what}; to add it: git runs import\n" in old.runs("fsck").out
    old.ok("import")
    assert old.ok("fsck") == ""


def test_an_export_that_holds_fewer_runs_says_so(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    repo.ok("export")
    path = repo.path / ".runs/.runs.yml"
    assert repo.runs("export", "a").code == 128
    result = repo.runs("export", "-f", "a")
    assert result.err == f"warning: 1 run that '{path}' held is not in it any more\n"
    assert list(yaml.safe_load(path.read_text())) == ["a"]


def test_an_imported_database_can_be_exported_over(repo: Repository) -> None:
    (repo.path / ".git/info/exclude").write_text(".runs\n")
    path = repo.path / ".runs/.runs.yml"
    path.parent.mkdir()
    commit = repo.git("rev-parse", "HEAD")
    path.write_text(yaml.safe_dump({"a": {"commit": commit, "datetime": "2018-05-02T12:00:00", "description": "x\n"}}))
    repo.ok("import")
    assert repo.lookup("a", "datetime").startswith("2018-05-02T12:00:00.000000")
    repo.ok("export")
    assert next(iter(yaml.safe_load(path.read_text())["a"])) == "id"


def test_outputs_beside_a_database_elsewhere_stay(repo: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "tensorboard/a").mkdir(parents=True)
    path = elsewhere / "runs.yml"
    path.write_text(yaml.safe_dump({"a": {"commit": repo.git("rev-parse", "HEAD")}}))
    result = repo.runs("import", str(path))
    assert result.code == 0
    assert "their outputs stay where they are" in result.err
    assert (elsewhere / "tensorboard/a").is_dir()


def test_another_run_s_checkpoints_are_not_taken(repo: Repository) -> None:
    for name in ("a.ckpt-2", "a.ckpt"):
        repo.finish(name, "echo mine >$RUNS_SAVE_PATH", *NO_FLAGS)
    (repo.path / ".runs/.runs.yml").write_text(yaml.safe_dump({"a": {"commit": repo.git("rev-parse", "HEAD")}}))
    repo.ok("import")
    for name in ("a.ckpt-2", "a.ckpt"):
        assert (repo.path / f".runs/checkpoints/{name}/model.ckpt").exists()


def test_an_export_keeps_its_names_wherever_it_lies(repo: Repository) -> None:
    repo.finish("g/x", "echo mine >$RUNS_SAVE_PATH", *NO_FLAGS)
    (repo.path / ".runs/backup").mkdir()
    repo.ok("export", "-o", ".runs/backup/runs.yml")
    repo.record_path("g/x").unlink()
    repo.git("update-ref", "-d", "refs/runs/g/x")
    (repo.path / ".runs/backup/runs.yml").rename(repo.path / ".runs/.runs.yml")
    repo.runs("fsck", "--repair", "--prune-outputs")
    assert (repo.path / ".runs/checkpoints/g/x/model.ckpt").exists()
    (repo.path / ".runs/.runs.yml").rename(repo.path / ".runs/backup/runs.yml")
    repo.ok("import", ".runs/backup/runs.yml")
    assert (repo.ok("list"), repo.ok("fsck")) == ("g/x\n", "")


def test_the_outputs_of_the_run_that_has_the_name_are_not_taken(repo: Repository) -> None:
    repo.finish("g/x", "echo mine >$RUNS_SAVE_PATH", *NO_FLAGS)
    (repo.path / ".runs/runs.yml").write_text(yaml.safe_dump({"g/x": {"commit": repo.git("rev-parse", "HEAD")}}))
    assert "'g/x' as 'g/x-2'" in repo.ok("import")
    assert (repo.path / ".runs/checkpoints/g/x/model.ckpt").read_text() == "mine\n"
    assert not (repo.path / ".runs/checkpoints/g/x-2").exists()
