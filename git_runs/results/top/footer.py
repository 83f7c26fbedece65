"""The last line of the screen: the keys, as many as there is room for."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widgets import Static

KEYS = (  # each with its word and its action
    ("Space", "mark", "mark"),
    ("/", "filter", "filter"),
    ("<>", "sort", "sort(1)"),
    ("r", "reverse", "reverse"),
    ("m", "metric", "metric(1)"),
    ("e", "describe", "describe"),
    ("U", "unmark", "unmark"),
    ("l", "log", "log"),
    ("a", "attach", "attach"),
    ("K", "kill", "kill"),
    ("D", "delete", "delete"),
    ("?", "help", "help"),
    ("q", "quit", "quit"),
)
BY_USE = ("?", "q", "Space", "/", "l", "a", "K", "D", "<>", "m", "e", "r", "U")  # the keys that stay longest first
GAP = "  "


class KeyLine(Static):
    """Names the keys; a click does the same."""

    DEFAULT_CSS = """
    KeyLine { height: 1; text-wrap: nowrap; link-style: none; link-color: ansi_default; link-background: transparent; }
    """

    def on_resize(self, event: events.Resize) -> None:
        """Called by textual."""
        room = event.size.width + len(GAP)
        widths = {key: len(f"{key} {word}{GAP}") for key, word, _ in KEYS}
        there = {key for place, key in enumerate(BY_USE) if sum(widths[one] for one in BY_USE[: place + 1]) <= room}
        self.update(Content(GAP).join(_shown(*entry) for entry in KEYS if entry[0] in there))


def _shown(key: str, word: str, action: str) -> Content:
    return Content.from_markup(f"[@click=app.{action}][bold]$key[/] $word[/]", key=key, word=word)
