"""Rows to text: tables that people read, and forms that programs read."""

from __future__ import annotations

import io

from .errors import UsageError
from .escape import escape
from .record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Rows = Sequence[Sequence[Any]]

DEFAULT_FORMAT = "simple"
MISSING = "_"
CUT = "..."


def render(columns: Sequence[str], rows: Rows, style: str, width: int) -> str:
    """Rows of values, None where one is missing, as a table that ends with a newline.

    `style` is csv, tsv or json, which have the values as they are, or one of tabulate's formats, for people: cells
    are cut to `width` characters with `...`, and a missing value is `_`. Raises UsageError for any other.
    """
    if style == "json":
        return _json(columns, rows)
    if style in ("csv", "tsv"):
        return _separated(columns, rows, "," if style == "csv" else "\t")
    return _for_people(columns, rows, style, width)


def _for_people(columns: Sequence[str], rows: Rows, style: str, width: int) -> str:
    from tabulate import tabulate, tabulate_formats

    if style not in tabulate_formats:
        known = ", ".join(sorted({"csv", "json", "tsv", *tabulate_formats}))
        raise UsageError(f"unknown format '{style}'", f"formats: {known}\n")
    cells = [[_cell(value, width) for value in row] for row in rows]
    # Without disable_numparse the hash 1e5 would become 100000.
    return tabulate(cells, headers=list(columns), tablefmt=style, disable_numparse=True) + "\n"


def _cell(value: Any, width: int) -> str:
    text = MISSING if value is None else escape(to_text(value))
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def _separated(columns: Sequence[str], rows: Rows, separator: str) -> str:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([to_text(value) for value in row] for row in rows)
    return text.getvalue()


def _json(columns: Sequence[str], rows: Rows) -> str:
    import json

    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2, ensure_ascii=False) + "\n"
