"""`git runs fsck`: what is out of step is reported, and repaired without any loss."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from git_runs.records.cache import NAME
from git_runs.system import processes, whoami
from tests.conftest import NO_FLAGS, Repository, wait_for


def reported(repo: Repository) -> list[tuple[str, str]]:
    """Kind and run of each problem."""
    result = repo.runs("fsck", "--format=json")
    problems = json.loads(result.out)
    assert (result.code, result.err) == (int(bool(problems)), "")
    return [(problem["kind"], problem["run"] or "") for problem in problems]


def is_clean(repo: Repository) -> bool:
    """Whether nothing is reported."""
    result = repo.runs("fsck")
    return (result.code, result.out, result.err) == (0, "", "")


def kill_at(repo: Repository, stage: str, name: str) -> None:
    """Have the program that starts git be killed when git is at that stage of changing a run's ref; git gives up what
    is only prepared."""
    script = '{ kill -9 $(cut -d" " -f4 /proc/$PPID/stat); exit 1; }'
    hook(repo, f'[ "$1" = {stage} ] && grep -q " refs/runs/{name}$" && {script}')


def hook(repo: Repository, script: str) -> Path:
    """A hook that git runs whenever it changes refs: githooks(5), reference-transaction."""
    path = repo.path / ".git/hooks/reference-transaction"
    new = path.with_name("new")  # the old one may be just about to be run
    new.write_text(f"#!/bin/sh\n{script}\nexit 0\n")
    new.chmod(0o755)
    return new.rename(path)


def long_ago(path: Path) -> None:
    """Make the file old."""
    os.utime(path, (1e9, 1e9))


def start(repo: Repository, name: str) -> int:
    """Start a run that goes on; gives its supervisor's process id once the command is there."""
    repo.ok("new", *NO_FLAGS, name, "echo up; sleep 60")
    wait_for(lambda: "up" in repo.log(name) and "environment" in repo.record(name))
    wait_for(lambda: not Path(f"{repo.record_path(name)}.lock").exists())
    return int(repo.record(name)["process"]["pid"])  # type: ignore[index]


def dead_holder(**changed: object) -> str:
    """The holder in a lock: a process that has ended here, but for what is `changed`."""
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = processes.identify(child.pid)
        child.kill()
    return json.dumps({"host": whoami.hostname(), "namespace": whoami.namespace(), "process": identity, **changed})


# --- nothing is wrong


def test_what_is_well_is_not_reported(repo: Repository) -> None:
    assert is_clean(repo)
    assert not (repo.path / ".runs").exists()
    for name in ("a", "g/b", "g/h/c"):
        repo.finish(name)
    repo.finish("failed", "exit 3")
    repo.finish("isolated", "exit 3", "--isolate")
    start(repo, "goes-on")
    repo.ok("move", "a", "g/a")
    repo.ok("move", "goes-on", "moved")
    repo.ok("move", "isolated", "isolated2")
    repo.ok("delete", "-y", "g/b")
    repo.git("pack-refs", "--all")
    assert is_clean(repo)
    assert repo.runs("fsck", "--repair", "--prune-outputs").code == 0
    assert (repo.path / ".runs/tensorboard/goes-on").is_symlink()
    assert (repo.path / ".runs/worktrees/isolated2").is_dir()


def test_what_goes_on_beside_is_not_reported(repo: Repository) -> None:
    done = threading.Event()

    def live() -> None:
        try:
            for number in range(6):
                repo.ok("new", "-q", *NO_FLAGS, f"a{number}", "sleep 60" if number % 3 == 0 else "true")
                repo.ok("move", f"a{number}", f"g/b{number}")
                repo.ok("delete", "-y", f"g/b{number}")
        finally:
            done.set()

    thread = threading.Thread(target=live)
    thread.start()
    results = []
    while not done.is_set():
        results.append(repo.runs("fsck", "--repair", "--prune-outputs"))
    thread.join()
    assert len(results) > 3
    assert [result for result in results if (result.code, result.out, result.err) != (0, "", "")] == []


def test_what_ends_between_two_glances_is_not_reported(repo: Repository) -> None:
    repo.finish("a")
    real = shutil.which("git")
    wrapper = repo.machine.home / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = for-each-ref ] && mkdir "$HOME/once" 2>&-; then {real} runs delete -y a >&-; fi\n'
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{repo.machine.environment['PATH']}"
    result = repo.machine.run("git-runs", "fsck", cwd=repo.path, PATH=path)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert repo.refs() == []
    assert (repo.machine.home / "once").exists()


