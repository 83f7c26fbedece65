"""`git runs sweep --optimize`: Optuna is asked for the next values, and told what came out."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tests.conftest import Machine, Repository, wait_for

PROGRAM = """
import sys, time
x = float(sys.argv[1])
for step in range(4):
    print(f"step {step} loss {(x - 0.3) ** 2 + 1 / (step + 1)}", flush=True)
"""
SEARCH = ("--optimize=loss:min", "--tb-dir-flag=None", "--save-path-flag=None", "s", "python3 loss.py {x}")
VALUES = ("x=uniform(0,1)",)


@pytest.fixture
def training(repo: Repository) -> Repository:
    """A repository whose program has a loss."""
    repo.commit("loss.py", PROGRAM)
    return repo


def runs(repo: Repository) -> dict[str, dict[str, object]]:
    """The records of all runs of the search, by name."""
    return {name: repo.record(name) for name in repo.ok("list").split()}


def trials(repo: Repository) -> list[optuna.trial.FrozenTrial]:
    """What Optuna knows."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    backend = JournalFileBackend(str(repo.path / ".runs/studies/s.journal"))
    return optuna.load_study(study_name="runs", storage=JournalStorage(backend)).trials


def ids(repo: Repository) -> set[str]:
    """Those of the runs of the trials that Optuna knows."""
    return {trial.user_attrs["id"] for trial in trials(repo)}


def drivers(machine: Machine) -> list[int]:
    """The processes that drive a search; not those of tmux, whose arguments name it, too."""
    found = []
    for process in machine.processes():
        with suppress(OSError):
            program, *words = (process / "cmdline").read_bytes().split(b"\0")
            if b"tmux" not in program and any(b"running.optimizer" in word for word in words):
                found.append(int(process.name))
    return found


def wait_for_end(repo: Repository) -> str:
    """Until the driver has ended; what it said."""
    log = repo.path / ".runs/studies/s.log"
    wait_for(lambda: log.read_text() and not drivers(repo.machine), bound=120)
    return log.read_text()


def check_that_each_was_told_once(repo: Repository, count: int) -> None:
    """Each trial has its run, and each run its trial, with the value that came out."""
    tried = [trial for trial in trials(repo) if "id" in trial.user_attrs]
    cut_off = [trial for trial in trials(repo) if trial not in tried]  # before they had all their values
    assert [trial.state for trial in cut_off] in ([], [optuna.trial.TrialState.FAIL])
    known = {trial.user_attrs["id"]: trial for trial in tried}
    found = runs(repo)
    assert len(known) == len(tried) == len(found)
    assert len(found) in (count, count - len(cut_off))  # a trial that was cut off before it began may count as one
    for run in found.values():
        trial = known[run["id"]]
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert trial.value == pytest.approx(run["metrics"]["loss"]["min"])  # type: ignore[index]
        assert float(run["params"]["x"]) == pytest.approx(trial.params["x"], rel=1e-5)  # type: ignore[index]


def test_as_many_trials_as_are_asked_for_are_told_what_came_out(training: Repository) -> None:
    said = training.ok("sweep", *SEARCH, *VALUES, "--trials=5", "--jobs=2")
    assert said.startswith("Searching 's' for the lowest loss:min, in 5 trials, at ")
    said = wait_for_end(training)
    assert said.startswith("5 trials have ended, and 0 failed\nbest: s/x=")
    check_that_each_was_told_once(training, 5)
    assert "--resume goes on with it" in training.runs("sweep", *SEARCH, *VALUES, "--trials=7").err
    training.ok("move", "s", "t")
    training.ok("move", "t", "s")
    (training.path / ".runs/studies/s.log").write_text("")
    training.ok("sweep", *SEARCH, *VALUES, "--trials=7", "--resume")
    wait_for_end(training)
    check_that_each_was_told_once(training, 7)


def test_the_study_of_runs_that_are_deleted_comes_back_with_them(training: Repository) -> None:
    log, journal = training.path / ".runs/studies/s.log", training.path / ".runs/studies/s.journal"
    search = ("sweep", *SEARCH, *VALUES, "--trials=2")
    training.ok(*search)
    wait_for_end(training)
    training.ok("delete", "-y", "s")
    known, content = ids(training), journal.read_bytes()
    assert "Would search 's'" in training.ok(*search, "-n")
    assert journal.read_bytes() == content
    log.write_text("")
    training.ok(*search, "--resume")
    assert wait_for_end(training).startswith("2 trials have ended, and 0 failed\n")
    log.write_text("")
    training.ok(*search)
    wait_for_end(training)
    assert ids(training) == {run["id"] for run in runs(training).values()}
    training.ok("move", "s", "t")
    training.ok("undelete", "s")
    assert ids(training) == known
    assert training.ok("trash", "--format=csv").splitlines() == ["name,deleted,kept-until,deletion"]
    assert not (training.path / ".runs/trash").exists()


