"""Questions and texts that a person does not answer."""

from __future__ import annotations

from .base import Negative, RunsError


class NotConfirmed(RunsError):
    """A question that only a person at a terminal, or --yes, can answer."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"refusing to {doing} without asking, and there is no terminal to ask at", "use --yes to go on"
        )


class NoTerminal(RunsError):
    """There is no terminal that a full screen could be shown on."""

    def __init__(self) -> None:
        super().__init__("there is no terminal to show runs on", "git runs table prints them")


class TextualMissing(RunsError):
    """The Python package that draws a full screen is not installed."""

    def __init__(self) -> None:
        super().__init__("a full screen needs textual, which is not installed", "pip install 'git-runs[tui]'")


class Declined(Negative):
    """The person said no."""

    def __init__(self) -> None:
        super().__init__("nothing done")


class EditorFailed(RunsError):
    """The editor ended with an error."""

    def __init__(self, editor: str) -> None:
        super().__init__(f"the editor '{editor}' failed")
