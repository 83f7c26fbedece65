"""Runs that cannot be started, stopped, moved or deleted."""

from __future__ import annotations

from .base import RunsError


class RunsDirInUse(RunsError):
    """The directory that is to be the runs dir holds other things, which nobody would see among the runs."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"the runs dir '{path}' holds other files", "choose another with runs.runs-dir, or let git ignore this one"
        )


class RefWithoutRecord(RunsError):
    """The name is taken by a ref, but nothing is known of the run."""

    def __init__(self, ref: str, name: str) -> None:
        super().__init__(
            f"{ref} exists, but run '{name}' has no record here: it may be a run of another clone", self.hint(ref)
        )

    @staticmethod
    def hint(ref: str) -> str:
        """What can be done about it."""
        return (
            f"use --timestamp or another name; git runs adopt {ref[len('refs/runs/') :]} makes a record of it, and, if"
            f" nobody needs it, git update-ref -d {ref} deletes it"
        )


class NameInUse(RunsError):
    """A run that was moved goes on writing to the paths of its old name."""

    def __init__(self, name: str, successor: str) -> None:
        super().__init__(f"the paths of '{name}' are in use until run '{successor}', which had that name, ends")


class GoesOnInside(RunsError):
    """A run is to be moved to the name of its own group, or into one of its own name, while it writes there."""

    def __init__(self, name: str, new: str) -> None:
        super().__init__(
            f"run '{name}' goes on, and could not find its paths if '{new}' took their place",
            "move it once it has ended",
        )


class NotStopped(RunsError):
    """Runs that could not be ended: their command or their supervisor does not heed SIGKILL, or may not get it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("could not stop " + ", ".join(f"run '{name}'" for name in names))


class OtherHost(RunsError):
    """The run belongs to another machine, where it cannot be stopped or seen from here."""

    def __init__(self, name: str, host: str, doing: str, *, can_be_forced: bool = True) -> None:
        super().__init__(
            f"run '{name}' belongs to host '{host}': {doing} it here could pull it from under a running program",
            f"do it on {host}" + (", or use --force" if can_be_forced else ""),
        )


class OtherCopy(RunsError):
    """The run goes on, but it was started in a copy of the repository, whose runs dir is elsewhere."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"run '{name}' goes on in another copy of this repository, with runs dir {place}")


class OtherRepository(RunsError):
    """Nothing in this repository says that the run is one of its own."""

    def __init__(self, name: str, ref: str) -> None:
        super().__init__(
            f"run '{name}' has no {ref} here: it may belong to another repository that has the same runs dir",
            "delete it there, or use --force",
        )


class NoVirtualenv(RunsError):
    """The virtualenv that the command is to run in is none."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"there is no virtualenv in '{path}': bin/activate is missing",
            "runs.virtualenv-path names it; None is none",
        )
