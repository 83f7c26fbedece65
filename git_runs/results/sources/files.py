"""Metric files, below the run's directories for TensorBoard and checkpoints, and in its own work tree.

    metrics.csv, results.csv    a row a step, a column a metric, blank where a step has none: Lightning, Ultralytics;
                                numbers may be as people print them: "1,234.5", or 80%, which is 80
    *.jsonl, scalars.json       a line a step, a JSON object with numbers at any depth; mmengine
    metrics.json                one such object, in which Sacred has lists of `steps` and `values`; or a list of them,
                                one a step; or lines as above, as detectron2 has them
    trainer_state.json          JSON, a list of steps in `log_history`: Hugging Face's Trainer

Further ones are named by the setting runs.metric-files, and read by what their names end in: .csv, .tsv, .jsonl, .json.
A step is what a row names so (STEPS), else its number. Where one of its fields (words.PARTS), or else the path, names
another part of the data than that for training, this stands before the keys: `val_loss`.
"""

from __future__ import annotations

import csv
import json
import os
import re
from contextlib import suppress
from fnmatch import fnmatchcase
from math import isfinite, nan

from .source import Series, Source, blocks, whole_lines
from .words import OTHER_DATA, PARTS, names_data, without_separators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, BinaryIO

    from .source import Mark

    Row = Mapping[str, Any]

STEPS = ("step", "global_step", "iteration", "iter", "epoch")  # the first that a row has is its step
TIMES = ("timestamp", "_timestamp", "wall_time", "time")  # where they hold seconds since the epoch
LARGEST = 1 << 26  # bytes of a file that is read as a whole; a larger one is data
LONG_AGO = 1e9  # seconds since the epoch; what is less is a duration
BOM = b"\xef\xbb\xbf"
EPOCH = "epoch"  # a metric, too
COUNTERS = {*STEPS} - {EPOCH}


class OwnSource(Source):
    """Reads them all."""

    def takes(self, path: str, place: str) -> bool:
        """By its name; a pattern of the user's with a slash is of a path below the place."""
        name = os.path.basename(path)
        if any(fnmatchcase(name, form) for form in _READERS):
            return True
        inside = os.path.relpath(path, place)
        return any(fnmatchcase(inside if "/" in form else name, form) for form in self.rules.files)

    def order(self, path: str, written: float) -> tuple[float, str]:
        """That which was written last comes last."""
        return written, path

    def grows(self, path: str) -> bool:
        """A row or a line is added; other forms are written anew."""
        return _reader(path) in (_from_csv, _from_lines)

    def read(self, file: BinaryIO, mark: Mark, inside: str) -> Iterator[dict[str, Series]]:
        """Numbers by the name of their column or field."""
        reader = _reader(inside)
        is_at_start = mark.offset == 0
        # The last cell of a row may be a part of a number; the last line of the other form has a brace at its end.
        is_complete = self.places.has_finished if reader is _from_csv else self.places.has_ended
        lines = whole_lines(file, mark, [b"\n"], is_complete=is_complete)
        of_file = _other_data_of(inside)
        for content in lines if self.grows(inside) else _whole(file, mark):
            rows = reader(content.removeprefix(BOM) if is_at_start else content, mark.memory)
            try:
                yield _series(rows, mark.memory, of_file)
            except (ValueError, RecursionError):
                mark.broken = 0
            is_at_start = False


def _whole(file: BinaryIO, mark: Mark) -> Iterator[bytes]:
    if os.fstat(file.fileno()).st_size <= LARGEST:
        content = b"".join(blocks(file, 0))
        mark.offset = len(content)
        yield content


def _reader(path: str) -> Callable[[bytes, dict[str, Any]], Iterable[Row]]:
    name = os.path.basename(path)
    known = next((read for form, read in _READERS.items() if fnmatchcase(name, form)), None)
    return known or _BY_SUFFIX.get(os.path.splitext(name)[1].lower(), _from_csv)


