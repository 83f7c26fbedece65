"""`git runs import`, of what the real tools wrote: see make_fixtures.py."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from git_runs.records import importers
from git_runs.records.importers import wandb
from tests.conftest import Machine, Repository
from tests.importers.left import lay, lay_mlflow_database, project
from tests.importers.make_fixtures import VERSIONS

# By what was left: the runs as the table shows them, in the order of their names, by the columns below.
COLUMNS = ("name", "status", "params.lr", "loss", "loss:min", "tags", "description")
TRY = "0.166667"
LEFT: dict[str, list[tuple[str, ...]]] = {
    "lab-notebook": [
        ("exp/try", "_", "0.5", "0.25", "0.25", "_", "Does it help?"),
        ("other", "_", "_", "0.25", "0.25", "_", "Learn XOR by itself"),
    ],
    "lab-notebook-3.2": [
        ("exp/try", "_", "0.5", "_", "_", "_", "Does it help?"),
        ("other", "_", "_", "_", "_", "_", "other"),
    ],
    "guild": [
        ("xor.py", "failed", "0.1", "0.0333333", "0.0333333", "_", "layers=3 lr=0.1"),
        ("xor.py", "finished", "0.1", "0.0333333", "0.0333333", "_", "layers=2 lr=0.1"),
        ("xor.py", "finished", "0.2", "0.0666667", "0.0666667", "_", "layers=2 lr=0.2"),
        ("xor.py", "finished", "0.5", TRY, TRY, "good", "first try"),
    ],
    "mlflow": [
        ("xor/broken", "failed", "_", "_", "_", "_", "_"),
        ("xor/try-0.1", "finished", "0.1", "0.0333333", "0.0333333", "good model=mlp", "Does it help?"),
        ("xor/try-0.5", "finished", "0.5", TRY, TRY, "good model=mlp", "Does it help?"),
    ],
    "mlflow.db": [
        ("xor/broken", "failed", "_", "_", "_", "_", "_"),
        ("xor/try-0.1", "finished", "0.1", "0.0333333", "0.0333333", "model=mlp good", "Does it help?"),
        ("xor/try-0.5", "finished", "0.5", TRY, TRY, "model=mlp good", "Does it help?"),
    ],
    "dvc": [
        ("other", "finished", "0.2", "0.0666667", "_", "_", "Does it help?"),
        ("try", "finished", "0.5", TRY, "_", "_", "_"),
    ],
    "exptrack": [
        ("broken", "failed", "_", "_", "_", "_", "_"),
        ("try-0.1", "finished", "0.1", "0.0333333", "0.0333333", "good", "Does it help?"),
        ("try-0.5", "finished", "0.5", TRY, TRY, "good", "Does it help?"),
        ("xor__lr0.3_layers2", "finished", "0.3", "_", "_", "_", "_"),
    ],
    "wandb": [
        ("try-0.1", "finished", "0.1", "0.0333333", "0.0333333", "good", "Why?"),
        ("try-0.5", "failed", "0.5", TRY, TRY, "good", "Why?"),
    ],
}
OUTPUTS = {  # files in the outputs that the records name
    "lab-notebook": {"model.txt"},
    "lab-notebook-3.2": set(),
    "guild": {"model.txt"},
    "mlflow": {"model.txt"},
    "mlflow.db": {"model.txt"},
    "dvc": {"d624b28208abf62b4d0db65c04757b"},
    "exptrack": {"model.txt", "stdout.log"},
    "wandb": {"model.txt"},
}
RANDOM = re.compile("(__|-)[0-9a-f]{8}$")
EACH = pytest.mark.parametrize("tool", LEFT)


@pytest.fixture
def left(machine: Machine, tmp_path: Path, tool: str) -> Repository:
    """The repository in which the tool was used."""
    repo = project(machine, tmp_path / "repo")
    lay_mlflow_database(repo) if tool == "mlflow.db" else lay(tool, repo)
    return repo


def tool_of(left_by: str) -> str:
    """The name for --from."""
    return left_by.removesuffix("-3.2").removesuffix(".db")


def rows(repo: Repository, *columns: str) -> list[tuple[str, ...]]:
    """The table, sorted; names without what is random in them."""
    table = json.loads(repo.ok("table", f"--columns={','.join(columns)}", "--format=json"))
    found = [tuple(shown(row.get(column)) for column in columns) for row in table]
    return sorted((RANDOM.sub("", name), *rest) for name, *rest in found)


def shown(value: object) -> str:
    """A value as it is compared."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "_")


