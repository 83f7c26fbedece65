"""Have deleted runs back: all of each, or it stays in the trash."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from git_runs import project
from git_runs.records import locks
from git_runs.running import deletion
from git_runs.system.git.discovery import Search
from tests.conftest import NO_FLAGS, Repository, wait_for


def state(repo: Repository) -> tuple[str, dict[str, bytes]]:
    """The refs, and all files of the runs dir but the cache."""
    top = repo.path / ".runs"
    files = [path for path in top.rglob("*") if path.is_file() and not path.name.startswith("cache-")]
    return repo.git("for-each-ref"), {str(path.relative_to(top)): path.read_bytes() for path in files}


def age(repo: Repository, seconds: float = 1e8) -> None:
    """Let the only deletion have taken place so long ago."""
    (deletion,) = (repo.path / ".runs/trash").iterdir()
    old = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(time.time() - seconds))}-3d-1"
    for line in repo.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/git-runs/trash").splitlines():
        ref, commit = line.split()
        repo.git("update-ref", ref.replace(deletion.name, old), commit)
        repo.git("update-ref", "-d", ref)
    deletion.rename(deletion.parent / old)


@pytest.mark.parametrize("name", ["base", "exp/a/b"])
def test_all_of_it_is_back(repo: Repository, name: str) -> None:
    repo.finish(name, "echo x >$RUNS_SAVE_PATH; echo x >$RUNS_TB_DIR/events; echo said", *NO_FLAGS)
    repo.finish("other")
    before = state(repo)
    started = repo.lookup(name, "datetime")[:19]
    repo.ok("delete", "-y", name)
    assert repo.ok("list") == "other\n"
    assert (repo.refs(), repo.ok("fsck")) == (["refs/runs/other"], "")
    repo.git("gc", "-q", "--prune=now")
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    said = rf"Run '{name}' is back \(started {started}, deleted {moment}\)\n"
    assert re.fullmatch(said, repo.ok("undelete", name))
    record = repo.record_path(name)  # one line says who has brought it back
    record.write_text(re.sub("(?m)^edited: {deleted: .*}\n", "", record.read_text()))
    assert state(repo) == before
    assert not (repo.path / ".runs/trash").exists()
    assert repo.ok("fsck") == ""


def test_its_commit_is_kept_though_no_branch_has_it(repo: Repository) -> None:
    (repo.path / "train.py").write_text("print('edited')\n")
    repo.finish("base", "python3 train.py", *NO_FLAGS, "--snapshot")
    repo.git("checkout", "-q", "--", "train.py")
    repo.ok("delete", "-y", "base")
    repo.git("gc", "-q", "--prune=now")
    repo.ok("undelete", "base")
    repo.ok("reproduce", "--run", "--wait", "base")
    assert repo.git("show", "runs/base:train.py") == "print('edited')\n"


def test_the_hint_says_how(repo: Repository) -> None:
    for name in ("a", "b", "c", "d"):
        repo.finish(name)
    assert repo.runs("delete", "-y", "a").err == "hint: to have it back, within 3 days: git runs undelete a\n"
    assert (
        repo.runs("delete", "-y", "c", "d").err == "hint: to have one back, within 3 days: git runs undelete <name>\n"
    )
    assert repo.runs("delete", "-y", "--now", "b").err == ""
    assert repo.runs("undelete", "b").code == 1
    assert repo.runs("undelete", "b").err == "error: no deleted run matches 'b'\n"


def test_the_latest_of_a_name_unless_another_is_named(repo: Repository) -> None:
    for said in ("first", "second"):
        repo.finish("base", f"echo {said}", *NO_FLAGS)
        repo.ok("delete", "-y", "base")
    shown = json.loads(repo.ok("trash", "--format=json"))
    assert [row["name"] for row in shown] == ["base", "base"]
    repo.ok("undelete", "base")
    assert repo.log("base") == "second\n"
    result = repo.runs("undelete", "base")
    assert (result.code, result.err) == (
        128,
        "fatal: run 'base' already exists\nhint: to free the name: git runs move base <new>\n",
    )
    repo.ok("move", "base", "later")
    repo.ok("undelete", "--deletion", shown[1]["deletion"], "base")
    assert repo.log("base") == "first\n"


def test_many_at_once_and_what_is_in_the_way_of_one(repo: Repository) -> None:
    for name in ("r1", "r2", "r3"):
        repo.finish(name, f"echo {name}", *NO_FLAGS)
    repo.ok("delete", "-y", "r.")
    mine = repo.path / ".runs/tensorboard/r2"
    mine.mkdir()
    before = state(repo)[1]
    result = repo.runs("undelete", "r2")
    assert result.code == 128
    assert result.err.startswith(f"fatal: run 'r2' cannot use '{mine}': it is there already\n")
    assert state(repo)[1] == before
    result = repo.runs("undelete", "-G", "r*")
    assert (result.code, re.findall("Run '(.*)' is back", result.out)) == (128, ["r1", "r3"])
    mine.rmdir()
    repo.ok("undelete", "r.")
    assert repo.ok("list") == "r1\nr2\nr3\n"
    assert repo.ok("fsck") == ""


def test_the_trash_shows_what_is_in_it(repo: Repository) -> None:
    assert repo.ok("trash").splitlines()[0].split() == ["name", "deleted", "kept-until", "deletion"]
    repo.finish("base")
    repo.ok("delete", "-y", "base")
    (row,) = json.loads(repo.ok("trash", "--format=json"))
    (deletion,) = (repo.path / ".runs/trash").iterdir()
    assert (row["name"], row["deletion"]) == ("base", deletion.name)
    assert repo.ok("trash", "empty", "-y") == "Deleted 1 run for good\n"
    assert repo.git("for-each-ref", "refs/git-runs") == ""
    assert not deletion.parent.exists()
    assert (repo.runs("trash", "empty").code, repo.runs("undelete", "base").code) == (0, 1)


def test_it_asks_before_it_empties(repo: Repository) -> None:
    repo.finish("base")
    repo.ok("delete", "-y", "base")
    result = repo.runs("trash", "empty")
    assert (result.code, result.err.splitlines()[0]) == (
        128,
        "fatal: refusing to empty the trash without asking, and there is no terminal to ask at",
    )
    repo.ok("undelete", "base")


def test_what_is_old_goes_by_itself(repo: Repository) -> None:
    for name in ("old", "young"):
        repo.finish(name, "echo x >$RUNS_SAVE_PATH", *NO_FLAGS)
    repo.ok("delete", "-y", "old")
    age(repo)
    repo.ok("-c", "runs.gc-auto=0", "delete", "-y", "young")
    repo.ok("new", "-q", *NO_FLAGS, "next", "true")
    wait_for(lambda: repo.git("for-each-ref", "--format=%(refname)", "refs/git-runs").count("\n") == 1)
    repo.ok("undelete", "young")
    wait_for(lambda: not (repo.path / ".runs/trash").exists())


def test_without_days_there_is_no_way_back(repo: Repository) -> None:
    repo.git("config", "runs.trash-days", "0")
    repo.finish("base")
    result = repo.runs("delete", "-y", "base")
    assert (result.code, result.err) == (0, "")
    assert not (repo.path / ".runs/trash").exists()
    assert repo.git("for-each-ref", "refs/git-runs") == ""


def test_an_overwritten_run_can_be_had_back(repo: Repository) -> None:
    repo.finish("base", "echo first", *NO_FLAGS)
    repo.finish("base", "echo second", *NO_FLAGS, "--overwrite", "-y")
    repo.ok("move", "base", "second")
    repo.ok("undelete", "base")
    assert (repo.log("base"), repo.log("second")) == ("first\n", "second\n")


def test_what_was_written_in_the_run_s_directories_since_stays(repo: Repository) -> None:
    """A process that a run has left goes on writing into what it has opened."""
    repo.finish("base", "touch $RUNS_TB_DIR/events; exec sleep 0", *NO_FLAGS)
    with (repo.path / ".runs/tensorboard/base/events").open("a") as file:
        repo.ok("delete", "-y", "base")
        file.write("more\n")
    repo.ok("undelete", "base")
    assert Path(repo.path / ".runs/tensorboard/base/events").read_text() == "more\n"


def test_what_was_promised_is_kept_whatever_the_setting_is_later(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    repo.ok("delete", "-y", "a")
    age(repo, 3600)
    repo.machine.run("git", "-c", "runs.trash-days=0", "runs", "delete", "-y", "b", cwd=repo.path)
    repo.git("config", "runs.trash-days", "0")
    repo.ok("gc")
    assert [row["name"] for row in json.loads(repo.ok("trash", "--format=json"))] == ["a"]
    repo.ok("undelete", "a")


@pytest.mark.parametrize("ways", [("trash", "empty", "-y"), ("gc",)])
def test_an_interrupted_deletion_is_undone_before_the_trash_is_emptied(repo: Repository, ways: tuple[str, ...]) -> None:
    repo.finish("a", "echo x >$RUNS_SAVE_PATH; echo said", *NO_FLAGS)
    repo.finish("other")
    repo.ok("delete", "-y", "a")
    (deletion,) = (repo.path / ".runs/trash").iterdir()
    (deletion / "records/a.yml").rename(repo.record_path("a"))  # as if it had been killed just before
    if ways == ("gc",):
        age(repo)
    repo.ok(*ways)
    assert (repo.ok("list"), repo.log("a"), repo.ok("fsck")) == ("a\nother\n", "said\n", "")
    assert (repo.path / ".runs/checkpoints/a/model.ckpt").exists()
    assert not (repo.path / ".runs/trash").exists()


def test_what_was_on_its_way_back_is_not_emptied(repo: Repository) -> None:
    repo.finish("a", "echo said", *NO_FLAGS)
    repo.ok("delete", "-y", "a")
    hook = repo.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" = committed ] && kill -KILL $(cut -d" " -f4 /proc/$PPID/stat)\nexit 0\n')
    hook.chmod(0o755)
    assert repo.runs("undelete", "a").code != 0
    hook.unlink()
    result = repo.runs("trash", "empty", "-y")
    assert (result.out, "1 run stayed in the trash" in result.err) == ("Deleted 0 runs for good\n", True)
    repo.ok("fsck", "--repair")
    assert (repo.ok("list"), repo.log("a"), repo.ok("fsck")) == ("a\n", "said\n", "")


def test_a_ref_that_is_back_already_is_no_obstacle(repo: Repository) -> None:
    repo.finish("a")
    commit = repo.git("rev-parse", "runs/a").strip()
    repo.ok("delete", "-y", "a")
    repo.git("update-ref", "refs/runs/a", repo.commit("train.py", "pass\n"))
    assert repo.runs("undelete", "a").err.startswith("fatal: run 'a' already exists\n")
    repo.git("update-ref", "refs/runs/a", commit)
    repo.ok("undelete", "a")
    assert (repo.ok("fsck"), repo.git("for-each-ref", "refs/git-runs")) == ("", "")


def test_a_run_goes_for_good_though_another_one_that_has_its_name_is_written_just_now(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.finish("base")
    repo.ok("delete", "-y", "base")
    monkeypatch.chdir(repo.path)
    here = project.find(Search())
    lock = Path(here.store.lock("base"))
    locks.take(str(lock), 0)
    monkeypatch.setattr(time, "sleep", lambda seconds: lock.unlink(missing_ok=True))  # whoever wrote it has done so
    (deleted,) = here.trash.deletions()
    assert deletion.forget(here, deleted, ["base"]) == ["base"]
    assert here.trash.deletions() == []
