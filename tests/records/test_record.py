"""A run in memory."""

from __future__ import annotations

from git_runs.records.record import Record, Run


def test_a_part_of_a_run_has_the_fields_that_were_asked_for_and_are_there() -> None:
    record = Record(name="a", id="x", commit="c0ffee", status=None, submodules={"s": {}}, description="a")
    part = Run("a", record).only(("status", "name", "submodules", "commit", "host"))
    assert (part.name, part.record) == ("a", {"status": None, "name": "a", "submodules": {"s": {}}, "commit": "c0ffee"})
    assert list(part.record) == ["status", "name", "submodules", "commit"]
    assert part.only(("commit",)).record == {"commit": "c0ffee"}
    assert part.value("commit") == "c0ffee"


def test_what_many_runs_share_is_there_once() -> None:
    records = [Record(name=name, commit=f"c0ff{name[:0]}ee") for name in ("a", "b")]
    parts = [Run(record["name"], record).only(("name", "commit")) for record in records]
    first, second = (part.record for part in parts)
    assert first["commit"] is second["commit"]
    assert first["name"] is parts[0].name
