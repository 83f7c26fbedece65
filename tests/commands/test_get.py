"""`git runs get`: by the real rsync, from a real sshd, and from another clone on this host."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Repository, wait_for
from tests.sshd import Host

pytestmark = pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed: see tools/ensure-programs")

TRAINS = 'echo line; echo event >"$RUNS_TB_DIR/events"; echo weights >"$RUNS_CHECKPOINT_DIR/last.ckpt"; true'


def adopt(repo: Repository, there: Repository, name: str, new: str | None = None) -> None:
    """Have the run here that the repository there has, by way of a remote."""
    hub = str(repo.path.parent / "hub")
    for one in (repo, there):
        one.machine.run("git", "init", "-q", "--bare", hub)
        one.machine.run("git", "remote", "add", "hub", hub, cwd=one.path)
    there.ok("push", "-y", "hub", name)
    repo.ok("fetch", "hub")
    repo.ok("adopt", f"hub/{name}", new or name)


@pytest.fixture
def there(repo: Repository, host: Host) -> Repository:
    """A clone of the repository on the other host, whose path no shell would take as it is."""
    path = host.machine.home / "a [b]* 'c'"
    host.machine.run("git", "clone", "-q", str(repo.path), str(path))
    return Repository(host.machine, path)


@pytest.fixture
def run_there(repo: Repository, host: Host, there: Repository) -> Callable[..., None]:
    """Run a command on the other host, and have the run here, too."""

    def run(name: str = "base", command: str = TRAINS, *options: str) -> None:
        words = ["new", "--launcher=foreground", *options, name, command]
        result = host.ssh(f"cd {shlex.quote(str(there.path))} && git runs {shlex.join(words)}")
        assert result.returncode == 0, result
        assert there.lookup(name, "host") == "box"
        adopt(repo, there, name)

    return run


@pytest.fixture
def near(repo: Repository) -> Repository:
    """Another clone on this host, whose runs come without ssh."""
    path = repo.path.parent / "near"
    repo.git("clone", "-q", str(repo.path), str(path))
    repo.machine.environment["GIT_SSH_COMMAND"] = "false"
    return Repository(repo.machine, path)


@pytest.fixture
def run_near(repo: Repository, near: Repository) -> Callable[..., None]:
    """Run a command there, and have the run here, too."""

    def run(name: str = "base", command: str = TRAINS, *options: str) -> None:
        near.ok("new", "--launcher=foreground", *options, name, command)
        adopt(repo, near, name)

    return run


def outputs(repo: Repository, name: str = "base") -> dict[str, str]:
    """What is in the files that the run has put out, by their paths in the runs dir."""
    top = repo.path / ".runs"
    places = [top / "tensorboard" / name, top / "checkpoints" / name, top / "logs" / f"{name}.log"]
    files = [file for place in places for file in (place, *place.rglob("*")) if file.is_file()]
    return {str(file.relative_to(top)): file.read_text() for file in files}


def test_all_that_a_run_put_out_on_another_host_is_brought_to_its_place(
    repo: Repository, run_there: Callable[..., None], there: Repository
) -> None:
    run_there("g/base")
    assert repo.ok("get", "g/base") == "g/base: 3 files, less than 0.1 MiB\n"
    assert outputs(repo, "g/base") == outputs(there, "g/base")
    assert repo.log("g/base") == "line\n"
    assert repo.ok("get", "g/base") == "g/base: nothing new\n"


def test_the_run_is_found_there_by_its_id_whatever_it_is_called_and_only_that_run(
    repo: Repository, run_near: Callable[..., None], near: Repository
) -> None:
    run_near()
    assert "put out is here: it ran here" in near.runs("get", "base").err
    repo.ok("move", "--force", "base", "mine")
    near.ok("move", "--force", "base", "theirs")
    assert repo.ok("get", "--log", "--checkpoints", "mine") == "mine: 2 files, less than 0.1 MiB\n"
    assert set(outputs(repo, "mine")) == {"logs/mine.log", "checkpoints/mine/last.ckpt"}
    assert repo.log("mine") == "line\n"
    near.ok("delete", "--force", "-y", "theirs")
    run_near("other")
    near.ok("move", "--force", "other", "mine")
    result = repo.runs("get", "mine")
    assert result.code == 128
    place = near.path / ".runs"
    assert result.err.startswith(f"fatal: run 'mine' is not in the runs dir '{place}' on host '{os.uname().nodename}' ")


def test_what_has_grown_or_changed_there_comes_anew_and_what_somebody_changed_here_stays(
    repo: Repository, run_near: Callable[..., None], near: Repository
) -> None:
    run_near()
    repo.ok("get", "base")
    for top in (near.path, repo.path):
        (top / ".runs/tensorboard/base/notes").write_text(f"of {top}")
    with (near.path / ".runs/logs/base.log").open("a") as log:
        log.write("more\n")
    (near.path / ".runs/checkpoints/base/last.ckpt").write_text("better")
    result = repo.runs("get", "base")
    assert result.out == "base: 2 files, less than 0.1 MiB\n"
    assert result.err.splitlines() == [
        "warning: other files of run 'base' are here, and stay: tensorboard/notes",
        "hint: to have those of the host, move yours away, and get them again",
    ]
    expected = {**outputs(near), "tensorboard/base/notes": f"of {repo.path}"}
    assert outputs(repo) == expected
    (repo.path / ".runs/checkpoints/base/last.ckpt").write_text("mine")
    (near.path / ".runs/checkpoints/base/last.ckpt").write_text("best")
    assert "stay: tensorboard/notes, checkpoints/last.ckpt\n" in repo.runs("get", "base").err
    assert outputs(repo) == {**expected, "checkpoints/base/last.ckpt": "mine"}
    (repo.path / ".runs/checkpoints/base/last.ckpt").unlink()
    repo.ok("get", "base")
    assert outputs(repo)["checkpoints/base/last.ckpt"] == "best"


def ssh_by(repo: Repository, host: Host, for_rsync: str) -> str:
    """The line for the shell of a program that stands for ssh, called "$ssh", where rsync calls it: that script."""
    program = repo.machine.home / "ssh"
    program.write_text(
        f'#!/bin/sh\nssh="ssh -F {host.configuration}"\n'
        f'case "$*" in *--server*) {for_rsync};; *) exec $ssh "$@";; esac\n'
    )
    program.chmod(0o755)
    (repo.machine.home / "relay").write_text(RELAY)
    return str(program)


BIG = 8_000_000  # bytes
# Passes on no more than so many bytes, and counts them; where there were more, it holds while there is a file "wait".
RELAY = """import os, sys
os.set_blocking(1, True)
left = limit = int(sys.argv[1])
while left and (piece := os.read(0, min(left, 65536))):
    os.write(1, piece)
    left -= len(piece)
