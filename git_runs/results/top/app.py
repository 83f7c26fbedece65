"""The screen as a whole: it looks at the runs once a second, and does what the keys say."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from ...console import progress
from ...console.axes import number
from ...errors.base import RunsError
from ...records.record import is_field
from .curve import CurvePane
from .description import Description
from .filter import FilterLine
from .footer import KeyLine
from .heading import Heading
from .help import Help
from .log import LogPane
from .question import Question
from .rows import COLUMNS, Choice, counted, ordered
from .table import RunsTable
from .watch import Picture, View, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future
    from typing import TypeVar

    from ...records.record import Run
    from .actions import Actions
    from .rows import Row

    T = TypeVar("T")

INTERVAL = 1.0  # seconds between two looks at the runs
LOAD = 20  # times as long as a look computes we rest at least
LONGEST = 10.0  # seconds that we rest at most
WIDE = 120  # columns, from which on curve and log are beside the table
SUMMARY = ("last", "min", "max")
MANY = 12  # curves that are drawn together
NO_RUNS = "no run is here; to start one: git runs new <name> <command>"
NONE = "none of the runs is chosen; Esc shows all"
SHORT, LOW = 18, 12  # lines, with less of which there is no log, and no curve
FAILURES = (Exception,)  # whatever fails is said, and the screen stays
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Top(App[None]):
    """Shows runs as they go on."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #body { height: 1fr; layout: vertical; }
    #panes { height: auto; }
    .-wide #body { layout: horizontal; }
    .-wide #panes { width: 43%; height: 1fr; margin-left: 1; }
    .-wide RunsTable { width: 1fr; }
    .-wide CurvePane { height: 3fr; }
    .-wide LogPane { height: 2fr; }
    .-tall CurvePane { height: 16; }
    .-tall LogPane { height: 10; }
    .-short LogPane { display: none; }
    .-low CurvePane { display: none; }
    Toast { padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter"),
        Binding("less_than_sign", "sort(-1)"),
        Binding("greater_than_sign", "sort(1)"),
        Binding("r", "reverse"),
        Binding("m", "metric(1)"),
        Binding("M", "metric(-1)"),
        Binding("l,enter", "log"),
        Binding("a", "attach"),
        Binding("e", "describe"),
        Binding("K", "kill"),
        Binding("D", "delete"),
        Binding("U", "unmark"),
        Binding("escape", "all"),
        Binding("question_mark", "help"),
        Binding("q", "quit"),
        Binding("ctrl+c", "leave", priority=True),
        Binding("ctrl+z", "suspend_process"),
    ]

    def __init__(self, actions: Actions, *, title: str, filtered: str, is_braille: bool, is_colored: bool) -> None:
        """`title` is what is shown, `filtered` what is in the filter at first; the others are what the terminal can
        show. Raises BadCondition."""
        os.environ.pop("NO_COLOR", None)
        if not is_colored:
            os.environ["NO_COLOR"] = "1"  # textual takes it away again
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        progress.silence()
        self._actions = actions
        self._heading = Heading(title)
        self._table = RunsTable(is_ascii=not is_braille)
        self._curve = CurvePane(is_braille=is_braille, is_colored=is_colored)
        self._log_pane = LogPane(is_ascii=not is_braille)
        self._filter = FilterLine(filtered)
        self._choice = Choice(filtered, actions.condition)
        self._reading = ThreadPoolExecutor(1)  # what is read of runs belongs to one thread
        self._acting = ThreadPoolExecutor(1)
        self._acts: list[Future[str]] = []  # what was begun with runs
        self._watch: Watch | None = None
        self._names: AbstractSet[str] = set()  # of the runs that are to be shown
        self._view = View([], [], [])
        self._picture = Picture("", [], [])
        self._marked: dict[str, None] = {}  # names, in the order in which they were marked
        self._metric = ""  # the one that somebody chose
        self._sort = ("age", False)
        self._wake = asyncio.Event()
        self._due = 0.0  # when to look at the runs again, as time.monotonic has it
        self._complaint = ""

    def compose(self) -> ComposeResult:
        """Called by textual."""
        yield self._heading
        with Container(id="body"):
            yield self._table
            with Vertical(id="panes"):
                yield self._curve
                yield self._log_pane
        yield self._filter
        yield KeyLine()

    def on_mount(self) -> None:
        """Called by textual."""
        self._table.focus()
        for ending in ENDING:
            if signal.getsignal(ending) != signal.SIG_IGN:
                leave = partial(self.exit, return_code=128 + ending)
                asyncio.get_running_loop().add_signal_handler(ending, leave)
        # textual's own may come late, from another thread, and begin to draw twice: the terminal's modes would be lost
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, self.action_suspend_process)
        self.run_worker(self._follow(), exit_on_error=False)

    def on_resize(self, event: events.Resize) -> None:
        """Called by textual."""
        width, height = event.size
        self.screen.set_class(width >= WIDE, "-wide")
        self.screen.set_class(width < WIDE and height >= 40, "-tall")
        self.screen.set_class(height < SHORT, "-short")
        self.screen.set_class(height < LOW, "-low")

    @property
    def failure(self) -> Exception | None:
        """What ended the screen, where that was a failure of ours."""
        return self._exception

    @property
    def is_busy(self) -> bool:
        """Whether something that was begun with runs is not done."""
        return any(not act.done() for act in self._acts)

    def finish(self) -> list[str]:
        """Called when the screen is closed: waits until what was begun with runs is done, and says what became of it.
        Raises what that raises."""
        self._reading.shutdown(cancel_futures=True)
        left = [act for act in self._acts if not act.done()]
        self._acting.shutdown()
        return [act.result() for act in left if not act.cancelled()]

    def _fatal_error(self) -> None:
        """Called by textual for a failure of ours, which whoever opened the screen reports: no traceback is printed."""
        self._close_messages_no_wait()

    # --- looking at the runs

    async def _follow(self) -> None:
        """Look at the runs as long as the screen is open. Whatever fails is said, and tried again."""
        while True:
            self._wake.clear()
            try:
                await self._look()
                self._complaint = ""
            except FAILURES as error:
                self._say(error)
            rest = max(self._due - time.monotonic(), 0.01)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), rest)

    async def _look(self) -> None:
        if self._watch is None:
            self._watch = await self._read(lambda: Watch(self._actions.project()))
        watch = self._watch
        is_due = time.monotonic() >= self._due
        if is_due:
            began = time.process_time()
            try:
                await self._look_at_rows(watch, await self._read(watch.survey))
            finally:
                rest = LOAD * (time.process_time() - began)
                self._due = time.monotonic() + min(max(INTERVAL, rest), LONGEST)
        else:
            await self._look_at_rows(watch, None)
        await self._look_at_panes(watch)
        if is_due:
            await self._read(self._actions.tend)

    async def _look_at_rows(self, watch: Watch, names: Sequence[str] | None) -> None:
        if names is not None:
            self._names = set(self._actions.select(names))
        wanted = [row.name for row in self._table.in_sight] + [*self._marked]
        is_asked_for = self._sort[0] == "metric" or any(not is_field(key) for key in self._choice.keys)
        view = await self._read(partial(watch.view, self._names, wanted, all_metrics=is_asked_for))
        if view is not self._view or not view.rows:
            self._view = view
            there = {row.name for row in view.rows}
            self._marked = {name: None for name in self._marked if name in there}
            self._show()
        else:
            self._table.redraw()

    async def _look_at_panes(self, watch: Watch) -> None:
        chosen = self._table.chosen
        names = [*self._marked][:MANY] or ([chosen.name] if chosen else [])
        picture = await self._read(partial(watch.picture, names, self._key, self._curve.look))
        if picture is not self._picture:
            self._picture = picture
            self._show()
        self._curve.show(picture, self._summary(picture.key, chosen) if len(names) == 1 else "")
        self._log_pane.show(await self._read(partial(watch.tail, chosen.name)) if chosen else None)

    @property
    def _key(self) -> str:
        """The metric that counts."""
        return self._metric or next(iter(self._view.keys), "")

    def _summary(self, key: str, row: Row | None) -> str:
        summary = (row.metrics or {}).get(key) if row else None
        return "  ".join(f"{aspect} {number(summary[aspect])}" for aspect in SUMMARY) if summary else ""

    async def _read(self, what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, what)

    def _look_again(self) -> None:
        """Look at the runs at once."""
        self._due = 0.0
        self._wake.set()

    # --- what is shown

    def _show(self) -> None:
        """Show the runs that are chosen, in their order."""
        try:
            chosen = self._choice.of(self._view.rows)
        except RunsError as error:
            self._say(error)
            chosen = list(self._view.rows)
        rows = ordered(chosen, *self._sort, self._key, time.time())
        note = NONE if self._view.rows else NO_RUNS if self._watch else ""
        self._table.fill(rows, self._key, self._marks(), self._sort, dots=self._has_dots, note=note)
        self._heading.say(
            counted(self._view.rows), shown=len(rows), marked=len(self._marked), unreadable=len(self._view.bad)
        )

    def _marks(self) -> dict[str, int]:
        drawn = {name: place for place, name in enumerate(self._picture.names)}
        return {name: drawn.get(name, -1) for name in self._marked}

    @property
    def _has_dots(self) -> bool:
        return self._curve.look.has_dots(len(self._picture.names))

    def _say(self, error: Exception) -> None:
        """Say what failed; once, where it fails again and again."""
        hints = error.hints if isinstance(error, RunsError) else ()
        is_ours = isinstance(error, (RunsError, OSError))
        text = "\n".join([str(error) if is_ours else f"{type(error).__name__}: {error}", *hints])
        if text != self._complaint:
            self._complaint = text
            self.notify(text, severity="error", timeout=10, markup=False)

    # --- which runs, in which order

    def action_filter(self) -> None:
        """Let somebody type which runs to show."""
        self._filter.open()

    def action_all(self) -> None:
        """Show all runs again."""
        self._filter.action_drop()

    @on(FilterLine.Typed)
    def _on_typed(self, event: FilterLine.Typed) -> None:
        try:
            self._choice = Choice(event.text, self._actions.condition)
        except RunsError:
            self._filter.add_class("-wrong")
            return
        self._filter.remove_class("-wrong")
        self._show()
        self._wake.set()

    @on(FilterLine.Left)
    def _on_filter_left(self) -> None:
        self._table.focus()

    def action_sort(self, by: int) -> None:
        """Sort by the next column, or by the one before."""
        columns = self._table.columns or [*COLUMNS]
        place = columns.index(self._sort[0]) if self._sort[0] in columns else 0
        self._sort_by(columns[(place + by) % len(columns)])

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort = self._sort[0], not self._sort[1]
        self._show()

    @on(RunsTable.SortWanted)
    def _on_sort_wanted(self, event: RunsTable.SortWanted) -> None:
        if event.column == self._sort[0]:
            self.action_reverse()
        else:
            self._sort_by(event.column)

    def _sort_by(self, column: str) -> None:
        is_up = self._watch is not None and self._watch.is_best_highest and self._key == self._watch.headline
        self._sort = column, column == "metric" and is_up
        self._show()
        self._wake.set()

    def action_metric(self, by: int) -> None:
        """Let another metric count."""
        keys = self._view.keys
        if keys:
            place = keys.index(self._key) if self._key in keys else 0
            self._metric = keys[(place + by) % len(keys)]
            self._show()
            self._wake.set()

    # --- marks

    @on(RunsTable.Marked)
    def _on_marked(self, event: RunsTable.Marked) -> None:
        if event.name in self._marked:
            del self._marked[event.name]
        else:
            self._marked[event.name] = None
        self._show()
        self._wake.set()

    def action_mark(self) -> None:
        """Mark the chosen run, or take its mark away."""
        self._table.action_mark()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._marked = {}
        self._show()
        self._wake.set()

    @on(RunsTable.Chosen)
    @on(CurvePane.Resized)
    def _on_chosen(self) -> None:
        self._wake.set()

    # --- what is done to runs

    def _meant(self) -> list[Row]:
        """The marked runs, or else the chosen one."""
        if self._marked:
            return [row for row in self._view.rows if row.name in self._marked]
        chosen = self._table.chosen
        return [chosen] if chosen else []

    def action_kill(self) -> None:
        """Stop runs, once somebody said yes."""
        meant = self._meant()
        rows = [row for row in meant if row.is_open]
        if not rows:
            if meant:
                self.notify("none of them is running" if len(meant) > 1 else f"{meant[0].name} is not running")
            return
        runs = [row.run for row in rows]
        names = [f"{row.name} ({row.status})" for row in rows]
        self._ask(f"Kill {_counted(rows)}?", names, f"Killing {_counted(rows)} ...", partial(self._actions.kill, runs))

    def action_delete(self) -> None:
        """Delete runs, once somebody said yes."""
        rows = self._meant()
        if not rows:
            return
        runs = [row.run for row in rows]
        names = [self._actions.remarks(run) for run in runs]
        doing = f"Deleting {_counted(rows)} ..."
        self._ask(f"Delete {_counted(rows)}?", names, doing, partial(self._actions.delete, runs))

    def _ask(self, question: str, names: Sequence[str], doing: str, act: Callable[[], str]) -> None:
        def answered(answer: bool | None) -> None:
            if answer:
                self.run_worker(self._act(doing, act), exit_on_error=False)

        self.push_screen(Question(question, names), answered)

    async def _act(self, doing: str, act: Callable[[], str]) -> None:
        self.notify(doing, markup=False)
        try:
            begun = self._acting.submit(act)
            self._acts.append(begun)
            self.notify(await asyncio.wrap_future(begun), markup=False)
        except FAILURES as error:
            self._say(error)
        self._look_again()

    def action_describe(self) -> None:
        """Change the description of the chosen run."""
        if row := self._table.chosen:
            self._describe(row.run, row.run.record.text("description"))

    def _describe(self, run: Run, text: str) -> None:
        """Let somebody edit the text, and write what it becomes."""

        def left(new: str | None) -> None:
            if new is not None and new != run.record.text("description"):
                self.run_worker(self._write(run, new), exit_on_error=False)

        self.push_screen(Description(run.name, text), left)

    async def _write(self, run: Run, text: str) -> None:
        """Write it; what cannot be written is not lost."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._acting, self._actions.describe, run, text)
        except FAILURES as error:
            self._say(error)
            self._describe(run, text)
        self._look_again()

    def action_attach(self) -> None:
        """Join the session of the chosen run."""
        self._lend_terminal(self._actions.attach)

    def action_log(self) -> None:
        """Show the log of the chosen run."""
        self._lend_terminal(self._actions.log)

    def _lend_terminal(self, act: Callable[[Run], None]) -> None:
        """Leave the terminal to what is done to the chosen run, until that ends."""
        if not (row := self._table.chosen):
            return
        failed: Exception | None = None
        try:
            with self.suspend():
                try:
                    act(row.run)
                except FAILURES as error:
                    failed = error
        except SuspendNotSupported as error:
            failed = error
        if failed:
            self._say(failed)
        self._look_again()

    # --- the rest

    def action_help(self) -> None:
        """Show what the keys do."""
        self.push_screen(Help())

    def action_suspend_process(self) -> None:
        """Stop as a terminal does it: with git, which started us, and for which the shell waits."""
        with suppress(SuspendNotSupported), self.suspend():
            before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, before)

    def action_leave(self) -> None:
        """Leave what is in front, or the screen."""
        if isinstance(self.screen, (Question, Description, Help)):
            self.screen.dismiss(None)
        else:
            self.exit()


def _counted(rows: Sequence[Row]) -> str:
    return f"run {rows[0].name}" if len(rows) == 1 else f"{len(rows)} runs"
