"""Runs that do not come back as they were."""

from __future__ import annotations

from .base import Negative, RunsError


class NotTheSame(Negative):
    """Something that decides a run's result is missing, or another than it was."""

    def __init__(self, what: str) -> None:
        super().__init__(what)


class GoesOn(RunsError):
    """The run has not ended, so that nothing can be compared with it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' goes on", f"git runs wait {name}")


class PlaceTaken(RunsError):
    """Something is where a work tree is to be made."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is there already",
            "name another place: --worktree=<path>",
            f"or remove it, if it is a work tree that nobody needs: git worktree remove {path}",
        )