# --- interrupted


def test_an_interrupted_start_is_recorded_as_failed(repo: Repository) -> None:
    (repo.path / "new.py").write_text("1\n")
    kill_at(repo, "committed", "g/x")
    assert repo.runs("new", "--snapshot", "g/x", "true").code != 0
    hook(repo, "")
    commit = repo.git("rev-parse", "refs/runs/g/x")
    assert repo.runs("fsck").out == (
        "the start of run 'g/x' was interrupted before there was a record; with --repair: recorded as failed\n"
    )
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    record = repo.record("g/x")
    assert (record["commit"], record["status"], record["error"]) == (
        commit.strip(),
        "failed",
        "the start was interrupted",
    )
    assert repo.git("show", "runs/g/x:new.py") == "1\n"
    repo.ok("delete", "-y", "g/x")
    repo.finish("g/x", "true", "--snapshot")
    assert is_clean(repo)


def test_a_run_that_is_just_being_started_is_left_alone(repo: Repository) -> None:
    hook(repo, '[ "$1" = committed ] && touch "$HOME/ref" && while [ ! -e "$HOME/go" ]; do sleep 0.02; done')
    starting = repo.machine.start("git", "runs", "new", "-q", "x", "true", cwd=repo.path)
    wait_for((repo.machine.home / "ref").exists)
    assert repo.refs() == ["refs/runs/x"]
    assert is_clean(repo)
    assert repo.runs("fsck", "--repair", "--prune-outputs").out == ""
    (repo.machine.home / "go").touch()
    assert starting.communicate() == (b"x\n", b"")
    repo.wait("x")
    assert repo.record("x")["status"] == "finished"


@pytest.mark.parametrize(("stage", "at", "name"), [("committed", "b", "a"), ("prepared", "a", "b")])
def test_an_interrupted_move_is_undone_or_finished(repo: Repository, stage: str, at: str, name: str) -> None:
    repo.finish("a", 'echo said; touch "$RUNS_CHECKPOINT_DIR/model"', *NO_FLAGS)
    repo.ok("list")
    kill_at(repo, stage, at)
    assert repo.runs("move", "a", "b").code != 0
    hook(repo, "")
    assert repo.refs() == ["refs/runs/a", "refs/runs/b"]
    outcome = "undone" if name == "a" else "finished"
    assert repo.runs("fsck").out == f"the move of run 'a' to 'b' was interrupted; with --repair: {outcome}\n"
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    assert (repo.refs(), repo.ok("list")) == ([f"refs/runs/{name}"], f"{name}\n")
    assert repo.log(name) == "said\n"
    assert (repo.path / ".runs/checkpoints" / name / "model").exists()


def test_a_move_that_was_interrupted_between_its_records_is_finished(repo: Repository) -> None:
    repo.finish("a", "echo said", *NO_FLAGS)
    before = repo.record_path("a").read_text()
    kill_at(repo, "prepared", "a")
    assert repo.runs("move", "a", "b").code != 0
    hook(repo, "")
    repo.record_path("a").write_text(before)
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    assert (repo.refs(), repo.ok("list")) == (["refs/runs/b"], "b\n")
    assert repo.log("b") == "said\n"


def test_a_move_that_was_interrupted_among_its_outputs_is_undone(repo: Repository) -> None:
    pid = start(repo, "a")
    kill_at(repo, "committed", "b")
    assert repo.runs("move", "a", "b").code != 0
    hook(repo, "")
    runs = repo.path / ".runs"
    (runs / "tensorboard/a").rename(runs / "tensorboard/b")
    (runs / "tensorboard/a").symlink_to("b")
    (runs / "checkpoints/a").rename(runs / "checkpoints/b")
    assert repo.runs("fsck", "--repair").code == 0
    assert (runs / "tensorboard/a").is_dir()
    assert not (runs / "tensorboard/a").is_symlink()
    assert (runs / "checkpoints/a").is_dir()
    assert os.listdir(runs / "tensorboard") == os.listdir(runs / "checkpoints") == ["a"]
    assert processes.identify(pid)
    assert is_clean(repo)