def files(top: Path) -> dict[str, bytes]:
    """All that is there, but for the runs dir and what git has."""
    found = (path for path in top.rglob("*") if path.is_file() and not {".runs", ".git"} & set(path.parts))
    return {str(path): path.read_bytes() for path in found}


def test_every_tool_is_tested() -> None:
    assert {tool_of(tool) for tool in LEFT} == set(importers.MODULES) - {"runs"}  # tests/commands/test_import_old.py
    assert {tool.removesuffix(".db") for tool in LEFT} == set(VERSIONS)


@EACH
def test_all_runs_come_with_what_the_tool_says_of_them(left: Repository, tool: str) -> None:
    before = files(left.path)
    count = len(LEFT[tool])
    assert left.ok("import").startswith(f"Imported {count} of {count} runs from '{left.path}")
    assert rows(left, *COLUMNS) == LEFT[tool]
    assert files(left.path) == before
    names = left.ok("list").split()
    head = left.git("rev-parse", "HEAD").strip()
    for name in names:
        record = left.record(name)
        assert record["imported"]["tool"] == tool_of(tool)  # type: ignore[index]
        assert record["commit"] == left.git("rev-parse", f"runs/{name}").strip()
        assert record["commit"] == head or record["base"]
        assert left.ok("show", name).startswith(f"run {name}\n")
    outputs = [Path(path) for name in names for path in left.record(name).get("outputs", [])]  # type: ignore[attr-defined]
    inside = {file.name for one in outputs for file in (one.rglob("*") if one.is_dir() else [one])}
    assert OUTPUTS[tool] <= inside
    assert (left.ok("fsck"), bool(outputs)) == ("", bool(OUTPUTS[tool]))


@EACH
def test_a_second_import_changes_nothing(left: Repository, tool: str) -> None:
    left.ok("import")
    records = {path: path.read_bytes() for path in (left.path / ".runs/records").rglob("*.yml")}
    left.ok("move", left.ok("list").split()[0], "moved")
    moved = left.record_path("moved").read_bytes()
    printed = left.ok("import", f"--from={tool_of(tool)}")
    count = len(LEFT[tool])
    assert printed.startswith(f"Imported 0 of {count} runs from ")
    assert printed.endswith(f"; {count} runs are here already\n")
    left_there = {path: path.read_bytes() for path in (left.path / ".runs/records").rglob("*.yml")}
    assert left_there.pop(left.record_path("moved")) == moved
    assert left_there.items() <= records.items()


@EACH
def test_a_dry_run_only_says(left: Repository, tool: str) -> None:
    lines = left.ok("import", "-n").splitlines()
    assert [line.startswith("Would import ") for line in lines] == [True] * (len(LEFT[tool]) + 1)
    assert (left.refs(), (left.path / ".runs/records").exists()) == ([], False)


@pytest.mark.parametrize("tool", ["mlflow", "guild", "exptrack", "wandb"])
def test_outputs_are_moved_where_that_is_wished(left: Repository, tool: str) -> None:
    left.ok("import", "-q")
    name = next(one for one in left.ok("list", ".*(try-|xor.py).*").split() if "outputs" in left.record(one))
    output = Path(json.loads(left.lookup(name, "outputs"))[0])
    said = left.ok("import", "--move-outputs").splitlines()[-1]
    assert re.fullmatch(r"The outputs of \d runs? (were|was) moved into the runs dir", said)
    assert not output.exists()
    assert "outputs" not in left.record(name)
    kind = "tensorboard" if tool == "guild" else "checkpoints"
    assert list((left.path / ".runs" / kind / name).rglob("model.txt"))
    assert left.ok("fsck") == ""
    left.ok("delete", "-y", "--now", name)
    assert not (left.path / ".runs" / kind / name).exists()


