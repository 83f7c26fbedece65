"""Killed with -9 at any moment, or with a full disk, nothing that was there is lost."""

from __future__ import annotations

import random
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests import remotes
from tests.conftest import Repository, needs_mounts, wait_for
from tests.faults.harness import (
    FULL,
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
    one_of,
    read_records,
    settle,
    supervisors,
    surprises,
)
from tests.sshd import Host

BATCH = 25  # runs that are there at a time

pytestmark = pytest.mark.timeout(3 * 3600)
by_strace = pytest.mark.skipif(not STRACE, reason="strace is not installed")

COMMANDS = {
    "new": ("new", "-q", "{}", "echo $RUNS_NAME; :"),
    "new --snapshot": ("new", "-q", "--snapshot", "{}", "echo $RUNS_NAME; :"),
    "new --isolate": ("new", "-q", "--isolate", "{}", "echo $RUNS_NAME; :"),
    "new --isolate=mount": ("new", "-q", "--isolate=mount", "{}", "echo $RUNS_NAME; :"),
    "new --launcher=foreground": ("new", "-q", "--launcher=foreground", "{}", "echo $RUNS_NAME; :"),
    "new --overwrite": ("new", "-q", "--overwrite", "-y", "{}", "echo $RUNS_NAME; true"),
    "new --jobs": ("new", "-q", "--jobs=1", "{}", "echo $RUNS_NAME; :"),
    "new --host": ("new", "-q", "--host=box", "{}", "echo $RUNS_NAME; :"),
    "kill": ("kill", "{}"),
    "move of what waits": ("move", "{}", "{}-moved"),
    "sweep": ("sweep", "-q", "{}", "echo $RUNS_NAME; :", "a=1..3"),
    "delete": ("delete", "-y", "{}"),
    "delete --now": ("delete", "-y", "--now", "{}"),
    "undelete": ("undelete", "{}"),
    "move": ("move", "{}", "{}-moved"),
    "describe": ("describe", "{}", "-m", "new words"),
    "tag": ("tag", "{}", "+new"),
    "note": ("note", "{}", "-m", "new words"),
    "import": ("import", "../{}.yml"),
    "import --move-outputs": ("import", "--move-outputs", "../{}-store"),
    "adopt": ("adopt", "{}"),
    "adopt of a remote's": ("adopt", "origin/{}"),
    "get": ("get", "{}"),
    "export": ("export", "-f", "-o", "../{}.yml", "by"),
    "report": ("report", "-o", "../{}.html", "by"),
    "gc": ("-c", "runs.history=90.days.ago", "gc"),
}
POSSIBLE = [pytest.param(name, marks=needs_mounts) if "mount" in name else name for name in COMMANDS]
WAITING = ("kill", "move of what waits")  # those that need a run to wait
# Those that need a run to be there.
CHANGING = ("new --overwrite", "delete", "delete --now", "move", "describe", "tag", "note", "get", "gc")


def arguments(command: str, name: str) -> list[str]:
    """The command's arguments, for the run of that name."""
    return [word.format(name) for word in COMMANDS[command]]


@pytest.fixture(autouse=True)
def with_another_host(request: pytest.FixtureRequest, repo: Repository) -> None:
    """A clone on another host, for a command that needs one."""
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("command") == "new --host":
        there: Host = request.getfixturevalue("host")
        path = repo.path.parent / "there"
        there.machine.run("git", "clone", "-q", str(repo.path), str(path))
        repo.git("config", "runs.host.box.path", str(path))


def killed_at_any_call_that_writes(repo: Repository, command: str) -> None:
    bystanders, strace = prepare(repo, command, "v0")
    moments = strace.moments(*arguments(command, "v0"))
    make_ready(repo, command, *map(named, moments))
    for moment in moments:
        name = named(moment)
        make_stray(repo, command, name)
        printed = strace.kill(moment, *arguments(command, name))
        check_after(repo, command, name, printed)
        bystanders.check()


def killed_at_any_time(repo: Repository, command: str) -> None:
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


def let_writes_fail(repo: Repository, command: str) -> None:
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


def broken_in_one_way(repo: Repository, command: str) -> None:
    """As there are many commands."""
    one_of(WAYS, command)(repo, command)


WAYS = [killed_at_any_call_that_writes, killed_at_any_time, let_writes_fail]


@by_strace
@pytest.mark.parametrize("break_it", WAYS if FULL else [broken_in_one_way])
@pytest.mark.parametrize("command", POSSIBLE)
def test_broken_anywhere(repo: Repository, command: str, break_it: Callable[[Repository, str], None]) -> None:
    break_it(repo, command)


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
    if command in ("sweep", "new --jobs", "new --host"):
        repo.ok("queue", "stop")  # runs wait, until all has been looked at
    return bystanders, Strace(repo)


