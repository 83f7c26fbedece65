"""`git runs delete`: what goes, what stays, and what is asked."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_runs.records.trash import Trash
from git_runs.system import processes
from tests.conftest import NO_FLAGS, Repository, Screen, wait_for
from tests.faults.harness import make


def test_record_ref_and_outputs_go(repo: Repository) -> None:
    repo.finish("keep")
    repo.finish("exp/a", "echo x >$RUNS_TB_DIR/events; echo y >$RUNS_CHECKPOINT_DIR/model; false")
    commit = repo.lookup("exp/a", "commit")
    assert repo.ok("delete", "-y", "exp/a") == f"Deleted run 'exp/a' (was {commit[:10]})\n"
    assert repo.ok("list") == "keep\n"
    assert repo.refs() == ["refs/runs/keep"]
    assert repo.machine.sessions() == []
    assert not list((repo.path / ".runs").glob("*/exp*"))
    assert (repo.path / ".runs/tensorboard/keep").is_dir()


def without_hint(err: str) -> str:
    """Without how to have it back."""
    return re.sub(r"hint: to have it back, within 3 days: git runs undelete \S+\n$", "", err)


def test_a_dry_run_names_them_and_deletes_nothing(repo: Repository) -> None:
    for name in ("lr2", "lr10", "other"):
        repo.finish(name)
    assert repo.ok("delete", "-n", "lr.*") == "Would delete run lr2\nWould delete run lr10\n"
    assert repo.ok("list") == "lr2\nlr10\nother\n"


def test_of_many_there_is_a_summary(repo: Repository) -> None:
    make(repo, "kept", *(f"r{number}" for number in range(11)))
    assert repo.ok("delete", "-y", "r.*") == "Deleted 11 runs\n"
    assert repo.ok("undelete", "r.*") == "11 runs are back\n"
    assert len(repo.ok("delete", "-v", "-y", "r.*").splitlines()) == 11
    assert repo.ok("list") == "kept\n"


def test_packed_refs_go_too(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    repo.git("pack-refs", "--all")
    repo.ok("delete", "-y", "a")
    assert repo.refs() == ["refs/runs/b"]


def test_it_asks_and_no_is_the_default(repo: Repository, screen: Screen) -> None:
    for name in ("lr2", "lr10", "other"):
        repo.finish(name)
    screen.type("git runs delete 'lr.*'; echo code=$?")
    screen.shows("[y/N]")
    assert "Delete the following runs?\n  lr2\n  lr10\n[y/N]" in screen.text()
    screen.press("Enter")
    screen.shows("error: nothing done")
    screen.shows("code=1")
    assert repo.ok("list") == "lr2\nlr10\nother\n"
    screen.type("clear; git runs delete 'lr.*'; echo code=$?")
    screen.shows("[y/N]")
    screen.type("y")
    screen.shows("code=0")
    assert repo.ok("list") == "other\n"


def test_without_a_terminal_it_refuses(repo: Repository) -> None:
    repo.finish("base")
    result = repo.runs("delete", "base", stdin="y\n")
    assert (result.code, result.out) == (128, "")
    assert result.err == (
        "fatal: refusing to delete runs without asking, and there is no terminal to ask at\nhint: use --yes to go on\n"
    )
    assert repo.ok("list") == "base\n"


def test_a_run_that_goes_on_is_stopped(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "base", "echo $$ >pid; exec sleep 60")
    wait_for((repo.path / "pid").exists)
    wait_for(lambda: (repo.path / "pid").read_text())
    pid = int((repo.path / "pid").read_text())
    repo.ok("delete", "-y", "base")
    assert processes.identify(pid) is None
    wait_for(lambda: repo.machine.sessions() == [])
    assert not list((repo.path / ".runs").glob("*/base*"))


def test_links_are_removed_not_what_they_point_to(repo: Repository, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("dear")
    repo.finish(
        "base", f"ln -s {precious} $RUNS_TB_DIR/link; ln -s {precious}/data $RUNS_CHECKPOINT_DIR/model", *NO_FLAGS
    )
    repo.finish("direct")
    outputs = repo.path / ".runs/tensorboard/direct"
    outputs.rmdir()
    outputs.symlink_to(precious)
    repo.ok("delete", "-y", "--now", "base", "direct")
    assert (precious / "data").read_text() == "dear"
    assert not list((repo.path / ".runs").rglob("direct*"))


@pytest.mark.parametrize("now", [(), ("--now",)])
def test_it_never_leaves_the_runs_dir(repo: Repository, tmp_path: Path, now: tuple[str, ...]) -> None:
    repo.finish("exp/base", "echo x >$RUNS_CHECKPOINT_DIR/model", *NO_FLAGS)
    elsewhere = tmp_path / "elsewhere"
    group = repo.path / ".runs/checkpoints/exp"
    group.rename(elsewhere)
    group.symlink_to(elsewhere)
    result = repo.runs("delete", "-y", *now, "exp/base")
    assert result.code == 0
    assert (
        without_hint(result.err) == f"warning: left '{group}/base': a symbolic link leads there, out of the runs dir\n"
    )
    assert (elsewhere / "base/model").read_text() == "x\n"
    assert repo.refs() == []


def test_a_runs_dir_may_itself_be_a_link(repo: Repository, tmp_path: Path) -> None:
    repo.git("config", "runs.runs-dir", str(tmp_path / "link"))
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    repo.finish("base")
    result = repo.runs("delete", "-y", "base")
    assert (result.code, without_hint(result.err)) == (0, "")
    assert not list((tmp_path / "disk").glob("*/base*"))
    repo.ok("undelete", "base")
    assert repo.ok("fsck") == ""


def test_the_run_of_another_host_is_deleted_only_by_force(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    path.write_text(path.read_text().replace(f"host: {os.uname().nodename}", "host: rldl3"))
    for command in (["delete", "-y", "base"], ["new", "--overwrite", "-y", "base", "true"]):
        result = repo.runs(*command)
        assert result.code == 128
        assert result.err == (
            "fatal: run 'base' belongs to host 'rldl3': deleting it here could pull it from under a running program\n"
            "hint: do it on rldl3, or use --force\n"
        )
    assert repo.ok("list") == "base\n"
    repo.ok("delete", "-y", "--force", "base")
    assert repo.ok("list") == ""
    assert repo.refs() == []


def test_a_run_of_the_original_is_not_stopped_from_a_copy_of_the_repository(repo: Repository, tmp_path: Path) -> None:
    repo.ok("new", *NO_FLAGS, "base", "touch up; sleep 60")
    wait_for((repo.path / "up").exists)
    copy = tmp_path / "copy"
    repo.machine.run("cp", "-r", str(repo.path), str(copy))
    for command in (["delete", "-y", "base"], ["kill", "base"]):
        result = repo.runs(*command, cwd=copy)
        assert (result.code, result.err) == (
            128,
            f"fatal: run 'base' goes on in another copy of this repository, with runs dir '{repo.path}/.runs'\n",
        )
    assert repo.lookup("base", "status") == "running"
    assert Repository(repo.machine, copy).ok("list") == "base\n"


def test_what_a_run_left_behind_does_not_keep_its_group_from_going(repo: Repository) -> None:
    repo.finish("a/b")
    repo.ok("delete", "-y", "a/b")
    repo.finish("a")
    assert repo.refs() == ["refs/runs/a"]


def test_a_run_that_took_the_name_meanwhile_is_not_hit(repo: Repository, screen: Screen) -> None:
    repo.finish("base")
    repo.finish("other")
    screen.type("git runs delete base other; echo code=$?")
    screen.shows("[y/N]")
    repo.ok("move", "base", "kept")
    repo.finish("base", "echo new", *NO_FLAGS)
    screen.type("y")
    screen.shows("error: run 'base' was moved, deleted or replaced meanwhile; what has its name now is untouched")
    screen.shows("code=1")
    assert repo.ok("list") == "base\nkept\n"
    assert repo.refs() == ["refs/runs/base", "refs/runs/kept"]
    assert repo.log("base") == "new\n"


def test_what_a_start_that_was_cut_off_left_is_deleted_too(repo: Repository) -> None:
    repo.finish("base")
    secrets = repo.path / f".runs/specs/{repo.lookup('base', 'id')}.json"
    secrets.write_text("{}")
    repo.ok("delete", "-y", "base")
    assert not secrets.exists()


# --- the trash


def trash(repo: Repository) -> list[Path]:
    """What was deleted and still takes room."""
    try:
        return sorted((repo.path / ".runs/trash").iterdir())
    except FileNotFoundError:
        return []


@pytest.mark.parametrize(("limit", "names"), [("3", ("a", "b", "c")), ("0", ("a", "b", "c", "d"))])
def test_the_files_of_few_runs_are_gone_when_it_ends(repo: Repository, limit: str, names: tuple[str, ...]) -> None:
    repo.git("config", "runs.gc-auto", limit)
    for name in names:
        repo.finish(name, "echo x >$RUNS_CHECKPOINT_DIR/model", *NO_FLAGS)
    repo.ok("delete", "-y", "--now", *names)
    assert not (repo.path / ".runs/trash").exists()
    assert repo.ok("fsck") == ""


def test_those_of_many_are_removed_in_the_background(repo: Repository) -> None:
    repo.git("config", "runs.gc-auto", "2")
    for name in ("a", "b", "c", "kept"):
        repo.finish(name, "echo x >$RUNS_CHECKPOINT_DIR/model", *NO_FLAGS)
    lock = repo.path / ".git/runs-gc.lock"
    lock.touch()  # it has to wait
    assert len(repo.ok("delete", "-y", "--now", "[abc]").splitlines()) == 3
    assert len(trash(repo)) == 3 * 4
    assert not {path.name.split(".")[0] for path in repo.path.glob(".runs/*/*")} & {"a", "b", "c"}
    assert (repo.refs(), repo.ok("list"), repo.ok("fsck")) == (["refs/runs/kept"], "kept\n", "")
    lock.unlink()
    repo.ok("new", "-q", "a", "true")  # what was left is gone with the next occasion
    wait_for(lambda: not trash(repo))
    assert (repo.path / ".runs/checkpoints/kept/model").exists()


def test_gc_empties_the_trash_of_all_but_what_people_put_there(repo: Repository) -> None:
    repo.finish("a")
    top = repo.path / ".runs/trash"
    ours, mine = top / "12-3400000000-5", top / "notes"
    ours.mkdir(parents=True)
    (ours / "model").touch()
    mine.touch()
    assert repo.ok("fsck") == ""
    repo.ok("gc")
    assert trash(repo) == [mine]


def test_a_planted_trash_leads_nowhere(repo: Repository, tmp_path: Path) -> None:
    repo.finish("a")
    precious = tmp_path / "precious/12-3400000000-5"
    precious.mkdir(parents=True)
    (repo.path / ".runs/trash").symlink_to(precious.parent)
    result = repo.runs("delete", "-y", "a")
    assert result.code == 128
    assert result.err.startswith(f"fatal: cannot keep what is deleted: '{repo.path}/.runs/trash/")
    assert repo.ok("list") == "a\n"
    repo.ok("delete", "-y", "--now", "a")
    repo.ok("gc")
    assert list(precious.parent.iterdir()) == [precious]
    assert not list((repo.path / ".runs/logs").iterdir())


def test_several_may_empty_it_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    large = tmp_path / "trash/12-3400000000-5"
    large.mkdir(parents=True)
    for number in range(3000):
        (large / str(number)).touch()
    with ThreadPoolExecutor() as several:
        list(several.map(lambda root: Trash(root).free(), [str(tmp_path)] * 4))
    assert (list(tmp_path.iterdir()), capfd.readouterr().err) == ([], "")


# --- what keeps it from deleting


def test_where_git_says_no_nothing_is_deleted(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name, "echo said", *NO_FLAGS)
    lock = repo.path / ".git/refs/runs/b.lock"
    lock.touch()
    result = repo.runs("delete", "-y", "a", "b")
    assert result.code == 128
    assert f"'{lock}' exists since" in result.err
    lock.unlink()
    assert repo.refs() == ["refs/runs/a", "refs/runs/b"]
    assert (repo.log("a"), repo.log("b"), repo.ok("fsck")) == ("said\n", "said\n", "")


def test_an_interrupted_one_leaves_whole_runs(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name, "echo said", *NO_FLAGS)
    repo.git("update-ref", "refs/runs/b", repo.commit("train.py", "pass\n"))  # where it is, it has to stay
    before = repo.git("for-each-ref", "refs/runs")
    hook = repo.path / ".git/hooks/reference-transaction"
    hook.write_text(
        "#!/bin/sh\n"
        '[ "$1" = committed ] && ! [ -e .git/once ] && touch .git/once && kill -INT $(cut -d" " -f4 /proc/$PPID/stat)\n'
        "exit 0\n"
    )
    hook.chmod(0o755)
    assert repo.runs("delete", "-y", "a", "b").code != 0
    hook.unlink()
    assert (repo.path / ".git/once").exists()
    assert repo.git("for-each-ref", "refs/runs") == before
    assert (repo.log("a"), repo.log("b")) == ("said\n", "said\n")
    assert repo.ok("list") == "a\nb\n"
    assert not list((repo.path / ".runs/records").glob("*.lock"))
    repo.ok("delete", "-y", "a", "b")


def test_quietly(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    result = repo.runs("delete", "-q", "-y", "a")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert repo.ok("list") == "b\n"
