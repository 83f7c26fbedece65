"""The benchmarks run through, and say what they are to say; how long anything takes is not asserted anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from benchmarks import growth, scale
from benchmarks.figures import Figure, Limit
from benchmarks.place import PYTHON, CommandFailed, Timing, TookTooLong, temporary
from benchmarks.scale import KEYS, LIST

TOP = Path(__file__).parent.parent


def test_all_is_measured_with_few_runs_which_are_kept(tmp_path: Path) -> None:
    printed = benchmark("--sizes", "10", "--only", *KEYS, "imports", "--data", str(tmp_path))
    lines = printed.splitlines()
    for what in (what for whats in KEYS.values() for what in whats):
        assert [line for line in lines if line.startswith(f"{what} ") and " 10 " in line], what
    assert [line for line in lines if line.startswith("git_runs.")], "imports of `git runs list`"
    assert f" of {sum(scale.limit_of(what, 10) is not None for what in scale.LIMITS)} limits are met" in printed
    assert len(list(tmp_path.rglob(".runs/records/**/*.yml"))) == 10


def benchmark(*options: str) -> str:
    """What it prints."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--rounds", "1", *options],
        cwd=TOP,
        env={**os.environ, "PATH": sysconfig.get_path("scripts") + ":" + os.environ["PATH"]},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_a_limit_is_a_multiple_of_a_floor_and_some_time_more() -> None:
    floors = {PYTHON: Timing(0.01, 0)}
    limit = Limit({PYTHON: 4}, more=0.02, memory=100)
    assert limit.holds(Timing(0.06, 100_000_000), floors)
    assert not limit.holds(Timing(0.061, 100_000_000), floors)
    assert not limit.holds(Timing(0.06, 100_000_001), floors)
    assert str(limit) == f"4 x {PYTHON} + 20 ms, 100 MB"


def test_growth_is_the_exponent_of_a_power_law() -> None:
    figures = [Figure(LIST, runs, Timing(0.003 * runs**0.5, 0), {}) for runs in (10, 1_000, 10_000)]
    assert growth.rows(figures) == [[LIST, "0.50", "0.50"]]


def test_a_command_that_fails_or_does_not_end_is_not_taken_for_a_fast_one() -> None:
    with temporary(None) as place:
        with pytest.raises(CommandFailed, match="'false' ended with 1"):
            place.time(["false"], place.root)
        with pytest.raises(TookTooLong):
            place.time(["sleep", "60"], place.root, patience=0.1)
