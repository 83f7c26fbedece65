"""Merging the record of a run as it is here with the same run's record elsewhere, field by field. Pure: nothing is read
or written, and both sides get the same result, to the byte, whichever of them merges.

`base` is the record as both sides had it last; None where they never had it in common. Of the fields,

    what ran                  never changes: the base has it, or else whoever does
    how it went               travels as one, and comes from the side that has changed it, or else is further
    what people edit          the description, the name, fields of their own: from the side that has changed it, or else
                              the later edit, as `edited` says; `tags` and `notes` item by item, mappings key by
                              key
    deleted                   stays so, unless that was undone later

A value that loses against another one is kept, under `previous`.
"""

from __future__ import annotations

import json
import re
from math import inf

from ..records.record import AHEAD, FIELDS, ITEMWISE, Record, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..records.record import Value

EDITED, PREVIOUS, DELETED = "edited", "previous", "deleted"
# What is written while a run waits, goes on and ends, where it runs.
HOW_IT_WENT = frozenset(
    [
        *("datetime", "host", "worktree", "links", "outside", "queued", "priority", "gpus", "status", "attempts"),
        *("error", "reason", "exit-code", "signal", "finished", "metrics", "reproduction", "differences", "unchecked"),
        *("on-finish", "process", "former-names", "launcher", "environment"),
    ]
)
WHAT_RAN = frozenset(FIELDS) - HOW_IT_WENT - {"name", "description", *ITEMWISE, DELETED, EDITED, PREVIOUS}
# How far a run is, by its status.
PROGRESS = {"queued": 0, "starting": 1, "running": 2, "lost": 3, "unknown": 3, "killed": 4, "failed": 4, "finished": 4}
MOST_PREVIOUS = 100  # values that are kept of a field: more than any people type, and a bound to floods
MISSING: Value = object()  # stands for the value of a field that is not there

# A time as `record.timestamp` writes it: what else Python takes for one depends on its version, and on the time zone.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}[+-][0-9]{2}:[0-9]{2}(?![^ ])")


class Merged:
    """What comes of two records. Who made the edit that won, and when, is in the record's `edited`."""

    def __init__(self, record: Record, lost: dict[str, list[Value]]) -> None:
        self.record = record  # its fields in canonical order
        # By field the values that were put under `previous` only now; "notes.a": the key `a` of the field `notes`.
        self.lost = lost


def merge(base: Record | None, ours: Record, theirs: Record, *, now: float) -> Merged:
    """What both sides have made of the run. `now`, in seconds since the epoch, shows which stamps cannot be.

    What a person has edited in the file bears no stamp, and loses against what does: see `stamped`.
    """
    merging = _Merging(base or Record(), ours, theirs, now)
    merging.take_what_ran()
    merging.take_how_it_went()
    merging.take_what_people_edit()
    merging.take_previous()
    return Merged(_in_order(merging.fields), merging.lost)


def stamped(base: Record | None, ours: Record, stamp: str) -> Record:
    """Our record with that stamp on each field that people edit, has changed since the base, and bears no later one
    than there: somebody has changed it in the file. Where there is no base, nobody can know."""
    if base is None:
        return ours
    now = _moment(stamp, inf)

    def is_unstamped(key: str) -> bool:
        before, after = _Edit.of(base, key, now), _Edit.of(ours, key, now)
        return after.is_new(before, key) and after.moment == before.moment

    record = Record(ours)
    record.mark_edited(*sorted(filter(is_unstamped, _editable(base, ours) - {DELETED})), stamp=stamp)
    return record


def edits_of(theirs: Record, ours: Record) -> Record:
    """Their record, with what ran and how it went as in ours: of a run of this clone, nobody knows more."""
    fixed = WHAT_RAN | HOW_IT_WENT
    edits = {key: value for key, value in theirs.items() if key not in fixed}
    return Record({**edits, **{key: value for key, value in ours.items() if key in fixed}})


def is_further(one: Record, other: Record, now: float) -> bool:
    """Whether the run has gone on since the other record of it; `now` in seconds since the epoch."""
    return _progress(one, now) > _progress(other, now)


def is_deleted(record: Mapping[str, Value]) -> bool:
    """Whether the record is a tombstone."""
    return _is_time(record.get(DELETED))


def tombstone(record: Record, stamp: str) -> Record:
    """The record of a run that was deleted; by whom and when, the stamp says."""
    dead = Record(record)
    dead.mark_edited(DELETED, stamp=stamp)
    dead[DELETED] = str(_mapping(dead, EDITED).get(DELETED, stamp)).partition(" ")[0]
    return dead


def same(one: Record, other: Record) -> bool:
    """Whether the records say the same, whatever the order of their fields."""
    return _same(one, other)


# --- the rules


