"""Runs here and now: what is shown, what is read, and how the two processes end together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from git_runs.system import processes
from tests.conftest import NO_FLAGS, Machine, Repository, Screen, wait_for
from tests.launchers.test_launchers import AtTerminal, supervisor

HERE = (*NO_FLAGS, "--launcher=foreground")


@pytest.fixture
def no_tmux(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it takes tmux off the PATH of the machine, until the test has ended."""
    directory = tmp_path / "bin"

    def take_it_away() -> None:
        directory.mkdir()
        for place in reversed(machine.environment["PATH"].split(":")):
            for program in Path(place).glob("*"):
                link = directory / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)
        (directory / "tmux").unlink()
        monkeypatch.setitem(machine.environment, "PATH", str(directory))

    return take_it_away


def test_what_the_command_prints_is_shown_where_it_was_printed(repo: Repository) -> None:
    result = repo.runs("new", *HERE, "base", "echo out; echo err >&2; exit 3")
    commit = repo.git("rev-parse", "HEAD")[:10]
    assert (result.code, result.out) == (3, "out\n")
    assert result.err.splitlines() == [
        f"Started run 'base' at {commit} (first model)",
        "  echo out; echo err >&2; exit 3",
        "  to reproduce it:       git runs reproduce base",
        "err",
    ]
    quiet = repo.runs("new", "-q", *HERE, "quiet", "echo out")
    assert (quiet.code, quiet.out, quiet.err) == (0, "out\n", "quiet\n")


def test_bytes_pass_as_they_are(repo: Repository) -> None:
    process = repo.machine.start("git", "runs", "new", *HERE, "base", r"printf '\377\r\n\000\033[1m'", cwd=repo.path)
    out, _ = process.communicate(timeout=30)
    assert out == b"\xff\r\n\x00\x1b[1m"
    assert (repo.path / ".runs/logs/base.log").read_bytes() == out


def test_the_command_reads_our_input(repo: Repository) -> None:
    result = repo.runs("new", *HERE, "base", "sort", stdin="b\na\n")
    assert result.out == "a\nb\n"


def test_without_a_terminal_the_command_has_none(repo: Repository) -> None:
    result = repo.runs("new", *HERE, "base", "test -t 1 || echo pipe; (: </dev/tty) 2>/dev/null || echo no terminal")
    assert result.out == "pipe\nno terminal\n"


def test_nobody_takes_what_it_prints(repo: Repository) -> None:
    command = f"git runs new {' '.join(HERE)} base 'seq 100000; exit 3' | head -n 1; echo ${{PIPESTATUS[0]}}"
    result = repo.machine.run("bash", "-c", command, cwd=repo.path)
    assert result.out == "1\n3\n"
    assert repo.log("base").endswith("\n100000\n")


def test_everything_works_without_tmux(repo: Repository, no_tmux: Callable[[], None]) -> None:
    no_tmux()
    assert shutil.which("tmux", path=repo.machine.environment["PATH"]) is None
    repo.git("config", "runs.launcher", "foreground")
    assert repo.ok("new", *NO_FLAGS, "-q", "base", "echo hello") == "hello\n"
    for command in (
        ["list"],
        ["table"],
        ["show", "base"],
        ["lookup", "base"],
        ["log", "base"],
        ["diff", "base", "base"],
        ["verify", "base", "base"],
        ["wait", "base"],
        ["describe", "base", "-m", "text"],
        ["fsck"],
        ["gc"],
        ["reproduce", "base"],
        ["reproduce", "--run", "--wait", "base"],
        ["move", "base", "moved"],
        ["delete", "-y", "moved"],
    ):
        repo.ok(*command)
    assert repo.record("base-repro")["reproduction"] == "equal"


