"""The tmux server, under conditions that are rare elsewhere."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from git_runs.errors.launchers import LauncherSilent, LaunchFailed
from git_runs.launchers import tmux
from git_runs.launchers.assistant import Assistant
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


def test_what_may_have_been_done_is_not_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `new-session` would be a second run."""

    def answer(question: list[Any]) -> list[Any]:
        if question != tmux._VERSION:
            os.kill(os.getpid(), signal.SIGKILL)
        return [0, ["tmux 3.3a"], []]

    monkeypatch.setattr(tmux, "_assistant", Assistant(answer, first=tmux._VERSION))
    assert tmux._run(tmux.Server(), "-V").stdout == ["tmux 3.3a"]
    with pytest.raises(LaunchFailed):
        tmux._run(tmux.Server(), "new-session", "-d")


def test_a_server_that_does_not_answer_is_not_waited_for_longer(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an assistant is there or not."""
    socket, pid = machine.tmux("new-session", "-d", "-P", "-F", "#{socket_path} #{pid}").out.split()
    monkeypatch.setattr(tmux, "ANSWER", 0.5)
    monkeypatch.setattr(tmux, "_assistant", Assistant(tmux._ask_tmux, first=tmux._VERSION))
    os.kill(int(pid), signal.SIGSTOP)
    try:
        with pytest.raises(LauncherSilent):
            tmux.OwnLauncher().sessions([{"socket": socket}])
    finally:
        os.kill(int(pid), signal.SIGCONT)
        tmux._dismiss_assistant()
