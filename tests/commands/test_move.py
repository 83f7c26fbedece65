"""`git runs move`: the whole run takes another name."""

from __future__ import annotations

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, wait_for


def files(repo: Repository) -> list[str]:
    """All that is in the runs dir, but for the cache and what belongs to all runs."""
    runs = repo.path / ".runs"
    paths = (str(path.relative_to(runs)) for path in runs.rglob("*"))
    return sorted(path for path in paths if not path.startswith((".git/", "cache", "environments")))


@pytest.mark.parametrize("pack", [False, True])
def test_ref_record_outputs_and_session_move(repo: Repository, pack: bool) -> None:
    repo.finish(
        "exp/old", "echo model >$RUNS_CHECKPOINT_DIR/model; echo event >$RUNS_TB_DIR/event; echo hi; exit 1", *NO_FLAGS
    )
    before = repo.record("exp/old")
    if pack:
        repo.git("pack-refs", "--all")
    repo.ok("move", "exp/old", "new")
    assert repo.ok("list") == "new\n"
    assert repo.refs() == ["refs/runs/new"]
    assert repo.git("rev-parse", "refs/runs/new").strip() == before["commit"]
    changed = {"name": "new", "launcher": {"tmux": {**before["launcher"]["tmux"], "session": "new"}}}  # type: ignore[index]
    after = repo.record("new")
    stamp = after.pop("edited")["name"]  # type: ignore[index]
    assert re.fullmatch(r"2[-0-9T:.]+\+\d\d:\d\d \S+@\S+", stamp)
    assert after == {**before, **changed, "launched-as": "exp/old"}
    assert repo.machine.sessions() == ["new"]
    assert repo.log("new") == "hi\n"
    assert files(repo) == [
        *(".git", ".gitignore", "checkpoints", "checkpoints/new", "checkpoints/new/model", "logs", "logs/new.log"),
        *("records", "records/new.yml", "specs", "tensorboard", "tensorboard/new", "tensorboard/new/event"),
    ]


def test_a_run_that_goes_on_ends_under_its_new_name(repo: Repository) -> None:
    repo.ok(
        "new",
        *NO_FLAGS,
        "old",
        "touch up; while [ ! -e go ]; do sleep 0.02; done; date >$RUNS_CHECKPOINT_DIR/late; echo bye",
    )
    wait_for((repo.path / "up").exists)
    repo.ok("move", "old", "middle")
    repo.ok("move", "middle", "g/new")
    assert repo.lookup("g/new", "status") == "running"
    for old in ("old", "middle"):
        assert (repo.path / ".runs/checkpoints" / old).resolve() == repo.path / ".runs/checkpoints/g/new"
    (repo.path / "go").touch()
    repo.wait("g/new")
    assert repo.record("g/new")["status"] == "finished"
    assert repo.log("g/new") == "bye\n"
    assert (repo.path / ".runs/checkpoints/g/new/late").exists()
    wait_for(lambda: repo.machine.sessions() == [])
    assert not [path for path in (repo.path / ".runs").rglob("*") if path.is_symlink()]
    assert repo.ok("list") == "g/new\n"


def test_the_old_name_is_in_use_until_the_moved_run_ends(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "old", "touch up; while [ ! -e go ]; do sleep 0.02; done")
    wait_for((repo.path / "up").exists)
    repo.ok("move", "old", "new")
    (repo.path / "up").unlink()
    result = repo.runs("new", "old", "true")
    assert (result.code, result.err) == (
        128,
        "fatal: the paths of 'old' are in use until run 'new', which had that name, ends\n",
    )
    assert repo.refs() == ["refs/runs/new"]
    (repo.path / "go").touch()
    repo.wait("new")
    (repo.path / "go").unlink()
    wait_for(lambda: not (repo.path / ".runs/tensorboard/old").is_symlink())
    repo.finish("old")


def test_links_of_a_lost_run_are_in_nobodys_way(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "old", "touch up; sleep 60")
    wait_for((repo.path / "up").exists)
    repo.ok("move", "old", "new")
    (repo.path / "up").unlink()
    os.kill(int(repo.record("new")["process"]["pid"]), 9)  # type: ignore[index]
    wait_for(lambda: repo.lookup("new", "status") == "lost")
    repo.finish("old")
    assert not (repo.path / ".runs/tensorboard/old").is_symlink()


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("taken", "fatal: run 'taken' already exists"),
        ("taken/x", "fatal: runs 'taken/x' and 'taken' cannot both exist: 'taken' would be a run and a group"),
        ("bad name", "fatal: 'bad name' is not a valid run name: ' ' is not allowed"),
    ],
)
def test_a_name_that_cannot_be_had_changes_nothing(repo: Repository, new: str, message: str) -> None:
    repo.finish("old")
    repo.finish("taken")
    before, refs = files(repo), repo.refs()
    result = repo.runs("move", "old", new)
    assert result.code == 128
    assert result.err.startswith(message)
    assert (files(repo), repo.refs()) == (before, refs)


