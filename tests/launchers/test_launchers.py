"""What every launcher does, whichever it is: the same stories for each."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from git_runs import launchers
from git_runs.config.settings import SETTINGS
from git_runs.system import processes
from tests.cluster import Cluster, missing
from tests.conftest import NO_FLAGS, Repository, wait_for

GO_ON = "touch up; while [ ! -e go ]; do sleep 0.02; done"


class Ways:
    """How runs are started by one launcher, and what is particular about it."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: str, *options: str, name: str = "base") -> None:
        """Start a run beside the test; its command makes the file `up` when it is ready."""
        self.popen(*options, name, command)
        wait_for(self.at("up", name).exists)
        self.at("up", name).unlink()

    def at(self, file: str, name: str = "base") -> Path:
        """Where a file is that the run finds or makes in its directory."""
        return self.repo.path / file

    def finish(self, command: str, *options: str, name: str = "base") -> int:
        """Run it to its end; gives the exit code of `git runs new --wait`."""
        return self.popen("--wait", *options, name, command).wait(60)

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`git runs new <arguments>`, beside the test."""
        words = ["git", "runs", "new", *NO_FLAGS, f"--launcher={self.name}", *arguments]
        started = self.begin(words)
        self.started.append(started)
        return started

    def printed(self, name: str = "base") -> bytes:
        """What the command has printed, as it lies in the log."""
        return (self.repo.path / f".runs/logs/{name}.log").read_bytes()

    def log(self, name: str = "base") -> str:
        """The same as a person gets to see it."""
        return self.repo.log(name)

    name = ""
    line_end = "\r\n"  # what the log has for a newline

    def begin(self, words: list[str]) -> subprocess.Popen[bytes]:
        """Start the process."""
        raise NotImplementedError

    def hang_up(self, name: str = "base") -> None:
        """What surrounds the run goes away."""
        raise NotImplementedError

    def end(self) -> None:
        """No process of the test is left."""
        for started in self.started:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()


class Tmux(Ways):
    name = "tmux"

    def begin(self, words: list[str]) -> subprocess.Popen[bytes]:
        return _popen(self.repo, words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def hang_up(self, name: str = "base") -> None:
        self.repo.machine.tmux("kill-session", "-t", f"={name}")


class Foreground(Ways):
    """Without a terminal, as in a container."""

    name = "foreground"
    line_end = "\n"

    def begin(self, words: list[str]) -> subprocess.Popen[bytes]:
        return _popen(self.repo, words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def hang_up(self, name: str = "base") -> None:
        (parent,) = {int(_parent(supervisor(self.repo, name)))}
        os.kill(parent, signal.SIGKILL)


class AtTerminal(Ways):
    """In a terminal, which the test reads."""

    name = "foreground"

    def __init__(self, repo: Repository) -> None:
        super().__init__(repo)
        self.terminals: list[int] = []
        self.shown = b""
        self.reader: threading.Thread | None = None

    def begin(self, words: list[str]) -> subprocess.Popen[bytes]:
        outer, inner = os.openpty()
        self.terminals.append(outer)
        self.reader = threading.Thread(target=self._read, args=(outer,), daemon=True)
        self.reader.start()
        # setsid(1) makes the terminal the controlling one, as a terminal emulator does.
        started = _popen(self.repo, ["setsid", "--ctty", "--wait", *words], stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        return started

    def _read(self, terminal: int) -> None:
        """Until the terminal is put away, or nobody has it open any more; nothing waits for it in between."""
        with suppress(OSError):
            while terminal in self.terminals:
                if select.select([terminal], [], [], 0.05)[0]:
                    self.shown += os.read(terminal, 1 << 16)

    def type(self, keys: bytes) -> None:
        """Type into the terminal of the run that was started last."""
        os.write(self.terminals[-1], keys)

    def hang_up(self, name: str = "base") -> None:
        terminal = self.terminals.pop()
        assert self.reader
        self.reader.join()
        os.close(terminal)

    def end(self) -> None:
        super().end()
        while self.terminals:
            self.hang_up()


class Scheduled(Ways):
    """As jobs of a scheduler, in work trees of their own."""

    line_end = "\n"

    def begin(self, words: list[str]) -> subprocess.Popen[bytes]:
        return _popen(self.repo, words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def at(self, file: str, name: str = "base") -> Path:
        return self.repo.path / ".runs/worktrees" / name / file

    def printed(self, name: str = "base") -> bytes:
        _, _, after = super().printed(name).partition(b"\x07")  # that ends the marker of the start
        return after


class Slurm(Scheduled):
    """A real one."""

    name = "slurm"

    def __init__(self, repo: Repository, cluster: Cluster) -> None:
        super().__init__(repo)
        self.cluster = cluster
        repo.machine.environment |= cluster.environment

    def hang_up(self, name: str = "base") -> None:
        self.cluster.run("scancel", "--batch", "--signal=HUP", job(self.repo, name))


class Spooler(Scheduled):
    """task-spooler, by its commands in settings."""

    name = "spooler"

    def __init__(self, repo: Repository, place: str) -> None:
        super().__init__(repo)
        repo.machine.environment |= {"TS_SOCKET": f"{place}/socket", "TMPDIR": place}
        for verb, command in SPOOLER.items():
            repo.git("config", f"runs.launcher.spooler.{verb}", command)
        repo.machine.run("tsp", "-S", "4")

    def hang_up(self, name: str = "base") -> None:
        os.kill(supervisor(self.repo, name), signal.SIGHUP)

    def end(self) -> None:
        super().end()
        self.repo.machine.run("tsp", "-K")


# Its columns are number, state and so on: tsp(1).
SPOOLER = {
    "submit": """tsp sh -c "$(cat)" """,
    "state": """
        tsp | awk 'NR > 1 {
            print $1, $2 == "queued" ? "waiting all slots are taken" : $2 == "running" ? "running" : "ended"
        }'
    """,
    "cancel": """for job; do tsp -r "$job" 2>/dev/null || kill -TERM -- "-$(tsp -p "$job")"; done; true""",
    "attach": """tsp -c "$1" """,
}


def job(repo: Repository, name: str) -> str:
    """The number of the run's job."""
    ((_, details),) = repo.record(name)["launcher"].items()  # type: ignore[attr-defined]
    return str(details["job"])