def test_an_isolated_run_whose_move_was_interrupted_keeps_its_work_tree(repo: Repository) -> None:
    repo.finish("a", "touch result; exit 3", "--isolate", *NO_FLAGS)
    kill_at(repo, "prepared", "a")
    assert repo.runs("move", "a", "b").code != 0
    hook(repo, "")
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    work_tree = repo.path / ".runs/worktrees/b"
    assert repo.record("b")["worktree"] == str(work_tree)
    assert repo.git("status", "--porcelain", cwd=work_tree) == "?? result\n"


@pytest.mark.parametrize("is_mended_first", [False, True])
@pytest.mark.parametrize(
    ("options", "expected"),
    [([], [("interrupted deletion", "a")]), (["--now"], [("lock", "a"), ("no ref", "a")])],
)
def test_an_interrupted_deletion_can_be_repeated(
    repo: Repository, is_mended_first: bool, options: list[str], expected: list[tuple[str, str]]
) -> None:
    repo.finish("a", "echo said", *NO_FLAGS)
    kill_at(repo, "committed", "a")
    assert repo.runs("delete", "-y", *options, "a").code != 0
    hook(repo, "")
    assert sorted(reported(repo)) == expected
    if is_mended_first:
        assert repo.runs("fsck", "--repair").code == 0
        assert is_clean(repo)
        assert (repo.log("a"), repo.refs(), trash_refs(repo)) == ("said\n", ["refs/runs/a"], [])
    repo.ok("delete", "-y", *options, "a")
    assert is_clean(repo)
    assert (repo.ok("list"), repo.refs()) == ("", [])


def test_a_way_back_that_was_interrupted_is_gone_to_its_end(repo: Repository) -> None:
    repo.finish("a", "echo said", *NO_FLAGS)
    before = repo.record("a")
    repo.ok("delete", "-y", "a")
    kill_at(repo, "committed", "a")
    assert repo.runs("undelete", "a").code != 0
    hook(repo, "")
    assert reported(repo) == [("interrupted deletion", "a")]
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    record = repo.record("a")
    assert list(record.pop("edited")) == ["deleted"]  # type: ignore[call-overload]
    assert (record, repo.log("a"), repo.refs(), trash_refs(repo)) == (
        before,
        "said\n",
        ["refs/runs/a"],
        [],
    )


def test_refs_of_deleted_runs_whose_files_are_gone(repo: Repository) -> None:
    repo.finish("a")
    repo.ok("delete", "-y", "a")
    shutil.rmtree(repo.path / ".runs/trash")
    (ref,) = trash_refs(repo)
    what = f"{ref.rpartition('/')[0]} keeps the commits of deleted runs, whose files are gone"
    assert repo.runs("fsck", "--repair").out == f"{what}; if nobody needs them: git runs trash empty\n"
    repo.ok("trash", "empty", "-y")
    assert (trash_refs(repo), repo.ok("fsck")) == ([], "")


def trash_refs(repo: Repository) -> list[str]:
    """The refs that keep the commits of deleted runs."""
    return repo.git("for-each-ref", "--format=%(refname)", "refs/git-runs/trash").split()


# --- refs and records


def test_a_ref_without_a_record_stays_as_it_is(repo: Repository) -> None:
    repo.finish("a")
    repo.git("update-ref", "refs/runs/x", "HEAD")
    result = repo.runs("fsck", "--repair")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        "refs/runs/x has no record here: it may be a run of another clone;"
        " to record it: git runs adopt x; if nobody needs it: git update-ref -d refs/runs/x\n"
    )
    assert repo.refs() == ["refs/runs/a", "refs/runs/x"]
    assert not repo.record_path("x").exists()


def test_a_lost_ref_is_created_again(repo: Repository) -> None:
    repo.finish("a")
    repo.finish("blank")
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.git("update-ref", "-d", "refs/runs/a")
    (repo.path / ".git/refs/runs/blank").write_text("")
    before = repo.record_path("a").read_bytes()
    result = repo.runs("fsck", "--repair")
    assert result.code == 0
    assert f"there is no refs/runs/a; the record says it was at {commit}; repaired: created there\n" in result.out
    assert repo.git("rev-parse", "refs/runs/a", "refs/runs/blank").split() == [commit, commit]
    assert repo.record_path("a").read_bytes() == before
    assert is_clean(repo)


