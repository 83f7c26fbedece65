"""Real repositories, a real tmux server for each test, and the installed `git runs`."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sysconfig
import tempfile
import termios
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from tests import sshd
from tests.cluster import OF_ACCOUNTING, PROGRAMS, Cluster, can_limit_memory, missing
from tests.sshd import Host

# Whoever runs the tests under nohup(1) or in the background made us ignore them, and what we start.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL if number == signal.SIGHUP else signal.default_int_handler)

# A machine that is busy is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NO_FLAGS = ("--tb-dir-flag=None", "--save-path-flag=None")  # the command reaches the shell as it was typed
BOUND = 30.0  # seconds to wait for any state


def _can_mount() -> bool:
    """Whether bubblewrap may do here what isolation by mounts takes."""
    words = ["bwrap", "--dev-bind", "/", "/", "true"]
    return shutil.which(words[0]) is not None and subprocess.run(words, check=False).returncode == 0


can_mount = _can_mount()
needs_mounts = pytest.mark.skipif(not can_mount, reason="bwrap may make no mounts here")


def wait_for(state: Callable[[], object], bound: float = BOUND) -> None:
    """Return when `state()` is true; fail when that takes too long."""
    deadline = time.monotonic() + bound
    while True:
        before = time.monotonic()
        if state():
            return
        assert time.monotonic() < deadline, "the state did not come about in time"
        time.sleep(max(0.02, time.monotonic() - before))  # whoever works on it has at least half of the time


class Result:
    """What a finished process said."""

    def __init__(self, process: subprocess.CompletedProcess[bytes]) -> None:
        self.code = process.returncode
        self.out = process.stdout.decode()
        self.err = process.stderr.decode()

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


@cache
def _own_python() -> str:
    """The directory of a Python without packages: the environment of each run is all that this would find, and looking
    at the files of all that tests need takes longer than most runs."""
    place = tempfile.mkdtemp(prefix="gr-python-")
    atexit.register(shutil.rmtree, place)
    venv.create(place, symlinks=True)
    return f"{place}/bin"


class Machine:
    """A user's own little world: home, environment, tmux server. Nothing of the developer's leaks in."""

    def __init__(self, home: Path, tmux_dir: str) -> None:
        self.home = home
        self.tmux_dir = tmux_dir
        self.environment = {
            "HOME": str(home),
            "PATH": os.pathsep.join([_own_python(), sysconfig.get_path("scripts"), os.environ["PATH"]]),
            "TMUX_TMPDIR": tmux_dir,
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A U Thor",
            "GIT_AUTHOR_EMAIL": "author@example.com",
            "GIT_COMMITTER_NAME": "C O Mitter",
            "GIT_COMMITTER_EMAIL": "committer@example.com",
            # Records are kept in git by processes that outlive commands; tests/upkeep/test_history.py waits for them.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "runs.history",
            "GIT_CONFIG_VALUE_0": "false",
        }

    def take_packages_of_tests(self) -> None:
        """Let runs find the Python that the tests have, with all its packages."""
        self.environment["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), self.environment["PATH"]])

    def run(self, *command: str | bytes, cwd: Path | None = None, stdin: str = "", **environment: str) -> Result:
        """Run a command to its end."""
        process = subprocess.run(
            command,
            cwd=cwd or self.home,
            env={**self.environment, **environment},
            input=stdin.encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Result(process)

    def start(self, *command: str, cwd: Path) -> subprocess.Popen[bytes]:
        """Run a command beside the test."""
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def processes(self) -> Iterator[Path]:
        """All processes, in /proc, that were started on this machine and still live."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.fsencode(f"HOME={self.home}") in (process / "environ").read_bytes().split(b"\0"):
                    yield process

    def end(self) -> None:
        """End its tmux servers, and wait until all that ran there is gone."""
        for socket in Path(self.tmux_dir).glob("tmux-*/*"):
            self.run("tmux", "-S", str(socket), "kill-server")
        wait_for(lambda: not list(self.processes()))

    def tmux(self, *arguments: str) -> Result:
        """Ask this machine's tmux server."""
        return self.run("tmux", *arguments)

    def sessions(self) -> list[str]:
        """The names of its tmux sessions."""
        return self.tmux("list-sessions", "-F", "#{session_name}").out.splitlines()


