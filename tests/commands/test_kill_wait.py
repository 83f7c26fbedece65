"""`git runs kill` and `git runs wait`."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from git_runs.system import processes
from tests.conftest import NO_FLAGS, Repository, wait_for


def start(repo: Repository, name: str, command: str) -> int:
    """Start a run that writes its process id when it is ready."""
    repo.ok("new", *NO_FLAGS, name, command.replace("UP", f"echo $$ >{name}.new; mv {name}.new {name}.pid"))
    path = repo.path / f"{name}.pid"
    wait_for(path.exists)
    pid = int(path.read_text())
    path.unlink()
    return pid


def test_kill_ends_the_whole_process_group(repo: Repository) -> None:
    start(repo, "base", "sleep 60 & echo $! >child; UP; wait")
    child = int((repo.path / "child").read_text())
    (repo.path / "child").unlink()
    assert repo.ok("kill", "base") == "Killed run 'base'\n"
    assert processes.identify(child) is None
    assert repo.record("base")["status"] == "killed"
    assert repo.record("base")["signal"] == signal.SIGTERM
    wait_for(lambda: repo.machine.sessions() == [])


def test_a_command_that_handles_the_signal_is_recorded_as_killed_with_its_exit_code(repo: Repository) -> None:
    start(repo, "base", "trap 'echo saved; exit 0' TERM; UP; while :; do sleep 0.05; done")
    repo.ok("kill", "base")
    assert repo.record("base")["status"] == "killed"
    assert repo.record("base")["exit-code"] == 0
    assert repo.log("base").endswith("saved\n")


def test_what_ignores_the_signal_is_killed_after_the_grace_time(repo: Repository) -> None:
    pid = start(repo, "base", "trap '' TERM; UP; while :; do sleep 0.05; done")
    before = time.monotonic()
    repo.ok("kill", "--grace=0.5", "base")
    assert time.monotonic() - before >= 0.5
    assert processes.identify(pid) is None
    assert repo.record("base")["signal"] == signal.SIGKILL


def test_a_stopped_command_and_a_stopped_supervisor_are_killed_too(repo: Repository) -> None:
    pid = start(repo, "base", "UP; sleep 60")
    os.kill(pid, signal.SIGSTOP)
    os.kill(int(repo.record("base")["process"]["pid"]), signal.SIGSTOP)  # type: ignore[index]
    repo.ok("kill", "base")
    assert repo.record("base")["status"] == "killed"
    assert processes.identify(pid) is None


def test_only_runs_that_go_on_are_killed(repo: Repository) -> None:
    repo.finish("done")
    start(repo, "on1", "UP; sleep 60")
    start(repo, "on2", "UP; sleep 60")
    assert repo.ok("kill", ".*") == "Killed run 'on1'\nKilled run 'on2'\n"
    assert repo.lookup("done", "status") == "finished"
    result = repo.runs("kill", "done")
    assert (result.code, result.err) == (1, "error: run 'done' is not running\n")
    result = repo.runs("kill", ".*")
    assert (result.code, result.err) == (1, "error: none of the 3 runs is running\n")


def test_a_run_of_another_host_cannot_be_killed(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    text = path.read_text().replace(f"host: {os.uname().nodename}", "host: rldl3").replace("finished\n", "running\n")
    path.write_text(text)
    result = repo.runs("kill", "base")
    assert result.code == 128
    assert result.err.startswith("fatal: run 'base' belongs to host 'rldl3': stopping it here could")


def test_wait_is_content_only_if_all_finished(repo: Repository) -> None:
    for name, command in (("good", "sleep 0.2"), ("bad", "exit 3"), ("worse", "kill -9 $$")):
        repo.ok("new", *NO_FLAGS, name, command)
    result = repo.runs("wait", "good")
    assert (result.code, result.out, result.err) == (0, "", "")
    result = repo.runs("wait", ".*")
    assert (result.code, result.err) == (
        1,
        "error: run 'bad': failed with exit code 3\nerror: run 'worse': killed by signal 9\n",
    )


def test_wait_gives_up_when_the_time_is_over(repo: Repository) -> None:
    start(repo, "base", "UP; sleep 60")
    before = time.monotonic()
    result = repo.runs("wait", "--timeout=0.3", "base")
    assert 0.3 <= time.monotonic() - before < 10
    assert (result.code, result.err) == (1, "error: run 'base': running\n")


def test_a_child_that_ignores_the_signal_is_killed_after_the_grace_time(repo: Repository) -> None:
    start(repo, "base", "sh -c 'trap \"\" TERM; echo $$ >child; while :; do sleep 0.05; done' & sleep 0.2; UP; wait")
    child = int((repo.path / "child").read_text())
    assert repo.ok("kill", "--grace=0.3", "base") == "Killed run 'base'\n"
    assert processes.identify(child) is None
    assert repo.record("base")["signal"] == signal.SIGTERM


def test_a_second_kill_does_not_cut_the_grace_time_of_the_first_short(repo: Repository) -> None:
    start(repo, "base", "trap 'sleep 1; echo saved; exit 0' TERM; UP; while :; do sleep 0.05; done")
    first = repo.machine.start("git", "runs", "kill", "base", cwd=repo.path)
    assert repo.ok("kill", "base") == "Killed run 'base'\n"
    first.communicate(timeout=30)
    assert first.returncode == 0
    assert repo.log("base").endswith("saved\n")


def test_a_run_that_was_moved_is_waited_for_under_its_new_name(repo: Repository) -> None:
    start(repo, "base", "UP; sleep 60")
    waiting = repo.machine.start("git", "runs", "wait", "base", cwd=repo.path)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=0.5)
    repo.ok("move", "base", "moved")
    repo.ok("kill", "moved")
    _, error = waiting.communicate(timeout=30)
    assert (waiting.returncode, error) == (1, b"error: run 'base': killed by signal 15\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kill", "--grace=nan", "x"], "option `grace': 'nan' is not a number of seconds, 0 or more"),
        (["kill", "--grace", "-1", "x"], "option `grace': '-1' is not a number of seconds, 0 or more"),
        (["wait", "--timeout=inf", "x"], "option `timeout': 'inf' is not a number of seconds, 0 or more"),
        (["log", "-n", "-1", "x"], "option `lines': '-1' is not a whole number, 0 or more"),
        (["log", "-n", "1e3", "x"], "option `lines': '1e3' is not a whole number, 0 or more"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(repo: Repository, arguments: list[str], message: str) -> None:
    result = repo.runs(*arguments)
    assert (result.code, result.err.splitlines()[0]) == (129, f"error: {message}")


def test_what_has_a_session_of_its_own_is_stopped_too(repo: Repository) -> None:
    # As launchers of distributed training do it.
    command = "setsid sh -c 'echo $$ >stray.new; mv stray.new stray; sleep 60'"
    start(repo, "base", f"{command} & until [ -e stray ]; do :; done; UP; wait")
    stray = int((repo.path / "stray").read_text())
    repo.ok("kill", "base")
    assert processes.identify(stray) is None


def test_a_stray_that_ignores_the_signal_is_killed_after_the_grace_time(repo: Repository) -> None:
    command = "setsid sh -c 'trap \"\" TERM; echo $$ >stray.new; mv stray.new stray; while :; do sleep 0.05; done'"
    start(repo, "base", f"{command} & until [ -e stray ]; do :; done; UP; wait")
    stray = int((repo.path / "stray").read_text())
    repo.ok("kill", "--grace=0.3", "base")
    assert processes.identify(stray) is None
    assert repo.lookup("base", "status") == "killed"
    wait_for(lambda: repo.machine.sessions() == [])


def test_a_terminal_shows_how_many_have_ended(repo: Repository) -> None:
    repo.finish("a")
    start(repo, "b", "UP; sleep 60")
    shown = repo.on_terminal("wait", "--timeout=0.5", "a", "b", GIT_PROGRESS_DELAY="0")
    assert "Waiting for runs:  50% (1/2)" in shown
    assert "Waiting for runs: 100%" not in shown
    repo.ok("kill", "b")
    assert "Waiting for runs: 100% (2/2), done.\n" in repo.on_terminal("wait", "a", "b", GIT_PROGRESS_DELAY="0")
