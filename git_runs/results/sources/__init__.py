"""Where metrics come from: a module for each source, with the one interface of `source`."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .source import Source

NAMES = ("files",)  # each a module here with a class `OwnSource`; of a key that two have, the first gives the values


def named(name: str) -> Source:
    """The source of one of NAMES."""
    source: Source = import_module(f".{name}", __package__).OwnSource()
    return source