def _series(rows: Iterable[Row], memory: dict[str, Any], of_file: str) -> dict[str, Series]:
    """The points in the rows of a file that is about the data `of_file`."""
    found: dict[str, Series] = {}
    number = memory.get("rows", 0)
    for number, row in enumerate(rows, number):  # noqa: B020
        names = {key.lower(): key for key in row}
        steps = (_number(row[names[key]]) for key in STEPS if key in names)
        step = next((step for step in steps if step is not None and isfinite(step)), float(number))
        clocks = (names[key] for key in TIMES if key in names)
        moments = ((key, moment) for key in clocks if (moment := _number(row[key])) is not None)
        clock, time = next(((key, moment) for key, moment in moments if moment > LONG_AGO), ("", nan))
        other_data = of_file if names.keys().isdisjoint(PARTS) else _other_data(row)
        for key, value in row.items():
            if key == clock or key.lower() in COUNTERS or (point := _number(value)) is None:
                continue
            is_whole = not other_data or key.lower() == EPOCH or names_data(key)
            found.setdefault(key if is_whole else f"{other_data}_{key}", Series()).add(step, point, time)
        memory["rows"] = number + 1
    return found


def _other_data(row: Row) -> str:
    """Which data a row is about; empty where these are the training data, or none are named."""
    return next((value.strip().lower() for key, value in row.items() if _names_other_data(key, value)), "")


def _other_data_of(path: str) -> str:
    """Which data a file is about, as a directory, or a word of its own name, says; empty as above."""
    *directories, name = path.lower().split("/")
    return next((word for word in [*directories, *re.split(r"[\W_]+", name)] if word in OTHER_DATA), "")


def _names_other_data(key: str, value: object) -> bool:
    return key.lower() in PARTS and isinstance(value, str) and value.strip().lower() in OTHER_DATA


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        if not isinstance(value, str):
            return float(value)
        # 1_000 is a number in Python alone.
        return None if "_" in value else float(without_separators(value.strip().removesuffix("%")))
    except (ValueError, OverflowError):
        return None


# --- the forms; each gives rows, and raises ValueError for what is none


def _from_csv(content: bytes, memory: dict[str, Any]) -> Iterator[Row]:
    for line in content.splitlines():
        if "columns" not in memory:
            memory["separator"] = "\t" if b"\t" in line and b"," not in line else ","
            memory["columns"] = [name.strip() for name in _cells(line, memory["separator"])]
            continue
        cells = [cell.strip() for cell in _cells(line, memory["separator"])]
        if {*memory["columns"]} & {*cells} - {""} and not any(_number(cell) is not None for cell in cells):
            memory["columns"] = cells  # the program was started again
        elif not any(cells[len(memory["columns"]) :]):
            yield {key: cell for key, cell in zip(memory["columns"], cells, strict=False) if key}


def _cells(line: bytes, separator: str) -> list[str]:
    """Those of one line; none where it is no text, or a part of a row with line breaks in its cells."""
    if line.count(b'"') % 2:
        return []
    with suppress(ValueError, csv.Error):
        return next(csv.reader([line.decode()], delimiter=separator, skipinitialspace=True), [])
    return []


def _from_lines(content: bytes, memory: dict[str, Any]) -> Iterator[Row]:
    for line in content.splitlines():
        with suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                yield dict(_flat(row))


def _from_json(content: bytes, memory: dict[str, Any]) -> Iterator[Row]:
    try:
        whole = json.loads(content)
    except ValueError:
        yield from _from_lines(content[: content.rfind(b"\n") + 1], memory)
        return
    for row in whole if isinstance(whole, list) else [whole]:
        if isinstance(row, dict):
            yield dict(_flat(row))
    for key, series in whole.items() if isinstance(whole, dict) else ():
        if _is_series(series):
            steps, values = series.get("steps"), series["values"]
            numbered = zip(steps, values, strict=False) if isinstance(steps, list) else enumerate(values)
            yield from ({"step": step, key: value} for step, value in numbered if not isinstance(value, str))


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The numbers in it, and in what is inside it: `train/loss`; and which data it is about."""
    for key, value in row.items():
        if isinstance(value, dict) and not _is_series(value):
            yield from _flat(value, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) or _names_other_data(key, value):
            yield prefix + key, value


def _is_series(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("values"), list)


def _from_trainer_state(content: bytes, memory: dict[str, Any]) -> Iterator[Row]:
    whole = json.loads(content)
    history = whole.get("log_history") if isinstance(whole, dict) else None
    for row in history if isinstance(history, list) else ():
        if isinstance(row, dict):
            yield dict(_flat(row))


_READERS = {
    "metrics.csv": _from_csv,
    "results.csv": _from_csv,
    "*.jsonl": _from_lines,
    "scalars.json": _from_lines,
    "metrics.json": _from_json,
    "trainer_state.json": _from_trainer_state,
}
_BY_SUFFIX = {".jsonl": _from_lines, ".json": _from_json}
