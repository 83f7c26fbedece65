"""The curves of runs."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from ...console.canvas import letter
from ...console.escape import escape
from ...console.plot import LINE, Look
from .colors import CURVES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .watch import Picture


class CurvePane(Static):
    """Shows a picture of curves, and in its upper border what they are of."""

    DEFAULT_CSS = """
    CurvePane { height: 8; border-top: solid ansi_bright_black; border-title-color: ansi_default; text-wrap: nowrap; }
    CurvePane.-ascii { border-top: ascii ansi_bright_black; }
    """

    class Resized(Message):
        """Pictures have to be of another size."""

    def __init__(self, *, is_braille: bool, is_colored: bool) -> None:
        super().__init__(classes="" if is_braille else "-ascii")
        self._is_braille = is_braille
        self._is_colored = is_colored
        self._picture: Picture | None = None

    @property
    def look(self) -> Look:
        """How pictures have to look."""
        width, height = self.size
        return Look(width, height, is_braille=self._is_braille, is_colored=self._is_colored)

    def show(self, picture: Picture, value: str) -> None:
        """Show it; `value` is what there is to say of a single run."""
        if picture is self._picture:
            return
        self._picture = picture
        self.border_title = self._title(picture, value)
        self.update(Text.from_ansi("\n".join(picture.lines)) if picture.lines else Text(picture.note, style="dim"))

    def _title(self, picture: Picture, value: str) -> Content:
        parts = [Content(" "), Content.styled(escape(picture.key) or "curve", "bold")]
        if value:
            parts.append(Content(f"  {value}"))
        has_dots = self.look.has_dots(len(picture.names))
        for number, name in enumerate(picture.names if len(picture.names) > 1 else ()):
            mark = LINE if has_dots else letter(number)
            parts += [Content("  "), Content.styled(f"{mark} {name}", f"ansi_{CURVES[number % len(CURVES)]}")]
        return Content("").join([*parts, Content(" ")])

    def on_resize(self, event: events.Resize) -> None:
        """Called by textual."""
        self.post_message(self.Resized())
