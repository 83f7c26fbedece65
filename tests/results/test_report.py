"""What the page about runs is made of: thinned curves, code of commits, ends of logs."""

from __future__ import annotations

import io
import json
import random
import re
from math import inf, isnan, nan, sin
from pathlib import Path

import pytest

from git_runs.records.record import Record
from git_runs.results import tails
from git_runs.results.report import code, curves, drawing
from git_runs.results.sources.source import Series
from tests.conftest import Repository


def _series(values: list[float], start: int = 0) -> Series:
    series = Series()
    for step, value in enumerate(values, start):
        series.add(step, value)
    return series


def test_a_short_curve_keeps_all_points() -> None:
    packed = curves.packed(curves.of(_series([1.5, nan, inf, 2.0], start=7)))
    assert packed == {"steps": [7, 1, 1, 1], "values": [1.5, None, None, 2]}


def test_peaks_and_gaps_stay_where_many_points_are_thinned() -> None:
    values = [sin(step / 1000) for step in range(10_000)]
    values[1234], values[5678] = 99.0, -99.0
    values[8000:9000] = [nan] * 1000
    values[9500] = inf
    curve = curves.of(_series(values))
    thin = curve.thinned(curves.FEWEST_BUCKETS)
    for one, most in ((curve, curves.MOST_BUCKETS), (thin, curves.FEWEST_BUCKETS)):
        assert len(one.points) <= 2 * most
        assert {(1234.0, 99.0), (5678.0, -99.0)} <= set(one.points)
        assert any(isnan(value) for step, value in one.points if 8000 <= step < 9000)
        assert [step for step, _ in one.points] == sorted(step for step, _ in one.points)
        (mean,) = [b.mean for b in one.buckets if (1234.0, 99.0) in (b.first, b.second)]
        assert mean < 10  # of many points, a peak is one
    assert sum(bucket.count for bucket in thin.buckets) == 8999


def test_steps_that_go_back_are_put_in_order() -> None:
    series = _series([3.0, 4.0], start=2)
    for step, value in ((0.0, 1.0), (nan, 5.0), (1.0, 2.0)):
        series.add(step, value)
    assert curves.of(series).points == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]


def test_extremes_are_no_trouble() -> None:
    series = _series([1e308] * 1000 + [-1e308] * 1000)
    series.add(1e308, 1.0)
    curve = curves.of(series)
    packed = curves.packed(curve)
    assert json.loads(json.dumps(packed, allow_nan=False)) == packed
    assert max(packed["values"], default=0) == 1e308  # type: ignore[type-var]
    drawn = drawing.draw({0: curve, 1: curves.of(_series([nan, 1.0, inf, 2.0]))}, {0: "a", 1: "b"}, 10)
    assert not re.search("nan|inf", drawn)
    assert (drawn.count("<title>"), drawn.count('class="band"')) == (2, 1)


def test_two_hundred_runs_fit() -> None:
    draws = random.Random(1)
    one = curves.of(_series([draws.gauss(1, 0.1) for _ in range(10_000)]))
    packed = [curves.packed(curve) for curve in curves.fitted([one] * 600)]
    # plotly has 5 MB of the 12, and logs and code up to 2 each, which is rarely reached.
    assert len(json.dumps(packed, separators=(",", ":"))) < 5_000_000


def test_forty_runs_look_different() -> None:
    assert len({drawing.look(style) for style in range(40)}) == 40


def test_the_end_of_a_log_is_as_a_terminal_leaves_it() -> None:
    log = b"one\r\n\x1b[1;32mtwo\x1b[0m\x1b]0;title\x07\r\n 10%\r 90%\r100%\r\n3/3\x08\x08\x08done\nbell\x07 \xff\x1b[3"
    assert tails.tail(io.BytesIO(log), Record(id="id")) == "one\ntwo\n100%\ndone\nbell\\x07 \ufffd\\x1b[3"
    many = b"".join(b"line %d\n" % number for number in range(100_000))
    assert tails.tail(io.BytesIO(many), Record(id="id")).splitlines() == [
        f"line {number}" for number in range(99_900, 100_000)
    ]
    assert len(tails.tail(io.BytesIO(b"x" * 10**6), Record(id="id"))) == tails.LONGEST


def test_the_code_of_many_commits_is_there_once(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)
    for number in range(20):
        repo.commit("model.py", f"layers = {number % 5}\n", f"{number}")
    repo.commit("data.bin", "a\0b", "binary")
    repo.commit("large.txt", "x\n" * code.LARGEST, "large")
    commits = repo.git("rev-list", "HEAD").split()
    found = code.compared([*commits, "0" * 40, "no commit"], str(repo.path / ".git"))
    assert [one["commit"] for one in found["commits"]] == commits
    base, *others = ({path: number for path, _, number in one["files"]} for one in found["commits"])
    texts = found["texts"]
    assert {path: texts[number] for path, number in base.items()} == {
        "data.bin": ["a binary file of 3 bytes"],
        "large.txt": ["a file of 400000 bytes, too large for this page"],
        "model.py": "layers = 4\n",
    }
    assert others[0] == {"large.txt": -1}
    assert texts[others[-2]["model.py"]] == "layers = 0\n"
    assert others[-1] == {"data.bin": -1, "large.txt": -1, "model.py": -1}
    assert len(texts) == 7


def test_code_with_links_submodules_and_odd_paths(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)
    old = repo.git("rev-parse", "HEAD").strip()
    (repo.path / "link").symlink_to("train.py")
    (repo.path / "new\nline 😀").write_text("x")
    Path(repo.path / "train.py").chmod(0o755)
    repo.add_submodules("lib")
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "odd")
    new = repo.git("rev-parse", "HEAD").strip()
    found = code.compared([old, new], str(repo.path / ".git"))
    files = {path: (mode, number) for path, mode, number in found["commits"][1]["files"]}
    assert found["texts"][files["link"][1]] == "train.py"
    assert found["texts"][files["new\\nline 😀"][1]] == "x"
    assert found["texts"][files["lib"][1]].startswith("Subproject commit ")
    before = {path: (mode, number) for path, mode, number in found["commits"][0]["files"]}
    assert (before["train.py"][0], files["train.py"][0]) == ("100644", "100755")
    assert found["texts"][before["train.py"][1]] == found["texts"][files["train.py"][1]]
    assert before["link"][1] == -1
