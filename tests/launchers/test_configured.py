"""Schedulers that settings describe, and descriptions that do not serve."""

from __future__ import annotations

import json
import os
import re

import pytest

from git_runs.system import processes, whoami
from tests.conftest import NO_FLAGS, Repository
from tests.faults.harness import STRACE


def describe(repo: Repository, **commands: str) -> None:
    """Give the scheduler `mine` those commands."""
    for verb, command in {"submit": "cat >job; echo 7", "state": "true", "cancel": "true", **commands}.items():
        repo.git("config", f"runs.launcher.mine.{verb}", command)


def test_what_the_commands_get(repo: Repository) -> None:
    describe(
        repo,
        submit='echo "$RUNS_NAME" >../name; cat >../job; echo Submitted job 7',
        state='echo "$@" >../asked; echo 7 waiting for a better time',
        cancel='echo "$@" >../cancelled',
    )
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "b", "true")
    assert "for a better time" in repo.ok("queue")
    assert (repo.path.parent / "asked").read_text() == "7\n"
    assert (repo.path.parent / "name").read_text() == "b\n"
    assert repo.machine.run("sh", "-n", str(repo.path.parent / "job")).code == 0
    repo.ok("kill", "a", "b")
    assert (repo.path.parent / "cancelled").read_text() == "7 7\n"


def test_the_command_finds_what_the_scheduler_sets_for_the_job(repo: Repository) -> None:
    describe(repo, submit="cat >../job; (JOB_OF_MINE=7 sh ../job &) >/dev/null 2>&1; echo 7", state="echo 7 running")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "echo $JOB_OF_MINE")
    repo.ok("wait", "--timeout=30", "a")
    assert repo.log("a") == "7\n"


def test_a_reason_of_an_end(repo: Repository) -> None:
    describe(repo, state="echo 7 ended time limit")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    assert repo.ok("table", "--columns=status,reason").splitlines()[-1].split() == ["killed", "time", "limit"]


def test_an_end_that_cannot_be_written_is_written_later(repo: Repository) -> None:
    describe(repo, state="echo 7 ended time limit")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    lock = repo.record_path("a").with_name("a.yml.lock")
    holder = {"host": whoami.hostname(), "namespace": whoami.namespace(), "process": processes.identify(os.getpid())}
    lock.write_text(json.dumps(holder))
    assert "the end of run 'a' could not be recorded" in repo.runs("table").err
    lock.unlink()
    assert repo.ok("table", "--columns=status,reason").splitlines()[-1].split() == ["killed", "time", "limit"]


@pytest.mark.skipif(not STRACE, reason="strace is not here")
def test_runs_that_wait_are_looked_for_once_for_all(repo: Repository) -> None:
    describe(repo, submit="cat >/dev/null; echo $$", state='for job; do echo "$job waiting"; done')
    repo.ok("sweep", "-q", *NO_FLAGS, "--launcher=mine", "group", "true {a}", "a=1..8")
    repo.ok("move", "group", "other")
    for record in repo.record_path("other").with_suffix("").iterdir():
        os.utime(record, (1e9, 1e9))  # so old that the cache may keep what it says
    repo.ok("table")
    for command in ("queue", "status", "fsck"):
        trace = repo.machine.run("strace", "-f", "-e", "trace=openat", "git", "runs", command, cwd=repo.path).err
        assert len(re.findall(r"other/\S+\.yml", trace)) <= 8, command


def test_a_command_that_fails_starts_nothing(repo: Repository) -> None:
    for submit, said in (
        ("echo no room >&2; exit 3", "fatal: mine does not answer: no room\n"),
        ("true", "fatal: the command runs.launcher.mine.submit printed no number of a job\n"),
    ):
        describe(repo, submit=submit)
        result = repo.runs("new", *NO_FLAGS, "--launcher=mine", "a", "true")
        assert (result.code, result.err) == (128, said)
        assert (repo.refs(), repo.ok("list"), repo.ok("fsck")) == ([], "", "")


def test_a_scheduler_that_does_not_answer(repo: Repository) -> None:
    describe(repo, state="exit 1")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    table = repo.runs("table", "--columns=status")
    assert table.out.split()[-1] == "queued"
    assert table.err == (
        "warning: mine does not answer: state ended with exit code 1; runs that were given to it are shown as they were"
        " last known\n"
    )


def test_a_launcher_that_nobody_has_described(repo: Repository) -> None:
    result = repo.runs("new", *NO_FLAGS, "--launcher=screen", "a", "true")
    assert (result.code, repo.refs()) == (128, [])
    assert result.err.splitlines()[0] == (
        "fatal: there is no launcher 'screen', or not a complete one:"
        " the setting runs.launcher.screen.submit is missing"
    )


def test_what_a_repository_brings_along_describes_none(repo: Repository) -> None:
    (repo.path / ".runsrc").write_text('[runs "launcher.mine"]\n\tsubmit = touch ../caught; echo 7\n')
    repo.git("add", ".runsrc")
    repo.git("commit", "-q", "-m", "a trap")
    result = repo.runs("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    assert (result.code, (repo.path.parent / "caught").exists()) == (128, False)
    assert "unknown setting" in result.err


def test_there_is_nothing_to_attach_to_where_nobody_says_how(repo: Repository) -> None:
    describe(repo, state="echo 7 running")
    repo.ok("new", *NO_FLAGS, "--launcher=mine", "a", "true")
    result = repo.runs("attach", "a")
    assert (result.code, "runs.launcher.mine.attach is missing" in result.err) == (1, True)
