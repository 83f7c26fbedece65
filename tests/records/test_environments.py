"""Environments that runs share, and those that records of before hold themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from git_runs.environment import collection
from git_runs.environment.fingerprints import Fingerprints
from git_runs.errors.records import NoEnvironment
from git_runs.records.environments import Environments
from git_runs.records.record import Record
from tests.conftest import NO_FLAGS, Repository


def files(repo: Repository) -> list[str]:
    """The names of the environments that are kept."""
    return sorted(path.stem for path in (repo.path / ".runs/environments").glob("*.yml"))


def listed(repo: Repository, name: str) -> list[str]:
    """The packages that the run found."""
    return (repo.path / f".runs/environments/{repo.environment(name)['packages']}.txt").read_text().splitlines()


def hold_itself(repo: Repository, name: str) -> None:
    """Make the run's record one of before, which holds its environment, with hashes salted by its id."""
    fields = repo.record(name)
    environment = repo.environment(name)
    salted = Fingerprints("").like({"salt": fields["id"]})
    variables = collection.describe_variables(repo.machine.environment, environment["variables"], salted)
    others = {name: variables["others"].get(name, "12345678") for name in environment["others"]}
    fields["environment"] = {**environment, "variables": variables["variables"], "others": others}
    del fields["environment"]["key"]  # type: ignore[attr-defined]
    repo.record_path(name).write_text(yaml.safe_dump(fields, sort_keys=False))


def test_runs_that_found_the_same_share_a_file(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name, "true", *NO_FLAGS)
    repo.machine.environment["TOKEN"] = "secret"
    repo.finish("c", "true", *NO_FLAGS)
    a, b, c = (repo.record(name)["environment"] for name in "abc")
    assert a == b != c
    assert files(repo) == sorted({str(a), str(c)})
    assert "TOKEN" in repo.environment("c")["others"]
    assert repo.runs("diff", "a", "b").out == ""
    assert repo.runs("diff", "a", "c").out == "environment\n  variables that differ: TOKEN\n"
    repo.machine.environment["TOKEN"] = "another"
    repo.finish("d", "true", *NO_FLAGS)
    assert repo.runs("diff", "c", "d").out == "environment\n  variables that differ: TOKEN\n"


def test_only_who_has_the_key_can_compare(repo: Repository, tmp_path: Path) -> None:
    """It stays in the git dir, and out of the runs dir and of clones."""
    repo.machine.environment["TOKEN"] = "secret"
    repo.git("config", "runs.runs-dir", str(tmp_path / "runs"))
    repo.finish("a", "true", *NO_FLAGS)
    key = repo.path / ".git/git-runs.key"
    assert (key.stat().st_mode & 0o777, len(key.read_text())) == (0o600, 64)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file())
    assert key.read_bytes() not in everything
    name = repo.environment("a")["key"]
    before = key.read_text()
    repo.finish("b", "true", *NO_FLAGS)
    assert repo.environment("b")["key"] == name
    key.unlink()
    repo.finish("c", "true", *NO_FLAGS)
    assert key.read_text() != before
    assert repo.environment("c")["others"].keys() == repo.environment("a")["others"].keys()
    assert repo.environment("c")["others"].items().isdisjoint(repo.environment("a")["others"].items())
    number = len(repo.environment("a")["others"])
    unknown = f"{number} variables: unknown, since they were recorded in different clones\n"
    assert repo.runs("diff", "a", "c").out == f"environment\n  {unknown}"
    assert repo.runs("reproduce", "--check", "a").err == f"error: {unknown}"


