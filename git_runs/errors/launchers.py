"""Sessions that cannot be started or joined."""

from __future__ import annotations

from .base import Negative, RunsError


class LaunchFailed(RunsError):
    """The run could not be started; what had been prepared was undone."""


class NoSession(Negative):
    """There is no tmux session to attach to; `host` is the other host that the run belongs to, if it does."""

    def __init__(self, name: str, ending: str, host: str | None) -> None:
        where = f" on this host; it belongs to host '{host}'" if host else " any more"
        super().__init__(f"run '{name}' has no tmux session{where}: {ending}")


class OtherServer(RunsError):
    """A tmux client cannot switch to a session of another server."""

    def __init__(self, socket: str) -> None:
        super().__init__(f"the run's session is in another tmux server, '{socket}'", "detach from this one first")
