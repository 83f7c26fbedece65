"""Curves without JavaScript: drawings in SVG, and how the curves of a run look everywhere."""

from __future__ import annotations

from html import escape
from math import isnan

from ..summary import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .curves import Curve

COLORS = (
    *("#3b7dd8", "#e8710a", "#2a9d4a", "#d93a3a", "#8e5bd0"),
    *("#946b4a", "#d957a8", "#8a8f1e", "#159aa8", "#6b7280"),
)
DASHES = ("", "6 3", "2 2", "8 3 2 3")  # SVG, stroke-dasharray: forty runs are told apart
WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 640, 300, 64, 22, 8
MOST_BUCKETS, FEWEST_BUCKETS = 100, 10  # of a curve
ALL_BUCKETS = 20_000  # of all drawings of a page

Place = tuple[float, float]


def look(style: int) -> tuple[str, str]:
    """The colour and the dashes of the run with that number."""
    return COLORS[style % len(COLORS)], DASHES[style // len(COLORS) % len(DASHES)]


def swatch(style: int) -> str:
    """A short line as the run's curves have it."""
    return f'<svg class="swatch" width="26" height="10" aria-hidden="true"><path d="M1 5H25" {_stroke(style)}/></svg>'


def room(number: int) -> int:
    """How many buckets each of so many curves may have."""
    return max(FEWEST_BUCKETS, min(MOST_BUCKETS, ALL_BUCKETS // max(1, number)))


def draw(curves: Mapping[int, Curve], names: Mapping[int, str], buckets: int) -> str:
    """The curves of one metric, by the numbers of their runs' looks; "" where there is nothing to draw."""
    thin = {style: curve.thinned(buckets) for style, curve in curves.items()}
    finite = [point for curve in thin.values() for point in curve.points if not isnan(point[1])]
    if not finite:
        return ""
    scale = _Scale(finite)
    bands = [
        f'<path class="band" d="{_path(curve.points, scale)}" stroke="{look(style)[0]}"/>'
        for style, curve in thin.items()
        if curve.is_thinned
    ]
    lines = [
        f'<path d="{path}" {_stroke(style)}><title>{escape(names[style])}</title></path>'
        for style, curve in thin.items()
        if (path := _path(curve.means, scale))
    ]
    return (
        f'<svg class="static" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(scale.grid())}'
        f'<g fill="none" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round">'
        f"{''.join(bands + lines)}</g></svg>"
    )


class _Scale:
    """Where points lie in the drawing."""

    def __init__(self, points: Sequence[Place]) -> None:
        steps, values = zip(*points, strict=True)
        self.first, self.last = min(steps), max(steps)
        self.low, self.high = min(values), max(values)

    def place(self, point: Place) -> str:
        x = _part(point[0], self.first, self.last) * (WIDTH - LEFT - EDGE) + LEFT
        y = HEIGHT - BOTTOM - _part(point[1], self.low, self.high) * (HEIGHT - BOTTOM - EDGE)
        return f"{x:.1f} {y:.1f}"

    def grid(self) -> Iterator[str]:
        """Four lines with their values, and the first and the last step."""
        for part in (0, 1 / 3, 2 / 3, 1):
            y = HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - EDGE)
            value = self.low * (1 - part) + self.high * part  # whose difference may be no number
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - EDGE}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        yield f'<text x="{LEFT}" y="{HEIGHT - 6}">{written(self.first)}</text>'
        yield f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 6}" text-anchor="end">{written(self.last)}</text>'


def _part(value: float, low: float, high: float) -> float:
    """Where the value lies between the two: 0 to 1."""
    span = high / 2 - low / 2
    return (value / 2 - low / 2) / span if span else 0.5


def _path(points: Sequence[Place], scale: _Scale) -> str:
    """A line with gaps where there is no value; a point that stands alone is a dot."""
    words = []
    pen_is_down = False
    for point in points:
        is_there = not isnan(point[1])
        if is_there:
            at = scale.place(point)
            words.append(f"L{at}" if pen_is_down else f"M{at}h0")
        pen_is_down = is_there
    return "".join(words)


def _stroke(style: int) -> str:
    color, dashes = look(style)
    return f'stroke="{color}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
