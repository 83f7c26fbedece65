"""Records as YAML: what goes in comes out, and what a person wrote stays."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_runs.errors.records import BadRecord, Unencodable
from git_runs.records import yamltext
from git_runs.records.record import FIELDS, NUMBERS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
KEYS = st.one_of(st.sampled_from(FIELDS), st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True))
VALUES = st.one_of(TEXT, st.none(), st.lists(TEXT, max_size=3), st.dictionaries(KEYS, TEXT, max_size=3))
RECORDS = st.dictionaries(KEYS.filter(lambda key: key not in NUMBERS), VALUES, min_size=1, max_size=8)


@settings(max_examples=500, deadline=None)
@given(RECORDS)
def test_a_record_reads_back_as_it_was_written(fields: dict[str, object]) -> None:
    assert yamltext.parse(yamltext.dump(fields).encode(), "x") == fields


@settings(max_examples=500, deadline=None)
@given(RECORDS, RECORDS)
def test_an_edited_record_holds_what_it_should(before: dict[str, object], after: dict[str, object]) -> None:
    text = yamltext.edit(yamltext.dump(before), "x", after)
    assert yamltext.parse(text.encode(), "x") == yamltext.parse(yamltext.dump(after).encode(), "x")


PIECES = """a|b|~|null|''|""|: |:|- |
|  |{|}|[|]|, |#| |? |&a |*a |!!str |<<|---
|...
|>
|%YAML 1.1
|\t|\ufeff|\0|ß|'|\"|"""


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from([*PIECES.split("|"), "|-\n"]), max_size=14).map("".join))
@example("a: 1\na: 2\n")
@example("a: 1\n--- b")
@example("~: 1")
@example("[a]: b")
@example("&a a: *a")
@example("a: &a 1\nb: &a 2")
@example("a: !!null x\nb: !!int ''\nc: ''\nd:\n")
@example("")
def test_what_is_read_without_a_tree_is_what_a_tree_would_give(text: str) -> None:
    try:
        value = yamltext._load_plain(text)
    except (yamltext._NotPlain, yaml.YAMLError):
        return  # then it is read by way of a tree, which also says what is wrong
    assert value == yaml.load(text, Loader=yamltext._Loader)


def test_what_we_write_is_read_without_a_tree() -> None:
    fields = {"name": "a", "exit-code": None, "links": {"x": {"y": ["z", None]}}, "description": "a\nb"}
    assert yamltext._load_plain(yamltext.dump(fields)) == fields


PERSONS = """\
# a run to remember

id: 3f2a     # never changed
name: base
description: |-
  two
  lines
# what it was
command:   "python  train.py"
loss: 1e-5
date: 2026-08-20
flag: on
octal: 017
nested:
    - a   # first
    # between
    - {b: c}
# how it went
status: running  # for now
process: {pid: 1, started: 2, boot: x}

# the end
"""


def test_an_edit_touches_only_the_lines_of_what_it_changes() -> None:
    fields = yamltext.parse(PERSONS.encode(), "x")
    fields["status"] = "finished"
    fields["exit-code"] = 0
    fields["finished"] = "2026"
    del fields["process"]
    assert yamltext.edit(PERSONS, "x", fields) == PERSONS.replace(
        "status: running  # for now\nprocess: {pid: 1, started: 2, boot: x}\n",
        "status: finished  # for now\nexit-code: 0\nfinished: '2026'\n",
    )


def test_values_of_several_lines_are_replaced_without_their_neighbours() -> None:
    fields = yamltext.parse(PERSONS.encode(), "x")
    fields["description"] = "one"
    fields["nested"] = ["new"]
    text = yamltext.edit(PERSONS, "x", fields)
    assert 'description: one\n# what it was\ncommand:   "python  train.py"\n' in text
    assert "nested: [new]\n# how it went\nstatus: running" in text


def test_a_comment_behind_a_value_that_becomes_longer_goes_above() -> None:
    fields = yamltext.parse(PERSONS.encode(), "x")
    fields["status"] = "a\nb"
    assert "# for now\nstatus: |-\n  a\n  b\n" in yamltext.edit(PERSONS, "x", fields)


def test_known_fields_are_inserted_in_their_order_and_others_at_the_end() -> None:
    text = "name: a\nmine: 1\nhost: b\n"
    assert yamltext.edit(text, "x", {"name": "a", "mine": "1", "host": "b", "id": "0", "user": "c", "other": "d"}) == (
        "id: '0'\nname: a\nmine: 1\nhost: b\nuser: c\nother: d\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{name: a, status: running}",
        "name: &n a\nalso: *n\nstatus: running\n",
        "---\nname: a\nstatus: running\n...\n",
        "name: a\nstatus: running",
        "  name: a\n  status: running\n",
        "\ufeffname: a\nstatus: running\n",
        "name: a\r\nstatus: running\r\n",
        '"name": a\n"status": running\n',
        "? name\n: a\n? status\n: running\n",
    ],
)
def test_whatever_form_a_person_chose_is_changed_rightly(text: str) -> None:
    fields = yamltext.parse(text.encode(), "x")
    fields |= {"name": "b", "status": "failed", "exit-code": 3}
    assert yamltext.parse(yamltext.edit(text, "x", fields).encode(), "x") == fields


