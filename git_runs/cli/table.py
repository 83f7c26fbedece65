"""Rows to text: tables that people read, and forms that programs read."""

from __future__ import annotations

import io
from itertools import chain, islice

from ..errors.base import UsageError
from ..records.cells import shown
from ..records.record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Rows = Iterable[Sequence[Any]]

DEFAULT_FORMAT = "simple"
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
        return _simple(columns, _pages(columns, rows))
    from tabulate import tabulate, tabulate_formats

    if style not in tabulate_formats:
        known = ", ".join(sorted({"csv", "json", "tsv", *tabulate_formats}))
        raise UsageError(f"unknown format '{style}'", f"formats: {known}\n")
    # Without disable_numparse the hash 1e5 would become 100000.
    return iter([tabulate(list(rows), headers=list(columns), tablefmt=style, disable_numparse=True) + "\n"])


def render_columns(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """The same for people, in the default form, from the cells of each column, one for each row."""
    cut = [_cut_all(texts, width) for texts in cells]
    rows = len(cut[0]) if cut else 0
    pages = ([texts[start : start + PAGE] for texts in cut] for start in range(0, max(rows, 1), PAGE))
    return _simple(columns, pages)


def _pages(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[Sequence[Sequence[str]]]:
    """The cells of each column, page by page; one page at least."""
    rows = iter(rows)
    page = list(islice(rows, PAGE))
    while True:
        yield list(zip(*page, strict=True)) if page else [()] * len(columns)
        if not (page := list(islice(rows, PAGE))):
            return


def _simple(columns: Sequence[str], pages: Iterable[Sequence[Sequence[str]]]) -> Iterator[str]:
    """Drawn as by tabulate, but page by page, and in a tenth of the time.

    Columns are as wide as the rows of a page, and those of the pages before it, need them.
    """
    widths = [len(column) + PADDING for column in columns]
    is_first = True
    for page in pages:
        widths = [max(width, *map(len, cells)) if cells else width for width, cells in zip(widths, page, strict=True)]
        head = [tuple(columns), tuple("-" * width for width in widths)] if is_first else []
        is_first = False
        line = "  ".join(f"%-{width}s" for width in widths)
        yield "".join([(line % row).rstrip() + "\n" for row in chain(head, zip(*page, strict=True))])


def _cell(value: Any, width: int) -> str:
    return _cut(shown(value), width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def _cut_all(texts: Sequence[str], width: int) -> list[str]:
    end = width - len(CUT)
    return [text if len(text) <= width else text[:end] + CUT for text in texts]


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