def test_outputs_in_the_way_change_nothing(repo: Repository) -> None:
    repo.finish("old")
    (repo.path / ".runs/checkpoints/new").mkdir()
    before = files(repo)
    result = repo.runs("move", "old", "new")
    assert result.code == 128
    assert result.err.startswith(
        f"fatal: run 'new' cannot use '{repo.path}/.runs/checkpoints/new': it is there already"
    )
    assert files(repo) == before
    assert repo.refs() == ["refs/runs/old"]


def test_the_run_of_another_host_is_moved_only_by_force(repo: Repository) -> None:
    repo.finish("old")
    path = repo.record_path("old")
    path.write_text(path.read_text().replace(f"host: {os.uname().nodename}", "host: rldl3"))
    result = repo.runs("move", "old", "new")
    assert result.code == 128
    assert result.err.startswith("fatal: run 'old' belongs to host 'rldl3': moving it here could")
    repo.ok("move", "--force", "old", "new")
    assert repo.ok("list") == "new\n"


def test_a_comment_in_the_record_moves_along(repo: Repository) -> None:
    repo.finish("old")
    path = repo.record_path("old")
    path.write_text("# look at the loss of epoch 3\n" + path.read_text())
    repo.ok("move", "old", "new")
    assert Path(repo.record_path("new")).read_text().startswith("# look at the loss of epoch 3\n")


def links(repo: Repository) -> list[Path]:
    """What moves have left in the runs dir."""
    return [path for path in (repo.path / ".runs").rglob("*") if path.is_symlink()]


def start(repo: Repository, name: str) -> None:
    """A run that goes on until there is a file `go`, and then writes to the path that it was given."""
    repo.ok(
        *("new", *NO_FLAGS, name),
        "touch up; while [ ! -e go ]; do sleep 0.02; done; echo late >$RUNS_CHECKPOINT_DIR/late",
    )
    wait_for((repo.path / "up").exists)
    (repo.path / "up").unlink()


@pytest.mark.parametrize("names", ["ba", "bca", "bcb", "bcbac"])
def test_back_and_forth_a_run_keeps_its_outputs_and_leaves_no_links(repo: Repository, names: str) -> None:
    start(repo, "a")
    for old, new in pairwise(["a", *names]):
        repo.ok("move", old, new)
    (repo.path / "go").touch()
    repo.wait(names[-1])
    assert (repo.path / f".runs/checkpoints/{names[-1]}/late").read_text() == "late\n"
    wait_for(lambda: not links(repo))
    assert "former-names" not in repo.record(names[-1])


@pytest.mark.parametrize("taken", ["a", "b", "a/x", "b/x"])
def test_all_names_that_a_run_had_are_in_use_until_it_ends(repo: Repository, taken: str) -> None:
    start(repo, "a")
    repo.ok("move", "a", "b")
    repo.ok("move", "b", "c")
    repo.finish("other")
    for command in (["new", taken, "true"], ["move", "other", taken]):
        assert repo.runs(*command).err == (
            f"fatal: the paths of '{taken[0]}' are in use until run 'c', which had that name, ends\n"
        )
    assert repo.runs("move", "c", "b/x").err.startswith("fatal: the paths of 'b' are in use")
    assert repo.refs() == ["refs/runs/c", "refs/runs/other"]
    (repo.path / "go").touch()
    repo.wait("c")
    wait_for(lambda: not links(repo))
    (repo.path / "go").unlink()
    repo.finish(taken)


def test_deleting_a_moved_run_removes_its_links(repo: Repository) -> None:
    start(repo, "a")
    repo.ok("move", "a", "b")
    repo.ok("move", "b", "c")
    repo.ok("delete", "-y", "c")
    assert not links(repo)


def test_without_tmux_nothing_is_moved(repo: Repository, tmp_path: Path) -> None:
    repo.finish("old", "false")
    before = files(repo)
    (tmp_path / "bin").mkdir()
    for tool in ("git", "git-runs", "sh"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool, path=repo.machine.environment["PATH"])))
    result = repo.runs("move", "old", "new", PATH=str(tmp_path / "bin"))
    assert (result.code, result.err.splitlines()[0]) == (128, "fatal: tmux is not installed, or not on PATH")
    assert (files(repo), repo.refs()) == (before, ["refs/runs/old"])


def test_the_hint_names_no_options_that_move_does_not_have(repo: Repository) -> None:
    repo.finish("old")
    repo.finish("taken")
    assert repo.runs("move", "old", "taken").err == "fatal: run 'taken' already exists\n"


def test_an_old_ref_that_cannot_be_deleted_is_reported(repo: Repository) -> None:
    repo.finish("base")
    repo.git("pack-refs", "--all")
    repo.git("config", "core.packedRefsTimeout", "0")
    (repo.path / ".git/packed-refs.lock").touch()
    result = repo.runs("move", "base", "new")
    assert result.code == 0
    assert result.err.startswith("warning: run 'base' is now 'new', but refs/runs/base is still there: ")
    assert (repo.ok("list"), repo.refs()) == ("new\n", ["refs/runs/base", "refs/runs/new"])