class _Edit:
    """What one side says of a field that people edit, or of a part of it."""

    def __init__(self, value: Value, stamp: Value, moment: float) -> None:
        self.value = value
        self.stamp = stamp  # as it stands there
        self.moment = moment  # the time of that, in seconds since the epoch; -inf: unknown

    @classmethod
    def of(cls, record: Record, key: str, now: float) -> _Edit:
        stamp = _mapping(record, EDITED).get(key, MISSING)
        # That something was deleted, or is back, is later than what it undoes, however wrong a clock was.
        return cls(record.get(key, MISSING), stamp, _moment(stamp, inf if key == DELETED else now))

    def part(self, key: str) -> _Edit:
        """What it says of one part of a value that is a mapping."""
        value = self.value.get(key, MISSING) if isinstance(self.value, dict) else MISSING
        return _Edit(value, self.stamp, self.moment)

    def is_new(self, before: _Edit, key: str) -> bool:
        """Whether somebody has edited it since. A stamp that is older says that the value is: it was brought back from
        the trash, say."""
        return self.moment > before.moment or (self.moment == before.moment and _differ(key, self.value, before.value))

    def is_spelled_anew(self, before: _Edit) -> bool:
        """Whether the value of then is written in another way."""
        return self.moment == before.moment and _spelling(self.value) != _spelling(before.value)

    def rank(self) -> tuple[float, str, str, str]:
        """The higher wins: the later, or else any, as long as it is the same one everywhere."""
        return self.moment, _meaning(self.value), _spelling(self.value), _spelling(self.stamp)


class _Merging:
    """Two records on the way to become one."""

    def __init__(self, base: Record, ours: Record, theirs: Record, now: float) -> None:
        self.sides = (base, ours, theirs)
        self.now = now
        self.fields: dict[str, Value] = {}
        self.lost: dict[str, list[Value]] = {}

    def take_what_ran(self) -> None:
        """From the base, or else from whoever has it."""
        for key in WHAT_RAN:
            before, *others = (side.get(key, MISSING) for side in self.sides)
            won = max(others, key=_rank) if before is MISSING else before
            self._put(key, won, *others)

    def take_how_it_went(self) -> None:
        """From the side that has changed it; from the one that is further where both have."""
        before, ours, theirs = ({key: side[key] for key in HOW_IT_WENT & side.keys()} for side in self.sides)
        changed = [side for side in (ours, theirs) if not _same(side, before)]
        further = max(ours, theirs, key=lambda side: (_progress(side, self.now), _rank(side)))
        self.fields |= changed[0] if len(changed) == 1 else further

    def take_what_people_edit(self) -> None:
        """From the side that has edited it; from the one that did so later where both have."""
        editable = _editable(*self.sides)
        stamps: dict[str, Value] = {}
        for key in sorted(editable.union(*(_mapping(side, EDITED) for side in self.sides[1:]))):
            before, ours, theirs = (_Edit.of(side, key, self.now) for side in self.sides)
            stamps[key] = self._take_edit(key, before, ours, theirs) if key in editable else _later_stamp(ours, theirs)
        if found := {key: stamp for key, stamp in stamps.items() if stamp is not MISSING}:
            self.fields[EDITED] = found

    def _take_edit(self, key: str, before: _Edit, ours: _Edit, theirs: _Edit) -> Value:
        """Gives the stamp of the result."""
        if key == DELETED and _is_time(ours.value) != _is_time(theirs.value):
            won = self._deletion(before, ours, theirs)
            self._put(key, won.value)
            return won.stamp
        new = [edit for edit in (ours, theirs) if edit.is_new(before, key)]
        if len(new) == 2 and _is_divisible(key, ours.value, theirs.value):
            self.fields[key] = self._parts(key, before.value, ours, theirs)
            return _later_stamp(ours, theirs)
        # Where nothing is new, one side may have what is old in another order, from an earlier merge of others.
        changed = new or [edit for edit in (ours, theirs) if edit.is_spelled_anew(before)]
        won = changed[0] if len(changed) == 1 else max(ours, theirs, key=_Edit.rank)
        self._put(key, won.value, *(edit.value for edit in new))
        return won.stamp

    def _deletion(self, before: _Edit, ours: _Edit, theirs: _Edit) -> _Edit:
        """That which counts where one side has deleted the run and the other has not, or has undone it."""
        gone, alive = (ours, theirs) if _is_time(ours.value) else (theirs, ours)
        is_later = alive.moment > max(gone.moment, _moment(gone.value, inf))
        knew_of_it = (gone.value, gone.stamp) == (before.value, before.stamp) and alive.stamp != before.stamp
        return alive if is_later or (knew_of_it and alive.moment > -inf) else gone

    def _parts(self, path: str, before: Value, ours: _Edit, theirs: _Edit) -> Value:
        """Of a value that is made of parts, each like a field, or of such a part."""
        values = ours.value, theirs.value
        if _spelling(ours.value) == _spelling(theirs.value):
            return ours.value
        if _have_items(path, *values):
            return _items(before, *values)
        new = [value for value in values if not _same(value, before)]
        if len(new) == 1:
            return new[0]
        if _is_divisible(path, *values):
            old = before if isinstance(before, dict) else {}
            parts = {
                key: self._parts(
                    f"{path}.{key}",
                    old.get(key, MISSING),
                    *(edit.part(key) for edit in (ours, theirs)),
                )
                for key in sorted(ours.value.keys() | theirs.value.keys())
            }
            return {key: value for key, value in parts.items() if value is not MISSING}
        won = max(ours, theirs, key=_Edit.rank).value
        self._lose(path, won, *values)
        return won

    def take_previous(self) -> None:
        """What either side has lost before, and what was lost now; in the order of the alphabet, since the order in
        which they were lost is another one elsewhere."""
        ours, theirs = map(_previous, self.sides[1:])
        now, self.lost = self.lost, {}
        previous: dict[str, Value] = {}
        for key in sorted(ours.keys() | theirs.keys() | now.keys()):
            before = _distinct([*ours.get(key, []), *theirs.get(key, [])])
            lost = _distinct(now.get(key, []))
            if new := [value for text, value in lost.items() if text not in before]:
                self.lost[key] = new
            if values := [value for _, value in sorted({**lost, **before}.items())]:
                previous[key] = values[-MOST_PREVIOUS:]
        if previous:
            self.fields[PREVIOUS] = previous

    def _put(self, key: str, won: Value, *others: Value) -> None:
        """Take that value; the others have lost."""
        if won is not MISSING:
            self.fields[key] = won
        self._lose(key, won, *others)

    def _lose(self, key: str, won: Value, *others: Value) -> None:
        lost = [value for value in others if value is not MISSING and not _same(value, won)]
        if lost and not (key == DELETED and _is_time(won)):
            self.lost[key] = lost


