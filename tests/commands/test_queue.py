"""`git runs queue`, and what `git runs new` and other commands make of runs that wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, wait_for

HOLD = "until [ -e {}/go ]; do sleep 0.02; done"


@pytest.fixture
def stopped(repo: Repository) -> Repository:
    """A repository whose queue is stopped."""
    assert repo.ok("queue", "stop") == "Stopped the queue: what runs goes on to its end; 0 runs wait\n"
    return repo


def add(repo: Repository, name: str, *options: str, command: str = "true") -> None:
    """Queue a run."""
    repo.ok("new", "-q", *NO_FLAGS, *options, name, command)


def rows(repo: Repository) -> list[dict[str, object]]:
    """What the queue is, for programs."""
    found: list[dict[str, object]] = json.loads(repo.ok("queue", "--format=json"))
    return found


# --- new


def test_new_says_that_it_was_queued(stopped: Repository) -> None:
    commit = stopped.git("rev-parse", "HEAD")[:10]
    assert stopped.ok("new", "-n", "--jobs=1", "a", "true").startswith(f"Would queue run 'a' at commit {commit}")
    assert stopped.ok("new", *NO_FLAGS, "--jobs=1", "a", "true").splitlines() == [
        f"Queued run 'a' at {commit} (first model)",
        "  true",
        "  to see what waits:     git runs queue",
        "  to take it out:        git runs kill a",
        "  to follow its output:  git runs log -f a",
        "  to attach to it:       git runs attach a",
        "  to reproduce it:       git runs reproduce --run a",
    ]
    record = stopped.record("a")
    assert record["status"] == "queued"
    assert record["queued"]
    assert record["worktree"] == str(stopped.path / ".runs/worktrees/a")


def test_the_setting_queues_what_is_new(stopped: Repository) -> None:
    stopped.git("config", "runs.jobs", "3")
    add(stopped, "a")
    assert stopped.lookup("a", "status") == "queued"
    add(stopped, "b", "--jobs=0")
    stopped.wait("b")
    assert "queued" not in stopped.record("b")
    assert stopped.ok("queue", "start") == "Up to 3 runs of the queue go on at once\n"
    stopped.wait("a")


def test_new_waits_for_the_end(repo: Repository) -> None:
    assert repo.runs("new", "--wait", "--jobs=1", *NO_FLAGS, "a", "exit 3").code == 3
    assert repo.lookup("a", "queued")


def test_new_attaches_once_it_runs(repo: Repository, screen: Screen) -> None:
    hold = HOLD.format(repo.path.parent)
    add(repo, "first", "--jobs=1", command=hold)
    screen.type("TMUX= git runs new -q --attach --jobs=1 second 'echo $((6 * 7)) here; sleep 60; :'")
    wait_for(lambda: any(row["name"] == "second" and row["waits-for"] == "it is next" for row in rows(repo)))
    (repo.path.parent / "go").touch()
    screen.shows("42 here")
    repo.ok("kill", "second")


@pytest.mark.parametrize("option", ["--jobs=2", "--gpus=0", "--priority=1"])
def test_what_starts_here_and_now_cannot_wait(repo: Repository, option: str) -> None:
    result = repo.runs("new", "--launcher=foreground", option, "a", "true")
    assert result.code == 128
    assert result.err == (
        "fatal: the launcher foreground starts runs here and now: none can wait in the queue\n"
        "hint: leave out --jobs, --gpus and --priority, or choose another launcher: --launcher\n"
    )
    assert repo.refs() == []


def test_what_waits_has_a_work_tree_of_its_own(repo: Repository) -> None:
    result = repo.runs("new", "--no-isolate", "--jobs=2", "a", "true")
    assert result.code == 128
    assert "a run that waits in the queue has a work tree of its own" in result.err


def test_gpus_that_are_here_are_found(repo: Repository, tmp_path: Path) -> None:
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    lines = "".join(f"GPU {number}: NVIDIA H100 80GB HBM3 (UUID: GPU-{number}f)\n" for number in range(3))
    program.write_text(f"#!/bin/sh\n[ \"$*\" = -L ] && printf '{lines}'\n")
    program.chmod(0o755)
    path = f"{program.parent}:{repo.machine.environment['PATH']}"
    said = "Up to 3 runs of the queue go on at once on GPUs 0, 1, 2\n"
    assert repo.ok("queue", "start", "--gpus=auto", PATH=path) == said
    only = repo.ok("queue", "start", "--gpus=auto", PATH=path, CUDA_VISIBLE_DEVICES="GPU-1f,2")
    assert only == "Up to 2 runs of the queue go on at once on GPUs GPU-1f, 2\n"


@pytest.mark.skipif(Path("/proc/driver/nvidia/gpus").exists(), reason="there are GPUs")
def test_where_there_are_no_gpus_that_is_said(repo: Repository) -> None:
    result = repo.runs("new", "--gpus=auto", "a", "true")
    assert result.code == 128
    assert result.err.startswith("fatal: no GPU is found: neither nvidia-smi nor the driver has one\nhint: name those")


# --- queue


def test_the_queue_for_programs(stopped: Repository) -> None:
    add(stopped, "low", "--jobs=1", "--priority=-3")
    add(stopped, "high", "--jobs=1")
    assert [(row["name"], row["status"], row["priority"], row["waits-for"]) for row in rows(stopped)] == [
        ("high", "queued", None, "the queue is stopped"),
        ("low", "queued", -3, "the queue is stopped"),
    ]
    assert rows(stopped)[0]["since"] == stopped.record("high")["queued"]
    head, *lines = stopped.ok("queue", "--format=csv").splitlines()
    assert head == "name,status,slot,gpus,priority,since,waits-for"
    assert len(lines) == 2


def test_the_queue_on_a_terminal(repo: Repository) -> None:
    hold = HOLD.format(repo.path.parent)
    add(repo, "a", "--jobs=1", "--gpus=4", command=hold)
    wait_for(lambda: repo.record("a")["status"] == "running")
    add(repo, "b", "--jobs=1")
    add(repo, "c", "--jobs=1", "--priority=2")
    add(repo, "a-name-for-which-there-is-hardly-any-room-on-a-terminal-of-eighty-places", "--jobs=1")
    lines = repo.on_terminal("queue", NO_COLOR="1").splitlines()
    assert lines[0] == "3 runs wait, 1 goes on; at most 1 at once on GPUs 4"
    assert lines[2].split() == ["slot", "name", "status", "since", "gpus", "priority", "waits", "for"]
    assert lines[4].split()[:3] == ["0", "a", "running"]
    assert [line.split()[0] for line in lines[5:7]] == ["c", "b"]
    assert lines[5].endswith("2         it is next")
    assert lines[6].endswith("1 before it")
    assert max(map(len, lines)) <= 80
    (repo.path.parent / "go").touch()
    repo.ok("wait", ".*")
    assert repo.on_terminal("queue") == "0 runs wait, 0 go on; at most 1 at once on GPUs 4\n"


def test_a_stopped_queue_lets_what_runs_go_on(repo: Repository) -> None:
    hold = HOLD.format(repo.path.parent)
    add(repo, "a", "--jobs=1", command=hold)
    add(repo, "b", "--jobs=1")
    wait_for(lambda: repo.record("a")["status"] == "running")
    assert repo.ok("queue", "stop").endswith("to its end; 1 run waits\n")
    (repo.path.parent / "go").touch()
    repo.ok("wait", "a")
    wait_for(lambda: repo.machine.sessions() == [])
    repo.ok("table")
    assert repo.lookup("b", "status") == "queued"
    assert "hint: to have runs taken again: git runs queue start\n" in repo.runs("queue").err
    assert repo.ok("queue", "start", "--jobs=2") == "Up to 2 runs of the queue go on at once\n"
    repo.wait("b")
    assert repo.lookup("b", "status") == "finished"


def test_whoever_changes_the_limit_of_what_waits_is_warned(stopped: Repository) -> None:
    assert stopped.runs("sweep", "-q", *NO_FLAGS, "--jobs=3", "first", "true {a}", "a=1..2").err == ""
    result = stopped.runs("sweep", "-q", *NO_FLAGS, "--jobs=1", "second", "true {a}", "a=1..2")
    said = (
        "at most 1 run of the queue goes on at once now, and no longer 3; that holds for 2 runs that waited before, too"
    )
    assert result.err == f"warning: {said}\n"
    result = stopped.runs("new", "-q", *NO_FLAGS, "--jobs=2", "third", "true")
    said = (
        "at most 2 runs of the queue go on at once now, and no longer 1; that holds for 4 runs that waited before, too"
    )
    assert result.err == f"warning: {said}\n"
    assert stopped.runs("new", "-q", *NO_FLAGS, "--jobs=2", "fourth", "true").err == ""
    assert stopped.runs("queue", "start", "--jobs=5").err == ""
    stopped.ok("wait", ".*")
    assert stopped.runs("new", "-q", *NO_FLAGS, "--jobs=1", "fifth", "true").err == ""


def test_usage(repo: Repository) -> None:
    assert repo.runs("queue", "--jobs=2").code == 129
    assert repo.runs("queue", "start", "--jobs=0").code == 129
    assert repo.runs("new", "--jobs=0", "--gpus=0", "a", "true").code == 129
    assert repo.runs("new", "--gpus=0,,1", "a", "true").code == 129
    assert repo.runs("new", "--priority=high", "a", "true").code == 129


# --- other commands


def test_kill_takes_out_what_waits(stopped: Repository) -> None:
    add(stopped, "a", "--jobs=1")
    add(stopped, "b", "--jobs=1")
    assert stopped.ok("kill", "a") == "Killed run 'a', which had not begun\n"
    record = stopped.record("a")
    assert record["status"] == "killed"
    assert not {"exit-code", "signal", "process"} & record.keys()
    assert [row["name"] for row in rows(stopped)] == ["b"]
    assert stopped.ok("table", "--columns=duration", "--format=csv", "a") == 'duration\n""\n'
    assert stopped.runs("kill", "a").code == 1
    assert stopped.runs("wait", "a").err == "error: run 'a': killed\n"
    stopped.ok("queue", "start")
    stopped.wait("b")
    assert stopped.record("a")["status"] == "killed"
    assert stopped.ok("fsck") == ""


def test_what_is_said_of_a_run_that_waits(stopped: Repository) -> None:
    add(stopped, "a", "--jobs=1", "--priority=1")
    result = stopped.runs("attach", "a")
    assert result.code == 1
    assert result.err.startswith("error: run 'a' waits in the queue: the queue is stopped\nhint: git runs log -f a")
    assert stopped.runs("wait", "--timeout=0", "a").err == "error: run 'a': queued\n"
    shown = stopped.ok("show", "a")
    assert "Status:       queued\n" in shown
    assert "(priority 1, the queue is stopped)\n" in shown
    assert "Started" not in shown
    status = stopped.ok("status").splitlines()
    assert status[0] == "no run goes on, 1 waits"
    assert status[4].split()[:2] == ["a", "queued"]


def test_a_run_that_has_not_begun_has_no_log(stopped: Repository) -> None:
    add(stopped, "a", "--jobs=1")
    result = stopped.runs("log", "a")
    assert (result.code, result.out) == (1, "")
    said = "error: run 'a' has not begun: it waits for its turn\nhint: to wait for it: git runs log -f a\n"
    assert result.err == said
    following = stopped.machine.start("git", "runs", "log", "-f", "a", cwd=stopped.path)
    stopped.ok("kill", "a")
    _, err = following.communicate(timeout=60)
    for said in (err.decode(), stopped.runs("log", "a").err):
        assert said == "error: run 'a' has never begun: killed\n"


def test_a_log_is_followed_from_its_beginning(stopped: Repository) -> None:
    add(stopped, "a", "--jobs=1", command="echo first; echo last")
    following = stopped.machine.start("git", "runs", "log", "-f", "a", cwd=stopped.path)
    stopped.ok("queue", "start")
    out, _ = following.communicate(timeout=60)
    assert out == b"first\nlast\n"
