"""Which directories TensorBoard is shown, and the links to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_runs.records.outputs import Outputs
from git_runs.records.record import Record, Run
from git_runs.results import tensorboard


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """The outputs of a runs dir, in which runs a, b and g/c have directories."""
    for name in ("a", "b", "g/c"):
        (tmp_path / "runs/tensorboard" / name).mkdir(parents=True)
    return Outputs(str(tmp_path / "runs"))


def a_run(name: str, tb_dir: str | Path | None = None, **fields: str) -> Run:
    """A run with that setting in its record."""
    settings = {"settings": {"tb-dir": str(tb_dir)}} if tb_dir else {}
    return Run(name, Record({**fields, **settings}))


def test_a_run_has_the_directory_that_it_was_given(outputs: Outputs, tmp_path: Path) -> None:
    for place in ("a", "c", "old"):
        (tmp_path / "scratch" / place).mkdir(parents=True)
    scratch = tmp_path / "scratch/<run-name>"
    runs = [
        *(a_run("g/c"), a_run("b", "<runs-dir>/tensorboard/<run-name>"), a_run("gone"), a_run("a", scratch)),
        *(a_run("moved", scratch, **{"launched-as": "old"}), a_run("strange", "relative/path")),
    ]
    assert tensorboard.directories(outputs, runs) == (
        {
            "g/c": str(tmp_path / "runs/tensorboard/g/c"),
            "b": str(tmp_path / "runs/tensorboard/b"),
            "a": str(tmp_path / "scratch/a"),
            "moved": str(tmp_path / "scratch/old"),
        },
        [],
    )


@pytest.mark.parametrize("place", ["/", "..", "runs", "runs/boards", "runs/tensorboard", "scratch", "to-runs"])
def test_what_has_other_directories_in_it_is_not_shown(outputs: Outputs, tmp_path: Path, place: str) -> None:
    (tmp_path / "runs/boards").mkdir()
    (tmp_path / "scratch/x").mkdir(parents=True)
    (tmp_path / "to-runs").symlink_to("runs")
    found, shared = tensorboard.directories(outputs, [a_run("a", tmp_path / place), a_run("x", tmp_path / "scratch/x")])
    assert (list(found), shared) == (["x"], ["a"])


def test_no_link_that_was_planted_is_followed(outputs: Outputs, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs/tensorboard/planted").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs/tensorboard/h").symlink_to(tmp_path / "runs/tensorboard/g")
    assert tensorboard.directories(outputs, [a_run("planted"), a_run("h/c")]) == ({}, [])


def test_all_directories_may_lie_on_another_disk(outputs: Outputs, tmp_path: Path) -> None:
    os.rename(tmp_path / "runs/tensorboard", tmp_path / "disk")
    (tmp_path / "runs/tensorboard").symlink_to(tmp_path / "disk")
    found, shared = tensorboard.directories(outputs, [a_run("a"), a_run("b", tmp_path / "disk")])
    assert (found, shared) == ({"a": str(tmp_path / "disk/a")}, ["b"])


def test_the_links_are_those_that_are_wanted(tmp_path: Path) -> None:
    def links() -> dict[str, str]:
        return {str(path.relative_to(tmp_path)): os.readlink(path) for path in tmp_path.rglob("*") if path.is_symlink()}

    for targets in (
        {"a": "/x", "g/b": "/y"},
        {"a": "/z", "g": "/y"},  # another run of the same name, and one that is moved out of a group
        {"a/b": "/x", "g/b/c": "/y"},
        {},
    ):
        tensorboard.link(str(tmp_path), targets)
        assert links() == targets
    assert list(tmp_path.iterdir()) == []


def test_it_is_seen_here_alone_unless_the_user_says_otherwise() -> None:
    assert tensorboard.command("tb", "/x", "t", ["--port", "1"]) == [
        *("tb", "--logdir", "/x", "--window_title", "t", "--host", "127.0.0.1", "--port", "1")
    ]
    assert "127.0.0.1" not in tensorboard.command("tb", "/x", "t", ["--bind_all"])
    assert "127.0.0.1" not in tensorboard.command("tb", "/x", "t", ["--host=::"])