def _progress(fields: Mapping[str, Value], now: float) -> tuple[int, int, float]:
    attempts, status = fields.get("attempts"), fields.get("status")
    return (
        attempts if isinstance(attempts, int) else 1,
        PROGRESS.get(status, -1) if isinstance(status, str) else -1,
        _moment(fields.get("finished"), now),
    )


def _later_stamp(*edits: _Edit) -> Value:
    return max(edits, key=lambda edit: (edit.moment, _spelling(edit.stamp))).stamp


def _editable(*records: Record) -> set[str]:
    """The fields that people edit; those that are gone, too, if there is a stamp of that."""
    keys = {key for record in records for key in (*record, *_mapping(record, EDITED))}
    return keys - WHAT_RAN - HOW_IT_WENT - {EDITED, PREVIOUS}


def _is_divisible(key: str, ours: Value, theirs: Value) -> bool:
    """Whether edits of different parts of the value do not touch each other."""
    return _have_items(key, ours, theirs) or (isinstance(ours, dict) and isinstance(theirs, dict))


def _have_items(key: str, one: Value, other: Value) -> bool:
    return key in ITEMWISE and isinstance(one, list) and isinstance(other, list)


def _differ(key: str, one: Value, other: Value) -> bool:
    if _have_items(key, one, other):
        return _distinct(one).keys() != _distinct(other).keys()
    return not _same(one, other)


def _items(before: Value, ours: list[Value], theirs: list[Value]) -> list[Value]:
    """Those that neither side has removed, and those that either has added."""
    old = _distinct(before if isinstance(before, list) else [])
    one, other = _distinct(ours), _distinct(theirs)
    added = {text: value for text, value in {**one, **other}.items() if text not in old}
    return [old[text] for text in old if text in one and text in other] + [added[text] for text in sorted(added)]


def _previous(record: Record) -> dict[str, list[Value]]:
    """What stands under `previous`; and what a person keeps in the fields that are ours."""
    own = {key: record[key] for key in (EDITED, PREVIOUS) if not isinstance(record.get(key) or {}, dict)}
    found = {**_mapping(record, PREVIOUS), **own}
    return {key: value if isinstance(value, list) else [value] for key, value in found.items()}


# --- values


def _mapping(record: Record, key: str) -> dict[str, Value]:
    found = record.get(key)
    return found if isinstance(found, dict) else {}


def _is_time(value: Value) -> bool:
    return _moment(value, inf) > -inf


def _moment(value: Value, now: float) -> float:
    """The time with which the text begins, in seconds since the epoch; -inf where that is none, or none that can have
    been."""
    match = _TIME.match(value) if isinstance(value, str) else None
    moment = seconds(match[0]) if match else None
    return -inf if moment is None or moment > now + AHEAD else moment


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return one is other or _meaning(one) == _meaning(other)


def _meaning(value: Value) -> str:
    """A text that is the same for values that mean the same; "" where there is none."""
    return "" if value is MISSING else json.dumps(value, sort_keys=True, default=str)


def _spelling(value: Value) -> str:
    """The same, of values that are written in the same way."""
    return "" if value is MISSING else json.dumps(value, default=str)


def _rank(value: Value) -> tuple[str, str]:
    return _meaning(value), _spelling(value)


def _distinct(values: Iterable[Value]) -> dict[str, Value]:
    """The values by what they mean; of those that mean the same, one."""
    found: dict[str, Value] = {}
    for value in values:
        text = _meaning(value)
        found[text] = max(found.get(text, value), value, key=_spelling)
    return found


def _in_order(fields: Mapping[str, Value]) -> Record:
    """Known fields in their order, then others in that of the alphabet."""
    known = {key: fields[key] for key in FIELDS if key in fields}
    return Record({**known, **{key: fields[key] for key in sorted(fields)}})
