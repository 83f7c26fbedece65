"""Plots of curves, as lines of text: a title, the curves in their axes, and a legend.

look = Look(80, 24, is_braille=True, is_colored=False)
print("\\n".join(Plot("loss", [Curve("a", steps, losses)], smoothing=0.9).draw(look)))
"""

from __future__ import annotations

from bisect import bisect_left
from math import isnan, nan

from .axes import LogScale, Scale, number
from .canvas import Canvas, cell_size, letter
from .strokes import strokes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .axes import Tick
    from .strokes import Stroke

SMOOTHING = 0.9  # where more points than columns would be a broad band
COLORS = tuple(f"\x1b[{code}m" for code in (36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91))
BOLD, RESET = "\x1b[1m", "\x1b[m"
LEAST_WIDTH, LEAST_HEIGHT = 10, 4  # of the curves, in cells
PER_X_TICK, PER_Y_TICK = 10, 2  # cells
SUMMARY = ("last", "min", "max")
DIGITS = 4  # of a value in the legend
LEFT_OUT = "not drawn"  # how many points of a curve are
LINE = "━"  # a curve of dots in the legend
SPACE, TIGHT = "  ", " "  # between two columns of the legend, and where they are many
GAP = "   "  # between two parts of the legend that stand side by side
FEW = 4  # curves, which have a line of the legend each
LEAST_NAME = 8  # characters of a name that are shown at least
CUT = "..."


class Look:
    """How wide and high a plot may be, in columns and lines, and what the terminal can show."""

    def __init__(self, width: int, height: int, *, is_braille: bool, is_colored: bool) -> None:
        self.width = width
        self.height = height
        self.is_braille = is_braille
        self.is_colored = is_colored

    def has_dots(self, curves: int) -> bool:
        """Whether so many curves are drawn with dots: several can be told apart by colours alone, else by letters."""
        return self.is_braille and (curves <= 1 or (self.is_colored and curves <= len(COLORS)))

    def painted(self, text: str, curve: int | None) -> str:
        """The text in the colour of the curve of that number, if any."""
        return f"{COLORS[curve % len(COLORS)]}{text}{RESET}" if self.is_colored and curve is not None else text

    def bold(self, text: str) -> str:
        """The text as that of a title."""
        return f"{BOLD}{text}{RESET}" if self.is_colored else text


class Curve:
    """Points in the order in which they were written. NaN and None stand for what is missing, of x and of y."""

    def __init__(self, name: str, xs: Iterable[float | None], ys: Iterable[float | None]) -> None:
        self.name = name
        self.xs = [nan if x is None else x for x in xs]
        self.ys = [nan if y is None else y for y in ys]

    def summary(self) -> list[str]:
        """SUMMARY of its values, whatever is drawn of them."""
        values = [value for value in self.ys if not isnan(value)] or [nan]
        return [number(value, DIGITS) for value in (self.ys[-1] if self.ys else nan, min(values), max(values))]


