"""How runs end, and what is recorded of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_runs.system import processes
from tests.conftest import NO_FLAGS, Repository, wait_for


def start(repo: Repository, command: str, name: str = "base") -> None:
    """Start a run whose command touches the file `up` when it is ready."""
    repo.ok("new", *NO_FLAGS, name, command)
    wait_for((repo.path / "up").exists)
    (repo.path / "up").unlink()


def wait_until_only_the_end_is_left_to_write(repo: Repository, name: str = "base") -> None:
    """Until the supervisor has recorded the environment, which it does beside the command."""
    wait_for(lambda: "environment" in repo.record(name))


def supervisor(repo: Repository, name: str = "base") -> int:
    """The process id of the run's supervisor."""
    process = repo.record(name)["process"]
    assert isinstance(process, dict)
    return int(process["pid"])


def test_exit_codes_are_the_commands_own(repo: Repository) -> None:
    for code in (0, 1, 2, 127, 128, 255):
        repo.finish(f"exit{code}", f"exit {code}", *NO_FLAGS)
        record = repo.record(f"exit{code}")
        assert record["exit-code"] == code
        assert record["status"] == ("failed" if code else "finished")
        assert "signal" not in record
        assert "process" not in record


@pytest.mark.parametrize("number", [1, 2, 6, 9, 11, 15])
def test_a_signal_that_ends_the_command_is_recorded(repo: Repository, number: int) -> None:
    repo.finish("base", f"kill -{number} $$", *NO_FLAGS)
    record = repo.record("base")
    assert (record["status"], record["signal"]) == ("killed", number)
    assert "exit-code" not in record


def test_what_is_run_after_a_stop_can_still_be_stopped() -> None:
    code = """
import os, signal
from git_runs.running.execution import HANDLED, Execution
execution = Execution(print, 0)
os.kill(os.getpid(), signal.SIGTERM)
execution.run(["true"], cwd="/", began=print)
print(execution.stops, signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*HANDLED})
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[15] set()\n"


def test_nothing_begins_that_nobody_answers_for(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from git_runs.running.execution import Execution
def die(group):
    print(group, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
Execution(print, 0).run(["touch", sys.argv[1]], cwd="/", began=die)
"""
    words = [sys.executable, "-c", code, str(tmp_path / "begun")]
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True)
    group = int(done.stdout)
    wait_for(lambda: not processes.group_lives(group))
    assert not (tmp_path / "begun").exists()


