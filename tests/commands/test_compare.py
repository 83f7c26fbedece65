"""`git runs compare`: runs side by side, and which parameters went with a metric."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime, timedelta

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, prepared

PROGRAM = """import os, sys
if sys.argv[-1] != "none":
    with open(os.path.join(os.environ["RUNS_TB_DIR"], "metrics.csv"), "w") as file:
        file.write(f"loss,steps\\n9,1\\n{sys.argv[-1]},100\\n")
"""


def train(repo: Repository, name: str, arguments: str, loss: str) -> None:
    """A run with parameters that ends with that loss, "none": without metrics; the n-th takes n seconds."""
    repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, name, f"python train.py {arguments} {loss}")
    began = datetime.fromisoformat(repo.lookup(name, "datetime"))
    finished = began + timedelta(seconds=len(repo.refs()))
    record = repo.record_path(name)
    record.write_text(re.sub("(?m)^finished: .*$", f"finished: {finished.isoformat()}", record.read_text()))


@prepared
def pair(repo: Repository) -> None:
    """With two runs."""
    repo.commit("train.py", PROGRAM)
    train(repo, "a", "--lr=0.1 --seed=3 --batch=32 --opt=adam", "0.5")
    train(repo, "b", "--lr=0.10 --seed=1 --batch=32 --opt=sgd", "0.25")


@pytest.fixture
def trained(pair: Repository) -> Repository:
    """With six runs, of which one has diverged and one has no metrics."""
    repo = pair
    train(repo, "c", "--lr=0.3 --seed=4 --batch=32.0 --opt=adam", "0.75")
    train(repo, "d", "--lr=0.4 --seed=2 --batch=32", "1.25")
    train(repo, "nan", "--lr=9 --decay=5", "nan")
    train(repo, "none", "--lr=9", "none")
    return repo


def cells(text: str) -> list[list[str]]:
    """The cells of a table of tabulate's form `plain`."""
    return [line.split() for line in text.splitlines()]


def test_what_differs_is_shown_and_what_is_the_same_is_named(trained: Repository) -> None:
    result = trained.runs("compare", "--sort=name", "--format=plain", "[abcd]")
    rows = cells(result.out)
    assert rows[:5] == [
        ["a", "b", "c", "d"],
        ["lr", "0.1", "0.10", "0.3", "0.4"],
        ["seed", "3", "1", "4", "2"],
        ["opt", "adam", "sgd", "adam", "_"],
        ["loss", "0.5", "0.25", "0.75", "1.25"],
    ]
    assert [row[0] for row in rows[5:]] == ["duration"]
    assert result.err == "hint: the same in all 4 runs: batch, steps, status, commit; shown with --all\n"


def test_all_has_what_is_the_same_below(pair: Repository) -> None:
    result = pair.runs("compare", "--all")
    rows = [line.split()[0] for line in result.out.splitlines()[2:]]
    assert rows == ["seed", "opt", "loss", "duration", "lr", "batch", "steps", "status", "commit"]
    assert result.err == ""
    assert pair.git("rev-parse", "--short=10", "HEAD").strip() in result.out


def test_a_single_run_is_shown_whole(pair: Repository) -> None:
    result = pair.runs("compare", "a")
    assert "batch" in result.out
    assert result.err == ""


def test_programs_get_all_values_as_they_are(pair: Repository) -> None:
    train(pair, "key", "--loss=l1 --lr=9", "nan")
    commit = pair.git("rev-parse", "HEAD").strip()
    rows = list(csv.reader(pair.ok("compare", "--format=csv", "a", "key").splitlines()))
    assert rows[0] == ["kind", "key", "a", "key"]
    assert ["parameter", "loss", "", "l1"] in rows
    assert ["metric", "loss", "0.5", "nan"] in rows
    assert rows[-1] == ["field", "commit", commit, commit]
    found = json.loads(pair.ok("compare", "--format=json", "a", "key"))
    assert {"kind": "metric", "key": "loss", "values": {"key": None, "a": 0.5}} in found
    assert next(row["values"]["a"] for row in found if row["key"] == "duration") == 1


def test_a_key_of_two_kinds_is_named_in_full(pair: Repository) -> None:
    train(pair, "e", "--loss=l1 --status=x", "1")
    rows = {row[0]: row[1:] for row in cells(pair.ok("compare", "--format=plain", "e"))[1:]}
    assert (rows["params.loss"], rows["metrics.loss"]) == (["l1"], ["1"])
    assert (rows["params.status"], rows["status"]) == (["x"], ["finished"])


