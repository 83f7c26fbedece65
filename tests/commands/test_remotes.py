"""Runs of remotes, `origin/NAME`, in the commands that read."""

from __future__ import annotations

import json

import pytest

from tests import remotes
from tests.conftest import NO_FLAGS, Repository, prepared


@prepared
def ann(repo: Repository) -> None:
    """A clone with two runs, which she has sent to a remote."""
    remotes.bare(repo)
    repo.finish("base", "echo loss: 0.5", "--param=lr=0.1", *NO_FLAGS)
    (repo.path / "train.py").write_text("print(2)\n")
    repo.finish("group/new", "exit 3", "--snapshot", "-m", "better", *NO_FLAGS)
    repo.git("checkout", "-q", "train.py")
    remotes.push(repo)


@pytest.fixture
def bob(ann: Repository) -> Repository:
    """Another clone, in which they were fetched."""
    other = remotes.clone(ann.machine, ann.path.parent / "origin.git", "bob")
    remotes.fetch(other)
    return other


def test_what_others_ran_is_listed_and_shown(ann: Repository, bob: Repository) -> None:
    assert bob.ok("list") == ""
    assert bob.ok("list", "-r") == "origin/base\norigin/group/new\n"
    assert bob.ok("list", "-r", "-G", "origin/g*") == "origin/group/new\n"
    assert bob.ok("list", "origin/.*e") == "origin/base\n"
    bob.finish("mine")
    assert bob.ok("list") == "mine\n"
    assert bob.ok("list", "-a") == "mine\norigin/base\norigin/group/new\n"
    assert bob.ok("lookup", "origin/base") == ann.ok("lookup", "base")
    assert bob.lookup("origin/base", "lr") == "0.1"
    assert bob.environment("origin/base") == ann.environment("base")
    shown, hers = bob.ok("show", "origin/group/new"), ann.ok("show", "group/new")
    assert "Status:       failed with exit code 3\n" in shown
    lines = [line for line in hers.splitlines()[1:] if not line.startswith(("Log:", "Directory:"))]
    assert [line for line in lines if line not in shown and "|" not in line and "changed" not in line] == []
    assert bob.ok("table", "-r", "--columns=name,status,loss").splitlines()[2:] == [
        "origin/group/new  failed    _",
        "origin/base       finished  0.5",
    ]
    assert json.loads(bob.ok("compare", "origin/base", "mine", "--format=json"))[0]["values"].keys() == {
        "origin/base",
        "mine",
    }
    assert "loss      record    1 " in bob.ok("metrics", "origin/base")
    assert not (bob.path / ".runs/records/origin").exists()


def test_only_the_commit_of_a_run_is_fetched_to_reproduce_it(ann: Repository, bob: Repository) -> None:
    def refs() -> list[str]:
        return bob.git("for-each-ref", "--format=%(refname)").splitlines()

    before = refs()
    assert bob.ok("reproduce", "-n", "origin/base").splitlines()[1].startswith(" git checkout ")
    assert refs() == before  # it is that of the branch
    printed = bob.ok("reproduce", "--worktree=../again", "origin/group/new")
    assert " runs new --timestamp group/new 'exit 3'" in printed
    assert (bob.path.parent / "again/train.py").read_text() == "print(2)\n"
    assert [ref for ref in refs() if ref not in before] == ["refs/git-runs/remotes/origin/runs/group/new"]
    assert not (bob.path / ".git/FETCH_HEAD").exists()
    assert bob.git("status", "--porcelain") == ""


def test_a_command_of_a_remote_is_never_run_unasked(bob: Repository) -> None:
    result = bob.runs("reproduce", "--run", "origin/base")
    assert result.code != 0
    assert "run a command of somebody else's" in result.err
    printed = bob.ok("reproduce", "--run", "-y", "origin/base")
    assert printed.startswith("Started run 'base-repro' to reproduce 'origin/base'")
    bob.wait("base-repro")
    assert bob.lookup("base-repro", "reproduction") == "unknown"
    assert "run 'origin/base' is not here" in bob.ok("show", "base-repro")


