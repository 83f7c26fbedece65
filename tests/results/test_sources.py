"""What every metric source does with what programs have written."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboardX import SummaryWriter

from git_runs.records.outputs import Outputs
from git_runs.records.record import Record
from git_runs.results import sources
from git_runs.results.reading import Summaries, Written, curves
from git_runs.results.sources.source import BLOCK, Mark, Places, Rules, Series

Write = Callable[[Outputs, str], Path]


def write_events(outputs: Outputs, name: str) -> Path:
    """As tensorboardX does it."""
    with SummaryWriter(outputs.tensorboard(name)) as writer:
        writer.add_scalar("loss", 2.5, 49)
        writer.add_scalar("loss", 1.25, 99)
        writer.add_scalar("val_loss", math.nan, 99)
        writer.add_scalar("loss", 0.5, 149)
        writer.add_scalar("val_loss", math.inf, 149)
    (path,) = Path(outputs.tensorboard(name)).iterdir()
    return path


def write_hparams(outputs: Outputs, name: str) -> Path:
    """In a directory of its own, as add_hparams does it."""
    path = write_events(outputs, name)
    directory = path.parent / "1700000000.125"
    directory.mkdir()
    return path.rename(directory / path.name)


def write_csv(outputs: Outputs, name: str) -> Path:
    """As Lightning's CSVLogger does it: a column for each metric, blank where a step has none."""
    path = Path(outputs.tensorboard(name), "version_0/metrics.csv")
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["loss", "step", "val_loss"])
        writer.writeheader()
        writer.writerow({"step": 49, "loss": 2.5})
        writer.writerow({"step": 99, "loss": 1.25})
        writer.writerow({"step": 99, "val_loss": "nan"})
        writer.writerow({"step": 149, "loss": 0.5, "val_loss": "inf"})
    return path


def write_log(outputs: Outputs, name: str) -> Path:
    """Lines, and bars that write over each other."""
    path = Path(outputs.log(name))
    path.parent.mkdir(parents=True)
    path.write_text("step 49: loss 2.5\r\nstep 99: loss 1.25 val_loss=nan\n\x1b[Kstep 149: loss 0.5 val_loss=inf\r")
    return path


# By source: a function that makes one file below the run's directories, with `loss` 2.5, 1.25, 0.5 at steps 49, 99,
# 149, and `val_loss` NaN and infinity at the last two.
WRITERS: dict[str, Write] = {"events": write_events, "hparams": write_hparams, "files": write_csv, "log": write_log}


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """The outputs of a runs dir."""
    return Outputs(str(tmp_path / "runs"))


def written(outputs: Outputs, *, rules: Rules | None = None, start: str = "") -> Written:
    """What the run `a` has written."""
    return Written(Places(outputs, "a", Record(datetime=start)), rules or Rules())


def read(outputs: Outputs, rules: Rules | None = None) -> dict[str, Series]:
    """The series of the run `a`."""
    found, _ = curves(written(outputs, rules=rules))
    return {key: series for key, (_, series) in found.items()}


def points(series: Series) -> list[tuple[float, float]]:
    """Steps and values."""
    return list(zip(series.steps, series.values, strict=True))


def test_every_source_is_tested() -> None:
    assert set(WRITERS) == set(sources.NAMES)


@pytest.mark.parametrize("name", sources.NAMES)
def test_series_come_by_key_with_their_steps(name: str, outputs: Outputs) -> None:
    path = WRITERS[name](outputs, "a")
    before = path.read_bytes(), sorted(Path(outputs.root).rglob("*"))
    found, damages = curves(written(outputs))
    assert sorted(found) == ["loss", "val_loss"]
    assert {source for source, _ in found.values()} == {name}
    assert points(found["loss"][1]) == [(49, 2.5), (99, 1.25), (149, 0.5)]
    (first, nan), second = points(found["val_loss"][1])
    assert (first, math.isnan(nan), second) == (99, True, (149, math.inf))
    assert damages == []
    assert (path.read_bytes(), sorted(Path(outputs.root).rglob("*"))) == before


