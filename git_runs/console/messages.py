"""Lines on standard error in git's form: errors, warnings and hints."""

from __future__ import annotations

import sys

from . import progress
from .escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from ..errors.base import RunsError


def text_of(error: RunsError) -> str:
    """The lines that report an error which ends a command: its message and its hints."""
    message = f"{error.label}: {escape(error.message)}" if error.label else escape(error.message, keep="\n\t")
    return "\n".join([message, *(f"hint: {escape(hint)}" for hint in error.hints)])


def counted(number: int, noun: str) -> str:
    """The number with the noun: "1 run", "2 runs"."""
    return f"{number} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """The noun alone, as it stands after that number: "run", "runs"."""
    return noun if number == 1 else f"{noun}s"


def warn(message: str) -> None:
    """A `warning:` line on standard error."""
    progress.clear()
    print(f"warning: {escape(message)}", file=_stream())


def hint(message: str) -> None:
    """A `hint:` line on standard error."""
    progress.clear()
    print(f"hint: {escape(message)}", file=_stream())


def report_all(errors: Sequence[RunsError]) -> int:
    """An `error:` line on standard error for each; gives the exit code, 1 if there are any."""
    for error in errors:
        print(f"error: {escape(error.message)}", file=_stream())
    return int(bool(errors))


def join_output() -> None:
    """From now on, say it on standard output: where a pager shows that, it has the terminal, and shows all in order."""
    global _joins_output
    _joins_output = True


_joins_output = False


def _stream() -> TextIO:
    return sys.stdout if _joins_output else sys.stderr
