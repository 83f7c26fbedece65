"""Logs, and their ends, as a terminal would have left them."""

from __future__ import annotations

import io
import os
import re

from ..console.escape import SEQUENCES, escape
from ..records import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ..records.record import Record

LINES = 100
LONGEST = 16_000  # characters
READ = 1 << 18  # bytes; of a progress bar that is drawn again and again, little is left


def tail(log: BinaryIO, record: Record, most: int = LONGEST) -> str:
    """The last lines of the log of the run with that record, without escape sequences, and with other control
    characters spelled out."""
    end = log.seek(0, os.SEEK_END)
    start = log.seek(max(0, end - READ))
    block = log.read(READ)
    if start:
        block = block.partition(b"\n")[2] or block  # its first line is not whole
    target = io.BytesIO()
    logs.copy(io.BytesIO(block), target, record, last=LINES, goes_on=None)
    left = map(_as_left, target.getvalue().decode(errors="replace").split("\n"))
    return _end_of("\n".join(escape(line, keep="\t") for line in left).strip("\n"), most)


def lines(log: BinaryIO, record: Record) -> Iterator[str]:
    """All lines of a log in the same way, each with its newline."""
    log.seek(logs.beginning(log, record) or 0)
    for line in log:
        yield escape(_as_left(line.decode(errors="replace").rstrip("\n")), keep="\t") + "\n"


def _as_left(line: str) -> str:
    """What a terminal shows of a line once it is written."""
    line = SEQUENCES.sub("", line).rstrip("\r")
    line = line[line.rfind("\r") + 1 :]
    while (shorter := re.sub(r"[^\b]\x08", "", line)) != line:
        line = shorter
    return line.lstrip("\b")


def _end_of(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = text[-most:]
    return end.partition("\n")[2] or end
