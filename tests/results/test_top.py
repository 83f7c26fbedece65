"""The full screen, by textual's pilot, over real repositories; tests/commands/test_top.py has it in a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from textual.app import App
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget

from git_runs import project
from git_runs.commands import top
from git_runs.project import Project
from git_runs.results.top.app import Top
from git_runs.results.top.curve import CurvePane
from git_runs.results.top.filter import FilterLine
from git_runs.results.top.footer import KeyLine
from git_runs.results.top.heading import Heading
from git_runs.results.top.help import Help
from git_runs.results.top.log import LogPane
from git_runs.results.top.question import Question
from git_runs.results.top.table import RunsTable
from git_runs.results.top.watch import Watch
from git_runs.system import programs
from git_runs.system.git.discovery import Search
from tests.conftest import BOUND, Repository, prepared, wait_for

PROGRAM = """import json, sys, time
given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
with open(f"{given['tb-dir']}/metrics.jsonl", "w", buffering=1) as file:
    for step, loss in enumerate(json.loads(given["losses"])):
        file.write(json.dumps({"step": step, "loss": loss}) + "\\n")
    print(f"lr is {given['lr']}", flush=True)
    if "stay" in given:
        time.sleep(600)
"""
Steps = Callable[[Pilot[None], Top], Awaitable[None]]


@prepared
def three(repo: Repository) -> None:
    """Runs `a`, `b` and `c` that have finished, one after the other."""
    repo.commit("train.py", PROGRAM)
    for name, lr, losses in (("a", 0.3, [4, 1]), ("b", 0.01, [4, 3]), ("c", 0.1, [4, 2])):
        train(repo, name, lr, losses, "--launcher=foreground")


@pytest.fixture
def trained(three: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """With those runs, and where this process is now, too."""
    repo = three
    umask = os.umask(0o022)
    os.umask(umask)
    monkeypatch.chdir(repo.path)
    for name, value in repo.machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield repo
    os.umask(umask)
    programs.child_umask = -1


def train(repo: Repository, name: str, lr: float, losses: Sequence[float], *options: str, stay: bool = False) -> None:
    """A run with that metric; it goes on if it is to `stay`."""
    more = ["--stay=true"] if stay else []
    program = ["python", "train.py", f"--lr={lr}", f"--losses={json.dumps(losses)}", *more]
    repo.ok("new", "-q", "-m", f"About {name}", *options, name, "--", *program)
    wait_for(lambda: repo.record(name)["status"] == ("running" if stay else "finished"))


def on_screen(steps: Steps, *, where: tuple[str, ...] = (), size: tuple[int, int] = (80, 24)) -> None:
    """Do that on a screen that shows all runs."""

    async def run() -> None:
        args = Namespace(patterns=[], patterns_too=[], glob=False, where=[*where])
        screen = top.make(project.find(Search()), args)
        async with screen.run_test(size=size) as pilot:
            await until(pilot, lambda: len(names(screen)) > 0)
            await steps(pilot, screen)
        screen.finish()

    asyncio.run(run())


async def until(pilot: Pilot[None], state: Callable[[], object]) -> None:
    """Return when that is so; fail when it takes too long."""
    deadline = time.monotonic() + BOUND
    while not state():
        assert time.monotonic() < deadline, f"the state did not come about in time; {said(pilot.app)}"
        await pilot.pause(0.02)


def names(screen: Top) -> list[str]:
    """The runs in the table, from above."""
    return [row.name for row in screen.query_one(RunsTable).rows]


def text(widget: Widget) -> str:
    """What a part of the screen shows."""
    lines = [widget.render_line(line).text.rstrip() for line in range(widget.size.height)]
    return "\n".join([Content.from_markup(widget.border_title or "").plain, *lines])


def said(screen: App[None]) -> str:
    """All notifications."""
    return "\n".join(one.message for one in screen._notifications)


def asked(screen: Top) -> list[str]:
    """What is in the question that is on the screen."""
    if not isinstance(screen.screen, Question):
        return []
    return [line for part in screen.screen.query("Static") for line in str(part.render()).splitlines()]


# --- what is shown


def test_the_newest_run_is_chosen_and_shown_with_its_curve_and_log(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        table, curve, log = screen.query_one(RunsTable), screen.query_one(CurvePane), screen.query_one(LogPane)
        assert names(screen) == ["c", "b", "a"]
        await until(pilot, lambda: "lr is 0.1" in text(log))
        assert "loss  last 2  min 2  max 4" in text(curve)
        assert text(table).splitlines()[2].split()[:3] == ["c", "finished", "2"]
        await pilot.press("j")
        await until(pilot, lambda: "lr is 0.01" in text(log) and "last 3" in text(curve))
        assert str(screen.query_one(Heading).render()) == "repo  3 runs  3 finished"

    on_screen(steps)


def test_what_a_run_writes_is_seen_while_it_goes_on(trained: Repository) -> None:
    train(trained, "live", 0.2, [9, 8], stay=True)

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        table = screen.query_one(RunsTable)
        await until(pilot, lambda: text(table).splitlines()[2].split()[:3] == ["live", "running", "8"])
        with (trained.path / ".runs/tensorboard/live/metrics.jsonl").open("a") as file:
            file.write('{"step": 2, "loss": 7.5}\n')
        await until(pilot, lambda: "7.5" in text(table) and "last 7.5" in text(screen.query_one(CurvePane)))

    on_screen(steps)


def test_runs_are_sorted_by_any_column_both_ways(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        table = screen.query_one(RunsTable)
        found = []
        await until(pilot, lambda: "metric" in table.columns)
        for key in ("less_than_sign", "r", "less_than_sign", "less_than_sign"):
            await pilot.press(key)
            found.append((names(screen), text(table).splitlines()[1].split()[:3]))
        assert found == [
            (["a", "c", "b"], ["name", "status", "loss▲"]),
            (["b", "c", "a"], ["name", "status", "loss▼"]),
            (["c", "b", "a"], ["name", "status▲", "loss"]),
            (["a", "b", "c"], ["name▲", "status", "loss"]),
        ]
        await pilot.click(RunsTable, offset=(3, 0))
        assert names(screen) == ["c", "b", "a"]

    on_screen(steps)


def test_runs_are_chosen_by_a_text_in_the_name_or_by_conditions(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        async def chosen(typed: str) -> list[str]:
            await pilot.press("slash", *typed, "enter")
            found = names(screen)
            await pilot.press("escape")
            assert names(screen) == ["c", "b", "a"]
            return found

        assert [await chosen(typed) for typed in ("A", "lr<0.2", "lr < 0.2 loss>2", "status=failed")] == [
            ["a"],
            ["c", "b"],
            ["b"],
            [],
        ]
        await pilot.press("slash", *"name~[")
        assert screen.query_one(FilterLine).has_class("-wrong")
        assert names(screen) == ["c", "b", "a"]

    on_screen(steps)


def test_a_filter_on_the_command_line_is_there_at_first(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        assert names(screen) == ["b"]
        await pilot.press("escape")
        assert names(screen) == ["c", "b", "a"]

    on_screen(steps, where=("lr<0.1",))


def test_marked_runs_are_drawn_together(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        curve, table = screen.query_one(CurvePane), screen.query_one(RunsTable)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "━ c  ━ a" in text(curve))
        assert [line[0] for line in text(table).splitlines()[2:5]] == ["━", " ", "━"]
        await pilot.press("U")
        await until(pilot, lambda: "last" in text(curve))

    on_screen(steps)


def test_without_colours_marked_runs_are_told_apart_by_letters(
    trained: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("space", "space")
        await until(pilot, lambda: "* c  o b" in text(screen.query_one(CurvePane)))
        assert [line[0] for line in text(screen.query_one(RunsTable)).splitlines()[2:5]] == ["*", "o", " "]

    on_screen(steps)


def test_another_metric_is_shown_and_the_keys_are_explained(trained: Repository) -> None:
    (trained.path / ".runs/tensorboard/c/more.jsonl").write_text('{"step": 0, "acc": 0.75}\n')
    record = trained.record_path("c")
    before, _, after = record.read_text().partition("metrics:")
    record.write_text(before + after[after.index("\nsettings:") :])

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await until(pilot, lambda: "last 2" in text(screen.query_one(CurvePane)))
        await pilot.press("m")
        await until(pilot, lambda: "acc  last 0.75" in text(screen.query_one(CurvePane)))
        assert "acc" in text(screen.query_one(RunsTable)).splitlines()[1]
        await pilot.click(KeyLine, offset=(text(screen.query_one(KeyLine)).splitlines()[1].index("?"), 0))
        await until(pilot, lambda: isinstance(screen.screen, Help))
        await pilot.press("escape")
        assert not isinstance(screen.screen, Help)

    on_screen(steps)


# --- what is done to runs


def test_a_run_is_killed_after_a_yes_and_not_before(trained: Repository) -> None:
    train(trained, "live", 0.2, [9], stay=True)

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        for no in ("n", "escape", "enter", "ctrl+c", "q"):
            await pilot.press("K")
            await until(pilot, lambda: asked(screen)[:2] == ["Kill run live?", "live (running)"])
            await pilot.press(no)
            assert not asked(screen)
        assert trained.lookup("live", "status") == "running"
        await pilot.press("K", "y")
        await until(pilot, lambda: "Killed 1 run" in said(screen))
        await until(pilot, lambda: screen.query_one(RunsTable).rows[0].status == "killed")
        await pilot.press("K")
        assert "live is not running" in said(screen)

    on_screen(steps)
    assert trained.lookup("live", "status") == "killed"


def test_marked_runs_are_deleted_after_a_yes_and_can_be_had_back(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("space", "space", "D")
        assert asked(screen)[:3] == ["Delete 2 runs?", "c", "b"]
        await pilot.press("n")
        assert len(trained.refs()) == 3
        await pilot.press("D", "y")
        await until(pilot, lambda: names(screen) == ["a"])
        assert "Deleted 2 runs; within 3 days, git runs undelete <name> has them back" in said(screen)

    on_screen(steps)
    assert trained.refs() == ["refs/runs/a"]
    trained.ok("undelete", "b", "c")


def test_a_description_is_changed_in_place(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("e", *" it", "escape")
        await pilot.press("e", *", again", "ctrl+s")
        await until(pilot, lambda: screen.query_one(RunsTable).rows[0].description == "About c, again")

    on_screen(steps)
    assert trained.lookup("c", "description") == "About c, again"


def test_a_description_that_cannot_be_written_is_not_lost(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("e", *" it")
        lock = Path(f"{trained.record_path('c')}.lock")
        lock.write_text("of somebody else")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: said(screen))
        lock.unlink()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.query_one(RunsTable).rows[0].description == "About c it")

    on_screen(steps)


def test_what_cannot_be_done_is_said_and_the_screen_stays(trained: Repository) -> None:
    record = trained.record_path("c")
    record.write_text(record.read_text().replace("host: ", "host: not-"))

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("D", "y")
        await until(pilot, lambda: "belongs to host" in said(screen))
        assert names(screen) == ["c", "b", "a"]

    on_screen(steps)
    assert len(trained.refs()) == 3


# --- what others do meanwhile


def test_runs_that_others_delete_or_break_go_and_come(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("space")
        trained.ok("delete", "--yes", "c")
        await until(pilot, lambda: names(screen) == ["b", "a"])
        broken = trained.record_path("b")
        before = broken.read_text()
        broken.write_text("[")
        await until(pilot, lambda: "1 record cannot be read" in str(screen.query_one(Heading).render()))
        assert names(screen) == ["a"]
        broken.write_text(before)
        await until(pilot, lambda: names(screen) == ["b", "a"])
        os.rename(".runs", "gone")
        await until(pilot, lambda: names(screen) == [])
        await pilot.press("K", "D", "e", "a", "l", "space", "m", "less_than_sign")
        os.rename("gone", ".runs")
        await until(pilot, lambda: sorted(names(screen)) == ["a", "b"])
        assert screen.is_running

    on_screen(steps)


def test_a_run_that_took_the_name_meanwhile_is_not_deleted(trained: Repository) -> None:
    async def steps(pilot: Pilot[None], screen: Top) -> None:
        await pilot.press("D")
        trained.ok("delete", "--yes", "c")
        train(trained, "c", 0.5, [1], "--launcher=foreground")
        await pilot.press("y")
        await until(pilot, lambda: "was moved, deleted or replaced meanwhile" in said(screen))

    on_screen(steps)
    assert trained.lookup("c", "status") == "finished"


def test_what_fails_on_the_way_is_said_once_and_tried_again(
    trained: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Watch.survey
    failures = []

    def fail(watch: Watch) -> list[str]:
        failures.append(1)
        raise ZeroDivisionError("of ours")

    async def steps(pilot: Pilot[None], screen: Top) -> None:
        monkeypatch.setattr(Watch, "survey", fail)
        await until(pilot, lambda: len(failures) > 2)
        assert said(screen).count("ZeroDivisionError: of ours") == 1
        monkeypatch.setattr(Watch, "survey", whole)
        trained.ok("delete", "--yes", "c")
        await until(pilot, lambda: names(screen) == ["b", "a"])

    on_screen(steps)


# --- what it costs


def test_what_is_as_it_was_is_not_read_again(trained: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        os.utime(trained.record_path(name), (1e9, 1e9))  # long ago, so that it is remembered
    here: Project = project.find(Search())
    watch = Watch(here)
    first = watch.view(watch.survey(), ["a", "b", "c"], all_metrics=True)
    assert [row.name for row in first.rows if row.metric("loss")] == [row.name for row in first.rows]
    reads: list[str] = []
    monkeypatch.setattr(here.store.reader, "recall", lambda names, **_: map(reads.append, names))
    assert watch.view(watch.survey(), ["a", "b", "c"], all_metrics=True) is first
    assert reads == []
    monkeypatch.undo()
    trained.ok("describe", "b", "-m", "new")
    second = watch.view(watch.survey(), ["a", "b", "c"], all_metrics=True)
    same = [row.name for row in second.rows if any(row is before for before in first.rows)]
    assert sorted(same) == ["a", "c"]


def test_metrics_of_runs_that_nobody_sees_are_not_read(trained: Repository) -> None:
    for name in "abc":
        record = trained.record_path(name)
        record.write_text(record.read_text().partition("metrics:")[0])
    watch = Watch(project.find(Search()))
    rows = {row.name: row.metrics for row in watch.view(watch.survey(), ["b"], all_metrics=False).rows}
    assert (rows["a"], rows["c"]) == (None, None)
    assert rows["b"]
    shutil.rmtree(".runs/tensorboard/a")
