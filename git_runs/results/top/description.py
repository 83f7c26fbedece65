"""The description of a run, to be changed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import TextArea


class Description(ModalScreen["str | None"]):
    """Gives the text as it was left, None where it is to stay as it was."""

    DEFAULT_CSS = """
    Description { align: center middle; background: transparent; }
    Description TextArea, Description TextArea:focus {
        width: 90%; max-width: 84; height: 10; border: round ansi_cyan; background: ansi_default;
        border-title-style: bold;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", priority=True),
        Binding("escape", "leave", priority=True),
    ]

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self._name_of_run = name
        self._text = text

    def compose(self) -> ComposeResult:
        """Called by textual."""
        area = TextArea(self._text, soft_wrap=True, compact=False)
        area.border_title = f"Description of {self._name_of_run}"
        area.border_subtitle = "Ctrl-S saves, Esc leaves it as it was"
        yield area

    def on_mount(self) -> None:
        """Called by textual."""
        area = self.query_one(TextArea)
        area.move_cursor(area.document.end)

    def action_save(self) -> None:
        """That is the new one."""
        self.dismiss(self.query_one(TextArea).text.strip())

    def action_leave(self) -> None:
        """It stays as it was."""
        self.dismiss(None)
