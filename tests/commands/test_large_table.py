"""A table of many runs, which is drawn from texts that are kept, is the table of the same runs in small parts."""

from __future__ import annotations

import os
import re
import sqlite3
import uuid

import pytest

from git_runs.commands.table import MANY
from git_runs.records import cache
from tests.conftest import Repository, prepared

NAMES = [f"{'group/' if number % 3 else ''}r{number}" for number in range(MANY + 50)]
KNOWN = {*NAMES, "first", "zz-new"}
ODD = {
    "r0": {"description": '"a\\nb\\x1b[31m"', "datetime": "no time"},
    "group/r1": {"description": "x" * 150, "status": "running"},
    "group/r2": {"description": "~", "host": "_"},
    "r3": {"datetime": "1969-12-31T23:59:59.5+00:00", "command": "''"},
    "group/r4": {"datetime": "9999-12-31T23:59:59+00:00", "status": "''"},
    "group/r5": {"datetime": "2026-01-01T00:00:00.9+14:00", "description": "ünï漢"},
}


@prepared
def many(repo: Repository) -> None:
    """Many runs whose records were written long ago."""
    repo.finish("first")
    template = repo.record_path("first").read_text()
    for number, name in enumerate(NAMES):
        text = re.sub(r"^id: .*", f"id: {uuid.uuid4()}", template, flags=re.MULTILINE)
        fields = {"datetime": f"'2026-0{number % 9 + 1}-01T00:{number % 60:02}:00+00:00'", **ODD.get(name, {})}
        for key, value in fields.items():
            start, _, rest = text.partition(f"\n{key}: ")
            text = f"{start}\n{key}: {value}\n{rest.partition(chr(10))[2]}"
        path = repo.record_path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (1e9, 1e9))


def rows(repo: Repository, *arguments: str, zone: str = "UTC") -> dict[str, str]:
    """The lines of a table by the names of the runs, with blanks as one."""
    result = repo.runs("table", *arguments, TZ=zone)
    assert result.code == 0, result
    texts = [re.sub(" {2,}", "  ", line) for line in result.out.splitlines()[2:]]
    return {next(word for word in text.split() if word in KNOWN): text for text in texts}


def in_parts(repo: Repository, *arguments: str, zone: str = "UTC") -> dict[str, str]:
    """The same from tables of few runs."""
    parts = [NAMES[start : start + MANY // 2] for start in range(0, len(NAMES), MANY // 2)]
    found = [rows(repo, *arguments, *part, zone=zone) for part in (*parts, ["first"])]
    return {name: line for part in found for name, line in part.items()}


@pytest.mark.parametrize(
    "arguments",
    [(), ("--columns=status,name,datetime",), ("--column-width=12",), ("--hidden-columns=",), ("--sort=host",)],
)
def test_all_runs_look_as_they_do_in_small_tables(many: Repository, arguments: tuple[str, ...]) -> None:
    for _ in range(2):  # when the texts are put into the cache, and when they come from there
        assert rows(many, *arguments) == in_parts(many, *arguments)


def test_the_order_is_that_of_a_table_for_programs(many: Repository) -> None:
    many.ok("table")
    for sort in ("-datetime", "name", "-status"):
        _, *names = many.ok("table", f"--sort={sort}", "--format=csv", "--columns=name").splitlines()
        assert list(rows(many, f"--sort={sort}")) == names


def test_the_time_zone_is_todays(many: Repository) -> None:
    rows(many)
    there = rows(many, zone="Asia/Tokyo")
    assert "-01T09:0" in there["r9"]
    assert there == in_parts(many, zone="Asia/Tokyo")


def test_an_edit_a_new_run_and_a_deleted_one_are_seen(many: Repository) -> None:
    many.ok("table")
    path = many.record_path("r9")
    path.write_text(path.read_text().replace("description: ", "description: edited, "))
    assert "edited, " in rows(many)["r9"]
    os.utime(path, (1e9 + 1, 1e9 + 1))
    assert "edited, " in rows(many)["r9"]
    many.record_path("r12").unlink()
    many.finish("zz-new")
    table = rows(many)
    assert "r12" not in table
    assert " finished " in table["zz-new"]
    many.record_path("r15").write_text("{")
    result = many.runs("table")
    assert result.code == 1
    assert "r15" not in result.out.split()


def test_what_is_wrong_in_the_cache_is_not_shown(many: Repository) -> None:
    before = rows(many)
    with sqlite3.connect(many.path / ".runs" / cache.NAME) as connection:
        ((lines,),) = connection.execute("SELECT lines FROM rows").fetchall()
        connection.execute("UPDATE rows SET lines = ?", (lines.replace(b"\n", b"x\n", 1),))
    assert rows(many) == before
    with sqlite3.connect(many.path / ".runs" / cache.NAME) as connection:
        connection.execute("UPDATE rows SET widths = NULL")
    assert rows(many) == before


def test_columns_that_were_wide_once_are_kept_as_wide_as_they_are_after_gc(many: Repository) -> None:
    def widths() -> list[bytes]:
        with sqlite3.connect(many.path / ".runs" / cache.NAME) as connection:
            return [width for (width,) in connection.execute("SELECT widths FROM rows")]

    narrow = rows(many) and widths()
    path = many.record_path("r9")
    text = path.read_text()
    path.write_text(re.sub("^host: .*", "host: a-host-with-a-long-name", text, flags=re.MULTILINE))
    assert "a-host-with-a-long-name" in rows(many)["r9"]
    path.write_text(text)
    os.utime(path, (1e9, 1e9))
    before = rows(many)
    assert widths() != narrow
    many.ok("gc")
    assert rows(many) == before
    assert widths() == narrow


def test_an_edit_just_after_the_texts_were_kept_is_seen(many: Repository) -> None:
    for name in NAMES:
        os.utime(many.record_path(name))
    many.ok("table")
    path = many.record_path("r9")
    path.write_text(path.read_text().replace("description: first", "description: third"))
    assert "  third model  " in rows(many)["r9"]