@pytest.mark.parametrize("tool", ["mlflow", "dvc"])
def test_outputs_are_linked_where_that_is_wished(left: Repository, tool: str) -> None:
    before = files(left.path)
    left.ok("import", "-q", "--link-outputs")
    left.ok("import", "-q", "--link-outputs")
    name = LEFT[tool][-1][0]
    assert [path.read_text() for path in (left.path / ".runs/checkpoints" / name).glob("**/model.txt")] or (
        left.path / ".runs/checkpoints" / name / "artifacts/model.txt"
    ).exists()
    assert left.ok("fsck") == ""
    left.ok("delete", "-y", "--now", name)
    assert files(left.path) == before


@pytest.mark.parametrize("tool", ["mlflow"])
def test_linked_outputs_can_be_moved_later_and_links_are_not(left: Repository, tmp_path: Path, tool: str) -> None:
    artifacts = sorted(left.path.glob("mlruns/*/*/artifacts"))
    link = artifacts[0]
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(os.path.relpath(tmp_path / "elsewhere", link.parent))
    left.ok("import", "-q", "--link-outputs")
    assert "could be taken in" not in left.runs("import", "--move-outputs").err
    assert [path.exists() for path in artifacts] == [True, False]
    assert len(list(left.path.glob(".runs/checkpoints/xor/*/artifacts"))) == 2
    assert sum(path.is_symlink() for path in left.path.glob(".runs/checkpoints/xor/*/artifacts")) == 1
    assert left.ok("fsck") == ""


@pytest.mark.parametrize("tool", ["dvc"])
def test_what_other_runs_share_is_not_moved(left: Repository, tool: str) -> None:
    before = files(left.path)
    warning = "warning: outputs that other runs or people may use, too, stay where they are; --link-outputs links them"
    assert warning in left.runs("import", "--move-outputs").err
    assert files(left.path) == before


@pytest.mark.parametrize("tool", ["guild", "lab-notebook", "mlflow", "exptrack", "wandb"])
def test_curves_come_along(left: Repository, tool: str) -> None:
    left.ok("import", "-q")
    name = left.ok("list", ".*try.*|xor.py.*").split()[0]
    points = left.ok("metrics", "--format=csv", name).splitlines()
    assert len([point for point in points if "loss" in point]) == (2 if tool == "lab-notebook" else 3)
    assert "loss" in left.ok("plot", name, "--metric=loss")


@pytest.mark.parametrize("tool", ["guild"])
def test_of_a_home_only_the_runs_of_this_project_come(left: Repository, tmp_path: Path, tool: str) -> None:
    home = left.machine.home / ".guild"
    (left.path / ".guild").rename(home)
    run = max((home / "runs").iterdir())
    (run / ".guild/opref").write_text("script:/elsewhere '' '' xor.py")
    (run / ".guild/attrs/vcs_commit").write_text(f"git:{'1' * 40}\n")
    printed = left.ok("import")
    assert printed.startswith(f"Imported 3 of 3 runs from '{home}' (Guild)\n")
    assert f"Left out 1 run of other projects; to have all: git runs import --from=guild '{home}'\n" in printed
    assert left.ok("import", str(home)).startswith("Imported 1 of 4 runs")


# --- without commits