@pytest.mark.parametrize("commit", ["1" * 40, "HEAD", "''"])
def test_a_ref_whose_commit_is_not_here_is_only_reported(repo: Repository, commit: str) -> None:
    repo.finish("a")
    record = repo.record_path("a")
    record.write_text(record.read_text().replace(repo.git("rev-parse", "HEAD").strip(), commit))
    repo.git("update-ref", "-d", "refs/runs/a")
    before = record.read_bytes()
    result = repo.runs("fsck", "--repair")
    assert result.code == 1
    assert "; look for the commit in other clones of the repository; it was last seen on host " in result.out
    assert (repo.refs(), record.read_bytes()) == ([], before)


def test_a_ref_at_another_commit_is_only_reported(repo: Repository) -> None:
    repo.finish("a")
    old = repo.git("rev-parse", "HEAD").strip()
    new = repo.commit("train.py", "print(1)\n")
    repo.git("update-ref", "refs/runs/a", new)
    before = repo.record_path("a").read_bytes()
    result = repo.runs("fsck", "--repair")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        f"refs/runs/a is at {new}, but the record says {old}: one of them was changed;"
        " put right whichever was, with git update-ref or in the record\n"
    )
    assert repo.git("rev-parse", "refs/runs/a").strip() == new
    assert repo.record_path("a").read_bytes() == before


def test_a_record_that_cannot_be_read_is_reported_and_left_alone(repo: Repository) -> None:
    repo.finish("bad")
    repo.finish("good")
    path = repo.record_path("bad")
    path.write_text("id: 1\nname: a: b\n")
    repo.git("update-ref", "-d", "refs/runs/good")
    result = repo.runs("fsck", "--repair", "--prune-outputs")
    assert result.code == 1
    assert f"bad record in line 2 of '{path}': mapping values are not allowed" in result.out
    assert path.read_text() == "id: 1\nname: a: b\n"
    assert repo.refs() == ["refs/runs/bad", "refs/runs/good"]
    assert (repo.path / ".runs/logs/bad.log").exists()
    assert reported(repo) == [("bad record", "bad")]


def test_of_two_records_of_one_id_the_copy_gets_another(repo: Repository) -> None:
    repo.finish("b", "echo said", *NO_FLAGS)
    before = repo.record_path("b").read_text()
    repo.git("update-ref", "refs/runs/a", "refs/runs/b")
    for name in ("a", "c"):
        repo.record_path(name).write_text(before)
    assert sorted(reported(repo)) == [("no ref", "c"), ("same id", "a"), ("same id", "c")]
    assert (
        "runs 'b' and 'a' have the same id: one record is a copy; with --repair: another id for 'a'; both stay\n"
        in repo.runs("fsck").out
    )
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    identifiers = {str(repo.record(name)["id"]) for name in ("a", "b", "c")}
    assert len(identifiers) == 3
    assert repo.record_path("b").read_text() == before
    assert repo.log("b") == "said\n"
    for name in ("a", "c"):
        assert {**repo.record(name), "id": repo.record("b")["id"]} == repo.record("b")


def test_a_record_that_has_no_id_gets_one(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name, "true", *NO_FLAGS)
    (first, *rest) = repo.record_path("a").read_text().splitlines(keepends=True)
    assert first.startswith("id: ")
    repo.record_path("a").write_text("".join(rest))
    other = repo.record_path("b").read_text().partition("\n")[2]
    repo.record_path("b").write_text(f"id: not one\n{other}")
    assert sorted(reported(repo)) == [("no id", "a"), ("no id", "b")]
    said = repo.runs("fsck").out
    assert "the record of run 'a' has no id; with --repair: given the one that it had, or a new one\n" in said
    assert "'not one', in the record of run 'b', cannot be an id" in said
    assert repo.runs("fsck", "--repair").code == 1
    assert reported(repo) == [("no id", "b")]
    assert len(str(repo.record("a").pop("id"))) == len(first.strip()) - len("id: ")
    assert {**repo.record("a"), "id": ""} == {**yaml.safe_load("".join(rest)), "id": ""}
    repo.record_path("b").write_text(other)
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)


