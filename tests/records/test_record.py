"""A run in memory."""

from __future__ import annotations

import pytest

from git_runs.records.record import Record, Run


def test_a_part_of_a_run_has_the_fields_that_were_asked_for_and_are_there() -> None:
    record = Record(name="a", id="x", commit="c0ffee", status=None, submodules={"s": {}}, description="a")
    part = Run("a", record).only(("status", "name", "submodules", "commit", "host"))
    assert (part.name, part.record) == ("a", {"status": None, "name": "a", "submodules": {"s": {}}, "commit": "c0ffee"})
    assert list(part.record) == ["status", "name", "submodules", "commit"]
    assert part.only(("commit",)).record == {"commit": "c0ffee"}
    assert part.value("commit") == "c0ffee"


@pytest.mark.parametrize(
    ("end", "has_begun"),
    [
        ({"status": "killed"}, False),
        ({"status": "killed", "reason": "cancelled"}, False),
        ({"status": "failed", "error": "the work tree could not be made"}, False),
        ({"status": "killed", "reason": "node failure", "datetime": "2026-01-01T10:30:00+00:00"}, True),
        ({"status": "failed", "exit-code": 1}, True),
    ],
)
def test_a_run_that_waited_and_never_began_took_no_time(end: dict[str, object], has_begun: bool) -> None:
    moments = {"datetime": "2026-01-01T10:00:00+00:00", "queued": "2026-01-01T10:00:01+00:00"}
    record = Record({**moments, "finished": "2026-01-01T11:00:00+00:00", **end})
    assert record.has_begun == has_begun
    assert (record.duration is not None) == has_begun


def test_what_many_runs_share_is_there_once() -> None:
    records = [Record(name=name, commit=f"c0ff{name[:0]}ee") for name in ("a", "b")]
    parts = [Run(record["name"], record).only(("name", "commit")) for record in records]
    first, second = (part.record for part in parts)
    assert first["commit"] is second["commit"]
    assert first["name"] is parts[0].name
