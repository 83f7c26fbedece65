"""Reading what a run printed, as it printed it.

The log holds what went over the terminal, which makes CR LF of every LF (stty(1), onlcr), and perhaps the end marker.
"""

from __future__ import annotations

import os
import time

from .outputs import end_marker, start_marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from .record import Record

FAILED_SO = "hint: it failed with exit code "  # how the line begins after which a command is started again
BLOCK = 1 << 16  # bytes
PAUSE = 0.1  # seconds between two reads of a log that is followed


def copy(
    log: BinaryIO, target: BinaryIO, record: Record, *, last: int | None, goes_on: Callable[[], bool] | None
) -> None:
    """Copy the log of the run with that record, or its `last` lines, to `target`; then what is added while `goes_on()`,
    if that is given.

    What git printed while it made the work tree is left out, unless the command has not begun.
    """
    identifier = record.text("id")
    cleaner = _Cleaner(start_marker(identifier), end_marker(identifier))
    while (begun := beginning(log, record)) is None and goes_on and goes_on():
        time.sleep(PAUSE)
    start = begun or 0
    log.seek(start)
    if last is not None:
        _seek_last_lines(log, last, start)
    while True:
        ended = goes_on is None or not goes_on()
        while block := log.read(BLOCK):
            target.write(cleaner.clean(block))
        target.flush()
        if ended:
            break
        time.sleep(PAUSE)
    target.write(cleaner.rest())
    target.flush()


def beginning(log: BinaryIO, record: Record) -> int | None:
    """The offset at which begins what the run's command printed; None where it has not begun.

    Before it may be what git printed while it made the run's own work tree, which may have been on another host.
    """
    marker = start_marker(record.text("id"))
    before, offset = b"", log.seek(0)
    while block := log.read(BLOCK):
        if (found := (before + block).find(marker)) >= 0:
            return offset - len(before) + found + len(marker)
        if not record.is_isolated:
            break
        offset += len(block)
        before = block[1 - len(marker) :]
    return None if record.is_isolated else 0


def _seek_last_lines(log: BinaryIO, lines: int, start: int) -> None:
    """Leave the file where its last `lines` lines begin, of what is behind `start`; no more than those is read."""
    end = position = log.seek(0, os.SEEK_END)
    breaks = lines
    while position > start:
        size = min(BLOCK, position - start)
        position = log.seek(position - size)
        block = log.read(size)
        if position + size == end and block.endswith(b"\n"):
            breaks += 1  # the newline that ends the last line begins none
        index = size
        while (index := block.rfind(b"\n", 0, index)) >= 0:
            breaks -= 1
            if breaks == 0:
                log.seek(position + index + 1)
                return
    log.seek(start if lines else end)


class _Cleaner:
    """Gives back the bytes that the command wrote, block by block."""

    def __init__(self, *markers: bytes) -> None:
        self._markers = markers
        self._held = b""

    def clean(self, block: bytes) -> bytes:
        """What is certain by now; what may be the beginning of something to replace is held back."""
        text = self._held + block
        certain = len(text) - self._undecided(text)
        self._held = text[certain:]
        return self._replace(text[:certain])

    def rest(self) -> bytes:
        """What is still held back when no more comes."""
        return self._replace(self._held)

    def _replace(self, text: bytes) -> bytes:
        for marker in self._markers:
            text = text.replace(marker, b"")
        return text.replace(b"\r\n", b"\n")

    def _undecided(self, text: bytes) -> int:
        """How many bytes at the end may be the beginning of a marker or of a line end."""
        longest = min(max(map(len, self._markers)), len(text))
        beginnings = {marker[:size] for marker in (*self._markers, b"\r\n") for size in range(1, len(marker))}
        return next((size for size in range(longest, 0, -1) if text[-size:] in beginnings), 0)
