"""Parameters where runs are shown, chosen and compared."""

from __future__ import annotations

import json

import pytest

from tests.conftest import NO_FLAGS, Repository, prepared


@prepared
def runs(repo: Repository) -> None:
    """Three runs of one program with other flags."""
    repo.finish("a", "true --lr=0.1 --seed 3 --amp", *NO_FLAGS)
    repo.finish("b", "true --lr 1e-2 --seed 20 status=mine", *NO_FLAGS, "--param=lr=0.01", "--param=note=by hand")
    repo.finish("c", "true --lr=0.10 --tag x --tag y", *NO_FLAGS)


def test_parameters_are_columns(runs: Repository) -> None:
    words = ("--columns=name,lr,seed,amp,tag,note", "--sort=name", "--format=csv")
    result = runs.runs("table", *words)
    assert result.err == ""
    rows = ["a,0.1,3,true,,", "b,0.01,20,,,by hand", 'c,0.10,,,"[""x"", ""y""]",']
    assert result.out.splitlines() == ["name,lr,seed,amp,tag,note", *rows]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("lr=0.1", ["a", "c"]),
        ("lr!=0.1", ["b"]),
        ("lr<0.05", ["b"]),
        ("seed>4", ["b"]),
        ("amp=true", ["a"]),
        ("params.lr>=0.1", ["a", "c"]),
        ("status=finished", ["a", "b", "c"]),  # a field comes first
        ("params.status=mine", ["b"]),
        ("note~hand", ["b"]),
    ],
)
def test_parameters_choose_runs(runs: Repository, condition: str, names: list[str]) -> None:
    assert runs.ok("list", f"--where={condition}").split() == names


def test_parameters_sort_by_size(runs: Repository) -> None:
    table = runs.ok("table", "--columns=name", "--sort=-seed", "--format=csv")
    assert table.split() == ["name", "b", "a", "c"]


def test_what_differs_is_shown_first(runs: Repository) -> None:
    shown = runs.runs("diff", "a", "b").out
    lines = ["parameter    a     b", "lr           0.1   0.01", "seed         3     20", "amp          true  _"]
    assert [line.rstrip() for line in shown.splitlines() if not line.startswith("--")][:4] == lines
    parts = json.loads(runs.runs("diff", "--format=json", "a", "b").out)
    assert parts["params"]["lr"] == ["0.1", "0.01"]
    assert parts["params"]["note"] == [None, "by hand"]


def test_given_parameters_go_with_a_rerun(runs: Repository) -> None:
    assert runs.record("b")["params"] == {"lr": "0.01", "note": "by hand"}
    runs.ok("reproduce", "--run", "--wait", "b")
    assert runs.record("b-repro")["params"] == {"lr": "0.01", "note": "by hand"}
    assert "--param='note=by hand'" in runs.ok("reproduce", "-n", "b")
    assert runs.runs("new", "--param=lr", "d", "true").code == 129
