"""Records, outputs, and the names and patterns that select runs."""

from __future__ import annotations

from .base import Negative, RunsError


class NoSuchRun(Negative):
    """No run has exactly that name; it may be that of a group, in which there are so many, that of a run of a remote
    which was not fetched, that of a run in the trash, or, as `away`, that of a run of a remote, which may be called
    otherwise here by `now`."""

    def __init__(
        self,
        name: str,
        in_group: int = 0,
        remote: str | None = None,
        away: str | None = None,
        now: str | None = None,
        is_deleted: bool = False,
    ) -> None:
        runs = "run" if in_group == 1 else "runs"
        hint = f"it is a group of {in_group} {runs}: 'git runs list {name}' shows their names"
        if not in_group:
            hint = "'git runs list' shows the names" if remote is None else not_seen(remote)
            hint = f"a remote has a run of that name: git runs adopt {away}" if away else hint
            hint = f"'{away}' is called '{now}' here" if now else hint
            hint = f"it is in the trash: git runs undelete {name}" if is_deleted else hint
        super().__init__(f"no run is named '{name}'", hint)


def not_seen(remote: str) -> str:
    """The hint where a run of a remote may be meant."""
    return f"'{remote}' is a remote: to see which runs it has now: git runs fetch {remote}"


class NotAdopted(NoSuchRun):
    """The run is one of a remote, of which no more than the record was fetched: it can be read, and nothing else."""

    def __init__(self, name: str) -> None:
        Negative.__init__(self, f"run '{name}' is not here, but on a remote", f"to have it here: git runs adopt {name}")


class NotAList(RunsError):
    """A person keeps something else in a field to which items are to be added."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__(f"'{key}' in the record of run '{name}' is no list", "rename that field in the file")


class BadTag(RunsError):
    """The word cannot be a tag."""

    def __init__(self, word: str) -> None:
        super().__init__(f"'{word}' is no tag", "a tag is a word without blanks and commas, and begins with no + or -")


class NotSoMany(Negative):
    """There are too few runs for one that has so many newer ones."""

    def __init__(self, newer: int, runs: int) -> None:
        there = "there is only one" if runs == 1 else f"there are only {runs}"
        super().__init__(f"no run is '@{{{newer}}}': {there}" if runs else "there is no run so far")


class BadRecord(RunsError):
    """A record that cannot be read; it is left as it is."""

    def __init__(self, path: str, line: int, reason: str, hint: str = "mend the file in an editor") -> None:
        super().__init__(f"bad record in line {line} of '{path}': {reason}", hint)
        self.path, self.line, self.reason = path, line, reason


class ForeignRuns(RunsError):
    """What is there are no runs of the tool that they should be of, or they are damaged; nothing there is changed."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot read runs from '{path}': {reason}")


class Unencodable(RunsError):
    """Text that cannot be written to a record as it is."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"the {what} {why}, so no record could hold it")


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
        self.pattern = pattern
        super().__init__(f"no {self.WHAT} matches '{pattern}'", *hints[: int(looks_like_glob)])
        self.pattern = pattern


class NoRunToTag(NothingSelected):
    """The same, where tags are given and shown: the word may be meant as a tag."""

    def __init__(self, pattern: str) -> None:
        Negative.__init__(self, f"no run matches '{pattern}'", f"to give a run this tag: +{pattern}")


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
