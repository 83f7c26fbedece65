"""`git runs plot`: curves in the terminal."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Repository, Screen, prepared, wait_for

PROGRAM = """import json, sys
given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
with open(f"{given['tb-dir']}/metrics.jsonl", "w") as file:
    for step, row in enumerate(json.loads(given["rows"])):
        file.write(json.dumps({"step": step, **row}) + "\\n")
"""


@prepared
def project(repo: Repository) -> None:
    """With a program that writes the metrics it is given."""
    repo.commit("train.py", PROGRAM)


def train(repo: Repository, name: str, *rows: dict[str, float]) -> None:
    """A run with those metrics, step by step."""
    repo.ok("new", "-q", "--launcher=foreground", name, "--", "python", "train.py", f"--rows={json.dumps(rows)}")


def train_two(repo: Repository) -> None:
    """Runs `b`, which gets better, and after it `a`, which gets worse."""
    train(repo, "b", {"loss": 4}, {"loss": 2}, {"loss": 0})
    train(repo, "a", {"loss": 1}, {"loss": 2}, {"loss": 3})


def test_the_metric_that_runs_share_is_drawn_in_the_order_of_their_starts(project: Repository) -> None:
    train_two(project)
    assert project.ok("plot", "--ascii", COLUMNS="30", LINES="13").splitlines() == [
        "loss",
        "   4 +****",
        "     |    ******         ooooo",
        "   2 +       ooo*o*o*oooo",
        "     |ooooooo         *****",
        "   0 +                     ***",
        "     ++-----------+----------+",
        "step  0           1          2",
        "     last  min  max",
        "* b     0    0    4",
        "o a     3    1    3",
    ]


def test_runs_are_chosen_as_for_a_table(project: Repository) -> None:
    train_two(project)

    def drawn(*arguments: str) -> list[str]:
        lines = project.ok("plot", "--ascii", *arguments).splitlines()
        return [line[:3] for line in lines[lines.index(next(line for line in lines if "min" in line)) + 1 :]]

    assert [drawn("-n1"), drawn("--reverse"), drawn("b"), drawn("-G", "[a]"), drawn("--where=name=b")] == [
        ["* a"],
        ["* a", "o b"],
        ["* b"],
        ["* a"],
        ["* b"],
    ]


def test_more_than_ten_runs_are_drawn_only_if_that_is_asked_for(project: Repository) -> None:
    for number in range(11):
        train(project, f"r{number}", {"loss": number})
    result = project.runs("plot")
    assert result.err == "hint: 10 of 11 runs are drawn, the newest; choose with PATTERN, --where or -n\n"
    assert (" r0 " in result.out, " r1 " in result.out, " r10 " in result.out) == (False, True, True)
    result = project.runs("plot", "-n", "11")
    assert (" r0 " in result.out, result.err) == (True, "")


def test_several_metrics_are_drawn_below_each_other(project: Repository) -> None:
    train(project, "a", {"loss": 4, "acc": 0}, {"loss": 2, "acc": 1})
    blocks = [block.splitlines()[0] for block in project.ok("plot").split("\n\n")]
    assert blocks == ["acc", "loss"]
    blocks = [block.splitlines()[0] for block in project.ok("plot", "--metric=loss", "--metric", "acc").split("\n\n")]
    assert blocks == ["loss", "acc"]


def test_which_metric_is_meant_must_be_clear(project: Repository) -> None:
    train(project, "a", {"loss": 4})
    train(project, "b", {"acc": 1, "f1": 1})
    result = project.runs("plot")
    assert (result.code, result.out) == (1, "")
    assert result.err == ("error: these runs have no metric in common\nhint: choose with --metric: acc, f1, loss\n")
    result = project.runs("plot", "--metric=los")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: none of these runs has a metric 'los'; did you mean 'loss'?\nhint: they have acc, f1, loss\n"
    )
    result = project.runs("plot", "--metric=loss")
    assert result.code == 0
    assert result.err == "warning: left out: 1 run without these metrics\n"
    assert project.runs("-c", "runs.metric=loss:min", "plot").err == result.err
    train(project, "c", {f"m{number}": 1 for number in range(30)})
    result = project.runs("plot", "c")
    assert result.code == 1
    assert result.err.startswith(
        "error: these runs have 30 metrics in common\nhint: choose with --metric: m0, m1, m10,"
    )
    assert result.err.endswith(" and 10 more\n")


def test_where_nothing_is_to_be_drawn_that_is_said(project: Repository) -> None:
    assert project.runs("plot").err == "error: there are no runs to plot\n"
    project.finish("a")
    assert project.runs("plot").err.startswith("error: run 'a' has no metrics\nhint: ")
    project.finish("b")
    result = project.runs("plot")
    assert (result.code, result.out, result.err) == (1, "", "error: none of the 2 runs has metrics\n")


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_drawn(project: Repository) -> None:
    train(project, "a", {"loss": 4})
    project.record_path("a").write_text("{")
    result = project.runs("plot")
    assert (result.code, result.out) == (1, "")
    assert "a.yml" in result.err.splitlines()[0]
    assert result.err.endswith("\nerror: there are no runs to plot\n")
    train(project, "b", {"loss": 4})
    result = project.runs("plot")
    assert (result.code, result.out[:4]) == (1, "loss")
    assert "a.yml" in result.err


@pytest.mark.parametrize(("axis", "message"), [("time", "when these metrics"), ("epoch", "in which epochs these")])
def test_an_axis_that_is_not_known(project: Repository, axis: str, message: str) -> None:
    train(project, "a", {"loss": 4})
    result = project.runs("plot", f"--x={axis}")
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert result.err.endswith("hint: --x=step draws them by their steps\n")


def test_a_weight_is_less_than_one(project: Repository) -> None:
    for weight in ("1", "-0.1", "nan", "much"):
        result = project.runs("plot", f"--smooth={weight}")
        assert result.code == 129
        assert f"'{weight}' is not a number from 0 to less than 1" in result.err


def test_names_of_metrics_do_not_reach_the_terminal_as_commands(project: Repository) -> None:
    train(project, "a", {"\x1b[2Jloss\n": 4})
    assert project.ok("plot").splitlines()[0] == "\\x1b[2Jloss\\n"


@pytest.mark.parametrize(
    ("locale", "has_dots"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "xx_XX.utf8"}, True),  # of a machine that one came from by ssh(1)
        ({"LANG": "C"}, False),
        ({"LANG": ""}, False),
        ({"LANG": "C", "LC_CTYPE": "UTF-8"}, True),  # as macOS has it
        ({"LC_ALL": "de_DE.ISO-8859-15@euro"}, False),
        ({"LC_ALL": "zh_CN.GB18030"}, False),  # which has braille, but in other bytes
        ({"PYTHONIOENCODING": "latin-1:replace"}, False),
        ({"LANG": "C", "PYTHONIOENCODING": "utf-8"}, True),
        ({"TERM": "linux"}, False),
    ],
)
def test_dots_are_drawn_where_they_are_shown(project: Repository, locale: dict[str, str], has_dots: bool) -> None:
    train(project, "a", {"loss": 4}, {"loss": 2})
    assert ("⠉" in project.ok("plot", cwd=None, **locale)) == has_dots
    assert project.ok("plot", "--ascii", cwd=None, **locale).isascii()
    assert "⠉" in project.ok("plot", "--no-ascii", cwd=None, **locale)


def test_colors_are_as_git_has_them(project: Repository) -> None:
    train(project, "a", {"loss": 4})

    def is_colored(*config: str, **environment: str) -> bool:
        for setting in config:
            project.git("config", *setting.split("="))
        return "\x1b[36m" in project.ok("plot", cwd=None, **environment)

    assert not is_colored()
    assert is_colored("color.runs=always", NO_COLOR="1")  # which settings override: https://no-color.org
    assert not is_colored("color.runs=false", "color.ui=always")


def test_on_a_terminal_one_plot_and_the_prompt_fit(project: Repository, screen: Screen) -> None:
    train_two(project)
    screen.type("git runs plot")
    screen.shows("━ a")
    wait_for(lambda: screen.text().splitlines()[-1] == "$")
    lines = screen.text().splitlines()
    assert (lines[0], lines[1], len(lines)) == ("$ git runs plot", "loss", 48)
    assert any("⠉" in line for line in lines)
    screen.type("clear; NO_COLOR=1 git runs plot; echo done.")
    screen.shows("\n* b ")
    assert "⠉" not in screen.text()
