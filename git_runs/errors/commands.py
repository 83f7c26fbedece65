"""What single subcommands refuse."""

from __future__ import annotations

from .base import Negative, RunsError, did_you_mean


class NoCommand(RunsError):
    """The record of a run has no command."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the record of run '{name}' has no command")


class NoDescription(RunsError):
    """The editor was left without a text; `result` says what that means."""

    def __init__(self, result: str) -> None:
        super().__init__(f"the description is empty; {result}", "use -m '' for none")


class NoSuchKey(Negative):
    """The run's record has no such field."""

    def __init__(self, name: str, key: str, keys: list[str]) -> None:
        super().__init__(f"run '{name}' has no '{key}'{did_you_mean(key, keys)}", "it has " + ", ".join(keys))


class NoLog(Negative):
    """Nothing that the run printed is kept."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' has no log")


class NoMetrics(Negative):
    """The run has written none that are known."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"run '{name}' has no metrics",
            "they are read from metrics.csv, results.csv, *.jsonl, metrics.json and trainer_state.json below its"
            " TensorBoard and checkpoint directories, or in its own work tree",
        )


class NotRunning(Negative):
    """None of the runs that should be stopped is running."""

    def __init__(self, names: list[str]) -> None:
        one = f"run '{names[0]}' is not running" if len(names) == 1 else f"none of the {len(names)} runs is running"
        super().__init__(one)


class NotFinished(Negative):
    """A run that was waited for did not end well, or not in time."""

    def __init__(self, name: str, ending: str) -> None:
        super().__init__(f"run '{name}': {ending}")


class GoneMeanwhile(Negative):
    """A run was moved or deleted by somebody else before it could be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' was moved, deleted or replaced meanwhile; what has its name now is untouched")


class AlreadyHere(Negative):
    """The run that is to be imported is in the repository; it may have another name here."""

    def __init__(self, name: str, here: str) -> None:
        super().__init__(f"run '{name}' is here already" + (f", as '{here}'" if here != name else ""))


class WouldLose(RunsError):
    """The file to be replaced holds runs that would then be recorded nowhere."""

    def __init__(self, path: str, names: list[str]) -> None:
        others = f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        super().__init__(
            f"'{path}' holds runs that the export would not: {others}", "import them first, or use --output or --force"
        )
