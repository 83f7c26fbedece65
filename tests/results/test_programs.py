"""Programs that know nothing of us, in one table: what they write is what TensorFlow, tensorboardX, Lightning and tqdm
make of it."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Repository, prepared

HEAD = """import argparse, math
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--tb-dir")
parser.add_argument("--save-path")
args = parser.parse_args()
losses = [math.exp(-step * args.lr / 10) for step in range(100)]
"""
PROGRAMS = {
    "tensorboardx": """
from tensorboardX import SummaryWriter
with SummaryWriter(args.tb_dir) as writer:
    for step, loss in enumerate(losses):
        writer.add_scalar("loss", loss, step)
        if step % 10 == 9:
            writer.add_scalar("val_loss", loss + 0.1, step)
""",
    # The form of TensorFlow 2 and Keras: tensors, by the writer that they share with TensorBoard.
    "tensorflow": """
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto
import numpy as np
writer = EventFileWriter(args.tb_dir)
scalars = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
def write(tag, value, step):
    tensor = make_tensor_proto(np.float32(value))
    value = Summary.Value(tag=tag, metadata=scalars, tensor=tensor)
    writer.add_event(Event(wall_time=1e9 + step, step=step, summary=Summary(value=[value])))
for step, loss in enumerate(losses):
    write("loss", loss, step)
    if step % 10 == 9:
        write("val_loss", loss + 0.2, step)
writer.close()
""",
    "prints": """
from tqdm import tqdm
print(args)
for epoch in range(10):
    bar = tqdm(losses[epoch * 10 : epoch * 10 + 10], desc=f"Epoch {epoch}", mininterval=0)
    for loss in bar:
        bar.set_postfix(loss=f"{loss:.4f}")
    print(f"epoch {epoch}: val_loss {loss + 0.3:.6f}")
""",
    "lightning": """
import csv, os
os.makedirs(f"{args.tb_dir}/version_0")
with open(f"{args.tb_dir}/version_0/metrics.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, ["epoch", "loss", "step", "val_loss"])
    writer.writeheader()
    for step, loss in enumerate(losses):
        writer.writerow({"epoch": step // 10, "step": step, "loss": loss})
        if step % 10 == 9:
            writer.writerow({"epoch": step // 10, "step": step, "val_loss": loss + 0.4})
""",
}
RATES = ("0.5", "0.4", "0.3", "0.2")
SOURCES = {"tensorboardx": "events", "tensorflow": "events", "prints": "log", "lightning": "files"}


@prepared
def trained(repo: Repository) -> None:
    """A run of each of them, with other flags, the best first."""
    for name, program in PROGRAMS.items():
        (repo.path / f"train_{name}.py").write_text(HEAD + program)
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "Programs")
    for name, lr in zip(PROGRAMS, RATES, strict=True):
        repo.finish(name, f"{sys.executable} train_{name}.py --lr={lr}")
    repo.git("config", "runs.metric", "val_loss:min")


def test_they_stand_in_one_table_by_their_best_value_and_are_drawn_together(trained: Repository) -> None:
    text = trained.ok("table", "--columns=name,lr,val_loss:min,loss:n", "--sort=metric", "--format=csv")
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        [name, lr] for name, lr in zip(PROGRAMS, ("0.5", "0.4", "0.3", "0.2"), strict=True)
    ]
    assert [round(float(row[2]), 1) for row in rows] == [0.1, 0.2, 0.4, 0.5]
    assert all(int(row[3]) >= 90 for row in rows)
    for name, source in SOURCES.items():
        assert f"val_loss    {source}" in trained.ok("metrics", name).replace("val_loss  ", "val_loss    ")
    plot = trained.ok("plot", "--ascii")
    assert plot.startswith("val_loss")
    assert all(name in plot for name in PROGRAMS)
    assert "warning" not in trained.runs("plot", "--metric=loss", "--x=step").err


def test_they_stand_in_one_page(trained: Repository) -> None:
    pytest.importorskip("plotly")
    page = (trained.path / trained.ok("report").strip()).read_text()
    assert all(name in page for name in PROGRAMS)
    assert "<option selected>min" in page
    assert page.index(">val_loss</th>") < page.index(">loss</th>")  # the headline comes first


def test_they_are_drawn_over_time_where_that_is_known(trained: Repository) -> None:
    result = trained.runs("plot", "--ascii", "--x=time", "--metric=loss")
    assert result.code == 0
    assert "tensorflow" in result.out
    assert "left out" in result.err
