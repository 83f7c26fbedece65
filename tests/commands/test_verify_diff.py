"""`git runs verify` and `git runs diff`: two runs side by side."""

from __future__ import annotations

import json

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, prepared


@prepared
def two(repo: Repository) -> None:
    """Runs `a` and `b` that differ in flag, code, environment and output."""
    repo.ok(
        "new",
        "-q",
        *NO_FLAGS,
        "-m",
        "same",
        "a",
        "echo --lr=1 -n 3 in.txt; echo one >$RUNS_CHECKPOINT_DIR/m",
        MY_SEED="1",
    )
    repo.wait("a")
    repo.commit("train.py", "changed\n")
    repo.ok(
        *("new", "-q", *NO_FLAGS, "-m", "same", "b"),
        "echo -n 4 --lr=1 in.txt --fast; echo two >$RUNS_CHECKPOINT_DIR/m; touch $RUNS_TB_DIR/t",
        MY_SEED="2",
    )
    repo.wait("b")


def test_what_is_missing_is_named_as_in_the_usage(repo: Repository) -> None:
    for command, missing in [("verify", "<a>, <b>"), ("describe", "<name>")]:
        result = repo.runs(command)
        assert (result.code, result.err.splitlines()[0]) == (129, f"error: missing: {missing}")


def test_verify_shows_what_is_equal_and_what_is_not(two: Repository) -> None:
    result = two.runs("verify", "a", "b")
    assert result.code == 1
    assert [line.split(maxsplit=2)[:2] for line in result.out.splitlines()[3:]] == [
        ["log", "different"],
        ["tensorboard/t", "only"],
        ["checkpoints/m", "different"],
    ]
    assert "line 1: '--lr=1 -n 3 in.txt' / " in result.out
    result = two.runs("verify", "a", "a")
    assert (result.code, "different " in result.out) == (0, False)
    assert json.loads(two.runs("verify", "--format=json", "a", "b").out)[2] == {
        "output": "tensorboard/t",
        "state": "only in b",
        "differs first in": None,
    }


def test_verify_fits_the_terminal(two: Repository) -> None:
    lines = two.on_terminal("verify", "a", "b", columns=70).splitlines()
    assert max(map(len, lines)) <= 70
    place = lines[0].index("differs first in")
    first = next(number for number, line in enumerate(lines) if line.startswith("log "))
    told = " ".join(line[place:] for line in lines[first : first + 2])
    assert told == "line 1: '--lr=1 -n 3 in.txt' / '4 --lr=1 in.txt --fast'"


def test_diff_shows_command_record_environment_and_code(two: Repository) -> None:
    result = two.runs("diff", "a", "b")
    assert result.code == 1
    assert result.out.startswith("parameter    a    b\n")
    assert "\n\ncommand\n- -n 3\n+ -n 4\n" in result.out
    assert "environment\n  MY_SEED: was '1', is '2'\n" in result.out
    assert " train.py | 3 +--\n" in result.out
    assert "record" not in result.out
    assert two.runs("diff", "a", "a").code == 0
    assert two.ok("diff", "a", "a") == ""


def test_diff_aligns_flags_by_name(repo: Repository) -> None:
    repo.finish("a", "true --lr=1 --name 'it is' x --old", *NO_FLAGS)
    repo.finish("b", "true --name 'it was' --lr=1 x --new=2", *NO_FLAGS)
    lines = "\ncommand\n- --name 'it is'\n+ --name 'it was'\n- --old\n+ --new=2\n"
    assert repo.runs("diff", "a", "b").out.endswith(lines)


def test_a_number_that_is_written_in_another_way_is_no_other_parameter(repo: Repository) -> None:
    repo.finish("a", "true --lr=0.3 --seed=1", *NO_FLAGS)
    repo.finish("b", "true --lr=3e-1 --seed=2", *NO_FLAGS)
    found = json.loads(repo.runs("diff", "--format=json", "a", "b").out)
    assert (found["params"], found["command"]["--lr"]) == ({"seed": ["1", "2"]}, ["--lr=0.3", "--lr=3e-1"])
    assert "lr" not in repo.ok("compare", "a", "b")


def test_diff_shows_the_patch_and_hands_arguments_to_git(two: Repository) -> None:
    assert "\n+changed\n" in two.runs("diff", "-p", "a", "b").out
    assert "{+changed+}" in two.runs("diff", "-p", "a", "b", "--", "--word-diff").out
    assert "train.py" not in two.runs("diff", "a", "b", "--", "--", "other").out


