"""Settings and the files that they come from."""

from __future__ import annotations

from .base import RunsError


class BadConfig(RunsError):
    """A configuration file that cannot be read."""

    def __init__(self, path: str, line: int, reason: str = "") -> None:
        super().__init__(f"bad config line {line} in file {path}" + (f": {reason}" if reason else ""))


class BadValue(RunsError):
    """A setting has a value that it cannot have; `origin` says where it was set."""

    def __init__(self, key: str, value: str, origin: str, reason: str) -> None:
        super().__init__(f"bad value '{value}' for 'runs.{key}' in {origin}: {reason}")
