"""Other processes: which is it, does it still live.

A process id alone says little: ids are reused, and a reboot starts them over. A process is known by its id, its
start time and the boot it runs under. On Linux these come from proc(5): `starttime` in clock ticks since boot, and
`/proc/sys/kernel/random/boot_id`. Elsewhere ps(1) gives the start as text.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Identity = dict[str, Any]

PROC = "/proc"
MOMENT = 0.1  # seconds between two looks where there is no other way


def identify(pid: int) -> Identity | None:
    """`{pid, started, boot}` of a living process, or None. A zombie does not live."""
    if not _has_proc():
        return _identify_by_ps(pid)
    status = _status(pid)
    if status is None or not _lives(status):
        return None
    return {"pid": pid, "started": int(status[19]), "boot": _boot()}


def is_alive(identity: Mapping[str, object]) -> bool:
    """Whether the process that `identify` described still lives."""
    try:
        living = identify(int(str(identity["pid"])))
    except (KeyError, ValueError):
        return False
    return living is not None and all(str(identity.get(key)) == str(value) for key, value in living.items())


def is_us(identity: object) -> bool:
    """Whether `identify` described this process; records have its numbers as texts."""
    return isinstance(identity, dict) and str(identity.get("pid")) == str(os.getpid()) and is_alive(identity)


def wait_for_end(identity: Mapping[str, object], seconds: float) -> None:
    """Return when that process, which need not be our child, has ended, or that time is over; or, where nobody can be
    asked for it, after a moment."""
    import select

    deadline = time.monotonic() + seconds
    try:
        descriptor = os.pidfd_open(int(str(identity["pid"])))
    except (AttributeError, KeyError, ValueError, OSError):  # it has ended, or this is no Linux of 5.3 or later
        time.sleep(min(MOMENT, seconds))
        return
    try:
        if is_alive(identity):  # that number is not another's by now
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
    finally:
        os.close(descriptor)


def group_lives(group: int) -> bool:
    """Whether any process of the group lives; zombies, which nobody may have reaped, do not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not _has_proc():
        return True
    return any(_lives(status) and int(status[2]) == group for _, status in _statuses())


def signal_group(group: int, number: int) -> None:
    """Send the signal to the processes of a group, if there are any that are ours; those that are stopped go on, and
    get it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        os.killpg(group, signal.SIGCONT)


def descendants(pid: int) -> list[Identity]:
    """The living processes that the process started, and those that they started, whatever their groups; as far as
    that can be known."""
    children: dict[int, list[int]] = {}
    for child, status in _statuses():
        children.setdefault(int(status[1]), []).append(child)
    found, unseen = [], [pid]
    while unseen:
        below = children.get(unseen.pop(), [])
        unseen += below
        found += [identity for child in below if (identity := identify(child))]
    return found


def end_children(patience: float) -> None:
    """Wait until the processes that we started have ended, as far as that can be known; after `patience` seconds they
    get SIGTERM."""
    deadline = time.monotonic() + patience
    asked = False
    while children := descendants(os.getpid()):
        if time.monotonic() > deadline and not asked:
            asked = True
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child["pid"], signal.SIGTERM)
        time.sleep(0.01)


def is_in(place: str) -> bool:
    """Whether a process that is ours to see works in the directory or below it, as far as that can be known."""
    inside = os.path.realpath(place) + "/"
    for pid in _pids():
        with suppress(OSError):
            if f"{os.readlink(f'{PROC}/{pid}/cwd')}/".startswith(inside):
                return True
    return False


def ignores(pid: int, number: int) -> bool:
    """Whether the process ignores the signal, as far as that can be known."""
    try:
        with open(f"{PROC}/{pid}/status", "rb") as file:
            mask = next(line.split()[1] for line in file if line.startswith(b"SigIgn:"))
    except (OSError, StopIteration):
        return False
    return bool(int(mask, 16) >> (number - 1) & 1)


def mentions(path: str, program: str | None = None) -> bool:
    """Whether the command line of a living process here, of that program if one is given, has the path in it, as far as
    that can be known."""
    for pid in _pids():
        with suppress(OSError), open(f"{PROC}/{pid}/cmdline", "rb") as file:
            words = file.read()
            if os.fsencode(path) in words and program in (None, os.path.basename(os.fsdecode(words.split(b"\0")[0]))):
                return True
    return False


def places() -> Iterator[str]:
    """The directories of the processes that are ours to see in proc(5)."""
    return (f"{PROC}/{pid}" for pid in _pids())


def _has_proc() -> bool:
    return os.path.exists(f"{PROC}/self/stat")


def _pids() -> list[int]:
    """The ids of all processes that are ours to see; none where they are not known."""
    return [int(entry) for entry in os.listdir(PROC) if entry.isdecimal()] if _has_proc() else []


def _statuses() -> Iterator[tuple[int, list[bytes]]]:
    """The processes that are ours to see, zombies too: their ids, and their fields as `_status` gives them."""
    for pid in _pids():
        if status := _status(pid):
            yield pid, status


def _lives(status: list[bytes]) -> bool:
    return status[0] not in (b"Z", b"X")


def _status(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat from the third, `state`, on."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb") as file:
            # The second, the command's name in parentheses, may hold spaces and parentheses itself.
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _boot() -> str:
    with open(f"{PROC}/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _identify_by_ps(pid: int) -> Identity | None:
    """By ps(1): the boot is left empty, the start is a date."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env=environment)
    state, _, started = answer.stdout.decode().strip().partition(" ")
    if not started or state.startswith("Z"):
        return None
    return {"pid": pid, "started": " ".join(started.split()), "boot": ""}
