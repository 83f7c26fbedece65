"""Numbers as people read them."""

from __future__ import annotations

WHOLE = 1e9  # from which on a number that is rounded to a whole one may look like one
MOST_DIGITS = 17  # by which any number of 8 bytes is known from all others: IEEE 754, 5.12.2


def rounded(number: float, digits: int) -> str:
    """The number in so many digits; one that is not whole in as many more as show that: 0.9999999 is not 1."""
    text = f"{number:.{digits}g}"
    while digits < MOST_DIGITS and abs(number) < WHOLE and number != int(number) and float(text).is_integer():
        digits += 1
        text = f"{number:.{digits}g}"
    return text
