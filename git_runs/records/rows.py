"""The rows of a table as they were drawn at one moment. Kept in the cache, they save a table of ten thousand runs from
taking ten thousand records apart, and from drawing as many rows again. A row counts while its run's file has the same
stamp, in tables with the same columns and cells of the same width, and while the clock here goes as it did."""

from __future__ import annotations

from itertools import count
from operator import gt

from ..console.escape import escape
from .catalogue import Catalogue
from .clock import Clock
from .record import FIELDS, HEAVY, UNDER_WAY, as_words, local_time, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .record import Run

TIMES = ("datetime", "finished", "queued")
# What rows that are kept may be of: what the run's own record says. Of times, only those in the catalogue, for which it
# is known whether the clock here still shows the same.
KEPT = {*FIELDS} - {*HEAVY, "finished", "queued", "reproduces"}
WIDEST = 100  # characters; wider cells are not kept
PADDING = 2  # by which tabulate makes a column wider than its name
GAP = "  "  # between two columns
MISSING = "_"  # stands for a value that is missing
CUT = "..."  # stands for the rest of a text that is too long
FEW = 100  # runs with other rows by now that are read anew each time, instead of keeping all rows anew


def shown(value: object) -> str:
    """A value as a table for people has it, but for its length."""
    return MISSING if value is None else escape(to_text(value))


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits into `width` characters."""
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def cells_of(run: Run, columns: Iterable[str], width: int, *, live: bool = False) -> tuple[str, ...]:
    """The cells of a run, cut to the width. The status is the recorded one, unless it is to be read `live`, and
    not cut."""

    def text(column: str) -> str:
        if column == "status":
            return cut(shown(run.value("status") if live else run.record.get("status") or None), WIDEST)
        value = as_words(column, run.value(column))
        return cut(shown(local_time(value) if column in TIMES else value), width)

    return tuple(map(text, columns))


class Rows:
    """A line for each run of a catalogue, in its order, as a table has it whose columns are of these widths.

    `lengths` has the length of each cell, column by column: the blanks after it may be its own. Those at the end of a
    line are left out.
    """

    def __init__(
        self,
        columns: Sequence[str],
        catalogue: Catalogue | None = None,
        clock: Clock | None = None,
        widths: Iterable[int] = (),
        lengths: Iterable[bytes | bytearray] = (),
        lines: Iterable[str] = (),
    ) -> None:
        """Of a catalogue's runs; or of none."""
        self.columns = columns
        self.catalogue = catalogue or Catalogue()
        self.clock = clock or Clock()
        self.widths = list(widths) or [len(column) + PADDING for column in columns]
        self.lengths = [bytearray(column) for column in lengths] or [bytearray() for _ in columns]
        self.lines = list(lines)

    def stale(self, now: Catalogue) -> list[int]:
        """The places of those runs of another catalogue whose rows are not here, or not those of their files."""
        return now.changed_since(self.catalogue)

    def under_way(self) -> list[int]:
        """The places of the runs that are recorded as going on."""
        if "status" not in self.columns:
            return []
        return [place for place, status in enumerate(self.cells("status")) if status in UNDER_WAY]

    def of(self, now: Catalogue, fresh: Mapping[int, Sequence[str]]) -> Rows:
        """The rows of another catalogue's runs: these, and those with the cells of `fresh`, by place."""
        rows = self._in_order(now)
        needed = [max(map(len, column)) for column in zip(*fresh.values(), strict=True)]
        if any(map(gt, needed, rows.widths)):
            rows = rows._widened(needed)
        for place, cells in fresh.items():
            rows.lines[place] = _line(cells, rows.widths)
            for lengths, cell in zip(rows.lengths, cells, strict=True):
                lengths[place] = len(cell)
        return rows

    def cells(self, column: str) -> list[str]:
        """The cells of one column."""
        number = self.columns.index(column)
        start = sum(self.widths[:number]) + len(GAP) * number
        lines = zip(self.lines, self.lengths[number], strict=True)
        return [line[start : start + length].ljust(length) for line, length in lines]

    def _in_order(self, now: Catalogue) -> Rows:
        """For the runs of another catalogue, with empty lines for those that are not here."""
        if now.names == self.catalogue.names:
            return Rows(self.columns, now, self.clock, self.widths, self.lengths, self.lines)
        places = dict(zip(self.catalogue.names, count()))
        order = [places.get(name, -1) for name in now.names]  # -1: the empty one after the last
        lengths = (bytes(map((column + b"\0").__getitem__, order)) for column in self.lengths)
        return Rows(self.columns, now, self.clock, self.widths, lengths, map([*self.lines, ""].__getitem__, order))

    def _widened(self, needed: Sequence[int]) -> Rows:
        widths = list(map(max, self.widths, needed))
        rows = zip(*map(self.cells, self.columns), strict=True)
        lines = (_line(cells, widths) for cells in rows)
        return Rows(self.columns, self.catalogue, self.clock, widths, self.lengths, lines)


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return GAP.join(map(str.ljust, cells, widths)).rstrip()
