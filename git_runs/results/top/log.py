"""The end of the log of a run."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widgets import Static

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .watch import Tail


class LogPane(Static):
    """Shows as many of the last lines as there is room for."""

    DEFAULT_CSS = """
    LogPane {
        height: 5; border-top: solid ansi_bright_black; border-title-color: ansi_default;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    LogPane.-ascii { border-top: ascii ansi_bright_black; }
    """

    def __init__(self, *, is_ascii: bool) -> None:
        super().__init__(classes="-ascii" if is_ascii else "")
        self._tail: Tail | None = None

    def show(self, tail: Tail | None) -> None:
        """Show that; None: no run is chosen."""
        if tail is not self._tail:
            self._tail = tail
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Called by textual."""
        self._draw()

    def _draw(self) -> None:
        text = self._tail.text if self._tail else ""
        whose = f" of {self._tail.name} " if self._tail else " "
        self.border_title = Content.assemble(" ", ("log", "bold"), whose)
        if text:
            lines = text.expandtabs().split("\n")[-max(self.size.height, 1) :]
            self.update(Content("\n".join(lines)))
        else:
            nothing = "" if not self._tail else "it has no log" if text is None else "it has printed nothing so far"
            self.update(Content.styled(nothing, "dim"))
