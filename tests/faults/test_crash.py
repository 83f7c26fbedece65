"""Killed with -9 at any moment, or with a full disk, nothing that was there is lost."""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.conftest import Repository, needs_mounts, wait_for
from tests.faults.harness import (
    MOMENTS,
    STRACE,
    Bystanders,
    Moment,
    Strace,
    check,
    disagreements,
    interrupt_after,
    kill_after,
    kill_after_a_while,
    make,
    mend,
    read_records,
    settle,
    supervisors,
    surprises,
)

BATCH = 25  # runs that are there at a time

pytestmark = pytest.mark.timeout(3 * 3600)
by_strace = pytest.mark.skipif(not STRACE, reason="strace is not installed")

COMMANDS = {
    "new": ("new", "-q", "{}", "echo $RUNS_NAME; :"),
    "new --snapshot": ("new", "-q", "--snapshot", "{}", "echo $RUNS_NAME; :"),
    "new --isolate": ("new", "-q", "--isolate", "{}", "echo $RUNS_NAME; :"),
    "new --isolate=mount": ("new", "-q", "--isolate=mount", "{}", "echo $RUNS_NAME; :"),
    "new --launcher=foreground": ("new", "-q", "--launcher=foreground", "{}", "echo $RUNS_NAME; :"),
    "delete": ("delete", "-y", "{}"),
    "delete --now": ("delete", "-y", "--now", "{}"),
    "undelete": ("undelete", "{}"),
    "move": ("move", "{}", "{}-moved"),
    "describe": ("describe", "{}", "-m", "new words"),
    "import": ("import", "../{}.yml"),
    "adopt": ("adopt", "{}"),
    "export": ("export", "-f", "-o", "../{}.yml", "by"),
    "gc": ("-c", "runs.history=90.days.ago", "gc"),
}
POSSIBLE = [pytest.param(name, marks=needs_mounts) if "mount" in name else name for name in COMMANDS]
CHANGING = ("delete", "delete --now", "move", "describe", "gc")  # those that need a run to be there


def arguments(command: str, name: str) -> list[str]:
    """The command's arguments, for the run of that name."""
    return [word.format(name) for word in COMMANDS[command]]


@by_strace
@pytest.mark.parametrize("command", POSSIBLE)
def test_killed_at_any_call_that_writes(repo: Repository, command: str) -> None:
    bystanders, strace = prepare(repo, command, "v0")
    moments = strace.moments(*arguments(command, "v0"))
    make_ready(repo, command, *map(named, moments))
    for moment in moments:
        name = named(moment)
        make_stray(repo, command, name)
        printed = strace.kill(moment, *arguments(command, name))
        check_after(repo, command, name, printed)
        bystanders.check()


@pytest.mark.parametrize("command", POSSIBLE)
def test_killed_at_any_time(repo: Repository, command: str) -> None:
    bystanders, _ = prepare(repo, command, "v0")
    before = time.monotonic()
    repo.ok(*arguments(command, "v0"))
    duration = time.monotonic() - before
    names = [f"v{number}v" for number in range(MOMENTS)]
    for start in range(0, MOMENTS, BATCH):
        batch = names[start : start + BATCH]
        make_ready(repo, command, *batch)
        for name in batch:
            make_stray(repo, command, name)
            printed = kill_after(repo, random.uniform(0.2, 1.1) * duration, *arguments(command, name))
            check_after(repo, command, name, printed)
            bystanders.check()
        if read_records(repo).keys() - {"by", "stander"}:  # so that there are never many to look at
            repo.runs("delete", "-y", "v[0-9]+v.*")


def test_a_deletion_ended_at_any_time_leaves_whole_runs(repo: Repository) -> None:
    bystanders = Bystanders(repo, "by", "stander")
    names = [f"v{number}" for number in range(12)]
    for _ in range(MOMENTS):
        if missing := [name for name in names if name not in read_records(repo)]:
            make(repo, *missing)
        interrupt_after(repo, random.uniform(0.05, 0.4), "delete", "-y", "v.*")
        check(repo)
        for name in set(names) & read_records(repo).keys():
            assert repo.log(name) == f"{name}\n"
        bystanders.check()


def prepare(repo: Repository, command: str, name: str) -> tuple[Bystanders, Strace]:
    """Runs that must not change, one that the command is first tried on, and strace."""
    bystanders = Bystanders(repo, "by", "stander")
    if command == "new --snapshot":
        (repo.path / "notes").write_text("mine\n")
    make_ready(repo, command, name)
    check(repo)
    make_stray(repo, command, name)
    return bystanders, Strace(repo)