def test_scalars_are_the_text_that_stands_there() -> None:
    text = "a: on\nb: 2026-08-20\nc: 12:34:56\nd: 017\ne: 1e-5\nf: ~\ng:\nh: '~'\ni: null\nexit-code: 3\n"
    assert yamltext.parse(text.encode(), "x") == {
        "a": "on",
        "b": "2026-08-20",
        "c": "12:34:56",
        "d": "017",
        "e": "1e-5",
        "f": None,
        "g": None,
        "h": "~",
        "i": None,
        "exit-code": 3,
    }


def test_tags_are_not_obeyed() -> None:
    text = b"a: !!python/object/apply:os.system ['touch pwned']\nb: !!binary aGk=\n"
    assert yamltext.parse(text, "x") == {"a": ["touch pwned"], "b": "aGk="}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b"a: 1\nb: c: d\n", 2, "mapping values are not allowed in this context"),
        (b"a: 1\n\nb: \xff\n", 3, "not UTF-8"),
        (b"a: 1\nb: \x01\n", 2, "control characters are not allowed"),
        (b"a: 1\nb: 2\na: 3\n", 3, "'a' is there twice"),
        (b"- a\n- b\n", 1, "a record is a mapping of fields to values"),
        (b"", 1, "a record is a mapping of fields to values"),
        (b"a: 1\n[b]: 2\n", 2, "a key must be plain text"),
        (b"a: 1\n~: 2\n", 2, "a key must be plain text"),
        (b"a: &x [*x]\n", 1, "found unconstructable recursive node"),
        (b"a: 1\nb: " + b"[" * 300, 2, "it is nested too deeply"),
        (b"a: 1\n" + b"b:\n " + b"- " * 200_000 + b"x\n", 3, "it is nested too deeply"),
        (b"a: 1\n" + b"? " * 200_000 + b"x\n", 2, "it is nested too deeply"),
        (b"".join(b" " * n + b"a:\n" for n in range(2000)), 101, "it is nested too deeply"),
        (b"a: 1\n--- \nb: 2\n", 2, "but found another document"),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_line(text: bytes, line: int, reason: str) -> None:
    with pytest.raises(BadRecord) as error:
        yamltext.parse(text, "x")
    assert error.value.message == f"bad record in line {line} of 'x': {reason}"


def test_no_depth_is_too_deep_to_be_reported() -> None:
    with pytest.raises(BadRecord, match="nest"):  # PyYAML 6.0.4 notices it before we do
        yamltext.parse(b"a: 1\nb: " + b"[" * 200_000, "x")


def test_text_that_is_not_utf_8_cannot_be_written() -> None:
    with pytest.raises(Unencodable, match="the command is not valid UTF-8"):
        yamltext.dump({"command": "\udcff"})


def test_text_with_a_nul_is_neither_read_nor_written() -> None:
    with pytest.raises(BadRecord, match="in line 2 of 'x': there is a NUL in the text"):
        yamltext.parse(b'name: a\noutputs: [b, "c\\0d"]\n', "x")
    with pytest.raises(Unencodable, match="the params has a NUL in it"):
        yamltext.dump({"params": {"a": ["b\0"]}})


def test_long_lines_stay_lines() -> None:
    assert yamltext.dump({"command": "word " * 1000 + "end"}).count("\n") == 1


def test_rare_characters_stay_readable() -> None:
    fields = {"description": "\N{PARTY POPPER} two\nlines", "command": "echo \N{ROCKET}", "note": ["\N{ROCKET}"]}
    text = yamltext.dump(fields)
    assert text == "description: |-\n  \N{PARTY POPPER} two\n  lines\ncommand: echo \N{ROCKET}\nnote: [\N{ROCKET}]\n"
    assert yamltext.parse(text.encode(), "x") == fields


def test_aliases_may_not_stand_for_more_than_fits_into_memory() -> None:
    lines = ["l0: &l0 [x, x]", *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 60))]
    with pytest.raises(BadRecord, match="its aliases stand for too much"):
        yamltext.parse("\n".join(lines).encode(), "x")
    deep = ["l0: &l0 [x]", *(f"l{n}: &l{n} [*l{n - 1}]" for n in range(1, 90))]
    assert yamltext.parse("\n".join(deep).encode(), "x")["l0"] == ["x"]
    deeper = [*deep, *(f"l{n}: &l{n} [*l{n - 1}]" for n in range(90, 900))]
    with pytest.raises(BadRecord, match="its aliases stand for too much"):
        yamltext.parse("\n".join(deeper).encode(), "x")


@pytest.mark.parametrize("depth", [900, 1300])
def test_what_only_indentation_nests_too_deeply_is_refused(depth: int) -> None:
    text = "".join(f"{' ' * level}a:\n" for level in range(depth)) + " " * depth + "b: c\n"
    with pytest.raises(BadRecord):
        yamltext.parse(text.encode(), "a.yml")


def test_a_long_mapping_has_a_line_for_each_field() -> None:
    short, long = {"a": "1", "b": "2"}, {"a": "x" * 60, "b": "y" * 60}
    assert yamltext.dump({"settings": short}) == "settings: {a: '1', b: '2'}\n"
    assert yamltext.dump({"settings": long}) == f"settings:\n  a: {'x' * 60}\n  b: {'y' * 60}\n"
