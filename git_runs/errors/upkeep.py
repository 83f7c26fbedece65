"""gc."""

from __future__ import annotations

from .base import RunsError


class AlreadyCollecting(RunsError):
    """Another `git runs gc` is at work in this repository, or died in it on another host."""

    def __init__(self, path: str, age: float) -> None:
        super().__init__(
            f"git runs gc is already running, since {age:.0f} s",
            f"if none is running, remove '{path}'",
        )
