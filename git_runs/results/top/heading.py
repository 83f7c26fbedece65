"""The first line of the screen: what is shown, and how many runs there are of each kind."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from ...console.messages import counted
from .colors import STATUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Heading(Static):
    """Says what is shown."""

    DEFAULT_CSS = """
    Heading { height: 1; padding: 0 0; text-wrap: nowrap; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._said: object = None

    def say(self, counts: Mapping[str, int], *, shown: int, marked: int, unreadable: int) -> None:
        """How many runs have which status, how many of all are shown and marked, and how many records cannot be
        read."""
        said = dict(counts), shown, marked, unreadable
        if said == self._said:
            return
        self._said = said
        total = sum(counts.values())
        text = Text.assemble(
            (self._title, "bold"), "  ", f"{shown} of " if shown != total else "", counted(total, "run")
        )
        for status, number in sorted(counts.items(), key=lambda one: (one[0] not in STATUS, one[0])):
            text.append("  ")
            text.append(f"{number} {status or 'unknown'}", style=STATUS.get(status, ""))
        if marked:
            text.append(f"  {marked} marked")
        if unreadable:
            text.append(f"  {counted(unreadable, 'record')} cannot be read", style="red")
        self.update(text)
