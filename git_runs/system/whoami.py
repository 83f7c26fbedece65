"""Who we are, and on which machine."""

from __future__ import annotations

import os

from .processes import PROC


def user_and_host() -> str:
    """Who we are, and where, as in an address: user@host."""
    return f"{user()}@{hostname()}"


def user() -> str:
    """Who we are."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.getuid())


def hostname() -> str:
    """The name of this machine, as records carry it."""
    return os.uname().nodename


def namespace() -> str:
    """What is another in each container of the same machine; "" where there is none."""
    try:
        return os.readlink(f"{PROC}/self/ns/pid")
    except OSError:
        return ""
