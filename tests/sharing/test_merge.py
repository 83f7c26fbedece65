"""What two clones have made of a run becomes one record: the same in both, and nothing that a person typed is lost."""

from __future__ import annotations

import json
import time
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_runs.records.record import FIELDS, Record, timestamp
from git_runs.sharing.merge import (
    HOW_IT_WENT,
    MOST_PREVIOUS,
    WHAT_RAN,
    Merged,
    is_deleted,
    merge,
    same,
    stamped,
    tombstone,
)

NOW = 1.8e9
TIMES = [timestamp(NOW + seconds) for seconds in (-300, -200, -100)]
EARLY, MIDDLE, LATE = (f"{moment} ann@gpu" for moment in TIMES)
NEVER = "9999-01-01T00:00:00.000000+00:00 eve@far"
SOON = f"{timestamp(NOW + 3600)} bob@fast"  # a clock that is ahead
DELETED = tombstone(Record(), MIDDLE)


def by(stamp: str, **fields: Any) -> dict[str, Any]:
    """Fields that somebody has edited then."""
    return {**fields, "edited": dict.fromkeys(fields, stamp)}


def spelled(record: Record) -> str:
    """A text that is the same for records of which the same is written."""
    return json.dumps(record)


def merged(base: dict[str, Any] | None, ours: dict[str, Any], theirs: dict[str, Any]) -> Merged:
    """What it comes to, on our side and on theirs."""
    before = None if base is None else Record(base)
    here = merge(before, Record(ours), Record(theirs), now=NOW)
    there = merge(before, Record(theirs), Record(ours), now=NOW)
    assert spelled(here.record) == spelled(there.record)
    assert here.lost.keys() == there.lost.keys()
    return here


