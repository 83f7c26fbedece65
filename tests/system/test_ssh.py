"""Other hosts by ssh, against a real sshd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Machine, Repository, Result
from tests.sshd import Host


def ask(
    machine: Machine, host: str, script: str, given: str = "", cwd: Path | None = None, **environment: str
) -> Result:
    """What our door says, in a process of that machine: exit code and output of the script, or the error."""
    code = (
        "import sys\n"
        "from git_runs.errors.base import RunsError\n"
        "from git_runs.system import ssh\n"
        "try: answer = ssh.ask(sys.argv[1], sys.argv[2], sys.stdin.buffer.read(), within=3)\n"
        "except RunsError as error: sys.exit(f'{type(error).__name__}: {error}')\n"
        "sys.stdout.buffer.write(answer.out); sys.stderr.write(answer.err); sys.exit(answer.code)"
    )
    return machine.run(sys.executable, "-c", code, host, script, cwd=cwd, stdin=given, **environment)


def test_a_script_runs_there_with_what_it_is_given_and_says_how_it_ended(machine: Machine, host: Host) -> None:
    (host.machine.home / ".profile").open("a").write("echo welcome\n")
    result = ask(machine, "box", 'cat; hostname; echo "it\'s $HOME"; echo no >&2; exit 3', "a\nb")
    assert (result.code, result.err) == (3, "no\n")
    assert result.out == f"a\nbbox\nit's {host.machine.home}\n"
    assert ask(machine, "box", "command -v git-runs").code == 0


def test_the_words_of_ssh_say_why_there_is_no_answer(machine: Machine, host: Host) -> None:
    host.configuration.open("a").write("Host closed\nHostName 127.0.0.1\nPort 1\n")
    silent = "HostSilent: host 'closed' does not answer: ssh: connect to host 127.0.0.1 port 1: Connection refused\n"
    assert ask(machine, "closed", "true").err == silent
    refused = "HostRefused: host 'box' does not let us in: "
    authorized = (host.root / "key.pub").read_bytes()
    (host.root / "key.pub").unlink()
    result = ask(machine, "box", "true")
    assert result.err.startswith(refused)
    assert result.err.endswith(": Permission denied (publickey).\n")
    (host.root / "key.pub").write_bytes(authorized)
    (host.root / "known-hosts").write_text("")
    assert ask(machine, "box", "true").err == f"{refused}Host key verification failed.\n"


def test_a_host_that_is_cut_off_or_silent_is_never_taken_for_an_answer(machine: Machine, host: Host) -> None:
    cut = ask(machine, "box", "echo half; kill -9 $PPID")
    assert cut.code == 1
    assert cut.err.startswith("HostSilent: host 'box' does not answer: ")
    late = ask(machine, "box", "exec sleep 60")
    assert late.err == "HostSilent: host 'box' does not answer: nothing came within 3 s\n"
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        host.configuration.open("a").write(f"Host mute\nHostName 127.0.0.1\nPort {nobody.getsockname()[1]}\n")
        command = f"ssh -o ConnectTimeout=1 -F {host.configuration}"
        assert "HostSilent: host 'mute' does not answer: " in ask(machine, "mute", "true", GIT_SSH_COMMAND=command).err


@pytest.mark.parametrize("name", ["-oProxyCommand=touch x", "-l", "", "a b", "a/b", "a'b", "a\nb", "$(a)", "u@-a"])
def test_what_is_no_host_reaches_no_program(machine: Machine, name: str) -> None:
    assert ask(machine, name, "true").err == f"BadHost: '{name}' cannot be the name of a host\n"


def test_ssh_is_found_as_git_finds_it(repo: Repository, host: Host) -> None:
    ssh = repo.machine.environment.pop("GIT_SSH_COMMAND")
    (repo.machine.home / "bin").mkdir()
    program = repo.machine.home / "bin" / "my ssh"
    program.write_text(f'#!/bin/sh\nexec {ssh} "$@"\n')
    program.chmod(0o755)

    def answers(**environment: str) -> bool:
        result = ask(repo.machine, "box", "true", cwd=repo.path, **environment)
        by_git = repo.machine.run("git", "ls-remote", "box:nothing", cwd=repo.path, **environment)
        assert (result.code == 0) == ("'nothing' does not appear to be a git repository" in by_git.err), by_git
        return result.code == 0

    assert not answers()
    assert answers(GIT_SSH=str(program))
    assert answers(GIT_SSH_COMMAND=f"A=b '{program}' -q", GIT_SSH="false")
    repo.git("config", "core.sshCommand", ssh)
    assert answers(GIT_SSH="false")
    assert not answers(GIT_SSH_COMMAND="false")


def test_a_master_that_stays_is_used_and_not_waited_for(machine: Machine, host: Host) -> None:
    host.configuration.open("a").write("ControlMaster auto\nControlPersist 60\n")
    try:
        assert ask(machine, "box", "true").code == 0
        assert ask(machine, "box", "true").code == 0
        assert host.log().count("Accepted publickey") == 1
    finally:
        machine.run("ssh", "-F", str(host.configuration), "-O", "exit", "box")


def test_a_person_gets_a_terminal_there(machine: Machine, host: Host) -> None:
    code = "from git_runs.system import ssh; ssh.become('box', 'test -t 0 && hostname; exit 4')"
    ours, its = os.openpty()
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, env=machine.environment, stdin=its, stdout=its, stderr=its)
    assert process.wait(30) == 4
    assert os.read(ours, 100).startswith(b"box\r\n")
    os.close(ours)
    os.close(its)
