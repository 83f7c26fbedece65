"""Show what goes on just now: how far each run is, and what it said last."""

from __future__ import annotations

import sys
import time
from collections import Counter
from heapq import nlargest
from itertools import chain, islice
from math import inf, isnan

from .. import project
from ..cli import layout
from ..cli.appearance import Appearance
from ..cli.arguments import add_color, add_patterns, positive_seconds, surveyed
from ..cli.dates import span
from ..cli.filters import Finder
from ..cli.layout import Column
from ..cli.live import Course, curve, duration, last_line
from ..console import screen
from ..console.escape import escape
from ..console.messages import counted, hint, report_all
from ..errors.base import RunsError
from ..records import query
from ..records.record import FINISHED, LOST, METRICS, OPEN, QUEUED, RUNNING, UNDER_WAY, to_text
from ..results import values
from ..results.summary import tidy, written
from ..running import queue, settling, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator

    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.record import Run
    from ..system.git.discovery import Search

INTERVAL = 2.0  # seconds between two looks
RECENTLY = 10  # minutes for which a run is shown that has ended
COMPARED = 200  # runs, the newest, of which ended ones say how far others are
OTHERS = 6  # metrics that are shown of a run, beside the headline
CURVE, BAR = 12, 20  # places
# From the most to the least that is shown: how many lines there are below each run that goes on, how many of those that
# ended have lines of their own, and whether it is shown what they said last.
DETAILS = ((2, 10, True), (2, 10, False), (2, 3, False), (2, 0, False), (1, 0, False), (0, 0, False))
STATUS_WIDTH = 30
INDENT = "  "


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument("--watch", action="store_true", help="look again and again, until q or Ctrl-C")
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=positive_seconds,
        default=INTERVAL,
        help=f"how long to wait between two looks (default: {INTERVAL:g})",
    )
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read."""
    here = project.find(search)
    appearance = Appearance(here.repository)
    if args.watch:
        return _watch(args, here, appearance)
    now = _Now(args, here)
    sys.stdout.writelines(f"{line}\n" for line in _Picture(now, appearance, appearance.width).lines())
    if any(why == queue.NO_WORKER for _, why in now.waiting):
        hint("to have workers started: git runs queue")
    return report_all(now.bad)


def _watch(args: Namespace, here: Project, appearance: Appearance) -> int:
    """In place on a terminal; elsewhere one look below the other."""
    _Now(args, here)  # what is wrong with the arguments is said before the terminal is taken
    tending = slots.Tending(here)
    if not sys.stdout.isatty():
        while True:
            tending.look()
            lines = _Picture(_Now(args, here), appearance, appearance.width).lines(interval=args.interval)
            sys.stdout.write("\n".join([*lines, "", ""]))
            sys.stdout.flush()
            time.sleep(args.interval)
    with screen.taken() as drawn:
        goes_on = True
        while goes_on:
            tending.look()
            width, height = drawn.size
            drawn.show(_Picture(_Now(args, here), appearance, width).lines(height, args.interval))
            goes_on = drawn.wait(args.interval)
    return 0


# --- what there is to show


class _Now:
    """What goes on at one moment, and what has ended lately; raises as `surveyed` does."""

    def __init__(self, args: Namespace, here: Project) -> None:
        catalogue, self.bad = surveyed(here, args)
        self.here = here
        self.values = Finder(here).values
        self.headline = values.headline(here.settings.metric)[0]
        self.time = time.time()
        self._since = self.time - RECENTLY * 60
        runs = self._chosen(catalogue)
        going = [one for one in runs if one.record.text("status") in UNDER_WAY]
        waiting = [one for one in runs if one.record.is_queued]
        reasons = {**queue.reasons(here), **settling.reasons(here)} if waiting else {}
        first = {identifier: place for place, identifier in enumerate(reasons)}
        waiting.sort(key=lambda one: first.get(one.record.text("id"), inf))
        self.waiting = [(one, queue.reason_of(one.record, reasons)) for one in waiting]
        names = {one.name for one in going}
        ended = [one for one in runs if one.name not in names and (one.record.moment("finished") or 0.0) >= self._since]
        going.sort(key=lambda one: one.record.moment("datetime") or 0.0, reverse=True)
        ended.sort(key=lambda one: one.record.moment("finished") or 0.0, reverse=True)
        starts = catalogue.starts
        known = [place for place, start in enumerate(starts) if not isnan(start)]
        newest = [catalogue.names[place] for place in nlargest(COMPARED, known, key=starts.__getitem__)]
        self.newest = next(self._recall(newest[:1]), None)
        others = (one for one in self._recall(newest) if one.record.text("status") not in OPEN)
        course = Course(self.values, others)
        looks = [_Look(one, self, course) for one in self.values.expecting([*going, *ended])]
        self.going, self.ended = looks[: len(going)], looks[len(going) :]

    def _chosen(self, catalogue: Catalogue) -> list[Run]:
        """Those that may go on, and those whose records were changed lately."""
        rows = self.here.store.reader.rows(catalogue, ("status",), STATUS_WIDTH)
        statuses = rows.cells("status") if rows else [LOST] * len(catalogue.names)
        _, changes, _, inodes = catalogue.stamps
        since = self._since * 1e9
        parts = zip(catalogue.names, statuses, changes, inodes, strict=True)
        return list(
            self._recall(
                name
                for name, status, change, inode in parts
                if status in (*OPEN, LOST) or change >= since or not inode  # without one: changed just now
            )
        )

    def _recall(self, names: Iterable[str]) -> Iterator[Run]:
        return query.recall(self.here.store, names, ["metrics"], self.bad)


class _Look:
    """What is to be said of one run."""

    def __init__(self, run: Run, now: _Now, course: Course) -> None:
        self.name = run.name
        self.record = run.record
        self.status = to_text(run.value("status"))
        self.took = duration(run.record, self.status, now.time)
        self.is_going = self.status in UNDER_WAY
        self.share = course.share(run) if self.is_going else None
        reached = course.step(run) if self.is_going else None
        self.step = "" if reached is None else f"{reached[1]:.12g}"
        found = now.values
        self.headline = found.of(run, METRICS + now.headline) if now.headline else None
        self.curve = curve(found, run, now.headline) if now.headline else []
        self.metrics = {key: tidy(summary["last"]) for key, (_, summary) in found.metrics.of(run).items()}
        self.said = escape(_last_line(now.here, run))


def _last_line(here: Project, run: Run) -> str:
    try:
        with here.outputs.open_log(run.name) as log:
            return last_line(log, run.record)
    except (OSError, RunsError):
        return ""


# --- how it is shown


class _Picture:
    """What goes on, in lines of a width."""

    def __init__(self, now: _Now, appearance: Appearance, width: float) -> None:
        self._now = now
        self._appearance = appearance
        self._width = width
        keys = Counter(key for one in now.going for key in one.metrics)
        self._common = [key for key, _ in keys.most_common()]

    def lines(self, height: float = inf, interval: float | None = None) -> list[str]:
        """No more than so many, with as much of each run as there is room for; if it is drawn anew in an `interval` of
        seconds, that is said, too."""
        lines: list[str] = []
        for detail, ended, is_said in DETAILS:
            shown = [self._going(detail), self._waiting(ended), self._ended(ended, is_said=is_said)]
            lines = [self._head(interval), *chain.from_iterable(shown)]
            if len(lines) <= height:
                return lines
        last = int(height) - 1
        return [*lines[:last], self._dim(f"and {counted(len(lines) - last, 'line')} more")]

    def _head(self, interval: float | None) -> str:
        said = escape(self._summary())
        if interval is None:
            return self._cut(said)
        clock = f"every {interval:g}s  {time.strftime('%H:%M:%S', time.localtime(self._now.time))}"
        if self._width == inf:
            return f"{clock}  {said}"
        room = int(self._width) - len(clock)
        return layout.padded(self._cut(said, len(clock) + 2), room) + self._dim(clock)

    def _summary(self) -> str:
        newest = self._now.newest
        number, waiting = sum(one.is_going for one in self._now.going), len(self._now.waiting)
        wait = f", {waiting} {'waits' if waiting == 1 else 'wait'}" if waiting else ""
        if number:
            return f"{counted(number, 'run')} {'goes' if number == 1 else 'go'} on{wait}"
        if waiting:
            return f"no run goes on{wait}"
        if newest is None:
            return "no run goes on; none was started so far"
        if self._now.ended:
            return "no run goes on"
        ended = newest.record.text("finished")
        when = f", {self._appearance.dates.shown(ended)}" if ended else ""
        return f"no run goes on; the last one started: '{newest.name}', {newest.value('status')}{when}"

    def _going(self, detail: int) -> Iterator[str]:
        """The runs that go on: a line for each, and with more detail its metrics, and what it said last."""
        if not self._now.going:
            return
        title, line, *rows = self._table(self._columns_of_going(self._now.going))
        yield from ("", title, line)
        for one, row in zip(self._now.going, rows, strict=True):
            yield row
            if detail >= 1:
                yield from self._metrics(one)
            if detail >= 2:
                yield from self._said(one)

    def _waiting(self, most: int) -> Iterator[str]:
        """The runs whose turn comes next."""
        shown = self._now.waiting[:most]
        if not shown:
            return
        columns = [
            Column("name", [one.name for one, _ in shown], rank=0, least=20, are_names=True),
            Column("status", [QUEUED] * len(shown), rank=1, colors=[QUEUED] * len(shown)),
            Column("since", [self._appearance.dates.shown(one.record.text("queued")) for one, _ in shown], rank=3),
            Column("waits for", [why for _, why in shown], rank=2, least=12),
            Column("host", ["" if one.record.is_local else one.record.text("host") for one, _ in shown], rank=4),
        ]
        yield ""
        yield from self._table(columns)
        if others := len(self._now.waiting) - len(shown):
            yield self._dim(f"and {others} more")

    def _ended(self, most: int, *, is_said: bool) -> Iterator[str]:
        """The runs that ended lately; of those that did not finish also what they said last."""
        all_of_them = self._now.ended
        looks, others = all_of_them[:most], len(all_of_them) - most
        lately = f"ended in the last {RECENTLY} minutes"
        if all_of_them and not looks:
            yield from ("", self._cut(f"{counted(len(all_of_them), 'run')} {lately}"))
        if not looks:
            return
        title, line, *rows = self._table(self._columns_of_ended(looks))
        yield from ("", self._cut(lately), title, line)
        for one, row in zip(looks, rows, strict=True):
            yield row
            if is_said and one.status != FINISHED:
                yield from self._said(one)
        if others > 0:
            yield self._dim(f"and {others} more")

    def _columns_of_going(self, looks: list[_Look]) -> Iterator[Column]:
        bars = [self._progress(one) for one in looks]
        yield from _first_columns(looks)
        yield Column("since", [self._appearance.dates.shown(one.record.text("datetime")) for one in looks], rank=2)
        yield Column("progress", bars, rank=3, colors=[RUNNING] * len(looks))
        yield Column("left", [_left(one) for one in looks], rank=5)
        yield Column("step", [one.step for one in looks], rank=4)
        yield Column("host", ["" if one.record.is_local else one.record.text("host") for one in looks], rank=6)

    def _columns_of_ended(self, looks: list[_Look]) -> Iterator[Column]:
        yield from _first_columns(looks)
        yield Column("ended", [self._appearance.dates.shown(one.record.text("finished")) for one in looks], rank=2)
        yield Column("duration", ["" if one.took is None else span(one.took) for one in looks], rank=4)
        if self._now.headline:
            best = [layout.MISSING if one.headline is None else _shown(one.headline) for one in looks]
            yield Column(self._now.headline, best, rank=3, numbers=True)
            yield Column("", [self._curve(one) for one in looks], rank=5, colors=["curve"] * len(looks))

    def _table(self, columns: Iterable[Column]) -> Iterator[str]:
        """Titles, a line, and the rows; without columns that are empty."""
        kept, widths, _ = layout.fitted([one for one in columns if any(one.cells)], self._width)
        return layout.drawn(kept, widths, self._appearance.signs, self._appearance.paint)

    def _progress(self, one: _Look) -> str:
        return "" if one.share is None else f"{layout.bar(one.share, BAR, self._appearance.signs)} {one.share:4.0%}"

    def _curve(self, one: _Look) -> str:
        return layout.curve(one.curve, CURVE, self._appearance.signs)

    def _metrics(self, one: _Look) -> Iterator[str]:
        """A line of its last metrics: the headline, and then those that most of the runs have."""
        headline = self._now.headline
        first = [(headline, f"{_shown(one.headline)} {self._curve(one)}".rstrip())] if one.headline is not None else []
        others = [(key, _shown(one.metrics[key])) for key in self._common if key in one.metrics and key != headline]
        pairs = [*first, *others[:OTHERS]]
        flow = layout.flowing(pairs, self._width - len(INDENT), self._appearance.signs, self._appearance.paint)
        yield from (INDENT + line for line in islice(flow, 1))

    def _said(self, one: _Look) -> Iterator[str]:
        said = "its process is gone; git runs fsck --repair writes it down" if one.status == LOST else one.said
        if said:
            yield INDENT + self._dim(self._cut(said, len(INDENT)))

    def _cut(self, text: str, taken: int = 0) -> str:
        return layout.cut(text, self._width - taken, self._appearance.signs.cut)

    def _dim(self, text: str) -> str:
        return self._appearance.paint("missing", text)


def _first_columns(looks: list[_Look]) -> list[Column]:
    statuses = [one.status for one in looks]
    return [
        Column("name", [one.name for one in looks], rank=0, least=20),
        Column("status", statuses, rank=1, colors=statuses),
    ]


def _left(one: _Look) -> str:
    """How long the run goes on if it goes on as it did."""
    if not one.share or one.took is None or one.share == 1:
        return ""
    return f"~{span(one.took * (1 - one.share) / one.share)}"


def _shown(value: object) -> str:
    return written(value) if isinstance(value, float) else str(value)
