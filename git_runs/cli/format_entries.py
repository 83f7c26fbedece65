"""What the forms for programs show: runs, of which values are asked for by name."""

from __future__ import annotations

from functools import cached_property

from ..records.record import METRICS, PARAMS, is_field
from ..system.git import refstore
from .filters import KEPT_TOGETHER, Finder
from .format_values import NAME, REFNAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.record import Run, Value

# What a run has in --porcelain=v1, in this order, and then its parameters and metrics.
PORCELAIN = (
    *("id", "status", "exit-code", "signal", "commit", "branch", "datetime", "finished", "host", "user", "cwd"),
    *("command", "input-command", "description"),
)
MANY = 200  # runs, from which on values are taken from what is kept of all of them


class Entry:
    """What a form shows as one: a run, or what else a command has many of."""

    def __init__(self, name: str) -> None:
        self.name = name  # of the run

    def find(self, key: str) -> Value:
        """A value by its key; None where there is none."""
        raise NotImplementedError

    def whole(self) -> dict[str, Value]:
        """All that there is."""
        raise NotImplementedError

    def lines(self) -> dict[str, Value]:
        """What --porcelain=v1 shows of all that."""
        return self.whole()


def of_runs(
    finder: Finder,
    wanted: Sequence[str] | None,
    catalogue: Catalogue,
    names: Sequence[str],
    bad: list[BadRecord],
) -> Iterator[Entry]:
    """Those of the catalogue's runs that have these names, of which no more is read than the values of the keys that
    are wanted, or all; records that cannot be read go to `bad`. Warns of keys of which none of them has a value."""
    refs = _Refs()
    if wanted is None:
        yield from (_OfRun(run, refs, finder) for run in finder.recall(names, [METRICS], bad))
        return
    keys = [key for key in wanted if key not in (NAME, REFNAME)]
    finder.resolve(keys, catalogue)
    known = _kept(finder, [key for key in keys if not is_field(key)], catalogue, names)
    if known and all(key in known[0] for key in keys):
        yield from (_Known(name, refs, values) for name, values in zip(names, known, strict=True))
    elif known:
        values = dict(zip(names, known, strict=True))
        yield from (_OfRun(run, refs, finder, values[run.name]) for run in finder.recall(names, keys, bad))
    elif not keys:
        yield from (_Known(name, refs) for name in names)
    else:
        yield from _of_runs(finder.recall(names, keys, bad), names, finder, refs, keys)


def of_few(here: Project, wanted: Sequence[str] | None, runs: Sequence[Run]) -> Iterator[Entry]:
    """These runs, each of which decides what a key means."""
    yield from _of_runs(runs, [run.name for run in runs], Finder(here), _Refs(), wanted or ())


def _of_runs(
    runs: Iterable[Run], names: Sequence[str], finder: Finder, refs: _Refs, keys: Iterable[str]
) -> Iterator[Entry]:
    missing = {key for key in keys if not is_field(key) and key != REFNAME}
    for run in finder.noting(runs, missing):
        yield _OfRun(run, refs, finder)
    finder.warn_of(missing, names)


def _kept(finder: Finder, keys: Sequence[str], catalogue: Catalogue, names: Sequence[str]) -> list[dict[str, Value]]:
    """The values of parameters and metrics that are kept of all runs; nothing where they are not to be had so."""
    if len(names) < MANY or not 0 < len(keys) <= KEPT_TOGETHER:
        return []
    numbers = {name: place for place, name in enumerate(catalogue.names)}
    places = [numbers[name] for name in names]
    columns = {key: finder.column(key, catalogue, places) for key in keys}
    finder.warn_of([key for key, values in columns.items() if all(value is None for value in values)], names)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class _Refs:
    """The refs of runs: read when the first is asked for."""

    @cached_property
    def _names(self) -> Container[str]:
        return refstore.read(refstore.start_reading(refstore.RUNS))

    def of(self, name: str) -> str | None:
        """The full name of a run's ref; None where it has none here, as runs of remotes."""
        ref = refstore.RUNS + name
        return ref if ref in self._names else None


class _Known(Entry):
    """A run of which all that is asked for is known."""

    def __init__(self, name: str, refs: _Refs, values: Mapping[str, Value] | None = None) -> None:
        super().__init__(name)
        self._refs = refs
        self._values = values or {}

    def find(self, key: str) -> Value:
        """`refname` is its ref, if it has one here."""
        if key in self._values:
            return self._values[key]
        return self.name if key == NAME else self._refs.of(self.name) if key == REFNAME else None


class _OfRun(_Known):
    """A run, of which some values may be known by now."""

    def __init__(self, run: Run, refs: _Refs, finder: Finder, values: Mapping[str, Value] | None = None) -> None:
        super().__init__(run.name, refs, values)
        self._run = run
        self._finder = finder

    def find(self, key: str) -> Value:
        """As a table has it; but of `params`, `metrics` and `environment` all that is known."""
        if key == REFNAME or key in self._values:
            return super().find(key)
        if key == "environment":
            return self._finder.environment(self._run)
        return self._all(key) if key in ("params", "metrics") else self._finder.of(self._run, key)

    def _all(self, kind: str) -> dict[str, Value]:
        """All parameters, or the numbers of each metric."""
        if kind == "metrics":
            summaries = self._finder.values.metrics.of(self._run)
            return {key: dict(one.shown()) for key, (_, one) in summaries.items()}
        from ..results.values import parameters

        return parameters(self._run)

    def whole(self) -> dict[str, Value]:
        """Its record, with the status as it is, the duration, all parameters, and the numbers of each metric."""
        run = self._run
        found: dict[str, Value] = {NAME: run.name, **run.record}
        found |= {key: value for key in (NAME, "status", "duration") if (value := run.value(key)) is not None}
        if "reproduces" in run.record:
            found["reproduces"] = self._finder.of(run, "reproduces")
        return found | {"params": self._all("params"), "metrics": self._all("metrics")}

    def lines(self) -> dict[str, Value]:
        """The fields of PORCELAIN, and each parameter and metric by itself."""
        found = self.whole()
        shown = {key: found.get(key) for key in PORCELAIN}
        shown |= {PARAMS + key: value for key, value in found["params"].items()}
        return shown | {METRICS + key: numbers.get("last") for key, numbers in found["metrics"].items()}
