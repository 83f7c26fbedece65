"""Sessions that cannot be started or joined."""

from __future__ import annotations

from .base import Negative, RunsError


class LaunchFailed(RunsError):
    """The run could not be started; what had been prepared was undone."""


class LauncherSilent(RunsError):
    """A launcher was asked, and did not answer in time; what it holds is not known."""

    def __init__(self, whom: str, seconds: float) -> None:
        super().__init__(f"{whom} does not answer since {seconds:.0f} s")


class NoSession(Negative):
    """There is nothing to attach to; `noun` is what the run's launcher would have, `host` the other host that the run
    belongs to, if it does."""

    def __init__(self, name: str, noun: str | None, ending: str, host: str | None) -> None:
        where = f" on this host; it belongs to host '{host}'" if host else " any more"
        super().__init__(f"run '{name}' has no {noun or 'session'}{where}: {ending}")


class NotJoinable(Negative):
    """The launcher of the run holds nothing that anybody could attach to."""

    def __init__(self, name: str, launcher: str, ending: str) -> None:
        super().__init__(
            f"run '{name}' has no session to attach to, since its launcher is {launcher}: {ending}",
            f"git runs log -f {name} follows what it prints",
        )


class OtherServer(RunsError):
    """A tmux client cannot switch to a session of another server."""

    def __init__(self, socket: str) -> None:
        super().__init__(f"the run's session is in another tmux server, '{socket}'", "detach from this one first")
