"""`git runs adopt origin/NAME`: a run of another clone becomes one of here, and stays that of the other clone."""

from __future__ import annotations

import json

import pytest

from tests import remotes
from tests.conftest import NO_FLAGS, Repository, wait_for


@pytest.fixture
def ann(repo: Repository) -> Repository:
    """A clone with a remote."""
    remotes.bare(repo)
    return repo


def bob_of(ann: Repository) -> Repository:
    """Another clone, in which the runs that she sends now are fetched."""
    remotes.push(ann)
    other = remotes.clone(ann.machine, ann.path.parent / "origin.git", "bob")
    remotes.fetch(other)
    return other


def content(repo: Repository) -> dict[str, str]:
    """Refs of runs and all files of the runs dir, but for caches."""
    found = {ref: repo.git("rev-parse", ref) for ref in repo.refs()}
    for file in (repo.path / ".runs").rglob("*"):
        if file.is_file() and "cache" not in file.name:
            found[str(file.relative_to(repo.path))] = file.read_text(errors="replace")
    return found


def test_a_run_becomes_one_of_here(ann: Repository) -> None:
    (ann.path / "train.py").write_text("print(2)\n")
    ann.finish("x", "true", "--snapshot", "-m", "try", "--param=lr=1", *NO_FLAGS)
    with ann.record_path("x").open("a") as file:
        file.write("cluster: blue\n")
    bob = bob_of(ann)
    assert bob.ok("adopt", "origin/x") == "Adopted run 'x'\n"
    assert bob.record("x") == ann.record("x")
    assert bob.environment("x") == ann.environment("x")
    assert bob.git("show", "refs/runs/x:train.py") == "print(2)\n"
    assert bob.ok("list", "-a") == "origin/x\nx\n"
    assert bob.runs("fsck").out == ""
    assert "run a command of somebody else's" in bob.runs("reproduce", "--run", "x").err
    result = bob.runs("adopt", "origin/x", "y")
    assert (result.code, result.out, result.err) == (128, "", "fatal: run 'origin/x' is here already, as 'x'\n")
    bob.ok("move", "x", "z")
    assert "here already, as 'z'" in bob.runs("adopt", "origin/x").err
    bob.ok("delete", "-y", "z")
    bob.ok("undelete", "z")
    assert bob.ok("list") == "z\n"


def test_under_another_name(ann: Repository) -> None:
    ann.finish("x", "true", *NO_FLAGS)
    bob = bob_of(ann)
    assert bob.ok("adopt", "origin/x", "group/y") == "Adopted run 'group/y'\n"
    record = bob.record("group/y")
    assert (record["name"], record["launched-as"]) == ("group/y", "x")
    assert list(record.pop("edited")) == ["name"]  # type: ignore[call-overload]
    assert record == {**ann.record("x"), "name": "group/y", "launched-as": "x"}


def test_many_at_once(ann: Repository) -> None:
    for name in "abc":
        ann.finish(name, "true", *NO_FLAGS)
    bob = bob_of(ann)
    assert bob.ok("adopt", "origin/a", "origin/b", "origin/c").count("Adopted") == 3
    assert bob.ok("list") == "a\nb\nc\n"


def test_what_is_taken_or_no_run_changes_nothing(ann: Repository) -> None:
    ann.finish("x", "true", *NO_FLAGS)
    bob = bob_of(ann)
    bob.finish("x", "true", *NO_FLAGS)
    bob.finish("g/y", "true", *NO_FLAGS)
    (bob.path / ".runs/logs/log.log").write_text("somebody's\n")
    before = content(bob)
    for name, said in (
        ("x", "run 'x' already exists"),
        ("g", "cannot both exist"),
        ("x/y", "cannot both exist"),
        (".x", "must start with"),
        ("../x", "must start with"),
        ("log", "it is there already"),
    ):
        result = bob.runs("adopt", "origin/x", name)
        assert (result.code, result.out) == (128, ""), name
        assert said in result.err, result
        assert content(bob) == before
    assert bob.runs("adopt", "origin/nothing").code == 1
    assert bob.runs("adopt", "origin/x", "a", "b").code != 0
    assert content(bob) == before


def test_what_runs_in_another_clone_is_not_settled_here(ann: Repository) -> None:
    ann.ok("new", "x", "while ! [ -e end ]; do sleep 0.02; done", *NO_FLAGS)
    wait_for(lambda: ann.record("x")["status"] == "running" and "launcher" in ann.record("x"))
    ann.ok("queue", "stop")
    ann.ok("new", "-q", "--jobs=1", "waits", "true", *NO_FLAGS)
    bob = bob_of(ann)
    (ann.path / "end").write_text("")
    ann.wait("x")
    bob.ok("adopt", "origin/x")
    bob.ok("adopt", "origin/waits", "later")
    before = {name: bob.record(name) for name in ("x", "later")}
    assert [bob.lookup(name, "status") for name in before] == ["running", "queued"]
    rows = bob.ok("table", "--columns=name,status", "--sort=name").splitlines()[2:]
    assert [row.split() for row in rows] == [["later", "queued"], ["x", "running"]]
    assert bob.runs("fsck", "--repair").out == ""
    for name in before:
        result = bob.runs("kill", name)
        assert result.code == 128
        assert f"run '{name}' belongs to another clone, on host " in result.err
    bob.ok("move", "x", "y")
    bob.ok("gc")
    now = bob.record("y")
    assert {key: now[key] for key in before["x"] if key != "name"} == {
        key: value for key, value in before["x"].items() if key != "name"
    }
    assert "former-names" not in now
    assert bob.record("later") == before["later"]
    bob.ok("delete", "-y", "y", "later")
    bob.ok("undelete", "y", "later")
    assert bob.runs("fsck", "--repair").out == ""
    assert bob.lookup("y", "status") == "running"
    assert ann.lookup("x", "status") == "finished"
    assert ann.lookup("waits", "status") == "queued"


def test_the_submodules_of_another_clone_are_left_alone(ann: Repository) -> None:
    ann.add_submodules("lib")
    ann.git("push", "-q", "origin", "main")
    ann.finish("x", "true", "--isolate", *NO_FLAGS)
    inner = ann.path / ".git/modules/lib"
    refs = ann.git("for-each-ref", cwd=inner)
    assert "refs/runs/x" in refs
    bob = bob_of(ann)
    bob.ok("adopt", "origin/x", "y")
    bob.ok("move", "y", "z")
    bob.ok("delete", "-y", "--now", "z")
    assert ann.git("for-each-ref", cwd=inner) == refs
    assert json.loads(ann.lookup("x", "submodules"))["lib"]["commit"] in refs
