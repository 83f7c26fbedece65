"""Runs as rows: what is shown of each, and what they are sorted and chosen by."""

from __future__ import annotations

import re

from ...console.axes import number
from ...console.escape import escape
from ...records import query
from ...records.record import FIELDS, HEADLINE, HEAVY, METRICS, OPEN, PARAMS, UNDER_WAY, is_field
from ..summary import split, tidy
from ..values import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ...records.record import Run, Value
    from ..summary import Summary
    from .actions import Condition

# Of a run's record; its settings say where it writes.
KEPT = tuple(key for key in FIELDS if key not in HEAVY or key == "settings")
COLUMNS = ("name", "status", "progress", "metric", "age", "took", "description")
DIGITS = 5  # of a metric
BAR = 8  # cells
MINUTE, HOUR, DAY = 60, 3600, 86400
_OPERATOR = re.compile(r"\s*(!=|<=|>=|=|<|>|~)\s*")


class Row:
    """A run as it was at one moment. `metrics` are its summaries by key; None: they were not read. `headline` is the
    metric that the setting runs.metric names."""

    __slots__ = ("description", "end", "headline", "metrics", "name", "progress", "run", "start", "status")

    def __init__(
        self, run: Run, metrics: Mapping[str, Summary] | None, progress: float | None = None, headline: str = ""
    ) -> None:
        record = run.record
        self.run = run.only(KEPT)
        self.name = run.name
        self.status = record.status
        self.start = record.moment("datetime")  # seconds since the epoch
        self.end = record.moment("finished")
        self.description = escape(record.text("description").partition("\n")[0])
        self.metrics = metrics
        self.headline = headline
        self.progress = progress  # from 0 to 1

    def metric(self, name: str) -> float | None:
        """A metric, or one of its aspects: `loss:min`; None where it is not known."""
        found = self.metrics or {}
        key, aspect = split(name, found)
        return tidy(found[key][aspect]) if key in found else None

    def took(self, now: float) -> float | None:
        """Seconds from its start to its end, or by now; None where they are not known."""
        end = now if self.is_under_way else self.end
        return None if self.start is None or end is None else max(end - self.start, 0)

    @property
    def is_under_way(self) -> bool:
        """Whether it goes on."""
        return self.status in UNDER_WAY

    @property
    def is_open(self) -> bool:
        """Whether it has not ended: it goes on, or waits for its turn."""
        return self.status in OPEN

    def of(self, run: Run, key: str) -> Value:
        """A value of it by name, for conditions: results/values.py has the same of all runs."""
        if key.startswith(METRICS):
            return self.metric(key.removeprefix(METRICS))
        if key.startswith(PARAMS):
            return parameters(run).get(key.removeprefix(PARAMS))
        if key == HEADLINE and self.headline:
            return self.metric(self.headline)
        if key == "status":
            return self.status or None
        if is_field(key):
            outer, *inner = key.split(".")
            found = run.value(outer)
            for part in inner:
                found = found.get(part) if isinstance(found, dict) else None
            return found
        chosen = parameters(run).get(key)
        return self.metric(key) if chosen is None else chosen


# --- what is shown


def cells(row: Row, metric: str, now: float, *, is_ascii: bool) -> dict[str, str]:
    """The texts of a row by column, "" where there is none."""
    value = row.metric(metric) if metric else None
    took = row.took(now)
    return {
        "name": row.name,
        "status": escape(row.status),
        "progress": "" if row.progress is None else _bar(row.progress, is_ascii=is_ascii),
        "metric": "" if value is None else number(value, DIGITS),
        "age": "" if row.start is None else span(now - row.start),
        "took": "" if took is None else span(took),
        "description": row.description,
    }


def span(seconds: float) -> str:
    """A time in six characters at most, for years."""
    whole = max(int(seconds), 0)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    return f"{whole // DAY}d{whole % DAY // HOUR:02}h" if whole < 100 * DAY else f"{whole // DAY}d"


def _bar(share: float, *, is_ascii: bool) -> str:
    full, empty = "#." if is_ascii else "━─"
    done = round(min(max(share, 0), 1) * BAR)
    return f"{full * done}{empty * (BAR - done)} {int(share * 100):3}%"


# --- in which order


def ordered(rows: Sequence[Row], column: str, backwards: bool, metric: str, now: float) -> list[Row]:
    """The rows in the order of a column, those without a value at the end."""

    def value(row: Row) -> Value:
        if column == "metric":
            return row.metric(metric) if metric else None
        if column == "took":
            return row.took(now)
        return getattr(row, "start" if column == "age" else column) or None

    by_name = {row.name: row for row in rows}
    values = ((name, value(row)) for name, row in by_name.items())
    return [by_name[name] for name in query.sort(values, backwards != (column == "age"))]  # the older, the earlier


# --- which ones


class Choice:
    """What was typed to choose runs: words, separated by blanks, that all have to hold.

    A word is a text in the name, in whatever case, or a condition such as `lr<0.1`. Raises BadCondition.
    """

    def __init__(self, text: str, condition: Callable[[str], Condition]) -> None:
        self.text = text
        words = _OPERATOR.sub(r"\1", text).split()
        self._words = [(word.lower(), condition(word) if _OPERATOR.search(word[1:]) else None) for word in words]
        self._known: dict[str, tuple[Row, bool]] = {}

    @property
    def keys(self) -> list[str]:
        """What the conditions are on."""
        return [condition.key for _, condition in self._words if condition]

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that are chosen; raises SlowPattern. Those that are as they were are not looked at again."""
        if not self._words:
            return list(rows)
        return [row for row in rows if self._has(row)]

    def _has(self, row: Row) -> bool:
        known = self._known.get(row.name)
        if known is None or known[0] is not row:
            known = self._known[row.name] = row, all(self._holds(row, *word) for word in self._words)
        return known[1]

    @staticmethod
    def _holds(row: Row, word: str, condition: Condition | None) -> bool:
        return word in row.name.lower() or (condition is not None and condition.holds(row.run, row))


def common(rows: Iterable[Row], last: str) -> list[str]:
    """The keys of their metrics, those first that most of them have, and losses before others; `last` is the last."""
    counts: dict[str, int] = {}
    for row in rows:
        for key in row.metrics or ():
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (key == last, -counts[key], "loss" not in key.lower(), key))


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows have each status."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.status] = found.get(row.status, 0) + 1
    return found
