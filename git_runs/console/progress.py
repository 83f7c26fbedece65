"""How far a long piece of work has got, on standard error, in the way of git: to a terminal only, and not before a
second has passed (`GIT_PROGRESS_DELAY`, git(1)).

    with progress.of("Deleting runs", 1000) as deleted:
        deleted.advance()         # Deleting runs:  45% (450/1000)
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

DELAY = 1.0  # seconds before anything is shown
INTERVAL = 1.0  # seconds after which it is shown anew, also at the same percentage
ERASE = "\r\x1b[K"


def over(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """The items, one by one, with progress in whoever takes them; `total` is how many they are, if that is known."""
    if not _is_wanted():
        yield from items
        return
    with of(title, total) as taken:
        for item in items:
            yield item
            taken.advance()


@contextmanager
def of(title: str, total: int | None = None) -> Iterator[Progress]:
    """What shows how far the work of the `with` block has got."""
    progress = Progress(title, total)
    try:
        yield progress
        progress.finish()
    finally:
        clear()


class Progress:
    """How far one piece of work has got."""

    shown: Progress | None = None  # the one that the terminal's last line shows

    def __init__(self, title: str, total: int | None = None) -> None:
        self._title = title
        self._total = total
        self.value = 0  # how much is done
        self._percent: int | None = None  # as it was shown last
        is_shown = total != 0 and _is_wanted()
        self._due = time.monotonic() + _delay() if is_shown else float("inf")

    def advance(self) -> None:
        """One more is done."""
        self.reach(self.value + 1)

    def reach(self, value: int) -> None:
        """So many are done."""
        self.value = value
        if self._due == float("inf"):
            return
        percent = value * 100 // self._total if self._total else None
        is_due = time.monotonic() >= self._due
        if is_due or (self._percent is not None and percent != self._percent):
            self._percent = percent
            self._due = time.monotonic() + INTERVAL
            self._show()

    def finish(self) -> None:
        """All is done."""
        if Progress.shown is self and not _is_paged():
            Progress.shown = None
            _write(f"{self._line()}, done.\n")

    def _show(self) -> None:
        if _is_in_foreground():
            Progress.shown = self
            _write(f"{self._line()}   \r")

    def _line(self) -> str:
        if not self._total:
            return f"{self._title}: {self.value}"
        return f"{self._title}: {self.value * 100 // self._total:3}% ({self.value}/{self._total})"


def pass_on(text: bytes) -> None:
    """Show what another program says of its progress, which has taken longer than DELAY."""
    if text and _is_wanted() and _is_in_foreground():
        with suppress(OSError):
            os.write(2, text)


def clear() -> None:
    """Take progress off the terminal, so that other things can be said there; it may come again below them."""
    if Progress.shown:
        Progress.shown = None
        _write(ERASE)


def silence() -> None:
    """Show none from now on."""
    global _is_silent
    _is_silent = True


_is_silent = False


def _is_wanted() -> bool:
    return not _is_silent and sys.stderr.isatty()


def _is_paged() -> bool:
    """Whether a pager has the terminal: it is left as it was."""
    return os.environ.get("GIT_PAGER_IN_USE") in ("true", "1")


def _is_in_foreground() -> bool:
    with suppress(OSError):
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    return True


def _delay() -> float:
    with suppress(KeyError, ValueError):
        return float(os.environ["GIT_PROGRESS_DELAY"])
    return DELAY


def _write(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
