"""The names and the commands of the runs of a sweep."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_runs.code import refs
from git_runs.errors.base import RunsError
from git_runs.running import space, sweep
from git_runs.running.sweep import Template

VALUE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
POINT = st.dictionaries(st.from_regex(space.KEY, fullmatch=True), VALUE, min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        ("train --lr={lr}", "train --lr=0.1 --name='a b'"),
        ("train {lr} {lr} {name}", "train 0.1 0.1 'a b'"),
        ('train "{name}, {lr}"', 'train "a b, 0.1"'),
        ("train '{name}'", "train 'a b' --lr=0.1"),
        ("train", "train --lr=0.1 --name='a b'"),
        ("train\n", "train --lr=0.1 --name='a b'"),
        ("awk '{{print}}' {name} {lr}", "awk '{print}' 'a b' 0.1"),
        ("x ${{HOME}} {{{lr}}} {name}", "x ${HOME} {0.1} 'a b'"),
    ],
)
def test_values_stand_where_the_command_names_them(command: str, filled: str) -> None:
    assert Template(command, ["lr", "name"]).filled({"lr": "0.1", "name": "a b"}) == filled


def test_an_empty_value_leaves_no_word_unless_it_is_quoted() -> None:
    template = Template("""train {flag} --lr={flag} '{flag}' "{flag}" """, ["flag", "name"])
    assert template.filled({"flag": "", "name": ""}).split() == ["train", "--lr=", "''", '""', "--name=''"]


@given(VALUE, VALUE)
@example("", "x")
@example("'", '"')
@example("$HOME", "`x`\\")
def test_the_program_gets_values_as_they_are(one: str, other: str) -> None:
    template = Template("printf '%s\\0' {a} '{a}' \"{a} {b}\"", ["a", "b", "c"])
    command = template.filled({"a": one, "b": other, "c": "x"})
    printed = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout.decode()
    assert printed.split("\0") == [*filter(None, [one]), one, f"{one} {other}", "--c=x", ""]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train {l}", "{l}, and nothing gives 'l' values; did you mean 'lr'?"),
        ("train ${HOME}", "{HOME}, and nothing"),
        ("train {lr", "belongs to no parameter: train {lr"),
        ("train lr}", "belongs to no parameter"),
        ("train {}", "belongs to no parameter: train {}"),
        ("awk '{print $1}'", "belongs to no parameter: awk '{print $1}'"),
    ],
)
def test_braces_that_name_no_parameter_are_refused(command: str, message: str) -> None:
    with pytest.raises(RunsError, match=re.escape(message)):
        Template(command, ["lr"])


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ({"lr": "0.1", "seed": "2"}, "grid/lr=0.1,seed=2"),
        ({"data": "/home/me/a.yml"}, "grid/data=_home_me_a_yml"),
        ({"a": "x y", "b": "1,2", "c": "p=q"}, "grid/a=x_y,b=1_2,c=p_q"),
        ({"a": "1."}, "grid/a=1_"),
        ({"a": "../b..c"}, "grid/a=___b__c"),
        ({"db/kind": "é"}, "grid/db_kind=_"),
        ({"a": "x" * 300}, f"grid/a={'x' * 184}-"),
    ],
)
def test_names_say_the_values(point: dict[str, str], name: str) -> None:
    (found,) = sweep.names("grid", [point])
    assert found == name or (name.endswith("-") and found.startswith(name) and len(found) == 200)


@given(st.lists(POINT, unique_by=lambda point: tuple(point.items())), st.from_regex(r"[a-z]{1,9}", fullmatch=True))
def test_names_are_valid_and_each_is_another(points: list[dict[str, str]], group: str) -> None:
    names = sweep.names(group, points)
    assert len(set(names)) == len(points)
    for name in names:
        refs.validate(name)
        assert name.count("/") == 1


def test_a_name_that_another_run_has_gets_a_hash_of_the_values() -> None:
    first, second = sweep.names("g", [{"a": "x y"}, {"a": "x_y"}])
    assert first == "g/a=x_y"
    assert re.fullmatch(r"g/a=x_y-[0-9a-f]{8}", second)
    assert sweep.names("g", [{"a": "x_y"}], taken=[first]) == [second]
