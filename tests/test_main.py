"""The command line as a whole: help, global options, interruptions, and what must never be seen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from git_runs import __version__
from git_runs.main import COMMANDS
from tests.conftest import NO_FLAGS, Repository, wait_for


def test_help_lists_all_commands(repo: Repository) -> None:
    result = repo.runs("-h")
    assert result.code == 129
    assert result.out.startswith("usage: git runs ")
    for name, summary in COMMANDS.items():
        assert f"   {name} " in result.out
        assert summary in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_help_even_outside_a_repository(repo: Repository, name: str) -> None:
    result = repo.runs(name, "-h", cwd=Path("/"))
    assert (result.code, result.err) == (129, "")
    usage, _, options = result.out.partition("\n\n")
    assert re.match(rf"usage: git runs (\[?{name}\b|{name} )", usage)
    assert not re.search("[A-Z]{2}", usage)
    assert all(len(line) <= 80 for line in result.out.splitlines())
    assert all(re.match(" {4}-| {26}\\S|\\w|<|$", line) for line in options.splitlines())


def test_version(repo: Repository) -> None:
    assert repo.ok("--version") == repo.ok("-v") == f"git runs version {__version__}\n"


def test_the_manual_is_found_by_git(repo: Repository) -> None:
    result = repo.machine.run("git", "runs", "--help", cwd=repo.path, MANPAGER="cat", GIT_PAGER="cat", MANWIDTH="100")
    if "No manual entry" in result.err or "warning: failed to exec 'man'" in result.err:
        pytest.skip("there is no man here")
    assert result.code == 0, result
    assert "git-runs" in result.out


def test_the_checkout_works_without_being_installed(repo: Repository) -> None:
    script = Path(__file__).parent.parent / "bin/git-runs"
    assert repo.machine.run(str(script), "list", cwd=repo.path).code == 0


def test_configuration_from_the_command_line_reaches_git(repo: Repository) -> None:
    assert "--logdir=" in repo.ok("-c", "runs.tb-dir-flag=--logdir", "new", "-n", "base", "true")
    inner = ("-c", "runs.tb-dir-flag=--it's", "-c", "runs.extra-flag=--a=b=c", "new", "-n", "x", "true")
    result = repo.machine.run("git", "-c", "runs.tb-dir-flag=--outer", "runs", *inner, cwd=repo.path)
    assert "--it's=" in result.out
    assert " --a=b=c" in result.out
    assert repo.runs("-c", "nonsense", "list").code == 128
    result = repo.runs("-c")
    assert (result.code, result.err.splitlines()[0]) == (129, "error: option '-c' requires a value")


def test_an_unexpected_error_is_no_traceback(repo: Repository) -> None:
    broken = repo.machine.home / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import builtins\nbuiltins.filter = None\n")
    result = repo.runs("list", "x.*", PYTHONPATH=str(broken))
    assert result.code == 128
    assert result.err == (
        "fatal: unexpected TypeError: 'NoneType' object is not callable\nhint: GIT_TRACE=1 shows where it comes from\n"
    )
    assert "Traceback" in repo.runs("list", "x.*", PYTHONPATH=str(broken), GIT_TRACE="1").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_the_editor_is_open_nothing_is_started(repo: Repository, number: int) -> None:
    editor = repo.machine.home / "editor"
    editor.write_text(
        f"#!/bin/sh\ncd {repo.machine.home}\nexec >&- 2>&-\necho my text >$1\ntouch open\n"
        "while [ ! -e closed ]; do sleep 0.05; done\n"
    )
    editor.chmod(0o755)
    repo.machine.environment["GIT_EDITOR"] = str(editor)
    process = repo.machine.start("git-runs", "new", "-e", "base", "true", cwd=repo.path)
    wait_for((repo.machine.home / "open").exists)
    os.kill(process.pid, number)
    process.wait(timeout=30)
    (repo.machine.home / "closed").touch()
    _, error = process.communicate()
    assert process.returncode == 128 + number
    assert b"warning: your text is kept in '" in error
    assert b"Traceback" not in error
    assert repo.refs() == []


def test_a_full_standard_output_is_reported(repo: Repository) -> None:
    repo.finish("base")
    result = repo.machine.run("sh", "-c", "git runs list >/dev/full", cwd=repo.path)
    assert (result.code, result.err) == (128, "fatal: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere(repo: Repository, closed: str) -> None:
    command = f"git-runs new -q {' '.join(NO_FLAGS)} base 'echo done' {closed}"
    result = repo.machine.run("sh", "-c", command, cwd=repo.path)
    assert (result.code, result.err) == (0, "")
    repo.wait("base")
    assert repo.log("base") == "done\n"
    result = repo.machine.run("sh", "-c", f"git-runs delete base {closed}", cwd=repo.path)
    assert result.code == 128
    assert repo.ok("list") == "base\n"


def test_under_nohup_a_hang_up_is_ignored(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "base", "while [ ! -e go ]; do sleep 0.02; done")
    process = repo.machine.start("nohup", "git-runs", "wait", "base", cwd=repo.path)
    wait_for(lambda: b"wait" in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0"))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    process.send_signal(signal.SIGHUP)
    (repo.path / "go").touch()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_interrupted_twice_it_ends_without_a_word(repo: Repository) -> None:
    """git passes on to us what the terminal sends us, too."""
    repo.ok("new", *NO_FLAGS, "base", "echo up; sleep 60")
    for _ in range(10):
        process = repo.machine.start("git-runs", "log", "-f", "base", cwd=repo.path)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == 130
