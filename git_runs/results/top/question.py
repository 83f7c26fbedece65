"""A question that has to be answered before anything is stopped or deleted."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Question(ModalScreen[bool]):
    """Names the runs; only `y` is a yes."""

    DEFAULT_CSS = """
    Question { align: center middle; background: transparent; }
    Question > Vertical {
        width: auto; max-width: 90%; min-width: 40; height: auto; max-height: 90%; padding: 0 2;
        border: round ansi_yellow; background: ansi_default;
    }
    Question VerticalScroll { width: auto; height: auto; max-height: 12; margin: 1 0; }
    Question Static { width: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y", "answer(True)"),
        Binding("n,N,escape,q,enter", "answer(False)"),
    ]

    def __init__(self, question: str, runs: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._runs = runs

    def compose(self) -> ComposeResult:
        """Called by textual."""
        with Vertical():
            yield Static(Text(self._question, style="bold"))
            with VerticalScroll():
                yield Static(Text("\n".join(self._runs)), id="runs")
            yield Static(Text.assemble(("y", "bold"), " yes   ", ("n", "bold"), " no (Enter, Esc)"))

    def action_answer(self, answer: bool) -> None:
        """It was answered."""
        self.dismiss(answer)