def test_the_code_of_remotes_is_compared(ann: Repository, bob: Repository) -> None:
    theirs = json.loads(bob.runs("diff", "-p", "--format=json", "origin/base", "origin/group/new").out)
    assert "+print(2)\n" in theirs["code"]
    assert theirs == json.loads(ann.runs("diff", "-p", "--format=json", "base", "group/new").out)


def test_a_commit_that_the_ref_of_the_run_does_not_lead_to(ann: Repository, bob: Repository) -> None:
    commit = ann.record("group/new")["commit"]
    other = remotes.clone(ann.machine, ann.path.parent / "origin.git", "other")
    remotes.fetch(other)
    ann.git("push", "-q", "origin", ":refs/runs/group/new", f"{commit}:refs/runs/another")
    result = bob.runs("reproduce", "-n", "origin/group/new")
    assert (result.code, result.err.splitlines()[0]) == (0, "warning: origin has no refs/runs/group/new")
    ann.git("push", "-q", "-f", "origin", "main:refs/runs/group/new", ":refs/runs/another")
    ann.git("gc", "-q", "--prune=now", cwd=ann.path.parent / "origin.git")
    result = other.runs("reproduce", "-n", "origin/group/new")
    assert (result.code, result.out) == (128, "")
    assert "refs/runs/group/new on origin is at " in result.err
    assert f"fatal: origin does not give commit {commit} of run 'origin/group/new'\n" in result.err
    other.git("remote", "rename", "origin", "away")
    assert (
        "fatal: 'origin' is not a remote of this repository\n"
        in other.runs("diff", "origin/base", "origin/group/new").err
    )


def test_where_a_remote_takes_only_branches(ann: Repository, bob: Repository) -> None:
    ann.git("push", "-q", "origin", ":refs/runs/group/new", "refs/runs/group/new:refs/heads/all/runs/group/new")
    bob.git("config", "remote.origin.runsNamespace", "refs/heads/all")
    assert bob.runs("diff", "origin/base", "origin/group/new").err == ""
    assert "refs/git-runs/remotes/origin/runs/group/new" in bob.git("for-each-ref")


def test_what_runs_of_remotes_put_out_is_not_here(bob: Repository) -> None:
    for words in (["log"], ["plot"], ["metrics", "--format=csv"]):
        result = bob.runs(*words, "origin/base")
        assert result.code == 1
        assert result.err.startswith("error: what run 'origin/base' has put out is not here but on host '"), words
    for words in (["kill"], ["delete", "-y"], ["describe", "-m", "x"], ["move", "-f"], ["wait"], ["attach"]):
        result = bob.runs(*words, "origin/base", *(["x"] if words[0] == "move" else []))
        assert (result.code, result.out) == (1, ""), (words, result)
        assert "git runs adopt origin/base" in result.err, words


def test_what_was_not_fetched_is_not_just_unknown(ann: Repository) -> None:
    bob = remotes.clone(ann.machine, ann.path.parent / "origin.git", "bob")
    hint = "hint: 'origin' is a remote: to see which runs it has now: git runs fetch origin\n"
    for command in (["show"], ["lookup"], ["list"], ["list", "-r"], ["delete"], ["adopt"], ["reproduce"]):
        result = bob.runs(*command, "origin/base")
        assert (result.code, result.err[-len(hint) :]) == (1, hint), command
    assert "fetch" not in bob.runs("show", "other/base").err
    bob.ok("fetch")
    assert hint in bob.runs("show", "origin/bse").err


def test_no_run_is_adopted_as_what_was_to_be_adopted_too(bob: Repository) -> None:
    assert bob.runs("adopt", "origin/base", "origin/group/nw").code == 1
    assert bob.ok("list") == ""
