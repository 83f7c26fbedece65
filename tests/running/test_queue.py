"""Runs that wait for their turn: each begins once, whoever is killed, and no more go on than may."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from git_runs import project
from git_runs.records.record import Run
from git_runs.running.slots import Slots
from git_runs.running.spec import supervisor
from git_runs.system import processes, whoami
from git_runs.system.git.discovery import Search
from git_runs.upkeep import leftovers
from tests.conftest import NO_FLAGS, Repository, Screen, wait_for
from tests.faults import harness


class Queue:
    """The queue of a repository, and what its runs do."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.place = repo.path / ".runs/queue" / whoami.hostname()
        self.marks = repo.path.parent / "marks"
        self.marks.mkdir()

    def add(self, name: str, *options: str, command: str = "") -> None:
        """Queue a run that writes down each of its starts, and ends once the file `go` is there."""
        goes_on = f"until [ -e {self.marks}/go ]; do sleep 0.02; done"
        begin = f"echo $CUDA_VISIBLE_DEVICES >>{self.marks}/{name.replace('/', '-')}"
        self.repo.ok("new", "-q", *NO_FLAGS, *options, name, f"{begin}; {command or goes_on}")

    def begun(self) -> list[str]:
        """The runs that have, in their natural order."""
        return sorted(path.name for path in self.marks.iterdir() if path.name != "go")

    def await_begun(self, *names: str) -> None:
        """Until exactly these have."""
        wait_for(lambda: self.begun() == sorted(names))

    def go(self, *names: str) -> None:
        """Let runs end, and wait for all; each of these has begun once, and finished."""
        (self.marks / "go").touch()
        self.repo.runs("wait", "--timeout=60", ".*")
        for name in names:
            assert self.repo.lookup(name, "status") == "finished"
            assert len((self.marks / name).read_text().splitlines()) == 1

    def workers(self) -> list[int]:
        """The process ids of the workers that live."""
        return [int(path.name) for path in self.repo.machine.processes() if is_worker(path)]

    def kill_workers(self) -> None:
        """With -9."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.workers())

    def specs(self) -> list[Path]:
        """Those of the runs that have not begun, in their order; a worker may remove their directories meanwhile."""
        found = []
        for order in sorted((self.place / "waiting").iterdir()):
            with suppress(FileNotFoundError):
                found += sorted(path for path in order.iterdir() if order.name[0] != ".")
        return found

    def status(self, name: str) -> str:
        """That of a run."""
        return self.repo.lookup(name, "status")


def is_worker(process: Path) -> bool:
    """Whether the process, in /proc, is one, and not what starts it."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"tmux" not in words[0] and any(b"git_runs.running.worker" in word for word in words)


@pytest.fixture
def queue(repo: Repository) -> Queue:
    """An empty one."""
    return Queue(repo)


def test_the_oldest_runs_go_first_and_no_more_than_may(queue: Queue) -> None:
    for name in ("a", "b", "c", "d"):
        queue.add(name, "--jobs=2")
    queue.await_begun("a", "b")
    assert [queue.status(name) for name in "abcd"] == ["running", "running", "queued", "queued"]
    assert "process" not in queue.repo.record("c")
    queue.go("a", "b", "c", "d")
    wait_for(lambda: not queue.workers())
    wait_for(lambda: queue.repo.machine.sessions() == [])
    assert queue.repo.ok("fsck") == ""


