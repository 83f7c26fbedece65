"""`git runs status`: what goes on just now."""

from __future__ import annotations

import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from git_runs.cli import layout
from tests.conftest import Repository, Screen, wait_for

TRAIN = """\
import pathlib, sys, time
steps, place = sys.argv[1:3]
for step in range(1, int(steps) + 1):
    while not pathlib.Path(place, str(step)).exists(): time.sleep(0.01)
    print(f"\\x1b[32mstep {step}/{steps}\\x1b[0m loss {1 / step:.4f} acc 0.{step}", end="\\r", flush=True)
sys.exit("boom" if len(sys.argv) > 3 else 0)
"""
FLAGS = ("--tb-dir-flag=None", "--save-path-flag=None")


class Trainer:
    """Starts runs of a program that goes on when it is told to."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo

    def start(self, name: str, steps: int = 8, *words: str) -> None:
        """A run that waits before its first step."""
        place = self._place(name)
        place.mkdir()
        self.repo.ok("new", *FLAGS, name, " ".join(["python3 train.py", str(steps), str(place), *words]))

    def go_on(self, name: str, *steps: int) -> None:
        """Let it take those steps."""
        for step in steps:
            (self._place(name) / str(step)).touch()
            wait_for(partial(self._has_taken, name, step))

    def _has_taken(self, name: str, step: int) -> bool:
        return f"step {step}/" in self.repo.log(name)

    def _place(self, name: str) -> Path:
        return self.repo.path.parent / f"steps-{name}"


@pytest.fixture
def trainer(repo: Repository) -> Trainer:
    repo.commit("train.py", TRAIN)
    repo.git("config", "runs.metric", "loss:min")
    return Trainer(repo)


def test_nothing_goes_on(repo: Repository) -> None:
    assert repo.ok("status") == "no run goes on; none was started so far\n"
    repo.finish("a")
    assert repo.ok("status").startswith("no run goes on\n\nended in the last 10 minutes\nname")
    path = repo.record_path("a")
    path.write_text(re.sub(r"'20\d\d", "'2001", path.read_text()))
    repo.git("config", "log.date", "short")
    assert "the last one started: 'a', finished, 2001-" in repo.ok("status")
    assert repo.runs("status", "b").code == 1


def test_a_run_says_how_far_it_is(trainer: Trainer) -> None:
    trainer.start("a")
    trainer.go_on("a", 1, 2)
    said, _, titles, _, row, metrics, last = trainer.repo.ok("status").splitlines()
    assert said == "1 run goes on"
    assert titles.split() == ["name", "status", "since", "progress", "left", "step"]
    assert re.fullmatch(r"a     running  \d+ seconds? ago +━{5}─{15}  25%  ~\d+s +2", row)
    assert metrics == "  loss:min: 0.5 █▁   loss: 0.5   acc: 0.2"
    assert last == "  step 2/8 loss 0.5000 acc 0.2"


def test_what_ended_is_shown_for_a_while(trainer: Trainer) -> None:
    trainer.start("bad", 1, "fail")
    trainer.go_on("bad", 1)
    trainer.repo.wait("bad")
    trainer.start("now")
    shown = trainer.repo.ok("status")
    assert re.search(r"^bad +failed +\d+ seconds? ago +\d+s +1$", shown, re.MULTILINE)
    assert shown.endswith("boom\n")
    assert "bad" not in trainer.repo.ok("status", "now")
    assert "1 run goes on" not in trainer.repo.ok("status", "-G", "b*")


def test_a_run_whose_process_is_gone(trainer: Trainer) -> None:
    trainer.start("a")
    trainer.go_on("a", 1)
    record = trainer.repo.record("a")
    subprocess.run(["kill", "-9", str(record["process"]["pid"])], check=True)  # type: ignore[index]
    wait_for(lambda: " lost " in trainer.repo.ok("status"))
    assert "its process is gone; git runs fsck --repair" in trainer.repo.ok("status")


@pytest.mark.parametrize(("columns", "lines"), [(40, 24), (80, 8), (80, 5)])
def test_it_is_no_larger_than_the_terminal(trainer: Trainer, screen: Screen, columns: int, lines: int) -> None:
    for name in ("a", "b", "c"):
        trainer.start(name)
        trainer.go_on(name, 1, 2)
    shown = trainer.repo.on_terminal("status", columns=columns, NO_COLOR="1").splitlines()
    assert max(map(layout.places, shown)) <= columns
    screen.resize(columns, lines)
    screen.type("git runs status --watch --interval=0.2")
    screen.shows("3 runs go on")
    shown = screen.text().splitlines()
    assert len(shown) <= lines
    assert shown[0].endswith("…") or "every 0.2s" in shown[0]
    assert ("and " in shown[-1]) == (lines == 5)
    screen.press("q")
    screen.shows("$")


def test_it_is_watched_in_place(trainer: Trainer, screen: Screen) -> None:
    trainer.start("a", 5)
    trainer.go_on("a", 1)
    screen.type(
        "clear; echo be''fore; git runs status --watch --interval 0.2; echo code=$?; stty -a | grep -o ' echo '"
    )
    screen.shows("step 1/5")
    assert "before" not in screen.text()
    trainer.go_on("a", 2)
    screen.shows("step 2/5")
    assert screen.text().count("1 run goes on") == 1
    screen.resize(60, 20)
    wait_for(lambda: screen.text().splitlines()[0].rstrip()[-8:].count(":") == 2)
    screen.press("x", "q")
    screen.shows("code=0\n echo\n$")  # the terminal is as it was
    assert "before" in screen.text()
    assert "step 2/5" in screen.text()


def test_it_goes_with_the_terminal_and_leaves_it_as_it_was(trainer: Trainer, screen: Screen) -> None:
    trainer.start("a", 5)
    screen.type("clear; echo be''fore; git runs status --watch --interval=60")
    screen.shows("every 60s")
    screen.resize(70, 20)
    screen.shows("every 60s")  # drawn anew at once
    screen.press("C-z")
    screen.shows("Stopped")
    screen.type("stty -a | grep -o ' echo '; fg")
    screen.shows("every 60s")
    screen.press("C-c")
    screen.shows("$ ")
    screen.type("echo code=$?; stty -a | grep -o ' echo '")
    screen.shows("code=130\n echo\n$")
    assert screen.text().startswith("before\n")


def test_elsewhere_it_is_printed_again_and_again(trainer: Trainer) -> None:
    trainer.start("a", 5)
    process = trainer.repo.machine.start(
        "git", "runs", "status", "--watch", "--interval=0.1", "a", cwd=trainer.repo.path
    )
    assert process.stdout
    found = [process.stdout.readline().decode() for _ in range(20)]
    process.send_signal(signal.SIGINT)
    process.communicate()
    heads = [line for line in found if line.startswith("every 0.1s")]
    assert len(heads) > 2
    assert "\x1b" not in "".join(found)


def test_what_took_as_many_steps_shows_how_far_a_run_is(repo: Repository) -> None:
    repo.commit(
        "count.py",
        "import pathlib, sys, time\n"
        "for step in range(int(sys.argv[2])):\n"
        "    print('step', step, 'loss', 1 / (step + 1), flush=True)\n"
        "    while step == 1 and not pathlib.Path(sys.argv[-3]).exists(): time.sleep(0.01)\n",
    )
    go = repo.path.parent / "go"
    runs = [("a", "4", "/"), ("b", "4", go), ("c", "40", go), ("d", "4 --size 8", go)]
    for seed, (name, epochs, file) in enumerate(runs):
        repo.ok("new", "-q", *FLAGS, name, f"python3 count.py --epochs {epochs} --go {file} --seed {seed}")
        wait_for(lambda name=name: "step 1" in repo.log(name))  # type: ignore[misc]
        repo.runs("wait", "--timeout=0.1" if file == go else "--timeout=30", name)
    rows = {line.split()[0]: line for line in filter(None, repo.ok("status").splitlines())}
    assert "50%" in rows["b"]
    assert "%" not in rows["c"] + rows["d"]
    go.touch()
    repo.ok("wait", "b", "c", "d")
