"""Which process is it, and does it live: by /proc where there is one, else by ps."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_runs.system import processes


@pytest.fixture(params=["proc", "ps"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """How processes are found."""
    if request.param == "ps":
        monkeypatch.setattr(processes, "PROC", str(tmp_path))
    return str(request.param)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that sleeps, in a group of its own."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        yield child
        child.kill()


def dead(child: subprocess.Popen[bytes]) -> None:
    """Kill it, and leave a zombie."""
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_a_living_process_is_known_again(way: str, child: subprocess.Popen[bytes]) -> None:
    identity = processes.identify(child.pid)
    assert identity is not None
    assert list(identity) == ["pid", "started", "boot"]
    assert processes.is_alive(identity)
    assert processes.is_alive({key: str(value) for key, value in identity.items()})
    assert (identity["boot"] == "") == (way == "ps")


def test_a_zombie_and_a_process_that_is_gone_do_not_live(way: str, child: subprocess.Popen[bytes]) -> None:
    identity = processes.identify(child.pid)
    assert identity is not None
    dead(child)
    assert not processes.is_alive(identity)
    child.wait()
    assert not processes.is_alive(identity)
    assert processes.identify(child.pid) is None


@pytest.mark.parametrize("key", ["started", "boot"])
def test_another_process_of_the_same_number_is_not_taken_for_it(
    way: str, child: subprocess.Popen[bytes], key: str
) -> None:
    identity = processes.identify(child.pid)
    assert identity is not None
    assert not processes.is_alive({**identity, key: "another"})


@pytest.mark.parametrize("identity", [{}, {"pid": "x"}, {"pid": 1}, {"pid": -1}, {"pid": None}])
def test_what_identifies_nothing_is_not_alive(way: str, identity: dict[str, object]) -> None:
    assert not processes.is_alive(identity)


def test_a_group_lives_while_one_of_it_does(child: subprocess.Popen[bytes]) -> None:
    assert processes.group_lives(child.pid)
    dead(child)
    assert not processes.group_lives(child.pid)
    child.wait()
    assert not processes.group_lives(child.pid)


def test_ignored_signals_are_seen() -> None:
    with subprocess.Popen(["sh", "-c", "trap '' HUP; echo up; read x"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert processes.ignores(child.pid, signal.SIGHUP)
        assert not processes.ignores(child.pid, signal.SIGTERM)
        child.communicate()
    assert not processes.ignores(child.pid, signal.SIGHUP)
