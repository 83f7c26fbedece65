"""Progress as a terminal gets it, byte by byte."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.conftest import Repository, Screen

OVER_200 = "from git_runs.console import progress\nfor n in progress.over(range(200), 'Deleting runs', 200): "


def progress_of(code: str, **environment: str) -> str:
    """What a Python program writes to a terminal that is its standard error."""
    ours, its = os.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=its, env={**os.environ, **environment}):
        os.close(its)
        written = b""
        with suppress(OSError):  # nobody has the other end any more
            while piece := os.read(ours, 1 << 16):
                written += piece
    os.close(ours)
    return written.decode()


def test_each_percentage_is_reported_once_and_the_end() -> None:
    shown = progress_of(OVER_200 + "pass", GIT_PROGRESS_DELAY="0").split("\r")
    assert shown[0] == "Deleting runs:   0% (1/200)   "
    assert shown[45] == "Deleting runs:  45% (90/200)   "
    assert shown[-3:] == ["Deleting runs: 100% (200/200)   ", "Deleting runs: 100% (200/200), done.", "\n"]
    assert len(shown) == 101 + 2


def test_what_is_fast_shows_nothing() -> None:
    assert progress_of(OVER_200 + "pass") == ""


def test_what_takes_long_is_shown_after_a_while() -> None:
    shown = progress_of("import time\n" + OVER_200 + "time.sleep(0.01)").split("\r")
    first = int(shown[0].split("(")[1].split("/")[0])
    assert 50 < first <= 101  # about a second is half of it
    assert shown[-2].endswith("100% (200/200), done.")


def test_without_a_total_the_count_is_reported() -> None:
    code = "from git_runs.console import progress\nfor n in progress.over(iter('abc'), 'Comparing'): pass"
    assert progress_of(code, GIT_PROGRESS_DELAY="0") == "Comparing: 1   \rComparing: 3, done.\r\n"


def test_it_makes_room_for_messages_and_errors() -> None:
    say = "from git_runs.console.messages import warn\n"
    shown = progress_of(say + OVER_200 + "n == 100 and warn('left')", GIT_PROGRESS_DELAY="0")
    assert "Deleting runs:  50% (100/200)   \r\r\x1b[Kwarning: left\r\n" in shown
    shown = progress_of(OVER_200 + "n == 100 and exit(3)", GIT_PROGRESS_DELAY="0")
    assert shown.endswith("Deleting runs:  50% (100/200)   \r\r\x1b[K")


@pytest.mark.parametrize("command", ["delete -y --now a b", "export", "fsck", "list", "gc"])
def test_no_terminal_no_progress(repo: Repository, command: str) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    result = repo.runs(*command.split(), GIT_PROGRESS_DELAY="0")
    assert (result.code, result.err) == (0, "")


def test_commands_tell_a_terminal(repo: Repository, screen: Screen) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    screen.type("export GIT_PROGRESS_DELAY=0; git runs fsck; git runs gc; git runs export >/dev/null")
    screen.shows("\n".join(["Checking runs: 100% (2/2), done.", *2 * ["Reading runs: 100% (2/2), done."], "$"]))
    screen.type("clear; git runs gc --quiet; git runs delete -y --now a b; echo code=$?")
    screen.shows("code=0")
    steps = [f"{what} runs: 100% (2/2), done." for what in ("Reading", "Locking", "Deleting")]
    assert "\n".join([*steps, "Removing files: 100%"]) in screen.text()
    assert re.search(r"Removing files: 100%.*, done\.\nDeleted run 'a'", screen.text())


def test_a_pager_finds_the_terminal_as_it_was(repo: Repository, screen: Screen) -> None:
    repo.finish("a")
    screen.type("clear; export GIT_PROGRESS_DELAY=0 GIT_PAGER='sed s/^/paged-/'; git runs list; echo code=$?")
    screen.shows("code=0")
    assert screen.text().startswith("paged-a\ncode=0\n")
    assert "Reading runs" not in screen.text()
