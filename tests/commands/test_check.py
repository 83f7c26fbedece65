"""`git runs check`, and `git bisect run` with it, as the manual shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository

MANUAL = Path(__file__).parents[2].joinpath("man/git-runs-check.md").read_text()
EXAMPLES = re.findall(r"^```console\n\$ (.*?)\n```$", MANUAL, re.MULTILINE | re.DOTALL)
TRAIN = "print('step 1: val_loss {0}\\nstep 2: val_loss {0}5')\n"
TEST = "import re, sys\nsys.exit(re.search('loss 0.(.)', open('train.py').read())[1] > '3')\n"


def test_the_exit_code_says_whether_all_conditions_hold(repo: Repository) -> None:
    repo.finish("base", "echo step 1: loss 0.25; exit 3", *NO_FLAGS, "--param", "lr=0.1")
    for conditions in (["loss:min<0.3"], ["loss<0.3", "lr=0.1", "status=failed"], ["signal!=9"], ["tag!=bad"]):
        result = repo.runs("check", "base", *conditions)
        assert (result.code, result.out, result.err) == (0, "", "")
    result = repo.runs("check", "-", "loss<0.2", "lr=0.1", "exit-code=0", "tag=good")
    assert result.code == 1
    assert result.err == (
        "error: run 'base': not loss<0.2, but 0.25\n"
        "error: run 'base': not exit-code=0, but 3\n"
        "error: run 'base': not tag=good, but none\n"
    )
    assert repo.runs("check", "-q", "base", "loss<0.2").err == ""


def test_a_value_that_is_missing_is_another_no(repo: Repository) -> None:
    repo.finish("base", "echo step 1: val_loss 0.25", *NO_FLAGS)
    result = repo.runs("check", "base", "val_los<0.3", "val_loss<0.2")
    assert result.code == 125
    assert result.err.splitlines() == [
        "error: run 'base' has no 'val_los'; did you mean 'val_loss'?",
        "error: run 'base': not val_loss<0.2, but 0.25",
    ]
    for arguments in (["no-such-run", "loss<0.2"], ["base", "loss"], ["@{7}", "loss<1"], ["", "loss<1"]):
        assert repo.runs("check", *arguments).code == 128, arguments
    assert repo.runs("check", "base").code == 129


def test_a_text_is_not_less_or_greater_than_a_number(repo: Repository) -> None:
    repo.finish("base", "echo step 1: loss 0.25", *NO_FLAGS, "--param", "lr=auto", "--param", "decay=nan")
    for condition in ("lr>1", "decay>0.5", "loss<O.3", "loss<", "loss<=nan", "status>1"):
        assert repo.runs("check", "base", condition).code == 1, condition
    assert repo.runs("check", "base", "lr<b", "lr>=auto", "loss<inf").code == 0


@pytest.mark.parametrize("example", [EXAMPLES[0], EXAMPLES[2]], ids=["check", "exit code"])
def test_bisect_finds_the_commit_that_made_a_metric_worse(repo: Repository, example: str) -> None:
    repo.commit("test.py", TEST)
    repo.commit("train.py", TRAIN.format("0.1"))
    repo.git("tag", "v1.0")
    for content in ("0.11", "0.12"):
        repo.commit("train.py", TRAIN.format(content), "good")
    broken = repo.commit("train.py", "raise SystemExit('loss 0.1')\n", "broken")  # the first that is tried
    repo.commit("train.py", TRAIN.format("0.13"), "good again")
    worse = repo.commit("train.py", TRAIN.format("0.4"), "worse")
    repo.commit("train.py", TRAIN.format("0.42"), "still so")
    result = repo.machine.run("sh", "-ec", re.sub(r"^\$ ", "", example, flags=re.MULTILINE), cwd=repo.path)
    assert f"{worse} is the first bad commit\n" in result.out, result
    assert broken in [repo.lookup(name, "commit") for name in repo.ok("list").split()]
    assert repo.git("status", "--porcelain") == ""


def test_the_runs_of_a_bisection_stay(repo: Repository) -> None:
    repo.finish("bisect", "echo step 1: val_loss 0.25", *NO_FLAGS)
    result = repo.machine.run("sh", "-ec", EXAMPLES[1].removeprefix("$ "), cwd=repo.path)
    assert "bisect" in result.out.splitlines()[2], result