def test_linked_work_trees_share_the_key(repo: Repository, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", str(tmp_path / "other"))
    for name, place in (("a", repo.path), ("b", tmp_path / "other")):
        repo.finish(name, "true", *NO_FLAGS, cwd=place)
    assert repo.record("a")["environment"] == repo.record("b")["environment"]


def test_a_record_may_hold_its_environment_itself(repo: Repository) -> None:
    repo.machine.environment["MY_SEED"] = "3"
    for name in ("a", "b"):
        repo.finish(name, "echo $MY_SEED", *NO_FLAGS)
    hold_itself(repo, "a")
    assert repo.runs("diff", "a", "b").out == ""
    assert repo.runs("reproduce", "--check", "a").err == repo.runs("reproduce", "--check", "b").err == ""
    repo.machine.environment["TOKEN"] = "secret"
    repo.machine.environment["MY_SEED"] = "4"
    checks = [repo.runs("reproduce", "--check", name) for name in ("a", "b")]
    assert checks[0].err == checks[1].err
    assert checks[0].err.endswith("variables that differ: TOKEN\n")
    assert repo.runs("reproduce", "--run", "--wait", "a").out.endswith("Reproduction: equal\n")
    python = repo.environment("b")["python"]
    assert repo.ok("list", "--where", f"environment.python={python}").split() == ["a", "a-repro", "b"]
    assert repo.ok("list", "--where", "environment.variables.MY_SEED=3").split() == ["a", "a-repro", "b"]
    assert repo.ok("list", "--where", "environment.variables.MY_SEED=4").split() == []
    exported = yaml.safe_load(repo.ok("export", "-o", "-"))["a"]["environment"]
    assert exported.pop("salt") == repo.record("a")["id"]
    packages = exported["packages"]
    assert exported == {**repo.record("a")["environment"], "packages": packages}  # type: ignore[dict-item]
    assert packages == listed(repo, "b")


def test_an_export_holds_all_and_an_import_shares_it_again(repo: Repository, tmp_path: Path) -> None:
    for name in ("a", "b"):
        repo.finish(name, "true", *NO_FLAGS)
    repo.ok("export", "-o", str(tmp_path / "all"))
    before = repo.environment("a")
    lines = listed(repo, "a")
    exported = yaml.safe_load((tmp_path / "all").read_text())
    assert exported["a"]["environment"] == {**before, "packages": lines}
    assert exported["b"]["environment"] == before
    repo.ok("delete", "-y", "--now", "a", "b")
    for path in (repo.path / ".runs/environments").iterdir():
        path.unlink()
    repo.ok("import", str(tmp_path / "all"))
    assert repo.record("a")["environment"] == repo.record("b")["environment"] == files(repo)[0]
    assert (repo.environment("a"), listed(repo, "b")) == (before, lines)


def test_what_a_run_without_its_commit_holds_for_others_is_imported(repo: Repository, tmp_path: Path) -> None:
    for name in ("a", "b"):
        repo.finish(name, "true", *NO_FLAGS)
    lines = listed(repo, "b")
    exported = yaml.safe_load(repo.ok("export", "-o", "-"))
    exported["a"]["commit"] = "0" * 40
    (tmp_path / "all").write_text(yaml.safe_dump(exported, sort_keys=False))
    repo.ok("delete", "-y", "--now", "a", "b")
    for path in (repo.path / ".runs/environments").iterdir():
        path.unlink()
    repo.ok("import", str(tmp_path / "all"))
    assert listed(repo, "b") == lines


@pytest.mark.parametrize("broken", ["gone", "no YAML", "a link"])
def test_what_cannot_be_read_is_said_and_keeps_no_run_from_coming_back(repo: Repository, broken: str) -> None:
    repo.finish("a", "true", *NO_FLAGS)
    (path,) = (repo.path / ".runs/environments").glob("*.yml")
    if broken == "no YAML":
        path.write_text("a: [")
    else:
        path.rename(repo.path.parent / "elsewhere")
    if broken == "a link":
        path.symlink_to(repo.path.parent / "elsewhere")
    assert repo.runs("reproduce", "--check", "a").err.startswith("error: the environment cannot be read: ")
    assert repo.ok("list", "--where", "environment.python~.") == ""
    assert repo.lookup("a", "environment") == path.stem
    assert yaml.safe_load(repo.ok("export", "-o", "-"))["a"]["environment"] == path.stem
    assert "Reproduction: equal" in repo.runs("reproduce", "--run", "--wait", "a").out


@pytest.mark.parametrize("planted", ["../../x", "/etc/passwd", "0123456789abcde", "0123456789ABCDEF", 3, ["a"]])
def test_an_id_leads_nowhere_else(tmp_path: Path, planted: object) -> None:
    (tmp_path / "x.yml").write_text("python: 3\n")
    with pytest.raises(NoEnvironment):
        Environments(str(tmp_path / "a")).of(Record(environment=planted))


def test_a_file_that_was_edited_stays(tmp_path: Path) -> None:
    environments = Environments(str(tmp_path))
    first = environments.keep({"python": "3.11"})
    path = tmp_path / f"environments/{first}.yml"
    path.write_text(path.read_text() + "note: slow machine\n")
    second = environments.keep({"python": "3.11"})
    assert second == environments.keep({"python": "3.11"}) != first
    assert environments.of(Record(environment=second)) == {"python": "3.11"}
    assert "note" in environments.of(Record(environment=first))


def test_whatever_a_variable_holds_comes_back(tmp_path: Path) -> None:
    value = "a\tb\n\x1b ü\u2028: #'\"\\"
    environments = Environments(str(tmp_path))
    environment = {"key": "0e0", "variables": {"A": value, "": "1", "yes": "no"}, "gpus": [], "others": {}}
    identifier = environments.keep(environment)
    assert json.loads(json.dumps(environments.of(Record(environment=identifier)))) == environment
