"""A command that fails is started again, in the same run."""

from __future__ import annotations

import pytest

from tests.conftest import NO_FLAGS, Repository, wait_for

# It fails until its second attempt, and finds what the first one has left.
TWICE = "echo attempt $RUNS_ATTEMPT; echo x >>$RUNS_CHECKPOINT_DIR/steps; test $(wc -l <$RUNS_CHECKPOINT_DIR/steps) = 2"


@pytest.mark.parametrize("launcher", ["tmux", "foreground"])
def test_it_is_started_again_until_it_finishes(repo: Repository, launcher: str) -> None:
    repo.runs("new", "-q", "--wait", "--retry=5", f"--launcher={launcher}", "--isolate", *NO_FLAGS, "base", TWICE)
    record = repo.record("base")
    assert (record["status"], record["attempts"], record["exit-code"]) == ("finished", 2, 0)
    assert repo.log("base").replace("\r", "").splitlines()[-3:] == [
        "attempt 1",
        "hint: it failed with exit code 1: attempt 2 of 6",
        "attempt 2",
    ]


def test_it_is_started_no_more_often_than_that(repo: Repository) -> None:
    repo.finish(
        "base", "echo $RUNS_ATTEMPT >>$RUNS_CHECKPOINT_DIR/attempts; exit $RUNS_ATTEMPT", "--retry=2", *NO_FLAGS
    )
    record = repo.record("base")
    assert (record["status"], record["attempts"], record["exit-code"]) == ("failed", 3, 3)
    assert (repo.path / ".runs/checkpoints/base/attempts").read_text() == "1\n2\n3\n"
    assert "\nAttempts:     3\n" in repo.ok("show", "base")


def test_what_is_killed_stays_so(repo: Repository) -> None:
    repo.ok("new", "-q", "--retry=5", *NO_FLAGS, "base", "trap 'exit 3' TERM; touch up; while :; do sleep 0.02; done")
    wait_for((repo.path / "up").exists)
    repo.ok("kill", "base")
    record = repo.record("base")
    assert (record["status"], "attempts" in record) == ("killed", False)


def test_without_it_nothing_is_counted(repo: Repository) -> None:
    repo.finish("base", "exit 3", *NO_FLAGS)
    assert "attempts" not in repo.record("base")
    assert repo.environment("base")["variables"].get("RUNS_ATTEMPT") is None
    assert "RUNS_ATTEMPT" not in repo.environment("base")["others"]


def test_a_re_run_is_started_as_often(repo: Repository) -> None:
    repo.finish("base", TWICE, "--retry=5", *NO_FLAGS)
    assert "--retry=5" in repo.ok("reproduce", "-n", "base")
    assert repo.ok("reproduce", "--run=again", "--wait", "base").splitlines()[-1] == "Reproduction: equal"
    assert repo.record("again")["attempts"] == 2
