"""Programs that we start, and modules of our own that run as programs do."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from .processes import MOMENT, signal_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import IO

PATIENCE = 10.0  # seconds that a program which is asked may take to answer

child_umask = -1  # of programs that we start, where ours is another than the user's; -1: as ours


def run(
    command: list[str], environment: Mapping[str, str] | None = None, *, holding: Sequence[int] = ()
) -> tuple[int, bytes, bytes]:
    """Exit code of a program, and what it printed to standard output and standard error. Raises OSError.

    It gets our environment, unless another is given, and of our descriptors those that it is to go on `holding`.

    It goes on where an exception, as of a signal, ends the call: what it has begun may not be undone by killing it.
    """
    from subprocess import PIPE, Popen

    process = Popen(command, stdout=PIPE, stderr=PIPE, umask=child_umask, env=environment, pass_fds=holding)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def run_within(
    command: Sequence[str], seconds: float, given: str, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Exit code of a program that reads what it is given, and what it printed to standard output and standard error.
    After so many seconds it is killed. Raises OSError, TimeoutError among them."""
    import subprocess

    try:
        answer = subprocess.run(
            command,
            input=given.encode(errors="surrogateescape"),
            env=dict(environment),
            capture_output=True,
            timeout=seconds,
            umask=child_umask,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(command[0]) from None
    out, err = (text.decode(errors="replace") for text in (answer.stdout, answer.stderr))
    return answer.returncode, out, err


def run_apart(
    command: Sequence[str], seconds: float, most: int, output: IO[str], *, cwd: str, environment: Mapping[str, str]
) -> int:
    """Exit code, or minus a signal, of a program in a session of its own that prints into the file. After so many
    seconds, where the file has more than `most` bytes, or where an exception, as of a signal, ends the call, all of its
    group is killed. Raises OSError, TimeoutError among them, and ValueError for what cannot be in an environment."""
    from subprocess import DEVNULL, Popen, TimeoutExpired

    process = Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        umask=child_umask,
    )
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            with suppress(TimeoutExpired):
                return process.wait(MOMENT)
            if os.fstat(output.fileno()).st_size > most:
                raise OSError("it printed too much")
        raise TimeoutError
    except BaseException:
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        raise


def run_line(line: str) -> int:
    """Exit code of a line for sh(1), run in the foreground; what it prints goes to our standard error."""
    import subprocess

    return subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), umask=child_umask, check=False
    ).returncode


def ask(command: list[str], environment: Mapping[str, str]) -> str | None:
    """What a program prints; None where it fails, or has not ended after PATIENCE."""
    import subprocess

    try:
        answer = subprocess.run(
            command,
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace") if answer.returncode == 0 else None


class Dialogue:
    """A program that gives back what it is given, as cat(1) does."""

    def __init__(self, command: list[str], *, passes: Iterable[int] = ()) -> None:
        """`passes`: the descriptors that it gets beside the standard ones. Raises OSError."""
        from subprocess import PIPE, Popen

        self._process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=list(passes), umask=child_umask)
        self._error = b""

    def echoes(self) -> bool:
        """Whether it does: this waits for it."""
        process = self._process
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        return process.stdout.read(1) == b"\n"

    def end(self) -> None:
        """Give it no more, and wait for its end."""
        if self._process.returncode is not None:
            return
        with suppress(BrokenPipeError):
            self._error += self._process.communicate()[1]

    def error(self) -> str:
        """What it printed to standard error, in the end."""
        self.end()
        return self._error.decode(errors="replace").strip()


class Companion:
    """A program that goes on beside us. What it prints to standard error comes to us.

    It has a session of its own, so that it gets no signal of the terminal twice: those that end us are handed on.
    """

    def __init__(self, command: list[str]) -> None:
        """Raises OSError."""
        from subprocess import DEVNULL, PIPE, Popen

        self._process = Popen(command, stdin=DEVNULL, stderr=PIPE, start_new_session=True, umask=child_umask)
        self.pid = self._process.pid  # and the number of its group
        assert self._process.stderr
        self._errors = self._process.stderr
        self._half = b""  # the beginning of a line
        self._is_open = True

    def lines(self, seconds: float) -> Iterator[str]:
        """The lines that it prints next; none where it prints nothing, and goes on, for so long."""
        if not self._is_open:
            self._wait(seconds)
        elif self._has_printed(seconds):
            content = os.read(self._errors.fileno(), 65536)
            self._is_open = bool(content)
            if self._half and not content:
                content = b"\n"  # ends the last line, which has none
            *lines, self._half = (self._half + content).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)

    @property
    def code(self) -> int | None:
        """Its exit code, as a shell gives it: 128 and the number, where a signal has ended it; None while it lives, or
        there is more to read."""
        if self._process.poll() is None or (self._is_open and self._has_printed(0)):
            return None
        code: int = self._process.returncode
        return 128 - code if code < 0 else code

    def end(self, number: int) -> int:
        """Send it the signal, and wait for its end; after PATIENCE it is killed, with what it has started. Its exit
        code."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        if not self._wait(PATIENCE):
            signal_group(self.pid, signal.SIGKILL)
            self._process.wait()
        self._is_open = False
        return self.code or 0

    def _has_printed(self, seconds: float) -> bool:
        import select

        return bool(select.select([self._errors], [], [], seconds)[0])

    def _wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        from subprocess import TimeoutExpired

        try:
            self._process.wait(seconds)
        except TimeoutExpired:
            return False
        return True


def run_module(module: str, *arguments: str, environment: Mapping[str, str]) -> int:
    """Run `main` of that module in the same way, but here: the terminal is its own, with its keys, until it ends. Gives
    its exit code."""
    import subprocess

    from .signals import not_interrupted

    process = subprocess.Popen(command_of(module, *arguments), env=dict(environment), umask=child_umask)
    with not_interrupted():
        return process.wait()


def detach_module(module: str, *arguments: str, cwd: str | None = None) -> None:
    """Start `main` of that module, by the interpreter and the modules that we are, to go on by itself: in a session of
    its own, without terminal, its output going nowhere."""
    import subprocess

    command = command_of(module, *arguments)
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, cwd=cwd, umask=child_umask
    )
    process.returncode = 0  # nobody waits for it, and Python is not to complain of that


def command_of(module: str, *arguments: str) -> list[str]:
    """The command line that runs `main` of that module, by the interpreter and the modules that we are."""
    import json

    start = f"import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {module} import main; sys.exit(main())"
    return [sys.executable, "-I", "-c", start, json.dumps(sys.path), *arguments]
