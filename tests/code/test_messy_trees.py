"""Runs of the trees in messy_trees.py, in three ways, and what becomes of them; in the short form each in one way."""

from __future__ import annotations

import pytest

from tests.code.messy_trees import CASES, edit_all_that_git_sees
from tests.conftest import NO_FLAGS, Repository, can_mount
from tests.faults.harness import FULL, one_of

WAYS = {"tree": ("--no-isolate",), "isolate": ("--isolate",)} | ({"mount": ("--isolate=mount",)} if can_mount else {})


@pytest.mark.parametrize("way", WAYS if FULL else ["any"])  # there are many cases
@pytest.mark.parametrize("name", CASES)
def test_what_is_promised_holds(repo: Repository, name: str, way: str) -> None:
    way = one_of([*WAYS], name) if way == "any" else way
    print("way:", way)
    promise = CASES[name].promises[way]
    command = CASES[name].make(repo)
    expected = repo.machine.run("bash", "-c", command, cwd=repo.path).out
    started = repo.runs("new", "-q", *NO_FLAGS, "--snapshot", *WAYS[way], "--launcher=foreground", "x", command)
    assert promise.text in started.err
    if promise.kind == "refused":
        assert started.code == 128
        assert repo.refs() == []
        return
    assert started.code == 0, started
    if promise.kind in ("said", "limit"):
        return
    assert started.out == expected or promise.kind == "repeated"
    edit_all_that_git_sees(repo)
    again = repo.runs("reproduce", "--run", "--wait", "x")
    assert "Reproduction: equal\n" in again.out, again
