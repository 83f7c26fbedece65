"""Which process is it, and does it still live?

A process id alone says little: ids are reused, and a reboot starts them over. A process is told apart by its id, its
start time and the boot it runs under. On Linux these come from proc(5): `starttime` in clock ticks since boot, and
`/proc/sys/kernel/random/boot_id`. Elsewhere ps(1) gives the start as text.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Identity = dict[str, Any]


def identify(pid: int) -> Identity | None:
    """`{pid, started, boot}` of a living process, or None. A zombie does not live."""
    return _identify_by_proc(pid) if os.path.exists("/proc/self/stat") else identify_by_ps(pid)


def is_alive(identity: Mapping[str, object]) -> bool:
    """Whether the process that `identify` told of still lives."""
    try:
        living = identify(int(str(identity["pid"])))
    except (KeyError, ValueError):
        return False
    return living is not None and all(str(identity.get(key)) == str(value) for key, value in living.items())


def hostname() -> str:
    """The name of this machine, as records carry it."""
    return os.uname().nodename


def _identify_by_proc(pid: int) -> Identity | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The command's name, in parentheses, may hold spaces and parentheses itself.
            state, *fields = stat.read().rpartition(b")")[2].split()
        with open("/proc/sys/kernel/random/boot_id") as boot:
            boot_id = boot.read().strip()
    except (OSError, ValueError):
        return None
    if state in (b"Z", b"X"):
        return None
    return {"pid": pid, "started": int(fields[18]), "boot": boot_id}


def identify_by_ps(pid: int) -> Identity | None:
    """The same by ps(1), for systems without /proc; the boot is left empty there, the start is a date."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    state, _, started = answer.stdout.decode().strip().partition(" ")
    if not started or state.startswith("Z"):
        return None
    return {"pid": pid, "started": " ".join(started.split()), "boot": ""}
