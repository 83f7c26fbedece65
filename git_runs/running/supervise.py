"""What runs inside the pane or job: it runs the command, and records how it goes.

The supervisor leads the session of its terminal and gives the command a process group of its own, in the foreground:
so keys such as Ctrl-C reach the command, and whatever the command does to its own group spares the supervisor.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from contextlib import suppress

from ..code.isolation import Isolation
from ..console.messages import text_of
from ..environment import links
from ..environment.collection import Surroundings
from ..environment.interpreter import Command
from ..errors.base import RunsError
from ..errors.records import BadRecord, Locked, NoSuchRun
from ..launchers import KILL_NOW
from ..records import record
from ..records.outputs import Outputs, end_marker, start_marker
from ..records.record import Record, Run
from ..records.store import Store
from ..reproducing import reproduction
from ..system import processes
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

STOPPING = (signal.SIGHUP, signal.SIGTERM)
FOR_ALL = (*STOPPING, signal.SIGINT, signal.SIGQUIT)  # for all processes of the command, as a terminal does it
HANDLED = (*FOR_ALL, signal.SIGUSR1, signal.SIGUSR2, KILL_NOW)
CHANGED_BY_US = (*HANDLED, signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ)  # the last two by Python

PATIENCE = 60.0  # seconds to try to write the record: how a run ended is known only here
TAIL = 1 << 12  # bytes at the end of a log that tell why git failed
LOG_STALLED = 2.0  # seconds without a byte in the log after which no more are waited for


def main() -> None:
    """Carry out the spec whose path is the first argument; ends with the command's exit code."""
    try:
        spec = Spec.take(sys.argv[1])
        _live_in(spec.environment)
        sys.exit(Supervisor(spec).run())
    except RunsError as error:
        _say(text_of(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _say(f"fatal: {error}")
        sys.exit(RunsError.exit_code)


class Supervisor:
    """Runs one command and records how it goes."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.this_run = Run(spec.name, Record(id=spec.identifier))
        self.store = Store(spec.root, patience=PATIENCE)
        self.outputs = Outputs(spec.root)
        self.isolation = Isolation(**spec.isolation) if spec.isolation else None
        self.collecting = threading.Thread(target=self._collect, daemon=True)
        self.error: str | None = None  # what kept the command from being started
        self.group = 0  # the command's process group, once it is started
        self.strays: list[processes.Identity] = []  # what it had started when it was told to stop
        self.stops: list[int] = []  # the signals that told us to stop
        self.was_killed = False  # whether the command ended by a signal, or after one told us to stop

    def run(self) -> int:
        """From `running` to the end; gives the exit code to end with, as a shell would put it."""
        for number in HANDLED:
            signal.signal(number, self._pass_on)
        code = self._isolate() if self.isolation else 0
        if code == 0:
            self._record_start()
            code = self._run_command()
        finished = record.timestamp()
        self._complete_log()
        self.error = self._cause()
        group, self.group = self.group, 0
        if self.collecting.ident is not None:
            self.collecting.join(2 * processes.PATIENCE)
        self._record_end(code, finished)
        if not group or not processes.group_lives(group):
            self._remove_work_tree(code)
        self._settle(code)
        return code if code >= 0 else 128 - code

    # --- a work tree of its own

    def _isolate(self) -> int:
        """Make the run's own work tree; gives 0, or how the command that failed has ended, and sets `error`."""
        assert self.isolation
        if self.store.find(self.this_run) is None:
            raise NoSuchRun(self.spec.name)
        for step in self.isolation.steps():
            if code := self._execute(step, cwd="/"):
                self.error = f"the work tree could not be made: {step[0]} ended with exit code {code}"
                return code
        try:
            self.isolation.make_links()
            os.makedirs(self.spec.cwd, exist_ok=True)
            _print_to_terminal(start_marker(self.spec.identifier))
        except OSError as error:
            self.error = f"the work tree could not be made: {error}"
            _say(f"fatal: {self.error}")
            return 1
        return 0

    def _cause(self) -> str | None:
        """What kept the command from being started, in git's words if there are any."""
        if self.error is None:
            return None
        with suppress(OSError), open(self.outputs.log(self.spec.name), "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
            lines = log.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.startswith("fatal: ")), self.error)
        return self.error

    def _remove_work_tree(self, code: int) -> None:
        """It has served its time if all went well and nothing is in it that its commit does not hold."""
        if not self.isolation or self.isolation.keep or code or self.was_killed or self.error:
            return
        with suppress(RunsError, OSError):
            if now := self.store.find(self.this_run):
                self.isolation.path = self.outputs.worktree(now.name)  # it may have been moved
                if self.isolation.is_unchanged() and not processes.is_in(self.isolation.path):
                    self.isolation.remove()

    # --- the command

    def _run_command(self) -> int:
        """Run it to its end: its exit code, or minus the signal that ended it."""
        words = [*shlex.split(self.spec.shell), "-c", self.spec.command]
        return self._execute(words, cwd=self.spec.cwd, beside=self.collecting)

    def _execute(self, words: list[str], *, cwd: str, beside: threading.Thread | None = None) -> int:
        """Run a program in the foreground of the terminal, and the thread beside it; gives its exit code, or minus the
        signal that ended it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        if self.stops:
            self.was_killed = True
            return -self.stops[0]
        child = os.fork()
        if child == 0:
            self._become(words, cwd)
        with suppress(OSError):  # parent and child both do it: neither may go on before it is done
            os.setpgid(child, child)
        self.group = child
        if beside:
            beside.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        code = _wait_for(child)
        self.was_killed = code < 0 or bool(self.stops)
        if signal.SIGTERM in self.stops or KILL_NOW in self.stops:
            self._wait_for_all()
        return code

    def _become(self, words: list[str], cwd: str) -> NoReturn:
        """In the child: the process becomes the program."""
        try:
            os.setpgid(0, 0)
            _take_terminal()
            for number in CHANGED_BY_US:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            os.chdir(cwd)
            os.execvp(words[0], words)
        except OSError as error:
            _say(f"fatal: cannot run the command: {error}")
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
        finally:
            os._exit(126)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: the signal is meant for the command."""
        # A command that ignores hang-ups, as under nohup(1), is not stopped by one.
        if number == KILL_NOW or (number in STOPPING and not (self.group and processes.ignores(self.group, number))):
            self.stops.append(number)
        if not self.group:
            return
        if number in (signal.SIGTERM, KILL_NOW):
            self._stop_all(signal.SIGKILL if number == KILL_NOW else number)
            return
        with suppress(ProcessLookupError, PermissionError):
            if number in FOR_ALL:
                os.killpg(self.group, number)
                os.killpg(self.group, signal.SIGCONT)
            else:
                os.kill(self.group, number)

    def _stop_all(self, number: int) -> None:
        """Signal the command's process group, and what it started in other groups and sessions."""
        self.strays += processes.descendants(self.group)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, number)
            os.killpg(self.group, signal.SIGCONT)
        for stray in self.strays:
            with suppress(ProcessLookupError, PermissionError):
                if processes.is_alive(stray) and os.getpgid(stray["pid"]) != self.group:
                    os.kill(stray["pid"], number)
                    os.kill(stray["pid"], signal.SIGCONT)

    def _wait_for_all(self) -> None:
        """A run that was told to stop has not ended while a process of it goes on."""
        while processes.group_lives(self.group) or any(map(processes.is_alive, self.strays)):
            time.sleep(0.05)

    # --- what else decides the result

    def _collect(self) -> None:
        """Run in a thread beside the command: record its environment, and what its links lead to. It fails no run."""
        with suppress(Exception):
            found = self._surroundings().collect(salt=self.spec.identifier)
            this = self.store.find(self.this_run)
            linked = this.record.links if this else {}
            described = {path: links.describe(link.text("target")) for path, link in linked.items()}
            with self.store.change(self.this_run) as fields:
                fields["environment"] = found
                if described:
                    fields["links"] = described

    def _judge(self, ending: dict[str, object]) -> dict[str, object]:
        """How the run, which ended so, compares with the one that it is to reproduce. It fails no run."""
        with suppress(Exception):
            original, this = self.spec.original, self.store.find(self.this_run)
            if original and this:
                this.record.update(ending)
                former = Run(original["name"], Record(id=original["identifier"]))
                return reproduction.judge(self.store, self.outputs, former, this, self._surroundings())
        return {}

    def _surroundings(self) -> Surroundings:
        spec = self.spec
        command = Command(spec.command, spec.environment, spec.cwd, spec.virtualenv)
        return Surroundings(command, top=spec.top, decisive=spec.decisive, root=spec.root)

    # --- the record

    def _record_start(self) -> None:
        """Set the record to `running`. Where it cannot be written the command runs all the same.

        Raises NoSuchRun where there is none: the run was deleted, or its start undone.
        """
        try:
            with self.store.change(self.this_run) as fields:
                fields["status"] = record.RUNNING
                fields.pop("finished", None)  # fsck may have thought that we would never come
                if self.isolation:  # to make the work tree took its time, which is not the command's
                    fields["datetime"] = record.timestamp()
                fields["process"] = processes.identify(os.getpid())
        except (BadRecord, Locked) as error:
            _say(text_of(error))
        except OSError as error:
            _say(f"fatal: cannot write the run's record: {error}")

    def _record_end(self, code: int, finished: str) -> None:
        """Write how the command ended, under whatever name the run has by now; nothing where it was deleted."""
        ending = self._ending(code, finished)
        ending |= self._judge(ending)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self.store.change(self.this_run) as fields:
                    former = fields.end(ending)
                break
            except NoSuchRun:
                return
            except (RunsError, OSError) as error:
                if time.monotonic() > deadline:
                    _say(f"fatal: cannot record the end, exit code {code}, at {finished}: {error}")
                    return
                time.sleep(0.5)
        self.outputs.remove_links(*former)

    def _ending(self, code: int, finished: str) -> dict[str, object]:
        """The fields that tell how the command ended."""
        status = record.KILLED if self.was_killed else record.FAILED if code or self.error else record.FINISHED
        if self.error and not self.was_killed:
            return {"status": status, "error": self.error, "finished": finished}
        return {"status": status, "exit-code" if code >= 0 else "signal": abs(code), "finished": finished}

    # --- the terminal

    def _complete_log(self) -> None:
        """Wait until all that was printed is in the log: it gets there by way of tmux, a little later.

        A marker is printed last, waited for, and cut off again unless somebody still prints.
        """
        marker = end_marker(self.spec.identifier)
        with suppress(OSError), open(self.outputs.log(self.spec.name), "r+b") as log:
            log.seek(0, os.SEEK_END)
            _print_to_terminal(marker)
            tail = b""
            deadline = time.monotonic() + LOG_STALLED
            while time.monotonic() < deadline:
                if printed := log.read(1 << 20):
                    deadline = time.monotonic() + LOG_STALLED
                    tail = tail[-len(marker) :] + printed
                    if marker in tail:
                        break
                else:
                    time.sleep(0.005)
            if tail.endswith(marker) and not processes.group_lives(self.group):
                log.truncate(log.tell() - len(marker))

    def _settle(self, code: int) -> None:
        """Leave the pane as `keep-session` says: by default it stays if the run failed or somebody looks at it.

        A run that was stopped on purpose has not failed.
        """
        if signal.SIGHUP in self.stops:
            return
        from ..launchers import tmux

        keep = {"always": True, "never": False}.get(self.spec.keep_session, True if code and not self.stops else None)
        if keep is not True:
            with suppress(RunsError):
                tmux.settle(keep=keep)