def make_ready(repo: Repository, command: str, *names: str) -> None:
    """What has to be there before the command, for each of the names."""
    if command in (*CHANGING, "undelete"):
        make(repo, *names)
    for name in names if command == "get" else ():
        put_outputs_elsewhere(repo, name)
    if command == "undelete" and names:
        repo.ok("delete", "-y", *names)
    for name in names if command in ("import", "export") else ():
        fields = {"commit": repo.git("rev-parse", "HEAD").strip(), "command": "true"}
        database(repo, name).write_text(yaml.safe_dump({name: fields}))
    for name in names if command == "import --move-outputs" else ():
        make_store(repo, name)


def put_outputs_elsewhere(repo: Repository, name: str) -> None:
    """As if another clone had the run; one of its files is another here, where somebody has made it."""
    here, there = repo.path / ".runs", repo.path.parent / "there/.runs"
    for inside in (f"records/{name}.yml", f"logs/{name}.log", f"checkpoints/{name}", f"tensorboard/{name}"):
        (there / inside).parent.mkdir(parents=True, exist_ok=True)
        (here / inside).rename(there / inside)
    record = (there / f"records/{name}.yml").read_text()
    repo.record_path(name).write_text(record.replace(f"runs-dir: {here}\n", f"runs-dir: {there}\n"))
    (here / f"checkpoints/{name}").mkdir()
    for place in (here, there):
        (place / f"checkpoints/{name}/notes").write_text(f"of {place}")


def make_store(repo: Repository, name: str) -> None:
    """A run as MLflow keeps it in files."""
    store = repo.path.parent / f"{name}-store"
    files = {
        "meta.yaml": "name: Default\n",
        f"{name}/meta.yaml": f"run_id: {name}\nrun_name: {name}\nstart_time: 1795901225961\nstatus: 3\n",
        f"{name}/tags/mlflow.source.git.commit": repo.git("rev-parse", "HEAD").strip(),
        f"{name}/metrics/loss": "1795901225971 0.5 0\n1795901225972 0.25 1\n",
        f"{name}/artifacts/model": name,
    }
    for path, text in files.items():
        (store / "0" / path).parent.mkdir(parents=True, exist_ok=True)
        (store / "0" / path).write_text(text)


def make_stray(repo: Repository, command: str, name: str) -> None:
    """What has to be there just before the command: the ref that is to be adopted, which is out of step itself, and a
    run that waits."""
    if command in WAITING:
        repo.ok("queue", "stop")
        repo.ok("new", "-q", "--jobs=1", name, "echo $RUNS_NAME; :")
    if command == "adopt":
        repo.git("update-ref", f"refs/runs/{name}", "HEAD")
    if command == "adopt of a remote's":
        repo.git("config", "remote.origin.url", str(repo.path))
        fields = {"id": str(uuid.uuid4()), "commit": repo.git("rev-parse", "HEAD").strip(), "status": "running"}
        remotes.put(repo, {f"{name}.yml": ("100644", yaml.safe_dump(fields).encode())}, remotes.FETCHED)


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
    if command in ("adopt", "adopt of a remote's", "import", "import --move-outputs"):
        repo.runs(*arguments(command, name))
        assert name in read_records(repo)
    if command == "import --move-outputs":
        assert "outputs" not in repo.record(name)
        assert (repo.path / f".runs/checkpoints/{name}/artifacts/model").read_text() == name
        assert len(repo.ok("metrics", "--format=csv", name).splitlines()) == 3
    if command in ("delete", "undelete"):
        if name not in read_records(repo):
            repo.ok("undelete", name)
        assert repo.log(name) == f"{name}\n"


