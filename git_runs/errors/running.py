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
    """The run belongs to another machine, or to another clone, where it cannot be stopped or seen from here."""

    def __init__(
        self, name: str, host: str, doing: str, *, can_be_forced: bool = True, is_elsewhere: bool = False
    ) -> None:
        whose = "another clone, on host" if is_elsewhere else "host"
        super().__init__(
            f"run '{name}' belongs to {whose} '{host}': {doing} it here could pull it from under a running program",
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


class NotIsolated(RunsError):
    """A run is to wait for its turn, and then to run in a work tree that may be another by then."""

    def __init__(self) -> None:
        super().__init__(
            "a run that waits in the queue has a work tree of its own, since this one may change meanwhile",
            "leave out --no-isolate, or start it at once: --jobs=0",
        )


class NoVirtualenv(RunsError):
    """The virtualenv that the command is to run in is none."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"there is no virtualenv in '{path}': bin/activate is missing",
            "runs.virtualenv-path names it; None is none",
        )


class BadValues(RunsError):
    """The values of a parameter that a sweep is to try cannot be understood."""

    def __init__(self, key: str, text: str, reason: str, *hints: str) -> None:
        super().__init__(f"bad values '{text}' of '{key}': {reason}", *hints)


class AtRandom(RunsError):
    """Values are to be drawn at random, and nothing says how often."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the values of '{key}' are to be drawn at random, and it is not said for how many runs",
            "say how many: --random=N",
        )


class NotPaired(RunsError):
    """Parameters whose values are to be paired have different numbers of them."""

    def __init__(self, counts: dict[str, int]) -> None:
        shown = ", ".join(f"'{key}' has {count}" for key, count in counts.items())
        super().__init__(f"--zip pairs values, of which there are not equally many: {shown}")


class TooFewValues(RunsError):
    """There are not as many combinations as runs are asked for."""

    def __init__(self, wanted: int, found: int) -> None:
        super().__init__(
            f"{wanted} runs are asked for, and only {found} different combinations of the values were found",
            "without --random a sweep has all combinations",
        )


class TooManyRuns(RunsError):
    """More runs than anybody means to start at once."""

    def __init__(self, count: int, most: int) -> None:
        super().__init__(
            f"the sweep would have {count:,} runs, and {most:,} are the most",
            "sweep over fewer values at a time, or draw some of the combinations: --random=N",
        )


class TwiceTheSame(RunsError):
    """Two runs of a sweep would have the same values."""

    def __init__(self, values: dict[str, str]) -> None:
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        super().__init__(f"two runs would have {shown}", "name each value once")


class NoSuchParameter(RunsError):
    """The command of a sweep has a place for a parameter that has no values."""

    def __init__(self, key: str, guess: str) -> None:
        super().__init__(
            f"the command has {{{key}}}, and nothing gives '{key}' values{guess}",
            f"give it some: {key}=VALUES; or write {{{{ and }}}} for braces of the command itself",
        )


class StrayBrace(RunsError):
    """The command of a sweep has a brace that belongs to no parameter."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"the command has a brace that belongs to no parameter: {text}",
            "{KEY} is the value of a parameter; write {{ and }} for braces of the command itself",
        )


class OptunaMissing(RunsError):
    """The Python package that searches for the best values is not installed."""

    def __init__(self) -> None:
        super().__init__("--optimize takes optuna, which is not installed", "pip install 'git-runs[optuna]'")


class StudyGoesOn(RunsError):
    """Somebody is at the study of a sweep."""

    def __init__(self, group: str) -> None:
        super().__init__(f"the search of '{group}' goes on", f"to stop it: git runs kill {group}")


class StudyThere(RunsError):
    """There is a study of a sweep, and nothing says whether it is to go on; or another one is to be moved onto it."""

    def __init__(self, group: str, *, is_moved_onto: bool = False) -> None:
        hint = "choose another name"
        super().__init__(
            f"there is a search of '{group}' already", hint if is_moved_onto else f"--resume goes on with it; or {hint}"
        )
