"""Running programs for a supervisor: each in a process group of its own, which gets the signals that the supervisor
gets.

The supervisor leads the session of its terminal, if there is one, and what it runs is in the foreground there: so keys
such as Ctrl-C reach the command, and whatever the command does to its own group spares the supervisor.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from ..launchers.launcher import KILL_NOW
from ..system import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

    from ..system.mounts import View

STOPPING = (signal.SIGHUP, signal.SIGTERM)
FOR_ALL = (*STOPPING, signal.SIGINT, signal.SIGQUIT)  # for all processes of the command, as a terminal does it
HANDLED = (*FOR_ALL, signal.SIGUSR1, signal.SIGUSR2, KILL_NOW)
CHANGED_BY_US = (*HANDLED, signal.SIGCHLD, signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ)  # the last two by Python

SIGNALS = 1 << 10  # bytes, one each, that are read at once


class Execution:
    """Runs one program after the other, and passes signals on to the one that runs."""

    def __init__(self, say: Callable[[str], None], umask: int) -> None:
        """`say` prints the message of a program that cannot be run; `umask` is that of the programs."""
        self._say = say
        self._umask = umask
        self._group = 0  # of what runs now
        self._has_begun = False
        self._strays: list[processes.Identity] = []  # what it had started when it was to stop
        self.last_group = 0  # the process group of the program that ran last
        self.stops: list[int] = []  # the signals by which we were to stop
        self.was_killed = False  # whether a program ended by a signal, or after one by which we were to stop
        self._signalled, descriptor = os.pipe()
        os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that a child's end wakes us as well
        for number in HANDLED:
            signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*HANDLED, signal.SIGCHLD})

    def run(
        self,
        words: list[str],
        *,
        cwd: str,
        began: Callable[[int], None],
        to_errors: bool = False,
        view: View | None = None,
    ) -> int:
        """Run a program in the foreground of the terminal; gives its exit code, or minus the signal that ended it.

        `began` is called with its process group, before which it does nothing. `to_errors`: what it prints goes to
        standard error. `view`: what it sees of the file system, if that is not what we see.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            if self.stops:
                self.was_killed = True
                return -self.stops[0]
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(writing)
                self._become(words, cwd, to_errors, view, reading)
            os.close(reading)
            with suppress(OSError):  # parent and child both do it: neither may go on before it is done
                os.setpgid(child, child)
            self._group = self.last_group = child
            self._has_begun = True
            with os.fdopen(writing, "wb", buffering=0) as pipe:
                began(child)
                with suppress(BrokenPipeError):
                    pipe.write(b"\n")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        code = self._wait_for(child)
        self.was_killed = code < 0 or bool(self.stops)
        if signal.SIGTERM in self.stops or KILL_NOW in self.stops:
            self._wait_for_all()
        return code

    def _wait_for(self, child: int) -> int:
        """Its exit code, or minus the signal that ended it.

        A blocking waitpid(2) would not be woken by a signal that has come just before it, and whose handler is to run.
        """
        while True:
            pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
            if not pid:
                os.read(self._signalled, SIGNALS)
            elif not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            elif os.WSTOPSIG(status) == signal.SIGTSTP:  # Ctrl-Z, and no shell is there to go on with `fg`
                os.killpg(child, signal.SIGCONT)

    def end(self) -> None:
        """No more is run: signals that come now have nobody to go to."""
        self._group = 0

    def wait_for_stop(self, seconds: float) -> None:
        """Return when somebody has asked us to stop, or after that time."""
        deadline = time.monotonic() + seconds
        while not self.stops and time.monotonic() < deadline:
            time.sleep(0.05)

    def prints_still(self) -> bool:
        """Whether a process of the last program's group goes on."""
        return self.last_group != 0 and processes.group_lives(self.last_group)

    def _become(self, words: list[str], cwd: str, to_errors: bool, view: View | None, reading: int) -> NoReturn:
        """In the child: the process becomes the program, once a byte comes from there."""
        try:
            os.setpgid(0, 0)
            if not os.read(reading, 1):  # who would answer for it is gone
                os._exit(126)
            take_terminal()
            if to_errors:
                os.dup2(2, 1)
            for number in CHANGED_BY_US:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            os.umask(self._umask)
            if view:
                view.enter()
            os.chdir(cwd)
            os.execvp(words[0], words)
        except OSError as error:
            self._say(f"fatal: cannot run the command: {error}")
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
        finally:
            os._exit(126)

    # --- signals

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: the signal is meant for the command."""
        # A command that ignores hang-ups, as under nohup(1), is not stopped by one.
        is_ignored = bool(self._group) and processes.ignores(self._group, number)
        comes_early = number in FOR_ALL and not self._has_begun  # Ctrl-C before there is anything to get it
        if number == KILL_NOW or comes_early or (number in STOPPING and not is_ignored):
            self.stops.append(number)
        if not self._group:
            return
        if number in (signal.SIGTERM, KILL_NOW):
            self._stop_all(signal.SIGKILL if number == KILL_NOW else number)
            return
        if number in FOR_ALL:
            processes.signal_group(self._group, number)
            return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self._group, number)

    def _stop_all(self, number: int) -> None:
        """Signal the command's process group, and what it started in other groups and sessions."""
        self._strays += processes.descendants(self._group)
        processes.signal_group(self._group, number)
        for stray in self._strays:
            with suppress(ProcessLookupError, PermissionError):
                if processes.is_alive(stray) and os.getpgid(stray["pid"]) != self._group:
                    os.kill(stray["pid"], number)
                    os.kill(stray["pid"], signal.SIGCONT)

    def _wait_for_all(self) -> None:
        """A run that is to stop has not ended while a process of it goes on."""
        while processes.group_lives(self._group) or any(map(processes.is_alive, self._strays)):
            time.sleep(0.05)


def take_terminal() -> None:
    """Make our process group the one in the foreground of the terminal, if there is one."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):
        os.tcsetpgrp(0, os.getpgrp())