def test_diff_for_programs(two: Repository) -> None:
    parts = json.loads(two.runs("diff", "--format=json", "a", "b").out)
    assert parts["command"]["-n"] == ["-n 3", "-n 4"]
    assert parts["environment"] == ["MY_SEED: was '1', is '2'"]
    assert set(parts) == {"params", "command", "environment", "code"}


def test_diff_of_records(repo: Repository) -> None:
    repo.finish("a", "true", "-m", "one\n\x1b[31m", *NO_FLAGS)
    repo.finish("b", "true", "-m", "two", "--shell=sh", *NO_FLAGS)
    assert repo.runs("diff", "a", "b").out == (
        "record\n- description: one\\n\\x1b[31m\n+ description: two\n- settings.shell: bash\n+ settings.shell: sh\n"
    )


def test_colours_are_gits(two: Repository, screen: Screen) -> None:
    two.git("config", "color.diff", "always")
    assert "\x1b[31m- -n 3\x1b[m\n\x1b[32m+ -n 4\x1b[m\n" in two.runs("diff", "a", "b").out
    two.git("config", "color.diff", "false")
    assert "\x1b" not in two.runs("diff", "a", "b").out


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("true x --seed=1 && true y", "true x && true y --seed=1"),
        ('true "$HOME"', "true '$HOME'"),
        ("true a\ntrue b", "true a true b"),
    ],
)
def test_diff_separates_commands_whose_words_are_the_same(repo: Repository, a: str, b: str) -> None:
    for name, command in (("a", a), ("b", b)):
        repo.finish(name, command, *NO_FLAGS)
    result = repo.runs("diff", "a", "b")
    assert (result.code, result.out.splitlines()[0]) == (1, "command")


def test_diff_shows_that_an_environment_was_not_recorded(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name, "true", *NO_FLAGS)
    path = repo.record_path("b")
    path.write_text(path.read_text().split("environment:")[0])
    assert repo.runs("diff", "a", "b").out == "environment\n  of run 'b' the environment was not recorded\n"


def test_verify_waits_for_nobody(repo: Repository) -> None:
    repo.finish("a", "true", *NO_FLAGS)
    repo.ok("new", "-q", *NO_FLAGS, "b", "sleep 60")
    result = repo.runs("verify", "a", "b")
    assert (result.code, result.err) == (128, "fatal: run 'b' goes on\nhint: git runs wait b\n")


def test_diff_shows_what_cannot_be_compared(repo: Repository) -> None:
    for name in ("a", "b"):
        (repo.path / "train.py").write_text(name)
        repo.finish(name, "true", "-m", "same", "--allow-dirty", *NO_FLAGS)
        repo.machine.environment["OTHER"] = "1"
    result = repo.runs("diff", "a", "b")
    assert result.code == 1
    assert result.out == (
        "record\n- code: with uncommitted changes, which nothing keeps\n"
        "+ code: with uncommitted changes, which nothing keeps\n\n"
        "environment\n  variables that differ: OTHER\n"
    )


def test_diff_of_submodules_that_git_is_set_to_overlook(repo: Repository) -> None:
    repo.add_submodules("lib")
    repo.finish("a", "true", "-m", "same", *NO_FLAGS)
    Repository(repo.machine, repo.path / "lib").commit("code", "new\n")
    repo.git("commit", "-q", "-a", "-m", "newer")
    repo.finish("b", "true", "-m", "same", *NO_FLAGS)
    repo.git("config", "diff.ignoreSubmodules", "all")
    repo.git("config", "diff.external", "true")
    assert " lib | 2 +-\n" in repo.runs("diff", "a", "b").out
    assert "Subproject commit" in repo.runs("diff", "-p", "a", "b").out


def test_diff_of_paths_that_are_gone(two: Repository) -> None:
    two.git("rm", "-q", "train.py")
    two.git("commit", "-q", "-m", "without")
    assert " train.py | " in two.runs("diff", "a", "b", "--", "--exit-code", "train.py").out


def test_diff_without_a_commit(two: Repository) -> None:
    path = two.record_path("b")
    path.write_text(path.read_text().replace(str(two.record("b")["commit"]), "1" * 40))
    assert two.runs("diff", "a", "b").err.startswith(
        f"error: run 'b': its commit '{'1' * 40}' is not in this repository"
    )
