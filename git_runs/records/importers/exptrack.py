"""exptrack: SQLite in `.exptrack/experiments.db` of the project; https://pypi.org/project/exptrack/.

Its tables, as version 2 has them: experiments, and with their `exp_id` params (values in JSON), metrics and artifacts;
what begins with "_" among the params is the tool's own.
"""

from __future__ import annotations

import json
import os

from ...console import progress
from ...errors.records import ForeignRuns
from ...system.files import is_below
from ..record import FAILED, FINISHED, UNKNOWN, seconds
from . import database
from .importer import SHARED, Entry, Importer, flat, local_moment, moment, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import FoundOutput, Point, Surroundings

DATABASE = os.path.join(".exptrack", "experiments.db")
STATUSES = {"done": FINISHED, "failed": FAILED}


class OwnImporter(Importer):
    """Reads a database, or that of a project."""

    title = "exptrack"

    def places(self, around: Surroundings) -> list[str]:
        """That of the project."""
        path = os.path.join(around.top or "", DATABASE)
        return [path] if around.top and self.takes(path) else []

    def takes(self, path: str) -> bool:
        """Whether it has a table of experiments."""
        return database.has(_file(path), "experiments", "id", "name", "git_commit")

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The experiments that are not in its trash."""
        with database.opened(_file(path)) as opened:
            if not opened.has("experiments", "id", "name", "git_commit"):
                raise ForeignRuns(path, "it has no table of experiments")
            params: dict[str, dict[str, Value]] = {}
            for row in opened.rows("params"):
                if not str(row["key"]).startswith("_"):
                    params.setdefault(row["exp_id"], {})[str(row["key"])] = _json(row["value"])
            artifacts: dict[str, list[str]] = {}
            for row in opened.rows("artifacts", order="id"):
                artifacts.setdefault(row["exp_id"], []).append(str(row["path"] or ""))
            rows = [row for row in opened.rows("experiments", order="created_at, id") if not row.get("deleted_at")]
            for row in progress.over(rows, "Reading runs", len(rows)):
                yield _entry(
                    row,
                    params.get(row["id"], {}),
                    _metrics_of(opened, row["id"]),
                    _outputs(str(row.get("output_dir") or ""), artifacts.get(row["id"], [])),
                )


def _file(path: str) -> str:
    return os.path.join(path, DATABASE) if os.path.isfile(os.path.join(path, DATABASE)) else path


def _entry(
    row: dict[str, Value],
    params: dict[str, Value],
    metrics: dict[str, list[Point]],
    outputs: list[str | FoundOutput],
) -> Entry:
    start, duration = local_moment(row["created_at"]), number(row.get("duration_s"))
    begun = seconds(start or "")
    tags, studies = (_items(row.get(key)) for key in ("tags", "studies"))
    fields = {
        "description": row.get("notes"),
        "tags": [*tags, *(f"study={one}" for one in studies)],
        "command": row.get("command"),
        "params": flat(params),
        "commit": row.get("git_commit"),
        "dirty": True if row.get("git_diff") else None,
        "branch": row.get("git_branch"),
        "datetime": start,
        "host": row.get("hostname"),
        "status": STATUSES.get(str(row.get("status")), UNKNOWN),
        "finished": moment(begun + duration) if begun is not None and duration is not None else None,
    }
    return Entry(str(row["name"]), fields, source=str(row["id"]), metrics=metrics, outputs=outputs)


def _metrics_of(opened: database.Database, identifier: str) -> dict[str, list[Point]]:
    question = "SELECT key, step, value FROM metrics WHERE exp_id = ? ORDER BY id"
    found: dict[str, list[Point]] = {}
    for key, given, text in opened.values(question, identifier):
        value, step = number(text), number(given)
        if value is not None:
            points = found.setdefault(str(key), [])
            points.append((len(points) if step is None else step, value))
    return found


def _outputs(own: str, artifacts: list[str]) -> list[str | FoundOutput]:
    """The run's own directory, and what was registered elsewhere, which may be any file."""
    apart = [path for path in dict.fromkeys(artifacts) if os.path.isabs(path)]
    others = [path for path in apart if not (own and is_below(path, own))]
    return [*([own] if os.path.isabs(own) else []), *((path, SHARED, "") for path in others)]


def _items(text: Value) -> list[str]:
    found = _json(text)
    return list(map(str, found)) if isinstance(found, list) else []


def _json(text: Value) -> Value:
    """What the text is in JSON; itself where it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text
