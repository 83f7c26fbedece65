"""Output by way of git's pager: git(1), `--paginate`; git-var(1), GIT_PAGER; git-config(1), `pager.<cmd>`."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from contextlib import suppress

from ..console import messages, terminal
from ..system.git import config
from ..system.signals import not_interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULTS = {"LESS": "FRX", "LV": "-c"}  # git's own: less(1) ends at once where all fits on the screen


OF_A_SCREEN = " -+F -+E +G"  # less(1): it goes on at the end of what it shows, and begins there


def start() -> None:
    """Let all that is printed from now on pass through the pager, if standard output is a terminal."""
    if not sys.stdout.isatty():
        return
    command = config.pager()
    if command in ("", "cat"):
        return
    os.environ["COLUMNS"] = str(terminal.size()[0])  # nobody can ask the terminal any more: git hands it on so, too
    pager = subprocess.Popen(
        ["sh", "-c", command],
        stdin=subprocess.PIPE,
        env={**DEFAULTS, **os.environ},
    )
    os.environ["GIT_PAGER_IN_USE"] = "true"  # as git sets it for its own commands
    assert pager.stdin
    os.dup2(pager.stdin.fileno(), sys.stdout.fileno())
    pager.stdin.close()
    if sys.stderr.isatty():
        messages.join_output()
    atexit.register(_finish, pager)


def page(lines: Iterable[str], environment: Mapping[str, str]) -> bool:
    """Show the lines in the pager until the user leaves it, also where all fits on the screen, beginning at the end.
    False where no pager was there to wait for the user."""
    command = config.pager() or "cat"
    words = {**environment, "LESS": environment.get("LESS", "R") + OF_A_SCREEN}
    with not_interrupted():  # the shell inherits that; a pager that is interrupted by keys sees to it itself
        pager = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, env=words, encoding="utf-8")
        assert pager.stdin
        with suppress(BrokenPipeError):
            pager.stdin.writelines(lines)
        with suppress(BrokenPipeError):
            pager.stdin.close()
        return pager.wait() == 0 and command != "cat"


def _finish(pager: subprocess.Popen[bytes]) -> None:
    """Whoever reads the output decides when we end."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    pager.wait()