@pytest.fixture
def without(machine: Machine, tmp_path: Path) -> Repository:
    """A repository without the commits of the runs that MLflow left there."""
    repo = Repository(machine, tmp_path / "repo")
    machine.run("git", "init", "-q", "-b", "main", str(repo.path))
    repo.commit("other", "")
    (repo.path / ".git/info/exclude").write_text("mlruns\n*.gz\n")
    lay("mlflow", repo)
    return repo


def test_runs_without_their_commits_come_all_the_same(without: Repository, tmp_path: Path) -> None:
    result = without.runs("import")
    assert result.code == 0
    assert (
        "warning: 3 runs are without a ref, as the commit is not here: 'xor/try-0.1', 'xor/try-0.5', 'xor/br"
        in result.err
    )
    assert without.refs() == []
    assert without.ok("fsck") == ""
    assert without.ok("list", "xor/try.*").split() == ["xor/try-0.1", "xor/try-0.5"]
    assert without.ok("table", "--columns=name", "--where=lr<0.3", "--format=csv").split() == ["name", "xor/try-0.1"]
    assert without.ok("metrics", "--format=json", "xor/try-0.1")
    for words in (["reproduce", "xor/broken"], ["reproduce", "--run", "-y", "xor/broken"]):
        result = without.runs(*words)
        assert result.code == 128
        assert result.err.startswith("fatal: run 'xor/broken' was imported from mlflow, and its commit ")
        assert "is not in this repository\nhint: fetch the commit, then: git runs fsck --repair\n" in result.err
    without.ok("move", "xor/broken", "moved")
    without.ok("delete", "-y", "moved")
    without.ok("undelete", "moved")
    assert without.ok("fsck") == ""
    head = project(without.machine, tmp_path / "with")
    without.git("fetch", "-q", str(head.path), "main")
    assert without.runs("fsck").code == 1
    without.ok("fsck", "--repair")
    assert without.refs() == ["refs/runs/moved", "refs/runs/xor/try-0.1", "refs/runs/xor/try-0.5"]
    assert without.ok("fsck") == ""


def test_runs_without_their_commits_are_not_pushed(without: Repository, tmp_path: Path) -> None:
    without.ok("import", "-q")
    without.finish("own")
    remote = tmp_path / "remote.git"
    without.machine.run("git", "init", "-q", "--bare", str(remote))
    without.git("remote", "add", "origin", str(remote))
    result = without.runs("push", "-y", "--all")
    assert (result.code, result.out) == (0, "origin: 1 new\n")
    warning = (
        "warning: 3 imported runs are not pushed, as what they ran is in no commit here: 'xor/broken', 'xor/try-0.1'"
    )
    assert result.err.startswith(warning)
    result = without.runs("push", "-y", "xor/broken")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("warning: 1 imported run is not pushed")


def test_runs_without_their_commits_are_in_no_bundle(without: Repository) -> None:
    without.ok("import", "-q")
    without.finish("own")
    result = without.runs("bundle", "create", "../file", "own", "xor/broken")
    assert (result.code, result.out.startswith("1 run in '../file'")) == (1, True)
    assert result.err.startswith("warning: 1 imported run is not in it, as what they ran is in no commit here")
    before = (without.path / "../file").read_bytes()
    assert without.runs("bundle", "create", "../file", "xor/broken").code == 128
    assert (without.path / "../file").read_bytes() == before


def test_a_run_whose_commit_the_tool_does_not_say(without: Repository) -> None:
    for path in without.path.rglob("mlflow.source.git.commit"):
        path.unlink()
    result = without.runs("import")
    assert "warning: at which commit 3 runs ran is not known: " in result.err
    assert without.ok("fsck") == ""
    result = without.runs("reproduce", "xor/broken")
    assert result.err == ("fatal: run 'xor/broken' was imported from mlflow, and at which commit it ran is not known\n")
    result = without.runs("diff", "xor/broken", "xor/try-0.1")
    assert (result.code, result.err) == (1, "error: run 'xor/broken': at which commit it ran is not known\n")
    assert without.ok("delete", "-y", "xor/broken") == "Deleted run 'xor/broken'\n"


