"""The colours of runs and curves: of the sixteen that each terminal has, as its user chose them."""

from __future__ import annotations

from ...console.plot import COLORS

STATUS = {
    "queued": "blue",
    "running": "green",
    "starting": "cyan",
    "failed": "red",
    "killed": "yellow",
    "lost": "magenta",
}

# As escape sequences are numbered: ECMA-48, 8.3.117; from BRIGHT on as in aixterm.
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
BRIGHT = 90
CODES = [int(sequence.strip("\x1b[m")) for sequence in COLORS]
CURVES = [("bright_" if code >= BRIGHT else "") + NAMES[code % 10] for code in CODES]