def test_a_terminal_gets_tables_that_fit(trained: Repository, screen: Screen) -> None:
    screen.type("COLUMNS=22 git runs compare --sort=name [abcd] nan; echo e'n'd")
    screen.shows("\nend\n")
    lines = [line.split() for line in screen.text().splitlines()]
    assert [line for line in lines if line and line[0] in ("a", "c", "nan")] == [["a", "b"], ["c", "d"], ["nan"]]
    assert [line for line in lines if line[:1] == ["loss"]] == [
        ["loss", "0.5", "0.25"],
        ["loss", "0.75", "1.25"],
        ["loss", "nan"],
    ]


def test_a_terminal_marks_what_is_cut_as_other_tables_do(pair: Repository) -> None:
    train(pair, "c", f"--opt={'x' * 40}", "1")
    assert f"{'x' * 27}..." in pair.ok("compare", "a", "c")
    assert f"{'x' * 29}…" in pair.on_terminal("compare", "a", "c", columns=120)


def test_what_is_long_passes_through_the_pager(pair: Repository, screen: Screen) -> None:
    screen.type("GIT_PAGER='sed s/^/PAGED:/; echo end $((1+1))' COLUMNS=15 git runs compare a b")
    screen.shows("end 2")
    assert [line for line in screen.text().splitlines() if line.startswith("PAGED:loss")] == [
        "PAGED:loss      0.5",
        "PAGED:loss      0.25",
    ]
    assert "PAGED:hint: the same in both runs: " in screen.text().replace("\n", "")


def test_conditions_and_patterns_select(pair: Repository) -> None:
    assert cells(pair.ok("compare", "--where=opt=adam", "--format=plain", "[ab]"))[0] == ["a"]
    assert cells(pair.ok("compare", "--format=plain", "-n1"))[0] == ["b"]
    result = pair.runs("compare", "--where=lr=77")
    assert (result.code, result.out, result.err) == (1, "", "error: no run is selected\n")


def test_runs_that_are_named_come_in_that_order(trained: Repository) -> None:
    def order(*arguments: str) -> str:
        return " ".join(cells(trained.ok("compare", "--format=plain", *arguments))[0])

    assert order("b", "d", "a", "b") == "b d a"
    assert order("b", "--pattern=d", "a", "-n2", "--reverse") == "a b"
    assert order("b", "d", "a", "--where=opt!=adam") == "b d"
    assert order("b", "d", "a", "--sort=-datetime") == order("b", "[da]") == "d b a"


def test_parameters_are_ordered_by_how_they_went_with_a_metric(trained: Repository) -> None:
    result = trained.runs("compare", "--correlate=loss", "--format=csv")
    assert result.out.splitlines() == [
        "parameter,correlation,runs,note",
        # Ranks 1.5 1.5 3 4 and 2 1 3 4: 4.5 / sqrt(4.5 * 5).
        "lr,0.9486832980505138,4,",
        # Ranks 3 1 4 2 and 2 1 3 4: 1 - 6 * 6 / (4 * 15).
        "seed,0.4,4,",
        "batch,,4,does not vary",
        "decay,,0,fewer than 3 runs",
    ]
    assert result.err.splitlines() == [
        "warning: left out: 1 run without 'loss'",
        "warning: left out: 1 run whose 'loss' is not a number",
        "hint: no numbers: opt",
    ]
    assert cells(trained.ok("compare", "--correlate=metrics.loss", "--format=plain"))[1] == ["lr", "+0.949", "4", "_"]
    assert json.loads(trained.ok("compare", "--correlate=steps", "--format=json"))[0] == {
        "parameter": "batch",
        "correlation": None,
        "runs": 4,
        "note": "does not vary",
    }


def test_the_headline_is_a_metric_to_correlate_with(pair: Repository) -> None:
    pair.git("config", "runs.metric", "-loss:min")
    words = ("compare", "--format=csv", "a", "b")
    assert pair.ok(*words, "--correlate=metric") == pair.ok(*words, "--correlate=loss:min")


def test_a_metric_that_no_run_has(pair: Repository) -> None:
    result = pair.runs("compare", "--correlate=los")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: none of these runs has a metric 'los'; did you mean 'loss'?\nhint: they have loss, steps\n"
    )
