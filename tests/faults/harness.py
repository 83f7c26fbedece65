"""Breaking things on purpose, and checking afterwards whether all is as it was promised.

`RUNS_FAULTS=full` makes the tests long: 500 moments instead of one, 10,000 inputs instead of some dozens.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml

from git_runs.system import processes
from tests.conftest import Machine, Repository, wait_for

FULL = os.environ.get("RUNS_FAULTS") == "full"
MOMENTS = 500 if FULL else 1
SYSTEM_CALLS = 10**9 if FULL else 1  # at most so many of those that write
EXAMPLES = 10_000 if FULL else 50

STRACE = shutil.which("strace")

Way = TypeVar("Way")


def one_of(ways: Sequence[Way], of: str) -> Way:
    """One of the ways, chosen at random for each row of a table: pytest-randomly begins anew with each test."""
    return random.Random(f"{random.random()} {of}").choice(ways)


# --- what is promised


def check(repo: Repository) -> None:
    """All agrees: records, refs, objects and files."""
    assert disagreements(repo) == []


def disagreements(repo: Repository) -> list[str]:
    """Each disagreement in one line, "what: name"; empty where all is well.

    Here is the place where `git runs fsck` may take over. That records parse, and git's own objects are sound, has to
    hold at any time.
    """
    repo.git("fsck", "--strict")
    refs = dict(
        line.split()
        for line in repo.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/runs").splitlines()
    )
    records = read_records(repo)
    known = {*records, *(former for record in records.values() for former in record.get("former-names") or ())}
    identifiers = [record["id"] for record in records.values()]
    return sorted(
        [f"ref without record: {name}" for name in refs.keys() - records.keys()]
        + [f"record without ref: {name}" for name in records.keys() - refs.keys()]
        + [f"another commit: {name}" for name in refs.keys() & records.keys() if refs[name] != records[name]["commit"]]
        + [f"another name inside: {name}" for name, record in records.items() if record["name"] != name]
        + [f"one of two: {name}" for name, record in records.items() if identifiers.count(record["id"]) > 1]
        + [f"left over: {path.name}" for path in leftovers(repo)]
        + [f"outputs without run: {name}" for name in outputs(repo) if not is_run_or_group(name, known)]
    )


def mend(repo: Repository) -> None:
    """Let `git runs fsck --repair` put right what a crash has left."""
    repo.runs("fsck", "--repair")
    if (found := repo.runs("fsck")).code:  # a file may have become old enough just now to count as left
        repo.runs("fsck", "--repair")
        found = repo.runs("fsck")
    assert found.code == 0, found


def read_records(repo: Repository) -> dict[str, dict[str, Any]]:
    """All records by name, as any YAML reader reads them."""
    top = repo.path / ".runs/records"
    paths = [path for path in top.rglob("*.yml") if path.is_file()]
    names = [str(path.relative_to(top))[: -len(".yml")] for path in paths]
    return {name: yaml.load(path.read_bytes(), yaml.CSafeLoader) for name, path in zip(names, paths, strict=True)}


def leftovers(repo: Repository) -> list[Path]:
    """Files that only a process under way needs."""
    places = (repo.path / ".runs/records", repo.path / ".runs/specs", repo.path / ".git/refs")
    return [path for place in places for path in place.rglob("*") if path.suffix in (".lock", ".json")]


def outputs(repo: Repository) -> set[str]:
    """The names under which something was put out, or those of their groups."""
    top = repo.path / ".runs"
    logs = {str(path.relative_to(top / "logs")).removesuffix(".log") for path in (top / "logs").rglob("*.log")}
    files = [path.relative_to(top) for kind in ("tensorboard", "checkpoints") for path in (top / kind).rglob("*")]
    return logs | {path.parts[1] for path in files if (top / path).is_file()}


def is_run_or_group(name: str, runs: Iterable[str]) -> bool:
    """Whether there is a run of that name, or one in a group of that name."""
    return any(run == name or run.startswith(f"{name}/") for run in runs)


def surprises(err: str) -> bool:
    """Whether the program met what nobody had thought of."""
    return "Traceback" in err or re.search(r"^fatal: unexpected [A-Z]\w+: ", err, re.MULTILINE) is not None


class Bystanders:
    """Runs that have nothing to do with what is broken, and have to come out of it as they went in."""

    def __init__(self, repo: Repository, *names: str) -> None:
        self.repo = repo
        self.names = names
        make(repo, *names)
        self.before = self._state()

    def check(self) -> None:
        """They are as they were, and listed."""
        assert self._state() == self.before
        listed = self.repo.ok("list").split()
        assert set(self.names) <= set(listed)

    def _state(self) -> tuple[list[tuple[bytes, bytes]], list[str]]:
        logs = [self.repo.path / f".runs/logs/{name}.log" for name in self.names]
        refs = self.repo.git("show-ref", "--", *(f"refs/runs/{name}" for name in self.names))
        files = zip(map(self.repo.record_path, self.names), logs, strict=True)
        return [(record.read_bytes(), log.read_bytes()) for record, log in files], sorted(refs.splitlines())


def make(repo: Repository, *names: str) -> None:
    """Runs that have ended, each of which printed its name; the first is started, the others are made after it."""
    if not names:
        return
    first, *others = names
    repo.ok("new", "-q", first, "echo $RUNS_NAME; :")
    settle(repo.machine)
    record, log = repo.record_path(first), repo.path / f".runs/logs/{first}.log"
    identifier = str(repo.record(first)["id"])
    for name in others:
        text = record.read_text().replace(identifier, str(uuid.uuid4())).replace(f"name: {first}\n", f"name: {name}\n")
        repo.record_path(name).write_text(re.sub(f"/{first}\\b", f"/{name}", text))
        (log.parent / f"{name}.log").write_text(log.read_text().replace(first, name))
        for kind in ("tensorboard", "checkpoints"):
            (repo.path / ".runs" / kind / name).mkdir()
    commit = repo.record(first)["commit"]
    creations = "".join(f"create refs/runs/{name} {commit}\n" for name in others)
    assert repo.machine.run("git", "update-ref", "--stdin", cwd=repo.path, stdin=creations).code == 0


# --- breaking


def kill_after(repo: Repository, seconds: float, *arguments: str) -> str:
    """`git runs <arguments>`, killed after some time; gives what it printed."""
    return _broken(repo, ["git-runs", *arguments], seconds)[0]


def interrupt_after(repo: Repository, seconds: float, *arguments: str) -> None:
    """`git runs <arguments>`, with ctrl-C pressed after some time."""
    _broken(repo, ["git-runs", *arguments], seconds, signal.SIGINT)


Moment = tuple[str, int]  # a system call, and which of those of its name, counted from 1


class Strace:
    """strace(1) beside `git runs <arguments>`: it kills the process, or lets calls fail, where they write."""

    CALLS = (
        *("openat", "write", "pwrite64", "rename", "link", "unlink", "mkdir", "rmdir", "symlink", "fsync", "fdatasync"),
        *("ftruncate", "fchmod", "vfork", "fork", "clone", "clone3", "execve", "kill"),
    )
    FAILING = ("openat", "write", "pwrite64", "rename", "link", "mkdir", "fsync", "fdatasync")
    READING = re.compile(r"openat\(.*O_RDONLY|openat\(.*/dev/|write\([12],")

    def __init__(self, repo: Repository) -> None:
        assert STRACE
        self.repo = repo
        self.log = repo.path.parent / "strace"

    def moments(self, *arguments: str, only: tuple[str, ...] = CALLS) -> list[Moment]:
        """The process's calls that write, or start another process: as many as there is time for."""
        out, err, code = _broken(self.repo, [*self.command(), "git-runs", *arguments], None)
        assert code == 0, (out, err)
        return self.logged(only)

    def logged(self, only: tuple[str, ...] = CALLS) -> list[Moment]:
        """The same, from the log of the last process."""
        counts: dict[str, int] = {}
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if call := re.match(r"(\w+)\(", line):
                counts[call[1]] = counts.get(call[1], 0) + 1
                if call[1] in only and not self.READING.match(line):
                    found.append((call[1], counts[call[1]]))
        return random.sample(found, min(SYSTEM_CALLS, len(found)))

    def kill(self, moment: Moment, *arguments: str) -> str:
        """`git runs <arguments>`, killed at that call; gives what it printed."""
        return _broken(self.repo, [*self.command(moment, "signal=KILL"), "git-runs", *arguments], None)[0]

    def fail(self, moment: Moment, error: str, *arguments: str) -> tuple[str, str, int]:
        """`git runs <arguments>`, for which that call fails; gives what it printed and its exit code."""
        return _broken(self.repo, [*self.command(moment, f"error={error}"), "git-runs", *arguments], None)

    def missed(self) -> bool:
        """Whether the last fault met a call that reads: where the cache is written, a process opens more files."""
        lines = self.log.read_text(errors="replace").splitlines()
        return any("(INJECTED)" in line and self.READING.match(line) for line in lines)

    def command(self, moment: Moment | None = None, fault: str = "") -> list[str]:
        """What to put before a command; the traced process stays the child of whoever starts it."""
        assert STRACE
        call, count = moment or ("", 0)
        what = f"inject={call}:{fault}:when={count}" if moment else f"trace={','.join(self.CALLS)}"
        return [STRACE, "-D", "-o", str(self.log), "-e", what]