def test_a_move_that_cannot_take_the_old_record_away_leaves_one(repo: Repository) -> None:
    repo.finish("a", "echo said", *NO_FLAGS)
    before = repo.record_path("a").read_text()
    failing = "import os, sys; real = os.unlink\ndef unlink(path, **more):\n    if str(path).endswith('a.yml'):"
    failing += " raise OSError(5, 'broken', path)\n    real(path, **more)\nos.unlink = unlink\n"
    script = failing + "from git_runs import main; sys.exit(main.main(['move', 'a', 'b']))"
    result = repo.machine.run(sys.executable, "-c", script, cwd=repo.path)
    assert (result.code, result.out) == (128, "")
    assert is_clean(repo)
    assert (repo.refs(), repo.ok("list"), repo.log("a")) == (["refs/runs/a"], "a\n", "said\n")
    assert repo.record_path("a").read_text() == before


def test_a_submodule_keeps_the_commit_again(repo: Repository) -> None:
    repo.add_submodules("lib")
    (repo.path / "lib/code").write_text("new\n")
    repo.finish("a", "true", "--snapshot")
    lib = repo.path / "lib"
    commit = repo.git("rev-parse", "refs/runs/a", cwd=lib)
    repo.git("update-ref", "-d", "refs/runs/a", cwd=lib)
    assert reported(repo) == [("no ref", "a")]
    assert repo.runs("fsck", "--repair").code == 0
    assert repo.git("rev-parse", "refs/runs/a", cwd=lib) == commit
    assert is_clean(repo)


def test_a_repair_that_fails_says_why_and_the_others_go_on(repo: Repository) -> None:
    repo.finish("a")
    repo.finish("b")
    for name in ("a", "b"):
        repo.git("update-ref", "-d", f"refs/runs/{name}")
    repo.git("update-ref", "refs/runs/a/x", "HEAD")
    result = repo.runs("fsck", "--repair")
    assert (result.code, result.err) == (1, "")
    assert "not repaired: runs 'a' and 'a/x' cannot both exist" in result.out
    assert repo.refs() == ["refs/runs/a/x", "refs/runs/b"]


# --- processes


def test_a_run_whose_process_is_gone_becomes_lost(repo: Repository) -> None:
    os.kill(start(repo, "x"), signal.SIGKILL)
    wait_for(lambda: repo.lookup("x", "status") == "lost")
    log = repo.path / ".runs/logs/x.log"
    wait_for(lambda: not repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out.startswith("0"))
    end = datetime.fromtimestamp(log.stat().st_mtime).astimezone().isoformat(timespec="microseconds")
    assert repo.runs("fsck").out == (
        f"run 'x' is recorded as running, and its process is gone; with --repair: recorded as lost, ended at {end}\n"
    )
    assert repo.record("x")["status"] == "running"
    assert repo.runs("fsck", "--repair").code == 0
    record = repo.record("x")
    assert (record["status"], record["finished"]) == ("lost", end)
    assert "process" not in record
    assert "exit-code" not in record
    assert is_clean(repo)
    assert repo.lookup("x", "status") == "lost"
    assert "\nStatus:       lost\n" in repo.ok("show", "x")
    assert repo.runs("wait", "x").err == "error: run 'x': lost\n"
    assert repo.runs("kill", "x").err == "error: run 'x' is not running\n"
    assert [row["status"] for row in json.loads(repo.ok("table", "--format=json"))] == ["lost"]
    repo.ok("move", "x", "y")
    repo.ok("delete", "-y", "y")
    assert is_clean(repo)


def test_the_links_of_a_moved_run_go_when_it_is_lost(repo: Repository) -> None:
    pid = start(repo, "old")
    repo.ok("move", "old", "new")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: repo.lookup("new", "status") == "lost")
    assert repo.runs("fsck", "--repair").code == 0
    assert "former-names" not in repo.record("new")
    assert not [path for path in (repo.path / ".runs").rglob("*") if path.is_symlink()]
    assert is_clean(repo)


def test_a_run_of_another_host_is_not_lost(repo: Repository) -> None:
    repo.finish("x")
    path = repo.record_path("x")
    text = path.read_text().replace(f"host: {os.uname().nodename}", "host: rldl3").replace("finished\n", "running\n")
    path.write_text(text)
    assert repo.runs("fsck", "--repair").code == 0
    assert path.read_text() == text


# --- files that are left


