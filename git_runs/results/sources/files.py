"""Metric files, below the run's directories for TensorBoard and checkpoints, and in its own work tree.

    metrics.csv, results.csv    a row a step, a column a metric, blank where a step has none: Lightning, Ultralytics
    *.jsonl                     a line a step, a JSON object
    metrics.json                one JSON object: numbers, or Sacred's lists of `steps` and `values`
    trainer_state.json          JSON, a list of steps in `log_history`: Hugging Face's Trainer

A step is what a row names so (STEPS), else its number. Where several files have a key, the one that was written last
gives the values.
"""

from __future__ import annotations

import csv
import json
import os
from contextlib import suppress
from fnmatch import fnmatchcase

from ...system.files import age_of, files_below, open_plain
from .source import Series, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from ...records.outputs import Outputs

    Row = Mapping[str, Any]

STEPS = ("step", "global_step", "iteration", "iter", "epoch")  # the first that a row has is its step; none is a metric


class OwnSource(Source):
    """Reads them all."""

    def read(self, outputs: Outputs, name: str) -> dict[str, Series]:
        """The series of the run `name`, by key."""
        found: dict[str, Series] = {}
        for path in sorted(_metric_files(outputs, name), key=age_of, reverse=True):
            with suppress(OSError, ValueError, csv.Error, RecursionError):
                with open_plain(path) as file:
                    text = file.read().decode()
                found |= _series(_reader(path)(text), path)
        return found


def _metric_files(outputs: Outputs, name: str) -> Iterator[str]:
    for directory in (outputs.tensorboard(name), outputs.checkpoints(name), outputs.worktree(name)):
        if not outputs.is_behind_link(directory):
            yield from filter(_is_metric_file, files_below(directory))


def _is_metric_file(path: str) -> bool:
    return any(fnmatchcase(os.path.basename(path), form) for form in _READERS)


def _reader(path: str) -> Callable[[str], Iterable[Row]]:
    return next(read for form, read in _READERS.items() if fnmatchcase(os.path.basename(path), form))


def _series(rows: Iterable[Row], path: str) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for number, row in enumerate(rows):
        steps = (_number(row[key]) for key in STEPS if key in row)
        step = next((step for step in steps if step is not None), float(number))
        for key, value in row.items():
            if key not in STEPS and (point := _number(value)) is not None:
                found.setdefault(key, Series(path)).add(step, point)
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


# --- the forms; each gives rows, and raises ValueError or csv.Error for what is none


def _from_csv(text: str) -> Iterator[Row]:
    whole = text[: text.rfind("\n") + 1]  # the last line may be half there
    for row in csv.DictReader(whole.splitlines(), skipinitialspace=True):
        yield {key.strip(): value for key, value in row.items() if key}


def _from_lines(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield _numbers(row)


def _from_json(text: str) -> Iterator[Row]:
    whole = json.loads(text)
    if not isinstance(whole, dict):
        return
    yield _numbers(whole)
    for key, series in whole.items():
        if isinstance(series, dict) and isinstance(values := series.get("values"), list):
            steps = series.get("steps")
            numbered = zip(steps, values, strict=False) if isinstance(steps, list) else enumerate(values)
            yield from ({"step": step, key: value} for step, value in numbered if not isinstance(value, str))


def _from_trainer_state(text: str) -> Iterator[Row]:
    whole = json.loads(text)
    history = whole.get("log_history") if isinstance(whole, dict) else None
    for row in history if isinstance(history, list) else ():
        if isinstance(row, dict):
            yield _numbers(row)


def _numbers(row: Mapping[str, object]) -> Row:
    """The fields that JSON has as numbers."""
    return {key: value for key, value in row.items() if isinstance(value, (int, float))}


_READERS: dict[str, Callable[[str], Iterable[Row]]] = {
    "metrics.csv": _from_csv,
    "results.csv": _from_csv,
    "*.jsonl": _from_lines,
    "metrics.json": _from_json,
    "trainer_state.json": _from_trainer_state,
}