@pytest.mark.parametrize("name", sources.NAMES)
def test_what_is_half_there_comes_later(name: str, outputs: Outputs) -> None:
    path = WRITERS[name](outputs, "a")
    whole = path.read_bytes()
    seen = 0
    one_after_another = Summaries(written(outputs))
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        found = read(outputs)
        values = list(found["loss"].values) if "loss" in found else []
        assert values == [2.5, 1.25, 0.5][: len(values)]
        assert len(values) >= seen
        seen = len(values)
        one_after_another.update()
        summaries = one_after_another.by_key()
        assert (summaries["loss"][1]["n"] if seen else 0) == seen
    assert seen == 3
    assert one_after_another.by_key()["loss"][1].numbers == [0.5, 0.5, 2.5, 2.5, 149, 149, 49, 3, 49, 149]


@pytest.mark.parametrize("name", sources.NAMES)
def test_a_program_may_write_faster_than_we_read(name: str, outputs: Outputs) -> None:
    path = WRITERS[name](outputs, "a")
    whole = path.read_bytes()
    path.write_bytes(whole * (2 * BLOCK // len(whole)))
    source = sources.named(name, Places(outputs, "a", Record()), Rules())
    with path.open("rb") as file, path.open("ab") as program:
        for number, _ in enumerate(source.read(file, Mark(), path.name)):
            program.write(whole * (BLOCK // len(whole)))
            program.flush()
            assert number < 10


@pytest.mark.parametrize("name", sources.NAMES)
def test_where_nothing_is_there_is_no_metric(name: str, outputs: Outputs) -> None:
    assert read(outputs) == {}
    path = WRITERS[name](outputs, "a")
    for garbage in (b"", b"\xff\xfe\0", b"[" * 100_000, b"no metric\n" * 100, bytes(5000), os.urandom(1000)):
        path.write_bytes(garbage)
        assert read(outputs) == {}


@pytest.mark.parametrize("name", sources.NAMES)
def test_no_link_is_followed_and_no_pipe_waited_for(name: str, outputs: Outputs, tmp_path: Path) -> None:
    path = WRITERS[name](outputs, "a")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert read(outputs) == {}
    path.unlink()
    os.mkfifo(path)
    assert read(outputs) == {}
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    for directory in {path.parent, Path(outputs.tensorboard("a"))} if name != "log" else ():
        assert read(outputs)
        directory.rename(tmp_path / "directory")
        directory.symlink_to(tmp_path / "directory")
        assert read(outputs) == {}
        directory.unlink()
        (tmp_path / "directory").rename(directory)


def test_the_more_trusted_source_gives_the_values(outputs: Outputs) -> None:
    write_log(outputs, "a").write_text("loss 1 acc 1 f1 1\n")
    directory = Path(outputs.tensorboard("a"))
    directory.mkdir(parents=True)
    (directory / "metrics.json").write_text('{"loss": 2, "acc": 2}')
    with SummaryWriter(str(directory)) as writer:
        writer.add_scalar("loss", 3, 0)
    found, _ = curves(written(outputs))
    assert {key: (source, *series.values) for key, (source, series) in found.items()} == {
        "loss": ("events", 3),
        "acc": ("files", 2),
        "f1": ("log", 1),
    }


def test_the_results_of_trials_do_not_take_the_place_of_curves(outputs: Outputs) -> None:
    with SummaryWriter(outputs.tensorboard("a")) as writer:
        writer.add_scalar("loss", 5, 0)
        writer.add_scalar("loss", 4, 1)
        writer.add_hparams({"lr": 1}, {"loss": 4, "best": 3})
    found = read(outputs)
    assert {key: points(series) for key, series in found.items()} == {"loss": [(0, 5), (1, 4)], "best": [(0, 3)]}


def test_a_directory_of_all_runs_is_not_one_of_them(outputs: Outputs, tmp_path: Path) -> None:
    for directory, keys in ((tmp_path / "all/<run-name>", ["loss", "val_loss"]), (tmp_path / "all", [])):
        Path(outputs.tensorboard("a")).parent.mkdir(parents=True, exist_ok=True)
        record = Record(settings={"tb-dir": str(directory)})
        path = write_events(outputs, "a")
        place = Path(str(directory).replace("<run-name>", "a"))
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
        found, _ = curves(Written(Places(outputs, "a", record), Rules()))
        assert sorted(found) == keys


# --- metric files


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("metrics.csv", "epoch,acc\n0,0.5\n1,0.75\n", {"acc": [(0, 0.5), (1, 0.75)], "epoch": [(0, 0), (1, 1)]}),
        ("metrics.csv", "epoch,step,acc\n0,9,1\n1,19,2\n", {"acc": [(9, 1), (19, 2)], "epoch": [(9, 0), (19, 1)]}),
        ("metrics.csv", "acc,note\n0.5,good\n0.75,1 2\n", {"acc": [(0, 0.5), (1, 0.75)]}),
        ("metrics.csv", "step,acc\n1,0.5\n2,0.75", {"acc": [(1, 0.5)]}),
        (
            "metrics.csv",
            'step,ppl,acc\n"1,000","1,234.5",80%\n"2,000","1,2",%\n',
            {"ppl": [(1000, 1234.5)], "acc": [(1000, 80)]},
        ),
        (
            "results.csv",
            "  epoch,   train/loss\n    1,   1e-1\n    2,  5e-2\n",
            {"train/loss": [(1, 0.1), (2, 0.05)], "epoch": [(1, 1), (2, 2)]},
        ),
        ("log.jsonl", '{"step": 5, "loss": 2, "lr": "0.1", "ok": true}\n{"los', {"loss": [(5, 2)]}),
        ("log.jsonl", '3\n{"loss": 1}\n[]\n\n{"loss": NaN2}\n{"loss": 4}\n', {"loss": [(0, 1), (1, 4)]}),
        ("log.jsonl", '{"loss": 1, "_timestamp": 1700000000.5, "time": 3}\n', {"loss": [(0, 1)], "time": [(0, 3)]}),
        ("scalars.json", '{"loss": 1, "iter": 10}\n{"loss": 4, "iter": 20}\n', {"loss": [(10, 1), (20, 4)]}),
        ("metrics.json", '{"acc": 0.5, "model": "x"}', {"acc": [(0, 0.5)]}),
        (
            "metrics.json",
            '{"train": {"acc": 0.5, "deep": {"f1": 1}}}',
            {"train/acc": [(0, 0.5)], "train/deep/f1": [(0, 1)]},
        ),
        ("metrics.json", '[{"step": 1, "acc": 0.5}, {"step": 2, "acc": 1}]', {"acc": [(1, 0.5), (2, 1)]}),
        ("metrics.json", '{"iteration": 19, "loss": 1}\n{"iteration": 39, "loss": 2}\n', {"loss": [(19, 1), (39, 2)]}),
        ("metrics.json", '{"loss": {"steps": [1, 9], "values": [3, 2.5]}}', {"loss": [(1, 3), (9, 2.5)]}),
        (
            "metrics.json",
            '{"loss": {"values": [3, null, "2"]}, "b": {"steps": 1}}',
            {"loss": [(0, 3)], "b/steps": [(0, 1)]},
        ),
        (
            "trainer_state.json",
            '{"log_history": [{"epoch": 1, "loss": 2, "step": 500}, {"eval_loss": 1.5, "step": 500}, 7]}',
            {"loss": [(500, 2)], "eval_loss": [(500, 1.5)], "epoch": [(500, 1)]},
        ),
        ("log.jsonl", '{"step": 1, "val": {"loss": 0.5}}\n', {"val/loss": [(1, 0.5)]}),
        ("metrics.csv", "Epoch,acc\n1,0.5\n2,0.75\n", {"acc": [(1, 0.5), (2, 0.75)], "Epoch": [(1, 1), (2, 2)]}),
        ("metrics.csv", "Step,Time,acc\n9,1700000000,1\n", {"acc": [(9, 1)]}),
        (
            "metrics.csv",
            "phase,epoch,loss,test_acc\ntrain,1,3,\nVal,1,4,1\ntrain,2,2,\nVal,2,5,2\n",
            {
                "loss": [(1, 3), (2, 2)],
                "val_loss": [(1, 4), (2, 5)],
                "test_acc": [(1, 1), (2, 2)],
                "epoch": [(1, 1), (1, 1), (2, 2), (2, 2)],
            },
        ),
        (
            "log.jsonl",
            '{"loss": 1, "split": "train"}\n{"loss": 2, "split": "test"}\n{"loss": 3, "split": "few"}\n',
            {"loss": [(0, 1), (2, 3)], "test_loss": [(1, 2)]},
        ),
        ("val_metrics.jsonl", '{"step": 3, "loss": 2}\n', {"val_loss": [(3, 2)]}),
        ("val/metrics.csv", "step,loss,epoch\n3,2,1\n", {"val_loss": [(3, 2)], "epoch": [(3, 1)]}),
        ("train/metrics.csv", "step,loss\n3,2\n", {"loss": [(3, 2)]}),
        ("metrics.csv", "split,loss\n1,2\n", {"split": [(0, 1)], "loss": [(0, 2)]}),
        ("log.jsonl", '{"step": NaN, "iter": 7, "loss": 1}\n', {"loss": [(7, 1)]}),
        ("log.jsonl", f'{{"note": "{"x" * BLOCK}", "loss": 1}}\n{{"loss": 2}}\n', {"loss": [(0, 2)]}),
        ("metrics.csv", "step,loss\n1,2\nloss,acc,step\n3,4,2\n", {"loss": [(1, 2), (2, 3)], "acc": [(2, 4)]}),
        ("metrics.csv", "step,loss\n1,0,5\n2,3,\n3,1_0\n", {"loss": [(2, 3)]}),
        ("metrics.csv", 'step,note,loss\n1,"a\nb",7\n2,c,3\n', {"loss": [(2, 3)]}),
        ("other.csv", "step,loss\n1,2\n", {}),
    ],
)
def test_forms_of_files(outputs: Outputs, file: str, text: str, expected: dict[str, list[tuple[float, float]]]) -> None:
    for place in (outputs.tensorboard, outputs.checkpoints, outputs.worktree):
        path = Path(place("a"), "deep", file)
        path.parent.mkdir(parents=True)
        path.write_text(text)
        assert {key: points(series) for key, series in read(outputs).items()} == expected
        path.unlink()


def test_files_that_a_setting_names(outputs: Outputs) -> None:
    for path, text in {
        "out/scores-1.tsv": "step\tf1\n3\t0.5\n",
        "out/eval.json": '{"acc": 1}',
        "eval.json": "{}",
    }.items():
        file = Path(outputs.checkpoints("a"), path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = read(outputs, Rules(["scores-*", "out/*.json"]))
    assert {key: points(series) for key, series in found.items()} == {"f1": [(3, 0.5)], "eval_acc": [(0, 1)]}


@pytest.mark.parametrize(
    ("status", "in_csv", "in_lines"), [("running", 1, 1), ("killed", 1, 2), ("failed", 1, 2), ("finished", 2, 2)]
)
def test_a_last_line_without_its_end(outputs: Outputs, status: str, in_csv: int, in_lines: int) -> None:
    """A program that was stopped may have written a part of a number."""
    place = Path(outputs.tensorboard("a"))
    place.mkdir(parents=True)
    (place / "metrics.csv").write_text("step,acc\n1,0.5\n2,0.75")
    (place / "log.jsonl").write_text('{"loss": 3}\n{"loss": 2}')
    found, _ = curves(Written(Places(outputs, "a", Record(status=status)), Rules()))
    assert {key: len(series.values) for key, (_, series) in found.items()} == {"acc": in_csv, "loss": in_lines}


def test_the_file_that_was_written_last_counts(outputs: Outputs) -> None:
    for time, (place, value) in enumerate({"x": 1, "z": 2, "y": 3}.items()):
        path = Path(outputs.checkpoints("a"), place, "metrics.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"loss": value, place: 0}))
        os.utime(path, (time, time))
    found = read(outputs)
    assert (list(found["loss"].values), sorted(found)) == ([3], ["loss", "x", "y", "z"])


def test_what_the_commit_has_in_the_runs_own_work_tree_is_no_result(outputs: Outputs) -> None:
    path = Path(outputs.worktree("a"), "metrics.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"loss": 1}')
    start = "2026-01-01T00:00:00+00:00"
    for moment, keys in ((1e9, []), (2e9, ["loss"])):
        os.utime(path, (moment, moment))
        found, _ = curves(written(outputs, start=start))
        assert list(found) == keys
