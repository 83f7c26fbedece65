"""What there is to see of the runs, looked at again and again: of what is as it was, no more is read than that.

All of it belongs to one thread. What it gives is not changed any more, and is the same object as before where nothing
is new.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from ...console.escape import escape
from ...console.plot import Curve, Plot
from ...errors.records import BadRecord, LeadsOut
from ...records.catalogue import Catalogue
from ...records.record import LOST, OPEN, Run
from .. import curves, metrics, tails
from ..metrics import Metrics, of_record
from ..summary import Summary, split
from ..values import headline
from .rows import Row, common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from ...console.plot import Look
    from ...project import Project
    from ..reading import Summaries

REST = 40  # times as long as reading and drawing curves takes they are left alone
LONGEST = 30.0  # seconds that they are left alone at most
GO_ON = (*OPEN, LOST)  # what is recorded as not ended


class View:
    """The rows of all runs that are watched, the newest first; which metrics there are; and what is wrong with records
    that cannot be read."""

    def __init__(self, rows: Sequence[Row], keys: Sequence[str], bad: Sequence[BadRecord]) -> None:
        self.rows = rows
        self.keys = keys  # of metrics, the one that counts first
        self.bad = bad


class Picture:
    """Curves in their axes, as lines for a terminal; none where there is nothing to draw, which `note` explains."""

    def __init__(self, key: str, names: Sequence[str], lines: Sequence[str], note: str = "") -> None:
        self.key = key
        self.names = names  # of the runs that are drawn, in the order of their colours
        self.lines = lines
        self.note = note


class Tail:
    """The end of a run's log; None: it has none."""

    def __init__(self, name: str, text: str | None) -> None:
        self.name = name
        self.text = text


class Watch:
    """Looks at the runs of one project."""

    def __init__(self, here: Project) -> None:
        self._here = here
        self._metrics = Metrics(here)
        self.headline, self.is_best_highest = headline(here.settings.metric)
        self._catalogue = Catalogue()
        self._bad: list[BadRecord] = []
        self._changed: AbstractSet[str] = set()  # the names of runs that were so since the view before
        self._rows: dict[str, Row] = {}
        self._live: dict[str, Summaries] = {}  # of the runs whose records have no summaries, as far as they were read
        self._versions: dict[str, int] = {}  # how often something new was seen of a run
        self._view = View([], [], [])
        self._pictures = _Pictures(here)
        self._tail = Tail("", None)
        self._stamp_of_tail: object = None

    # --- rows

    def survey(self) -> list[str]:
        """The names of all runs that there are, in natural order."""
        catalogue, bad = self._here.store.reader.survey()
        self._changed = {catalogue.names[place] for place in catalogue.changed_since(self._catalogue)}
        self._catalogue = catalogue
        self._bad = bad
        return catalogue.names

    def view(self, names: Collection[str], wanted: Collection[str], *, all_metrics: bool) -> View:
        """What there is of the runs of those names; of those that do not go on, metrics are read only of `wanted` runs,
        or of all."""
        there = {*names} & {*self._catalogue.names}
        is_new = self._forget(there)
        is_new = self._read([*(there & self._changed), *(there - self._rows.keys())]) or is_new
        self._changed = set()
        going_on = [name for name, row in self._rows.items() if row.status in GO_ON]
        unread = [name for name in (self._rows if all_metrics else wanted) if self._is_unread(name)]
        is_new = self._look_at([*going_on, *unread]) or is_new
        if is_new or [*map(str, self._bad)] != [*map(str, self._view.bad)]:
            rows = sorted(self._rows.values(), key=lambda row: -(row.start or 0))
            self._view = View(rows, self._keys(rows), self._bad)
        return self._view

    def _read(self, names: Sequence[str]) -> bool:
        """Read the records of those names; whether any is new."""
        is_new = False
        for name, found in self._here.store.reader.recall(names):
            if not isinstance(found, Run):
                is_new = self._drop(name) or is_new
                continue
            row = self._rows.get(name)
            recorded = of_record(found) or None
            new = Row(found, recorded, headline=self.headline)
            if row is None or row.run.record != new.run.record or (recorded and name in self._live):
                self._live.pop(name, None)
                self._put(new)
                is_new = True
        return is_new

    def _put(self, row: Row) -> None:
        self._rows[row.name] = row
        self._versions[row.name] = self._versions.get(row.name, 0) + 1

    def _drop(self, name: str) -> bool:
        self._live.pop(name, None)
        return self._rows.pop(name, None) is not None

    def _forget(self, names: AbstractSet[str]) -> bool:
        """Forget all other runs; whether there was one."""
        gone = self._rows.keys() - names
        for name in gone:
            self._drop(name)
        return bool(gone)

    def _is_unread(self, name: str) -> bool:
        return name in self._rows and self._rows[name].metrics is None

    def _look_at(self, names: Iterable[str]) -> bool:
        """See what is new of those runs: how they stand, and their metrics; whether anything is."""
        is_new = False
        for run in self._metrics.expecting([self._rows[name].run for name in dict.fromkeys(names)]):
            row = self._rows[run.name]
            if is_first := run.name not in self._live:
                self._live[run.name] = self._metrics.summaries(run)
            live = self._live[run.name]
            if (is_first or live.update()) or run.record.status != row.status:
                found = {key: Summary(one.numbers) for key, (_, one) in live.by_key().items()}
                progress = live.progress if run.record.is_under_way else None
                self._put(Row(run, found, progress, self.headline))
                is_new = True
        return is_new

    def _keys(self, rows: Iterable[Row]) -> list[str]:
        keys = common(rows, last=curves.EPOCH)
        return [self.headline, *(key for key in keys if key != self.headline)] if self.headline else keys

    # --- what is beside them

    def picture(self, names: Sequence[str], key: str, look: Look) -> Picture:
        """The curves of a metric of those runs; where a single one does not have it, of another of its metrics."""
        there = [self._rows[name] for name in names if name in self._rows]
        return self._pictures.of(there, key, look, {row.name: self._versions[row.name] for row in there})

    def tail(self, name: str) -> Tail:
        """The end of the run's log."""
        stamp, text = None, None
        with suppress(OSError, LeadsOut, KeyError):
            record = self._rows[name].run.record
            with self._here.outputs.open_log(name) as log:
                status = os.fstat(log.fileno())
                stamp = record.text("id"), status.st_ino, status.st_size, status.st_mtime_ns
                if stamp == self._stamp_of_tail:
                    return self._tail
                text = tails.tail(log, record)
        self._stamp_of_tail = stamp
        if (self._tail.name, self._tail.text) != (name, text):
            self._tail = Tail(name, text)
        return self._tail


