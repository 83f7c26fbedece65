"""`git runs table` on a terminal: what differs, in the columns for which there is room."""

from __future__ import annotations

import re

import pytest

from git_runs.cli import layout
from git_runs.cli.overview import PAGE
from tests.conftest import NO_FLAGS, Repository, Screen, prepared, wait_for

TRAIN = """\
import argparse, pathlib, sys
parser = argparse.ArgumentParser()
for flag in ("--tb-dir", "--loss", "--lr", "--seed", "--epochs", "--wait"):
    parser.add_argument(flag, default="")
args = parser.parse_args()
steps = range(int(args.epochs) // (2 if args.wait else 1))
lines = ["step,loss"] + [f"{step},{float(args.loss) + 9 - step}" for step in steps]
pathlib.Path(args.tb_dir, "metrics.csv").write_text("\\n".join(lines) + "\\n")
print("ready", flush=True)
if args.wait:
    while not pathlib.Path(args.wait).exists(): pass
"""
NO_SAVING = "--save-path-flag=None"
BOLD, GREEN, RED, CYAN, RESET = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[36m", "\x1b[m"


@prepared
def trained(repo: Repository) -> None:
    """Two runs of a program that differ in two parameters, and one that failed."""
    repo.commit("train.py", TRAIN, "Learn XOR")
    for name, lr, loss in (("slow", "0.01", "0.5"), ("fast", "0.1", "0.25")):
        flags = f"--loss={loss} --lr={lr} --seed=7 --epochs=10"
        repo.finish(name, f"python3 train.py {flags}", "-m", "長い説明", NO_SAVING)
    repo.finish("bad", "python3 train.py --loss=x --lr=1.0 --seed=7 --epochs=10", "-m", "長い説明", NO_SAVING)
    repo.git("config", "runs.metric", "loss:min")


def lines(repo: Repository, *arguments: str, columns: int = 80) -> list[str]:
    """Those of the table without colours, and without blanks at their ends."""
    shown = repo.on_terminal("table", *arguments, columns=columns, NO_COLOR="1")
    return [line.rstrip() for line in shown.splitlines()]


def test_what_all_runs_agree_in_is_said_once(trained: Repository) -> None:
    commit = trained.git("rev-parse", "HEAD")[:10]
    said, title, line, *rows = [line for line in lines(trained, "--sort=name", columns=200) if line]
    host = trained.lookup("fast", "host")
    pairs = ["command: python3 train.py …", "seed: 7", "epochs: 10", f"commit: {commit}", "description: 長い説明"]
    assert said.split("   ")[:5] == pairs
    assert f"host: {host}" in said
    assert title.split()[:4] == ["name", "status", "loss:min", "loss"]
    assert {"lr"} < set(title.split())
    assert set(line) == {"─", " "}
    assert [row.split()[:3] for row in rows] == [
        ["bad", "failed", "_"],
        ["fast", "finished", "0.25"],
        ["slow", "finished", "0.5"],
    ]
    assert "█▇▆▆▅▄▃▃▂▁" in rows[1]
    assert "second" in said + rows[0]


def test_a_single_run_has_all_above_that_is_long(trained: Repository) -> None:
    shown = lines(trained, "fast", columns=60)
    assert "description: 長い説明" in "\n".join(shown[: shown.index("")])
    assert shown[-1].split()[:3] == ["fast", "finished", "0.25"]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 160])
def test_no_line_is_longer_than_the_terminal_is_wide(trained: Repository, columns: int) -> None:
    for arguments in ((), ("--columns=name,command,description,datetime,commit,id",)):
        shown = lines(trained, *arguments, columns=columns)
        assert max(map(layout.places, shown)) <= columns
        assert any(line.startswith("fast") for line in shown)


