"""Output by way of git's pager: git(1), `--paginate`; git-var(1), GIT_PAGER; git-config(1), `pager.<cmd>`."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from contextlib import suppress

from ..system.git import config

DEFAULTS = {"LESS": "FRX", "LV": "-c"}  # git's own: less(1) ends at once where all fits on the screen


def start() -> None:
    """Let all that is printed from now on pass through the pager, if standard output is a terminal."""
    if not sys.stdout.isatty():
        return
    command = config.pager()
    if command in ("", "cat"):
        return
    pager = subprocess.Popen(
        ["sh", "-c", command],
        stdin=subprocess.PIPE,
        env={**DEFAULTS, **os.environ},
    )
    os.environ["GIT_PAGER_IN_USE"] = "true"  # as git sets it for its own commands
    assert pager.stdin
    os.dup2(pager.stdin.fileno(), sys.stdout.fileno())
    pager.stdin.close()
    atexit.register(_finish, pager)


def _finish(pager: subprocess.Popen[bytes]) -> None:
    """Whoever reads the output decides when we end."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    pager.wait()