# --- names, and which tool


@pytest.mark.parametrize("tool", ["mlflow"])
def test_no_run_loses_its_name(left: Repository, tool: str) -> None:
    left.finish("xor/try-0.1")
    left.finish("other")
    before = left.record_path("xor/try-0.1").read_bytes()
    printed = left.ok("import")
    assert "Under other names: 'xor/try 0.1' as 'xor/try-0.1-2', 'xor/try 0.5' as 'xor/try-0.5'\n" in printed
    assert left.record_path("xor/try-0.1").read_bytes() == before
    assert left.record("xor/try-0.1-2")["imported"]["name"] == "xor/try 0.1"  # type: ignore[index]
    assert left.ok("fsck") == ""


@pytest.mark.parametrize("tool", ["mlflow"])
def test_tags_become_words(left: Repository, tool: str) -> None:
    for path in left.path.rglob("tags/model"):
        path.write_text("two words, more")
    left.ok("import")
    assert left.ok("tag").split() == ["good", "model=two-words-more"]
    assert left.ok("list", "--where", "tag=good").split() == ["xor/try-0.1", "xor/try-0.5"]


@pytest.mark.parametrize("tool", ["mlflow"])
def test_a_group_that_is_a_run_here(left: Repository, tool: str) -> None:
    left.finish("xor")
    left.ok("import")
    assert left.ok("list").split() == ["xor", "xor-broken", "xor-try-0.1", "xor-try-0.5"]
    assert left.ok("fsck") == ""