Case = tuple[dict[str, Any] | None, dict[str, Any], dict[str, Any], dict[str, Any]]
CASES: dict[str, Case] = {
    # What ran
    "what ran never changes": ({"commit": "a"}, {"commit": "b"}, {}, {"commit": "a", "previous": {"commit": ["b"]}}),
    "what ran is taken from whoever has it": ({}, {"base": "a"}, {"branch": "b"}, {"base": "a", "branch": "b"}),
    "two that never met agree on what ran": (
        None,
        {"cwd": "a"},
        {"cwd": "b"},
        {"cwd": "b", "previous": {"cwd": ["a"]}},
    ),
    # How it went
    "how it went comes as a whole from where it ran": (
        {"status": "running", "process": {"pid": "1"}},
        {"status": "finished", "exit-code": 0},
        {"status": "running", "process": {"pid": "1"}},
        {"status": "finished", "exit-code": 0},
    ),
    "it may begin anew": (
        {"status": "lost", "finished": TIMES[0]},
        {"status": "running"},
        {"status": "lost", "finished": TIMES[0]},
        {"status": "running"},
    ),
    "else whoever is further says it": (
        {"status": "queued"},
        {"status": "failed", "exit-code": 3, "finished": TIMES[0]},
        {"status": "running", "gpus": "0"},
        {"status": "failed", "exit-code": 3, "finished": TIMES[0]},
    ),
    "a later attempt is further": (
        None,
        {"status": "finished", "exit-code": 0},
        {"status": "running", "attempts": 2},
        {"status": "running", "attempts": 2},
    ),
    "of two ends the later": (
        None,
        {"status": "finished", "finished": TIMES[0]},
        {"status": "failed", "finished": TIMES[1]},
        {"status": "failed", "finished": TIMES[1]},
    ),
    # What people edit
    "edits of different fields": (
        {"name": "a", "description": "a"},
        {**by(LATE, name="b"), "description": "a"},
        {**by(EARLY, description="b"), "name": "a"},
        {"name": "b", "description": "b", "edited": {"name": LATE, "description": EARLY}},
    ),
    "of two edits the later": (
        {"description": "a"},
        by(LATE, description="b"),
        by(EARLY, description="c"),
        {**by(LATE, description="b"), "previous": {"description": ["c"]}},
    ),
    "it came back to what it was, later": (
        by(EARLY, description="a"),
        by(LATE, description="a"),
        by(MIDDLE, description="b"),
        {**by(LATE, description="a"), "previous": {"description": ["b"]}},
    ),
    "a stamp from far in the future counts as none": (
        {},
        by(NEVER, description="b"),
        by(EARLY, description="a"),
        {**by(EARLY, description="a"), "previous": {"description": ["b"]}},
    ),
    "a clock may be ahead": (
        {},
        by(SOON, description="a"),
        by(LATE, description="b"),
        {**by(SOON, description="a"), "previous": {"description": ["b"]}},
    ),
    "without stamps any, but the same everywhere": (
        None,
        {"name": "a"},
        {"name": "b"},
        {"name": "b", "previous": {"name": ["a"]}},
    ),
    "a field of one's own that was removed is gone": ({"note": "a"}, {}, {"note": "a"}, {}),
    "a field that was removed before it was edited": (
        {"note": "a"},
        {"edited": {"note": EARLY}},
        by(LATE, note="b"),
        by(LATE, note="b"),
    ),
    "a field that was removed after it was edited": (
        {"note": "a"},
        {"edited": {"note": LATE}},
        by(EARLY, note="b"),
        {"edited": {"note": LATE}, "previous": {"note": ["b"]}},
    ),
    "tags are added and removed one by one": (
        {"tags": ["a", "b", "c"]},
        {"tags": ["a", "d", "c"]},
        {"tags": ["e", "a", "b"]},
        {"tags": ["a", "d", "e"]},
    ),
    "notes are added on both sides, and one is taken back": (
        by(EARLY, notes=["1 a", "2 b"]),
        by(MIDDLE, notes=["1 a", "2 b", "4 d"]),
        by(LATE, notes=["2 b", "3 c"]),
        by(LATE, notes=["2 b", "3 c", "4 d"]),
    ),
    "notes of two that never met are all kept": (
        None,
        {"notes": ["1 a"]},
        {"notes": ["1 b"]},
        {"notes": ["1 a", "1 b"]},
    ),
    "what a person keeps in notes is a field like others": (
        {"notes": "a"},
        by(EARLY, notes=["a", "b"]),
        by(LATE, notes="c"),
        {**by(LATE, notes="c"), "previous": {"notes": [["a", "b"]]}},
    ),
    "mappings are merged by key": (
        {"remarks": {"a": "1", "b": "1", "c": "1", "d": {"x": "1", "y": "1"}}},
        by(EARLY, remarks={"a": "2", "b": "1", "c": "2", "d": {"x": "2", "y": "1"}, "e": "1"}),
        by(LATE, remarks={"a": "1", "c": "3", "d": {"x": "1", "y": "2"}}),
        {
            **by(LATE, remarks={"a": "2", "c": "3", "d": {"x": "2", "y": "2"}, "e": "1"}),
            "previous": {"remarks.c": ["2"]},
        },
    ),
    "what was edited since is not undone by what is old": (
        by(MIDDLE, description="b", tags=["b"], remarks={"a": "2"}),
        {**by(EARLY, description="a", tags=["a"]), "remarks": {"a": "1"}},
        by(MIDDLE, description="b", tags=["b"], remarks={"a": "2"}),
        by(MIDDLE, description="b", remarks={"a": "2"}, tags=["b"]),
    ),
    # Deleted
    "deletion stays": (
        {"description": "a"},
        {"description": "a", **DELETED},
        by(LATE, description="b"),
        {"description": "b", **DELETED, "edited": {"deleted": MIDDLE, "description": LATE}},
    ),
    "deletion stays where it was undone before": ({}, DELETED, {"edited": {"deleted": EARLY}}, DELETED),
    "deletion stays, though the clock there was far ahead": (
        {"edited": {"deleted": EARLY}},
        {"deleted": NEVER.split()[0], "edited": {"deleted": NEVER}},
        {"edited": {"deleted": EARLY}},
        {"deleted": NEVER.split()[0], "edited": {"deleted": NEVER}},
    ),
    "it was undone later": ({}, DELETED, {"edited": {"deleted": LATE}}, {"edited": {"deleted": LATE}}),
    "it was undone by who knew of it, whatever the clocks say": (
        DELETED,
        DELETED,
        {"edited": {"deleted": EARLY}},
        {"edited": {"deleted": EARLY}},
    ),
    "without a word it is not undone": (DELETED, DELETED, {}, DELETED),
    "what is no time deletes nothing": (None, {"deleted": "no"}, {}, {"deleted": "no"}),
    # Ours by name
    "a person's own field that is called like ours": (
        None,
        {"edited": "often", "previous": "no"},
        {},
        {"previous": {"edited": ["often"], "previous": ["no"]}},
    ),
    "what was lost before": (
        {"previous": {"description": ["z"]}},
        {"previous": {"description": ["z", "b"]}},
        {"previous": {"description": ["z", "a"], "note": "x"}},
        {"previous": {"description": ["a", "b", "z"], "note": ["x"]}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_of_two_records_comes(case: str) -> None:
    base, ours, theirs, expected = CASES[case]
    assert merged(base, ours, theirs).record == expected


def test_what_loses_now_is_named_and_what_lost_before_is_not() -> None:
    ours, theirs = by(EARLY, description="a"), by(LATE, description="b")
    once = merged({}, ours, theirs)
    assert once.lost == {"description": ["a"]}
    assert merged({}, {**ours, "previous": {"description": ["a"]}}, theirs).lost == {}


def test_each_field_is_of_one_kind() -> None:
    rest = ("name", "description", "tags", "notes", "deleted", "edited", "previous")
    assert sorted([*WHAT_RAN, *HOW_IT_WENT, *rest]) == sorted(FIELDS)


def test_fields_are_in_their_order_and_others_in_that_of_the_alphabet() -> None:
    record = merged({}, {"b": "1", "status": "running", "id": "1"}, {"a": "1", **by(LATE, name="x")}).record
    assert list(record) == ["id", "name", "status", "edited", "a", "b"]


# --- stamps


def test_what_was_edited_in_the_file_gets_a_stamp() -> None:
    base = Record({**by(EARLY, description="a", note="a", name="a"), "command": "a", "status": "queued", "old": "a"})
    ours = Record({**base, "description": "b", "note": "b", "command": "b", "status": "running", "new": "b"})
    del ours["old"]
    ours.mark_edited("note", stamp=MIDDLE)
    expected = {"description": LATE, "note": MIDDLE, "name": EARLY, "new": LATE, "old": LATE}
    assert stamped(base, ours, LATE)["edited"] == expected
    assert stamped(None, ours, LATE) == ours
    assert stamped(base, base, LATE) == base
    assert "edited" not in stamped(Record(DELETED), Record(), LATE)


def test_a_stamp_is_later_than_the_one_before_though_the_clock_is_not() -> None:
    base = Record(by(SOON, note="a"))
    ours = stamped(base, Record({**base, "note": "b"}), LATE)
    assert merged(base, ours, base).record["note"] == "b"
    ours.mark_edited("note", stamp=LATE)
    assert SOON < ours["edited"]["note"] < f"{timestamp(NOW + 3601)}"
    assert ours["edited"]["note"].endswith(" ann@gpu")
    dead = tombstone(Record(edited={"deleted": SOON}), LATE)
    assert is_deleted(merged(None, dead, {"edited": {"deleted": SOON}}).record)
    far = Record(edited={"note": NEVER})
    far.mark_edited("note", stamp=LATE)
    assert far["edited"] == {"note": LATE}
    gone = tombstone(Record(), NEVER)
    back = Record(edited={"deleted": gone["edited"]["deleted"]})
    back.mark_edited("deleted", stamp=LATE)
    assert not is_deleted(merged(None, gone, back).record)


def test_a_tombstone_is_known_and_has_all_of_the_record() -> None:
    dead = tombstone(Record(id="1", exit_code=3), LATE)
    assert (is_deleted(dead), is_deleted(Record())) == (True, False)
    assert dead == {"id": "1", "exit_code": 3, "deleted": TIMES[2], "edited": {"deleted": LATE}}


def test_the_order_of_fields_is_no_difference() -> None:
    assert same(Record(a="1", b={"c": "2", "d": "3"}), Record(b={"d": "3", "c": "2"}, a="1"))
    assert not same(Record(a="1"), Record(a="2"))


# --- whatever the records hold

TEXTS = st.sampled_from(["", "a", "b", "c", "lines\nof text", "ü"])
ANY = st.recursive(
    st.none() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STAMPS = st.sampled_from([EARLY, MIDDLE, LATE, SOON, NEVER, TIMES[1], f"{TIMES[1]} bob@box", "yesterday"])
EDITABLE = ["name", "description", "tags", "notes", "remarks", "deleted", "note"]
EDITED = st.dictionaries(st.sampled_from([*EDITABLE, "status", "id"]), STAMPS | ANY, max_size=5) | ANY
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["command", "params", "name", "description", "note"], ANY),
        "tags": st.lists(TEXTS, max_size=4) | ANY,
        "notes": st.lists(TEXTS, max_size=4) | st.dictionaries(TEXTS, ANY, max_size=3) | ANY,
        "remarks": st.dictionaries(TEXTS, ANY, max_size=3),
        "status": st.sampled_from(["queued", "running", "lost", "failed", "finished"]) | ANY,
        "attempts": st.integers(1, 3) | ANY,
        "finished": st.sampled_from(TIMES),
        "deleted": st.sampled_from([*TIMES, NEVER, "no"]) | ANY,
        "edited": EDITED,
        "previous": st.dictionaries(st.sampled_from(EDITABLE), st.lists(TEXTS, max_size=3) | ANY, max_size=3) | ANY,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.none() | RECORDS, RECORDS, RECORDS)
def test_the_result_is_the_same_on_both_sides_and_stays_what_it_is(
    base: dict[str, Any] | None, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    once = merged(base, ours, theirs).record
    for again in ((once, theirs), (ours, once), (once, once)):
        result = merged(base, *again)
        assert (spelled(result.record), result.lost) == (spelled(once), {})
    assert spelled(merged(once, once, once).record) == spelled(once)


@settings(max_examples=100, deadline=None)
@given(RECORDS, RECORDS, RECORDS)
def test_what_ran_never_changes(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    result = merged(base, ours, theirs).record
    for key in WHAT_RAN & base.keys():
        assert result[key] == base[key]


@settings(max_examples=100, deadline=None)
@given(st.none() | RECORDS, RECORDS, RECORDS, st.sampled_from([LATE, SOON]))
def test_what_is_deleted_stays_so(
    base: dict[str, Any] | None, ours: dict[str, Any], theirs: dict[str, Any], stamp: str
) -> None:
    theirs.pop("edited", None)  # nobody there has undone it
    assert is_deleted(merged(base, tombstone(Record(ours), stamp), theirs).record)


def test_a_flood_is_bounded() -> None:
    theirs = {"previous": {"description": [f"{number:05}" for number in range(10_000)]}}
    start = time.process_time()
    result = merged({}, by(LATE, description="a"), theirs).record
    assert time.process_time() - start < 1
    assert result["previous"] == {"description": [f"{number:05}" for number in range(10_000 - MOST_PREVIOUS, 10_000)]}


# --- three clones and a remote


class Clone:
    """A clone with one run, and a clock of its own."""

    def __init__(self, number: int, record: Record) -> None:
        self.record = self.base = record
        self.ahead = (0.0, 40.0, -40.0)[number]  # seconds
        self.who = f"user{number}@host{number}"

    def stamp(self, now: int) -> str:
        return f"{timestamp(NOW + now + self.ahead)} {self.who}"

    def edit(self, now: int, by_hand: bool = False, **fields: Any) -> None:
        self.record = Record({**self.record, **fields})
        if not by_hand:
            self.record.mark_edited(*fields, stamp=self.stamp(now))

    def undelete(self, now: int) -> None:
        self.record = Record({key: value for key, value in self.record.items() if key != "deleted"})
        self.record.mark_edited("deleted", stamp=self.stamp(now))

    def exchange(self, remote: Record, now: int) -> Record:
        ours = stamped(self.base, self.record, self.stamp(now))
        self.record = self.base = merge(self.base, ours, remote, now=NOW + now).record
        return self.record


OPERATIONS = (
    *("describe", "describe by hand", "move", "tag", "untag", "note", "remark", "go on", "delete", "undelete"),
    *["exchange"] * 4,
)


class Walk:
    """What three people do, and what has to come of it."""

    def __init__(self) -> None:
        self.remote = Record(id="1", name="x", description="0", command="true", status="queued", tags=["a", "b"])
        self.clones = [Clone(number, self.remote) for number in range(3)]
        self.texts = map(str, count(1))
        self.standing = {"description": {"0"}, "name": {"x"}}  # what was typed, and not replaced by who saw it
        self.notes: list[str] = []
        self.remarks: dict[str, str] = {}
        self.went: dict[str, Any] = {"status": "queued"}
        self.deletions = self.undeletions = 0

    def step(self, now: int, number: int, what: str) -> None:
        clone, text = self.clones[number], next(self.texts)
        gone = is_deleted(clone.record)
        if what == "exchange":
            self.remote = clone.exchange(self.remote, now)
        elif what == "go on":  # where it runs, and that may not know that it is deleted
            self.went = {"status": "running", "attempts": now + 1}
            self.clones[0].record = Record({**self.clones[0].record, **self.went})
        elif gone and what == "undelete":
            clone.undelete(now)
            self.undeletions += 1
        elif not gone and what == "delete":
            clone.record = tombstone(clone.record, clone.stamp(now))
            self.deletions += 1
        elif not gone and what in ("describe", "describe by hand", "move"):
            key = "name" if what == "move" else "description"
            self.standing[key] = self.standing[key] - {clone.record[key]} | {text}
            clone.edit(now, by_hand=what == "describe by hand", **{key: text})
        elif what == "tag":
            clone.edit(now, tags=[*clone.record["tags"], text])
        elif what == "untag":
            clone.edit(now, tags=clone.record["tags"][1:])
        elif what == "note":
            self.notes.append(text)
            clone.edit(now, notes=[*clone.record.get("notes", []), text])
        elif what == "remark":
            self.remarks[clone.who] = text
            clone.edit(now, remarks={**clone.record.get("remarks", {}), clone.who: text})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(OPERATIONS)), max_size=60))
@example([*[(0, "describe")] * 6, (0, "tag"), (0, "untag"), (2, "untag"), (0, "tag")])  # one merge, another order
def test_after_a_walk_of_three_clones_all_have_the_same(steps: list[tuple[int, str]]) -> None:
    walk = Walk()
    for now, (number, what) in enumerate(steps):
        walk.step(now, number, what)
    for now, number in enumerate([0, 1, 2, 0, 1], len(steps)):
        walk.step(now, number, "exchange")
    record = walk.remote
    assert {spelled(clone.record) for clone in walk.clones} == {spelled(record)}
    assert record["command"] == "true"
    assert {key: record[key] for key in walk.went} == walk.went
    assert sorted(record.get("notes", [])) == sorted(walk.notes)
    assert record.get("remarks", {}) == walk.remarks
    assert is_deleted(record) == bool(walk.deletions) or walk.undeletions
    for key, texts in walk.standing.items():
        assert texts <= {record[key], *record.get("previous", {}).get(key, [])}