class _Pictures:
    """Draws curves, which takes long of long ones: then it draws seldom."""

    def __init__(self, here: Project) -> None:
        self._here = here
        self._read: dict[str, tuple[int, list[metrics.Metric]]] = {}  # by name: of which version, and what was read
        self._what: object = None
        self._versions: dict[str, int] = {}
        self._next = 0.0
        self._last: Picture | None = None

    def of(self, rows: Sequence[Row], key: str, look: Look, versions: dict[str, int]) -> Picture:
        """The curves of those runs, whose metrics are of these versions."""
        what = [row.name for row in rows], key, look.width, look.height
        if self._last and self._what == what and (self._versions == versions or time.monotonic() < self._next):
            return self._last
        began = time.thread_time()
        self._what, self._versions = what, versions
        self._last = self._draw(rows, key, look)
        self._next = time.monotonic() + min(REST * (time.thread_time() - began), LONGEST)
        return self._last

    def _draw(self, rows: Sequence[Row], name: str, look: Look) -> Picture:
        self._read = {row.name: self._metrics_of(row) for row in rows}
        known = {row.name: {metric.key: metric for metric in self._read[row.name][1]} for row in rows}
        key = _key(name, [*known.values()])
        drawn = [(one, found[key]) for one, found in known.items() if key in found]
        lines = [Curve(escape(one), metric.series.steps, metric.series.values) for one, metric in drawn]
        shown = Plot(key, lines).picture(look) if lines else []
        note = "" if shown else _note(rows, known, key)
        return Picture(key, [one for one, _ in drawn], shown, note)

    def _metrics_of(self, row: Row) -> tuple[int, list[metrics.Metric]]:
        version = self._versions[row.name]
        kept = self._read.get(row.name)
        return kept if kept and kept[0] == version else (version, metrics.read(self._here, row.run))


def _key(name: str, known: Sequence[Collection[str]]) -> str:
    """The metric to draw by the name of it, or of one of its aspects: of a single run that does not have it, its
    first."""
    keys = [key for one in known for key in one]
    key, _ = split(name, keys)
    if key in keys or len(known) != 1:
        return key
    return next((other for other in keys if other != curves.EPOCH), key)


def _note(rows: Sequence[Row], known: dict[str, dict[str, metrics.Metric]], key: str) -> str:
    if not rows:
        return ""
    if not any(known.values()):
        if any(row.metrics for row in rows):
            return "the curve is gone; what its record has of it is above"
        return "no metrics so far" if any(row.is_under_way for row in rows) else "it has no metrics"
    return f"nothing of '{escape(key)}' can be drawn"
