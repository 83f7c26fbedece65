"""The metrics of runs: whole curves, and summaries.

A run that has ended has its summaries in its record, where its supervisor wrote them (`for_record`): they outlive what
the run has written. Those of others are read, by way of the cache.
"""

from __future__ import annotations

from ..console.messages import warn
from .reading import Summaries, Written, curves
from .sources.source import Places, Rules, Series
from .summary import Outline, Summary, split, tidy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..project import Project
    from ..records.importers.importer import Points
    from ..records.outputs import Outputs
    from ..records.record import Run, Value
    from .reading import Damage

RECORD = "record"  # the source of what is no more than a summary
MOST = 100  # keys in a record
BATCH = 500  # runs of which what was kept is asked for together


class Metric:
    """One metric of a run, with all its points."""

    def __init__(self, key: str, source: str, series: Series) -> None:
        self.key = key
        self.source = source  # one of sources.NAMES
        self.series = series  # not empty


def read(here: Project, run: Run) -> list[Metric]:
    """A run's metrics with all their points, in the order of their keys; each from the first source that has it.

    Damages of files are warned of.
    """
    if run.remote is not None:  # what it has written is not here
        return []
    found, damages = curves(Written(Places(here.outputs, run.name, run.record), rules_of(here)))
    warn_of(damages)
    return [Metric(key, *found[key]) for key in sorted(found)]


def outlines(here: Project, run: Run) -> Summaries:
    """Those of a run of which nothing was read so far: each is an Outline, and `update` reads no more than is new."""
    return Summaries(Written(Places(here.outputs, run.name, run.record), rules_of(here), Outline))


def of_record(run: Run) -> dict[str, Summary]:
    """The summaries in the run's record, by key."""
    found = run.record.get("metrics")
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: Summary.of_record(aspects(one)) for key, one in pairs if one is not None}


def aspects(recorded: Value) -> Mapping[str, Value]:
    """What a record holds of a metric; a person may write no more than the last value."""
    return recorded if isinstance(recorded, dict) else {"last": recorded}


def rules_of(here: Project) -> Rules:
    """What the settings say of metrics."""
    return Rules(here.settings.metric_files, here.settings.metric_pattern)


def warn_of(damages: Sequence[Damage]) -> None:
    """Say where files are damaged."""
    for path, offset in damages:
        warn(f"'{path}' is damaged at byte {offset}; what can be read of it is shown")


def for_record(outputs: Outputs, run: Run, rules: Rules, headline: str) -> dict[str, Value]:
    """What the record of a run holds of its metrics: the summary of each key; MOST at most, the headline among them."""
    found = _unread(outputs, run, rules)
    found.update()
    summaries = found.by_key()
    wanted, _ = split(headline.removeprefix("-"), summaries)
    chosen = sorted(summaries, key=lambda key: key != wanted)[:MOST]
    return {key: dict(summaries[key][1].shown()) for key in sorted(chosen)}


def for_record_of(given: Mapping[str, Points]) -> dict[str, Value]:
    """The same of metrics whose points are given, or no more than the last value of each."""
    return {
        key: tidy(one) if isinstance(one, (int, float)) else dict(_summary_of(one).shown())
        for key, one in given.items()
    }


def _summary_of(points: Sequence[tuple[float, float]]) -> Summary:
    series = Series()
    for step, value in points:
        series.add(step, value)
    return Summary.of(series)


def _unread(outputs: Outputs, run: Run, rules: Rules) -> Summaries:
    """The summaries of a run of which nothing was read so far."""
    return Summaries(Written(Places(outputs, run.name, run.record), rules))


class Metrics:
    """The summaries of runs, each read once."""

    def __init__(self, here: Project) -> None:
        self._store = here.store
        self._outputs = here.outputs
        self._rules = rules_of(here)
        self._batch: set[str] = set()  # the names of runs that go by together
        self._expected: list[str] = []  # those of which nobody has asked what was kept
        self._kept: dict[str, tuple[str, str]] = {}
        self._new: dict[str, Summaries] = {}
        self._read: dict[str, Summaries] = {}

    def expecting(self, runs: Iterable[Run]) -> Iterator[Run]:
        """The runs: what was kept of those is asked for together that are asked for one after another."""
        batch: list[Run] = []
        for run in runs:
            batch.append(run)
            if len(batch) == BATCH:
                yield from self._together(batch)
                batch = []
        yield from self._together(batch)

    def _together(self, runs: list[Run]) -> Iterator[Run]:
        self._expected = [run.name for run in runs]
        self._batch = {*self._expected}
        try:
            yield from runs
        finally:
            self._expected, self._batch = [], set()
            self.keep()
            self._kept.clear()
            self._read.clear()

    def of(self, run: Run) -> dict[str, tuple[str, Summary]]:
        """The source and the summary of each key: from the record where it has them, else from what the run has written
        by now."""
        recorded = of_record(run)
        return {key: (RECORD, one) for key, one in recorded.items()} if recorded else self.summaries(run).by_key()

    def has_read(self, run: Run) -> bool:
        """Whether what the run has written was read."""
        return run.name in self._read

    def summaries(self, run: Run) -> Summaries:
        """What was read of the run by now."""
        if run.name in self._read:
            return self._read[run.name]
        if run.remote is not None:  # what it has written is not here
            return _unread(self._outputs, run, self._rules)
        found = _unread(self._outputs, run, self._rules)
        try:
            if kept := self._kept_of(run.name):
                found.restore(*kept)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):  # another version's
            found = _unread(self._outputs, run, self._rules)
        if found.update():
            self._new[run.name] = found
        self._read[run.name] = found
        if run.name not in self._batch:
            self.keep()
        return found

    def _kept_of(self, name: str) -> tuple[str, str] | None:
        if self._expected:
            self._kept = self._store.reader.metrics(self._expected)
            self._expected = []
        if name not in self._batch:
            self._kept.update(self._store.reader.metrics([name]))
        return self._kept.pop(name, None)

    def keep(self) -> None:
        """Let the next command know what was read."""
        self._store.reader.keep_metrics((name, *found.texts()) for name, found in self._new.items())
        self._new = {}
