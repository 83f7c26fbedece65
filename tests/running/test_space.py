"""The values of a sweep, and their combinations."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.errors.base import RunsError
from git_runs.running import space
from git_runs.running.space import Listed, Span


def values(text: str) -> list[str]:
    """Those of a list."""
    found = space.parse("key", text)
    assert isinstance(found, Listed)
    return found.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1,0.01", "0.1 0.01"),
        ("adam, sgd", "adam sgd"),
        ("1..8", "1 2 3 4 5 6 7 8"),
        ("3..1", "3 2 1"),
        ("-1..1", "-1 0 1"),
        ("0..1..0.25", "0 0.25 0.5 0.75 1"),
        ("0.1..0.3..0.1", "0.1 0.2 0.3"),
        ("1..2..0.3", "1 1.3 1.6 1.9"),
        ("1e-3..3e-3..1e-3", "0.001 0.002 0.003"),
        ("1e3..3e3..1e3", "1000 2000 3000"),
        ("1..3,10", "1 2 3 10"),
        ("5..5", "5"),
        ("'1..3'", "1..3"),
        ("'a,b',\"c,d\"", "a,b c,d"),
        ("[64,64],[128,(1,2)]", "[64,64] [128,(1,2)]"),
        ("f(1,2),g", "f(1,2) g"),
        ('{"a":"x,y"}', '{"a":"x,y"}'),
        ("../data,a..b", "../data a..b"),
        ("'@home'", "@home"),
        ("a)b", "a)b"),
        ("''", ""),
    ],
)
def test_values_are_written_as_people_would(text: str, expected: str) -> None:
    assert values(text) == expected.split(" ")


def test_a_file_has_a_value_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "values"
    file.write_text("a, b\n\n  1..3\n@x")
    assert values(f"@{file},z") == ["a, b", "1..3", "@x", "z"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a value is empty"),
        ("1,", "a value is empty"),
        ("a,,b", "a value is empty"),
        ("it's", "a quote is not closed"),
        ("f(1", "a bracket is not closed"),
        ("0.1..0.5", "not clear in which steps"),
        ("1..5..0", "steps of 0"),
        ("1..x", "no range"),
        ("1..2..3..4", "no range"),
        ("1..1000000000", "the most"),
        ("0..1..1e-99", "the most"),
        ("@/nowhere", "No such file"),
        ("1,uniform(0,1)", "no value beside others"),
        ("uniform(0)", "two numbers"),
        ("uniform(1,0)", "not less"),
        ("int(1,1.5)", "two whole numbers"),
        ("loguniform(0,1)", "greater than 0"),
        ("choice()", "a value is empty"),
        ("lognuiform(1,2)", "did you mean 'loguniform'"),
        ("a\0b", "NUL"),
    ],
)
def test_what_cannot_be_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(RunsError, match=re.escape(message)):
        space.parse("key", text)


@pytest.mark.parametrize(
    ("text", "example"),
    [("0.1..0.5", "0.1..0.5..0.1"), ("1e-3..1e-1", "1e-3..1e-1..0.01"), ("90.5..10", "90.5..10..10")],
)
def test_a_range_without_steps_is_shown_with_some_that_lead_through_it(text: str, example: str) -> None:
    with pytest.raises(RunsError) as raised:
        space.parse("key", text)
    assert raised.value.hints == (f"as in {example}",)
    assert len(values(example)) > 1


@given(st.integers(-300, 300), st.integers(1, 50), st.integers(0, 60), st.integers(0, 3))
def test_ranges_are_exact_and_have_both_ends(start: int, step: int, count: int, digits: int) -> None:
    unit = Decimal(1).scaleb(-digits)
    first, width = start * unit, step * unit
    found = values(f"{first:f}..{first + count * width:f}..{width:f}")
    assert [Decimal(one) for one in found] == [first + number * width for number in range(count + 1)]
    assert all(len(one) <= len(f"{start}.") + digits + 4 for one in found)


@given(st.lists(st.text(st.characters(exclude_characters="'\0", exclude_categories=["Cs"])), min_size=1))
def test_whatever_is_quoted_is_a_value_as_it_is(texts: list[str]) -> None:
    assert values(",".join(f"'{text}'" for text in texts)) == texts


def of(**texts: str) -> dict[str, Listed | Span]:
    """A space of parameters."""
    return {key: space.parse(key, text) for key, text in texts.items()}


def test_values_are_crossed_or_paired() -> None:
    both = of(lr="0.1,0.01", seed="1..2")
    assert [*map(list, map(dict.values, space.crossed(both)))] == [
        ["0.1", "1"],
        ["0.1", "2"],
        ["0.01", "1"],
        ["0.01", "2"],
    ]
    assert [*map(list, map(dict.values, space.paired(of(lr="0.1,0.01", seed="1..2", model="a"))))] == [
        ["0.1", "1", "a"],
        ["0.01", "2", "a"],
    ]
    with pytest.raises(RunsError, match="'lr' has 2, 'seed' has 3"):
        space.paired(of(lr="1,2", seed="1..3"))
    with pytest.raises(RunsError, match=r"1,000,000 runs, and 10,000 are"):
        space.crossed(of(a="1..1000", b="1..1000"))
    with pytest.raises(RunsError, match="two runs would have a=1, b=2"):
        space.crossed(of(a="1,2,1..2", b="2"))
    with pytest.raises(RunsError, match="'a' are to be drawn"):
        space.crossed(of(a="choice(1,2)"))


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    wide = of(lr="loguniform(1e-5,1e-1)", drop="uniform(0,0.5)", layers="int(1,4)", act="choice(relu,tanh)", n="1,2")
    drawn = space.drawn(wide, 5, "seed")
    assert drawn == space.drawn(wide, 9, "seed")[:5]
    assert drawn != space.drawn(wide, 5, "other")
    # Written down once: another version of Python, or of this program, has to draw the same.
    assert " ".join(drawn[0].values()) == "3.57227e-05 0.118355 4 relu 1"
    assert len({tuple(point.values()) for point in space.drawn(of(a="1..20"), 20, "")}) == 20
    with pytest.raises(RunsError, match="only 3 different"):
        space.drawn(of(a="1..3"), 4, "")


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.text(max_size=3))
def test_numbers_that_are_drawn_lie_between_the_ends(one: float, other: float, seed: str) -> None:
    low, high = sorted([round(one, 7), round(other, 7)])
    if low < high:
        for kind in ("uniform", "loguniform"):
            span = Span(kind, low, high)
            (point,) = space.drawn({"a": span}, 1, seed)
            assert low <= float(point["a"]) <= high


def test_whole_numbers_are_drawn_with_both_ends() -> None:
    assert {point["a"] for point in space.drawn(of(a="int(-1,2)"), 4, "")} == {"-1", "0", "1", "2"}
