"""`git runs metrics`: what came out of a run."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from contextlib import closing

import pytest

from tests.conftest import NO_FLAGS, Repository, prepared, wait_for

PROGRAM = """import csv, sys
with open(f"{sys.argv[1].split('=')[1]}/metrics.csv", "w") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "loss", "acc"])
    for step in range(1, 1001):
        writer.writerow([step, 1 / step, "nan" if step % 2 else step / 1000])
"""


@prepared
def trained(repo: Repository) -> None:
    """With a run that has written a metric file."""
    repo.commit("train.py", PROGRAM)
    repo.finish("a", "python train.py")


def test_each_metric_is_summed_up(trained: Repository) -> None:
    assert trained.ok("metrics", "a").splitlines() == [
        "metric    source    points    last step    last    min    max    curve",
        "--------  --------  --------  -----------  ------  -----  -----  --------------------",
        "acc       files     1000      1000         1       0.002  1      ▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██",
        "loss      files     1000      1000         0.001   0.001  1      █▂▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    ]


@pytest.mark.parametrize(
    ("columns", "values", "curve", "said"),
    [
        (90, ["0.001", "0.001", "0.142857"], 20, ""),
        (75, ["0.001", "0.001", "0.142857"], 12, ""),
        (63, ["0.001", "0.001", "0.1429"], 8, ""),
        (55, ["0.001", "0.001", "0.1429"], 8, "no room for last step; --format=simple shows all"),
        (40, ["0.001", "0.001", "0.1429"], 8, "no room for 3 columns; --format=simple…"),
        (16, ["0.001"], 0, "no room for 6 c…"),
    ],
)
def test_a_terminal_gets_what_fits(repo: Repository, columns: int, values: list[str], curve: int, said: str) -> None:
    repo.commit("train.py", PROGRAM.replace("range(1,", "range(7,"))
    repo.finish("a", "python train.py")
    shown = repo.on_terminal("metrics", "a", columns=columns, NO_COLOR="1").splitlines()
    assert max(map(len, shown)) <= columns
    assert (shown[0] if said else "") == said
    name, *cells = shown[-1].split()
    assert name == "loss"
    assert [cell for cell in cells if cell.startswith("0.")] == values
    assert len(cells[-1]) == (curve or len(values[-1]))
    assert repo.on_terminal("metrics", "a", "--format=simple", columns=columns) == repo.ok("metrics", "a")


def test_programs_get_all_points(trained: Repository) -> None:
    lines = trained.ok("metrics", "a", "--format=csv").splitlines()
    assert (lines[0], lines[1001], len(lines)) == ("metric,source,step,value", "loss,files,1,1.0", 2001)
    found = json.loads(trained.ok("metrics", "a", "--format=json"))
    assert [found[0]["value"], found[1]["value"]] == [None, 0.002]
    assert found[1000] == {"metric": "loss", "source": "files", "step": 1, "value": 1.0}


def test_they_go_with_the_run(trained: Repository) -> None:
    trained.ok("move", "a", "g/b")
    assert "loss" in trained.ok("metrics", "g/b")


def test_a_run_without_any(repo: Repository) -> None:
    repo.finish("a")
    result = repo.runs("metrics", "a")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: run 'a' has no metrics\nhint: they are read from event files ")


def test_the_record_of_an_ended_run_sums_them_up(trained: Repository) -> None:
    loss = {"last": 0.001, "min": 0.001, "max": 1, "first": 1, "step": 1000, "argmin": 1000, "argmax": 1, "n": 1000}
    assert trained.record("a")["metrics"]["loss"] == loss  # type: ignore[index]
    assert "Metrics:      acc 1, loss 0.001\n" in trained.ok("show", "a")
    shutil.rmtree(trained.path / ".runs/tensorboard")
    assert "loss      record    1000      1000         0.001   0.001  1\n" in trained.ok("metrics", "a")
    keys = ("loss:argmax", "metrics.loss:n", "metrics.loss", "metrics.loss.min")
    assert [trained.lookup("a", key) for key in keys] == ["1", "1000", "0.001", "0.001"]
    words = ("--columns=name,loss,loss:min,loss:argmax,acc:n,metrics.loss:first", "--format=csv")
    assert trained.ok("table", *words).splitlines()[1] == "a,0.001,0.001,1,1000,1"


def test_what_git_prints_while_it_makes_the_work_tree_is_not_the_runs(repo: Repository) -> None:
    repo.commit("train.py", "print('loss=0.5')\n", "Reach loss=0.001 acc=0.99")
    repo.finish("a", "python3 train.py", "--isolate")
    assert "loss=0.001" in (repo.path / ".runs/logs/a.log").read_text()
    assert repo.ok("log", "a") == repo.ok("log", "-n9", "a") == "loss=0.5\n"
    assert [one["metric"] for one in json.loads(repo.ok("metrics", "--format=json", "a"))] == ["loss"]
    assert [repo.lookup("a", f"loss:{one}") for one in ("min", "n")] == ["0.5", "1"]


def test_numbers_are_rounded_the_same_way_everywhere_and_to_none_that_is_whole(repo: Repository) -> None:
    numbers = {"acc": "0.9999999", "loss": "1234567", "third": "0.333333"}
    repo.git("config", "runs.metric", "acc")
    repo.commit("train.py", "print('acc=0.9999999 loss=1234567 third=0.33333333333')\n")
    for name in ("a", "b"):
        repo.finish(name, "python train.py", *NO_FLAGS)
    shown = repo.ok("show", "a")
    assert "Metrics:      acc 0.9999999, loss 1234567, third 0.333333\n" in shown
    for words in (("metrics", "a"), ("compare", "--all"), ("table", "--columns=acc,loss,third")):
        assert {*numbers.values()} <= {*repo.ok(*words).split()}, words
    assert "0.9999999" in repo.on_terminal("table")
    assert "0.9999999" in repo.ok("plot", "a", "--metric=acc")


def test_a_person_may_write_a_value_into_a_record(repo: Repository) -> None:
    repo.finish("a")
    with repo.record_path("a").open("a") as file:
        file.write("metrics: {loss: 3}\n")
    assert repo.ok("table", "--columns=loss,loss:min", "--format=csv").splitlines()[1] == "3,"
    assert (repo.lookup("a", "metrics.loss"), "loss 3" in repo.ok("show", "a")) == ("3", True)


def test_a_pattern_that_python_warns_of_is_none_of_the_users_business(repo: Repository) -> None:
    repo.git("config", "runs.metric-pattern", "(?P<x>[[a]+)")
    repo.finish("a", "echo loss 3", *NO_FLAGS)
    assert repo.runs("list", "--where=name~[[a]").err == ""
    assert repo.log("a") == "loss 3\n"


def test_a_hundred_keys_are_in_the_record_and_the_headline_is_one(repo: Repository) -> None:
    repo.git("config", "runs.metric", "-z:max")
    program = 'import json, sys; print("loss 1"); keys = [f"k{i:03}" for i in range(150)] + ["z"]\n'
    program += 'json.dump(dict.fromkeys(keys, 1), open(sys.argv[1].split("=")[1] + "/metrics.json", "w"))\n'
    repo.commit("train.py", program)
    repo.finish("a", "python train.py")
    recorded = repo.record("a")["metrics"]
    assert (len(recorded), "z" in recorded, "loss" in recorded) == (100, True, False)  # type: ignore[arg-type, operator]
    assert repo.ok("table", "--columns=z,k149,loss", "--format=csv").splitlines()[1] == "1,1,1"


@pytest.mark.parametrize("end", ["exit 0", "exit 1", "kill -9 $$"])
def test_a_last_line_without_an_end_counts_where_the_program_has_ended(repo: Repository, end: str) -> None:
    repo.finish("a", f"echo loss 2; printf '\\rloss 1'; {end}", *NO_FLAGS)
    assert repo.lookup("a", "loss:n") == "2"


def test_a_name_means_the_same_in_all_rows(repo: Repository) -> None:
    repo.finish("a", "echo loss 1 lr: 0.5 # --lr=0.1", *NO_FLAGS)
    repo.finish("b", "echo loss 1 lr: 0.5", *NO_FLAGS)
    repo.finish("c", "echo loss 1 lr: 0.5", *NO_FLAGS, "--param=lr=0.2")
    assert repo.ok("table", "--columns=name,lr", "--sort=lr", "--format=csv").split()[1:] == ["c,0.2", "a,", "b,"]
    found = repo.runs("list", "--where=lr<1")
    assert found.out.split() == ["c"]
    assert found.err == "warning: 'lr' is a parameter of some of the runs: for the metric say 'metrics.lr'\n"
    assert repo.ok("list", "--where=metrics.lr<1").split() == ["a", "b", "c"]
    assert repo.ok("list", "--where=lr==0.5", "a", "b").split() == ["a", "b"]


def test_how_long_a_run_took_is_a_key(repo: Repository) -> None:
    for name, end in (("a", "12:00:01"), ("b", "13:00:00")):
        record = repo.record_path(name)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(
            f"id: {name}\nname: {name}\nstatus: finished\n"
            f"datetime: '2026-01-31T12:00:00+00:00'\nfinished: '2026-01-31T{end}+00:00'\n"
        )
    assert repo.ok("list", "--where=duration>=60").split() == ["b"]
    assert repo.ok("table", "--columns=name", "--sort=-duration", "--format=csv").split() == ["name", "b", "a"]


def test_a_commit_may_be_abbreviated(repo: Repository) -> None:
    repo.finish("a")
    commit = repo.lookup("a", "commit")
    assert repo.ok("list", f"--where=commit={commit[:7]}").split() == ["a"]
    assert repo.ok("list", f"--where=commit!={commit[:7]}") == ""
    assert repo.ok("list", f"--where=commit={commit[:3]}") == ""


def test_the_headline_is_named_where_nothing_has_it(repo: Repository) -> None:
    repo.finish("a", "echo loss 1 #", *NO_FLAGS)
    error = repo.runs("table", "--sort=metric", "--columns=name,metric").err
    assert error == "warning: 'metric' stands for the metric that runs.metric names, which is not set\n"
    repo.git("config", "runs.metric", "los:min")
    error = repo.runs("table", "--sort=metric").err
    assert error == "warning: none of these runs has a field, parameter or metric 'los:min'; did you mean 'loss'?\n"


def test_a_slow_pattern_keeps_no_run_from_its_end(repo: Repository) -> None:
    repo.git("config", "runs.metric-pattern", "(?P<x>(a+)+)b")
    repo.finish("a", "echo loss 3; echo " + "a" * 40)
    assert repo.record("a")["status"] == "finished"


def test_metrics_that_take_long_are_recorded_after_the_end(repo: Repository) -> None:
    repo.git("config", "runs.metric-pattern", "(?P<x>(a+)+)b")
    repo.finish("a", "echo loss 3; for i in 1 2 3 4 5 6 7 8; do echo aaaaaaaaaaaaaaaaaaaaaa; done", *NO_FLAGS)
    wait_for(lambda: "metrics" in repo.record("a"))
    assert repo.lookup("a", "loss") == "3"


def test_no_name_of_a_metric_keeps_a_run_from_its_end(repo: Repository) -> None:
    command = r"cd .runs/tensorboard/a; printf '{\"\\ud83d\": 1, \"'%4000s'\": 2}' > metrics.json"
    repo.finish("a", command, *NO_FLAGS)
    assert (repo.record("a")["status"], repo.record("a")["metrics"].keys()) == ("finished", {"?"})  # type: ignore[attr-defined]


def test_metrics_are_read_while_a_run_goes_on(repo: Repository) -> None:
    repo.ok("new", "a", "echo step 1 loss 3; sleep 100 # ", *NO_FLAGS)
    wait_for(lambda: repo.runs("metrics", "a").code == 0)
    assert repo.ok("table", "--columns=loss", "--format=csv").split() == ["loss", "3"]
    assert "metrics" not in repo.record("a")


def test_a_cache_that_is_locked_costs_little(repo: Repository) -> None:
    names = [f"r{number}" for number in range(60)]
    for name in names:
        record = repo.record_path(name)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f"id: {name}\nname: {name}\nstatus: killed\n")
        log = repo.path / f".runs/logs/{name}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("loss 1\n")
    repo.ok("list", "--where=loss=1")
    with closing(sqlite3.connect(next(repo.path.glob(".runs/cache-*.sqlite")))) as other:
        other.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        assert repo.ok("list", "--where=loss=1").split() == names
        assert time.monotonic() - begin < 10


@prepared
def three(repo: Repository) -> None:
    """Three runs with the metrics `acc` and `loss`, and one without."""
    for name, acc, loss in (("a", "0.5", "0.10"), ("b", "0.9", "nan"), ("c", "0.7", "12")):
        repo.finish(name, f"echo acc {acc} loss {loss}", *NO_FLAGS, "--param=lr=3")
    repo.finish("d", "true")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--sort=loss",), ["a", "c", "b", "d"]),
        (("--sort=-loss",), ["c", "a", "b", "d"]),
        (("--sort=-acc:max",), ["b", "c", "a", "d"]),
        (("--sort=metric",), ["b", "c", "a", "d"]),
        (("--sort=-metric",), ["a", "c", "b", "d"]),
        (("--where=loss=0.1",), ["a"]),
        (("--where=loss:n>0", "--sort=name"), ["a", "b", "c"]),
        (("--where=metrics.acc>=0.7", "--sort=name"), ["b", "c"]),
        (("--where=lr=3.0", "--where=acc<0.6"), ["a"]),
    ],
)
def test_metrics_sort_and_choose_runs(three: Repository, words: tuple[str, ...], names: list[str]) -> None:
    three.git("config", "runs.metric", "-acc:max")
    assert three.ok("table", "--columns=name", *words, "--format=csv").split()[1:] == names


def test_the_headline_is_a_column(three: Repository) -> None:
    three.git("config", "runs.metric", "-acc:max")
    head, *rows = (line.split(",") for line in three.ok("table", "--sort=name", "--format=csv").splitlines())
    place = head.index("acc:max")
    assert [row[place] for row in rows] == ["0.5", "0.9", "0.7", ""]
    assert "acc:max" not in three.ok("table", "--hidden-columns=acc:max").split("\n")[0]


def test_the_headline_may_be_called_like_anything(repo: Repository) -> None:
    repo.finish("a", ": --metric=auc --loss=mse; echo loss 2 error: 0.25", *NO_FLAGS)
    repo.git("config", "runs.metric", "metric")
    assert repo.ok("table", "--columns=metric,params.metric", "--format=csv").splitlines()[1] == ",auc"
    for headline, shown in {"loss": "loss", "error": "metrics.error"}.items():
        repo.git("config", "runs.metric", headline)
        head, row = (line.split(",")[2] for line in repo.ok("table", "--format=csv").splitlines())
        assert (head, row) == (shown, repo.lookup("a", f"metrics.{headline}:last"))
        assert row in repo.on_terminal("table")


def test_a_key_that_is_nearly_right_is_guessed(three: Repository) -> None:
    error = three.runs("table", "--columns=los:min").err
    assert error == "warning: none of these runs has a field, parameter or metric 'los:min'; did you mean 'loss'?\n"


def test_what_is_damaged_is_named(repo: Repository) -> None:
    program = (
        "import sys; from tensorboardX import SummaryWriter\nwith SummaryWriter(sys.argv[1].split('=')[1]) as w:\n"
    )
    program += "    for step in range(100): w.add_scalar('loss', step, step)\n"
    repo.commit("train.py", program)
    repo.finish("a", f"{sys.executable} train.py")
    (path,) = (repo.path / ".runs/tensorboard/a").iterdir()
    content = bytearray(path.read_bytes())
    start = content.index(b"loss", len(content) // 2)
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    result = repo.runs("metrics", "a", "--format=csv")
    assert 90 < len(result.out.splitlines()) < 100
    assert result.err.startswith(f"warning: '{path}' is damaged at byte ")
