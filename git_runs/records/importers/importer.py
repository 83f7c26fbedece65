"""The interface of an importer: it reads what another tool has written, and changes none of it.

A new importer is a module beside this one with a class `OwnImporter`, its name in `MODULES`; then
tests/importers/test_importers.py runs against it, too. The tool itself need not be installed: what it wrote is files,
SQLite (by way of `database`) and YAML (by way of `records/yamltext`), and nothing that a program of its own would have
to load, such as pickles.

Whoever calls it decides which of the runs are added, gives ids and names to them, finds their commits, and does what is
wished with their outputs: running/importing.py.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from math import isfinite

from ..outputs import KINDS
from ..record import FAILED, FINISHED, KILLED, Record, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ...errors.base import RunsError
    from ..record import Value

    Point = tuple[float, float]  # step and value
    Points = Sequence[Point] | float  # those of one metric in their order; or no more than the last value
    # Where it is; of which of records/outputs.KINDS it is, "" for what nobody knows, SHARED for what is not the
    # run's alone; its path in the run's output of that kind, "" for all of it.
    FoundOutput = tuple[str, str, str]


_UNFIT = re.compile("[\0\ud800-\udfff]")  # what no record can hold: JSON may name half of a character
SHARED = "shared"  # the kind of what other runs or people may use, too: it is named and linked, and never moved


class Entry:
    """A run as its tool has it."""

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Value],
        *,
        source: str = "",
        exported: str = "",
        metrics: Mapping[str, Points] | None = None,
        outputs: Iterable[str | FoundOutput] = (),
        project: str = "",
    ) -> None:
        self.name = _fit(name)  # whatever the tool allows
        # Of the record; `id` only where the record was one of ours before; `commit` may be short, or missing.
        self.fields = Record({key: _fit(value) for key, value in fields.items() if value not in (None, "", [], {})})
        self.source = _fit(source)  # by which the tool knows it, on whatever machine
        self.exported = exported  # the id of the run of ours that `git runs export` made it of, where it did
        self.metrics = {_fit(key): points for key, points in (metrics or {}).items()}
        self.outputs = [found for found in map(_found_output, outputs) if os.path.lexists(found[0])]
        self.project = project  # the directory that it was started from, where the tool keeps the runs of many together


def _fit(value: Value) -> Value:
    """The value, with U+FFFD in its texts for what no record can hold."""
    if isinstance(value, dict):
        return {_fit(key): _fit(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_fit(one) for one in value]
    return _UNFIT.sub("\ufffd", value) if isinstance(value, str) else value


def _found_output(given: str | FoundOutput) -> FoundOutput:
    path, kind, inside = (given, "", "") if isinstance(given, str) else given
    path = os.path.abspath(path)
    if kind == "" and os.path.islink(path):
        kind = SHARED  # what it leads to is elsewhere; moved, a relative one would lead nowhere
    return path, kind, inside or ("" if kind in KINDS else os.path.basename(path))


class Surroundings:
    """Where a tool may have left its runs."""

    def __init__(self, root: str, top: str | None = None, git_dir: str = "") -> None:
        self.root = root  # the runs dir
        self.top = top  # of the work tree
        self.git_dir = git_dir  # the common one of the repository


class Importer(ABC):
    """Reads the runs of one tool."""

    title: str  # what people call the tool

    @abstractmethod
    def places(self, around: Surroundings) -> list[str]:
        """Where the tool has left runs, by its own defaults."""

    @abstractmethod
    def takes(self, path: str) -> bool:
        """Whether that is such a place."""

    @abstractmethod
    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The runs there, in the order of their start as far as the tool keeps one; and what is wrong with those that
        cannot be read.

        Raises OSError, and ForeignRuns or BadRecord where what is there is not the tool's.
        """


# --- what several of them need


def moment(seconds: float | None) -> str | None:
    """A point in time, as records have it; None where there is none, or one that no calendar has."""
    try:
        return None if seconds is None else timestamp(seconds)
    except (ValueError, OverflowError, OSError):
        return None


def local_moment(text: object) -> str | None:
    """The same of a text in ISO 8601, which is local time where it names no zone."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.astimezone()).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        return None


def ending(code: int | None) -> dict[str, Value]:
    """What a record holds of an exit code: negative ones are signals, as Python's subprocess has them."""
    if code is None:
        return {}
    if code < 0:
        return {"status": KILLED, "signal": -code}
    return {"status": FAILED if code else FINISHED, "exit-code": code}


def flat(values: Value, prefix: str = "") -> dict[str, Value]:
    """Values in mappings in a mapping, by names with dots."""
    if not isinstance(values, dict):
        return {prefix: values} if prefix and values is not None else {}
    found: dict[str, Value] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def number(value: Value) -> float | None:
    """The number that the value is, or says; None where it is none."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def whole_number(value: Value) -> int | None:
    """The whole number that the value is, or says; None where it is none."""
    found = number(value)
    return int(found) if found is not None and isfinite(found) else None
