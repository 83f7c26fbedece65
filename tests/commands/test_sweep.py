"""`git runs sweep`: many runs of one command, and what is done with all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, wait_for


def statuses(repo: Repository, *patterns: str) -> dict[str, str]:
    """How the runs stand, by name."""
    shown = json.loads(repo.ok("table", "--columns=name,status", "--format=json", *patterns))
    return {one["name"]: one["status"] for one in shown}


def printed(repo: Repository, name: str) -> list[str]:
    """The lines that the run's command printed."""
    return repo.log(name).splitlines()


@pytest.fixture
def stopped(repo: Repository) -> Repository:
    """A repository whose queue is stopped: what is in it waits."""
    repo.ok("queue", "stop")
    return repo


def test_each_combination_is_a_run(repo: Repository) -> None:
    said = repo.ok("sweep", "grid", "python3 train.py {lr}", "lr=0.1,0.01", "seed=1..2", "--jobs=2")
    commit = repo.git("rev-parse", "--short=10", "HEAD").strip()
    assert said.startswith(
        f"Queued 4 runs of 'grid' at {commit} (first model), first:\n  python3 train.py 0.1 --seed=1 "
    )
    repo.ok("wait", "grid")
    names = [f"grid/lr={lr},seed={seed}" for lr in ("0.01", "0.1") for seed in (1, 2)]
    assert sorted(repo.ok("list", "grid").split()) == names
    assert repo.refs() == [f"refs/runs/{name}" for name in names]
    run = repo.record(names[1])
    assert run["params"] == {"lr": "0.01", "seed": "2"}
    assert run["input-command"] == "python3 train.py 0.01 --seed=2"
    assert printed(repo, names[1])[:2] == ["0.01", "--seed=2"]
    assert len({str(repo.record(name)["id"]) for name in names}) == 4


def test_a_table_of_a_group_shows_parameters(stopped: Repository) -> None:
    stopped.ok("sweep", "grid", "true", "lr=0.1,0.01", "name=a,b")
    stopped.ok("sweep", "other", "true", "x=1")
    head, _, first, *_ = stopped.ok("table", "grid", "--sort=params.lr").splitlines()
    assert head.split() == [
        "name",
        "status",
        "lr",
        "params.name",
        "command",
        "commit",
        "datetime",
        "description",
        "host",
    ]
    assert first.split()[:4] == ["grid/lr=0.01,name=a", "queued", "0.01", "a"]
    assert stopped.ok("table", "grid/", "other").split()[:5] == ["name", "status", "x", "lr", "params.name"]
    assert stopped.ok("table").split()[:3] == ["name", "status", "command"]
    shown = re.sub(r"\x1b\[\d*m", "", stopped.on_terminal("table", "grid"))
    assert re.search(r"name +status +lr +name", shown), shown


def test_a_dry_run_shows_what_would_be_and_touches_nothing(repo: Repository) -> None:
    shown = repo.ok("sweep", "-n", "grid", "train", "lr=0.1,0.01", "seed=1..2", *NO_FLAGS)
    commit = repo.git("rev-parse", "HEAD").strip()
    assert shown.splitlines() == [
        f"Would start 4 runs of 'grid' at commit {commit}, first:",
        "  train --lr=0.1 --seed=1",
        "",
        "name                 lr    seed",
        "-------------------  ----  ------",
        "grid/lr=0.1,seed=1   0.1   1",
        "grid/lr=0.1,seed=2   0.1   2",
        "grid/lr=0.01,seed=1  0.01  1",
        "grid/lr=0.01,seed=2  0.01  2",
    ]
    assert not (repo.path / ".runs").exists()
    assert repo.refs() == []


def test_values_and_words_reach_the_program_as_they_are(repo: Repository) -> None:
    words = ["--", "python3", "train.py", "{{}}", "--text={text}"]
    repo.ok("sweep", "odd", *NO_FLAGS, "text='a b','$HOME \"x\"',\"it's\"", "n=1", *words)
    repo.ok("wait", "odd")
    found = [printed(repo, name) for name in repo.ok("list", "odd").split()]
    assert sorted(found) == sorted([["{}", f"--text={text}", "--n=1"] for text in ("a b", '$HOME "x"', "it's")])


