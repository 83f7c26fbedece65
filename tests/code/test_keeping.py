"""What is kept beside a snapshot: whose it is, where it comes from, and what it does not depend on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository, wait_for

ISOLATED = ("new", "-q", *NO_FLAGS, "--launcher=foreground", "--snapshot", "--isolate")
EQUAL = "Reproduction: equal\n"


def library(repo: Repository) -> Repository:
    """A repository inside the tree, with two files."""
    inner = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(inner.path))
    inner.commit("a/f", "a\n")
    inner.commit("b/g", "b\n")
    return inner


def crlf(repo: Repository) -> None:
    """Commit a file whose line ends git changes, as they are in the tree."""
    repo.commit(".gitattributes", "*.txt text=auto\n")
    (repo.path / "a.txt").write_bytes(b"a\r\nb\n")


def plant(repo: Repository, field: str, value: str) -> None:
    """Let the record of `x` say something else."""
    path = repo.record_path("x")
    planted, count = re.subn(rf"^( *{field}:) .*", rf"\1 {value}", path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(planted)


def test_bytes_are_taken_only_from_what_is_kept_beside_the_commit(repo: Repository) -> None:
    crlf(repo)
    repo.ok(*ISOLATED, "x", "od -c a.txt")
    evil = repo.git("commit-tree", "-m", "what a checkout of the snapshot would not bring back", "HEAD^{tree}").strip()
    plant(repo, "bytes", evil)
    refused = f"{evil}, in which the record has bytes of the run, is not kept beside the run's commit\n"
    assert f"error: {refused}" in repo.runs("reproduce", "--check", "x").err
    for way in ("--run", "--worktree"):
        result = repo.runs("reproduce", way, "x")
        assert (result.code, f"fatal: {refused}" in result.err) == (128, True)


def test_only_files_that_are_said_to_be_inexact_get_bytes(repo: Repository) -> None:
    crlf(repo)
    repo.ok(*ISOLATED, "x", "od -c a.txt")
    plant(repo, "inexact", "[b.txt]")
    repo.ok("reproduce", "--worktree", "x")
    assert (repo.path.parent / "repo-x/a.txt").read_bytes() == b"a\nb\n"


def test_what_is_kept_travels_with_the_ref(repo: Repository, machine: Machine, tmp_path: Path) -> None:
    crlf(repo)
    inner = library(repo)
    crlf(inner)
    shown = "od -c a.txt lib/a.txt; cat lib/b/g"
    expected = repo.ok(*ISOLATED, "x", shown)
    there = Repository(machine, tmp_path / "there")
    repo.git("clone", "-q", str(repo.path), str(there.path))
    there.git("fetch", "-q", "origin", "refs/runs/*:refs/runs/*")
    there.ok("adopt", "x")
    record, original = there.record("x"), repo.record("x")
    assert (record["bytes"], record["inexact"]) == (original["bytes"], original["inexact"])
    there.ok("reproduce", "--worktree", "x")
    assert machine.run("bash", "-c", shown, cwd=tmp_path / "there-x").out == expected


def attributes_of_the_repository(repo: Repository) -> None:
    """Attributes that no commit holds, and by which the file was checked out."""
    (repo.path / ".git/info/attributes").write_text("*.txt text eol=crlf\n")


def line_ends_of_the_repository(repo: Repository) -> None:
    """The same by a setting."""
    repo.git("config", "core.autocrlf", "true")


def forget(repo: Repository) -> None:
    """Undo them."""
    (repo.path / ".git/info/attributes").unlink(missing_ok=True)
    repo.git("config", "core.autocrlf", "false")


CONVERSIONS = [attributes_of_the_repository, line_ends_of_the_repository]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_bytes_do_not_depend_on_settings_that_may_be_gone(
    repo: Repository, convert: Callable[[Repository], None]
) -> None:
    convert(repo)
    (repo.path / "a.txt").write_bytes(b"a\r\nb\r\n")
    repo.git("add", "a.txt")
    repo.git("commit", "-q", "-m", "with CRLF")
    expected = repo.ok(*ISOLATED, "x", "od -c a.txt; git status --porcelain")
    assert "\\r" in expected
    forget(repo)
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith(EQUAL)
    wait_for(lambda: not (repo.path / ".runs/worktrees/x-repro").exists())


def test_secrets_that_a_filter_hides_are_not_kept(repo: Repository) -> None:
    repo.git("config", "filter.crypt.clean", "tr a-z b-za")
    repo.git("config", "filter.crypt.smudge", "tr b-za a-z")
    repo.commit(".gitattributes", "*.key filter=crypt\n")
    repo.commit("a.key", "secret\n")
    (repo.path / ".git/info/attributes").write_text("*.txt text eol=crlf\n")
    assert repo.ok(*ISOLATED, "x", "cat a.key") == "secret\n"
    assert "bytes" not in repo.record("x")


def filter_of_the_clone(repo: Repository) -> None:
    """A filter that goes with the repository."""
    repo.git("config", "filter.up.clean", "tr a-z A-Z")
    repo.git("config", "filter.up.smudge", "tr A-Z a-z")
    (repo.path / ".git/info/attributes").write_text("*.txt filter=up\n")


@pytest.mark.parametrize("convert", [*CONVERSIONS, filter_of_the_clone])
def test_bytes_in_a_clone_that_is_gone_come_back(repo: Repository, convert: Callable[[Repository], None]) -> None:
    inner = library(repo)
    convert(inner)
    (inner.path / "a.txt").write_bytes(b"a\r\nb\r\n")
    inner.git("add", "a.txt")
    inner.git("commit", "-q", "-m", "with CRLF")
    repo.ok(*ISOLATED, "x", "od -c lib/a.txt; git -C lib status --porcelain")
    shutil.rmtree(inner.path)
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith(EQUAL)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_clone_inside_is_as_sparse_as_it_was(repo: Repository, is_gone: bool) -> None:
    inner = library(repo)
    inner.git("sparse-checkout", "set", "a")
    command = "find lib -name .git -prune -o -type f -print; git -C lib status --porcelain"
    assert repo.ok(*ISOLATED, "x", command) == "lib/a/f\n"
    if is_gone:
        shutil.rmtree(inner.path)
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith(EQUAL)
    repo.ok("reproduce", "--worktree", "x")
    assert repo.machine.run("bash", "-c", command, cwd=repo.path.parent / "repo-x").out == "lib/a/f\n"


def test_what_is_missing_of_a_clone_that_is_gone_is_said(repo: Repository) -> None:
    inner = library(repo)
    repo.ok(*ISOLATED, "x", "cat lib/a/f")
    blob = inner.git("rev-parse", "HEAD:a/f").strip()
    shutil.rmtree(inner.path)
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    kept = repo.record("x")["bytes"]
    assert (
        f"error: of what is kept in commit {kept} something is missing\n" in repo.runs("reproduce", "--check", "x").err
    )
    assert repo.runs("reproduce", "--worktree", "x").code == 128


def test_bytes_over_the_limit_are_named(repo: Repository) -> None:
    repo.commit(".gitattributes", "*.txt text=auto\n")
    repo.commit("a.txt", "a\n" * 400_000)
    (repo.path / "a.txt").write_bytes(b"a\r\n" * 400_000)
    said = repo.runs(*ISOLATED, "--snapshot-limit=1m", "x", "true").err.splitlines()
    assert "warning: the run's own work tree has other bytes than yours: a.txt" in said
    assert "hint: to give it yours: --snapshot-limit=2m" in said
    assert "warning" not in repo.runs(*ISOLATED, "--snapshot-limit=2m", "y", "wc -c a.txt").err


def test_nothing_is_fetched_into_a_partial_clone(repo: Repository, machine: Machine, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    partial = Repository(machine, tmp_path / "partial")
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.path}", str(partial.path))
    inner = library(partial)
    trace = tmp_path / "trace"
    partial.ok(*ISOLATED, "x", "cat lib/a/f", GIT_TRACE=str(trace))
    assert " fetch " not in trace.read_text()
    shutil.rmtree(inner.path)
    assert partial.runs("reproduce", "--run", "--wait", "x").out.endswith(EQUAL)


def test_files_are_compared_though_a_clone_in_the_original_is_gone(repo: Repository) -> None:
    inner = library(repo)
    command = "cat lib/a/f >out.txt; git init -q made; touch made/f"
    repo.ok(*ISOLATED, "x", command)
    shutil.rmtree(inner.path)
    out = repo.runs("reproduce", "--run", "--wait", "x").out
    assert "Reproduction: equal\n" in out, out
    assert "  note: worktree/lib: what the run did to it is not known: its repository is gone\n" in out


def test_runs_that_were_copied_to_another_clone_are_compared(
    repo: Repository, machine: Machine, tmp_path: Path
) -> None:
    repo.ok(*ISOLATED, "--no-snapshot", "x", "echo said; touch left")
    clone = Repository(machine, tmp_path / "clone")
    repo.git("clone", "-q", ".", str(clone.path))
    clone.git("fetch", "-q", "origin", "refs/runs/*:refs/runs/*")
    shutil.copytree(repo.path / ".runs", clone.path / ".runs", symlinks=True)
    shutil.rmtree(repo.path)
    out = clone.runs("reproduce", "--run", "--wait", "x").out
    assert "Reproduction: equal\n" in out, out
    assert "  note: worktree: what the run did to it is not known: its repository is gone\n" in out


def test_a_clone_is_compared_by_itself(repo: Repository) -> None:
    library(repo)
    repo.ok(*ISOLATED, "x", "date +%N >lib/new; date +%N >lib/a/f")
    out = repo.runs("reproduce", "--run", "--wait", "x").out
    assert all(f"  worktree/lib/{path}: different\n" in out for path in ("new", "a/f")), out
    assert ".git" not in out
