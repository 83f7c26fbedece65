"""What the terminal of the user can show."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

COLUMNS, LINES = 80, 24  # of a terminal of which nothing is known


def size() -> tuple[int, int]:
    """How many columns and lines there are: as the variables COLUMNS and LINES say, else the terminal, which a pager
    may have between it and our output."""
    columns, lines = _variable("COLUMNS"), _variable("LINES")
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if columns and lines:
            break
        with suppress(OSError, ValueError):
            found = os.get_terminal_size(stream.fileno())
            columns, lines = columns or found.columns, lines or found.lines
    return columns or COLUMNS, lines or LINES


def _variable(name: str) -> int:
    """Its value; 0 where it is no number."""
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 6 else 0


def shows(text: str) -> bool:
    """Whether it shows that text as what it is: all that we write is UTF-8."""
    try:
        return text.isascii() or (os.environ.get("TERM") != "linux" and text.encode(_encoding()) == text.encode())
    except (UnicodeError, LookupError):  # a locale such as C or de_DE has no name of an encoding in it
        return False


def _encoding() -> str:
    """What the user says that the terminal reads: for Python's programs, or else by the locale (locale(7))."""
    environment = _first_environment()
    if encoding := environment.get("PYTHONIOENCODING", "").partition(":")[0]:
        return encoding
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "C")
    return locale.rpartition(".")[2].partition("@")[0]


def _first_environment() -> dict[str, str]:
    """The environment that this process was started with: where the locale is C, Python sets LC_CTYPE to one with UTF-8
    (PEP 538), whatever the terminal can do."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = os.fsdecode(file.read()).split("\0")
    except OSError:
        return dict(os.environ)
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
