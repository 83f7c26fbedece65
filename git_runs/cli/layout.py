"""From cells to lines of a screen: columns of a width that is given, what all rows agree in, and small pictures.

Control characters are spelled out here. A place is what one Latin letter takes on a terminal; Chinese, Japanese and
Korean characters and most emoji take two (Unicode Standard Annex 11), and what is put on other characters takes none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache
from math import isfinite

from ..console.escape import escape
from ..console.messages import counted
from ..console.sparkline import sparkline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Cut = Callable[[str, float, str], str]  # see cut()
    Paint = Callable[[str, str], str]  # from the name of a colour and a text to the text in that colour

GAP = "  "  # between two columns
BETWEEN = "   "  # two things that are said above a table
MISSING = "_"  # stands for a value that is missing
TITLE, LINE = "title", "line"  # colours
CUT, FULL, HALF, EMPTY = UNICODE = "…━╸─"  # what is left out of a text; what a bar is of


class Signs:
    """The characters that stand for something else."""

    def __init__(self, *, unicode: bool) -> None:
        """With those of ASCII alone where a terminal may not show others."""
        self.is_ascii = not unicode
        self.cut = CUT if unicode else "..."
        self.line = EMPTY if unicode else "-"
        self.full, self.half, self.empty = (FULL, HALF, EMPTY) if unicode else ("#", "-", "-")


class Column:
    """A column of a table."""

    def __init__(
        self,
        title: str,
        cells: Iterable[str],
        *,
        rank: float = 0,
        least: int | None = None,
        turn: int = 0,
        colors: Sequence[str] = (),
        numbers: bool = False,  # they are aligned at their points, and not cut: that would be another number
        are_names: bool = False,  # they are cut in the middle: many begin alike
    ) -> None:
        self.title = escape(title)
        self.cells = list(map(escape, cells))  # one for each row
        self.rank = rank  # where there is no room for all, those of the highest rank are left out first
        are_numbers = numbers and all(map(_is_number, {*self.cells} - {MISSING}))
        self.least = None if are_numbers else least  # the places to which it may be cut; None: it is not cut
        self.turn = turn  # where several may be cut, those with the lowest turn are cut first
        self.colors = colors  # of each cell, "" for none; or none at all
        self.are_names = are_names
        if numbers:
            self.cells = aligned(self.cells)

    def limited(self, most: int, signs: Signs) -> Column:
        """The column with no cell wider than that."""
        return Column(
            self.title,
            [self.cut(cell, most, signs.cut) for cell in self.cells],
            rank=self.rank,
            least=self.least,
            turn=self.turn,
            colors=self.colors,
            are_names=self.are_names,
        )

    @property
    def cut(self) -> Cut:
        """How its cells are cut."""
        return cut_inside if self.are_names else cut

    @cached_property
    def width(self) -> int:
        """The places that it takes in full."""
        return max(map(places, (self.title, *self.cells)))

    @property
    def narrowest(self) -> int:
        """The places that it takes at least."""
        return self.width if self.least is None else min(self.width, self.least)

    @property
    def agrees(self) -> bool:
        """Whether all cells say the same."""
        return len(set(self.cells)) <= 1


def drawn(columns: Sequence[Column], widths: Sequence[int], signs: Signs, paint: Paint) -> Iterator[str]:
    """The lines of a table whose columns have those widths: titles, a line, and then a line for each row."""
    titles = [_fitted(one.title, width, signs, cut) for one, width in zip(columns, widths, strict=True)]
    yield GAP.join(_colored(title, TITLE, paint) for title in titles).rstrip()
    yield GAP.join(paint(LINE, signs.line * width) for width in widths)
    colored = [_painted(column, width, signs, paint) for column, width in zip(columns, widths, strict=True)]
    for row in zip(*colored, strict=True):
        yield GAP.join(row).rstrip()


def _painted(column: Column, width: int, signs: Signs, paint: Paint) -> Iterator[str]:
    if not column.colors:
        return (_fitted(cell, width, signs, column.cut) for cell in column.cells)
    pairs = zip(column.cells, column.colors, strict=True)
    return (_colored(_fitted(cell, width, signs, column.cut), color, paint) for cell, color in pairs)


def _colored(text: str, color: str, paint: Paint) -> str:
    """The text with its blanks as they are: some colours would show there."""
    core = text.strip()
    if not color or not core:
        return text
    start = text.index(core)
    return text[:start] + paint(color, core) + text[start + len(core) :]


def _fitted(text: str, width: int, signs: Signs, cut: Cut) -> str:
    blanks = width - places(text)
    return text + " " * blanks if blanks >= 0 else padded(cut(text, width, signs.cut), width)


def fitted(columns: Sequence[Column], width: float) -> tuple[list[Column], list[int], list[Column]]:
    """The columns for which there is room, in their order, how wide each is, and those that are left out.

    Columns are cut before any is left out. The one of the lowest rank stays.
    """
    kept = list(columns)
    while len(kept) > 1 and _total(one.narrowest for one in kept) > width:
        kept.remove(max(kept, key=lambda one: one.rank))
    widths = {id(one): one.width for one in kept}
    for one in sorted(kept, key=lambda one: one.turn):
        excess = _total(widths.values()) - width
        if excess > 0:
            least = 1 if len(kept) == 1 else one.narrowest
            widths[id(one)] = max(least, int(widths[id(one)] - excess))
    return kept, list(widths.values()), [one for one in columns if one not in kept]


def _total(widths: Iterable[int]) -> int:
    all_widths = list(widths)
    return sum(all_widths) + len(GAP) * (len(all_widths) - 1)


def flowing(pairs: Iterable[tuple[str, str]], width: float, signs: Signs, paint: Paint) -> Iterator[str]:
    """Lines that say what each thing is, `host: ada   lr: 0.1`, as many in a line as there is room for."""
    line, length = "", 0
    for key, value in pairs:
        key, value = escape(key), escape(value)
        said = f"{key}: {value}"
        if width < places(said):
            said = cut(said, width, signs.cut)
        size = places(said)
        shown = paint(TITLE, said[: len(key) + 1]) + said[len(key) + 1 :]
        if line and length + len(BETWEEN) + size > width:
            yield line
            line, length = "", 0
        line, length = (line + BETWEEN + shown, length + len(BETWEEN) + size) if line else (shown, size)
    if line:
        yield line


def listed(texts: Sequence[str], width: float) -> str:
    """The texts with commas between them, as many as there is room for, and how many others there are; "" where there
    is room for none."""
    for number in range(len(texts), 0, -1):
        rest = [f"and {len(texts) - number} more"] if number < len(texts) else []
        if places(line := ", ".join([*texts[:number], *rest])) <= width:
            return line
    return ""


def left_out(columns: Sequence[Column], way: str, width: float, signs: Signs) -> str:
    """A line that names columns for which there is no room, and the way to all of them; "" where none has a title."""
    titles = [one.title for one in columns if one.title]
    before, after = "no room for ", f"; {way} shows all"
    named = listed(titles, width - len(before + after)) or counted(len(titles), "column")
    return cut(before + named + after, width, signs.cut) if titles else ""


# --- texts


def places(text: str) -> int:
    """How many places the text takes."""
    return len(text) if text.isascii() else sum(map(_places, text))


@lru_cache(maxsize=1 << 12)
def _places(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    is_put_on = unicodedata.category(character) in ("Mn", "Me", "Cf") and character != "\xad"
    return 0 if is_put_on or "\u1160" <= character <= "\u11ff" else 1  # the second and third part of a Hangul syllable


def cut(text: str, width: float, mark: str) -> str:
    """The text, or as much of it as fits into the width with the mark behind it."""
    if places(text) <= width:
        return text
    room = width - len(mark)
    if room < 1:
        return mark[: int(width)]
    taken = 0
    for number, character in enumerate(text):
        taken += _places(character)
        if taken > room:
            return text[:number].rstrip() + mark
    return text


def cut_inside(text: str, width: float, mark: str) -> str:
    """The same with the mark in the middle, so that both ends are to be seen; of ASCII alone."""
    room = int(width) - len(mark)
    if places(text) <= width or room < 2 or not text.isascii():
        return cut(text, width, mark)
    end = room // 2
    return text[: room - end] + mark + text[-end:]


def padded(text: str, width: int) -> str:
    """The text with blanks up to the width."""
    return text + " " * (width - places(text))


def aligned(cells: Sequence[str]) -> list[str]:
    """Numbers with blanks before them, so that their points stand below each other; other texts end there."""
    before = [len(re.split("[.eE]", cell)[0]) if _is_number(cell) else 0 for cell in cells]
    most = max(before, default=0)
    return [" " * (most - one) + cell if one else cell for cell, one in zip(cells, before, strict=True)]


def _is_number(cell: str) -> bool:
    try:
        return isfinite(float(cell))
    except ValueError:
        return False


def curve(values: Sequence[float], width: int, signs: Signs) -> str:
    """The values in the form of a curve; "" where they are too few."""
    return sparkline(values, width, is_ascii=signs.is_ascii) if len(values) > 1 else ""


def bar(share: float, width: int, signs: Signs) -> str:
    """A line of that width, a share of which is full, from 0 to 1."""
    full, half = divmod(int(share * width * 2 + 0.5), 2)
    return signs.full * full + signs.half * half + signs.empty * (width - full - half)
