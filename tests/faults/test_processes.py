"""The end of a run is recorded as it was, whatever ended it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from git_runs.system import processes
from tests.conftest import NO_FLAGS, Repository, wait_for
from tests.faults.harness import FULL, check, read_records, settle

pytestmark = pytest.mark.timeout(1800)

STOPS_OR_NOTHING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
IGNORED = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
DEADLY = [number for number in range(1, 32) if number not in STOPS_OR_NOTHING | IGNORED]
CODES = range(256) if FULL else (3, 64, 126, 129, 137, 143, 254)
MEGABYTES = 1024 if FULL else 24


def start_many(repo: Repository, commands: dict[str, str]) -> dict[str, dict[str, object]]:
    """The records of runs that all run at once, when all have ended."""
    for name, command in commands.items():
        repo.ok("new", "-q", *NO_FLAGS, name, command)
    settle(repo.machine)
    return read_records(repo)


def test_every_exit_code_is_recorded(repo: Repository) -> None:
    records = start_many(repo, {f"code{code}": f"exit {code}" for code in CODES})
    assert {name: (fields["status"], fields["exit-code"]) for name, fields in records.items()} == {
        f"code{code}": ("failed" if code else "finished", code) for code in CODES
    }
    check(repo)


def test_every_signal_is_recorded(repo: Repository) -> None:
    # By way of sh: bash ignores SIGQUIT.
    chosen = DEADLY if FULL else [number for number in DEADLY if number not in (1, 2, 6, 9, 11, 15)][::2]
    records = start_many(repo, {f"signal{number}": f"ulimit -c 0; exec sh -c 'kill -{number} $$'" for number in chosen})
    assert {
        name: (fields["status"], fields.get("signal"), "exit-code" in fields) for name, fields in records.items()
    } == {f"signal{number}": ("killed", number, False) for number in chosen}


def test_signals_that_end_nothing_end_nothing(repo: Repository) -> None:
    kills = "".join(f"kill -{int(number)} $$; " for number in sorted(IGNORED))
    assert start_many(repo, {"a": f"{kills}exit 5"})["a"]["exit-code"] == 5


@pytest.mark.parametrize("what", ["kill-pane", "kill-window", "kill-session", "kill-server"])
def test_whatever_is_killed_in_tmux_the_run_is_killed(repo: Repository, what: str) -> None:
    repo.ok("new", "-q", *NO_FLAGS, "base", "touch up; sleep 60")
    wait_for((repo.path / "up").exists)
    repo.machine.tmux(what, *([] if what == "kill-server" else ["-t", "=base:"]))
    settle(repo.machine)
    record = repo.record("base")
    assert (record["status"], record["signal"]) == ("killed", signal.SIGHUP)
    assert "process" not in record


def test_the_command_of_a_lost_run_does_not_go_on(repo: Repository) -> None:
    repo.ok("new", "-q", *NO_FLAGS, "base", "echo $$ >pid; sleep 60")
    wait_for(lambda: (repo.path / "pid").exists() and (repo.path / "pid").read_text())
    command = int((repo.path / "pid").read_text())
    os.kill(int(repo.record("base")["process"]["pid"]), signal.SIGKILL)  # type: ignore[index]
    wait_for(lambda: repo.lookup("base", "status") == "lost")
    wait_for(lambda: processes.identify(command) is None)


def test_a_command_that_stops_itself_goes_on_running_until_it_is_continued_or_killed(repo: Repository) -> None:
    for name in ("continued", "killed"):
        repo.ok("new", "-q", *NO_FLAGS, name, f"echo $$ >.git/{name}.pid; kill -STOP $$; exit 4")
        wait_for(lambda name=name: is_stopped(repo.path / f".git/{name}.pid"))  # type: ignore[misc]
        assert repo.lookup(name, "status") == "running"
    os.kill(int((repo.path / ".git/continued.pid").read_text()), signal.SIGCONT)
    repo.wait("continued")
    assert repo.record("continued")["exit-code"] == 4
    repo.ok("kill", "killed")
    assert repo.record("killed")["status"] == "killed"


def is_stopped(path: Path) -> bool:
    """Whether the process whose id the file holds is stopped."""
    if not path.exists() or not path.read_text():
        return False
    return Path(f"/proc/{path.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_flood_of_output_is_complete_and_costs_no_memory(repo: Repository) -> None:
    size = MEGABYTES << 20
    repo.ok(
        "new",
        "-q",
        *NO_FLAGS,
        "base",
        f"stty -opost; while [ ! -e go ]; do sleep 0.01; done; head -c {size} /dev/zero | tr '\\0' x",
    )
    wait_for(lambda: repo.record("base")["status"] == "running")
    supervisor = int(repo.record("base")["process"]["pid"])  # type: ignore[index]
    before = memory(supervisor)
    (repo.path / "go").touch()
    log = repo.path / ".runs/logs/base.log"
    wait_for(lambda: log.stat().st_size > size * 0.8, bound=1200)
    assert memory(supervisor) < before + (16 << 10)  # it may be at the end of the run already, which takes some
    wait_for(lambda: repo.record("base")["status"] == "finished", bound=300)
    assert log.stat().st_size == size


def memory(pid: int) -> int:
    """The most that the process ever had in memory, in kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize(
    ("printing", "printed"),
    [
        (r"printf 'caf\303'", b"caf\xc3"),
        (r"printf '\360\237'; exec >&- 2>&-; exit 0", b"\xf0\x9f"),
        ("exec >&- 2>&- <&-", b""),
        (r"printf 'a\0b\r\n\033[2J\377'", b"a\0b\r\r\n\x1b[2J\xff"),
    ],
)
def test_half_a_character_and_closed_streams(repo: Repository, printing: str, printed: bytes) -> None:
    repo.finish("base", printing, *NO_FLAGS)
    assert repo.record("base")["exit-code"] == 0
    assert (repo.path / ".runs/logs/base.log").read_bytes() == printed


def test_who_closes_its_output_and_goes_on_is_waited_for(repo: Repository) -> None:
    repo.ok(
        "new", "-q", *NO_FLAGS, "base", "exec >&- 2>&- <&-; touch up; while [ ! -e go ]; do sleep 0.01; done; exit 9"
    )
    wait_for((repo.path / "up").exists)
    assert repo.record("base")["status"] == "running"
    (repo.path / "go").touch()
    repo.wait("base")
    assert repo.record("base")["exit-code"] == 9
