"""The line in which one types which runs to show."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

HINT = "text in the name, or lr<0.1, status=running, loss:min<0.3"


class FilterLine(Horizontal):
    """Is there while it is used, or there is something in it."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; }
    FilterLine.-shown { display: block; }
    FilterLine Static { width: 1; color: ansi_cyan; text-style: bold; }
    FilterLine Input, FilterLine Input:focus { height: 1; border: none; padding: 0; background: ansi_default; }
    FilterLine.-wrong Input { color: ansi_red; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop")]

    class Typed(Message):
        """There is another text in it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Whoever typed is done with it."""

    def __init__(self, text: str = "") -> None:
        super().__init__(classes="-shown" if text else "")
        self._text = text

    def compose(self) -> ComposeResult:
        """Called by textual."""
        self._input = Input(self._text, placeholder=HINT, compact=True)
        self._input.cursor_blink = False
        yield Static("/")
        yield self._input

    def open(self) -> None:
        """Let somebody type."""
        self.add_class("-shown")
        self._input.focus()

    def action_drop(self) -> None:
        """All runs are to be shown again."""
        self._input.value = ""
        self._leave()

    @on(Input.Submitted)
    def _leave(self) -> None:
        self.set_class(bool(self._input.value), "-shown")
        self.post_message(self.Left())

    @on(Input.Changed)
    def _change(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))
