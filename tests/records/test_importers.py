"""What every importer does with a database of its tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_runs.errors.records import BadRecord
from git_runs.records import importers

# By importer: a database as its tool writes it, of a run `a`, `python train.py` at commit 90c0ad7, and a run `b/c`; and
# what is none.
DATABASES = {
    "single_file": (
        (
            "a:\n  command: python train.py\n  commit: 90c0ad7\n  datetime: '2017-11-03T13:46:48.633364'\n"
            "b/c:\n  command: 'true'\n  commit: 9fb9b5a\n"
        ),
        "- no\n- mapping\n",
    )
}


def test_every_importer_is_tested() -> None:
    assert set(DATABASES) == set(importers.NAMES)


@pytest.mark.parametrize("name", importers.NAMES)
def test_runs_come_by_name_and_the_database_stays_as_it_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "database"
    path.write_text(DATABASES[name][0])
    runs = importers.named(name).read(str(path))
    assert list(runs) == ["a", "b/c"]
    assert (runs["a"].text("command"), runs["a"].text("commit")) == ("python train.py", "90c0ad7")
    assert path.read_text() == DATABASES[name][0]


@pytest.mark.parametrize("name", importers.NAMES)
def test_what_is_no_database_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "database"
    path.write_text(DATABASES[name][1])
    with pytest.raises(BadRecord):
        importers.named(name).read(str(path))
    with pytest.raises(FileNotFoundError):
        importers.named(name).read(str(tmp_path / "missing"))