def test_while_it_runs_the_record_shows_the_process(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    assert repo.lookup("base", "status") == "running"
    process = repo.record("base")["process"]
    assert isinstance(process, dict)
    assert list(process) == ["pid", "started", "boot"]
    assert process["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert Path(f"/proc/{process['pid']}/cmdline").read_bytes().count(b"git_runs.running.supervise") == 1


def test_a_session_killed_by_hand_is_recorded_as_killed(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    repo.machine.tmux("kill-session", "-t", "=base")
    repo.wait("base")
    assert repo.record("base")["status"] == "killed"
    assert repo.record("base")["signal"] == signal.SIGHUP


def test_a_killed_tmux_server_is_recorded_as_killed(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    repo.machine.tmux("kill-server")
    repo.wait("base")
    assert repo.record("base")["status"] == "killed"


def test_a_hang_up_that_the_command_survives_lets_it_go_on(repo: Repository) -> None:
    start(repo, "trap '' HUP; touch up; while [ ! -e go ]; do sleep 0.05; done; exit 4")
    repo.machine.tmux("kill-session", "-t", "=base")
    wait_for(lambda: repo.machine.sessions() == [])
    assert repo.lookup("base", "status") == "running"
    (repo.path / "go").touch()
    repo.wait("base")
    assert (repo.record("base")["status"], repo.record("base")["exit-code"]) == ("failed", 4)


def test_a_supervisor_killed_with_kill_is_lost_not_running(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    os.kill(supervisor(repo), signal.SIGKILL)
    wait_for(lambda: repo.lookup("base", "status") == "lost")
    assert "lost" in repo.ok("table", "--columns=status")
    assert "status: lost\n" in repo.ok("lookup", "base")
    assert repo.record("base")["status"] == "running"
    assert repo.runs("wait", "base").err == "error: run 'base': lost\n"


def test_a_process_id_that_was_given_to_another_is_not_taken_for_the_run(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    path = repo.record_path("base")
    text = path.read_text()
    started = repo.record("base")["process"]["started"]  # type: ignore[index]
    path.write_text(text.replace(f"started: {started}", f"started: {started - 1}"))
    assert repo.lookup("base", "status") == "lost"
    path.write_text(text)
    assert repo.lookup("base", "status") == "running"


def test_a_run_of_before_a_reboot_is_lost(repo: Repository) -> None:
    start(repo, "touch up; sleep 60")
    path = repo.record_path("base")
    boot = repo.record("base")["process"]["boot"]  # type: ignore[index]
    path.write_text(path.read_text().replace(boot, "0" * 8 + boot[8:]))
    assert repo.lookup("base", "status") == "lost"


def test_a_run_that_goes_on_at_another_host_is_shown_as_recorded(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    path.write_text(
        path.read_text().replace(f"host: {os.uname().nodename}", "host: elsewhere").replace("finished", "running")
    )
    assert repo.lookup("base", "status") == "running"


def test_keys_reach_the_command(repo: Repository) -> None:
    start(repo, "trap 'echo interrupted; exit 7' INT; touch up; while :; do sleep 0.05; done")
    repo.machine.tmux("send-keys", "-t", "=base:", "C-c")
    repo.wait("base")
    assert repo.record("base")["exit-code"] == 7
    assert repo.log("base").endswith("interrupted\n")


def test_the_suspend_key_does_not_leave_the_command_stopped_for_ever(repo: Repository) -> None:
    start(repo, "touch up; cat; echo done", "base")
    repo.machine.tmux("send-keys", "-t", "=base:", "C-z")
    repo.machine.tmux("send-keys", "-t", "=base:", "C-d")
    repo.wait("base")
    assert repo.record("base")["exit-code"] == 0


def test_signals_to_the_supervisor_are_passed_on(repo: Repository) -> None:
    start(repo, "trap 'echo got it; exit 0' USR1; touch up; while :; do sleep 0.05; done")
    os.kill(supervisor(repo), signal.SIGUSR1)
    repo.wait("base")
    assert repo.record("base")["status"] == "finished"
    assert repo.log("base") == "got it\n"


def test_a_child_of_the_command_is_spared_signals_with_a_meaning_of_its_own(repo: Repository) -> None:
    start(repo, "trap : USR1; sleep 0.3 & touch up; wait $!; wait $!; echo $?")
    os.kill(supervisor(repo), signal.SIGUSR1)
    repo.wait("base")
    assert repo.log("base") == "0\n"


def test_a_command_may_kill_its_own_process_group(repo: Repository) -> None:
    repo.finish("base", "trap 'exit 5' TERM; kill 0; sleep 60", *NO_FLAGS)
    assert repo.record("base")["exit-code"] == 5


def test_children_in_the_background_are_not_waited_for_and_get_a_hang_up(repo: Repository) -> None:
    start(repo, "sleep 60 & echo $! >pid; echo end; touch up")
    child = int((repo.path / "pid").read_text())
    repo.wait("base")
    assert repo.record("base")["status"] == "finished"
    assert repo.log("base") == "end\n"
    wait_for(lambda: repo.machine.sessions() == [])
    wait_for(lambda: processes.identify(child) is None)


def test_the_log_is_clean_while_a_child_in_the_background_still_prints(repo: Repository) -> None:
    start(repo, "(trap '' HUP; while echo tick; do sleep 0.001; done) & touch up; sleep 0.1")
    repo.wait("base")
    assert set(repo.log("base").splitlines()) == {"tick"}


def test_the_log_is_complete_when_the_run_has_ended(repo: Repository) -> None:
    repo.finish("base", "seq 200000; printf 'no newline at the end'", *NO_FLAGS)
    assert repo.log("base") == "".join(f"{n}\n" for n in range(1, 200_001)) + "no newline at the end"
    assert (repo.path / ".runs/logs/base.log").read_bytes().endswith(b"200000\r\nno newline at the end")


def test_bytes_that_are_no_text_get_into_the_log_as_they_are(repo: Repository) -> None:
    repo.finish("base", r"printf '\377\200\033[1mbold\000\n'", *NO_FLAGS)
    assert (repo.path / ".runs/logs/base.log").read_bytes() == b"\xff\x80\x1b[1mbold\x00\r\n"


def test_a_run_that_finished_closes_its_session_and_one_that_failed_keeps_it(repo: Repository) -> None:
    repo.finish("good", "true")
    repo.finish("bad", "echo see; exit 3", *NO_FLAGS)
    wait_for(lambda: repo.machine.sessions() == ["bad"])
    wait_for(lambda: repo.machine.tmux("display-message", "-p", "-t", "=bad:", "#{pane_dead}").out == "1\n")
    assert repo.machine.tmux("capture-pane", "-p", "-S-", "-t", "=bad:").out.startswith("see\n")


@pytest.mark.parametrize(("keep", "names"), [("always", ["bad", "good"]), ("never", [])])
def test_keep_session_says_which_sessions_stay(repo: Repository, keep: str, names: list[str]) -> None:
    repo.git("config", "runs.keep-session", keep)
    repo.finish("good", "true")
    repo.finish("bad", "false")
    wait_for(lambda: sorted(repo.machine.sessions()) == names)


def test_the_spec_with_its_secrets_is_private_and_gone_once_read(repo: Repository) -> None:
    specs = repo.path / ".runs/specs"
    start(repo, "touch up; sleep 60")
    assert list(specs.iterdir()) == []


def test_a_description_given_while_it_runs_stays_when_it_ends(repo: Repository) -> None:
    start(repo, "touch up; while [ ! -e go ]; do sleep 0.02; done; exit 3")
    wait_until_only_the_end_is_left_to_write(repo)
    path = repo.record_path("base")
    path.write_text(path.read_text().replace("status:", "# mine\nnote: [a,   b]\nstatus:"))
    repo.ok("describe", "base", "-m", "interesting")
    (repo.path / "go").touch()
    repo.wait("base")
    assert repo.record("base")["description"] == "interesting"
    assert repo.record("base")["exit-code"] == 3
    assert "# mine\nnote: [a,   b]\nstatus: failed\n" in path.read_text()


def test_a_command_may_remove_its_directory(repo: Repository) -> None:
    (repo.path / "sub").mkdir()
    assert repo.runs("new", *NO_FLAGS, "base", "rmdir ../sub; pwd", cwd=repo.path / "sub").code == 0
    repo.wait("base")
    assert repo.record("base")["exit-code"] == 0


def test_another_shell_with_options(repo: Repository) -> None:
    repo.git("config", "runs.shell", "bash -o pipefail")
    repo.finish("base", "false | true", *NO_FLAGS)
    assert repo.record("base")["exit-code"] == 1
    assert repo.record("base")["settings"]["shell"] == "bash -o pipefail"  # type: ignore[index]


def test_a_command_that_ignores_hang_ups_is_not_killed_by_one(repo: Repository) -> None:
    start(repo, "trap '' HUP; touch up; while [ ! -e go ]; do sleep 0.05; done")
    repo.machine.tmux("kill-session", "-t", "=base")
    wait_for(lambda: repo.machine.sessions() == [])
    (repo.path / "go").touch()
    repo.wait("base")
    assert (repo.record("base")["status"], repo.record("base")["exit-code"]) == ("finished", 0)


def test_a_hang_up_that_the_command_makes_its_end_is_recorded_as_killed(repo: Repository) -> None:
    start(repo, "trap 'exit 0' HUP; touch up; while :; do sleep 0.05; done")
    repo.machine.tmux("kill-session", "-t", "=base")
    repo.wait("base")
    assert (repo.record("base")["status"], repo.record("base")["exit-code"]) == ("killed", 0)


def test_modules_of_the_commands_directory_do_not_bend_the_supervisor(repo: Repository) -> None:
    for name in ("json.py", "signal.py", "git_runs.py", "sitecustomize.py"):
        repo.commit(name, "raise SystemExit('bent')\n")
    repo.finish("base", "echo fine", *NO_FLAGS)
    assert repo.log("base") == "fine\n"
    # As in the environment of a tmux server that was started from there.
    repo.machine.tmux("new-session", "-d", "-s", "other")
    repo.machine.tmux("set-environment", "-g", "PYTHONPATH", str(repo.path))
    repo.finish("again", "echo fine", *NO_FLAGS)
    assert repo.log("again") == "fine\n"


def test_a_run_deleted_by_hand_while_it_goes_on_ends_without_a_word(repo: Repository) -> None:
    start(repo, "touch up; while [ ! -e go ]; do sleep 0.02; done")
    repo.record_path("base").unlink()
    (repo.path / "go").touch()
    wait_for(lambda: repo.machine.sessions() == [])
    assert not repo.record_path("base").exists()


def test_another_run_of_the_same_name_does_not_get_the_end_of_this(repo: Repository) -> None:
    start(repo, "touch up; while [ ! -e go ]; do sleep 0.02; done; exit 3")
    wait_until_only_the_end_is_left_to_write(repo)
    other = repo.record_path("base").read_text().replace(repo.lookup("base", "id"), "another")
    repo.record_path("base").write_text(other)
    (repo.path / "go").touch()
    wait_for(lambda: repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out == "1\n")
    assert repo.record_path("base").read_text() == other


def test_the_end_is_recorded_before_a_comparison_that_takes_long(repo: Repository) -> None:
    long = "acc 0.5 " * 225  # times are looked for in whole lines, if one differs
    repo.finish("base", f"for n in {{1..4000}}; do echo $EPOCHREALTIME {long}; done", *NO_FLAGS)
    waiting = repo.machine.start("git-runs", "reproduce", "--run=again", "--wait", "base", cwd=repo.path)
    wait_for(lambda: repo.record_path("again").exists() and repo.record("again")["status"] == "finished")
    assert "reproduction" not in repo.record("again")
    out, _ = waiting.communicate(timeout=60)
    assert b"\nReproduction: equal\n" in out