def test_locks_and_temporary_files_of_dead_processes_go(repo: Repository) -> None:
    repo.finish("g/a")
    records = repo.path / ".runs/records/g"
    lock, temporary = records / "a.yml.lock", records / "a.yml.4711.tmp.lock"
    lock.write_text(dead_holder())
    temporary.write_text("id: half")
    assert sorted(reported(repo)) == [("lock", "g/a"), ("temporary file", "g/a")]
    assert repo.runs("fsck", "--repair").code == 0
    assert os.listdir(records) == ["a.yml"]
    assert is_clean(repo)


@pytest.mark.parametrize("holder", [{"host": "elsewhere"}, {"process": processes.identify(os.getpid())}])
def test_what_a_living_process_may_hold_is_left_alone(repo: Repository, holder: dict[str, object]) -> None:
    repo.finish("a")
    lock = repo.path / ".runs/records/a.yml.lock"
    lock.write_text(dead_holder(**holder))
    temporary = repo.path / ".runs/records/a.yml.4711.tmp.lock"
    temporary.write_text("id: half")
    repo.git("update-ref", "-d", "refs/runs/a")
    assert repo.runs("fsck", "--repair").out == ""
    assert lock.exists()
    assert temporary.exists()
    assert repo.refs() == []


@pytest.mark.parametrize("content", ["", '{"host": '])
def test_a_lock_that_does_not_say_whose_it_is_goes_when_nobody_touches_it(repo: Repository, content: str) -> None:
    repo.finish("a")
    lock = repo.path / ".runs/records/a.yml.lock"
    lock.write_text(content)
    assert is_clean(repo)
    result = repo.runs("describe", "a", "-m", "new words")
    assert result.code == 128
    assert re.fullmatch(rf"fatal: cannot lock a record: '{lock}' exists since \d+ s\nhint: .*\n", result.err)
    assert repo.machine.run(sys.executable, "-c", IMPATIENT, "0", cwd=repo.path).out == f"lock {lock}\n"
    assert not lock.exists()
    repo.ok("describe", "a", "-m", "new words")


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_is_planted_as_a_lock_holds_nothing_up_and_is_reported(repo: Repository, kind: str) -> None:
    repo.finish("a")
    lock = repo.path / ".runs/records/a.yml.lock"
    os.mkfifo(lock) if kind == "fifo" else lock.symlink_to("/etc/passwd")
    for command in (["fsck", "--repair"], ["describe", "a", "-m", "new words"], ["delete", "-y", "a"]):
        result = repo.machine.run("timeout", "20", "git-runs", *command, cwd=repo.path)
        assert result.code in (1, 128)
        assert f"'{lock}' exists since " in result.out + result.err
    assert os.path.lexists(lock)
    assert repo.ok("list") == "a\n"


def test_specs_that_nobody_will_take_go(repo: Repository) -> None:
    repo.finish("a")
    specs = repo.path / ".runs/specs"
    for name in ("gone", repo.record("a")["id"]):
        (specs / f"{name}.json").write_text("{}")
        long_ago(specs / f"{name}.json")
    (specs / "awaited.json").write_text("{}")
    mention(repo, specs / "awaited.json")
    assert sorted(reported(repo)) == [("spec", ""), ("spec", "a")]
    assert repo.runs("fsck", "--repair").code == 0
    assert os.listdir(specs) == ["awaited.json"]
    (specs / "awaited.json").unlink()


IMPATIENT = """
import sys
from git_runs import project
from git_runs.system.git import discovery
from git_runs.upkeep import consistency
for problem in consistency.check(project.find(discovery.Search()), idle=float(sys.argv[1])):
    print(problem.kind, problem.path)
    problem.mend and problem.mend()
"""