@pytest.mark.parametrize(("old", "new"), [("g/x", "g"), ("g", "g/x"), ("a/b/c", "a")])
@pytest.mark.parametrize("pack", [False, True])
def test_a_run_takes_the_name_of_its_group_or_goes_into_one(repo: Repository, old: str, new: str, pack: bool) -> None:
    repo.finish(old, "echo model >$RUNS_CHECKPOINT_DIR/model; echo hi", *NO_FLAGS)
    if pack:
        repo.git("pack-refs", "--all")
    repo.ok("move", old, new)
    assert (repo.ok("list"), repo.refs(), repo.log(new)) == (f"{new}\n", [f"refs/runs/{new}"], "hi\n")
    assert (repo.path / f".runs/checkpoints/{new}/model").exists()
    assert repo.ok("fsck") == ""


def test_a_group_of_others_keeps_its_name(repo: Repository) -> None:
    for name in ("g/x", "g/y"):
        repo.finish(name, f"echo {name}", *NO_FLAGS)
    result = repo.runs("move", "g/x", "g")
    assert result.code == 128
    assert "'g/y'" in result.err
    assert (repo.ok("list"), repo.log("g/x")) == ("g/x\ng/y\n", "g/x\n")


def test_a_run_that_goes_on_is_not_moved_onto_its_group(repo: Repository) -> None:
    repo.ok("new", "-q", *NO_FLAGS, "g/x", "sleep 60")
    wait_for(lambda: repo.record("g/x")["status"] == "running")
    result = repo.runs("move", "g/x", "g")
    assert (result.code, result.err) == (
        128,
        (
            "fatal: run 'g/x' goes on, and could not find its paths if 'g' took their place\n"
            "hint: move it once it has ended\n"
        ),
    )


@pytest.mark.parametrize(
    ("runs", "old", "new", "expected"),
    [
        ("g/a g/b h/c", "g", "h", "h/a h/b h/c"),
        ("g/a g/b", "g", "g/x", "g/x/a g/x/b"),
        ("g/a g/x", "g", "g/x", "g/x/a g/x/x"),
        ("g/a/b g/g/a/b g/g/g", "g", "g/g", "g/g/a/b g/g/g/a/b g/g/g/g"),
        ("g/x/a g/x/x/b", "g/x", "g", "g/a g/x/b"),
        ("g/x/a g/x/x", "g/x", "g", "g/a g/x"),
    ],
)
def test_a_group_goes_into_another_one_beside_it_into_itself_or_up(
    repo: Repository, runs: str, old: str, new: str, expected: str
) -> None:
    for name in runs.split():
        repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, name, f"echo {name}")
    planned = repo.ok("move", "-n", old, new)
    assert repo.ok("list").split() == runs.split()
    repo.ok("move", old, new)
    assert repo.ok("list").split() == expected.split()
    lines = re.findall("^Would move run '(.*)' to '(.*)'$", planned, re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted(name for name in runs.split() if name.startswith(old))
    assert [repo.log(name).strip() for _, name in lines] == [name for name, _ in lines]
    assert repo.ok("fsck") == ""


def test_what_could_not_be_moved_is_refused_when_it_is_only_asked_for(repo: Repository) -> None:
    for name in ("g/a", "h/a", "i"):
        repo.ok("new", "-q", "--launcher=foreground", name, "true")
    for old, new in (("g", "h"), ("g/a", "i"), ("i", "g"), ("i", "a b")):
        asked, done = repo.runs("move", "-n", old, new), repo.runs("move", old, new)
        assert asked.code == 128
        assert (asked.out, asked.err) == (done.out, done.err)
    assert repo.ok("move", "-n", "i", "j") == "Would move run 'i' to 'j'\n"
    assert repo.ok("list").split() == ["g/a", "h/a", "i"]


def test_the_studies_of_searches_go_along_and_take_no_place_of_others(repo: Repository) -> None:
    for name in ("g/a", "g/x/a", "h/b"):
        repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, name, "true")
    studies = repo.path / ".runs/studies"
    (studies / "g").mkdir(parents=True)
    for name in ("g", "g/x", "h"):
        (studies / f"{name}.journal").write_text(name)
    refused = repo.runs("move", "g", "h")
    assert (refused.code, refused.err.splitlines()[0]) == (128, "fatal: there is a search of 'h' already")
    for old, new in (("g", "g/x"), ("g/x", "g"), ("g", "k")):
        repo.ok("move", old, new)
        assert (studies / f"{new}.journal").read_text() == "g"
        assert (studies / f"{new}/x.journal").read_text() == "g/x"
    assert (studies / "h.journal").read_text() == "h"
