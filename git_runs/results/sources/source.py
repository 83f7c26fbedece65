"""The interface of a metric source, and its rules.

A source finds the metrics that a program has written in one way: numbers, by step, each series under a key such as
`val_loss`. A new source is a module beside this one with a class `OwnSource`, its name in `NAMES`, before those that
are trusted less; tests/results/test_sources.py then runs against it, too. The rules:

reading    Changes nothing, follows no symbolic link, and imports nothing of the program's.
whole      A program may be writing just now: what is half there is left out, and comes with the next reading.
true       What is no number is no metric, and what cannot be read is skipped: never a wrong value. NaN and infinities
           are values.
cheap      A file that only grows is read on from its mark; it is never in memory as a whole, and, since a program may
           write faster than we read, read no further than to where it ended when that began.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from math import nan

from ...records.record import FINISHED, OPEN
from ...system.files import is_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from re import Pattern
    from typing import Any, BinaryIO

    from ...records.outputs import Outputs
    from ...records.record import Record


BLOCK = 1 << 20  # bytes that are read at once
PENDING = 1 << 16  # bytes of a line that has no end so far; after that it is passed over
GUILD = ".guild"  # in an imported run's directory, the one in which Guild has its event files
CUT = "cut"  # in a mark's memory: whether the beginning of the next line was passed over


class Series:
    """The points of one metric, in the order in which they were written."""

    __slots__ = ("steps", "times", "values")

    def __init__(self) -> None:
        self.steps: array[float] = array("d")
        self.times: array[float] = array("d")  # seconds since the epoch; NaN where none is known
        self.values: array[float] = array("d")

    def add(self, step: float, value: float, time: float = nan) -> None:
        """One more point."""
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)

    def extend(self, other: Series) -> None:
        """The points of another one after those of this one."""
        self.steps.extend(other.steps)
        self.times.extend(other.times)
        self.values.extend(other.values)

    def before(self, step: float) -> Series:
        """Those of its points that belong to earlier steps."""
        if not self.steps or max(self.steps) < step:
            return self
        part = Series()
        for point in zip(self.steps, self.values, self.times, strict=True):
            if point[0] < step:
                part.add(*point)
        return part


class Places:
    """Where a run writes; all paths are absolute."""

    def __init__(self, outputs: Outputs, name: str, record: Record) -> None:
        self.tensorboard = tensorboard_of(outputs, name, record)
        self.checkpoints = outputs.checkpoints(name)
        self.worktree = outputs.worktree(name)
        self.log = outputs.log(name)
        self.elsewhere = record.texts("outputs")  # of a run that was imported: what it put out, and stayed there
        self.start = record.moment("datetime") or 0.0  # seconds since the epoch
        self.has_ended = record.text("status") not in ("", *OPEN)  # then nothing comes behind the last line
        self.has_finished = record.text("status") == FINISHED  # and not died in the middle of a line
        self.record = record
        self._outputs = outputs

    def all(self) -> list[str]:
        """Those below which a program may write files of its own, and the log."""
        return [self.tensorboard, self.checkpoints, self.worktree, *self.elsewhere, self.log]

    def directories(self) -> list[str]:
        """The former, but for those that are links, or behind links."""
        return [place for place in self.all()[:-1] if not self._is_behind_link(place)]

    def plain_log(self) -> str | None:
        """The log, unless it is a link, or behind one, or not there."""
        return self.log if os.path.isfile(self.log) and not self._is_behind_link(self.log) else None

    def _is_behind_link(self, place: str) -> bool:
        if not is_below(place, self._outputs.root):
            return os.path.islink(place)
        return self._outputs.is_behind_link(place)


def tensorboard_of(outputs: Outputs, name: str, record: Record) -> str:
    """The directory that the runs dir has for the events of the run, unless a setting named another one, which is there
    where it ran."""
    settings = record.get("settings")
    elsewhere = settings.get("tb-dir") if isinstance(settings, dict) else None
    if not isinstance(elsewhere, str):
        return outputs.tensorboard(name)
    path = elsewhere.replace("<runs-dir>", outputs.root).replace("<run-name>", record.text("launched-as") or name)
    is_its_own = "<run-name>" in elsewhere  # or what others write there would be taken for what it has written
    return path if is_its_own and os.path.isabs(path) else outputs.tensorboard(name)


class Rules:
    """What the user says of metrics, beside what is known without."""

    def __init__(self, files: Sequence[str] = (), patterns: Sequence[Pattern[str]] = ()) -> None:
        self.files = files  # patterns of the names of further metric files, as a shell has them
        self.patterns = patterns  # of lines of the log


class Mark:
    """How far a file was read."""

    def __init__(self, offset: int = 0, memory: dict[str, Any] | None = None, broken: int | None = None) -> None:
        self.offset = offset  # bytes from the beginning of the file; what comes next begins there
        self.memory = memory or {}  # what the source has to know of what it has read; JSON can hold it
        self.broken = broken  # where the first damage is, if there is any


def blocks(file: BinaryIO, start: int) -> Iterator[bytes]:
    """The content of a file from there on, to where it ends now. Raises OSError."""
    end = os.fstat(file.fileno()).st_size
    while start < end and (block := os.pread(file.fileno(), min(BLOCK, end - start), start)):
        start += len(block)
        yield block


def whole_lines(file: BinaryIO, mark: Mark, ends: Sequence[bytes], *, is_complete: bool = False) -> Iterator[bytes]:
    """The lines after the mark, many at once; the mark moves with them. Where the file `is_complete`, its last line
    counts without an end, too. Raises OSError."""
    rest = b""
    for block in blocks(file, mark.offset):
        text = rest + block
        end = max(map(text.rfind, ends)) + 1
        lines, rest = text[:end], text[end:]
        mark.offset += end
        if lines and mark.memory.pop(CUT, False):
            lines = lines[min(found for found in map(lines.find, ends) if found >= 0) + 1 :]
        if len(rest) > PENDING:
            mark.offset += len(rest)
            mark.memory[CUT] = True
            rest = b""
        yield lines
    if rest and is_complete:
        mark.offset += len(rest)
        yield b"" if mark.memory.pop(CUT, False) else rest + b"\n"


class Source(ABC):
    """Reads the metrics that were written in one way."""

    def __init__(self, places: Places, rules: Rules) -> None:
        self.places = places
        self.rules = rules

    @abstractmethod
    def takes(self, path: str, place: str) -> bool:
        """Whether a file is one of its kind; `place` is the one of the run's places that it was found below."""

    @abstractmethod
    def order(self, path: str, written: float) -> Any:
        """What its files are sorted by, so that those come later that go on where others have ended. `written`: when
        the file was changed last."""

    @abstractmethod
    def read(self, file: BinaryIO, mark: Mark, inside: str) -> Iterator[dict[str, Series]]:
        """The points after the mark by key, piece by piece in the order of the file; the mark moves with them.

        `inside` is the path of the file below the place that it was found in. Raises OSError.
        """

    def grows(self, path: str) -> bool:
        """Whether such a file only ever gets longer, and is not written anew."""
        return True
