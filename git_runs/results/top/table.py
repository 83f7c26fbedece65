"""The runs as a table: a line for each, below the names of the columns."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...console.canvas import letter
from ...console.plot import CUT, LINE
from .colors import CURVES, STATUS
from .rows import COLUMNS, cells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .rows import Row

GAP = "  "
MARK = 2  # columns left of the names
LEAST_NAME, LEAST_DESCRIPTION = 12, 10
RIGHT = ("metric", "age", "took")  # columns with numbers
MAY_BE_EMPTY = ("progress", "metric", "description")  # columns that are there only where a row has something there
HEAD, PLAIN, CHOSEN, SORTED = Style(bold=True), Style(), Style(reverse=True), Style(bold=True, underline=True)


class RunsTable(ScrollView, can_focus=True):
    """Shows rows, one of which is chosen, and some of which may be marked."""

    DEFAULT_CSS = """
    RunsTable {
        height: 1fr;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)"),
        Binding("down,j", "move(1)"),
        Binding("pageup,ctrl+b", "page(-1)"),
        Binding("pagedown,ctrl+f", "page(1)"),
        Binding("home,g", "end(0)"),
        Binding("end,G", "end(-1)"),
        Binding("space", "mark"),
    ]

    class Chosen(Message):
        """Another row is chosen, or other rows are in sight."""

    class Marked(Message):
        """A row was marked, or is marked no more."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class SortWanted(Message):
        """Somebody clicked on the name of a column."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, is_ascii: bool) -> None:
        super().__init__()
        self._is_ascii = is_ascii
        self.rows: list[Row] = []
        self._note = ""
        self._metric = ""
        self._title = "metric"
        self._marks: dict[str, int] = {}
        self._has_dots = True
        self._sort = ("age", False)
        self._place = 0
        self._widths: dict[str, int] = {}
        self._measured = 0  # the width of the screen that they are for
        self._drawn: dict[int, object] = {}  # what stands in the lines, by their numbers

    # --- what is shown

    def fill(
        self, rows: list[Row], metric: str, marks: Mapping[str, int], sort: tuple[str, bool], *, dots: bool, note: str
    ) -> None:
        """Show these rows.

        `marks` has the numbers of the curves of the marked ones by name, -1 where none is drawn; `sort` is the column
        that they are sorted by, and whether backwards; `dots`: curves are drawn with dots, and not with letters; `note`
        is said where there are no rows.
        """
        chosen = self.chosen
        is_same = [row.name for row in rows] == [row.name for row in self.rows]
        self.rows = rows
        self._note = note
        self._metric, self._marks, self._sort, self._has_dots = metric, dict(marks), sort, dots
        if chosen and not is_same:
            places = {row.name: place for place, row in enumerate(rows)}
            self._place = places.get(chosen.name, self._place)
        self._place = max(min(self._place, len(rows) - 1), 0)
        before = self.chosen.name if self.chosen else None
        self.virtual_size = Size(self._room, len(rows) + 1)
        self._measure()
        self.redraw()
        self._show_place()
        if not chosen or before != chosen.name:
            self.post_message(self.Chosen())

    @property
    def chosen(self) -> Row | None:
        """The row that the cursor is on."""
        return self.rows[self._place] if self._place < len(self.rows) else None

    @property
    def in_sight(self) -> Sequence[Row]:
        """The rows that are on the screen."""
        first = self.scroll_offset.y
        return self.rows[first : first + max(self.size.height - 1, 0)]

    @property
    def columns(self) -> list[str]:
        """The columns that are on the screen."""
        return [column for column in COLUMNS if column in self._widths]

    def redraw(self) -> None:
        """Draw those lines anew in which something else stands by now."""
        if self._measured != self._room:  # there is a scroll bar, or none any more
            self._measure()
        now = time.time()
        drawn: dict[int, object] = {0: (tuple(self._widths.items()), self._sort, self._metric)}
        drawn |= {line: self._content(line, now) for line in range(1, self.size.height)}
        changed = [line for line, content in drawn.items() if self._drawn.get(line) != content]
        self._drawn = drawn
        if 0 in changed:
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, line, self._room, 1) for line in changed))

    def _content(self, line: int, now: float) -> object:
        place = self.scroll_offset.y + line - 1
        if place >= len(self.rows):
            return self._note if line == 1 else None
        row = self.rows[place]
        texts = cells(row, self._metric, now, is_ascii=self._is_ascii)
        return texts, self._marks.get(row.name), place == self._place, self.has_focus

    def _measure(self) -> None:
        """Choose the columns, and how wide they are."""
        now = time.time()
        self._measured = self._room
        there = {column for column in COLUMNS if column not in MAY_BE_EMPTY or self._has(column)}
        needed = {column: max(self._widths.get(column, 0), cell_len(self._heading(column))) for column in there}
        for row in self.in_sight:
            for column, text in cells(row, self._metric, now, is_ascii=self._is_ascii).items():
                needed[column] = max(needed.get(column, 0), cell_len(text))
        needed["name"] = max([len(self._heading("name")), *(len(row.name) for row in self.rows)])
        widths = {column: needed[column] for column in COLUMNS if column in there and column != "description"}
        room = self._room - MARK - sum(width + len(GAP) for column, width in widths.items() if column != "name")
        for column in ("progress", "took", "metric", "age"):
            if room < LEAST_NAME and column in widths:
                room += widths.pop(column) + len(GAP)
        widths["name"] = max(min(widths["name"], room), 1)
        left = room - widths["name"] - len(GAP)
        if left >= LEAST_DESCRIPTION and "description" in there:
            widths["description"] = left
        self._widths = widths

    def _has(self, column: str) -> bool:
        """Whether any row has something there."""
        if column == "metric":
            return bool(self._metric)
        return any(getattr(row, column) not in (None, "") for row in self.rows)

    def _heading(self, column: str) -> str:
        text = self._metric if column == "metric" else column
        text = text if len(text) <= 14 else text[: 14 - len(CUT)] + CUT
        arrows = ("^", "v") if self._is_ascii else ("▲", "▼")
        return text + (arrows[self._sort[1]] if column == self._sort[0] else " ")

    @property
    def _room(self) -> int:
        """How wide lines may be, beside a scroll bar."""
        return self.scrollable_size.width

    # --- lines

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        width = self._room
        if y == 0:
            texts = {column: self._heading(column) for column in self._widths}
            return self._line(texts, Segment(" " * MARK), lambda column: HEAD, HEAD, width)
        place = self.scroll_offset.y + y - 1
        if place >= len(self.rows):
            note = self._note if y == 1 and not self.rows else ""
            return Strip([Segment(" " * MARK + note, Style(dim=True))]).adjust_cell_length(width)
        row = self.rows[place]
        texts = cells(row, self._metric, time.time(), is_ascii=self._is_ascii)
        is_chosen = place == self._place
        ground = CHOSEN if is_chosen else PLAIN

        def style(column: str) -> Style:
            is_colored = column in ("status", "progress") and not is_chosen
            return Style(color=STATUS.get(row.status)) if is_colored else ground

        head = Segment(set_cell_size(self._mark(row.name), MARK), self._color(row.name))
        return self._line(texts, head, style, ground, width)

    def _mark(self, name: str) -> str:
        curve = self._marks.get(name)
        if curve is None:
            return ""
        return LINE if self._has_dots else "-" if curve < 0 else letter(curve)

    def _color(self, name: str) -> Style:
        curve = self._marks.get(name, -1)
        return PLAIN if curve < 0 else Style(color=CURVES[curve % len(CURVES)])

    def _line(
        self, texts: Mapping[str, str], head: Segment, style: Callable[[str], Style], ground: Style, width: int
    ) -> Strip:
        segments = [head]
        for number, column in enumerate(self.columns):
            room = self._widths[column]
            text = _fitted(texts[column], room)
            padded = " " * (room - cell_len(text)) + text if column in RIGHT else set_cell_size(text, room)
            segments += [Segment(GAP if number else "", ground), Segment(padded, style(column))]
        return Strip(segments).adjust_cell_length(width, ground)

    # --- the cursor

    def action_move(self, by: int) -> None:
        """So many lines down."""
        self._go(self._place + by)

    def action_page(self, by: int) -> None:
        """So many pages down."""
        self._go(self._place + by * max(self.size.height - 2, 1))

    def action_end(self, place: int) -> None:
        """To the first line, or to the last one."""
        self._go(len(self.rows) - 1 if place else 0)

    def action_mark(self) -> None:
        """Mark the chosen run, or take its mark away, and go on to the next one."""
        if row := self.chosen:
            self.post_message(self.Marked(row.name))
            self._go(self._place + 1)

    def _go(self, place: int) -> None:
        place = max(min(place, len(self.rows) - 1), 0)
        if place != self._place:
            self._place = place
            self._show_place()
            self.redraw()
            self.post_message(self.Chosen())

    def _show_place(self) -> None:
        first, height = self.scroll_offset.y, max(self.size.height - 1, 1)
        if self._place < first:
            self.scroll_to(y=self._place, animate=False, immediate=True)
        elif self._place >= first + height:
            self.scroll_to(y=self._place - height + 1, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Called by textual."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._measure()
            self.redraw()
            self.post_message(self.Chosen())

    def on_resize(self) -> None:
        """Called by textual."""
        self._widths = {}
        self._measure()
        self.redraw()
        self._show_place()

    def on_focus(self) -> None:
        """Called by textual."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A click on a row chooses it, and one on the name of a column sorts by it."""
        if event.y:
            self._go(self.scroll_offset.y + event.y - 1)
            return
        end = MARK
        for column in self.columns:
            end += self._widths[column] + len(GAP)
            if event.x < end:
                self.post_message(self.SortWanted(column))
                return


def _fitted(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(width - len(CUT), 0)) + CUT[:width]
