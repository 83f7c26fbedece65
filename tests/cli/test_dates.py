"""Points in time are shown as git shows them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from git_runs.cli.dates import Dates, span
from tests.conftest import Repository

NOW = 1_700_000_000  # 2023-11-14T22:13:20+00:00, a Tuesday
AGES = (
    *(-5, 0, 1, 89, 90, 5399, 5400, 60_000, 129_599, 129_600, 400_000, 1_209_600, 6_048_000, 31_000_000, 32_000_000),
    *(60_000_000, 157_000_000, 158_000_000, 400_000_000),
)
FORMS = (
    *("relative", "iso", "iso8601", "iso-strict", "rfc", "short", "raw", "unix", "human", "default", "local"),
    *("format:%Y %j %H:%M", "format-local:%c", "iso-local", "auto:short"),
)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In another time zone, for the test."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("form", FORMS)
def test_they_are_gits(repo: Repository, form: str) -> None:
    tree = repo.git("write-tree").strip()
    commits = []
    for number, age in enumerate(AGES):
        date = f"{NOW - age} {('+0000', '+0545', '-0330')[number % 3]}"
        commit = repo.machine.run(
            *("git", "commit-tree", "-m", f"{number}", tree),
            cwd=repo.path,
            GIT_AUTHOR_DATE=date,
            GIT_COMMITTER_DATE=date,
        )
        commits.append(commit.out.strip())
    command = ("git", "log", "--no-walk", f"--date={form}", "--format=%aI%n%ad", *commits)
    result = repo.machine.run(*command, cwd=repo.path, TZ="Asia/Kathmandu", GIT_TEST_DATE_NOW=str(NOW))
    lines = result.out.splitlines()
    theirs = dict(zip(lines[::2], lines[1::2], strict=True))
    assert len(theirs) == len(AGES)
    dates = Dates(form, to_terminal=False, now=NOW)
    assert {text: dates.shown(text) for text in theirs} == theirs


def test_what_is_no_point_in_time_stays() -> None:
    assert Dates("iso").shown("once") == "once"
    assert Dates("iso").shown("") == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0s"), (59, "59s"), (61, "1m01s"), (3599, "59m59s"), (5400, "1h30m"), (90_000, "1d1h"), (-3, "0s")],
)
def test_spans_have_two_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown
