"""Curves as characters: the dots of braille (Unicode, block 2800), 2 to 4 in each cell, or a letter for each curve.

A pixel is counted from the left, and from the top. Where curves lie on each other they take turns: of two, each has
every second cell.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BRAILLE = 0x2800
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column and row in the cell
LETTERS = "*o+x#@%&=~abcdefghijklmnpqrstuvwyz"  # of the curves, in their order


class Canvas:
    """So many cells in width and height, with nothing on it."""

    def __init__(self, width: int, height: int, *, is_braille: bool) -> None:
        self._width = width
        self._is_braille = is_braille
        self._across, self._down = cell_size(is_braille=is_braille)
        self.rows = height * self._down
        self._dots = [0] * (width * height)
        self._curves = [0] * (width * height)  # a bit for each that passes through

    def bar(self, curve: int, column: int, start: int, end: int) -> None:
        """The pixels of a column from one row to another."""
        across, down, bit = self._across, self._down, 1 << curve
        dots = DOTS[column % across]
        for row in range(min(start, end), max(start, end) + 1):
            place = row // down * self._width + column // across
            self._dots[place] |= dots[row % down]
            self._curves[place] |= bit

    def dot(self, curve: int, column: int, row: int) -> None:
        """A pixel that stands alone; of braille four dots, since one can hardly be seen."""
        if self._is_braille:
            self.bar(curve, column ^ 1, row, row ^ 1)
            self.bar(curve, column, row, row ^ 1)
        else:
            self.bar(curve, column, row, row)

    def line(self, curve: int, column: int, row: int, to_column: int, to_row: int) -> None:
        """The pixels between two pixels, of which the first is the left one or lies above or below the other."""
        width = to_column - column
        if not width:
            self.bar(curve, column, row, to_row)
            return
        slope = (to_row - row) / width
        before = row
        for distance in range(width + 1):
            until = round(row + slope * min(distance + 0.5, width))
            last = until if distance == width or until == before else until - (1 if slope > 0 else -1)
            self.bar(curve, column + distance, before, last)
            before = until

    def lines(self) -> Iterator[list[tuple[str, int | None]]]:
        """Each line, from the top, as texts and the curves that they show; None: there is nothing."""
        for start in range(0, len(self._dots), self._width):
            cells = map(self._shown, range(start, start + self._width))
            yield [("".join(text for _, text in group), curve) for curve, group in groupby(cells, itemgetter(0))]

    def _shown(self, place: int) -> tuple[int | None, str]:
        """The curve that has the cell, and its character."""
        if not (bits := self._curves[place]):
            return None, " "
        there = [curve for curve in range(bits.bit_length()) if bits >> curve & 1]
        curve = there[place % self._width % len(there)]
        return curve, chr(BRAILLE | self._dots[place]) if self._is_braille else letter(curve)


def cell_size(*, is_braille: bool) -> tuple[int, int]:
    """How many pixels a cell has across and down."""
    return (2, 4) if is_braille else (1, 1)


def letter(curve: int) -> str:
    """What the curve of that number is drawn with, where it is not with dots."""
    return LETTERS[curve % len(LETTERS)]
