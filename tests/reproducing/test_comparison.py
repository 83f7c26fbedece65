"""What counts as the same output of two runs."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from git_runs.records.outputs import Outputs, end_marker, start_marker
from git_runs.records.record import Record, Run
from git_runs.reproducing.comparison import compare

DAY = {"datetime": "2026-11-23T12:00:00+00:00", "finished": "2026-11-23T13:00:00+00:00"}
NEXT_YEAR = {"datetime": "2027-01-02T03:00:00+00:00", "finished": "2027-01-02T04:00:00+00:00"}


class Pair:
    """Two runs in one runs dir."""

    def __init__(self, root: Path) -> None:
        self.outputs = Outputs(str(root / "repo/.runs"))
        self.runs = [Run(name, Record({"id": f"id-{name}", "exit-code": 0})) for name in ("a", "b")]
        for run in self.runs:
            self.outputs.create(run.name)

    def write(self, path: str, *contents: bytes) -> None:
        """Give each run such an output: a log, or a file below its directories."""
        for run, content in zip(self.runs, contents, strict=True):
            kind, _, name = path.partition("/")
            target = Path(getattr(self.outputs, kind)(run.name)) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def different(self) -> dict[str, str]:
        """What is not equal, and how."""
        return {
            item.what: item.detail or item.state for item in compare(self.outputs, *self.runs) if item.state != "equal"
        }


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Two runs that have put out nothing."""
    return Pair(tmp_path)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b"2026-11-23T16:40:13.110316+00:00 step\r\n", b"2027-01-02 03:04:05,1 step\n"),
        (b"[12:33:11] epoch 1\n", b"[09:01:02.5] epoch 1\n"),
        (b"took 0.12 s (12ms, 3min)\n", b"took 10 s (9.5e1ms, 44min)\n"),
        (b"1795435678.25 saved\n", b"1798859999.1 saved\n"),
        (b"10%|# | 1/10 [00:01<00:09, 1.02it/s]\r100%|##| 10/10 [00:09<00:00, 1.1it/s]\n",
         b"100%|##| 10/10 [00:11<00:00, 812.22it/s]\n"),
        (b"\x1b[1mbold\x1b[0m \x1b]0;title\x07x\n", b"bold x\n"),
        (b"512.5 samples/s, 3 MB/s\n", b"99 samples/s, 2.5 MB/s\n"),
        (b"Mon Nov 23 21:09:41 UTC 2026\n", b"Sat Jan  2 03:09:41 UTC 2027\n"),
        (b"I1123 21:09:41.110 train.py] go\n", b"I0102 03:04:05.1 train.py] go\n"),
        (b"time: 3.5, loss 1\n", b"time: 3.25, loss 1\n"),
        (b"elapsed 12 minutes\n", b"elapsed 3 minutes\n"),
        (b"5/5 [====] - 2s 32ms/step - loss: 1\n", b"5/5 [====] - 3s 48ms/step - loss: 1\n"),
    ],
)  # fmt: skip
def test_what_is_another_each_time_is_masked(pair: Pair, left: bytes, right: bytes) -> None:
    for run, times in zip(pair.runs, (DAY, NEXT_YEAR), strict=True):
        run.record.update(times)
    pair.write("log", left, right)
    assert pair.different() == {}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b"loss 0.5\n", b"loss 0.25\n"),
        (b"step 100\n", b"step 101\n"),
        (b"a\nb\n", b"a\n"),
        (b"x 1e-5\n", b"x 1e-6\n"),
        (b"max 0.95 min 0.12\n", b"max 0.31 min 0.12\n"),
        (b"BLEU 27.3 s\n", b"BLEU 1.3 s\n"),
        (b"loss 0.5/step\n", b"loss 0.9/step\n"),
        (b"ratio 12:34\n", b"ratio 56:78\n"),
        (b"checksum 1712345678\n", b"checksum 1612345678\n"),
        (b"accuracy 91 h\n", b"accuracy 3 h\n"),
        (b"loss 0.5\rloss 0.4\rdone\n", b"loss 9.5\rloss 99\rdone\n"),
        (b"100%|##| 10/10 [00:01<00:00, 9.5it/s, loss=0.1]\n", b"100%|##| 10/10 [00:01<00:00, 9.5it/s, loss=9.8]\n"),
        (b"best eta=0.3\n", b"best eta=0.01\n"),
        (b"took 5 retries\n", b"took 9 retries\n"),
        (b"time 3 passed\n", b"time 3 failed\n"),
        (b"duration=5 steps\n", b"duration=9 crashes\n"),
        (b"wind 12 m/s\n", b"wind 99 m/s\n"),
        (b"rows 1512345678.5\n", b"rows 1999999999.5\n"),
        (b"peak 2031-01-01 10:00\n", b"peak 2044-01-01 10:00\n"),
        (b"Sun of layer 3 has 1 percent 10:00:00\n", b"Sun of layer 3 has 9 percent 10:00:00\n"),
    ],
)
def test_numbers_that_count_are_not_masked(pair: Pair, left: bytes, right: bytes) -> None:
    for run, times in zip(pair.runs, (DAY, NEXT_YEAR), strict=True):
        run.record.update(times)
    pair.write("log", left, right)
    assert list(pair.different()) == ["log"]