def make_ready(repo: Repository, command: str, *names: str) -> None:
    """What has to be there before the command, for each of the names."""
    if command in (*CHANGING, "undelete"):
        make(repo, *names)
    if command == "undelete" and names:
        repo.ok("delete", "-y", *names)
    for name in names if command in ("import", "export") else ():
        fields = {"commit": repo.git("rev-parse", "HEAD").strip(), "command": "true"}
        database(repo, name).write_text(yaml.safe_dump({name: fields}))


def make_stray(repo: Repository, command: str, name: str) -> None:
    """What has to be there just before the command, since it is out of step itself: the ref that is to be adopted."""
    if command == "adopt":
        repo.git("update-ref", f"refs/runs/{name}", "HEAD")


def database(repo: Repository, name: str) -> Path:
    """The file that `import` reads or `export` writes."""
    return repo.path.parent / f"{name}.yml"


def named(moment: Moment) -> str:
    """The name of the run that is broken there."""
    call, count = moment
    return f"{call}-{count}-th"


def check_after(repo: Repository, command: str, name: str, printed: str) -> None:
    """Records parse, git is content, nothing but the broken run is out of step, and it can be mended."""
    out_of_step = disagreements(repo)
    assert [line for line in out_of_step if name not in line and "left over" not in line] == []
    CHECKS[command](repo, name, printed, out_of_step)
    if command == "adopt":
        repo.runs(*arguments(command, name))
    mend(repo)
    assert [line for line in disagreements(repo) if "left over" not in line] == []
    if command in ("adopt", "import"):
        repo.runs(*arguments(command, name))
        assert name in read_records(repo)
    if command in ("delete", "undelete"):
        if name not in read_records(repo):
            repo.ok("undelete", name)
        assert repo.log(name) == f"{name}\n"