def test_those_of_a_higher_priority_overtake(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("last", "--priority=-1", command="true")
    queue.add("usual", "--jobs=1", command="true")
    queue.add("first", "--priority=7", command="true")
    assert queue.repo.record("first")["priority"] == 7
    queue.repo.ok("queue", "start")
    queue.go("first", "usual", "last")
    starts = [str(queue.repo.record(name)["datetime"]) for name in ("first", "usual", "last")]
    assert starts == sorted(starts)


def test_runs_that_were_not_queued_count_too(queue: Queue) -> None:
    queue.repo.ok("new", *NO_FLAGS, "other", f"until [ -e {queue.marks}/go ]; do sleep 0.02; done")
    queue.add("a", "--jobs=2")
    queue.add("b", "--jobs=2")
    queue.await_begun("a")
    queue.repo.ok("new", *NO_FLAGS, "at-once", "true")
    queue.repo.wait("at-once")
    assert queue.status("b") == "queued"
    queue.go("a", "b")


def test_a_queued_run_has_the_code_of_its_time(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1", command="cat train.py")
    queue.repo.commit("train.py", "other\n")
    queue.repo.ok("queue", "start")
    queue.go("a")
    assert "import sys" in queue.repo.log("a")


def test_gpus_are_shared_out_over_the_slots(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.add(name, "--jobs=2", "--gpus=0,1,2")
    queue.await_begun("a", "b")
    seen = {(queue.marks / name).read_text().strip() for name in "ab"}
    assert seen == {"0", "1,2"}
    assert {str(queue.repo.record(name)["gpus"]) for name in "ab"} == seen
    queue.go("a", "b")
    assert queue.repo.environment("a")["variables"]["CUDA_VISIBLE_DEVICES"] == queue.repo.record("a")["gpus"]


@pytest.mark.parametrize(
    ("jobs", "gpus", "shares"),
    [
        (3, "", ["", "", ""]),
        (3, "0", ["0", "0", "0"]),
        (3, "0 1", ["0", "1", "0"]),
        (2, "0 1", ["0", "1"]),
        (2, "0 1 2 3 4", ["0,1", "2,3,4"]),
    ],
)
def test_shares_of_gpus(jobs: int, gpus: str, shares: list[str]) -> None:
    slots = Slots(jobs, gpus.split())
    assert [slots.gpus_of(slot) for slot in range(jobs)] == shares


# --- who is killed


def test_a_run_goes_on_without_its_worker_and_keeps_its_slot(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        queue.add(name, "--jobs=2")
    queue.await_begun("a", "b")
    queue.kill_workers()
    assert queue.status("a") == "running"
    queue.repo.ok("table")  # starts workers
    wait_for(lambda: len(queue.workers()) == 1)  # no more than there are runs that wait
    assert queue.begun() == ["a", "b"]
    queue.go("a", "b", "c")


def test_a_run_whose_worker_died_before_it_was_started_is_taken_anew(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    dead = queue.repo.machine.start("true", cwd=queue.repo.path)
    identity = processes.identify(dead.pid) or {"pid": dead.pid, "started": 1, "boot": "x"}
    dead.wait()
    record = queue.repo.record_path("a")
    process = f"process: {json.dumps({**identity, 'boot': 'of another time'})}"  # as after a reboot
    record.write_text(record.read_text().replace("status: queued", f"status: starting\n{process}"))
    (queue.place / "slot-0.json").write_text(json.dumps({"id": queue.repo.record("a")["id"], "name": "a"}))
    lock = {"host": whoami.hostname(), "namespace": whoami.namespace(), "process": {**identity, "boot": "x"}}
    (queue.place / "slot-0.lock").write_text(json.dumps(lock))
    (queue.place / "taking.lock").write_text(json.dumps(lock))
    assert queue.repo.ok("fsck") == ""
    queue.repo.ok("queue", "start")
    queue.await_begun("a")
    queue.go("a")


def test_a_supervisor_whose_worker_died_before_it_could_say_so_has_the_run(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1", "--gpus=3")
    record = queue.repo.record_path("a")
    dead = "process: {pid: 1, started: 1, boot: of another time}"
    record.write_text(record.read_text().replace("status: queued", f"status: starting\n{dead}"))
    (path,) = queue.specs()
    queue.repo.machine.tmux("new-session", "-d", "-s", "its", *supervisor(str(path), "3"))
    queue.await_begun("a")
    assert queue.repo.record("a")["launcher"]["tmux"]["session"] == "its"  # type: ignore[index]
    assert queue.repo.record("a")["gpus"] == "3"
    queue.repo.ok("queue", "start")
    assert queue.repo.ok("kill", "a") == "Killed run 'a'\n"
    assert (queue.marks / "a").read_text() == "3\n"


def test_a_supervisor_that_is_killed_frees_its_slot_and_its_run_is_lost(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    queue.await_begun("a")
    process = queue.repo.record("a")["process"]
    assert isinstance(process, dict)
    os.kill(int(process["pid"]), signal.SIGKILL)
    queue.await_begun("a", "b")
    assert queue.status("a") == "lost"
    queue.go("b")
    assert (queue.marks / "a").read_text().count("\n") == 1


def only_supervisor(repo: Repository) -> int:
    """The process id of the one that lives, once it has no child that is still to become another program."""
    found: list[int] = []

    def is_alone() -> bool:
        found[:] = harness.supervisors(repo.machine)
        return len(found) == 1

    wait_for(is_alone)
    return found[0]


def before_supervisors(queue: Queue, script: str) -> None:
    """Let the script of a shell go before each start of a supervisor; where it exits, there is none."""
    tools = queue.repo.path.parent / "tools"
    tools.mkdir()
    tmux = tools / "tmux"
    begin = f'case "$*" in *running.supervise*) {script} ;; esac'
    tmux.write_text(f'#!/bin/sh\n{begin}\nexec {shutil.which("tmux")} "$@"\n')
    tmux.chmod(0o755)
    queue.repo.machine.environment["PATH"] = f"{tools}:{queue.repo.machine.environment['PATH']}"


def test_a_supervisor_that_is_killed_before_it_is_recorded_frees_its_slot(queue: Queue, tmp_path: Path) -> None:
    lock = queue.repo.record_path("a").with_name("a.yml.lock")
    us = processes.identify(os.getpid())
    content = {"host": whoami.hostname(), "namespace": whoami.namespace(), "process": us}
    (tmp_path / "lock").write_text(json.dumps(content))
    before_supervisors(queue, f"[ -e {tmp_path}/once ] || cp {tmp_path}/lock {lock}; touch {tmp_path}/once")
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    wait_for(lambda: len(queue.specs()) == 1)
    os.kill(only_supervisor(queue.repo), signal.SIGKILL)
    wait_for(lambda: "could not be recorded" in (queue.place / "slot-0.log").read_text())
    lock.unlink()
    queue.await_begun("b")
    assert queue.status("a") == "lost"
    queue.go("b")


def test_a_run_that_cannot_be_started_waits_again(queue: Queue, tmp_path: Path) -> None:
    before_supervisors(queue, f"[ -e {tmp_path}/works ] || exit 1")
    queue.add("a", "--jobs=1")
    log = queue.place / "slot-0.log"
    wait_for(lambda: log.exists() and "run 'a' could not be started" in log.read_text())
    wait_for(lambda: queue.status("a") == "queued")
    (tmp_path / "works").touch()
    queue.await_begun("a")
    queue.go("a")


def test_a_run_that_cannot_be_started_lets_others_have_their_turn(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    spec = queue.specs()[0]
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "path": []}))  # as where its virtualenv is gone
    queue.repo.ok("queue", "start")
    queue.await_begun("b")
    log = (queue.place / "slot-0.log").read_text()
    assert log.count("run 'a'") == 3
    rows = json.loads(queue.repo.ok("queue", "--format=json"))
    assert [row["waits-for"] for row in rows if row["name"] == "a"] == [
        "it could not be started: its supervisor has ended before it began; see git runs log a"
    ]
    assert "its supervisor has ended before it began" in queue.repo.ok("status")
    assert "No module named" in queue.repo.log("a")
    queue.repo.ok("kill", "a")
    queue.go("b")


def test_where_the_tmux_server_goes_what_waits_waits(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        queue.add(name, "--jobs=1")
    queue.await_begun("a")
    queue.repo.machine.tmux("kill-server")
    wait_for(lambda: not queue.workers() and not harness.supervisors(queue.repo.machine))
    assert [queue.status(name) for name in "abc"] == ["killed", "queued", "queued"]
    queue.repo.ok("table")
    queue.await_begun("a", "b")
    queue.go("b", "c")


def test_waiting_sees_to_the_queue(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    queue.await_begun("a")
    waiting = queue.repo.machine.start("git", "runs", "wait", "b", cwd=queue.repo.path)
    queue.kill_workers()
    (queue.marks / "go").touch()
    assert waiting.wait(60) == 0
    waiting.communicate()


@pytest.mark.parametrize("command", ["status --watch", "top"])
def test_watching_sees_to_the_queue(queue: Queue, screen: Screen, command: str) -> None:
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    queue.await_begun("a")
    screen.type(f"TMUX= git runs {command}")
    screen.shows("running")
    queue.kill_workers()
    (queue.marks / "go").touch()
    queue.await_begun("a", "b")
    screen.press("q")


def test_where_no_worker_is_there_that_is_said_until_one_is(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    queue.await_begun("a")
    queue.kill_workers()
    status = queue.repo.runs("status")
    assert "no worker is there" in status.out
    assert status.err == "hint: to have workers started: git runs queue\n"
    assert "it is next" in queue.repo.ok("queue")
    wait_for(queue.workers)
    queue.go("b")
    assert queue.repo.runs("status").err == ""


def test_a_session_of_a_worker_that_is_killed_does_not_stay(queue: Queue) -> None:
    queue.add("a", "--jobs=1")
    queue.add("b", "--jobs=1")
    queue.await_begun("a")
    assert "git-runs-queue-0" in queue.repo.machine.sessions()
    queue.kill_workers()
    wait_for(lambda: queue.repo.machine.sessions() == ["a"])


# --- what is done to runs that wait


def test_a_waiting_run_that_is_moved_begins_under_its_new_name(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    place = queue.repo.path / ".runs/checkpoints/a"
    queue.repo.ok("new", "-q", "--jobs=1", "a", f"echo $RUNS_NAME $PWD >>{place}/out; touch left; true")
    queue.repo.ok("move", "a", "g/new")
    assert queue.repo.ok("fsck") == ""
    assert queue.status("g/new") == "queued"
    queue.repo.ok("queue", "start")
    queue.repo.wait("g/new")
    tree = queue.repo.path / ".runs/worktrees/g/new"
    assert (queue.repo.path / ".runs/checkpoints/g/new/out").read_text() == f"g/new {tree}\n"
    assert (tree / "left").exists()
    assert queue.repo.record("g/new")["worktree"] == str(tree)
    wait_for(lambda: not os.path.lexists(place))
    assert "former-names" not in queue.repo.record("g/new")
    assert queue.repo.ok("fsck") == ""


def test_a_waiting_run_that_is_deleted_never_begins(queue: Queue) -> None:
    queue.add("a", "--jobs=1")
    queue.await_begun("a")
    queue.add("b", "--jobs=1")
    queue.add("c", "--jobs=1")
    queue.repo.ok("delete", "-y", "b")
    queue.go("a", "c")
    assert queue.begun() == ["a", "c"]
    queue.repo.ok("undelete", "b")
    assert queue.status("b") == "killed"
    assert queue.repo.ok("fsck") == ""


def test_a_registration_that_was_interrupted_is_settled(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    (order,) = (queue.place / "waiting").iterdir()
    staged = order.rename(order.parent / f".{order.name}.{2**22 + 1}")
    os.utime(staged, (1e9, 1e9))
    result = queue.repo.runs("fsck")
    assert result.code == 1
    assert "run 'a' is recorded as queued, and is not in the queue" in result.out
    queue.repo.runs("fsck", "--repair")
    assert queue.repo.record("a")["status"] == "failed"
    assert queue.repo.lookup("a", "error") == "the start was interrupted"


def test_fsck_removes_no_spec_of_a_run_that_was_queued_while_it_looked(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    monkeypatch.chdir(queue.repo.path)
    before: list[Run] = []
    assert [*leftovers.of_queue(project.find(Search()), before, 0.0)] == []


def test_runs_that_never_got_into_the_queue_can_be_killed_and_deleted(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    for name in ("a", "b"):
        queue.add(name, "--jobs=1")
    for order in (queue.place / "waiting").iterdir():
        order.rename(order.parent / f".{order.name}.1")  # as while they are registered
    assert queue.repo.ok("kill", "a") == "Killed run 'a', which had not begun\n"
    queue.repo.ok("delete", "-y", "b")
    for order in (queue.place / "waiting").iterdir():
        order.rename(order.parent / order.name.strip(".").removesuffix(".1"))
    queue.repo.ok("queue", "start")
    wait_for(lambda: not queue.specs())
    assert queue.begun() == []


def test_a_copy_of_the_runs_dir_takes_nothing_that_waits_in_the_other_one(queue: Queue, tmp_path: Path) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    copy = Repository(queue.repo.machine, tmp_path / "copy")
    shutil.copytree(queue.repo.path, copy.path, symlinks=True)
    copy.ok("queue", "start")
    queue.repo.ok("new", *NO_FLAGS, "until-then", "true")
    queue.repo.wait("until-then")
    assert queue.begun() == []
    (row,) = json.loads(copy.ok("queue", "--format=json"))
    assert row["waits-for"] == (
        f"it was queued in '{queue.repo.path}/.runs', from which this runs dir was copied or moved"
    )
    copy.ok("new", "-q", *NO_FLAGS, "--jobs=1", "its-own", "true")
    copy.wait("its-own")
    assert [copy.lookup("a", "status"), queue.status("a")] == ["queued", "queued"]
    copy.ok("kill", "a")
    assert copy.ok("fsck") == ""
    queue.repo.ok("queue", "start")
    queue.await_begun("a")
    queue.go("a")


def what_waits(queue: Queue, hinder: Callable[[Path], object]) -> dict[str, str]:
    """What `queue` says, in the end, of two runs, of which something was done to the spec of the first, and the second
    has had its turn."""
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    queue.add("b", "--jobs=1")
    hinder(queue.specs()[0])
    queue.repo.ok("queue", "start")
    queue.await_begun("b")
    (queue.marks / "go").touch()
    queue.repo.wait("b")
    wait_for(lambda: not queue.workers())
    (row,) = json.loads(queue.repo.ok("queue", "--format=json"))
    found: dict[str, str] = row
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what others let wait")
def test_root_takes_nothing_that_another_user_lets_wait(queue: Queue) -> None:
    row = what_waits(queue, lambda spec: os.chown(spec, 12345, -1))
    assert [row["name"], row["waits-for"]] == ["a", "it is another user's, and is not to run as root"]


def test_a_worker_that_cannot_be_seen_is_named(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    lock = queue.place / "slot-0.lock"  # as of a container that was started anew
    holder = {"host": whoami.hostname(), "namespace": "pid:[1]", "process": processes.identify(os.getpid())}
    lock.write_text(json.dumps(holder))
    queue.repo.ok("queue", "start")
    (row,) = json.loads(queue.repo.ok("queue", "--format=json"))
    assert row["waits-for"] == "what serves the queue cannot be seen from here: git runs fsck"
    assert queue.repo.ok("fsck") == ""  # it is not old enough to be left
    monkeypatch.chdir(queue.repo.path)
    (problem,) = leftovers.of_queue(project.find(Search()), [], idle=0.0)
    assert problem.path == str(lock)
    lock.unlink()
    queue.repo.ok("table")
    queue.await_begun("a")
    queue.go("a")


def test_a_spec_that_cannot_be_read_holds_up_no_other(queue: Queue) -> None:
    row = what_waits(
        queue, lambda spec: spec.write_text(json.dumps({**json.loads(spec.read_text()), "of-another-version": True}))
    )
    assert [row["name"], row["waits-for"]] == ["a", "this version of git runs cannot read its spec"]


def test_specs_of_runs_that_are_gone_are_removed(queue: Queue) -> None:
    queue.repo.ok("queue", "stop")
    queue.add("a", "--jobs=1")
    record = queue.repo.record_path("a")
    record.write_text(record.read_text().replace("status: queued", "status: killed"))
    assert "json' was left by a process that has ended" in queue.repo.runs("fsck").out
    queue.repo.ok("queue", "start")
    wait_for(lambda: not queue.specs())
    wait_for(lambda: not queue.workers())
    assert queue.begun() == []