@pytest.mark.parametrize("when", [1, 2, 4])
def test_a_driver_that_is_killed_loses_and_repeats_nothing(training: Repository, when: int) -> None:
    training.ok("sweep", *SEARCH, *VALUES, "--trials=6", "--jobs=2")
    journal = training.path / ".runs/studies/s.journal"
    wait_for(lambda: journal.exists() and journal.read_text().count('"id"') >= when)  # and it is not registered yet
    for pid in drivers(training.machine):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not drivers(training.machine))
    with journal.open("a") as file:
        file.write('{"op_code": 5, "cut')
    (training.path / ".runs/studies/s.log").write_text("")
    training.ok("sweep", *SEARCH, *VALUES, "--trials=6", "--resume")
    wait_for_end(training)
    check_that_each_was_told_once(training, 6)


def test_what_failed_is_replaced_by_others_when_it_is_resumed(training: Repository) -> None:
    training.commit("loss.py", "raise SystemExit(3)\n")
    training.ok("sweep", *SEARCH, *VALUES, "--trials=2")
    assert wait_for_end(training) == "0 trials have ended, and 2 failed\n"
    training.commit("loss.py", PROGRAM)
    (training.path / ".runs/studies/s.log").write_text("")
    training.ok("sweep", *SEARCH, *VALUES, "--trials=2", "--resume")
    assert wait_for_end(training).startswith("2 trials have ended, and 2 failed\nbest: ")
    assert sorted(str(run["status"]) for run in runs(training).values()) == ["failed"] * 2 + ["finished"] * 2


def test_runs_that_do_badly_are_ended_early(training: Repository) -> None:
    slowly = PROGRAM.replace("range(4)", "range(400)") + "    time.sleep(0.1 if x > 0.5 else 0)\n"
    training.commit("loss.py", slowly)
    training.ok("sweep", *SEARCH, "x=choice(0.3,0.31,0.9)", "--trials=14", "--jobs=2", "--prune", "--sampler=random")
    assert "14 trials have ended, and 0 failed" in wait_for_end(training)
    pruned = [run["id"] for run in runs(training).values() if run.get("reason") == "pruned"]
    known = [trial for trial in trials(training) if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned
    assert sorted(map(str, pruned)) == sorted(trial.user_attrs["id"] for trial in known)
    assert {trial.params["x"] for trial in known} == {"0.9"}
    reported = [len(trial.intermediate_values) for trial in trials(training) if trial not in known]
    assert max(reported) < 100  # of the 400 points of each curve


ONE_LEAVES_LATE = """
import os, signal, sys, time

def leave(*_):
    time.sleep(2)
    sys.exit(1)

try:
    os.mkdir(sys.argv[1])
except FileExistsError:
    signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True:
    time.sleep(0.02)
"""


def test_killing_all_that_goes_on_ends_the_search(training: Repository, tmp_path: Path) -> None:
    training.commit("loss.py", ONE_LEAVES_LATE.replace("sys.argv[1]", repr(str(tmp_path / "first"))))
    training.ok("sweep", *SEARCH, *VALUES, "--trials=9", "--jobs=2")
    wait_for(lambda: ["ready" in training.runs("log", name).out for name in runs(training)] == [True] * 2)
    assert "the search of 's' goes on" in training.runs("sweep", *SEARCH, *VALUES, "--trials=9", "--resume").err
    assert "the search of 's' goes on" in training.runs("move", "s", "t").err
    training.ok("kill", "s")
    assert "all trials that went on were killed" in wait_for_end(training)
    assert len(runs(training)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--optimize=loss"], "--optimize and --trials go together"),
        (["--trials=3"], "--optimize and --trials go together"),
        (["--optimize=loss", "--trials=3", "--overwrite"], "of these, --optimize takes only --resume"),
        (["--prune"], "--sampler and --prune go with --optimize"),
        (["--optimize=loss", "--trials=3", "--random=3"], "cannot be used together"),
    ],
)
def test_what_does_not_go_together_is_said(repo: Repository, options: list[str], message: str) -> None:
    result = repo.runs("sweep", "s", "true", "x=1,2", *options)
    assert (result.code, message in result.err) == (129, True), result


def test_without_optuna(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "other/optuna").mkdir(parents=True)
    (tmp_path / "other/optuna/__init__.py").write_text("raise ModuleNotFoundError(name='optuna')\n")
    search = ("sweep", "s", "true", "x=1,2", "--optimize=-acc", "--trials=3")
    result = repo.runs(*search, PYTHONPATH=str(tmp_path / "other"))
    assert result.err == (
        "fatal: --optimize takes optuna, which is not installed\nhint: pip install 'git-runs[optuna]'\n"
    )
    assert repo.refs() == []
    assert repo.ok(*search, "-n").startswith("Would search 's' for the highest acc, in 3 trials, at commit ")
    assert json.loads(repo.ok("table", "--format=json")) == []