def _popen(repo: Repository, words: list[str], **streams: int) -> subprocess.Popen[bytes]:
    environment = repo.machine.environment
    streams = {"stdin": subprocess.DEVNULL, **streams}
    return subprocess.Popen(words, cwd=repo.path, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload, no-any-return]


def _parent(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]


def supervisor(repo: Repository, name: str = "base") -> int:
    """The process id of the run's supervisor."""
    process = repo.record(name)["process"]
    assert isinstance(process, dict)
    return int(process["pid"])


WAYS: dict[str, type[Ways]] = {
    "tmux": Tmux,
    "foreground": Foreground,
    "foreground at a terminal": AtTerminal,
    "slurm": Slurm,
    "configured": Spooler,
}


@pytest.fixture(params=WAYS)
def ways(request: pytest.FixtureRequest, repo: Repository) -> Iterator[Ways]:
    """Each launcher, in a repository."""
    kind = WAYS[request.param]
    if kind is Spooler and missing("tsp"):
        pytest.skip("tsp is not installed: it is in the package task-spooler")
    needs = {Slurm.name: "cluster", Spooler.name: "socket_dir"}.get(kind.name)
    make: Callable[..., Ways] = kind
    ways = make(repo, *([request.getfixturevalue(needs)] if needs else []))
    yield ways
    ways.end()