def test_names_that_lead_out_of_the_runs_dir(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("mlflow", repo)
    for path in repo.path.rglob("mlflow.runName"):
        path.write_text("../../../out\x1b/.lock")
    for path in repo.path.glob("mlruns/*/meta.yaml"):
        path.write_text("name: ..\n")
    before = {path for path in tmp_path.rglob("*") if ".runs" not in path.parts and ".git" not in path.parts}
    repo.ok("import", "--move-outputs")
    assert repo.ok("list").split() == ["out/lock", "out/lock-2", "out/lock-3"]
    after = {path for path in tmp_path.rglob("*") if ".runs" not in path.parts and ".git" not in path.parts}
    assert after <= before
    assert repo.ok("fsck") == ""


def test_several_tools_are_named_and_one_has_to_be_chosen(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("mlflow", repo)
    lay("exptrack", repo)
    result = repo.runs("import")
    assert result.code == 128
    assert result.err == (
        f"fatal: there are runs of several tools: mlflow ('{repo.path}/mlruns'),"
        f" exptrack ('{repo.path}/.exptrack/experiments.db')\n"
        "hint: git runs import --from=mlflow\n"
        "hint: git runs import --from=exptrack\n"
    )
    assert repo.refs() == []


def test_no_tool_at_all(repo: Repository, tmp_path: Path) -> None:
    result = repo.runs("import")
    assert result.code == 128
    assert result.err.startswith(
        "fatal: no runs of another tool are here\nhint: to say where they are: git runs import "
    )
    (empty := tmp_path / "empty").mkdir()
    assert repo.runs("import", str(empty)).err.startswith(f"fatal: no runs of another tool are at '{empty}'\n")


@pytest.mark.parametrize("tool", ["lab-notebook", "guild", "mlflow", "exptrack", "wandb"])
def test_another_project_is_named_by_its_top(left: Repository, machine: Machine, tmp_path: Path, tool: str) -> None:
    elsewhere = project(machine, tmp_path / "elsewhere")
    top = os.path.relpath(left.path, elsewhere.path)
    assert elsewhere.ok("import", "-n", top) == elsewhere.ok("import", "-n", f"--from={tool}", top)
    assert len(elsewhere.ok("import", "-n", top).splitlines()) == len(LEFT[tool]) + 1


def test_what_is_no_place_of_a_tool_is_refused(repo: Repository) -> None:
    (repo.path / "database.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    (repo.path / "tree.yml").write_text("children: [1, {a: b}]\nname: !!python/object/apply:os.system [true]\n")
    for tool in set(importers.MODULES) - {"runs"}:
        for name in ("database.db", "missing", "train.py"):
            result = repo.runs("import", f"--from={tool}", name)
            assert result.code == 128
            assert result.err.startswith("fatal: "), result
    assert repo.runs("import", "--from=lab-notebook", "tree.yml").out.startswith("Imported 0 of 0 runs")
    assert repo.refs() == []


@pytest.mark.parametrize("tool", ["mlflow", "guild", "wandb"])
def test_one_damaged_run_hinders_no_other(left: Repository, tool: str) -> None:
    patterns = {
        "mlflow": "mlruns/*/*/meta.yaml",
        "guild": ".guild/runs/*/.guild/attrs/flags",
        "wandb": "wandb/*/*.wandb",
    }
    damaged = max(left.path.glob(patterns[tool]))
    damaged.write_text("a: [")
    result = left.runs("import")
    count = len(LEFT[tool])
    assert (result.code, result.out.startswith(f"Imported {count - 1} of {count} runs")) == (1, True), result
    assert f"error: cannot read runs from '{damaged}'" in result.err


@pytest.mark.parametrize("tool", ["wandb"])
def test_a_log_that_was_cut_off_counts_as_far_as_it_goes(left: Repository, tool: str) -> None:
    log = min(left.path.glob("wandb/*/*.wandb"))
    log.write_bytes(log.read_bytes()[:-5000])
    left.ok("import")
    assert left.lookup("try-0.1", "lr") == "0.1"


def test_what_is_not_the_runs_alone_is_never_moved(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("exptrack", repo)
    database = repo.path / ".exptrack/experiments.db"
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE artifacts SET path = ?", [str(repo.path / "train.py")])
    repo.runs("import", "--move-outputs")
    assert (repo.path / "train.py").exists()
    assert any(str(repo.path / "train.py") in repo.ok("lookup", name) for name in repo.ok("list").split())


def test_before_the_import_a_hint_names_the_tool(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("mlflow", repo)
    hint = f"hint: runs of MLflow are in '{repo.path}/mlruns'; to have them here: git runs import --from=mlflow\n"
    assert hint in repo.runs("table").err
    repo.ok("import")
    assert repo.runs("table").err == ""


def test_settings_of_lab_notebook_are_none_of_ours(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("lab-notebook-3.2", repo)
    result = repo.runs("list")
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("tool", ["exptrack"])
def test_a_database_is_read_while_another_process_writes_to_it(left: Repository, tool: str) -> None:
    with closing(sqlite3.connect(left.path / ".exptrack/experiments.db")) as opened:
        opened.execute("PRAGMA wal_autocheckpoint = 0")
        opened.execute("UPDATE experiments SET notes = 'new words' WHERE name = 'broken'")
        opened.commit()
        left.ok("import")
    assert left.lookup("broken", "description") == "new words"


@pytest.mark.parametrize("tool", ["exptrack"])
def test_nothing_is_made_beside_a_database_that_was_left_with_its_log(left: Repository, tool: str) -> None:
    database = left.path / ".exptrack/experiments.db"
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA journal_mode = wal")
        opened.execute("UPDATE experiments SET notes = 'in the log'")
        opened.commit()
        kept = {path: path.read_bytes() for path in database.parent.glob("*.db*") if not path.name.endswith("-shm")}
    for path in database.parent.glob("*.db*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    left.ok("import", "-q")
    assert {path: path.read_bytes() for path in database.parent.glob("*.db*")} == kept
    assert left.lookup(left.ok("list").split()[0], "description") == "in the log"


# --- five tools, one table


def test_runs_of_five_tools_are_in_one_table(machine: Machine, tmp_path: Path) -> None:
    repo = project(machine, tmp_path / "repo")
    for tool in ("lab-notebook", "guild", "mlflow", "dvc"):
        lay(tool, repo)
    commit = repo.git("rev-parse", "HEAD").strip()
    (repo.path / ".runs/tensorboard/old").mkdir()
    (repo.path / ".runs/tensorboard/old/metrics.csv").write_text("step,loss\n0,0.4\n1,0.3\n")
    fields = {"command": "python3 train.py --lr=0.7", "commit": commit, "datetime": "2018-05-02T12:00:00"}
    (repo.path / ".runs/.runs.yml").write_text(yaml.safe_dump({"old": fields}))
    for tool in ("runs", "lab-notebook", "guild", "mlflow", "dvc"):
        repo.ok("import", f"--from={tool}", "-q")
    table = rows(repo, "name", "lr", "loss")
    assert ("old", "0.7", "0.3") in table
    assert ("exp/try", "0.5", "0.25") in table
    assert ("xor.py", "0.5", TRY) in table
    assert ("xor/try-0.5", "0.5", TRY) in table
    assert ("try", "0.5", TRY) in table
    assert ("other-2", "0.2", "0.0666667") in table  # lab-notebook has one of that name
    assert len(table) == 1 + 2 + 4 + 3 + 2
    assert repo.ok("fsck") == ""


def test_an_import_elsewhere_gives_the_same_run(machine: Machine, tmp_path: Path) -> None:
    ids = []
    for place in ("one", "two"):
        repo = project(machine, tmp_path / place)
        lay("wandb", repo)
        repo.ok("import")
        ids.append(repo.lookup("try-0.1", "id"))
        shutil.rmtree(repo.path)
    assert ids[0] == ids[1]


@pytest.mark.parametrize("tool", ["mlflow"])
def test_what_no_run_of_mlflow_has_is_left_alone(left: Repository, tmp_path: Path, tool: str) -> None:
    secret, one = tmp_path / "secret", min(left.path.glob("mlruns/*/*/params"))
    secret.write_text("words\n")
    (one / "leads-out").symlink_to(secret)
    (one / "missing").symlink_to("nowhere")
    os.mkfifo(one / "waits")
    assert left.ok("import").startswith(f"Imported {len(LEFT[tool])} of {len(LEFT[tool])} runs")
    assert all("words" not in left.ok("lookup", name) for name in left.ok("list").split())


@pytest.mark.parametrize("tool", ["mlflow.db", "exptrack", "guild", "wandb"])
def test_values_that_nobody_expects_hinder_no_run(left: Repository, tool: str) -> None:
    databases = {"mlflow.db": "mlflow.db", "exptrack": ".exptrack/experiments.db"}
    if tool in databases:
        with closing(sqlite3.connect(left.path / databases[tool])) as opened, opened:
            opened.execute("PRAGMA ignore_check_constraints = on")
            opened.execute("UPDATE metrics SET value = 'none'")
            opened.execute("UPDATE params SET key = key || char(0)")
            if tool == "exptrack":
                opened.execute("UPDATE experiments SET tags = '5', studies = '{\"a\": 1}'")
    for path in left.path.glob(".guild/runs/*/.guild/attrs/exit_status"):
        path.write_text("1e400\n")
    for path in left.path.glob("wandb/*/files"):
        (path / "wandb-metadata.json").write_text('{"program": "x", "args": 5}')
        (path / "wandb-summary.json").write_text(f'{{"loss": 1{"0" * 400}, "a\\ud800": 1}}')
    count = len(LEFT[tool])
    assert left.ok("import").startswith(f"Imported {count} of {count} runs")
    assert left.ok("fsck") == ""


def test_a_log_is_read_in_a_time_that_grows_with_its_length() -> None:
    size = wandb.BLOCK - wandb.HEADER.size
    kinds = [wandb.FIRST, *[wandb.MIDDLE] * 998, wandb.LAST]
    blocks = b"".join(wandb.HEADER.pack(0, size, kind) + bytes(size) for kind in kinds)
    start = time.process_time()
    (record,) = wandb._records(wandb.IDENTIFIER + bytes(3) + blocks, "x")
    assert len(record) == size * len(kinds)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("place", [".git", ".", ".runs", "/"])
def test_no_tool_can_have_the_repository_taken_for_outputs(machine: Machine, tmp_path: Path, place: str) -> None:
    repo = project(machine, tmp_path / "repo")
    lay("exptrack", repo)
    with closing(sqlite3.connect(repo.path / ".exptrack/experiments.db")) as opened, opened:
        opened.execute("UPDATE experiments SET output_dir = ?", [str(repo.path / place)])
    assert "could be taken in" not in repo.runs("import", "--move-outputs").err
    assert repo.ok("fsck") == ""
    assert all(place not in repo.record(name).get("outputs", []) for name in repo.ok("list").split())  # type: ignore[operator]


@pytest.mark.parametrize("tool", ["lab-notebook"])
def test_a_run_of_lab_notebook_has_no_more_than_its_own_outputs(left: Repository, tool: str) -> None:
    shutil.rmtree(left.path / ".runs")
    own = left.path / "out/tensorboard/exp/try"
    own.mkdir(parents=True)
    (left.path / ".runsrc").write_text("[main]\nroot : out\ndir_names : tensorboard\n")
    with closing(sqlite3.connect(left.path / "runs.db")) as opened, opened:
        opened.execute("UPDATE runs SET path = '.' WHERE path != 'exp/try'")
    left.ok("import", "--move-outputs")
    assert (left.path / ".runs/tensorboard/exp/try").is_dir()
    assert "outputs" not in left.record("exp/try")
    assert (left.path / "out/tensorboard").is_dir()
    assert "outputs" not in left.record("run")


@pytest.mark.parametrize("tool", ["mlflow"])
def test_what_was_deleted_does_not_come_again_while_it_can_be_had_back(left: Repository, tool: str) -> None:
    left.ok("import", "-q", "--move-outputs")
    name, *others = left.ok("list").split()
    left.ok("delete", "--yes", name)
    assert f"git runs undelete': '{name}'\n" in left.ok("import")
    assert left.ok("list").split() == others
    left.ok("undelete", name)
    assert left.ok("fsck") == ""
    left.ok("delete", "--yes", "--now", name)
    assert left.ok("import").startswith("Imported 1 of 3")


@pytest.mark.parametrize("tool", ["dvc"])
def test_of_an_experiment_of_dvc_the_end_is_known_and_no_start(left: Repository, tmp_path: Path, tool: str) -> None:
    left.ok("import", "-q")
    ended = left.git("log", "-1", "--format=%ct", left.record("try")["imported"]["id"]).strip()  # type: ignore[index]
    record = left.record("try")
    assert datetime.fromisoformat(str(record["finished"])).timestamp() == int(ended)
    assert "datetime" not in record
    shown = left.ok("show", "try")
    assert "Finished" in shown
    assert "Started" not in shown
    assert left.ok("list", "--sort=-finished").split() == ["other", "try"]
    left.ok("export", "--format=mlflow", "-o", str(tmp_path / "store"))
    other = project(left.machine, tmp_path / "other")
    other.ok("import", "-q", str(tmp_path / "store"))
    assert "datetime" not in other.record("try")
    assert other.record("try")["finished"] == record["finished"]


@pytest.mark.parametrize("tool", ["exptrack"])
def test_an_import_waits_for_another_one(left: Repository, tool: str) -> None:
    (left.path / ".runs").mkdir(exist_ok=True)
    with (left.path / ".runs/import.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = left.machine.start("git", "runs", "import", cwd=left.path)
        assert second.stderr
        assert b"another import goes on here" in second.stderr.readline()
        assert left.ok("list") == ""
    assert second.communicate()[0].startswith(b"Imported 4 of 4 runs")
