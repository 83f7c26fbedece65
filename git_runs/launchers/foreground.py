"""Runs here and now, in this terminal or without one: containers, CI, cron, jobs of a scheduler, `git bisect run`.

The process that starts the run stays: it shows what the run prints, logs it, passes signals and keys on, and ends when
its child does, the supervisor. Where standard input and output are a terminal whose foreground is ours, the run gets a
terminal of its own (pty(7)), as in script(1). Else its output comes by pipes, and its input is ours, or empty where
that is a terminal.

Parent and supervisor are joined by a socket, over which the supervisor sends lines:

    began <group>    the process group of what it runs
    mark <text>      the text, as hexadecimal digits, goes into the log after all that was printed; answered by a byte
    complete         all that was printed goes into the log; answered by a byte

Where one of the two is killed the other one sees the end of the socket, and hangs up on the command, as a terminal
does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import selectors
import signal
import socket
import struct
import termios
import threading
import time
import tty
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from ..errors.launchers import LaunchFailed
from ..system import processes
from .launcher import KILL_NOW, Inside, Job, Launcher, Session, Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, NoReturn

    from ..config.settings import Settings

CHANNEL = "GIT_RUNS_CHANNEL"  # the variable that holds the descriptor of the supervisor's end of the socket
BLOCK = 1 << 16
ANSWER = 5.0  # seconds that the supervisor waits for its parent
TWICE = 1.0  # seconds in which git passes on what its whole process group has got
STDIN, STDOUT, STDERR = 0, 1, 2

_TO_STOP = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, KILL_NOW)
_AWAITED = {*_TO_STOP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}


class OwnLauncher(Launcher):
    """This process, with its terminal or its pipes."""

    name = "foreground"
    is_here = True
    noun = None

    def check(self) -> None:
        """Nothing is needed."""

    def start(self, job: Job, settings: Settings) -> Started:
        """Prepare it: `run_here` starts the supervisor, and stays until that has ended."""
        has_terminal = _is_at_terminal()
        details = {"terminal": os.ttyname(STDIN)} if has_terminal else {}
        return Started(details, os.getpid(), partial(_Parent(job).run, has_terminal=has_terminal))

    def abandon(self, job: Job, settings: Settings) -> None:
        """Nothing was started."""

    def sessions(self, details: Iterable[Mapping[str, Any]]) -> dict[str, Session]:
        """None: there is nothing to join, and nothing is left after the end."""
        return {}


def _is_at_terminal() -> bool:
    """Whether standard input and output are a terminal, and we are in its foreground."""
    try:
        return os.isatty(STDIN) and os.isatty(STDOUT) and os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:  # it is not our controlling terminal
        return False


class _Parent:
    """The process that stays."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._log = os.open(job.log, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._sources: dict[int, int] = {}  # where the run's output comes from, and where it is shown
        self._terminal: int | None = None  # the outer side of the run's terminal
        self._group = 0  # the process group of what the supervisor runs
        self._message = b""  # of the supervisor, as far as it has come

    def run(self, *, has_terminal: bool) -> int:
        """Run the supervisor to its end; gives the exit code, as a shell would put it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        with ExitStack() as undo:
            undo.callback(os.close, self._log)
            self._selector = undo.enter_context(selectors.DefaultSelector())
            self._channel, inner = socket.socketpair()
            undo.enter_context(self._channel)
            streams = self._streams(undo) if has_terminal else self._pipes()
            supervisor = os.fork()
            if not supervisor:
                self._become_supervisor(inner, streams)
            for descriptor in {inner.detach(), *streams.values()}:
                os.close(descriptor)
            signals = _Signals(supervisor, self._terminal)
            signals.start()
            self._copy(undo)
            signals.stop()
            _, status = os.waitpid(supervisor, 0)
            self._drain()
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and self._group:
            processes.signal_group(self._group, signal.SIGHUP)
        return code if code >= 0 else 128 - code

    # --- starting it

    def _streams(self, undo: ExitStack) -> dict[int, int]:
        """A terminal for the run: its inner side by the numbers of the supervisor's streams."""
        self._terminal, inner = os.openpty()
        undo.callback(os.close, self._terminal)
        termios.tcsetattr(inner, termios.TCSANOW, termios.tcgetattr(STDIN))
        _copy_size(self._terminal)
        self._sources[self._terminal] = STDOUT
        errors = inner if os.isatty(STDERR) else self._pipe(STDERR)
        return {STDIN: inner, STDOUT: inner, STDERR: errors}

    def _pipes(self) -> dict[int, int]:
        """The same without a terminal."""
        stdin = os.open(os.devnull, os.O_RDONLY) if os.isatty(STDIN) else os.dup(STDIN)
        return {STDIN: stdin, STDOUT: self._pipe(STDOUT), STDERR: self._pipe(STDERR)}

    def _pipe(self, stream: int) -> int:
        reading, writing = os.pipe()
        self._sources[reading] = stream
        return writing

    def _become_supervisor(self, inner: socket.socket, streams: dict[int, int]) -> NoReturn:
        try:
            os.setsid()
            if self._terminal is not None:
                fcntl.ioctl(streams[STDIN], termios.TIOCSCTTY, 0)
            for stream, descriptor in streams.items():
                os.dup2(descriptor, stream)
            os.set_inheritable(inner.fileno(), True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGWINCH})  # the others once it handles them
            command = self._job.command
            os.execve(command[0], command, {**os.environ, CHANNEL: str(inner.fileno())})
        finally:
            os._exit(LaunchFailed.exit_code)

    # --- while it goes on

    def _copy(self, undo: ExitStack) -> None:
        """Until the supervisor has closed its end of the socket."""
        self._selector.register(self._channel, selectors.EVENT_READ, self._obey)
        for source in self._sources:
            os.set_blocking(source, False)
            self._selector.register(source, selectors.EVENT_READ, self._show)
        if self._terminal is not None:
            undo.enter_context(_raw(STDIN))
            self._selector.register(STDIN, selectors.EVENT_READ, self._type)
        open_files = self._selector.get_map()
        while self._channel.fileno() in open_files:
            for key, _ in self._selector.select():
                if key.fd in open_files:
                    key.data(key.fd)

    def _drain(self) -> None:
        """Show and log what has been printed so far."""
        for source in list(self._sources):
            while self._show(source):
                pass

    def _show(self, source: int) -> bool:
        """Show and log what has come; whether there was anything."""
        try:
            block = os.read(source, BLOCK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # of a terminal that nobody has opened any more
                raise
            block = b""
        if block:
            _write(self._log, block)
            _write(self._sources[source], block)
        else:
            del self._sources[source]
            self._selector.unregister(source)
        return bool(block)

    def _type(self, source: int) -> None:
        """What a person types goes to the run's terminal, which makes signals of keys such as Ctrl-C."""
        block = b""
        with suppress(OSError):
            block = os.read(source, BLOCK)
        if not block:
            self._selector.unregister(source)
        elif self._terminal is not None:
            with suppress(OSError):  # nobody reads there, and its queue is full
                os.write(self._terminal, block)

    def _obey(self, channel: int) -> None:
        block = b""
        with suppress(OSError):
            block = self._channel.recv(BLOCK)
        if not block:
            self._selector.unregister(channel)
        *lines, self._message = (self._message + block).split(b"\n")
        for line in lines:
            verb, _, value = line.decode().partition(" ")
            if verb == "began":
                self._group = int(value)
                continue
            self._drain()
            if verb == "mark":
                _write(self._log, bytes.fromhex(value))
            with suppress(OSError):
                self._channel.send(b"\0")


def _write(target: int, block: bytes) -> None:
    """All of it; where nobody takes it, or the disk is full, the run goes on without."""
    with suppress(OSError):
        while block:
            try:
                block = block[os.write(target, block) :]
            except BlockingIOError:
                select.select([], [target], [])


class OwnInside(Inside):
    """The process that started the run, seen from its child, the supervisor."""

    advice = "it is another one"

    def __init__(self) -> None:
        self._channel = socket.socket(fileno=int(os.environ[CHANNEL]))
        self._channel.set_inheritable(False)
        self._answers = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Count the answers; where the parent is gone, hang up."""
        with suppress(OSError):
            while answers := self._channel.recv(BLOCK):
                self._answers.release(len(answers))
        os.kill(os.getpid(), signal.SIGHUP)

    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """As it is: whoever started the run is here."""
        return environment

    def began(self, group: int) -> None:
        """Name it to the parent."""
        with suppress(OSError):
            self._channel.send(b"began %d\n" % group)

    def mark(self, marker: bytes) -> None:
        """Let the parent write it into the log."""
        self._ask(f"mark {marker.hex()}\n")

    def complete_log(self, log: str, marker: bytes, prints_still: Callable[[], bool]) -> None:
        """Let the parent take all that was printed."""
        with suppress(OSError):
            self._ask("complete\n")

    def leave(self, *, keep: bool | None) -> None:
        """Nothing is left."""

    def _ask(self, question: str) -> None:
        self._channel.send(question.encode())
        self._answers.acquire(timeout=ANSWER)


# --- signals


class _Signals(threading.Thread):
    """Passes the signals that we get, which are blocked meanwhile, on to the supervisor, each once; and the size of our
    terminal to that of the run."""

    def __init__(self, supervisor: int, terminal: int | None) -> None:
        super().__init__(daemon=True)
        self._supervisor = supervisor
        self._terminal = terminal
        self._has_ended = False
        self._latest: dict[int, float] = {}  # when each came last

    def run(self) -> None:
        """Until `stop`."""
        while True:
            number, sender = _next_signal()
            if self._has_ended:
                return
            if number == signal.SIGWINCH:
                if self._terminal is not None:
                    _copy_size(self._terminal)
            elif not self._is_repeated(number, sender):
                os.kill(self._supervisor, number)

    def _is_repeated(self, number: int, sender: int) -> bool:
        """Whether git passes on to us what its process group has got, and we with it: its run-command.c,
        clean_on_exit."""
        before, now = self._latest.get(number, -TWICE), time.monotonic()
        self._latest[number] = now
        return sender == os.getppid() and now - before < TWICE

    def stop(self) -> None:
        """Pass on no more: the supervisor is about to go."""
        self._has_ended = True
        signal.pthread_kill(self.ident or 0, signal.SIGWINCH)
        self.join()


def _next_signal() -> tuple[int, int]:
    """Its number, and the process that sent it, 0 where that is not known."""
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(_AWAITED)
        return info.si_signo, info.si_pid
    return signal.sigwait(_AWAITED), 0


# --- terminals


def _copy_size(terminal: int) -> None:
    """Let the terminal be as large as ours."""
    with suppress(OSError):
        size = fcntl.ioctl(STDIN, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Whatever is typed is given to us as it is, in the `with` block."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
