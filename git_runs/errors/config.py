"""Settings and the files that they come from."""

from __future__ import annotations

from .base import Negative, RunsError, UsageError, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class BadConfig(RunsError):
    """A configuration file that cannot be read."""

    def __init__(self, path: str, line: int, reason: str = "") -> None:
        super().__init__(f"bad config line {line} in file {path}" + (f": {reason}" if reason else ""))


class BadValue(RunsError):
    """A setting has a value that it cannot have; `origin` says where it was set."""

    def __init__(self, key: str, value: str, origin: str, reason: str) -> None:
        super().__init__(f"bad value '{value}' for 'runs.{key}' in {origin}: {reason}")
        self.key = key


class NoHost(RunsError):
    """Nobody has said where the repository is on that host."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__(
            f"it is not known where the repository is on host '{name}'",
            f"say where: git config {key} <directory there>",
        )


class NoSetting(Negative):
    """Nothing can be set under that key."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no setting 'runs.{key}'{did_you_mean(key, known)}")


class OnlyShown(UsageError):
    """Somebody asks us for what git does; `line` is what to type."""

    def __init__(self, line: str) -> None:
        super().__init__("git runs config only shows settings")
        self.hints = (f"git changes them: {line}",)
