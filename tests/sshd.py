"""Another host for tests: a real sshd of our own on the loopback, in whose sessions the machine has another name."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from git_runs.system import processes, whoami

if TYPE_CHECKING:
    from tests.conftest import Machine

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
BOUND = 30.0  # seconds that it may take to start
NAME = "box"

# sshd_config(5). A session begins in the home that the password file names: hence the command.
SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {root}/host-key
AuthorizedKeysFile {root}/key.pub
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
SetEnv {environment}
ForceCommand cd && exec sh -c "${{SSH_ORIGINAL_COMMAND:-exec sh -l}}"
"""
# ssh_config(5).
CLIENT = """\
Host {name}
HostName 127.0.0.1
Port {port}
User {user}
IdentityFile {root}/key
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {root}/known-hosts
GlobalKnownHostsFile none
StrictHostKeyChecking yes
ControlPath {root}/master
"""


def reason_against() -> str:
    """Why there can be no such host here; "" where there can."""
    for program in ("sshd", "ssh", "ssh-keygen", *_in_own_names(NAME)[:1]):
        if not shutil.which(program, path=PATH):
            return f"{program} is not installed: see tools/ensure-programs"
    if subprocess.run([*_in_own_names(NAME), "true"], capture_output=True, check=False).returncode:
        return "no host of another name may be pretended here"
    return ""


class Host:
    """A host that answers to ssh by the name `name`, with that as its own name; what runs there is of that machine.

    `client` is what a machine that is to reach it has in its environment.
    """

    def __init__(self, machine: Machine, name: str = NAME) -> None:
        self.machine = machine
        self.name = name
        self.root = Path(tempfile.mkdtemp(prefix="gr-ssh-", dir="/tmp"))  # of a socket's path there is not much
        self.configuration = self.root / "config"
        self.client = {"GIT_SSH_COMMAND": f"ssh -F {self.configuration}"}
        # Profiles of the system set PATH anew.
        (machine.home / ".profile").write_text(f"PATH='{machine.environment['PATH']}'\n")
        self._sshd: subprocess.Popen[bytes] | None = None
        try:
            for key in ("host-key", "key"):
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.root / key)]
                subprocess.run(command, check=True)
            self.start_sshd()
        except BaseException:
            self.end()
            raise

    def start_sshd(self) -> None:
        """It answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where sshd(8) separates privileges
        self.port = _free_port()
        words = {"name": self.name, "user": whoami.user(), "port": self.port, "root": self.root}
        environment = " ".join(f'"{key}={value}"' for key, value in self.machine.environment.items() if key != "TERM")
        (self.root / "server").write_text(SERVER.format(**words, environment=environment))
        self.configuration.write_text(CLIENT.format(**words))
        host_key = " ".join((self.root / "host-key.pub").read_text().split()[:2])
        (self.root / "known-hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        sshd = shutil.which("sshd", path=PATH)
        assert sshd
        with (self.root / "log").open("wb") as log:
            self._sshd = subprocess.Popen(
                [*_in_own_names(self.name), sshd, "-D", "-e", "-f", str(self.root / "server")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": PATH},
            )
        deadline = time.monotonic() + BOUND
        while b"Server listening" not in (self.root / "log").read_bytes():
            assert self._sshd.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def stop_sshd(self) -> None:
        """Nobody answers any more, and all connections are cut; what goes on in the background goes on."""
        if self._sshd is None:
            return
        connections = processes.descendants(self._sshd.pid)
        self._sshd.kill()
        for one in connections:
            with suppress(ProcessLookupError):
                os.kill(one["pid"], signal.SIGKILL)
        self._sshd.wait()
        self._sshd = None

    def ssh(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command there, by a login shell."""
        words = ["ssh", "-F", str(self.configuration), self.name, *command]
        return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=BOUND, check=False)

    def log(self) -> str:
        """What its sshd says."""
        return (self.root / "log").read_text(errors="replace")

    def end(self) -> None:
        """Nothing of it is left but what goes on by itself."""
        self.stop_sshd()
        shutil.rmtree(self.root, ignore_errors=True)


def _in_own_names(name: str) -> list[str]:
    """The words before a command that is to run where the host has that name: unshare(1) is root's, bwrap(1) takes the
    privileges of root away."""
    if os.geteuid() == 0:
        return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    return ["bwrap", "--dev-bind", "/", "/", "--unshare-uts", "--hostname", name]


def _free_port() -> int:
    """A port that nobody listened at just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert isinstance(port, int)
        return port