def check_new(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as started is whole."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert read_records(repo)[name]["status"] == "finished"
        assert repo.log(name) == f"{name}\n"


def check_overwrite(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """The old run is there, or can be had back; what was reported as started is whole."""
    check_new(repo, name, printed, out_of_step)
    mend(repo)
    if read_records(repo).get(name, {}).get("input-command", "true").endswith("true"):
        if name in read_records(repo):
            repo.ok("delete", "-y", "--now", name)
        repo.ok("undelete", name)
    assert repo.lookup(name, "input-command").endswith(":")
    assert repo.log(name) == f"{name}\n"


def check_new_waiting(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as queued is whole, and has its turn."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert read_records(repo)[name]["status"] == "queued"
    mend(repo)
    work_off(repo, name)


def check_new_elsewhere(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as started is whole; what is here comes to its end there, once, or never begins."""
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
    mend(repo)
    repo.ok("queue", "start")
    if name in read_records(repo) and read_records(repo)[name]["status"] != "failed":
        repo.ok("wait", name)
        assert repo.log(name).splitlines().count(name) == 1
    else:
        assert not (repo.path.parent / f"there/.runs/records/{name}.yml").exists()
    repo.ok("queue", "stop")


def check_kill(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It still waits, or never begins."""
    assert [line for line in out_of_step if "left over" not in line] == []
    if name in printed:
        assert read_records(repo)[name]["status"] == "killed"
    mend(repo)
    work_off(repo, name)


def check_move_of_what_waits(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It has one name or the other, and its turn."""
    mend(repo)
    (there,) = {name, f"{name}-moved"} & read_records(repo).keys()
    assert read_records(repo)[there]["status"] == "queued"
    work_off(repo, there)


def work_off(repo: Repository, name: str) -> None:
    """Let the run have its turn, if it waits: then it comes to its end, else it has not begun."""
    status = read_records(repo)[name]["status"] if name in read_records(repo) else None
    assert status in (None, "queued", "killed", "failed")
    repo.ok("queue", "start")
    if status == "queued":
        repo.ok("wait", name)
        assert repo.log(name).splitlines()[-1] == name
    elif status:
        assert repo.runs("log", name).out == ""
    repo.ok("queue", "stop")
    settle(repo.machine)


def check_sweep(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported is there as a whole; and once all is mended, it can be resumed, and comes to its end."""
    names = [f"{name}/a={number}" for number in (1, 2, 3)]
    if name in printed:
        assert [line for line in out_of_step if "left over" not in line] == []
        assert {read_records(repo)[one]["status"] for one in names} == {"queued"}
    mend(repo)
    repo.ok(*arguments("sweep", name), "--resume")
    repo.ok("queue", "start")
    repo.ok("wait", name)
    repo.ok("queue", "stop")
    assert [repo.log(one).splitlines()[-1] for one in names] == names


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


def check_tag(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It has the tag or not, and can be given others at once."""
    assert read_records(repo)[name].get("tags") in (None, ["new"])
    repo.ok("tag", name, "+other")
    assert [line for line in out_of_step if "left over" not in line] == []


def check_note(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """It has the whole remark or none, and can be given others at once."""
    notes = read_records(repo)[name].get("notes", [])
    assert len(notes) <= 1
    assert all(note.endswith(": new words") for note in notes)
    repo.ok("note", name, "-m", "other words")
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


def check_adopt_of_remote(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What was reported as adopted is whole; what is there goes on elsewhere."""
    if name in printed:
        assert name in read_records(repo)
        assert f"refs/runs/{name}" in repo.refs()
    if name in read_records(repo):
        assert repo.lookup(name, "status") == "running"


def check_get(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """What is here of its log is whole, what somebody made here stays, and the rest comes if it is asked for again."""
    log, notes = repo.path / f".runs/logs/{name}.log", repo.path / f".runs/checkpoints/{name}/notes"
    assert [line for line in out_of_step if "left over" not in line] == []
    assert not log.exists() or log.read_text() == f"{name}\n"
    assert log.exists() or name not in printed
    repo.ok("get", name)
    assert (log.read_text(), notes.read_text()) == (f"{name}\n", f"of {repo.path}/.runs")


def check_export(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """The file is the old one or the new one, and whole."""
    (exported,) = yaml.safe_load(database(repo, name).read_text())
    assert exported == "by" or (exported == name and name not in printed)
    assert out_of_step == []


def check_report(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """The page is whole, or not there."""
    page = repo.path.parent / f"{name}.html"
    assert page.exists() or name not in printed
    assert not page.exists() or page.read_text().endswith("</script>\n")
    assert out_of_step == []


def check_gc(repo: Repository, name: str, printed: str, out_of_step: list[str]) -> None:
    """Nothing is changed, and the records can be kept in git at once."""
    assert [line for line in out_of_step if "left over" not in line] == []
    repo.ok(*arguments("gc", name))
    assert repo.git("cat-file", "blob", f"refs/git-runs/records:{name}.yml") == repo.record_path(name).read_text()


CHECKS = {
    **dict.fromkeys(("new", "new --snapshot", "new --isolate", "new --isolate=mount"), check_new),
    "new --launcher=foreground": check_new_here,
    "new --overwrite": check_overwrite,
    "new --jobs": check_new_waiting,
    "new --host": check_new_elsewhere,
    "kill": check_kill,
    "move of what waits": check_move_of_what_waits,
    "sweep": check_sweep,
    "delete": check_delete,
    "delete --now": check_delete_now,
    "undelete": check_undelete,
    "move": check_move,
    "describe": check_describe,
    "tag": check_tag,
    "note": check_note,
    "import": check_import,
    "import --move-outputs": check_import,
    "adopt": check_adopt,
    "adopt of a remote's": check_adopt_of_remote,
    "get": check_get,
    "export": check_export,
    "report": check_report,
    "gc": check_gc,
}


def check_failure(repo: Repository, command: str, name: str, err: str, code: int) -> None:
    """It is said, and the run is as it was before."""
    assert not surprises(err)
    assert (code == 0) == (not err.startswith(("fatal:", "error:"))), (err, code)
    if code:
        left = [line for line in disagreements(repo) if name in line]
        there = set(read_records(repo)) & {name, f"{name}-moved"}
        before = [f"ref without record: {name}"] if command == "adopt" else []
        assert (left, there) == (before, {name} if command in (*CHANGING, *WAITING) else set()), err


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
    repo.ok("new", "-q", *options, name, "echo $RUNS_NAME loss 1; sleep 0.05; :")


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
