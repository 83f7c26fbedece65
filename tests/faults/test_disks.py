"""Where nothing can be written, because the disk is full or read-only, nothing is lost, and it is said."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from git_runs.system import processes
from tests.conftest import NO_FLAGS, Repository, wait_for
from tests.faults.harness import check, surprises

WAITING = "echo $$ >.git/pid; while [ ! -e .git/go ]; do sleep 0.02; done; exit 3"
READING = (
    *(
        "list",
        "table",
        "table --sort=loss",
        "lookup a",
        "lookup a loss:min",
        "show a",
        "metrics a",
        "plot",
        "compare a",
    ),
    *("log a", "wait a", "verify a a", "export -o ../a.yml", "fsck"),
)
CHANGING = ("new c true", "new --isolate c true", "describe a -m words", "move a c")


def test_a_read_only_runs_dir_is_read_and_stays_as_it_is(repo: Repository) -> None:
    repo.finish("a", "echo said loss 0.5", *NO_FLAGS)
    start(repo, "b")
    before = state(repo)
    with read_only(repo.path / ".runs"):
        for command in READING:
            repo.ok(*command.split())
        for command in (*CHANGING, "new --overwrite --yes a true", "delete -y a"):
            result = repo.runs(*command.split())
            assert not surprises(result.err)
            assert (result.code, "Read-only file system" in result.err) == (128, True), (command, result)
            assert state(repo) == before, command
        end(repo)
    check_end(repo, "b")


def test_a_run_that_ends_on_a_full_disk_is_recorded_once_there_is_room(repo: Repository, small_disk: Path) -> None:
    (repo.path / ".runs").symlink_to(small_disk)
    (repo.path / ".git/info/exclude").write_text(".runs\n")
    repo.finish("a", "echo said", *NO_FLAGS)
    start(repo, "b")
    before = state(repo)
    repo.machine.run("sh", "-c", f"cat /dev/zero >{small_disk}/filler")
    for command in CHANGING:
        result = repo.runs(*command.split())
        assert not surprises(result.err)
        assert (result.code, "No space left on device" in result.err) == (128, True), (command, result)
        assert state(repo) == before, command
    end(repo)
    (small_disk / "filler").unlink()
    check_end(repo, "b")


def test_a_log_goes_on_once_there_is_room(repo: Repository, small_disk: Path) -> None:
    (repo.path / ".runs").symlink_to(small_disk)
    (repo.path / ".git/info/exclude").write_text(".runs\n")
    await_file = "while [ ! -e .git/{} ]; do sleep 0.02; done"
    much = "head -c 100000 /dev/zero | tr '\\0' x; echo; touch .git/printed"
    repo.ok(
        "new",
        "-q",
        *NO_FLAGS,
        "a",
        "; ".join([await_file.format("full"), much, await_file.format("room"), "echo after"]),
    )
    repo.machine.run("sh", "-c", f"cat /dev/zero >{small_disk}/filler")
    (repo.path / ".git/full").touch()
    wait_for((repo.path / ".git/printed").exists)
    log = small_disk / "logs/a.log"
    wait_for(lambda: log.stat().st_size % 4096 == 0)  # no more fits
    (small_disk / "filler").unlink()
    (repo.path / ".git/room").touch()
    wait_for(lambda: b"after" in log.read_bytes())


def test_what_is_on_a_full_disk_can_be_deleted(repo: Repository, small_disk: Path) -> None:
    (repo.path / ".runs").symlink_to(small_disk)
    (repo.path / ".git/info/exclude").write_text(".runs\n")
    repo.finish("a", "echo x >$RUNS_CHECKPOINT_DIR/model; echo x >$RUNS_TB_DIR/events", *NO_FLAGS)
    repo.machine.run("sh", "-c", f"cat /dev/zero >{small_disk}/filler")
    result = repo.runs("delete", "-y", "a")
    assert not surprises(result.err)
    if result.code:
        assert "No space left on device\nhint: --now deletes at once" in result.err
        check(repo)
        repo.ok("delete", "-y", "--now", "a")
    repo.ok("trash", "empty", "-y")
    assert not [path for path in small_disk.rglob("*") if path.name in ("a.yml", "a", "model", "events")]
    assert (small_disk / "filler").exists()
    assert repo.refs() == []


def test_what_lies_on_another_disk_is_deleted_too(repo: Repository, small_disk: Path) -> None:
    repo.finish("a")
    checkpoints = repo.path / ".runs/checkpoints"
    subprocess.run(["mount", "--bind", small_disk, checkpoints], check=True)
    try:
        repo.finish("b", "echo x >$RUNS_CHECKPOINT_DIR/model", *NO_FLAGS)
        assert [path.name for path in small_disk.rglob("*")] == ["b", "model"]
        result = repo.runs("delete", "-y", "b")
        assert (result.code, "Invalid cross-device link\nhint: --now deletes at once" in result.err) == (128, True)
        check(repo)
        assert [path.name for path in small_disk.rglob("*")] == ["b", "model"]
        repo.ok("delete", "-y", "--now", "a", "b")
        assert list(small_disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", checkpoints], check=True)


def test_what_cannot_be_removed_is_reported_and_stays_in_the_trash(repo: Repository, small_disk: Path) -> None:
    repo.finish("a", "mkdir $RUNS_CHECKPOINT_DIR/mine", *NO_FLAGS)
    repo.finish("b")
    mine = repo.path / ".runs/checkpoints/a/mine"
    subprocess.run(["mount", "--bind", small_disk, mine], check=True)
    try:
        result = repo.runs("delete", "-y", "--now", "a", "b")
        (left,) = (repo.path / ".runs/trash").iterdir()
        assert (result.code, result.err) == (0, f"warning: '{left}' cannot be removed: Device or resource busy\n")
        assert (repo.ok("list"), repo.refs()) == ("", [])
    finally:
        (mounted,) = (repo.path / ".runs").rglob("mine")
        subprocess.run(["umount", "-l", mounted], check=True)
    repo.ok("gc")
    assert not left.exists()


def start(repo: Repository, name: str) -> None:
    """Start a run that goes on until `end`, and wait until all is recorded that is while it goes on."""
    repo.ok("new", "-q", *NO_FLAGS, name, WAITING)
    wait_for(lambda: repo.record(name)["status"] == "running" and "environment" in repo.record(name))
    wait_for(lambda: not list((repo.path / ".runs/records").glob("*.lock")))


def end(repo: Repository) -> None:
    """Let the command end, and wait until it has."""
    pid = int((repo.path / ".git/pid").read_text())
    (repo.path / ".git/go").touch()
    wait_for(lambda: processes.identify(pid) is None)


def check_end(repo: Repository, name: str) -> None:
    """Its end is recorded, and all is in step."""
    wait_for(lambda: repo.record(name)["status"] == "failed")
    assert repo.record(name)["exit-code"] == 3
    wait_for(lambda: repo.runs("fsck").code == 0)
    check(repo)
    repo.ok("delete", "-y", "a", name)


def state(repo: Repository) -> tuple[list[str], dict[str, bytes]]:
    """The refs, and all records, logs and directories."""
    places = [path for kind in ("records", "logs", "tensorboard") for path in (repo.path / ".runs" / kind).rglob("*")]
    return repo.refs(), {str(path): path.read_bytes() if path.is_file() else b"" for path in places}


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Nothing can be written there."""
    if subprocess.run(["mount", "--bind", place, place], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)