def test_what_there_is_no_room_for_is_named(trained: Repository) -> None:
    text = "\n".join(lines(trained, "--hidden-columns=datetime,duration", columns=30))
    assert "\nno room for lr; -w shows all\n" in text
    text = "\n".join(lines(trained, "--columns=name,id,datetime,commit,lr,seed,host", columns=30))
    assert "no room for 5 columns; -w sho…\n" in text
    assert "  lr" in "\n".join(lines(trained, "-w", columns=30))


def test_names_that_begin_alike_stay_apart(repo: Repository) -> None:
    name = "grid/lr=0.1,seed=1,epochs=10,width=64"
    for one in (name, f"{name}-repro"):
        repo.finish(one, f"true {'long ' * 20}{one}", *NO_FLAGS, "-m", "long " * 20)
    rows = lines(repo, "--sort=name", "--columns=name,status", columns=36)[-2:]
    names = [row.split()[0] for row in rows]
    assert [one.rpartition("…")[2] for one in names] == ["=10,width=64", "dth=64-repro"], rows


def test_colours_are_gits_and_the_best_value_is_bold(trained: Repository) -> None:
    shown = trained.on_terminal("table")
    assert f"{GREEN}finished{RESET}" in shown
    assert f"{RED}failed{RESET}" in shown
    assert f"{BOLD}0.25{RESET}" in shown
    trained.git("config", "runs.metric", "-loss:min")
    trained.git("config", "color.runs.failed", "blue")
    shown = trained.on_terminal("table")
    assert f"{BOLD}0.5{RESET}" in shown
    assert "\x1b[34mfailed" in shown
    assert "\x1b" not in trained.on_terminal("table", NO_COLOR="1")
    assert "\x1b" not in trained.on_terminal("table", TERM="dumb")
    for key in ("color.runs", "color.ui"):
        trained.git("config", key, "false")
        assert "\x1b" not in trained.on_terminal("table")
        trained.git("config", "--unset", key)


def test_dates_and_hashes_are_as_git_is_told(trained: Repository) -> None:
    trained.git("config", "log.date", "format:on day %j")
    trained.git("config", "core.abbrev", "7")
    text = "\n".join(lines(trained, columns=200))
    assert re.search(r"on day \d{3}", text)
    assert f"commit: {trained.git('rev-parse', 'HEAD')[:7]}   " in text


def test_columns_that_were_asked_for_are_the_columns(trained: Repository) -> None:
    _, *rows = lines(trained, "--columns=name,host,lr", "--sort=lr", columns=100)
    assert [row.split()[::2] for row in rows[1:]] == [["slow", "0.01"], ["fast", "0.1"], ["bad", "1.0"]]
    text = "\n".join(lines(trained, "--hidden-columns=status,command,loss:min,seed", columns=200))
    assert not re.search("status|command|loss:min|seed", text)
    assert max(map(len, lines(trained, "--columns=id", "--column-width=10")[2:])) == 10
    trained.git("config", "runs.column-width", "12")
    assert max(map(len, lines(trained, "--columns=id")[2:])) == 12


def test_a_column_that_is_only_drawn_is_no_value(trained: Repository) -> None:
    said = trained.runs("table", "--columns=name,progress").err
    assert said == "warning: 'progress' is no value of a run: a table on a terminal has it where no columns are named\n"


def test_what_gives_the_runs_their_order_is_shown(trained: Repository) -> None:
    def title_and_names(*arguments: str) -> list[list[str]]:
        shown = [line.split() for line in lines(trained, *arguments, columns=60) if line]
        return [row if "name" in row else row[:1] for row in shown if {"name", "slow", "fast", "bad"} & {*row}]

    title, *names = title_and_names("--sort=loss:max")
    assert title[:4] == ["name", "status", "loss:min", "loss:max"]
    assert names == [["fast"], ["slow"], ["bad"]]
    for key in ("metric", "loss:min", "metrics.loss:min", "lr", "params.lr", "-datetime"):
        title, *_ = title_and_names(f"--sort={key}")
        assert [title.count(one) for one in ("loss:min", "lr", key)] == [1, 1, int(key in ("loss:min", "lr"))]
    assert "loss:n: 10" in " ".join(lines(trained, "fast", "slow", "--sort=loss:n", columns=200))
    assert "loss:max" not in "".join(lines(trained, "--sort=loss:max", "--hidden-columns=loss:max", columns=200))
    assert trained.on_terminal("table", "--sort=losss").count("warning: none of these runs") == 1
    assert trained.ok("table", "--sort=loss:max").splitlines()[0] == trained.ok("table").splitlines()[0]