def _broken(
    repo: Repository, command: list[str], seconds: float | None, number: int = signal.SIGKILL
) -> tuple[str, str, int]:
    broken = subprocess.Popen(
        command,
        cwd=repo.path,
        env=repo.machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = broken.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(broken.pid, number) if number == signal.SIGINT else broken.kill()
        out, err = broken.communicate()
    # What it had asked of git and tmux is still done.
    wait_for(lambda: not processes.group_lives(broken.pid))
    settle(repo.machine)
    return out.decode(), err.decode(), broken.returncode


def settle(machine: Machine) -> None:
    """Wait until no run goes on."""
    wait_for(lambda: not supervisors(machine))


def supervisors(machine: Machine) -> list[int]:
    """The process ids of the supervisors that live."""
    return [int(path.name) for path in machine.processes() if _is_supervisor(path)]


def _is_supervisor(path: Path) -> bool:
    """Or will be one, as strace, and what a tmux has just forked for a pane. A tmux that starts one names it, too."""
    try:
        words = _command_line(path)
        if b"tmux" in words[0]:
            status = (path / "status").read_text()
            parent = re.search(r"^PPid:\t(\d+)$", status, re.MULTILINE)
            return parent is not None and b"tmux" in _command_line(path.parent / parent[1])[0]
        return any(b"git_runs.running.supervise" in word for word in words)
    except OSError:
        return False


def _command_line(path: Path) -> list[bytes]:
    return (path / "cmdline").read_bytes().split(b"\0")


def kill_after_a_while(found: Callable[[], list[int]], seconds: float) -> None:
    """Kill the processes that are found, some time after there are any; they may have ended by then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and found():
        pass
    for pid in found():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