def test_tmux_is_not_needed_to_read_its_runs(repo: Repository, no_tmux: Callable[[], None]) -> None:
    repo.finish("base", "echo hello", *NO_FLAGS)
    no_tmux()
    for command in (["list"], ["table"], ["show", "base"], ["lookup", "base"], ["log", "base"], ["reproduce", "base"]):
        repo.ok(*command)
    result = repo.runs("new", "other", "true")
    assert (result.code, result.err.splitlines()) == (
        128,
        [
            "fatal: tmux is not installed, or not on PATH",
            "hint: install tmux with your package manager, or run here and now: --launcher=foreground",
        ],
    )


def test_reproduce_shows_the_launcher_unless_another_is_chosen(repo: Repository) -> None:
    repo.ok("new", *HERE, "base", "true")
    assert " --launcher=foreground" in repo.ok("reproduce", "-n", "base")
    repo.git("config", "runs.launcher", "foreground")
    assert "--launcher" not in repo.ok("reproduce", "-n", "base")


def test_nobody_can_attach(repo: Repository) -> None:
    repo.ok("new", *HERE, "base", "echo hello; exit 0")
    result = repo.runs("attach", "base")
    assert (result.code, result.out, result.err) == (
        1,
        "hello\n",
        (
            "error: run 'base' has no session to attach to, since its launcher is foreground: finished\n"
            "hint: git runs log -f base follows what it prints\n"
        ),
    )


def test_it_is_one_of_the_steps_of_git_bisect(repo: Repository) -> None:
    commits = [repo.commit("value", f"{n}\n") for n in range(6)]
    repo.git("bisect", "start", commits[5], commits[0])
    script = f"git runs new {' '.join(HERE)} -q --timestamp step 'test $(cat value) -lt 3'"
    found = repo.git("bisect", "run", "sh", "-c", script)
    assert f"{commits[3]} is the first bad commit" in found
    assert len(repo.ok("list").splitlines()) >= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_reaches_the_command_once(repo: Repository, number: int) -> None:
    """As Ctrl-C of a terminal that is not ours to use, it comes to git, to us, and by way of git once more."""
    count = f"n=0; trap 'n=$((n + 1))' {int(number)}; touch up; until [ $n -gt 0 ]; do sleep 0.02; done"
    count += "; sleep 0.5; echo $n"  # time for a second one, if there is any
    process = subprocess.Popen(
        ["git", "runs", "new", *HERE, "base", count],
        cwd=repo.path,
        env=repo.machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for((repo.path / "up").exists)
    os.killpg(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert out == b"1\n"


def test_a_signal_that_comes_before_the_command_is_recorded(repo: Repository) -> None:
    """The supervisor is held up by the work tree that it makes."""
    hook = repo.path / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch ../up\nwhile :; do sleep 0.05; done\n")
    hook.chmod(0o755)
    process = repo.machine.start("git", "runs", "new", *HERE, "--isolate", "base", "touch ran", cwd=repo.path)
    wait_for((repo.path / ".runs/worktrees/up").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert repo.record("base")["status"] == "killed"


def test_the_parent_is_killed(repo: Repository) -> None:
    process = repo.machine.start("git-runs", "new", *HERE, "base", "echo $$ >pid; touch up; sleep 60", cwd=repo.path)
    wait_for((repo.path / "up").exists)
    process.kill()
    repo.wait("base")
    assert (repo.record("base")["status"], repo.record("base")["signal"]) == ("killed", signal.SIGHUP)
    assert processes.identify(int((repo.path / "pid").read_text())) is None
    process.communicate(timeout=30)


def test_a_run_with_children_in_the_background_ends(repo: Repository) -> None:
    """They still hold the pipes."""
    assert repo.ok("new", *HERE, "base", "sleep 1000 & echo $! >pid; echo end") == "end\n"
    os.kill(int((repo.path / "pid").read_text()), signal.SIGKILL)


def test_a_full_disk_takes_no_log_and_ends_no_run(repo: Repository, small_disk: Path) -> None:
    repo.git("config", "runs.runs-dir", str(small_disk / "runs"))
    result = repo.runs("new", *HERE, "base", "head -c 4000000 /dev/zero | tr '\\0' x; exit 5")
    assert (result.code, len(result.out)) == (5, 4_000_000)


def test_beside_the_run_only_its_parent_stays(repo: Repository) -> None:
    process = repo.machine.start("git-runs", "new", *HERE, "base", "touch up; sleep 60", cwd=repo.path)
    wait_for((repo.path / "up").exists)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: list(filter(processes.identify, map(int, children.read_text().split()))) == [supervisor(repo)])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_whoever_blocks_the_signal_of_a_child_s_end_sees_the_run_end(repo: Repository) -> None:
    block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])"
    code = f"import os, signal, sys; {block}; os.execvp(sys.argv[1], sys.argv[1:])"
    words = ("git-runs", "new", "-q", *HERE, "base", "true")
    process = repo.machine.start(sys.executable, "-c", code, *words, cwd=repo.path)
    process.communicate(timeout=30)
    assert (process.returncode, repo.lookup("base", "status")) == (0, "finished")


