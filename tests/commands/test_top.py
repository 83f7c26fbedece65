"""`git runs top` in a real terminal; tests/results/test_top.py has what is on the screen in detail."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, wait_for

PROGRAM = """import sys
with open(sys.argv[1].removeprefix("--tb-dir=") + "/metrics.csv", "w") as file:
    file.write("step,loss\\n" + "".join(f"{step},{1 / (step + 1)}\\n" for step in range(50)))
for done in range(0, 101, 10):
    print(f"\\r\\x1b[32m{done}%\\x1b[0m|", end="")
print("\\ngood\\x07bye")
"""


@pytest.fixture
def small(repo: Repository, screen: Screen) -> Screen:
    """A terminal of the smallest usual size, in a repository with a run `base`; not in a tmux of the runs'."""
    repo.commit("train.py", PROGRAM)
    repo.ok("new", "-q", "--launcher=foreground", "--save-path-flag=None", "base", "--", "python", "train.py")
    screen.machine.run("tmux", "-L", "screen", "resize-window", "-t", "screen", "-x", "80", "-y", "24")
    screen.type("unset TMUX; stty -a >~/before")
    return screen


def open_top(small: Screen, command: str = "git runs top") -> None:
    """Start it, and wait until it is there."""
    small.type(command)
    small.shows("1 run  1 finished")
    small.shows("log of base")


def is_left_clean(small: Screen, code: int = 0) -> None:
    """The shell has its terminal back, as it was."""
    wait_for(lambda: small.text().rstrip().endswith("$") and not _processes(small))
    small.type("echo left with $?; stty -a >~/after")
    small.shows(f"left with {code}")
    wait_for((small.machine.home / "after").exists)
    wait_for(lambda: small.text().rstrip().endswith("$"))
    assert (small.machine.home / "after").read_text() == (small.machine.home / "before").read_text()


def test_a_small_terminal_shows_it_all(small: Screen) -> None:
    open_top(small)
    small.shows("good\\x07bye")
    lines = small.text().splitlines()
    assert lines[0] == "repo  1 run  1 finished"
    assert lines[1].split() == ["name", "status", "loss", "age▲", "took", "description"]
    assert lines[2].split()[:3] == ["base", "finished", "0.02"]
    assert lines[10].startswith("─ loss  last 0.02  min 0.02  max 1 ─")
    assert "⠉" in small.text()
    assert lines[18].startswith("─ log of base ─")
    assert lines[19:21] == ["100%|", "good\\x07bye"]
    assert lines[23].split("  ")[::8] == ["Space mark", "q quit"]
    assert len(lines) == 24
    small.press("q")
    is_left_clean(small)


@pytest.mark.parametrize(("way", "code"), [("C-c", 0), ("TERM", 143), ("INT", 130)])
def test_it_is_left_clean_whatever_ends_it(small: Screen, way: str, code: int) -> None:
    open_top(small)
    if way == "C-c":
        small.press("C-c")
    else:
        (process,) = _processes(small)
        small.machine.run("kill", f"-{way}", process.name)
    is_left_clean(small, code)


def test_it_stops_and_goes_on_as_a_job(small: Screen) -> None:
    open_top(small)
    small.press("C-z")
    small.shows("Stopped")
    small.type("echo $((20 + 22)); fg")
    small.shows("log of base")
    small.press("q")
    is_left_clean(small)
    assert "42" in small.text()


def test_where_its_terminal_is_gone_it_ends(small: Screen) -> None:
    open_top(small)
    small.machine.run("tmux", "-L", "screen", "kill-server")
    wait_for(lambda: not _processes(small))


def _processes(small: Screen) -> list[Path]:
    found = []
    for process in small.machine.processes():
        with suppress(OSError):
            if b"git-runs\0top" in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def test_the_log_is_read_in_the_pager(small: Screen) -> None:
    open_top(small)
    small.press("l")
    small.shows("(END)")
    assert small.text().splitlines()[-3:] == ["100%|", "good\\x07bye", "(END)"]
    small.press("C-c")

    def is_asked() -> bool:
        small.press("=")  # the terminal drops what is typed just after Ctrl-C
        return "byte" in small.text()

    wait_for(is_asked)
    small.press("q")
    small.shows("log of base")
    small.press("q")
    is_left_clean(small, 130)  # git, which started us, ends by the signal once we have ended


def test_it_is_back_when_one_detaches(repo: Repository, small: Screen) -> None:
    repo.ok("new", *NO_FLAGS, "live", "echo ready; cat")
    small.type("git runs top")
    small.shows("1 running")
    small.press("a")
    wait_for(lambda: repo.machine.tmux("list-clients").out.count("live") == 1)
    small.press("C-b", "d")
    small.shows("1 running")
    small.shows("log of live")
    small.press("K")
    small.shows("Kill run live?")
    small.press("y")
    small.shows("1 killed")
    small.press("q")
    is_left_clean(small)


def test_what_was_begun_is_done_and_said_when_one_quits(repo: Repository, small: Screen) -> None:
    repo.ok("new", *NO_FLAGS, "live", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    small.type("git runs top")
    small.shows("log of live")
    small.shows("ready")
    small.press("K", "y")
    small.shows("Killing run live")
    small.press("q")
    small.shows("hint: what you said yes to is being done")
    small.shows("Killed 1 run")
    is_left_clean(small)


def test_without_runs_it_says_how_to_start_one(repo: Repository, screen: Screen) -> None:
    screen.type("git runs top")
    screen.shows("no run is here; to start one: git runs new <name> <command>")
    repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, "base", "true")
    screen.shows("1 run  1 finished")


def test_where_there_is_nothing_to_attach_to_that_can_be_read(small: Screen) -> None:
    open_top(small)
    small.press("a")
    small.shows("Press Enter to go back.")
    assert "run 'base'" in small.text()
    small.press("Enter")
    small.shows("log of base")


def test_without_a_terminal(repo: Repository) -> None:
    repo.finish("base")
    result = repo.runs("top")
    assert (result.code, result.out) == (128, "")
    assert result.err == "fatal: there is no terminal to show runs on\nhint: git runs table prints them\n"


def test_without_textual(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "other/textual").mkdir(parents=True)
    (tmp_path / "other/textual/__init__.py").touch()
    result = repo.runs("top", PYTHONPATH=os.fspath(tmp_path / "other"))
    assert result.code == 128
    assert result.err == (
        "fatal: a full screen needs textual, which is not installed\nhint: pip install 'git-runs[tui]'\n"
    )


def test_patterns_that_select_nothing_are_refused(repo: Repository) -> None:
    repo.finish("base")
    result = repo.runs("top", "other")
    assert (result.code, result.err) == (1, "error: no run matches 'other'\n")
