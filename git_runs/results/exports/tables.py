"""Runs as rows of a CSV file, or as JSON: with the fields of their records, their parameters, and their metrics.

csv     a row a run; fields, `params.<name>` and `metrics.<key>`, the last value, are columns; lists are JSON
json    a list of objects, one a line: the record, its `params` with those that the command says, and under
        `metrics` of each key what results/summary.py has
"""

from __future__ import annotations

import csv
import io
import json
from math import isfinite

from ...records.record import FIELDS, HEAVY, METRICS, PARAMS, to_text
from ..values import Values, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...project import Project
    from ...records.record import Run, Value

NOT_SHOWN = ("id", "params", "process", *HEAVY)  # in CSV, where they would be long, or have columns of their own


def as_csv(here: Project, runs: Sequence[Run]) -> str:
    """The table, with its columns in the order of the fields of records."""
    values = Values(here)
    rows = [_row(values, run) for run in values.expecting(runs)]
    names = dict.fromkeys(key for row in rows for key in row)
    fields = [key for key in FIELDS if key in names]
    others = sorted((key for key in names if key not in fields), key=_kind)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*fields, *others], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _kind(key: str) -> int:
    """Parameters first, then metrics, each as they come; before both what people have added to records."""
    return 2 if key.startswith(METRICS) else int(key.startswith(PARAMS))


def _row(values: Values, run: Run) -> dict[str, str]:
    row = {key: to_text(run.value(key)) for key in run.record if key not in NOT_SHOWN}
    row["name"] = run.name
    row |= {f"{PARAMS}{name}": to_text(value) for name, value in parameters(run).items()}
    metrics = values.metrics.of(run).items()
    return row | {f"{METRICS}{key}": repr(summary["last"]) for key, (_, summary) in metrics}


def as_json(here: Project, runs: Sequence[Run]) -> str:
    """The list."""
    values = Values(here)
    lines = [json.dumps(_object(values, run), ensure_ascii=False) for run in values.expecting(runs)]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def _object(values: Values, run: Run) -> dict[str, Value]:
    found: dict[str, Value] = {**run.record, "name": run.name}
    found.pop("process", None)
    if params := parameters(run):
        found["params"] = params
    metrics = {key: dict(summary.shown()) for key, (_, summary) in values.metrics.of(run).items()}
    if metrics:
        found["metrics"] = {key: {name: _finite(one) for name, one in of.items()} for key, of in metrics.items()}
    return found


def _finite(number: float) -> float | None:
    """None for what no JSON can hold: RFC 8259, 6."""
    return number if isfinite(number) else None
