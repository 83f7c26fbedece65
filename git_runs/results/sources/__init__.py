"""Where metrics come from: a module for each source, with the one interface of `source`."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .source import Places, Rules, Source

# Each a module here with a class `OwnSource`; of a key that two have, the first gives the values.
NAMES = ("events", "hparams", "files", "log")


def named(name: str, places: Places, rules: Rules) -> Source:
    """The source of one of NAMES, for what one run writes."""
    source: Source = import_module(f".{name}", __package__).OwnSource(places, rules)
    return source