@pytest.fixture
def socket_dir() -> Iterator[str]:
    """A directory whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as place:
        yield place


def test_all_launchers_are_tested_and_can_be_set() -> None:
    assert {*launchers.NAMES, Spooler.name} == {kind.name for kind in WAYS.values()}
    (setting,) = (setting for setting in SETTINGS if setting.key == "launcher")
    assert setting.default == launchers.NAMES[0]
    assert [setting.read(name, "") for name in launchers.NAMES] == list(launchers.NAMES)


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_commands_own_and_ours(ways: Ways, code: int) -> None:
    assert ways.finish(f"exit {code}") == code
    record = ways.repo.record("base")
    assert (record["exit-code"], record["status"]) == (code, "failed" if code else "finished")
    assert list(record["launcher"]) == [ways.name]  # type: ignore[call-overload]
    assert "process" not in record


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_a_signal_that_ends_the_command_is_recorded(ways: Ways, number: int) -> None:
    assert ways.finish(f"exec sh -c 'kill -{number} $$'") == 128 + number
    assert (ways.repo.record("base")["status"], ways.repo.record("base")["signal"]) == ("killed", number)


def test_what_is_to_be_run_on_finish_is_run_once_all_is_recorded(ways: Ways) -> None:
    told = ways.repo.path / "told"
    line = 'git runs lookup "$RUNS_NAME" status >>told; echo "$RUNS_STATUS $RUNS_EXIT_CODE" >>told; exit 5'
    ways.repo.git("config", "runs.on-finish", line)
    ways.repo.path.joinpath(".git/info/exclude").write_text("told\n")
    ways.finish("exit 3")
    wait_for(lambda: "on-finish" in ways.repo.record("base"))
    assert told.read_text() == "failed\nfailed 3\n"
    assert ways.repo.record("base")["on-finish"] == "exit code 5"
    assert ways.repo.record("base")["exit-code"] == 3


def test_the_log_is_complete_when_the_run_has_ended(ways: Ways) -> None:
    ways.finish("seq 200000; printf 'no newline at the end'")
    log = ways.printed().decode()
    assert log == "".join(f"{n}{ways.line_end}" for n in range(1, 200_001)) + "no newline at the end"
    assert ways.log() == log.replace("\r\n", "\n")


def test_both_output_streams_are_logged(ways: Ways) -> None:
    ways.finish("echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three")
    assert ways.log() == "one\ntwo\nthree\n"


def test_the_command_finds_the_environment_and_directory_of_whoever_started_it(ways: Ways) -> None:
    ways.repo.machine.environment["MINE"] = "a b\n$c"
    ways.finish("printf '%s' \"$MINE\" >mine; pwd >pwd; env >env")
    assert ways.at("mine").read_text() == "a b\n$c"
    assert ways.at("pwd").read_text() == f"{ways.at('pwd').parent}\n"
    variables = ways.at("env").read_text()
    assert "RUNS_NAME=base\n" in variables
    assert "GIT_RUNS_" not in variables


def test_while_it_runs_the_record_names_its_supervisor(ways: Ways) -> None:
    ways.start(GO_ON)
    assert ways.repo.lookup("base", "status") == "running"
    command_line = Path(f"/proc/{supervisor(ways.repo)}/cmdline").read_bytes()
    assert command_line.count(b"git_runs.running.supervise") == 1
    ways.at("go").touch()
    ways.repo.wait("base")


def test_a_run_that_is_killed(ways: Ways) -> None:
    ways.start("trap 'echo saved; exit 0' TERM; touch up; while :; do sleep 0.02; done")
    assert ways.repo.ok("kill", "base") == "Killed run 'base'\n"
    assert (ways.repo.record("base")["status"], ways.repo.record("base")["exit-code"]) == ("killed", 0)
    assert ways.repo.log("base").endswith("saved\n")


def test_a_run_that_ignores_being_killed(ways: Ways) -> None:
    ways.start("trap '' TERM; touch up; while :; do sleep 0.02; done")
    ways.repo.ok("kill", "--grace=0.3", "base")
    assert ways.repo.record("base")["signal"] == signal.SIGKILL


def test_signals_to_the_supervisor_are_passed_on(ways: Ways) -> None:
    ways.start("trap 'echo got it; exit 0' USR1; touch up; while :; do sleep 0.02; done")
    os.kill(supervisor(ways.repo), signal.SIGUSR1)
    ways.repo.wait("base")
    assert (ways.repo.record("base")["status"], ways.log()) == ("finished", "got it\n")


def test_a_hang_up_is_recorded_as_killed(ways: Ways) -> None:
    ways.start("touch up; sleep 60")
    ways.hang_up()
    ways.repo.wait("base")
    assert (ways.repo.record("base")["status"], ways.repo.record("base")["signal"]) == ("killed", signal.SIGHUP)


def test_a_hang_up_that_the_command_survives_lets_it_go_on(ways: Ways) -> None:
    witness = "(trap 'touch hung-up; exit' HUP; touch witness; while :; do sleep 0.02; done) 2>/dev/null &"
    ways.start(f"{witness} trap '' HUP; until [ -e witness ]; do :; done; {GO_ON}; exit 4")
    ways.hang_up()
    wait_for(ways.at("hung-up").exists)
    ways.at("go").touch()
    ways.repo.wait("base")
    assert (ways.repo.record("base")["status"], ways.repo.record("base")["exit-code"]) == ("failed", 4)


def test_the_command_does_not_outlive_its_supervisor(ways: Ways) -> None:
    ways.start("echo $$ >pid; touch up; sleep 60")
    command = int(ways.at("pid").read_text())
    os.kill(supervisor(ways.repo), signal.SIGKILL)
    wait_for(lambda: ways.repo.lookup("base", "status") == "lost")
    wait_for(lambda: processes.identify(command) is None)
    assert ways.repo.runs("fsck", "--repair").code == 0
    assert ways.repo.record("base")["status"] == "lost"


def test_a_run_is_moved_while_it_goes_on(ways: Ways) -> None:
    ways.start(f"{GO_ON}; echo end")
    ways.repo.ok("move", "base", "moved")
    assert ways.repo.lookup("moved", "status") == "running"
    ways.at("go").touch()
    ways.repo.wait("moved")
    assert (ways.repo.record("moved")["status"], ways.log("moved")) == ("finished", "end\n")
    assert list(ways.repo.record("moved")["launcher"]) == [ways.name]  # type: ignore[call-overload]


def test_a_run_is_deleted_while_it_goes_on(ways: Ways) -> None:
    ways.start("touch up; sleep 60")
    ways.repo.ok("delete", "-y", "base")
    assert ways.repo.refs() == []
    assert ways.repo.machine.sessions() == []
    assert ways.repo.ok("list") == ""
    for started in ways.started:
        started.wait(30)
    assert ways.repo.ok("fsck") == ""


def test_nothing_is_left_after_a_good_end_nor_after_gc(ways: Ways) -> None:
    ways.finish("true")
    ways.finish("false", name="bad")
    wait_for(lambda: ways.repo.ok("-c", "runs.gc-sessions=now", "gc") == "" and ways.repo.machine.sessions() == [])
    runs_dir = ways.repo.path / ".runs"
    wait_for(lambda: ways.repo.ok("fsck") == "" and not [*runs_dir.glob("specs/*"), *runs_dir.glob("jobs/*/")])


def test_an_isolated_run_comes_back_equal(ways: Ways) -> None:
    ways.repo.machine.environment["PYTHONHASHSEED"] = "0"
    assert ways.finish("cat train.py", "--isolate") == 0
    assert ways.repo.log("base").endswith((ways.repo.path / "train.py").read_text())
    again = ways.repo.runs("reproduce", "--run=again", "--wait", "base")
    assert (again.code, ways.repo.record("again")["reproduction"]) == (0, "equal"), again
    assert list(ways.repo.record("again")["launcher"]) == [ways.name]  # type: ignore[call-overload]


def test_a_name_that_is_taken_is_refused_and_nothing_is_started(ways: Ways) -> None:
    assert ways.finish("true") == 0
    before = ways.repo.record_path("base").read_bytes()
    assert ways.finish("touch started") == 128
    assert ways.repo.record_path("base").read_bytes() == before
    assert not (ways.repo.path / "started").exists()