def test_one_snapshot_serves_all_and_later_edits_none(stopped: Repository) -> None:
    (stopped.path / "train.py").write_text("print('edited')\n")
    stopped.ok("sweep", "--snapshot", "grid", "python3 train.py", "a=1..3", *NO_FLAGS)
    (stopped.path / "train.py").write_text("print('later')\n")
    commits = {stopped.lookup(name, "commit") for name in stopped.ok("list").split()}
    assert len(commits) == 1
    assert stopped.git("show", f"{commits.pop()}:train.py") == "print('edited')\n"
    stopped.ok("queue", "start")
    stopped.ok("wait", "grid")
    assert [printed(stopped, f"grid/a={number}") for number in (1, 2, 3)] == [["edited"]] * 3


def test_a_sweep_starts_whole_or_not_at_all(stopped: Repository) -> None:
    in_the_way = stopped.path / ".runs/tensorboard/grid/a=3"
    in_the_way.mkdir(parents=True)
    result = stopped.runs("sweep", "grid", "true", "a=1..5")
    assert (result.code, f"cannot use '{in_the_way}'" in result.err) == (128, True), result
    assert stopped.refs() == []
    assert stopped.ok("list") == ""
    assert list((stopped.path / ".runs/records").rglob("*")) == []
    assert not list((stopped.path / ".runs/queue").rglob("*.json"))
    assert not (stopped.path / ".runs/logs/grid").exists()
    in_the_way.rmdir()
    stopped.ok("sweep", "grid", "true", "a=1..5")
    result = stopped.runs("sweep", "grid", "true", "a=5..6")
    assert result.err == (
        "fatal: run 'grid/a=5' already exists\n"
        "hint: --resume starts what is missing or did not finish, --overwrite deletes what is there first\n"
    )
    assert len(stopped.refs()) == 5
    assert "cannot both exist" in stopped.runs("new", "grid", "true").err
    assert "cannot both exist" in stopped.runs("sweep", "grid/a=1", "true", "b=1").err


def test_other_runs_may_join_the_group_or_get_another_one(stopped: Repository) -> None:
    stopped.ok("sweep", "grid", "true", "a=1..2")
    stopped.ok("sweep", "grid", "true", "a=3")
    stopped.ok("sweep", "--timestamp", "grid", "true", "a=1..2")
    assert len(stopped.ok("list", "grid").split()) == 3
    assert len(stopped.ok("list", r"grid\d+/.*").split()) == 2


def test_resuming_starts_only_what_did_not_finish(repo: Repository) -> None:
    command = ["grid", "test -e fixed || test {a} -lt 3 || exit 4", "a=1..4", *NO_FLAGS]
    repo.ok("sweep", *command)
    assert repo.runs("wait", "grid").code == 1
    repo.ok("delete", "-y", "grid/a=1")
    before = {name: repo.lookup(name, "id") for name in repo.ok("list").split()}
    repo.ok("queue", "stop")
    repo.commit("fixed", "")
    resumed = repo.runs("sweep", "--resume", *command)
    assert resumed.out.startswith("Queued 3 of 4 runs of 'grid'")
    said = "hint: what the 2 that begin anew had put out is in the trash for 3 days: git runs trash\n"
    assert said in resumed.err
    assert statuses(repo) == {
        "grid/a=1": "queued",
        "grid/a=2": "finished",
        "grid/a=3": "queued",
        "grid/a=4": "queued",
    }
    after = {name: repo.lookup(name, "id") for name in before}
    assert {name for name in before if before[name] == after[name]} == {"grid/a=2"}
    assert repo.ok("sweep", "--resume", *command) == (
        "Nothing to start: 4 runs of 'grid' are there (3 queued, 1 finished)\n"
    )
    repo.ok("kill", "grid/a=4")
    repo.ok("queue", "start")
    assert "Queued 1 of 5 runs" in repo.ok("sweep", "--resume", *command[:2], "a=1..3,5,6", *NO_FLAGS, "-n").replace(
        "Would start 2", "Queued 1"
    )
    repo.ok("sweep", "--resume", *command)
    repo.ok("wait", "grid")
    assert set(statuses(repo).values()) == {"finished"}
    # The failed ones can be had back.
    assert len(repo.ok("trash").splitlines()) >= 3


