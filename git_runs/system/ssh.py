"""Other hosts, by ssh(1): the only module that runs it.

git says which ssh that is: `GIT_SSH_COMMAND`, `core.sshCommand` (both are lines for the shell) or `GIT_SSH`, a program:
git(1), git-config(1). So what a person has set up for git holds for us, too. Only `become` asks for passwords.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from contextlib import suppress

from ..errors.system import BadHost, HostRefused, HostSilent, ToolMissing
from . import programs
from .git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, NoReturn

PATIENCE = 60.0  # seconds that all of a question may take
TO_CONNECT = ("-o", "ConnectTimeout=10")  # seconds
ASKS_NOBODY = ("-o", "BatchMode=yes")
BLOCK = 1 << 16
FAILED = 255  # what ssh(1) ends with where it fails itself
# ssh's last words where there is a host, and it does not let us in.
REFUSALS = ("Permission denied", "Host key verification failed", "Too many authentication failures")
BEGIN = "git-runs:begin"  # what login scripts print comes before it


class Answer:
    """What a script on another host said."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        self.code = code  # exit code of the script
        self.out = out
        self.err = err


def ask(host: str, script: str, given: bytes = b"", *, within: float = PATIENCE) -> Answer:
    """Run a script by a login sh(1) on that host, `given` on its standard input; of one line, since not every login
    shell takes more. What is in it shows in the list of processes there.

    Raises BadHost, ToolMissing, HostRefused, and HostSilent where nobody answers within so many seconds: then nobody
    knows how far the script came.
    """
    from subprocess import PIPE, Popen, TimeoutExpired

    command = [*_ssh(), *TO_CONNECT, *ASKS_NOBODY, checked(host), _in_login_shell(f"echo {BEGIN}; {script}")]
    # A master that stays behind (ControlPersist) may keep standard error, and would be waited for.
    with tempfile.TemporaryFile() as errors:
        try:
            process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, umask=programs.child_umask)
        except FileNotFoundError:
            raise ToolMissing(command[0]) from None
        try:
            out, _ = process.communicate(given, timeout=within)
        except TimeoutExpired:
            raise HostSilent(host, f"nothing came within {within:g} s") from None
        finally:
            process.kill()  # does nothing where it has ended
        errors.seek(0)
        err = errors.read().decode(errors="replace").replace("\r", "")
    _, began, rest = out.partition(f"{BEGIN}\n".encode())
    if process.returncode == FAILED or not began:
        raise failure(host, err or out.decode(errors="replace"))
    return Answer(process.returncode, rest, err)


def pass_on(host: str, script: str, given: bytes, target: BinaryIO) -> Answer:
    """The same without an end in time: what the script prints goes to `target` as it comes. Its standard input stays
    open as long as anybody waits for it here. Raises what `ask` raises."""
    from subprocess import PIPE, Popen

    command = [*_ssh(), *TO_CONNECT, *ASKS_NOBODY, checked(host), _in_login_shell(f"echo {BEGIN}; {script}")]
    with tempfile.TemporaryFile() as errors:
        try:
            process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, umask=programs.child_umask, bufsize=0)
        except FileNotFoundError:
            raise ToolMissing(command[0]) from None
        assert process.stdin
        assert process.stdout
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(given)
                process.stdin.flush()
            lines = iter(process.stdout.readline, b"")
            began = any(line == f"{BEGIN}\n".encode() for line in lines)
            while began and (block := os.read(process.stdout.fileno(), BLOCK)):
                target.write(block)
                target.flush()
            process.wait()
        finally:
            process.kill()  # does nothing where it has ended
            process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        errors.seek(0)
        err = errors.read().decode(errors="replace").replace("\r", "")
    if process.returncode == FAILED or not began:
        raise failure(host, err)
    return Answer(process.returncode, b"", err)


def become(host: str, script: str) -> NoReturn:
    """Become an ssh that runs a script on that host, on our terminal. Raises BadHost or ToolMissing."""
    command = [*_ssh(), *TO_CONNECT, "-t", checked(host), _in_login_shell(script)]
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        raise ToolMissing(command[0]) from None


def for_programs() -> list[str]:
    """The words that begin the command line of ssh for programs that run it themselves: a host and a command follow."""
    return [*_ssh(), *TO_CONNECT, *ASKS_NOBODY]


def for_git() -> dict[str, str]:
    """The variables with which git asks nobody, and waits no longer than we do, when it uses ssh."""
    return {"GIT_SSH_COMMAND": shlex.join(for_programs()), "GIT_SSH_VARIANT": "ssh"}


def checked(host: str) -> str:
    """The name or address of a host, with or without a user; raises BadHost for what ssh or another program could take
    for something else."""
    if not re.fullmatch(r"(?!-)[^\s/'\"\\$`\x00-\x1f\x7f]+", host) or "@-" in host:
        raise BadHost(host)
    return host


def failure(host: str, said: str) -> HostRefused | HostSilent:
    """What it means that ssh failed, by what it said on standard error: its last line says why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["ssh ended without a message"]
    reason = next((line for line in lines if any(refusal in line for refusal in REFUSALS)), None)
    return HostRefused(host, reason) if reason else HostSilent(host, lines[-1])


def _ssh() -> list[str]:
    """As git finds it: `get_ssh_command` in connect.c of git."""
    line = os.environ.get("GIT_SSH_COMMAND")
    if line is None:
        line = config.value("core.sshCommand")
    if line is None:
        return [os.environ.get("GIT_SSH", "ssh")]
    return ["sh", "-c", f'{line} "$@"', line]


def _in_login_shell(script: str) -> str:
    """So that PATH is as the user has it there: sshd(8) starts shells that read no profile."""
    return f"exec sh -lc {shlex.quote(script)}"
