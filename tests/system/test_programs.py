"""Programs that go on beside us: what they print, and how they end."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from git_runs.system import processes, programs
from tests.conftest import wait_for


def finish(companion: programs.Companion) -> tuple[int, list[str]]:
    """Its exit code, and the lines that it printed."""
    lines: list[str] = []
    while (code := companion.code) is None:
        lines += companion.lines(10)
    return code, lines


@pytest.mark.parametrize(
    ("script", "code", "lines"),
    [
        ("printf 'a\\nb' >&2; exit 3", 3, ["a", "b"]),
        ("exec 2>&-; kill -HUP $$", 128 + signal.SIGHUP, []),
        ("echo a >&2; exec sleep 60 & exit 4", 4, ["a"]),  # another one, which may still print, is not waited for
    ],
)
def test_what_a_companion_prints_and_how_it_ends(script: str, code: int, lines: list[str]) -> None:
    companion = programs.Companion(["sh", "-c", script])
    assert finish(companion) == (code, lines)
    with suppress(ProcessLookupError):
        os.killpg(companion.pid, signal.SIGKILL)


def test_a_companion_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATIENCE", 0.1)
    companion = programs.Companion(["sh", "-c", "trap '' TERM; echo ready >&2; sleep 60; exit 0"])
    assert list(companion.lines(10)) == ["ready"]
    assert companion.code is None
    assert companion.end(signal.SIGTERM) == 128 + signal.SIGKILL
    wait_for(lambda: not processes.group_lives(companion.pid))
