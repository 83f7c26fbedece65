"""Rows to text: tables that people read, and forms that programs read."""

from __future__ import annotations

import io
from itertools import chain, islice
from math import isfinite

from ..errors.base import UsageError
from ..records.record import to_text
from ..records.rows import GAP, PADDING, cut, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ..records.rows import Rows as Kept

    Rows = Iterable[Sequence[Any]]

DEFAULT_FORMAT = "simple"
FOR_PROGRAMS = ("csv", "tsv", "json")  # the formats that have values as they are
MARKDOWN = ("github", "pipe")  # in which a | ends a cell: GitHub Flavored Markdown, 4.10 Tables
PAGE = 1000  # rows that are drawn together


def render(columns: Sequence[str], rows: Rows, style: str, width: int) -> Iterator[str]:
    """Rows of values, None where one is missing, as a table, piece by piece, that ends with a newline.

    `style` is csv, tsv or json, which have the values as they are (but JSON has no NaN and no infinities: RFC 8259,
    section 6; they are null), or one of tabulate's formats, for people: cells
    are cut to `width` characters with `...`, and a missing value is `_`. Raises UsageError for any other.
    """
    if style == "json":
        return _json(columns, rows)
    if style in ("csv", "tsv"):
        return _separated(columns, rows, "," if style == "csv" else "\t")
    return _for_people(columns, ([cut(shown(value), width) for value in row] for row in rows), style)


def _for_people(columns: Sequence[str], rows: Iterable[list[str]], style: str) -> Iterator[str]:
    if style == DEFAULT_FORMAT:
        return _simple(columns, _pages(columns, rows))
    from tabulate import tabulate, tabulate_formats

    if style not in tabulate_formats:
        known = ", ".join(sorted({"csv", "json", "tsv", *tabulate_formats}))
        raise UsageError(f"unknown format '{style}'", f"formats: {known}\n")
    if style in MARKDOWN:
        rows = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    # Without disable_numparse the hash 1e5 would become 100000.
    return iter([tabulate(list(rows), headers=list(columns), tablefmt=style, disable_numparse=True) + "\n"])


def render_kept(
    rows: Kept, places: Sequence[int], width: int, columns: Sequence[str], others: Mapping[str, list[str]]
) -> Iterator[str]:
    """The same for people, in the default form, from rows that are kept: those at these places, in their order.

    `others` has the cells of those of the columns that are not kept.
    """
    if not others and _are_as_drawn(rows, places[:PAGE], width):
        lines = map(rows.lines.__getitem__, places)
        return iter([_head(rows.columns, rows.widths) + "\n".join([*lines, ""])])

    def whole(column: str) -> list[str]:
        return others[column] if column in others else list(map(rows.cells(column).__getitem__, places))

    cells = [[cut(cell, width) for cell in whole(column)] for column in columns]
    pages = ([column[start : start + PAGE] for column in cells] for start in range(0, len(places), PAGE))
    return _simple(columns, pages)


def _are_as_drawn(rows: Kept, places: Sequence[int], width: int) -> bool:
    """Whether the runs at those places, the first, make the columns as wide as they are kept, and no cell has to be
    cut."""

    def is_as_drawn(column: str, most: int, lengths: bytearray) -> bool:
        is_reached = most == len(column) + PADDING or most in map(lengths.__getitem__, places)
        return is_reached and (most <= width or max(lengths) <= width)

    return all(map(is_as_drawn, rows.columns, rows.widths, rows.lengths))


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
        head = _head(columns, widths) if is_first else ""
        is_first = False
        line = GAP.join(f"%-{width}s" for width in widths)
        yield head + "".join([(line % row).rstrip() + "\n" for row in zip(*page, strict=True)])


def _head(columns: Sequence[str], widths: Sequence[int]) -> str:
    names = GAP.join(map(str.ljust, columns, widths)).rstrip()
    return f"{names}\n{GAP.join('-' * width for width in widths)}\n"


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
        numbers = (None if isinstance(value, float) and not isfinite(value) else value for value in row)
        item = json.dumps(dict(zip(columns, numbers, strict=True)), indent=2, ensure_ascii=False)
        yield separator + "\n  " + item.replace("\n", "\n  ")
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"