def test_gc_is_not_deaf_to_signals(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that starts while signals are held would be: its git inherits which are blocked."""
    seen, git = tmp_path / "seen", shutil.which("git")
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *pack-refs*) grep SigBlk /proc/self/status >{seen};; esac\nexec {git} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setitem(repo.machine.environment, "PATH", f"{wrapper.parent}:{repo.machine.environment['PATH']}")
    repo.git("config", "runs.gc-auto", "1")
    for name in ("one", "two", "three"):
        repo.machine.run("git-runs", "new", *HERE, name, "true", cwd=repo.path)  # by way of git it finds another git
    wait_for(lambda: seen.exists() and seen.read_text().endswith("\n"))
    assert int(seen.read_text().split()[1], 16) == 0


# --- at a terminal


def test_keys_reach_the_command(repo: Repository) -> None:
    ways = AtTerminal(repo)
    ways.start("trap 'echo interrupted; exit 7' INT; touch up; while :; do sleep 0.02; done")
    ways.type(b"\x03")
    assert ways.started[0].wait(30) == 7
    assert repo.log("base").replace("^C", "") == "interrupted\n"
    assert b"interrupted\r\n" in ways.shown
    ways.end()


def test_what_is_typed_is_read(repo: Repository) -> None:
    ways = AtTerminal(repo)
    ways.start("touch up; read line; echo got $line; cat >rest")
    ways.type(b"some words\r\x04")
    assert ways.started[0].wait(30) == 0
    assert "got some words\n" in repo.log("base")
    ways.end()


def test_the_suspend_key_does_not_leave_the_command_stopped_for_ever(repo: Repository) -> None:
    ways = AtTerminal(repo)
    ways.start("touch up; cat; echo done")
    ways.type(b"\x1a\x04")
    assert ways.started[0].wait(30) == 0
    ways.end()


def test_the_screen_of_a_person(repo: Repository, screen: Screen) -> None:
    screen.type(
        "git runs new --launcher=foreground --tb-dir-flag=None --save-path-flag=None base 'tty; stty size; cat'"
    )
    screen.shows("to reproduce it")
    screen.shows("48 160")
    screen.machine.run("tmux", "-L", "screen", "resize-window", "-t", "screen", "-x", "100", "-y", "30")
    assert supervisor(repo)
    screen.press("C-c")
    repo.wait("base")
    screen.shows("^C$")
    screen.type("echo code $?; stty -a")
    screen.shows("code 130")
    screen.shows("echo echoe")  # the terminal is as it was
    assert repo.record("base")["signal"] == signal.SIGINT


def test_the_size_of_the_terminal_is_passed_on(repo: Repository, screen: Screen) -> None:
    command = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"
    screen.type(f'git runs new {" ".join(HERE)} base "{command}"')
    screen.shows("ready\n")
    screen.machine.run("tmux", "-L", "screen", "resize-window", "-t", "screen", "-x", "90", "-y", "30")
    screen.shows("30 90")
