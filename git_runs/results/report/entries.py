"""What a page says of each of its runs."""

from __future__ import annotations

from ...console import progress
from ...console.escape import escape
from ...errors.records import LeadsOut
from ...records.record import to_text
from .. import metrics, tails, values
from ..summary import Summary, written
from . import curves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...project import Project
    from ...records.record import Run
    from .curves import Curve

ALL_TAILS = 2_000_000  # characters of the ends of logs in a page


class Figures:
    """A metric of a run as a table has it: its last, lowest and highest value, as text."""

    def __init__(self, summary: Summary) -> None:
        self.last, self.lowest, self.highest = (written(summary[aspect]) for aspect in ("last", "min", "max"))


class Entry:
    """A run in a page. All texts are free of control characters."""

    def __init__(self, here: Project, run: Run, longest_tail: int) -> None:
        record = run.record
        self.name = run.name
        self.status = escape(str(run.value("status") or ""))
        self.ending = escape(record.ending())
        self.start = record.moment("datetime")  # seconds since the epoch, as `end`; None where it is not known
        self.end = record.moment("finished")
        self.description = escape(record.text("description"), keep="\n")
        self.command = escape(record.typed_command, keep="\n\t")
        self.commit = escape(record.text("commit"))
        self.base = escape(record.text("base"))
        self.is_dirty = "dirty" in record
        self.host = escape("@".join(filter(None, (record.text("user"), record.text("host")))))
        self.params = {escape(key): escape(to_text(value)) for key, value in values.parameters(run).items()}
        found = {metric.key: metric.series for metric in metrics.read(here, run)}
        summaries = metrics.of_record(run) | {key: Summary.of(series) for key, series in found.items()}
        self.metrics = {escape(key): Figures(summary) for key, summary in summaries.items()}
        self.curves: dict[str, Curve] = {escape(key): curves.of(series) for key, series in found.items()}
        self.log = _tail(here, run, longest_tail)  # "": it printed nothing, or nothing of it is here
        self.style = 0  # which of the looks its curves have

    @property
    def took(self) -> float | None:
        """Seconds from its start to its end; None where one of them is not known."""
        return None if self.start is None or self.end is None else self.end - self.start


def read(here: Project, runs: Sequence[Run]) -> list[Entry]:
    """What the page of these runs says of them, in their order."""
    longest = min(tails.LONGEST, ALL_TAILS // max(1, len(runs)))
    entries = [Entry(here, run, longest) for run in progress.over(runs, "Reading metrics", len(runs))]
    # By start: a run looks the same in a later page, to which newer ones have been added.
    for style, entry in enumerate(sorted(entries, key=lambda entry: (entry.start or 0.0, entry.name))):
        entry.style = style
    _fit_curves(entries)
    return entries


def _fit_curves(entries: Sequence[Entry]) -> None:
    places = [(entry, key) for entry in entries for key in entry.curves]
    for (entry, key), curve in zip(places, curves.fitted([entry.curves[key] for entry, key in places]), strict=True):
        entry.curves[key] = curve


def _tail(here: Project, run: Run, most: int) -> str:
    try:
        log = here.outputs.open_log(run.name)
    except (OSError, LeadsOut):
        return ""
    with log:
        return tails.tail(log, run.record, most)