open("sent", "w").write(str(limit - left))
while not left and os.path.exists("wait"):
    pass
"""
THROUGH = f'cd && $ssh "$@" | {sys.executable} relay'
CUT = f"{THROUGH} 5000000"


@pytest.fixture
def big_there(run_there: Callable[..., None], there: Repository) -> bytes:
    """What is in the checkpoint of a run there, which cannot come at once."""
    run_there(command='head -c 8000000 /dev/urandom >"$RUNS_CHECKPOINT_DIR/big"; true')
    return (there.path / ".runs/checkpoints/base/big").read_bytes()


def test_what_was_cut_off_is_not_taken_for_whole_and_goes_on_where_it_was(
    repo: Repository, host: Host, big_there: bytes
) -> None:
    result = repo.runs("get", "--checkpoints", "base", GIT_SSH_COMMAND=ssh_by(repo, host, CUT))
    assert result.err.startswith("fatal: host 'box' does not answer: the connection was cut off\n")
    assert outputs(repo) == {}
    assert repo.ok(
        "get", "--checkpoints", "base", GIT_SSH_COMMAND=ssh_by(repo, host, f"{THROUGH} {2 * BIG}")
    ).startswith("base: 1 ")
    assert (repo.path / ".runs/checkpoints/base/big").read_bytes() == big_there
    assert int((repo.machine.home / "sent").read_text()) < BIG // 2
    left = repo.path / ".runs/get" / repo.lookup("base", "id")
    assert sorted(path.name for path in left.iterdir()) == ["brought.json", "lock"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_where_all_of_it_is_killed_nothing_half_is_left_among_the_outputs(
    repo: Repository, host: Host, big_there: bytes, number: int
) -> None:
    wait = repo.machine.home / "wait"
    wait.touch()
    repo.machine.environment["GIT_SSH_COMMAND"] = ssh_by(repo, host, CUT)
    temporary = repo.path / ".runs/get" / repo.lookup("base", "id") / "temporary"
    process = repo.machine.start("git", "runs", "get", "base", cwd=repo.path)
    try:
        wait_for(lambda: any(file.stat().st_size > 1_000_000 for file in temporary.glob("big.*")))
        for one in repo.machine.processes() if number == signal.SIGKILL else ():
            os.kill(int(one.name), number)
        process.send_signal(number)
        process.communicate()
    finally:
        wait.unlink()
    assert "checkpoints/base/big" not in outputs(repo)
    repo.machine.environment |= host.client
    repo.ok("get", "base")
    assert (repo.path / ".runs/checkpoints/base/big").read_bytes() == big_there
    assert sorted(path.name for path in temporary.parent.iterdir()) == ["brought.json", "lock"]


def test_no_link_leads_out_and_none_is_followed(
    repo: Repository, run_near: Callable[..., None], near: Repository, tmp_path: Path
) -> None:
    run_near()
    outside = tmp_path / "outside"
    outside.mkdir()
    checkpoints = near.path / ".runs/checkpoints/base"
    for name, target in {
        "newest": "last.ckpt",
        "deep/newest": "../last.ckpt",
        "absolute": str(outside),
        "above": "../../../../outside",
        "deep/above": "../../other",
        "bent": "deep/../../other",
        "deep/bent": "./../deep/../../../other",
    }.items():
        (checkpoints / name).parent.mkdir(exist_ok=True)
        (checkpoints / name).symlink_to(target)
    (near.path / ".runs/tensorboard/base/mine").mkdir()
    (near.path / ".runs/tensorboard/base/mine/file").write_text("there")
    (repo.path / ".runs/tensorboard/base").mkdir(parents=True)
    (repo.path / ".runs/tensorboard/base/mine").symlink_to(outside)
    result = repo.runs("get", "base")
    assert result.code == 0
    here = repo.path / ".runs/checkpoints/base"
    links = {str(path.relative_to(here)): os.readlink(path) for path in here.rglob("*") if path.is_symlink()}
    assert links == {"newest": "last.ckpt", "deep/newest": "../last.ckpt"}
    assert list(outside.iterdir()) == []
    warnings = [line for line in result.err.splitlines() if line.startswith("warning:")]
    assert warnings[0] == "warning: other files of run 'base' are here, and stay: tensorboard/mine/file"
    assert sorted(warnings[1].partition("left out: ")[2].split(", ")) == [
        *("checkpoints/above", "checkpoints/absolute", "checkpoints/bent", "checkpoints/deep/above"),
        "checkpoints/deep/bent",
    ]
    assert repo.ok("get", "base") == "base: nothing new\n"
    shutil.rmtree(here)
    here.symlink_to(outside)
    assert "leads out of the runs dir" in repo.runs("get", "base").err
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "-oProxyCommand=touch pwned"),
        ("host", "a;touch pwned"),
        ("runs-dir", "$(touch pwned)"),
        ("runs-dir", '"/tmp\\n/"'),
        ("id", "'; touch pwned; '"),
        ("runs-dir", "/"),
    ],
)
def test_a_record_cannot_have_anything_run(repo: Repository, field: str, value: str) -> None:
    repo.finish("base")
    fields = {"host": "nowhere.invalid", "runs-dir": "/nothing", field: value}
    lines = repo.record_path("base").read_text().splitlines()
    changed = [f"{key}: {fields[key]}" if (key := line.partition(":")[0]) in fields else line for line in lines]
    repo.record_path("base").write_text("\n".join(changed) + "\n")
    before = outputs(repo)
    result = repo.runs("get", "base")
    assert result.code == 128, result
    assert "unexpected" not in result.err
    assert not list(repo.path.parent.rglob("pwned"))
    assert outputs(repo) == before


ANSWER = "git-runs:begin\n{root}\n../../../evil\n\nnothing \nnothing \nfile /etc/hostname\n"


def test_a_host_cannot_choose_what_is_written(
    repo: Repository, run_there: Callable[..., None], there: Repository, host: Host
) -> None:
    run_there()
    (host.machine.home / "answer").write_text(ANSWER.format(root=there.path / ".runs"))
    (host.machine.home / ".profile").open("a").write("cat ~/answer; exit 0\n")
    assert "is not in the runs dir" in repo.runs("get", "base").err
    (host.machine.home / "answer").write_text(ANSWER.format(root=there.path / ".runs").replace("../../../evil", "x"))
    repo.ok("get", "base")
    assert set(outputs(repo)) == {"logs/base.log"}


def test_what_is_missing_is_said_in_one_line_with_what_to_type(
    repo: Repository, run_there: Callable[..., None], there: Repository, host: Host
) -> None:
    run_there()
    result = repo.runs("get", "base", GIT_SSH_COMMAND=ssh_by(repo, host, "exec $ssh box nosuch-rsync"))
    assert result.err.startswith("fatal: rsync is not installed on host 'box', or not on the PATH of its shell\nhint: ")
    (repo.machine.home / "rsync").write_text("#!/bin/sh\necho openrsync: protocol version 29\n")
    (repo.machine.home / "rsync").chmod(0o755)
    result = repo.runs("get", "base", PATH=f"{repo.machine.home}:{repo.machine.environment['PATH']}")
    assert result.err.startswith("fatal: rsync (openrsync: protocol version 29) is too old: git runs needs rsync 3.1.3")
    (there.path / ".runs/checkpoints/base").rename(there.path / "gone")
    result = repo.runs("get", "base", "--checkpoints")
    assert (result.code, result.err) == (1, "error: there is nothing of that of run 'base' on host 'box'\n")
    result = repo.runs("log", "base")
    assert result.err.splitlines() == [
        "error: what run 'base' has put out is not here but on host 'box'",
        "hint: to bring it here: git runs get base",
    ]
    host.stop_sshd()
    result = repo.runs("get", "base")
    assert result.code == 128
    assert result.err.startswith("fatal: host 'box' does not answer: ssh: connect to host 127.0.0.1 port ")


def test_where_the_host_sees_the_same_files_there_is_nothing_to_bring(repo: Repository, host: Host) -> None:
    result = host.ssh(f"cd {repo.path} && git runs new --launcher=foreground base true")
    assert result.returncode == 0, result
    assert "put out is here: it ran here" in repo.runs("get", "base").err
    assert repo.log("base") == ""


def test_a_command_brings_what_other_stores_have(repo: Repository, run_there: Callable[..., None]) -> None:
    run_there()
    repo.git("config", "runs.get-command", "echo {host} {kind} {name} {other}; cp -r {source} {target}/")
    result = repo.runs("get", "base")
    assert result.err.splitlines() == [f"box {kind} base {{other}}" for kind in ("logs", "tensorboard", "checkpoints")]
    repo.git("config", "runs.get-command", "touch {target}/half; exit 3")
    result = repo.runs("get", "base", "--log")
    assert result.err.startswith("fatal: runs.get-command ended with exit code 3: touch ")
    repo.git("config", "runs.get-command", "true")
    assert repo.ok("get", "base") == "base: nothing new\n"
    (repo.path / ".git/info/exclude").write_text(".runsrc\n")
    repo.git("config", "--unset", "runs.get-command")
    (repo.path / ".runsrc").write_text("[runs]\n\tget-command = touch pwned\n")
    result = repo.runs("get", "base", "--log")
    assert result.err.startswith(f"warning: 'get-command' in file {repo.path}/.runsrc does not count: ")
    assert not (repo.path / "pwned").exists()


def test_what_settings_had_elsewhere_there_comes_to_its_usual_place_here(
    repo: Repository, run_near: Callable[..., None], near: Repository
) -> None:
    elsewhere = near.path.parent / "scratch"
    options = [f"--tb-dir={elsewhere}/tb/<run-name>", f"--save-path={elsewhere}/ck/<run-name>/model"]
    run_near("base", 'echo event >"$RUNS_TB_DIR/events"; echo weights >"$RUNS_SAVE_PATH"; true', *options)
    shutil.move(elsewhere / "tb", elsewhere / "tb-there")  # not to be seen here
    (elsewhere / "tb").symlink_to("tb-there")
    repo.ok("get", "base")
    assert outputs(repo)["tensorboard/base/events"] == "event\n"
    assert outputs(repo)["checkpoints/base/model"] == "weights\n"


def test_outputs_of_a_kind_may_be_on_a_disk_of_their_own(
    repo: Repository, run_near: Callable[..., None], near: Repository, small_disk: Path
) -> None:
    run_near()
    (near.path / ".runs/checkpoints/base/newest").symlink_to("last.ckpt")
    shutil.rmtree(repo.path / ".runs/checkpoints", ignore_errors=True)
    (repo.path / ".runs/checkpoints").symlink_to(small_disk)
    assert repo.ok("get", "base") == "base: 4 files, less than 0.1 MiB\n"
    assert sorted(os.listdir(small_disk / "base")) == ["last.ckpt", "newest"]
    (near.path / ".runs/checkpoints/base/last.ckpt").write_text("better")
    assert repo.ok("get", "base") == "base: 1 file, less than 0.1 MiB\n"
    assert (small_disk / "base/newest").read_text() == "better"
    (near.path / ".runs/checkpoints/base/large").write_bytes(os.urandom(3 << 20))
    result = repo.runs("get", "base")
    assert (result.code, result.err.count("No space left on device")) == (128, 1)
    assert sorted(os.listdir(small_disk / "base")) == ["last.ckpt", "newest"]


def test_so_is_what_a_run_that_was_started_from_here_put_out_there(
    repo: Repository, there: Repository, host: Host
) -> None:
    repo.git("config", "runs.host.there.path", str(there.path))
    repo.git("config", "runs.host.there.address", "box")
    repo.ok("new", "--host=there", "base", TRAINS)
    repo.ok("wait", "base")
    assert repo.ok("get", "base") == "base: 3 files, less than 0.1 MiB\n"
    assert repo.ok("get", "base") == "base: nothing new\n"
    assert outputs(repo) == outputs(there)
