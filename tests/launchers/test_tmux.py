"""The tmux server, under conditions that are rare elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from git_runs.errors.launchers import LauncherSilent
from git_runs.launchers import tmux
from tests.conftest import NO_FLAGS, Machine, Repository


def test_a_server_that_goes_just_when_we_come(repo: Repository) -> None:
    # Its last session closes, and a new one is started, again and again.
    closer = repo.machine.start(
        *("sh", "-c", "while :; do tmux new-session -d -s other; tmux kill-session -t =other; done"), cwd=repo.path
    )
    names = [repo.ok("new", "-q", *NO_FLAGS, f"r{n}", "echo hello").strip() for n in range(12)]
    closer.kill()
    closer.communicate()
    for name in names:
        repo.wait(name)
        assert repo.log(name) == "hello\n"


def test_a_server_that_does_not_answer_is_not_waited_for_longer(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, pid = machine.tmux("new-session", "-d", "-P", "-F", "#{socket_path} #{pid}").out.split()
    monkeypatch.setattr(tmux, "ANSWER", 0.5)
    os.kill(int(pid), signal.SIGSTOP)
    try:
        with pytest.raises(LauncherSilent):
            tmux.OwnLauncher().sessions([{"socket": socket}])
    finally:
        os.kill(int(pid), signal.SIGCONT)


@pytest.mark.parametrize("place", ["gone/socket", "socket"])
def test_where_the_server_that_we_were_in_is_gone_the_default_one_serves(repo: Repository, place: str) -> None:
    """As in the environment of an old ssh agent."""
    result = repo.runs("new", "-q", *NO_FLAGS, "a", "echo hello", TMUX=f"{repo.path.parent}/{place},123,0")
    assert (result.code, result.out, result.err) == (0, "a\n", "")
    repo.wait("a")
    assert repo.log("a") == "hello\n"
    assert repo.record("a")["launcher"]["tmux"]["socket"].startswith(repo.machine.environment["TMUX_TMPDIR"])  # type: ignore[index]


def test_a_socket_that_cannot_be_made_is_said(repo: Repository) -> None:
    result = repo.runs("-c", "runs.tmux-socket=no/such/place", "new", *NO_FLAGS, "a", "true")
    assert (result.code, result.err.startswith("fatal: tmux could not start a session: ")) == (128, True)
    assert repo.refs() == []


def test_a_log_that_went_with_a_start_that_was_undone_is_not_made_anew(tmp_path: Path) -> None:
    log = tmp_path / "50% #1.log"
    words = ["sh", "-c", tmux.logging_to(str(log)).replace("%%", "%").replace("##", "#")]  # as tmux reads it
    subprocess.run(words, input=b"said\n", check=False)
    assert not log.exists()
    log.touch()
    subprocess.run(words, input=b"said\n", check=True)
    assert log.read_bytes() == b"said\n"