def test_what_does_not_show_whose_it_is_goes_when_nobody_touches_it(repo: Repository) -> None:
    repo.finish("a")
    git_dir, runs = repo.path / ".git", repo.path / ".runs"
    with subprocess.Popen(["sleep", "60"]) as child:
        child.kill()
    left = [
        git_dir / "refs/runs/a.lock",
        runs / f"environments/x.txt.{child.pid}.tmp.lock",
        git_dir / f"runs-commit-{child.pid}",
        git_dir / f"runs-empty-{child.pid}",
        git_dir / f"runs-snapshot-{child.pid}",
        runs / "get/gone",
    ]
    used = [git_dir / f"runs-snapshot-{os.getpid()}", git_dir / "refs/heads/main.lock"]
    used.append(runs / "get" / repo.lookup("a", "id"))
    for directory in (left[3], left[5], used[2]):
        directory.mkdir(parents=True)
    for path in left + used:
        path.touch()
    (left[3] / "config").touch()
    assert is_clean(repo)
    result = repo.machine.run(sys.executable, "-c", IMPATIENT, "0", cwd=repo.path)
    assert sorted(line.split()[-1] for line in result.out.splitlines()) == sorted(map(str, left)), result
    assert [path.exists() for path in left + used] == [False] * 6 + [True] * 3


def test_a_ref_lock_of_a_start_that_was_interrupted_goes_at_once(repo: Repository) -> None:
    repo.finish("a")
    (repo.path / ".git/refs/runs/x.lock").touch()
    (repo.path / ".runs/records/x.yml.lock").write_text(dead_holder())
    assert sorted(reported(repo)) == [("lock", "x"), ("ref lock", "x")]
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    repo.finish("x")


def test_a_text_that_a_person_wrote_is_reported_and_kept(repo: Repository) -> None:
    repo.finish("a")
    result = repo.runs("describe", "a", GIT_EDITOR="f() { echo mine >$1; exit 1; }; f")
    assert result.code == 128
    (path,) = repo.path.glob(".git/RUN_DESCRIPTION.*")
    result = repo.runs("fsck", "--repair")
    assert (result.code, result.out) == (
        1,
        f"'{path}' is in no record; it is yours: use it with git runs describe, or remove it\n",
    )
    assert path.read_text() == "mine\n"


def test_a_text_that_is_being_written_is_not_reported(repo: Repository) -> None:
    repo.finish("a")
    script = 'touch "$HOME/up"; while [ ! -e "$HOME/go" ]; do sleep 0.02; done; echo new >'
    repo.machine.environment["GIT_EDITOR"] = f"f() {{ {script}$1; }}; f"
    editing = repo.machine.start("git", "runs", "describe", "a", cwd=repo.path)
    wait_for((repo.machine.home / "up").exists)
    assert is_clean(repo)
    (repo.machine.home / "go").touch()
    assert editing.wait() == 0
    assert repo.record("a")["description"] == "new"


# --- outputs


def test_outputs_without_a_run_go_only_when_that_is_asked_for(repo: Repository) -> None:
    repo.finish("g/a")
    repo.git("update-ref", "refs/runs/elsewhere", "HEAD")
    runs = repo.path / ".runs"
    outside = repo.path.parent / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    orphans = [runs / "tensorboard/g/x", runs / "checkpoints/y", runs / "logs/g/z.log"]
    kept = [runs / "checkpoints/elsewhere", runs / "tensorboard/notes.txt", runs / "logs/notes.txt"]
    for path in (*orphans[:2], kept[0]):
        path.mkdir()
        (path / "model").touch()
    for path in (orphans[2], *kept[1:]):
        path.touch()
    (runs / "checkpoints/y/link").symlink_to(outside)
    (runs / "tensorboard/link").symlink_to(outside)
    result = repo.runs("fsck", "--repair")
    assert result.code == 1
    assert [line for line in result.out.splitlines() if "refs/runs/elsewhere" not in line] == [
        f"'{path}' belongs to no run; with --prune-outputs: removed" for path in orphans
    ]
    assert all(path.exists() for path in orphans)
    repo.runs("fsck", "--prune-outputs")
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in kept)
    assert (outside / "precious").exists()
    assert (runs / "tensorboard/link").is_symlink()
    assert (runs / "logs/g/a.log").exists()


def test_a_work_tree_without_a_run_goes_like_an_output(repo: Repository) -> None:
    repo.finish("a", "exit 3", "--isolate")
    record = repo.record_path("a")
    record.unlink()
    repo.git("update-ref", "-d", "refs/runs/a")
    work_tree = repo.path / ".runs/worktrees/a"
    assert repo.runs("fsck", "--repair").code == 1
    assert work_tree.is_dir()
    assert repo.runs("fsck", "--prune-outputs").code == 0
    assert not work_tree.exists()
    assert len(repo.git("worktree", "list").splitlines()) == 1
    assert is_clean(repo)


