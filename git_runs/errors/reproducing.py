"""Runs that do not come back as they were."""

from __future__ import annotations

import re

from .base import Negative, RunsError, few

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN = 3  # of the things that cannot be had for the same reason
LINES = 4  # of reasons


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

    def __init__(self, reasons: Mapping[str, str], untried: Iterable[str] = ()) -> None:
        """`reasons`, in the words of whatever was to get it, by what could not be had; `untried`: what may be had."""
        alike: dict[str, list[str]] = {}
        for what, reason in reasons.items():
            is_shared = list(reasons.values()).count(reason) > 1
            alike.setdefault(reason if is_shared else _without_name(what, reason), []).append(what)
        lines = [f"{few(names, SHOWN)}: {reasons[names[0]]}" for names in alike.values()]
        if len(lines) > LINES:
            others = [name for names in list(alike.values())[LINES - 1 :] for name in names]
            lines[LINES - 1 :] = [f"{few(others, SHOWN)}: for other reasons"]
        if others := list(untried):
            lines.append(f"not tried any more, since so many cannot be had: {few(others, SHOWN)}")
        super().__init__(
            f"the environment cannot be restored: {', '.join(reasons)}",
            *lines,
            "to run it with what is here: leave out --restore",
        )
        self.reasons = reasons


def _without_name(what: str, reason: str) -> str:
    """What is the same in the reasons of packages that are missing in the same way."""
    return re.sub(rf"(?<![\w.-]){re.escape(what.partition('==')[0])}(==[^\s']*)?(?![\w.-])", "", reason)


class PlaceTaken(RunsError):
    """Something is where a work tree is to be made."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is there already",
            "name another place: --worktree=<path>",
            f"or remove it, if it is a work tree that nobody needs: git worktree remove {path}",
        )