def test_the_first_line_that_differs_is_shown(pair: Pair) -> None:
    pair.write("log", b"same\nloss 1\nloss 2\n", b"same\nloss 1\n")
    assert pair.different() == {"log": "line 3: 'loss 2' / nothing"}


def test_of_a_failed_run_the_exception_is_shown(pair: Pair) -> None:
    traceback = b'Traceback (most recent call last):\n  File "x", line 1\n    import '
    errors = b"KeyError: 1\n\nDuring handling ...:\n\n" + traceback + b"numpy\nImportError: numpy\nnote\n"
    pair.write("log", b"start\nloss 1\n", b"start\n" + traceback + b"x\n" + errors)
    assert pair.different() == {"log": "line 2: 'loss 1' / 'Traceback (most recent call last):'"}
    pair.runs[1].record["status"] = "failed"
    assert pair.different()["log"] == "line 2: 'loss 1' / 'ImportError: numpy'"
    pair.write("log", b"start\nloss 1\n", b"start\nloss 2\n" + traceback + errors)
    assert pair.different()["log"] == "line 2: 'loss 1' / 'loss 2'"


def test_paths_of_the_runs_are_masked(pair: Pair) -> None:
    outputs = pair.outputs
    contents = [
        f"{outputs.tensorboard(run.name)}/x {outputs.checkpoints(run.name)}/m {outputs.root}\n".encode()
        for run in pair.runs
    ]
    pair.write("log", *contents)
    assert pair.different() == {}


def test_an_isolated_run_is_compared_from_where_its_command_began(pair: Pair) -> None:
    outputs = pair.outputs
    pair.runs[1].record["worktree"] = outputs.worktree("b")
    top = str(Path(outputs.root).parent)
    pair.write(
        "log",
        f"in {top}/sub\n".encode(),
        b"Preparing worktree\r\nHEAD is now at x\r\n"
        + start_marker("id-b")
        + f"in {outputs.worktree('b')}/sub\r\n".encode()
        + end_marker("id-b"),
    )
    assert pair.different() == {}


def test_files_are_compared_byte_for_byte(pair: Pair) -> None:
    pair.write("checkpoints/deep/model", b"x" * 3_000_000 + b"1", b"x" * 3_000_000 + b"2")
    pair.write("tensorboard/metrics.csv", b"1\n", b"1\n")
    Path(pair.outputs.checkpoints("a"), "more").touch()
    assert pair.different() == {"checkpoints/deep/model": "different", "checkpoints/more": "only in a"}


def test_endings_are_compared(pair: Pair) -> None:
    pair.runs[0] = Run("a", Record({"id": "id-a", "status": "finished", "exit-code": 0}))
    pair.runs[1] = Run("b", Record({"id": "id-b", "status": "killed", "signal": 9}))
    assert pair.different() == {"exit code": "finished, exit-code 0 / killed, signal 9"}
    pair.runs[1] = Run("b", Record({"id": "id-b", "status": "killed", "exit-code": 0}))
    assert pair.different() == {"exit code": "finished, exit-code 0 / killed, exit-code 0"}


def test_a_log_that_is_not_there_is_no_empty_one(pair: Pair) -> None:
    Path(pair.outputs.log("a")).unlink()
    assert pair.different() == {"log": "only in b"}
    Path(pair.outputs.log("b")).unlink()
    assert pair.different() == {"log": "in neither"}