def test_resuming_with_another_command_is_said(repo: Repository) -> None:
    repo.ok("sweep", "grid", "true", "a=1")
    repo.ok("wait", "grid")
    result = repo.runs("sweep", "--resume", "grid", "echo", "a=1..2")
    assert "warning: runs that stay had another command, such as 'grid/a=1': true --a=1\n" in result.err
    assert result.code == 0


def test_overwriting_deletes_the_old_ones_first(stopped: Repository) -> None:
    stopped.ok("sweep", "grid", "true", "a=1..3")
    result = stopped.runs("sweep", "--overwrite", "grid", "echo", "a=2..4")
    assert (result.code, "--yes" in result.err or "-y" in result.err) == (128, True), result
    stopped.ok("sweep", "--overwrite", "-y", "grid", "echo", "a=2..4")
    commands = [stopped.lookup(f"grid/a={number}", "input-command").split()[0] for number in (1, 2, 3, 4)]
    assert commands == ["true", "echo", "echo", "echo"]


def test_overwriting_deletes_nothing_where_the_new_ones_cannot_be_made(stopped: Repository) -> None:
    stopped.git("config", "runs.trash-days", "0")
    stopped.ok("sweep", "grid", "true", "a=1..3")
    before = stopped.ok("table", "--format=json")
    result = stopped.runs("sweep", "--overwrite", "-y", "grid", "echo " + "x" * 131_000, "a=2..4")
    assert (result.code, "longer than the 128 KiB" in result.err) == (128, True), result
    assert stopped.ok("table", "--format=json") == before
    assert len(stopped.refs()) == 3
    result = stopped.runs("sweep", "--overwrite", "-y", "--tb-dir=/dev/null/x", "grid", "true", "a=2..4")
    assert (result.code, "Not a directory" in result.err) == (128, True), result
    assert stopped.ok("list", "grid").split() == ["grid/a=1", "grid/a=2", "grid/a=3"]
    assert len(stopped.refs()) == 3


def test_what_is_drawn_is_drawn_again(stopped: Repository) -> None:
    drawn = ["true", "lr=loguniform(1e-4,1e-1)", "act=choice(relu,tanh)"]
    stopped.ok("sweep", "--random=4", "some", *drawn)
    names = stopped.ok("list", "some").split()
    assert len(names) == 4
    assert "4 runs" in stopped.ok("sweep", "--random=4", "--resume", "some", *drawn)
    stopped.ok("sweep", "--random=6", "--resume", "some", *drawn)
    assert set(names) < set(stopped.ok("list", "some").split())
    assert "Queued 6 of 10" in stopped.ok("sweep", "--random=6", "--seed=2", "--resume", "some", *drawn).replace(
        "Queued 6 runs", "Queued 6 of 10 runs"
    )