def test_what_goes_elsewhere_is_as_it_was(trained: Repository) -> None:
    piped = trained.ok("table")
    assert piped.splitlines()[0].split()[:3] == ["name", "status", "loss:min"]
    assert trained.on_terminal("table", "--format=simple") == piped
    assert trained.on_terminal("table", "--format=csv") == trained.ok("table", "--format=csv")
    assert trained.machine.run("git", "runs", "table", cwd=trained.path, COLUMNS="40").out == piped


def test_a_run_that_goes_on_shows_how_far_it_is(trained: Repository) -> None:
    """By the steps of those that ended, from 0 on: 5 of 10."""
    mark = trained.path.parent / "go"
    command = f"python3 train.py --loss=1 --lr=0.3 --seed=8 --epochs=10 --wait={mark}"
    trained.ok("new", NO_SAVING, "now", command)
    wait_for(lambda: "ready" in trained.log("now"))
    row = next(line for line in lines(trained, columns=200) if line.startswith("now"))
    assert re.search("━━── 50%", row)
    mark.touch()
    trained.wait("now")
    assert "%" not in "\n".join(lines(trained, columns=200))


def test_texts_cannot_steer_the_terminal(repo: Repository) -> None:
    repo.finish("a", "true --x=1", "-m", "one\x1b[31m\nand more", *NO_FLAGS)
    repo.finish("b", "true --x='\x1b[2J'", "-m", "two\x07", *NO_FLAGS)
    shown = "\n".join(lines(repo, columns=200))
    assert "\\x1b[31m …" in shown
    assert "two\\x07" in shown
    assert "\x1b" not in shown + "\n".join(lines(repo, "--columns=description,x"))


def test_a_terminal_without_unicode_gets_ascii(trained: Repository) -> None:
    trained.ok("describe", "bad", "-m", "plain")
    text = trained.on_terminal("table", "fast", "bad", "--hidden-columns=description", NO_COLOR="1", LC_ALL="C")
    assert text.isascii()
    assert "python3 train.py ..." in text


def test_the_pager_gets_the_width_of_the_terminal(trained: Repository, screen: Screen) -> None:
    screen.type("GIT_PAGER='cat; echo end $((1+1))' git runs table --sort=name")
    screen.shows("end 2")
    text = screen.text()
    assert "command: python3 train.py …   seed: 7" in text
    assert max(map(layout.places, text.splitlines())) > 100


def test_no_run_is_no_table(repo: Repository) -> None:
    assert repo.on_terminal("table").startswith("hint: no run is here so far")
    repo.finish("a")
    assert repo.on_terminal("table", "--where=status=failed") == ""


def test_what_is_said_above_holds_for_the_rows_below(repo: Repository) -> None:
    repo.finish("old", "true --lr=1", "-m", "old", *NO_FLAGS)
    text = repo.record_path("old").read_text().replace("datetime: '20", "datetime: '30")
    for number in range(PAGE):
        path = repo.record_path(f"r{number}")
        path.write_text(text.replace("host: ", "host: other-").replace("--lr=1", "--lr=2"))
    shown = [line for line in lines(repo, "--sort=-datetime") if "host: " in line or line.startswith("old")]
    host = repo.lookup("old", "host")
    assert [re.search(r"host: (\S+)", line) is not None for line in shown] == [True, True, False]
    assert f"host: other-{host}" in shown[0]
    assert f"host: {host}" in shown[1]
