"""What every metric source does with what programs have written."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from git_runs.records.outputs import Outputs
from git_runs.results import metrics, sources
from git_runs.results.sources.source import Series

Write = Callable[[Outputs, str], Path]


def write_csv(outputs: Outputs, name: str) -> Path:
    """As Lightning's CSVLogger does it: a column for each metric, blank where a step has none."""
    path = Path(outputs.tensorboard(name), "version_0/metrics.csv")
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "loss", "step", "val_loss"])
        writer.writeheader()
        writer.writerow({"epoch": 0, "step": 49, "loss": 2.5})
        writer.writerow({"epoch": 0, "step": 99, "loss": 1.25})
        writer.writerow({"epoch": 0, "step": 99, "val_loss": "nan"})
        writer.writerow({"epoch": 1, "step": 149, "loss": 0.5, "val_loss": "inf"})
    return path


# By source: a function that makes one file below the run's directories, with `loss` 2.5, 1.25, 0.5 at steps 49, 99,
# 149, and `val_loss` NaN and infinity at the last two.
WRITERS: dict[str, Write] = {"files": write_csv}


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """The outputs of a runs dir."""
    return Outputs(str(tmp_path / "runs"))


def points(series: Series) -> list[tuple[float, float]]:
    """Steps and values."""
    return list(zip(series.steps, series.values, strict=True))


def test_every_source_is_tested() -> None:
    assert set(WRITERS) == set(sources.NAMES)


@pytest.mark.parametrize("name", sources.NAMES)
def test_series_come_by_key_with_their_steps(name: str, outputs: Outputs) -> None:
    path = WRITERS[name](outputs, "a")
    before = path.read_bytes(), sorted(Path(outputs.root).rglob("*"))
    found = sources.named(name).read(outputs, "a")
    assert sorted(found) == ["loss", "val_loss"]
    assert points(found["loss"]) == [(49, 2.5), (99, 1.25), (149, 0.5)]
    (first, nan), second = points(found["val_loss"])
    assert (first, math.isnan(nan), second) == (99, True, (149, math.inf))
    assert found["loss"].origin == str(path)
    assert (path.read_bytes(), sorted(Path(outputs.root).rglob("*"))) == before


@pytest.mark.parametrize("name", sources.NAMES)
def test_what_is_half_there_comes_later(name: str, outputs: Outputs) -> None:
    path = WRITERS[name](outputs, "a")
    whole = path.read_bytes()
    seen = 0
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        found = sources.named(name).read(outputs, "a")
        values = list(found["loss"].values) if "loss" in found else []
        assert values == [2.5, 1.25, 0.5][: len(values)]
        assert len(values) >= seen
        seen = len(values)
    assert seen == 3


@pytest.mark.parametrize("name", sources.NAMES)
def test_where_nothing_is_there_is_no_metric(name: str, outputs: Outputs) -> None:
    assert sources.named(name).read(outputs, "a") == {}
    path = WRITERS[name](outputs, "a")
    for garbage in (b"", b"\xff\xfe\0", b"[" * 100_000, b"no metric\n" * 100, os.urandom(1000)):
        path.write_bytes(garbage)
        assert sources.named(name).read(outputs, "a") == {}


@pytest.mark.parametrize("name", sources.NAMES)
def test_no_link_is_followed_and_no_pipe_waited_for(name: str, outputs: Outputs, tmp_path: Path) -> None:
    path = WRITERS[name](outputs, "a")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert sources.named(name).read(outputs, "a") == {}
    path.unlink()
    os.mkfifo(path)
    assert sources.named(name).read(outputs, "a") == {}
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    for directory in (path.parent, Path(outputs.tensorboard("a"))):
        assert sources.named(name).read(outputs, "a")
        directory.rename(tmp_path / "directory")
        directory.symlink_to(tmp_path / "directory")
        assert sources.named(name).read(outputs, "a") == {}
        directory.unlink()
        (tmp_path / "directory").rename(directory)


# --- metric files


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("metrics.csv", "epoch,acc\n0,0.5\n1,0.75\n", {"acc": [(0, 0.5), (1, 0.75)]}),
        ("metrics.csv", "acc,note\n0.5,good\n0.75,1 2\n", {"acc": [(0, 0.5), (1, 0.75)]}),
        ("metrics.csv", "step,acc\n1,0.5\n2,0.75", {"acc": [(1, 0.5)]}),
        ("results.csv", "  epoch,   train/loss\n    1,   1e-1\n    2,  5e-2\n", {"train/loss": [(1, 0.1), (2, 0.05)]}),
        ("log.jsonl", '{"step": 5, "loss": 2, "lr": "0.1", "ok": true}\n{"los', {"loss": [(5, 2)]}),
        ("log.jsonl", '3\n{"loss": 1}\n[]\n\n{"loss": NaN2}\n{"loss": 4}\n', {"loss": [(0, 1), (1, 4)]}),
        ("metrics.json", '{"acc": 0.5, "model": "x"}', {"acc": [(0, 0.5)]}),
        ("metrics.json", '{"loss": {"steps": [1, 9], "values": [3, 2.5]}}', {"loss": [(1, 3), (9, 2.5)]}),
        ("metrics.json", '{"loss": {"values": [3, null, "2"]}, "b": {"steps": 1}}', {"loss": [(0, 3)]}),
        (
            "trainer_state.json",
            '{"log_history": [{"epoch": 1, "loss": 2, "step": 500}, {"eval_loss": 1.5, "step": 500}, 7]}',
            {"loss": [(500, 2)], "eval_loss": [(500, 1.5)]},
        ),
        ("other.csv", "step,loss\n1,2\n", {}),
    ],
)
def test_forms_of_files(outputs: Outputs, file: str, text: str, expected: dict[str, list[tuple[float, float]]]) -> None:
    for place in (outputs.tensorboard, outputs.checkpoints, outputs.worktree):
        path = Path(place("a"), "deep", file)
        path.parent.mkdir(parents=True)
        path.write_text(text)
        found = sources.named("files").read(outputs, "a")
        assert {key: points(series) for key, series in found.items()} == expected
        path.unlink()


def test_the_file_that_was_written_last_counts(outputs: Outputs) -> None:
    for time, (place, value) in enumerate({"x": 1, "z": 2, "y": 3}.items()):
        path = Path(outputs.checkpoints("a"), place, "metrics.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"loss": value, place: 0}))
        os.utime(path, (time, time))
    (loss, *others) = metrics.read(outputs, "a")
    assert (loss.last, [other.key for other in others]) == (3, ["x", "y", "z"])