def check_new(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as started is whole."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert read_records(repo)[name]["status"] == "finished"
        assert repo.log(name).endswith(f"{name}\n")  # an isolated one prints of its work tree before


def check_new_here(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What has printed something is whole, however it ended."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert name in read_records(repo)


def check_delete(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It is there with its record, or gone; what was reported as deleted is gone."""
    if name in printed:
        assert out_of_step == []
        assert name not in read_records(repo)
    assert f"ref without record: {name}" not in out_of_step
    assert f"outputs without run: {name}" not in out_of_step
    if name in read_records(repo) and random.random() < 0.5:  # else it is for fsck
        repo.ok("delete", "-y", name)
        assert not [line for line in disagreements(repo) if "left over" not in line]


def check_delete_now(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It is there with its record, or gone; what was reported as deleted is gone."""
    if name in printed:
        assert out_of_step == []
        assert name not in read_records(repo)
    assert f"ref without record: {name}" not in out_of_step
    if name in read_records(repo) and random.random() < 0.5:  # else it is for fsck
        repo.ok("delete", "-y", "--now", name)
        check(repo)


def check_undelete(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as back is whole."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert name in read_records(repo)


def check_move(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It has one name or the other, or both, and what it printed is kept."""
    records = read_records(repo)
    there = [one for one in (name, f"{name}-moved") if one in records]
    assert there
    logs = [repo.path / f".runs/logs/{one}.log" for one in (name, f"{name}-moved")]
    assert [log.read_text() for log in logs if log.exists()] == [f"{name}\n"]


def check_describe(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It has the old words or the new ones, and can be given others at once."""
    assert read_records(repo)[name]["description"] in ("first model", "new words")
    repo.ok("describe", name, "-m", "other words")
    assert [line for line in out_of_step if "left over" not in line] == []


def check_import(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as imported is whole; no ref is left of which nothing is known."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert name in read_records(repo)
    assert f"ref without record: {name}" not in out_of_step


def check_adopt(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as adopted is whole, and the ref stays in any case."""
    if name in printed:
        assert name in read_records(repo)
    assert f"refs/runs/{name}" in repo.refs()


def check_export(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """The file is the old one or the new one, and whole."""
    (exported,) = yaml.safe_load(database(repo, name).read_text())
    assert exported == "by" or (exported == name and name not in printed)
    assert out_of_step == []


def check_gc(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """Nothing is changed, and the records can be kept in git at once."""
    assert [line for line in out_of_step if "left over" not in line] == []
    repo.ok(*arguments("gc", name))
    assert repo.git("cat-file", "blob", f"refs/git-runs/records:{name}.yml") == repo.record_path(name).read_text()


CHECKS = {
    **dict.fromkeys(("new", "new --snapshot", "new --isolate", "new --isolate=mount"), check_new),
    "new --launcher=foreground": check_new_here,
    "delete": check_delete,
    "delete --now": check_delete_now,
    "undelete": check_undelete,
    "move": check_move,
    "describe": check_describe,
    "import": check_import,
    "adopt": check_adopt,
    "export": check_export,
    "gc": check_gc,
}


@by_strace
@pytest.mark.parametrize("command", POSSIBLE)
def test_where_a_write_fails_it_is_said_and_undone(repo: Repository, command: str) -> None:
    bystanders, strace = prepare(repo, command, "v0")
    moments = strace.moments(*arguments(command, "v0"), only=strace.FAILING)
    make_ready(repo, command, *map(named, moments))
    for moment in moments:
        name = named(moment)
        error = random.choice(["ENOSPC", "EROFS", "EIO"])
        make_stray(repo, command, name)
        _, err, code = strace.fail(moment, error, *arguments(command, name))
        if not strace.missed():
            check_failure(repo, command, name, err, code)
        bystanders.check()
        if f"refs/runs/{name} is still there" in err:  # only the person who read it can say that nobody needs it
            repo.git("update-ref", "-d", f"refs/runs/{name}")
        if command == "adopt":
            repo.runs(*arguments(command, name))
        mend(repo)
        check(repo)


def check_failure(repo: Repository, command: str, name: str, err: str, code: int) -> None:
    """It is said, and the run is as it was before."""
    assert not surprises(err)
    assert (code == 0) == (not err.startswith(("fatal:", "error:"))), (err, code)
    if code:
        left = [line for line in disagreements(repo) if name in line]
        there = set(read_records(repo)) & {name, f"{name}-moved"}
        before = [f"ref without record: {name}"] if command == "adopt" else []
        assert (left, there) == (before, {name} if command in CHANGING else set()), err


# --- the supervisor


@by_strace
@pytest.mark.parametrize("options", [[], ["--isolate"]])
def test_a_supervisor_killed_at_any_call_that_writes(repo: Repository, options: list[str]) -> None:
    bystanders, strace = prepare(repo, "new", "v0")
    through_strace(repo, strace.command())
    start(repo, "traced", options)
    settle(repo.machine)
    for moment in strace.logged():
        through_strace(repo, strace.command(moment, "signal=KILL"))
        check_lost(repo, named(moment), partial(start, options=options))
        bystanders.check()


def test_a_supervisor_killed_at_any_time(repo: Repository) -> None:
    bystanders, _ = prepare(repo, "new", "v0")
    for number in range(MOMENTS):

        def start_and_kill(repo: Repository, name: str) -> None:
            start(repo, name)
            kill_after_a_while(lambda: supervisors(repo.machine), random.uniform(0, 0.15))

        check_lost(repo, f"v{number}", start_and_kill)
        bystanders.check()


def start(repo: Repository, name: str, options: Iterable[str] = ()) -> None:
    """Start a run that takes its time."""
    repo.ok("new", "-q", *options, name, "echo $RUNS_NAME; sleep 0.05; :")


def check_lost(repo: Repository, name: str, start: Callable[[Repository, str], None]) -> None:
    """The run is finished or lost, and in step either way; its record is not kept locked by the dead."""
    start(repo, name)
    wait_for(lambda: repo.lookup(name, "status") in ("finished", "lost", "killed"))
    settle(repo.machine)
    assert [line for line in disagreements(repo) if "left over" not in line] == []
    assert read_records(repo)[name]["status"] in ("starting", "running", "finished", "killed")
    repo.ok("describe", name, "-m", "other words")
    mend(repo)
    repo.ok("delete", "-y", name)


def through_strace(repo: Repository, words: list[str]) -> None:
    """From now on tmux starts supervisors by way of these words."""
    tmux = repo.machine.home / "bin/tmux"
    tmux.parent.mkdir(exist_ok=True)
    tmux.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        "words = sys.argv[1:]\n"
        f"at = words.index('-I') - 1 if 'new-session' in words else 0\n"
        f"words[at:at] = {words!r} if at else []\n"
        f"os.execv({shutil.which('tmux')!r}, ['tmux', *words])\n"
    )
    tmux.chmod(0o755)
    path = repo.machine.environment["PATH"]
    if str(tmux.parent) not in path:
        repo.machine.environment["PATH"] = f"{tmux.parent}:{path}"
