"""What names and values are sorted by."""

from __future__ import annotations

import re
from contextlib import suppress
from math import inf, isnan

from .record import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .record import Value


def natural_key(text: str) -> tuple[list[str | float], str]:
    """Sorts `lr2` before `lr10`, and no two texts alike."""
    return [_number(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", text))], text


def _number(digits: str) -> float:
    # int() refuses thousands of digits, for it takes too long.
    return int(digits) if len(digits) < 1000 else inf


def value_key(value: Value) -> tuple[float, tuple[list[str | float], str]]:
    """What a value is sorted by: points in time by when they were, numbers by size, everything else naturally."""
    text = str(value)
    number = _measure(text)
    return (inf, natural_key(text)) if number is None else (number, ([], ""))


def _measure(text: str) -> float | None:
    with suppress(ValueError):
        if not isnan(number := float(text)):
            return number
    return seconds(text)