class Plot:
    """Curves over one x axis, whose name is `axis`.

    `smoothing` is the weight of what was before, from 0 to less than 1; None: SMOOTHING of each curve that has more
    points than there are columns, else 0. `is_log`: the y axis is logarithmic. `has_steps`: only whole numbers are
    written along x.
    """

    def __init__(
        self,
        title: str,
        curves: Sequence[Curve],
        *,
        axis: str = "step",
        smoothing: float | None = None,
        is_log: bool = False,
        has_steps: bool = True,
    ) -> None:
        self._title = title
        self._curves = curves
        self._axis = axis
        self._smoothing = smoothing
        self._is_log = is_log
        self._has_steps = has_steps

    def draw(self, look: Look) -> list[str]:
        """Its lines: as many as the look allows, or as few as it takes."""
        drawn = self._drawn(look)
        title = look.bold(_cut(self._heading(self._weights(look.width)), look.width))
        legend = _legend(self._curves, [sum(len(ys) for _, ys in one) for one in drawn], look)
        if not any(drawn):
            return [title, "nothing of it can be drawn", *legend]
        height = max(look.height - len(legend) - 3, LEAST_HEIGHT)
        return [title, *self._picture(drawn, height, look), *legend]

    def picture(self, look: Look) -> list[str]:
        """The curves in their axes alone, without title and legend; none where nothing can be drawn."""
        drawn = self._drawn(look)
        return list(self._picture(drawn, max(look.height - 2, LEAST_HEIGHT), look)) if any(drawn) else []

    def _drawn(self, look: Look) -> list[list[Stroke]]:
        weighted = zip(self._curves, self._weights(look.width), strict=True)
        return [list(strokes(curve.xs, curve.ys, weight, is_log=self._is_log)) for curve, weight in weighted]

    def _weights(self, width: int) -> list[float]:
        return [self._weight(curve, width) for curve in self._curves]

    def _weight(self, curve: Curve, width: int) -> float:
        if self._smoothing is not None:
            return self._smoothing
        return SMOOTHING if len(curve.xs) > width else 0.0

    def _heading(self, weights: Sequence[float]) -> str:
        smoothed = len([weight for weight in weights if weight])
        which = f" ({smoothed} of {len(weights)})" if smoothed < len(weights) else ""
        smoothing = f", smoothed {max(weights):g}{which}" if smoothed else ""
        return self._title + smoothing + (", log" if self._is_log else "")

    def _picture(self, drawn: list[list[Stroke]], height: int, look: Look) -> Iterator[str]:
        """The curves in their axes, `height` lines and two below them."""
        has_dots = look.has_dots(len(drawn))
        cell_width, cell_height = cell_size(is_braille=has_dots)
        scale = LogScale if self._is_log else Scale
        down = scale(*_ends(ys for one in drawn for _, ys in one), height * cell_height)
        y_ticks = down.ticks(height // PER_Y_TICK)
        margin = max(map(len, (self._axis, *(text for _, text in y_ticks))))
        width = max(look.width - margin - 2, LEAST_WIDTH)
        across = Scale(*_ends(xs for one in drawn for xs, _ in one), width * cell_width)
        x_ticks = across.ticks(width // PER_X_TICK, is_whole=self._has_steps)
        canvas = Canvas(width, height, is_braille=has_dots)
        for curve, one in enumerate(drawn):
            for stroke in one:
                _trace(canvas, curve, across, down, stroke)
        frame = _Frame(margin, is_unicode=look.is_braille)
        labels = {height - 1 - cell: text for cell, text in _places(down, y_ticks, cell_height).items()}
        for row, texts in enumerate(canvas.lines()):
            line = "".join(look.painted(text, curve) for text, curve in texts)
            yield (frame.left(labels.get(row)) + line).rstrip()
        yield from frame.bottom(width, _places(across, x_ticks, cell_width), self._axis)


class _Frame:
    """The axes, with a margin of so many columns on their left."""

    def __init__(self, margin: int, *, is_unicode: bool) -> None:
        self._margin = margin
        self._side, self._side_tick, self._corner, self._line, self._tick = "│┤└─┬" if is_unicode else "|++-+"

    def left(self, label: str | None) -> str:
        """What is left of a line of the curves."""
        return f"{label or '':>{self._margin}} {self._side_tick if label else self._side}"

    def bottom(self, width: int, labels: Mapping[int, str], name: str) -> Iterator[str]:
        """The line below the curves, and what is written below that: the name of the axis, and labels by column."""
        yield f"{'':{self._margin}} {self._corner}" + "".join(
            self._tick if column in labels else self._line for column in range(width)
        )
        yield f"{name:>{self._margin}}  " + _in_a_row(labels, width)


def _in_a_row(labels: Mapping[int, str], width: int) -> str:
    """The labels, each in the middle below its column, but for those that have no room beside the one before."""
    row = ""
    for column, text in labels.items():
        start = max(min(column - (len(text) - 1) // 2, width - len(text)), 0)
        if not row or start > len(row):
            row = f"{row:{start}}{text}" if start else text
    return row


def _places(scale: Scale, ticks: Iterable[Tick], cell: int) -> dict[int, str]:
    """The labels by the cells, of so many pixels, in which their values lie."""
    return {scale.pixel(value) // cell: text for value, text in ticks}


def _ends(parts: Iterable[Sequence[float]]) -> tuple[float, float]:
    ends = [(min(part), max(part)) for part in parts]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _trace(canvas: Canvas, curve: int, across: Scale, down: Scale, stroke: Stroke) -> None:
    """Draw a stroke: in each column of pixels from the lowest point to the highest, and a line to the next one."""
    xs, ys = stroke
    bottom = canvas.rows - 1
    start, before = 0, None
    while start < len(xs):
        column = across.pixel(xs[start])
        end = bisect_left(xs, across.end(column), start + 1)
        if before:
            canvas.line(curve, *before, column, bottom - down.pixel(ys[start]))
        part = ys[start:end]
        top, low = bottom - down.pixel(max(part)), bottom - down.pixel(min(part))
        if top == low and len(part) == len(xs):
            canvas.dot(curve, column, top)
        canvas.bar(curve, column, top, low)
        start, before = end, (column, bottom - down.pixel(part[-1]))


def _legend(curves: Sequence[Curve], points: Sequence[int], look: Look) -> list[str]:
    """What each curve is drawn with, its name and SUMMARY, and of how many points it lacks, beside the drawn `points`;
    below each other, or some side by side where they are many."""
    left_out = [len(curve.ys) - count for curve, count in zip(curves, points, strict=True)]
    head = ["", *SUMMARY, *([LEFT_OUT] if any(left_out) else [])]
    rows = [
        [curve.name, *curve.summary(), str(count or "")][: len(head)]
        for curve, count in zip(curves, left_out, strict=True)
    ]
    space = SPACE if len(curves) <= FEW else TIGHT
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    room = look.width - len(LINE) - sum(len(space) + width for width in widths[1:]) - 1
    widths[0] = min(widths[0], max(room, LEAST_NAME))

    def entry(mark: str, row: Sequence[str], curve: int | None = None) -> str:
        title = look.painted(f"{mark} {_cut(row[0], widths[0]):{widths[0]}}", curve)
        return title + "".join(f"{space}{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))

    has_dots = look.has_dots(len(curves))
    entries = [entry(LINE if has_dots else letter(curve), row, curve) for curve, row in enumerate(rows)]
    heading = entry(" ", head)
    beside = (look.width + len(GAP)) // (len(heading) + len(GAP)) if len(curves) > FEW else 1
    length = -(-len(curves) // max(beside, 1))
    lines = [entries[row::length] for row in range(length)]
    return [GAP.join([heading] * len(lines[0])), *(GAP.join(line).rstrip() for line in lines)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - len(CUT), 0)] + CUT
