"""A sweep on two GPUs, which the end of tmux interrupts, and the same one on a cluster: all of it in one table."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from tests.cluster import Cluster
from tests.conftest import Repository, wait_for

TRAIN = (Path(__file__).parent.parent / "demo/train.py").read_text()
# All but the first two stay where they are while HOLD/on is there.
HELD = "mkdir HOLD/1 || mkdir HOLD/2 || while [ -e HOLD/on ]; do touch HOLD/at-$$; sleep 0.02; done; "
TRAINING = "python train.py --lr={lr} --seed={seed} --epochs=100"
VALUES = ("lr=0.3,1,3", "seed=1..3")
COLUMNS = "name,status,lr,seed,gpus,loss"


def test_a_sweep_is_interrupted_resumed_and_done_again_on_a_cluster(
    repo: Repository, cluster: Cluster, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.mkdir()
    (hold / "on").touch()
    sweep = HELD.replace("HOLD", str(hold)) + TRAINING, *VALUES
    repo.machine.environment.update(cluster.environment)
    repo.commit("train.py", TRAIN)
    repo.ok("sweep", "--gpus=0,1", "here", *sweep)
    wait_for(lambda: len([*hold.glob("at-*")]) == 2)
    repo.machine.tmux("kill-server")
    wait_for(lambda: states(repo) == {"finished": 2, "killed": 2, "queued": 5})
    (hold / "on").unlink()
    finished = {name: record for name, record in records(repo).items() if record["status"] == "finished"}

    repo.ok("sweep", "--resume", "--gpus=0,1", "here", *sweep)
    repo.ok("wait", "--timeout=120", "here")
    assert {name: records(repo)[name] for name in finished} == finished

    repo.ok("sweep", "--launcher=slurm", "--slurm=gres=gpu:1", "--jobs=2", "cluster", *sweep)
    repo.ok("wait", "--timeout=300", "cluster")

    rows = list(csv.DictReader(repo.ok("table", "--sort=name", "--format=csv", f"--columns={COLUMNS}").splitlines()))
    assert Counter(row["status"] for row in rows) == {"finished": 18}
    assert {row["gpus"] for row in rows} == {"0", "1"}
    losses = {row["name"]: float(row["loss"]) for row in rows}
    for lr in ("0.3", "1", "3"):
        for seed in "123":
            here, there = (losses[f"{group}/lr={lr},seed={seed}"] for group in ("here", "cluster"))
            assert here == there


def records(repo: Repository) -> dict[str, dict[str, object]]:
    """What is recorded of the runs, by name: `git runs table` would start workers."""
    return {name: repo.record(name) for name in repo.ok("list", "here").splitlines()}


def states(repo: Repository) -> Counter[object]:
    """How many runs have each status."""
    return Counter(record["status"] for record in records(repo).values())