def test_a_file_holds_the_same(stopped: Repository, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yml"
    file.write_text("# mine\nlr: 0.1..0.3..0.1\nseed: [1, 2, '3..4']\nact: relu\n")
    stopped.ok("sweep", f"--file={file}", "--zip", "zipped", "true", "act=tanh")
    assert [stopped.record(name)["params"] for name in stopped.ok("list").split()] == [
        {"lr": lr, "seed": seed, "act": "tanh"} for lr, seed in (("0.1", "1"), ("0.2", "2"), ("0.3", "3..4"))
    ]
    file.write_text("lr: {a: 1}\n")
    assert "neither a text nor a list" in stopped.runs("sweep", f"--file={file}", "x", "true").err
    file.write_text("lr: [\n")
    assert "bad config line" in stopped.runs("sweep", f"--file={file}", "x", "true").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["g", "true"], "error: a sweep takes KEY=VALUES\n"),
        (["g", "lr=1,2"], "error: 'lr=1,2' stands where the command is expected\n"),
        (["g", "python3", "train.py", "lr=1"], "error: 'train.py' is no <key>=<values>\n"),
        (["g", "true", "lr=1", "lr=2"], "error: 'lr' is given twice\n"),
        (["g", "true", "lr=1", "--param=lr=2"], "error: 'lr' is given twice\n"),
        (["g", "true", "lr=1", "--seed=2"], "error: --seed goes with --random\n"),
        (["g", "true", "lr=1", "--random=0"], "error: --random and --trials are 1 or more\n"),
        (["g", "true", "lr=1", "--jobs=0"], "error: --jobs is 1 or more\n"),
        (["g", "true", "lr="], "fatal: bad values '' of 'lr': a value is empty\nhint: an empty value is written ''\n"),
        (["g", "true {x}", "lr=1"], "fatal: the command has {x}, and nothing gives 'x' values\n"),
        (["g", "true", "a=1..101", "b=1..100"], "fatal: the sweep would have 10,100 runs, and 10,000 are the most\n"),
        (["g", "true", "a=int(1,2)"], "fatal: the values of 'a' are to be drawn at random, and it is not said"),
        (["g/", "true", "a=1"], "fatal: 'g/' is not a valid run name"),
        (["g", "true", "a=1", "--launcher=foreground"], "fatal: the launcher foreground starts runs here and now"),
    ],
)
def test_what_is_wrong_is_said_before_anything_happens(repo: Repository, arguments: list[str], message: str) -> None:
    result = repo.runs("sweep", *arguments)
    assert result.err.startswith(message), result
    assert result.code in (128, 129)
    assert not (repo.path / ".runs").exists()


# --- the group


def test_a_group_is_stopped_waited_for_and_deleted_by_its_name(repo: Repository) -> None:
    repo.ok("sweep", "g.x", "while :; do sleep 0.02; done; :", "a=1..3", "--jobs=2", *NO_FLAGS)
    repo.finish("gax")
    wait_for(lambda: sorted(statuses(repo, "g.x").values()) == ["queued", "running", "running"])
    assert "no run is named 'g.x'\nhint: it is a group of 3 runs" in repo.runs("show", "g.x").err
    assert [line[:19] for line in repo.ok("kill", "g.x").splitlines()] == [f"Killed run 'g.x/a={n}" for n in (1, 2, 3)]
    assert repo.runs("wait", "g.x").code == 1
    assert "a=1" in repo.ok("compare", "g.x/")
    repo.ok("delete", "-y", "g.x")
    assert repo.ok("list") == "gax\n"


def test_a_group_moves_as_a_whole(repo: Repository) -> None:
    repo.ok("sweep", "old", "echo {a}", "a=1..2", *NO_FLAGS)
    repo.ok("wait", "old")
    repo.ok("queue", "stop")
    repo.ok("sweep", "old", "echo {a}", "a=3", *NO_FLAGS)
    repo.finish("taken/a=2")
    result = repo.runs("move", "old", "taken")
    assert (result.code, result.err) == (128, "fatal: run 'taken/a=2' already exists\n")
    assert repo.ok("list").split() == [*(f"old/a={number}" for number in (1, 2, 3)), "taken/a=2"]
    repo.ok("move", "old", "deep/new")
    names = [f"deep/new/a={number}" for number in (1, 2, 3)]
    assert repo.ok("list").split() == [*names, "taken/a=2"]
    assert repo.refs() == [f"refs/runs/{name}" for name in (*names, "taken/a=2")]
    assert printed(repo, names[1]) == ["2"]
    repo.ok("queue", "start")
    repo.ok("wait", "deep/new")
    assert printed(repo, names[2]) == ["3"]
    assert "3 runs of 'deep/new' are there" in repo.ok("sweep", "--resume", "deep/new", "echo {a}", "a=1..3", *NO_FLAGS)


def test_a_move_of_a_group_that_fails_leaves_it_where_it_was(stopped: Repository) -> None:
    stopped.ok("sweep", "old", "true", "a=1..3")
    (stopped.path / ".runs/checkpoints/new/a=3").mkdir(parents=True)
    assert "it is there already" in stopped.runs("move", "old", "new").err
    names = [f"old/a={number}" for number in (1, 2, 3)]
    assert stopped.ok("list").split() == names
    assert stopped.refs() == [f"refs/runs/{name}" for name in names]
    assert stopped.ok("fsck") == ""
