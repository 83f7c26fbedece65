"""The tmux server, under conditions that are rare elsewhere."""

from __future__ import annotations

import os
import signal

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
