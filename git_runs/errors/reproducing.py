"""Runs that do not come back as they were."""

from __future__ import annotations

from .base import Negative, RunsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 3  # of the things that cannot be had for the same reason


class NotTheSame(Negative):
    """Something that decides a run's result is missing, or another than it was."""

    def __init__(self, what: str) -> None:
        super().__init__(what)


class GoesOn(RunsError):
    """The run has not ended, so that nothing can be compared with it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' goes on", f"git runs wait {name}")


class NotRestored(RunsError):
    """Packages, or the Python, of a recorded environment cannot be had."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        of_each = [(one, [what for what in reasons if reasons[what] == one]) for one in dict.fromkeys(reasons.values())]
        super().__init__(
            f"the environment cannot be restored: {', '.join(reasons)}",
            *(f"{', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}: {reason}" for reason, names in of_each),
            "to run it with what is here: leave out --restore",
        )
        self.reasons = reasons  # in the words of whatever was to get it, by what could not be had


class PlaceTaken(RunsError):
    """Something is where a work tree is to be made."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is there already",
            "name another place: --worktree=<path>",
            f"or remove it, if it is a work tree that nobody needs: git worktree remove {path}",
        )