class Repository:
    """A git repository with one commit of a program that prints its arguments."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.path = path

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """What git prints; git must succeed."""
        result = self.machine.run("git", *arguments, cwd=cwd or self.path)
        assert result.code == 0, result
        return result.out

    def runs(self, *arguments: str | bytes, cwd: Path | None = None, stdin: str = "", **environment: str) -> Result:
        """`git runs <arguments>`, as a user calls it."""
        return self.machine.run("git", "runs", *arguments, cwd=cwd or self.path, stdin=stdin, **environment)

    def ok(self, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
        """What `git runs <arguments>` prints; it must succeed."""
        result = self.runs(*arguments, cwd=cwd, **environment)
        assert result.code == 0, result
        return result.out

    def on_terminal(self, *arguments: str, columns: int = 80, **environment: str) -> str:
        """What `git runs <arguments>` writes to a terminal of that width, without a pager."""
        ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        own = {**self.machine.environment, "GIT_PAGER": "cat", **environment}
        written = b""
        with subprocess.Popen(
            ["git", "runs", *arguments],
            cwd=self.path,
            env=own,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        ):
            os.close(its)
            with suppress(OSError):  # nobody has the other end any more
                while piece := os.read(ours, 1 << 16):
                    written += piece
        os.close(ours)
        return written.decode().replace("\r\n", "\n")

    def finish(self, name: str, command: str = "true", *options: str, cwd: Path | None = None) -> None:
        """Start a run and wait until it ended, however it did."""
        result = self.runs("new", "--wait", *options, name, command, cwd=cwd)
        assert not (result.code in (128, 129) and re.search("^(?:fatal|usage): ", result.err, re.MULTILINE)), result

    def wait(self, name: str) -> None:
        """Until the run has ended, however it did."""
        result = self.runs("wait", "--timeout=30", name)
        assert not result.err.endswith((": starting\n", ": running\n", ": queued\n")), result

    def lookup(self, name: str, key: str) -> str:
        """One value of a record."""
        return self.ok("lookup", name, key).removesuffix("\n")

    def environment(self, name: str) -> dict[str, Any]:
        """What was recorded of the run's environment."""
        found = json.loads(self.lookup(name, "environment"))
        assert isinstance(found, dict)
        return found

    def log(self, name: str) -> str:
        """What a run printed."""
        return self.ok("log", name)

    def record_path(self, name: str) -> Path:
        """The file that holds the run's record."""
        return self.path / ".runs" / "records" / f"{name}.yml"

    def record(self, name: str) -> dict[str, object]:
        """The record, as any YAML reader sees it."""
        content: dict[str, object] = yaml.load(self.record_path(name).read_bytes(), yaml.CSafeLoader)
        return content

    def refs(self) -> list[str]:
        """The run refs that git shows."""
        return self.git("for-each-ref", "--format=%(refname)", "refs/runs").splitlines()

    def commit(self, path: str, content: str, message: str = "change") -> str:
        """Commit one file; gives the hash."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        self.git("add", path)
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def add_submodules(self, *paths: str) -> Repository:
        """Commit submodules, each a clone of a new repository in which "code" says "old"; gives that."""
        library = Repository(self.machine, self.path.parent / "library")
        self.machine.run("git", "init", "-q", str(library.path))
        library.commit("code", "old\n")
        for path in paths:
            self.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.path), path)
        self.git("commit", "-q", "-m", "with submodules")
        return library


class Screen:
    """A person's terminal: a shell in a tmux server of its own, so that what it shows can be read."""

    def __init__(self, machine: Machine, directory: Path, *shell: str) -> None:
        """`shell`: the words that start one whose prompt has a "$"; by default sh."""
        self.machine = machine
        place = ("-s", "screen", "-x", "160", "-y", "48", "-c", str(directory))
        self._tmux("new-session", "-d", *place, *(shell or ("env", "PS1=$ ", "sh")))
        self.shows("$")

    def type(self, line: str) -> None:
        """Type a line and press return."""
        self.write(line)
        self.press("Enter")

    def write(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-t", "screen", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names for them."""
        self._tmux("send-keys", "-t", "screen", *keys)

    def text(self) -> str:
        """What it shows now."""
        return self._tmux("capture-pane", "-p", "-t", "screen").out

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size."""
        self._tmux("resize-window", "-t", "screen", "-x", f"{columns}", "-y", f"{lines}")

    def shows(self, text: str) -> None:
        """Wait until the text is on the screen."""
        try:
            wait_for(lambda: text in self.text())
        except AssertionError:
            pytest.fail(f"{text!r} is not on the screen:\n{self.text()}")

    def _tmux(self, *arguments: str) -> Result:
        return self.machine.run("tmux", "-L", "screen", "-f", "/dev/null", *arguments)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose tmux server, and all that runs in it, is gone after the test."""
    yield from _machine(tmp_path / "home")


def _machine(home: Path) -> Iterator[Machine]:
    home.mkdir()
    # The path of a socket may not be longer than 107 bytes: unix(7).
    tmux_dir = tempfile.mkdtemp(prefix="gr-", dir="/tmp")
    machine = Machine(home, tmux_dir)
    yield machine
    machine.end()
    shutil.rmtree(tmux_dir)


@pytest.fixture
def repo(machine: Machine, tmp_path: Path) -> Repository:
    """A repository with one commit."""
    path = tmp_path / "repo"
    machine.run("git", "init", "-q", "-b", "main", str(path))
    repository = Repository(machine, path)
    repository.commit("train.py", "import sys\nprint(*sys.argv[1:], sep='\\n')\n", "first model")
    return repository


def prepared(build: Callable[[Repository], None]) -> Any:
    """A fixture by the name of `build`: the repository, once that has been done to it. It is done once in each process
    that runs tests, and what was there afterwards is put back for each test, in the same place, which records name."""
    _PREPARED.add((build.__module__, build.__name__))
    changes: dict[str, str] = {}  # of the variables, by what is done

    @pytest.fixture(name=build.__name__)
    def fixture(repo: Repository) -> Repository:
        world, environment = repo.path.parent, repo.machine.environment
        kept = world.with_name(f"{world.name}.{build.__name__}")
        if not kept.exists():
            before = dict(environment)
            build(repo)
            repo.machine.end()
            changes.update({key: value for key, value in environment.items() if before.get(key) != value})
            shutil.copytree(world, kept, symlinks=True)
        else:
            for path in (repo.machine.home, repo.path):
                shutil.rmtree(path)
            shutil.copytree(kept, world, symlinks=True, dirs_exist_ok=True)
            environment |= changes
        return repo

    return fixture


_PREPARED: set[tuple[str, str]] = set()  # the module and the name of each such fixture


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the test's own; with a fixture that is `prepared`, always the same one, which is empty."""
    module = request.module.__name__
    names = [name for name in request.fixturenames if (module, name) in _PREPARED]
    if not names:
        return tmp_path
    place = tmp_path_factory.getbasetemp() / f"{module.rpartition('.')[2]}-{names[-1]}"
    if place.exists():
        shutil.rmtree(place)
    place.mkdir()
    return place


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm without accounting, for all tests of a worker."""
    yield from _cluster(*PROGRAMS)


@pytest.fixture(scope="session")
def cluster_with_accounting() -> Iterator[Cluster]:
    """The same with slurmdbd, so that sacct(1) knows jobs; and, where that may be, with limits of memory."""
    yield from _cluster(*PROGRAMS, *OF_ACCOUNTING)


def _cluster(*programs: str) -> Iterator[Cluster]:
    if program := missing(*programs):
        pytest.skip(f"{program} is not installed: see tools/ensure-programs")
    has_accounting = programs != PROGRAMS
    cluster = Cluster(has_accounting=has_accounting, limits_memory=has_accounting and can_limit_memory())
    yield cluster
    cluster.end()


@pytest.fixture
def host(machine: Machine, tmp_path: Path) -> Iterator[Host]:
    """Another host, by the name of "box", that the machine may ask by ssh."""
    if why := sshd.reason_against():
        pytest.skip(why)
    for there in _machine(tmp_path / "home-there"):
        host = Host(there)
        machine.environment |= host.client
        yield host
        host.end()


@pytest.fixture
def screen(repo: Repository) -> Screen:
    """A terminal in the repository."""
    return Screen(repo.machine, repo.path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
