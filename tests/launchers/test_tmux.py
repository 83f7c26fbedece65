"""The tmux server, under conditions that are rare elsewhere."""

from __future__ import annotations

from tests.conftest import NO_FLAGS, Repository


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
