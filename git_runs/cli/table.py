"""Rows to text: tables that people read, and forms that programs read."""

from __future__ import annotations

import io
from itertools import chain, islice

from ..console.escape import escape
from ..errors.base import UsageError
from ..records.record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Rows = Iterable[Sequence[Any]]

DEFAULT_FORMAT = "simple"
MISSING = "_"
CUT = "..."
PADDING = 2  # by which tabulate makes a column wider than its name
PAGE = 1000  # rows that are drawn together


def render(columns: Sequence[str], rows: Rows, style: str, width: int) -> Iterator[str]:
    """Rows of values, None where one is missing, as a table, piece by piece, that ends with a newline.

    `style` is csv, tsv or json, which have the values as they are, or one of tabulate's formats, for people: cells
    are cut to `width` characters with `...`, and a missing value is `_`. Raises UsageError for any other.
    """
    if style == "json":
        return _json(columns, rows)
    if style in ("csv", "tsv"):
        return _separated(columns, rows, "," if style == "csv" else "\t")
    return _for_people(columns, ([_cell(value, width) for value in row] for row in rows), style)


def _for_people(columns: Sequence[str], rows: Iterable[list[str]], style: str) -> Iterator[str]:
    if style == DEFAULT_FORMAT:
        return _simple(columns, rows)
    from tabulate import tabulate, tabulate_formats

    if style not in tabulate_formats:
        known = ", ".join(sorted({"csv", "json", "tsv", *tabulate_formats}))
        raise UsageError(f"unknown format '{style}'", f"formats: {known}\n")
    # Without disable_numparse the hash 1e5 would become 100000.
    return iter([tabulate(list(rows), headers=list(columns), tablefmt=style, disable_numparse=True) + "\n"])


def _simple(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Drawn as by tabulate, but page by page, and in a tenth of the time.

    Columns are as wide as the rows of a page, and those of the pages before it, need them.
    """
    rows = iter(rows)
    widths = [len(column) + PADDING for column in columns]
    head: Iterable[Sequence[str]] | None = None
    while (page := list(islice(rows, PAGE))) or head is None:
        widths = [max(width, *map(len, cells)) if cells else width for width, *cells in zip(widths, *page, strict=True)]
        head = (columns, ["-" * width for width in widths]) if head is None else ()
        yield "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in chain(head, page))


def _cell(value: Any, width: int) -> str:
    text = MISSING if value is None else escape(to_text(value))
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def _separated(columns: Sequence[str], rows: Rows, separator: str) -> Iterator[str]:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)  # up to Python 3.12 it puts only its own line ends between quotes
    for row in chain([columns], rows):
        writer.writerow(map(to_text, row))
        yield text.getvalue().removesuffix("\r\n") + "\n"
        text.seek(0)
        text.truncate()


def _json(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    import json

    separator = "["
    for row in rows:
        item = json.dumps(dict(zip(columns, row, strict=True)), indent=2, ensure_ascii=False)
        yield separator + "\n  " + item.replace("\n", "\n  ")
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"