def _take_terminal() -> None:
    """Make our process group the one in the foreground of the terminal, if there is one."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):
        os.tcsetpgrp(0, os.getpgrp())


def _wait_for(child: int) -> int:
    """Its exit code, or minus the signal that ended it."""
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        if os.WSTOPSIG(status) == signal.SIGTSTP:  # Ctrl-Z, and no shell is there to go on with `fg`
            os.killpg(child, signal.SIGCONT)


def _live_in(environment: dict[str, str]) -> None:
    """Take over the environment of whoever started the run, but for the variables that tell of a terminal."""

    def of_terminal(key: str) -> bool:
        return key in ("TMUX", "TMUX_PANE", "TERM", "TERMCAP", "TERMINFO") or key.startswith("TERM_")

    of_pane = {key: value for key, value in os.environ.items() if of_terminal(key)}
    os.environ.clear()
    os.environ.update({key: value for key, value in environment.items() if not of_terminal(key)} | of_pane)
    time.tzset()


def _print_to_terminal(text: bytes) -> None:
    """Raises OSError where there is no terminal (any more), or where it takes nothing for a while."""
    terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        deadline = time.monotonic() + LOG_STALLED
        while text:
            try:
                text = text[os.write(terminal, text) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
    finally:
        os.close(terminal)


def _say(text: str) -> None:
    """Print it, if there still is a terminal."""
    with suppress(OSError):
        os.write(2, f"{text}\r\n".encode(errors="backslashreplace"))
