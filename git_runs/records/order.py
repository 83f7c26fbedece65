"""What names and values are sorted by."""

from __future__ import annotations

import re
from contextlib import suppress
from math import inf, isnan

from .record import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .record import Value

NUMERIC: tuple[list[str | float], str] = ([], "")  # the second part of keys of numbers and points in time


def natural_key(text: str) -> tuple[list[str | float], str]:
    """Sorts `lr2` before `lr10`, and no two texts alike."""
    return [_number(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", text))], text


def _number(digits: str) -> float:
    # int() refuses thousands of digits, for it takes too long.
    return int(digits) if len(digits) < 1000 else inf


def value_key(value: Value) -> tuple[float, tuple[list[str | float], str]]:
    """What a value is sorted by: points in time by when they were, numbers by size, everything else naturally."""
    if type(value) in (int, float):
        return value, NUMERIC
    text = str(value)
    number = _measure(text)
    return (inf, natural_key(text)) if number is None else (number, NUMERIC)


def _measure(text: str) -> float | None:
    with suppress(ValueError):
        if not isnan(number := float(text)):
            return number
    return seconds(text)


def in_order(names: Iterable[str], needs: Mapping[str, str]) -> list[str]:
    """The names, each after the one that it needs, if that is one of them; where they need each other in a circle, one
    of these comes first all the same."""
    given = dict.fromkeys(names)
    ordered: dict[str, None] = {}
    for name in given:
        waiting: dict[str, None] = {}
        following: str | None = name
        while following in given and following not in ordered and following not in waiting:
            waiting[following] = None
            following = needs.get(following)
        ordered |= dict.fromkeys(reversed(waiting))
    return list(ordered)