def test_git_forgets_a_work_tree_that_is_gone(repo: Repository) -> None:
    repo.finish("a", "exit 3", "--isolate")
    other = repo.path.parent / "other"
    repo.git("worktree", "add", str(other))
    for work_tree in (repo.path / ".runs/worktrees/a", other):
        repo.machine.run("rm", "-r", str(work_tree))
    assert reported(repo) == [("work tree", "")]
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    assert [line.split()[0] for line in repo.git("worktree", "list").splitlines()] == [str(repo.path), str(other)]


# --- the cache


@pytest.mark.parametrize("damage", ["garbage", "lie"])
def test_a_cache_that_is_out_of_step_goes(repo: Repository, damage: str) -> None:
    repo.finish("a")
    long_ago(repo.record_path("a"))
    repo.ok("list")
    path = repo.path / ".runs" / NAME
    if damage == "garbage":
        path.write_bytes(b"x" * 20_000)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE records SET source = source + 1")
        connection.close()
    assert repo.runs("fsck", "--repair", "--format=json").code == 0
    assert is_clean(repo)


def test_a_cache_that_lies_is_reported(repo: Repository) -> None:
    repo.finish("a")
    long_ago(repo.record_path("a"))
    repo.ok("list")
    with sqlite3.connect(repo.path / ".runs" / NAME) as connection:
        connection.execute("UPDATE records SET source = source + 1")
    connection.close()
    assert repo.runs("fsck").out == (
        "the cache differs from the record of run 'a'; with --repair: removed, to be filled anew\n"
    )


def test_a_record_that_was_edited_is_no_disagreement(repo: Repository) -> None:
    repo.finish("a")
    long_ago(repo.record_path("a"))
    repo.ok("list")
    repo.record_path("a").write_text(repo.record_path("a").read_text() + "mine: 1\n")
    assert is_clean(repo)


def test_json_shows_all(repo: Repository) -> None:
    repo.finish("a")
    repo.git("update-ref", "-d", "refs/runs/a")
    commit = repo.git("rev-parse", "HEAD").strip()
    result = repo.runs("fsck", "--repair", "--format=json")
    assert (result.code, json.loads(result.out)) == (
        0,
        [
            {
                "kind": "no ref",
                "run": "a",
                "path": None,
                "problem": f"there is no refs/runs/a; the record says it was at {commit}",
                "repair": "created there",
                "advice": None,
                "repaired": True,
                "error": None,
            }
        ],
    )
    assert repo.runs("fsck", "--format=json").out == "[]\n"


def test_a_launch_that_nobody_will_end_is_given_up_at_once(repo: Repository) -> None:
    spec = interrupt_launch(repo, "x")
    assert sorted(reported(repo)) == [("lost", "x"), ("spec", "x")]
    assert repo.runs("fsck", "--repair").code == 0
    assert is_clean(repo)
    assert (repo.record("x")["status"], spec.exists()) == ("lost", False)


def test_a_launch_that_tmux_is_to_end_is_given_up_after_ten_seconds(repo: Repository) -> None:
    spec = interrupt_launch(repo, "x")
    mention(repo, spec)
    os.utime(spec, (time.time() - 9, time.time() - 9))
    assert sorted(reported(repo)) == [("lost", "x"), ("spec", "x")]
    spec.unlink()


def test_a_launch_that_tmux_ends_is_waited_for(repo: Repository) -> None:
    spec = interrupt_launch(repo, "x")
    mention(repo, spec, f"sleep 0.5; sed -i s/starting/finished/ '{repo.record_path('x')}'; rm '{spec}'")
    assert is_clean(repo)


def interrupt_launch(repo: Repository, name: str) -> Path:
    """A run that was to be started when whoever did it was killed; gives its spec, which nobody has taken."""
    repo.finish(name)
    path = repo.record_path(name)
    path.write_text(path.read_text().replace("finished\n", "starting\n"))
    spec = repo.path / f".runs/specs/{repo.record(name)['id']}.json"
    spec.write_text("{}")
    return spec


def mention(repo: Repository, path: Path, script: str = 'while [ -e "$1" ]; do sleep 0.02; done') -> None:
    """A process with the path in its command line, as tmux and a supervisor have that of a spec; it ends with that."""
    repo.machine.start("sh", "-c", script, "sh", str(path), cwd=repo.path)
