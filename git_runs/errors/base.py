"""The forms that all errors have.

Exit codes are git's: 1 says "no" (nothing matched, not all finished), 128 is fatal, 129 is wrong usage.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MANY = 20  # words, of which no more are named


class RunsError(Exception):
    """Ends the command with `<label>: <message>`, then a `hint:` line for each hint."""

    exit_code = 128
    label = "fatal"  # "": the message is lines with labels of their own

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class Negative(RunsError):
    """A plain "no": the command did its work and this is the answer."""

    exit_code = 1
    label = "error"


class UsageError(RunsError):
    """The command line cannot be understood; `usage` is the summary to show below the message."""

    exit_code = 129
    label = "error"

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


def few(words: Sequence[str], most: int = MANY) -> str:
    """The words, or the first of them where they are many."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """What to add to a message that refuses a word: one that is nearly the same, if there is one."""
    from difflib import get_close_matches

    close = get_close_matches(given, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
