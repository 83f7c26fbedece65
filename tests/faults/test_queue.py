"""Runs that wait, while those who see to them are killed: each begins once, and none is forgotten."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository
from tests.faults.harness import FULL, check, mend, read_records, settle
from tests.running.test_queue import is_worker

pytestmark = pytest.mark.timeout(3600)

RUNS = 1000 if FULL else 16
SECONDS = 0.3  # between two kills, at most
OPEN = ("queued", "starting", "running")


class Killing:
    """Runs that are queued and worked off, while something is killed again and again."""

    def __init__(self, repo: Repository, marks: Path) -> None:
        self.repo = repo
        self.marks = marks
        self.names = [f"r{number}" for number in range(RUNS)]
        marks.mkdir()

    def add(self) -> None:
        """Queue all the runs, one after the other."""
        for name in self.names:
            self.repo.ok("new", "-q", *NO_FLAGS, "--jobs=3", name, f"echo $$ >>{self.marks}/{name}")

    def until_all_have_ended(self, *, servers: bool) -> None:
        """Kill workers, or everything in tmux, until no run is left."""
        adding = threading.Thread(target=self.add)
        adding.start()
        while adding.is_alive() or any(fields["status"] in OPEN for fields in read_records(self.repo).values()):
            time.sleep(random.uniform(0, SECONDS))
            self.kill_one()
            if servers and random.random() < 0.1:
                self.repo.machine.tmux("kill-server")
            self.repo.ok("queue", "--format=csv")
        adding.join()
        settle(self.repo.machine)
        self.kill_what_is_left_of_servers()

    def kill_one(self) -> None:
        """A worker, with -9."""
        workers = [int(path.name) for path in self.repo.machine.processes() if is_worker(path)]
        if workers:
            with suppress(ProcessLookupError):
                os.kill(random.choice(workers), signal.SIGKILL)

    def kill_what_is_left_of_servers(self) -> None:
        """A tmux server that is told to go while it makes a session stays for that, and nobody can reach it."""
        for process in self.repo.machine.processes():
            with suppress(OSError):
                if (process / "comm").read_text().startswith("tmux"):
                    os.kill(int(process.name), signal.SIGKILL)

    def starts(self) -> dict[str, int]:
        """How often the command of each run was."""
        return {path.name: path.read_text().count("\n") for path in self.marks.iterdir()}


def test_workers_that_are_killed_leave_no_run_out_and_start_none_twice(repo: Repository, tmp_path: Path) -> None:
    killing = Killing(repo, tmp_path / "marks")
    killing.until_all_have_ended(servers=False)
    assert killing.starts() == dict.fromkeys(killing.names, 1)
    assert {name: fields["status"] for name, fields in read_records(repo).items()} == dict.fromkeys(
        killing.names, "finished"
    )
    mend(repo)
    check(repo)


def test_tmux_servers_that_are_killed_take_what_runs_and_nothing_that_waits(repo: Repository, tmp_path: Path) -> None:
    killing = Killing(repo, tmp_path / "marks")
    killing.until_all_have_ended(servers=True)
    starts, records = killing.starts(), read_records(repo)
    assert records.keys() == {*killing.names}
    assert max(starts.values()) == 1  # a shell that dies between opening its mark and writing to it leaves an empty one
    for name, fields in records.items():
        assert fields["status"] in ("finished", "killed"), (name, fields)
        assert fields["status"] == "killed" or starts[name] == 1
    mend(repo)
    check(repo)
