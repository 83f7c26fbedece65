"""Cells on a screen of some width."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.cli import layout
from git_runs.cli.layout import Column, Signs

SIGNS = Signs(unicode=True)
TEXTS = st.text(st.sampled_from("ab z0.漢🚀é\u0301"), max_size=30)


def plain(color: str, text: str) -> str:
    return text


def drawn(columns: list[Column], width: float) -> list[str]:
    kept, widths, _ = layout.fitted(columns, width)
    return list(layout.drawn(kept, widths, SIGNS, plain))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("abc", 3),
        ("漢字", 4),
        ("한국", 4),
        ("🚀", 2),
        ("é", 1),
        ("e\u0301", 1),
        ("\uff21\uff22", 4),
        ("ﾊﾝ", 2),
        ("…─", 2),
        ("", 0),
    ],
)
def test_characters_take_the_places_that_they_take_on_a_terminal(text: str, places: int) -> None:
    assert layout.places(text) == places


@given(TEXTS, st.integers(1, 40))
def test_a_text_that_is_cut_fits_and_begins_as_it_did(text: str, width: int) -> None:
    cut = layout.cut(text, width, "…")
    assert layout.places(cut) <= width
    assert cut == text or text.startswith(cut.removesuffix("…"))
    assert layout.places(layout.padded(cut, width)) == width


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=5), st.integers(1, 120))
def test_no_line_is_wider_than_the_screen(rows: list[tuple[str, ...]], width: int) -> None:
    columns = [
        Column(title, cells, rank=rank, least=least, turn=rank)
        for rank, (title, least, cells) in enumerate(
            zip(("name", "a long title", "command", ""), (20, None, 12, 4), zip(*rows, strict=True), strict=True)
        )
    ]
    assert max(map(layout.places, drawn(columns, width))) <= width


def test_columns_stand_below_each_other_also_behind_wide_characters() -> None:
    columns = [Column("name", ["a", "漢字", "🚀 x"]), Column("n", ["1", "2", "3"])]
    assert drawn(columns, inf) == ["name  n", "────  ─", "a     1", "漢字  2", "🚀 x  3"]


def test_the_command_is_cut_first_then_columns_are_left_out() -> None:
    columns = [
        Column("name", ["a-name"], rank=0, least=20, turn=4),
        Column("command", ["python train.py --verbose"], rank=2, least=12, turn=0),
        Column("commit", ["0123456789"], rank=1),
        Column("description", ["what it was for"], rank=3, least=8, turn=1),
    ]
    assert drawn(columns, 62)[2] == "a-name  python train.py --verbose  0123456789  what it was for"
    assert drawn(columns, 55)[2] == "a-name  python train.py -…  0123456789  what it was for"
    assert drawn(columns, 45)[2] == "a-name  python trai…  0123456789  what it wa…"
    assert drawn(columns, 42)[2] == "a-name  python trai…  0123456789  what it…"
    assert drawn(columns, 41)[2] == "a-name  python train.py --ve…  0123456789"
    assert drawn(columns, 20)[2] == "a-name  0123456789"
    assert drawn(columns, 4)[2] == "a-n…"
    assert [one.title for one in layout.fitted(columns, 20)[2]] == ["command", "description"]


def test_what_is_equal_is_said_in_as_few_lines_as_there_are_room_for() -> None:
    pairs = [("host", "ada"), ("lr", "0.1"), ("description", "a long one")]
    assert list(layout.flowing(pairs, 80, SIGNS, plain)) == ["host: ada   lr: 0.1   description: a long one"]
    assert list(layout.flowing(pairs, 20, SIGNS, plain)) == ["host: ada   lr: 0.1", "description: a long…"]


def test_lists_say_how_much_they_leave_out() -> None:
    names = ["delay", "fail", "description"]
    assert layout.listed(names, 24) == "delay, fail, description"
    assert layout.listed(names, 23) == "delay, fail, and 1 more"
    assert layout.listed(names, 22) == "delay, and 2 more"
    assert layout.listed(names, 3) == ""


def test_numbers_are_aligned_at_their_points() -> None:
    assert layout.aligned(["10.5", "0.25", "3", "1e-05", "_"]) == ["10.5", " 0.25", " 3", " 1e-05", "_"]


def test_a_number_is_whole_or_not_there() -> None:
    columns = [Column("name", ["a", "b"]), Column("lr", ["0.000123", "_"], rank=1, least=4, numbers=True)]
    for width in range(1, 20):
        assert "0.0…" not in "\n".join(drawn(columns, width))


@pytest.mark.parametrize(("share", "shown"), [(0, "────"), (0.5, "━━──"), (0.62, "━━╸─"), (1, "━━━━")])
def test_a_bar_has_half_steps(share: float, shown: str) -> None:
    assert layout.bar(share, 4, SIGNS) == shown
    assert layout.bar(share, 4, Signs(unicode=False)).isascii()


def test_a_curve_of_one_value_is_none() -> None:
    assert layout.curve([1, 2], 8, SIGNS) == "▁█"
    assert layout.curve([1], 8, SIGNS) == ""
    assert layout.curve([1, 2], 8, Signs(unicode=False)).isascii()
