"""Metrics that are read on from where they were read to."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tensorboardX import SummaryWriter

from git_runs.records.outputs import Outputs
from git_runs.records.record import Record
from git_runs.results.reading import Summaries, Written, curves
from git_runs.results.sources.source import Places, Rules, Series
from git_runs.results.summary import CURVE, DENSE, Outline, Summary, tidy
from tests.faults.harness import EXAMPLES


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """The outputs of a runs dir."""
    return Outputs(str(tmp_path / "runs"))


def written(outputs: Outputs) -> Written:
    """What the run `a` has written."""
    return Written(Places(outputs, "a", Record()), Rules())


def write_csv(outputs: Outputs, directory: str, steps: range, value: float, moment: float) -> Path:
    """A metric file as it was at that moment."""
    path = Path(outputs.checkpoints("a"), directory, "metrics.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step,loss\n" + "".join(f"{step},{value + step}\n" for step in steps))
    age(path, moment)
    return path


def age(path: Path, moment: float) -> None:
    """Let the file and the directories above it be as old as that: what is young is read again."""
    for one in (path, *path.parents[:4]):
        if one.is_relative_to(path.parents[3]):
            os.utime(one, (moment, moment))


def kept(summaries: Summaries, outputs: Outputs) -> Summaries:
    """As another command gets them."""
    other = Summaries(written(outputs))
    other.restore(*summaries.texts())
    return other


def agree(summaries: Summaries, outputs: Outputs) -> None:
    """The summaries are those of the curves."""
    found, _ = curves(written(outputs))
    expected = {key: Summary.of(series) for key, (_, series) in found.items()}
    # As text, for NaN is not equal to itself.
    assert str({key: one.numbers for key, (_, one) in sorted(summaries.by_key().items())}) == str(
        {key: one.numbers for key, one in sorted(expected.items())}
    )


def test_what_was_read_is_not_read_again(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(5), 0, 1e9)
    one = Summaries(written(outputs))
    assert one.update()
    other = kept(one, outputs)
    assert not other.update()
    path.chmod(0o000)  # which changes the time of its last change of status
    os.utime(path, (1e9, 1e9))
    agree(other, outputs)


def test_a_file_that_grows_is_read_on(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(5), 0, 1e9)
    one = Summaries(written(outputs))
    one.update()
    with path.open("a") as file:
        file.write("5,-1\n6,9")
    other = kept(one, outputs)
    assert other.update()
    assert other.by_key()["loss"][1].numbers == [-1, -1, 4, 0, 5, 5, 4, 6, 0, 5]
    with path.open("a") as file:
        file.write("0\n")
    other.update()
    assert other.by_key()["loss"][1]["last"] == 90


def test_a_file_that_is_written_anew_is_read_anew(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(5), 0, 1e9)
    one = Summaries(written(outputs))
    one.update()
    write_csv(outputs, "x", range(100, 120), 7, 1e9)
    other = kept(one, outputs)
    other.update()
    agree(other, outputs)
    path.write_text("step,other\n1,2\n")
    other.update()
    assert list(other.by_key()) == ["other"]
    path.unlink()
    other.update()
    assert other.by_key() == {}


def test_the_file_that_was_written_last_counts_also_where_that_was_another_one_before(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(5), 0, 1e9)
    write_csv(outputs, "y", range(5), 10, 1.1e9)
    one = Summaries(written(outputs))
    one.update()
    assert one.by_key()["loss"][1]["last"] == 14
    with path.open("a") as file:
        file.write("5,7\n")
    other = kept(one, outputs)
    other.update()
    assert other.by_key()["loss"][1]["last"] == 7
    agree(other, outputs)


def test_a_file_below_two_places_is_one_file(outputs: Outputs) -> None:
    record = Record(settings={"tb-dir": "<runs-dir>/checkpoints/<run-name>/tb"})
    write_csv(outputs, "tb/x", range(5), 0, 1e9)
    one = Summaries(Written(Places(outputs, "a", record), Rules()))
    for number in range(3):
        Path(outputs.checkpoints("a"), "tb", f"{number}.jsonl").write_text('{"acc": 1}\n')
        one.update()
        assert one.by_key()["loss"][1]["n"] == 5


def test_a_file_that_another_one_has_replaced_is_read_anew(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(50), 0, 1e9)
    one = Summaries(written(outputs))
    one.update()
    new = path.with_name("new")
    new.write_text(path.read_text().replace("\n20,20\n", "\n20,99\n") + "50,50\n")
    new.rename(path)
    one.update()
    agree(one, outputs)


def test_a_later_file_gives_the_values_from_its_first_step_on(outputs: Outputs) -> None:
    write_csv(outputs, "x", range(10), 100, 1e9)
    one = Summaries(written(outputs))
    one.update()
    write_csv(outputs, "y", range(5, 20), 0, 1.1e9)
    other = kept(one, outputs)
    assert other.update()
    found, _ = curves(written(outputs))
    assert list(found["loss"][1].values) == [100, 101, 102, 103, 104, *range(5, 20)]
    agree(other, outputs)
    write_csv(outputs, "z", range(2, 4), 50, 1.2e9)
    last = kept(other, outputs)
    last.update()
    agree(last, outputs)
    assert last.by_key()["loss"][1]["n"] == 4


def test_a_file_that_comes_a_moment_later_is_seen(outputs: Outputs) -> None:
    one = Summaries(written(outputs))
    for place, key in ((outputs.checkpoints("a"), "loss"), (outputs.checkpoints("a"), "acc"), (outputs.log("a"), "f1")):
        path = Path(place) if key == "f1" else Path(place, f"{key}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"{key}": 0.5}}\n')
        one.update()
        assert key in one.by_key()
        one = kept(one, outputs)


def test_a_log_that_comes_later_is_seen(outputs: Outputs) -> None:
    path = write_csv(outputs, "x", range(5), 0, 1e9)
    one = Summaries(written(outputs))
    one.update()
    log = Path(outputs.log("a"))
    log.parent.mkdir()
    log.write_text("acc 0.5\n")
    os.utime(log, (1e9, 1e9))
    other = kept(one, outputs)
    assert other.update()
    assert sorted(other.by_key()) == ["acc", "loss"]
    path.unlink()


def test_the_last_line_counts_once_the_run_has_finished(outputs: Outputs) -> None:
    log = Path(outputs.log("a"))
    log.parent.mkdir(parents=True)
    log.write_text("loss 2\nloss 1")
    os.utime(log, (1e9, 1e9))
    one = Summaries(written(outputs))
    one.update()
    assert one.by_key()["loss"][1]["last"] == 2
    other = Summaries(Written(Places(outputs, "a", Record(status="finished")), Rules()))
    other.restore(*one.texts())
    assert other.update()
    assert other.by_key()["loss"][1]["last"] == 1


def test_steps_that_go_back_count_as_in_the_curves(outputs: Outputs) -> None:
    for name, steps, moment in (("x", range(8), 1e9), ("y", range(10, 12), 1.1e9), ("z", range(5, 7), 1.2e9)):
        path = write_csv(outputs, name, steps, moment, moment)
        if name == "y":
            with path.open("a") as file:
                file.write("1,3\n2,4\n")
            age(path, moment)
    one = Summaries(written(outputs))
    one.update()
    agree(one, outputs)


def test_keys_are_such_as_records_can_hold(outputs: Outputs) -> None:
    directory = os.fsencode(outputs.tensorboard("a")) + b"/\xff"
    os.makedirs(directory)
    with SummaryWriter(os.fsdecode(directory)) as writer:
        writer.add_scalar("loss", 1, 0)
    Path(outputs.tensorboard("a"), "metrics.json").write_text(json.dumps({"\ud83d": 1, "x" * 201: 2}))
    one = Summaries(written(outputs))
    one.update()
    found, _ = curves(written(outputs))
    assert sorted(one.by_key()) == sorted(found) == ["?", "?/loss"]


def test_event_files_of_one_directory_follow_each_other(outputs: Outputs) -> None:
    for start, value in ((0, 1.0), (6, 2.0)):
        with SummaryWriter(outputs.tensorboard("a"), filename_suffix=f".{start}") as writer:
            for step in range(start, start + 10):
                writer.add_scalar("loss", value, step)
    paths = sorted(Path(outputs.tensorboard("a")).iterdir(), key=lambda path: path.suffix)
    for number, path in enumerate(paths):
        path.rename(path.with_name(f"events.out.tfevents.{number}"))
    found, _ = curves(written(outputs))
    assert list(found["loss"][1].values) == [1.0] * 6 + [2.0] * 10
    one = Summaries(written(outputs))
    one.update()
    agree(one, outputs)


def test_what_somebody_else_put_into_the_cache_is_of_no_use(outputs: Outputs) -> None:
    write_csv(outputs, "x", range(5), 0, 1e9)
    one = Summaries(written(outputs))
    one.update()
    other = Summaries(Written(Places(outputs, "a", Record()), Rules(["*.tsv"])))
    other.restore(*one.texts())
    assert other.update()
    agree(other, outputs)


def test_curves_are_thinned() -> None:
    whole, parts = Series(), Summary()
    for step in range(1000):
        part = Series()
        part.add(step, step)
        whole.extend(part)
        parts.add(part)
    one = Summary()
    one.add(whole)
    assert one.curve == parts.curve == [float(step) for step in range(0, 1000, one.stride)]
    assert CURVE // 2 <= len(one.curve) <= CURVE


def test_an_outline_is_the_same_however_often_it_is_read_and_only_what_is_new_is(outputs: Outputs) -> None:
    def write(count: int, value: float) -> None:
        log.write_text("".join(f"step {step} loss {value}\n" for step in range(1000, 1000 + count)))

    log = Path(outputs.log("a"))
    log.parent.mkdir(parents=True)
    places, rules = Places(outputs, "a", Record()), Rules()
    often = Summaries(Written(places, rules, Outline))
    for count in (10, 40, 2000):
        write(count, 0.5)
        often.update()
    start = log.read_text()
    log.write_text(start.replace("step 1500 loss 0.5", "step 1500 loss 7.5"))  # nobody writes so; it is not read again
    with log.open("a") as file:
        file.write("".join(f"step {step} loss 0.5\n" for step in range(3000, 9000)))
    often.update()
    once = Summaries(Written(places, rules, Outline))
    log.write_text(log.read_text().replace("7.5", "0.5"))
    once.update()
    (_, found), (_, expected) = often.by_key()["loss"], once.by_key()["loss"]
    assert found.points == expected.points
    steps = [step - 1000 for step, _ in found.points]
    assert steps[: DENSE + 3] == [*range(DENSE), DENSE, DENSE + 2, DENSE + 4]
    assert len(steps) < 200
    assert steps[-1] > 7000


def test_values_that_are_no_number_are_neither_lowest_nor_highest() -> None:
    summary = Summary()
    for values in (["nan"], ["nan", "2", "inf"], ["1", "nan"]):
        series = Series()
        for value in values:
            series.add(len(summary.numbers), float(value))
        summary.add(series)
    assert (summary["min"], summary["max"], summary["n"]) == (1, float("inf"), 6)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.10000000149011612, 0.1),
        (3.0, 3),
        (0.1, 0.1),
        (16384.0625, 16384.0625),
        (1234567.75, 1234567.75),
        (1e300, 1e300),
        (16777216.0, 16777216),
        (math.inf, math.inf),
    ],
)
def test_numbers_are_as_short_as_they_may_be(number: float, shown: float) -> None:
    assert tidy(number) == shown
    assert str(tidy(3.0)) == "3"


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"\0" * 40,
            b"step,loss\n1,2\n",
            b"3,nan\n",
            b'{"loss": 1, "step": 2}\n',
            b'{"loss": {"values": [1, 2], "steps": [1]}}',
            b'{"log_history": [{"loss": 1e999}]}',
            b"\xef\xbb\xbf",
            b"step 3 loss 0.5\r",
            b"epoch 1/0 [ acc=inf\n",
            b"\x1b[31mloss\x1b[0m: 1e-3\x08\x08",
            b'"',
            b"[" * 50,
        ]
    ),
)


@given(
    name=st.sampled_from(
        ["events.out.tfevents.1", "metrics.csv", "a.jsonl", "metrics.json", "trainer_state.json", "log"]
    ),
    pieces=st.lists(PIECES, max_size=8),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    keeps=st.booleans(),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_a_file_holds_is_read_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory,
    events: bytes,
    name: str,
    pieces: list[bytes],
    changes: list[tuple[int, int]],
    keeps: bool,
) -> None:
    outputs = Outputs(str(tmp_path_factory.mktemp("runs")))
    path = Path(outputs.log("a") if name == "log" else os.path.join(outputs.tensorboard("a"), name))
    path.parent.mkdir(parents=True)
    content = bytearray(events if "tfevents" in name else b"")
    for place, byte in changes:
        if place < len(content):
            content[place] = byte
    one_after_another = Summaries(written(outputs))
    path.write_bytes(content)
    one_after_another.update()
    for piece in pieces:
        content += piece
        path.write_bytes(content)
        one_after_another = kept(one_after_another, outputs) if keeps else one_after_another
        one_after_another.update()
    found, _ = curves(written(outputs))
    assert set(one_after_another.by_key()) == set(found)
    if not name.endswith(".json"):
        agree(one_after_another, outputs)


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An event file as tensorboardX writes it."""
    directory = tmp_path_factory.mktemp("events")
    with SummaryWriter(str(directory)) as writer:
        for step in range(5):
            writer.add_scalar("loss", step, step)
            writer.add_text("note", "many words" * step, step)
    (path,) = directory.iterdir()
    return path.read_bytes()
