"""Event files as TensorBoard's own code and tensorboardX write them, whole and damaged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary as SummaryProto
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto
from tensorboardX import SummaryWriter

from git_runs.records.outputs import Outputs
from git_runs.records.record import Record
from git_runs.results.reading import Written, curves
from git_runs.results.sources.source import Places, Rules

Damage = tuple[str, int]
Points = dict[str, list[tuple[float, float]]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory for TensorBoard of the run `a`."""
    return Path(Outputs(str(tmp_path)).tensorboard("a"))


def read(directory: Path) -> tuple[Points, list[Damage]]:
    """Steps and values by key, and where files are damaged."""
    outputs = Outputs(str(directory.parents[1]))
    found, damages = curves(Written(Places(outputs, "a", Record()), Rules()))
    return {key: list(zip(one.steps, one.values, strict=True)) for key, (_, one) in found.items()}, damages


def write(directory: Path, *values: SummaryProto.Value, step: int = 0) -> None:
    """An event with those values, in a file of its own, as TensorFlow 2 writes it."""
    writer = EventFileWriter(str(directory), filename_suffix=f".{step}")
    writer.add_event(Event(wall_time=1e9 + step, step=step, summary=SummaryProto(value=values)))
    writer.close()


def tensor(tag: str, value: object, dtype: str | None = None, plugin: str = "") -> SummaryProto.Value:
    """One value, as a tensor."""
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin)) if plugin else None
    array = np.array(value) if dtype is None else np.array(value).astype(dtype)
    return SummaryProto.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(array))


def test_values_that_stay_count_beside_those_that_change(directory: Path) -> None:
    writer = EventFileWriter(str(directory))
    for step in range(4):
        values = [SummaryProto.Value(tag=tag, simple_value=one) for tag, one in (("lr", 0.5), ("loss", step))]
        writer.add_event(Event(wall_time=1e9, step=step, summary=SummaryProto(value=values)))
    writer.close()
    found, _ = read(directory)
    assert found == {"lr": [(step, 0.5) for step in range(4)], "loss": [(step, step) for step in range(4)]}


FLOATS = ("float16", "float32", "float64")
FIELDS = (*("half_val", "float_val", "double_val", "int_val", "int64_val", "bool_val", "uint32_val", "uint64_val"),)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("is_content", [False, True])
def test_numbers_of_all_types(directory: Path, dtype: str, is_content: bool) -> None:
    numbers = [0, 1, *((0.5, -2, math.inf) if dtype in FLOATS else (100,)), *((-7,) if dtype.startswith("int") else ())]
    numbers = numbers[:2] if dtype == "bool" else numbers
    for step, number in enumerate(numbers):
        value = tensor("x", number, dtype)
        if is_content:
            made = value.tensor
            made.tensor_content = np.array(number).astype(dtype).tobytes()
            for field in FIELDS:
                made.ClearField(field)
        write(directory, value, step=step)
    assert read(directory) == ({"x": [(step, number) for step, number in enumerate(numbers)]}, [])


def test_what_is_no_number_is_passed_over(directory: Path) -> None:
    others = [
        tensor("vector", [1.0, 2.0]),
        tensor("one", [1.0]),
        tensor("text", "hello"),
        tensor("hparams", 3.0, plugin="hparams"),
        tensor("loss", 0.5, plugin="scalars"),
    ]
    write(directory, *others, step=3)
    write(directory, SummaryProto.Value(tag="hparams2", simple_value=1), tensor("bare", 7), step=4)
    assert read(directory)[0] == {"loss": [(3, 0.5)], "hparams2": [(4, 1)], "bare": [(4, 7)]}


def test_pictures_and_texts_between_them_cost_nothing_but_their_place(directory: Path) -> None:
    with SummaryWriter(str(directory)) as writer:
        for step in range(5):
            writer.add_scalar("loss", step, step)
            writer.add_image("picture", np.random.default_rng(step).integers(0, 255, (3, 900, 900), "uint8"), step)
            writer.add_histogram("weights", np.arange(1000), step)
            writer.add_text("note", "words", step)
            writer.add_pr_curve("pr", np.array([0, 1]), np.array([0.2, 0.9]), step)
    assert read(directory) == ({"loss": [(step, step) for step in range(5)]}, [])


def test_directories_are_prefixes(directory: Path) -> None:
    with SummaryWriter(str(directory)) as writer:
        writer.add_scalar("loss", 1, 0)
        writer.add_scalars("acc", {"train": 0.5, "val": 0.25}, 0)
        writer.add_hparams({"lr": 0.1}, {"hparam/acc": 0.75})
    found, _ = read(directory)
    assert found["loss"] == [(0, 1)]
    assert [values for key, values in sorted(found.items()) if key.startswith("acc/")] == [[(0, 0.5)], [(0, 0.25)]]
    assert found["hparam/acc"] == [(0, 0.75)]


# --- damage: what is found of 2000 points, and what is said of it

LENGTH = 2000


@pytest.fixture
def path(directory: Path) -> Path:
    """A file with 2000 values of `loss`."""
    with SummaryWriter(str(directory)) as writer:
        for step in range(LENGTH):
            writer.add_scalar("loss", step, step)
    (path,) = directory.iterdir()
    return path


@pytest.mark.parametrize(
    ("what", "least", "most", "is_said"),
    [
        ("cut", LENGTH - 1, LENGTH - 1, False),
        ("zeros behind", LENGTH, LENGTH, True),
        ("zeros inside", LENGTH - 15, LENGTH - 10, True),
        ("length", LENGTH - 2, LENGTH - 1, True),
        ("value", LENGTH, LENGTH, False),
        ("empty", 0, 0, False),
    ],
)
def test_damage(directory: Path, path: Path, what: str, least: int, most: int, is_said: bool) -> None:
    content = bytearray(path.read_bytes())
    place = content.rindex(b"loss", 0, len(content) // 2)
    if what == "cut":
        del content[-5:]
    elif what == "zeros behind":
        content += bytes(4096)
    elif what == "zeros inside":
        content[place : place + 512] = bytes(512)
    elif what == "length":
        start = content.rindex(b"\0\0\0\0\0\0\0", 0, place) - 1
        content[start : start + 4] = b"\xff\xff\xff\x7f"
    elif what == "value":
        content[place + 7] ^= 0x10
    else:
        content.clear()
    path.write_bytes(content)
    found, damages = read(directory)
    assert least <= len(found.get("loss", [])) <= most
    if what != "value":
        assert all(step == value for step, value in found.get("loss", []))
    assert bool(damages) == is_said
    for where, offset in damages:
        assert where == str(path)
        assert offset <= len(content)


def test_a_program_that_goes_on_in_another_file(directory: Path) -> None:
    for number, steps in enumerate((range(2000), range(1500, 3000))):
        with SummaryWriter(str(directory), filename_suffix=f".{number}") as writer:
            for step in steps:
                writer.add_scalar("loss", number, step)
    for path in directory.iterdir():
        path.rename(path.with_name(f"events.out.tfevents.{path.suffix}"))
    found, _ = read(directory)
    assert found["loss"] == [(step, step >= 1500) for step in range(3000)]
