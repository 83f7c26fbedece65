"""Pictures, line by line, and what no values may do to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.console.axes import LogScale, Scale
from git_runs.console.plot import COLORS, RESET, Curve, Look, Plot
from git_runs.console.strokes import smoothed

Values = Sequence[float | None]

ROOM = (30, 9)  # columns and lines


def drawn(*curves: Values, xs: Values | None = None, dots: bool = False, log: bool = False) -> list[str]:
    """The curves without smoothing, in letters unless with `dots`, one after the other called a, b, ..."""
    shown = [Curve("abcdefghijklmn"[place], xs or range(len(ys)), ys) for place, ys in enumerate(curves)]
    return Plot("loss", shown, smoothing=0, is_log=log).draw(Look(*ROOM, is_braille=dots, is_colored=False))


def test_a_curve_of_dots() -> None:
    assert drawn([0, 1, 4, 9], dots=True) == [
        "loss",
        "     │                    ⢀⡠⠔⠊",
        "   5 ┤                ⢀⡠⠔⠊⠁",
        "     │           ⣀⠤⠤⠒⠉⠁",
        "   0 ┤⣀⣀⡠⠤⠤⠤⠔⠒⠒⠉⠉",
        "     └┬──────────────┬────────",
        "step  0              2",
        "     last  min  max",
        "━ a     9    0    9",
    ]


def test_curves_of_letters_that_cross() -> None:
    assert drawn([0, 1, 2, 3], [3, 2, 1, 0]) == [
        "loss",
        "     |ooooo               ****",
        "   2 +     ooooooo *******",
        "     |     ********ooooooo",
        "   0 +*****               oooo",
        "     ++--------------+--------",
        "step  0              2",
        "     last  min  max",
        "* a     3    0    3",
        "o b     0    0    3",
    ]


@pytest.mark.parametrize(
    ("curves", "picture"),
    [
        pytest.param(
            [[0, 1, nan, 3, 4]],
            [
                "   4 +                     ***",
                "   2 +                 ****",
                "     |    ***",
                "   0 +****",
            ],
            id="a gap",
        ),
        pytest.param(
            [[0, 1, nan, None, inf, 4, 5]],
            [
                "   5 +                      **",
                "     |                   ***",
                "     |   **",
                "   0 +***",
            ],
            id="whatever makes a gap",
        ),
        pytest.param(
            [[5, 5, 5]],
            [
                "     |",
                "     |",
                "   5 +************************",
                "     |",
            ],
            id="a constant",
        ),
        pytest.param(
            [[7]],
            [
                "     |",
                "     |",
                "   7 +           *",
                "     |",
            ],
            id="one point",
        ),
        pytest.param(
            [[1, 1, 1], [1, 1, 1]],
            [
                "     |",
                "     |",
                "   1 +*o*o*o*o*o*o*o*o*o*o*o*o",
                "     |",
            ],
            id="one curve on another",
        ),
    ],
)
def test_pictures(curves: list[Values], picture: list[str]) -> None:
    assert drawn(*curves)[1 : 1 + len(picture)] == picture


def test_where_steps_go_back_nothing_joins_the_two_passes() -> None:
    picture = drawn([0, 0, 0, 9, 9, 9], xs=[0, 5, 9, 0, 5, 9])[1:5]
    assert picture == [
        "     |************************",
        "   5 +",
        "     |",
        "   0 +************************",
    ]


def test_a_logarithmic_axis_has_powers_of_ten_and_a_gap_where_there_is_no_logarithm() -> None:
    picture = drawn([1, 10, 0, -1, 1000], log=True)
    assert picture == [
        "loss, log",
        "     |                       *",
        " 100 +",
        "     |    ***",
        "   1 +****",
        "     ++-----------+----------+",
        "step  0           2          4",
        "     last  min   max  not drawn",
        "* a  1000   -1  1000          2",
    ]


@pytest.mark.parametrize("values", [[nan, nan], [inf], [None], [], [1.6e308, 1.7e308]])
def test_where_nothing_can_be_drawn_that_is_said(values: Values) -> None:
    assert drawn(values)[1] == "nothing of it can be drawn"
    assert drawn(values, log=True)[1] == "nothing of it can be drawn"


def test_a_single_point_between_gaps_is_large_enough_to_be_seen() -> None:
    assert "⣤" in "".join(drawn([nan, 3, nan], dots=True)) or "⠛" in "".join(drawn([nan, 3, nan], dots=True))


def test_a_tall_column_has_all_between_its_lowest_and_highest_point() -> None:
    picture = drawn([place % 2 for place in range(10_000)])[1:5]
    assert {line[6:] for line in picture} == {"*" * 24}


# --- smoothing


def test_smoothing_begins_at_the_first_value_and_leaves_a_constant_as_it_is() -> None:
    assert smoothed([3, 0, 0], 0.5) == pytest.approx([3, 1, 3 / 7])
    assert smoothed([2, nan, 2, inf, 2], 0.9) == pytest.approx([2, nan, 2, nan, 2], nan_ok=True)


def test_many_points_are_smoothed_and_that_is_said() -> None:
    def title(points: int, smoothing: float | None = None) -> str:
        return Plot("loss", [Curve("a", range(points), range(points))], smoothing=smoothing).draw(look)[0]

    look = Look(80, 24, is_braille=True, is_colored=False)
    assert [title(80), title(81), title(81, 0), title(2, 0.5)] == [
        "loss",
        "loss, smoothed 0.9",
        "loss",
        "loss, smoothed 0.5",
    ]


def test_each_curve_is_smoothed_by_its_own_points() -> None:
    few, many = [place % 2 for place in range(6)], [0] * 1000
    look = Look(80, 24, is_braille=False, is_colored=False)

    def plot(*curves: Sequence[float], smoothing: float | None = None) -> list[str]:
        shown = [Curve("", [place / len(ys) for place in range(len(ys))], ys) for ys in curves]
        return Plot("loss", shown, smoothing=smoothing).draw(look)

    title, *lines = plot(few, many)
    assert title == "loss, smoothed 0.9 (1 of 2)"
    assert lines == plot(few, many, smoothing=0)[1:]
    assert lines != plot(few, many, smoothing=0.9)[1:]
    assert plot(many, many)[0] == "loss, smoothed 0.9"


# --- axes


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-1, 1, ["-1.0", "-0.5", "0", "0.5", "1.0"]),
        (0.3, 2.74, ["0.5", "1.0", "1.5", "2.0", "2.5"]),
        (0, 9_999, ["0", "2000", "4000", "6000", "8000"]),
        (0, 2_500_000, ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]),
        (0, 3e-6, ["0", "1e-6", "2e-6", "3e-6"]),
        (100.001, 100.004, ["100.001", "100.002", "100.003", "100.004"]),
        (0.1, 0.1, ["0.1"]),
    ],
)
def test_labels_are_round_numbers(low: float, high: float, labels: list[str]) -> None:
    assert [text for _, text in Scale(low, high, 100).ticks(5)] == labels


def test_steps_are_whole_numbers() -> None:
    assert [text for _, text in Scale(0, 3, 100).ticks(6, is_whole=True)] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-5, 2, ["1e-4", "0.01", "1", "100"]),
        (0, 1.2, ["1", "2", "5", "10"]),
        (0.31, 0.36, ["2.05", "2.10", "2.15", "2.20", "2.25"]),
        (2, 2, ["100"]),
    ],
)
def test_labels_of_a_logarithmic_axis(low: float, high: float, labels: list[str]) -> None:
    assert [text for _, text in LogScale(low, high, 100).ticks(5)] == labels


# --- colours, and many curves


def in_color(curves: int) -> list[str]:
    """So many curves, of which each is a line at a height of its own."""
    look = Look(80, 24, is_braille=True, is_colored=True)
    return Plot("loss", [Curve(f"r{n}", [0, 1], [n, n]) for n in range(curves)]).draw(look)


def test_with_colors_several_curves_are_dots_and_without_they_are_letters() -> None:
    two = "\n".join(in_color(2))
    assert f"{COLORS[0]}⣀" in two
    assert f"{COLORS[1]}⠉" in two
    assert f"{COLORS[1]}━ r1{RESET}" in two
    assert not re.search("[⠀-⣿]", "".join(drawn([1, 2], [2, 1], dots=True)))


def test_more_curves_than_colors_are_letters() -> None:
    assert re.search("[⠀-⣿]", "".join(in_color(len(COLORS))))
    assert not re.search("[⠀-⣿]", "".join(in_color(len(COLORS) + 1)))


def test_a_long_legend_has_two_columns() -> None:
    look = Look(50, 24, is_braille=False, is_colored=False)
    assert Plot("loss", [Curve(f"r{n}", [0], [n]) for n in range(5)]).draw(look)[-4:] == [
        "     last min max        last min max",
        "* r0    0   0   0   x r3    3   3   3",
        "o r1    1   1   1   # r4    4   4   4",
        "+ r2    2   2   2",
    ]


VALUES = st.one_of(
    st.none(),
    st.floats(),
    st.sampled_from([0.0, 1.0, 1 + 1e-13, 5e-324, 1e300, -1.7e308, 1.7e308, 1e-300]),
)
CURVES = st.lists(st.lists(st.tuples(VALUES, VALUES), max_size=30), min_size=1, max_size=15)


@given(CURVES, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([None, 0, 0.5, 0.999999]))
def test_whatever_the_values_a_plot_fits_its_room(
    curves: list[list[tuple[float | None, float | None]]],
    braille: bool,
    colors: bool,
    log: bool,
    smoothing: float | None,
) -> None:
    shown = [Curve(f"run{n}", [x for x, _ in one], [y for _, y in one]) for n, one in enumerate(curves)]
    for width, height in ((80, 24), (120, 40)):
        look = Look(width, height, is_braille=braille, is_colored=colors)
        lines = Plot("loss", shown, smoothing=smoothing, is_log=log).draw(look)
        assert len(lines) <= height
        assert max(len(re.sub("\x1b.*?m", "", line)) for line in lines) <= width
    Plot("loss", shown, is_log=log).draw(Look(1, 1, is_braille=braille, is_colored=colors))
