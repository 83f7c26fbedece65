"""Rows to text."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tabulate import tabulate

from git_runs.cli import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS = st.one_of(st.none(), st.integers(), st.text(max_size=12))
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=30)
COLUMNS = ("name", "a", "longer")


def drawn(rows: list[tuple[object, ...]], style: str) -> str:
    return "".join(table.render(COLUMNS, rows, style, 10))


@given(st.lists(st.tuples(*[st.from_regex(r"[!-~]( ?[!-~]){0,11}", fullmatch=True)] * 3), max_size=30))
def test_it_draws_as_tabulate_does(rows: list[tuple[str, ...]]) -> None:
    cut = [[cell if len(cell) <= 10 else cell[:7] + "..." for cell in row] for row in rows]
    theirs = tabulate(cut, headers=COLUMNS, tablefmt="simple", disable_numparse=True)
    assert drawn(list(rows), "simple") == "".join(line.rstrip() + "\n" for line in theirs.splitlines())


@given(ROWS)
def test_every_row_is_one_line(rows: list[tuple[object, ...]]) -> None:
    assert len(drawn(list(rows), "simple").split("\n")) == len(rows) + 3


@given(ROWS)
@example([(None, None, "\r")])
def test_programs_get_the_values(rows: list[tuple[object, ...]]) -> None:
    assert json.loads(drawn(list(rows), "json")) == [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    assert list(csv.reader(io.StringIO(drawn(list(rows), "csv"), newline=""))) == [list(COLUMNS), *texts]


def test_the_first_page_is_drawn_before_the_last_row_is_made() -> None:
    made = 0

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal made
        for made in range(1, 3 * table.PAGE):
            yield (made, "x", "y")

    for style, most in (("simple", table.PAGE), ("csv", 0), ("json", 1)):
        assert "name" in next(table.render(COLUMNS, rows(), style, 10))
        assert made == most or style == "csv"


def test_later_pages_make_columns_wider_never_narrower() -> None:
    rows = [("x", "x" * (10 if number == table.PAGE else 1), "x") for number in range(3 * table.PAGE)]
    lines = drawn(list(rows), "simple").splitlines()
    assert len(lines) == len(rows) + 2
    assert lines[2].index("x", 12) < lines[-1].rindex("x")
    assert len(set(map(len, lines[2 : 2 + table.PAGE]))) == 1
    assert len(set(map(len, lines[2 + table.PAGE :]))) == 1


@pytest.mark.parametrize("style", ["github", "pipe"])
def test_no_cell_ends_another_one_in_markdown(style: str) -> None:
    *_, row = "".join(table.render(["name", "command"], [["a", "x | y"]], style, 20)).splitlines()
    assert row.replace(" ", "") == "|a|x\\|y|"
