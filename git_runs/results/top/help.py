"""What the keys do."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("Up Down  k j", "the run before, the next one; PgUp PgDn, Home End or g G"),
    ("Space", "mark it, and draw the curves of all marked runs together"),
    ("U", "take all marks away"),
    ("/", "choose runs: a text in the name, or a condition: lr<0.1"),
    ("Esc", "show all runs again"),
    ("< >", "sort by the column before, by the next one; or click on it"),
    ("r", "sort the other way round"),
    ("m M", "another metric, in the table and as curve"),
    ("Enter  l", "open the log in the pager"),
    ("a", "attach to it; the screen is back when you detach"),
    ("e", "change its description"),
    ("K", "kill it, or the marked runs, after a question"),
    ("D", "delete it, or the marked runs, after a question"),
    ("q  Ctrl-C", "quit"),
)


class Help(ModalScreen[None]):
    """Any key closes it."""

    DEFAULT_CSS = """
    Help { align: center middle; background: transparent; }
    Help VerticalScroll {
        width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border: round ansi_cyan; border-title-style: bold; background: ansi_default;
    }
    Help Static { width: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "close")]

    def compose(self) -> ComposeResult:
        """Called by textual."""
        with VerticalScroll() as box:
            box.border_title = "Keys"
            yield Static(Text("\n").join(Text.assemble((f"{key:14}", "bold"), what) for key, what in KEYS))

    def action_close(self) -> None:
        """Back to the runs."""
        self.dismiss()
