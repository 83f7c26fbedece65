"""Records, outputs, and the names and patterns that select runs."""

from __future__ import annotations

from .base import Negative, RunsError


class NoSuchRun(Negative):
    """No run has exactly that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no run is named '{name}'", "'git runs list' shows the names")


class BadRecord(RunsError):
    """A record on disk that cannot be read; it is left as it is."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"bad record in line {line} of '{path}': {reason}", "mend the file in an editor")
        self.path = path


class Unencodable(RunsError):
    """Text that is not valid UTF-8 and so cannot be written to a record as it is."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not valid UTF-8, so no record could hold it")


class NoEnvironment(RunsError):
    """What a run found where it ran was not recorded, or cannot be read any more."""


class Locked(RunsError):
    """Another process holds a record's lock, or died with it."""

    def __init__(self, path: str, age: float) -> None:
        super().__init__(
            f"cannot lock a record: '{path}' exists since {age:.0f} s",
            "another git runs process may be using it; if none is running, remove the file",
        )


class CacheDamaged(RunsError):
    """The cache of the records is no database, or not the one that we made."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the cache '{path}' is damaged", "remove it")


class BadPattern(RunsError):
    """The pattern is no regular expression."""

    def __init__(self, pattern: str, reason: str) -> None:
        super().__init__(
            f"'{pattern}' is not a regular expression: {reason}",
            "use -G to match names with shell globs such as 'exp/*'",
        )


class SlowPattern(RunsError):
    """To match the pattern takes far too long; nothing was selected."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"gave up matching '{pattern}': there are too many ways in which it could match",
            "avoid a repetition inside of another, such as (a+)+, or use -G",
        )


class NothingSelected(Negative):
    """No run's name matches the pattern."""

    WHAT = "run"

    def __init__(self, pattern: str, *, looks_like_glob: bool) -> None:
        hints = ["patterns are regular expressions that match the whole name; use -G to match shell globs"]
        super().__init__(f"no {self.WHAT} matches '{pattern}'", *hints[: int(looks_like_glob)])


class NothingDeleted(NothingSelected):
    """The name of no run in the trash matches the pattern."""

    WHAT = "deleted run"


class OutputsInTheWay(RunsError):
    """Something lies where the run's outputs would go; it is never mixed with a new run."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(
            f"run '{name}' cannot use '{path}': it is there already", "move it away, or choose another name"
        )


class LeadsOut(RunsError):
    """A symbolic link on the way to an output leads out of the runs dir."""

    def __init__(self, path: str) -> None:
        super().__init__(f"a symbolic link on the way to '{path}' leads out of the runs dir")


NOW = "--now deletes at once, and nothing can be had back"


class CannotKeep(RunsError):
    """What is about to be deleted cannot be put where it could be had back from: the disk is full, or another one."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot keep what is deleted: '{path}': {reason}", NOW)
