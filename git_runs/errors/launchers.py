"""Sessions that cannot be started or joined."""

from __future__ import annotations

from .base import Negative, RunsError


class LaunchFailed(RunsError):
    """The run could not be started; what had been prepared was undone."""


class LauncherSilent(RunsError):
    """A launcher was asked, and did not answer in time, or not with what was asked for; what it holds is not known."""

    def __init__(self, whom: str, seconds: float = 0, said: str = "") -> None:
        super().__init__(f"{whom} does not answer: {said}" if said else f"{whom} does not answer since {seconds:.0f} s")


class NoLauncher(RunsError):
    """No launcher of that name is there."""

    def __init__(self, name: str, missing: str = "submit") -> None:
        super().__init__(
            f"there is no launcher '{name}', or not a complete one:"
            f" the setting runs.launcher.{name}.{missing} is missing"
        )


class NothingToAttach(Negative):
    """Nobody has said how to join jobs of that launcher."""

    def __init__(self, launcher: str) -> None:
        super().__init__(
            f"there is nothing to attach to: the setting runs.launcher.{launcher}.attach is missing",
            "git runs log -f follows what it prints",
        )


class JobWaits(Negative):
    """The run waits for its turn; `said` is why, in the scheduler's words."""

    def __init__(self, launcher: str, job: str, said: str) -> None:
        super().__init__(
            f"there is nothing to attach to so far: {launcher} job {job} waits{f' ({said})' if said else ''}"
        )


class NoSession(Negative):
    """There is nothing to attach to; `noun` is what the run's launcher would have, `host` the other host that the run
    belongs to, if it does."""

    def __init__(self, name: str, noun: str | None, ending: str, host: str | None) -> None:
        where = f" on this host; it belongs to host '{host}'" if host else " any more"
        super().__init__(f"run '{name}' has no {noun or 'session'}{where}: {ending}")


class StillWaits(Negative):
    """The run has not begun; `why` says what it waits for."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"run '{name}' waits in the queue: {why}", f"git runs log -f {name} shows what it prints once it begins"
        )


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


class NotQueueable(RunsError):
    """A run that starts here and now, or waits elsewhere, is to wait for its turn here."""

    def __init__(self, launcher: str, *, is_here: bool) -> None:
        does = "starts runs here and now" if is_here else "has a queue of its own"
        super().__init__(
            f"the launcher {launcher} {does}: none can wait in the queue",
            "leave out --jobs, --gpus and --priority, or choose another launcher: --launcher",
        )


# --- other hosts


class TakenHere(RunsError):
    """A run that another host wants to have started has the name of a run that is here, by `user`, on `host`, `since` a
    time; "": nobody knows."""

    def __init__(self, name: str, user: str = "", host: str = "", since: str = "") -> None:
        known = f" (by {user or 'somebody'} on {host or 'a host'}, {since[:16].replace('T', ' ')})" if since else ""
        super().__init__(
            f"run '{name}' already exists there{known}", "choose another name, or add the time: --timestamp"
        )


class NotHere(RunsError):
    """The ref that should have come with a run that another host wants to have started is not at its commit."""

    def __init__(self, ref: str, *, is_there: bool) -> None:
        if is_there:
            super().__init__(
                f"{ref} exists there at another commit, and nothing is known of that run",
                f"choose another name, or, if nobody needs it, on that host: git update-ref -d {ref}",
            )
        else:
            super().__init__(f"{ref} did not arrive there", "try again")


class NotUnderstood(RunsError):
    """What another host asked for cannot be understood."""

    def __init__(self, what: str) -> None:
        super().__init__(f"its git runs does not understand {what}", "install the same version on both hosts")


class NotDoneThere(LauncherSilent):
    """Another host was asked, and it is certain that it has not done it."""

    def __init__(self, message: str, *hints: str) -> None:
        RunsError.__init__(self, message, *hints)


class HostSaysNo(NotDoneThere):
    """The git runs of another host cannot do what it was asked; `said` is why, in its words."""

    def __init__(self, host: str, said: str, hints: list[str]) -> None:
        super().__init__(f"host '{host}' says: {said}", *hints)


class HostFailed(NotDoneThere):
    """The git runs of another host could not be asked."""

    def __init__(self, host: str, why: str, *remedies: str) -> None:
        super().__init__(f"git runs cannot be asked on host '{host}': {why}", *remedies)


class GoneThere(Negative):
    """The run is not on the host that it was sent to, or not any more."""

    def __init__(self, host: str) -> None:
        super().__init__(f"host '{host}' has no such run: it was not started there, or deleted")