def test_links_are_compared_by_where_they_lead(pair: Pair) -> None:
    for run in pair.runs:
        place = Path(pair.outputs.checkpoints(run.name))
        (place / "e1").mkdir()
        (place / "own").symlink_to(place / "e1")
        (place / "best").symlink_to("e1" if run.name == "a" else "e2")
        (place / f"empty-{run.name}").mkdir()
    assert pair.different() == {
        "checkpoints/best": "different",
        "checkpoints/empty-a/": "only in a",
        "checkpoints/empty-b/": "only in b",
    }


def events(*losses: float, at: float) -> bytes:
    """An event file: TFRecords of events, whose first field is the time."""
    records = b""
    for loss in losses:
        event = b"\x09" + struct.pack("<d", at) + b"\x15" + struct.pack("<f", loss)
        records += struct.pack("<Q", len(event)) + b"crc1" + event + b"crc2"
        at += 1
    return records


def test_event_files_are_compared_without_their_times(pair: Pair) -> None:
    for run, at in zip(pair.runs, (1e9, 2e9), strict=True):
        place = Path(pair.outputs.tensorboard(run.name))
        (place / f"events.out.tfevents.{at:.0f}.host.{at:.0f}").write_bytes(events(1.5, 0.5, at=at))
    assert pair.different() == {}
    (place / "events.out.tfevents.2000000000.host.2000000000").write_bytes(events(1.5, 0.25, at=5))
    assert pair.different() == {"tensorboard/events.out.tfevents (1)": "different"}


def test_what_is_masked_is_reported(pair: Pair) -> None:
    pair.write("log", b"same\ntook 1s\n", b"same\ntook 2s\n")
    log = compare(pair.outputs, *pair.runs)[1]
    assert (log.state, log.detail) == ("equal", "equal but for times, as in line 2: 'took 1s' / 'took 2s'")


def test_a_long_line_is_shown_from_where_it_differs(pair: Pair) -> None:
    pair.write("log", b"x" * 100 + b"1\n", b"x" * 100 + b"2\n")
    same = "x" * 20
    assert pair.different() == {"log": f"line 1: '...{same}1' / '...{same}2'"}


def test_paths_are_masked_whatever_name_and_tree_the_run_had(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "repo")
    pair.runs[0].record.update({"launched-as": "old", "top": str(tmp_path / "linked")})
    pair.runs[1].record.update({"top": str(tmp_path / "link")})
    one = f"{pair.outputs.tensorboard('old')} {tmp_path}/linked/x {tmp_path}/linked-other\n"
    other = f"{pair.outputs.tensorboard('b')} {tmp_path}/repo/x {tmp_path}/linked-other\n"
    pair.write("log", one.encode(), other.encode())
    assert pair.different() == {}


def test_the_paths_of_the_clone_where_a_run_took_place_are_masked(pair: Pair) -> None:
    theirs = Outputs("/elsewhere/repo/.runs")
    pair.runs[0].record.update({"launched-as": "old", "top": "/elsewhere/repo", "runs-dir": theirs.root})
    one = f"{theirs.checkpoints('old')}/m {theirs.tensorboard('old')} {theirs.worktree('old')}/x {theirs.root}\n"
    own = pair.outputs
    other = f"{own.checkpoints('b')}/m {own.tensorboard('b')} {own.worktree('b')}/x {own.root}\n"
    pair.write("log", one.encode(), other.encode())
    assert pair.different() == {}


def test_checkpoints_may_be_a_file(pair: Pair) -> None:
    for run in pair.runs:
        Path(pair.outputs.checkpoints(run.name)).rmdir()
        Path(pair.outputs.checkpoints(run.name)).write_text(run.name)
    assert pair.different() == {"checkpoints/": "different"}


def test_what_is_no_file_is_not_opened(pair: Pair) -> None:
    for run in pair.runs:
        os.mkfifo(Path(pair.outputs.checkpoints(run.name), "pipe"))
    assert pair.different() == {}
    os.unlink(Path(pair.outputs.checkpoints("a"), "pipe"))
    Path(pair.outputs.checkpoints("a"), "pipe").touch()
    assert pair.different() == {"checkpoints/pipe": "different"}
