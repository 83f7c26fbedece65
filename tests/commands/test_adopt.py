"""Refs of runs without records: what is said of them, and what makes runs of them again."""

from __future__ import annotations

import shutil

from tests.conftest import NO_FLAGS, Repository, prepared


@prepared
def lost(repo: Repository) -> None:
    """A repository whose runs dir is gone, but for one run that came later."""
    for name in ("a", "g/b"):
        repo.finish(name, "true", *NO_FLAGS)
    shutil.rmtree(repo.path / ".runs")


def test_a_runs_dir_that_is_gone_is_missed(lost: Repository) -> None:
    expected = (
        f"warning: there is no runs dir '{lost.path}/.runs', but there are refs of runs;"
        " to have records again: git runs adopt --all\n"
    )
    for command in (["list"], ["table"], [], ["gc"]):
        result = lost.runs(*command)
        assert (result.code, result.err) == (0, expected), command
    for command in (["lookup", "a"], ["log", "a"], ["delete", "-y", "a"], ["wait", "a"]):
        assert lost.runs(*command).err.startswith(expected), command
    assert lost.refs() == ["refs/runs/a", "refs/runs/g/b"]


def test_refs_without_records_are_counted(lost: Repository) -> None:
    lost.finish("c", "true", *NO_FLAGS)
    expected = "warning: 2 refs of runs have no record; to make records: git runs adopt --all\n"
    for command in (["list"], ["table"]):
        assert lost.runs(*command).err == expected
    assert lost.runs("list", "c").err == ""
    lost.git("update-ref", "-d", "refs/runs/a")
    assert lost.runs("list").err.startswith("warning: 1 ref of a run has no record;")
    lost.git("update-ref", "-d", "refs/runs/g/b")
    assert lost.runs("list").err == ""


def test_adopted_runs_are_listed_and_in_step(lost: Repository) -> None:
    assert lost.ok("adopt", "--all") == "Adopted run 'a'\nAdopted run 'g/b'\n"
    assert lost.runs("list").out == "a\ng/b\n"
    assert lost.runs("fsck").out == ""
    record = lost.record("a")
    assert (record["status"], record["description"]) == ("unknown", "first model")
    assert record["commit"] == lost.git("rev-parse", "HEAD").strip()
    assert str(record["datetime"]) == lost.git("log", "-1", "--format=%cI").strip()
    assert lost.ok("adopt", "--all") == ""
    lost.ok("describe", "a", "-m", "what it was")
    lost.ok("move", "a", "c")
    lost.ok("delete", "-y", "c", "g/b")
    assert lost.refs() == []


def test_one_is_adopted_by_name(lost: Repository) -> None:
    result = lost.runs("adopt", "a", "none", "a")
    assert (result.code, result.out) == (1, "Adopted run 'a'\n")
    assert result.err.startswith("error: no run is named 'none'\n")
    before = lost.record_path("a").read_bytes()
    result = lost.runs("adopt", "a")
    assert (result.code, result.err) == (1, "error: run 'a' already exists\n")
    assert lost.record_path("a").read_bytes() == before
    for arguments in ([], ["--all", "a"]):
        assert lost.runs("adopt", *arguments).code == 129


def test_a_ref_is_enough_to_see_its_code(lost: Repository) -> None:
    commit = lost.git("rev-parse", "HEAD").strip()
    shown = lost.ok("show", "a")
    assert f"Commit:       {commit}\n" in shown
    assert "Status:       unknown\n" in shown
    lost.commit("train.py", "changed\n")
    assert lost.ok("diff", "a", "g/b") == ""
    assert lost.runs("log", "a").err.endswith("error: run 'a' has no log\n")
    result = lost.runs("reproduce", "a")
    assert result.code == 0, result
    assert result.out == "To reproduce:\n # the command is not known: there was only the ref\n"
    assert lost.git("rev-parse", "HEAD").strip() == commit
    assert lost.runs("reproduce", "--run", "a").err.endswith("fatal: the record of run 'a' has no command\n")
    assert lost.runs("show", "none").code == 1
    assert not (lost.path / ".runs/records").exists()


def test_what_is_just_being_started_is_not_adopted(repo: Repository) -> None:
    repo.finish("a", "true", *NO_FLAGS)
    lock = repo.path / ".runs/records/b.yml.lock"
    lock.write_text("somebody")
    repo.git("update-ref", "refs/runs/b", "HEAD")
    assert repo.runs("list").err == ""
    assert repo.ok("adopt", "--all") == ""
    assert not repo.record_path("b").exists()


def test_a_ref_at_no_commit_is_none(repo: Repository) -> None:
    repo.git("tag", "-a", "-m", "tag", "t")
    repo.git("update-ref", "refs/runs/t", repo.git("rev-parse", "t").strip())
    assert repo.runs("adopt", "t").err.startswith("error: no run is named 't'\n")
