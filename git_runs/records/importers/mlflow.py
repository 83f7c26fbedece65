"""MLflow: a file store, such as `mlruns/`, or SQLite, such as `mlflow.db`; https://mlflow.org.

A file store has `<experiment>/meta.yaml`, and for each run `<experiment>/<run>/meta.yaml`, and in files of their own
`params/<key>`, `tags/<key>` and `metrics/<key>`, whose lines are "time value step" (mlflow/store/tracking/
file_store.py). SQLite has the same in tables (mlflow/store/tracking/dbmodels/models.py). What MLflow itself notes of a
run is in tags that begin with `mlflow.`; the arguments of its command are not among that. What
results/exports/mlflow.py notes of a run of ours is in tags that begin with `git-runs.`.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from urllib.parse import unquote, urlparse

from ...console import progress
from ...errors.records import ForeignRuns
from ...system.files import entries, files_below, is_below
from .. import yamltext
from ..record import FAILED, FINISHED, KILLED, LOST, UNKNOWN
from . import database
from .importer import SHARED, Entry, Importer, moment, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import Point, Surroundings

OWN = "mlflow."  # begins the tags that MLflow itself writes
OURS = "git-runs."  # begins those that `git runs export` writes
ENDS = (FINISHED, FAILED, KILLED, LOST, UNKNOWN)  # what a status of ours may be that says more than MLflow's
DEFAULT = "Default"  # the experiment that nobody chose
# As text in SQLite, and as numbers in files (mlflow/protos/service.proto).
STATUSES = {"FINISHED": FINISHED, "FAILED": FAILED, "KILLED": KILLED, "3": FINISHED, "4": FAILED, "5": KILLED}


class OwnImporter(Importer):
    """Reads both."""

    title = "MLflow"

    def places(self, around: Surroundings) -> list[str]:
        """What MLFLOW_TRACKING_URI names, and the defaults at the top."""
        named = urlparse(os.environ.get("MLFLOW_TRACKING_URI", ""))
        path = {"file": named.path, "": named.path, "sqlite": named.path[1:]}.get(named.scheme, "")
        top = around.top or ""
        found = [os.path.join(top, place) for place in (unquote(path), "mlflow.db", "mlruns") if place]
        return [place for place in dict.fromkeys(found) if self.takes(place)]

    def takes(self, path: str) -> bool:
        """Whether there are experiments."""
        if os.path.isdir(path):
            return any(True for _ in _experiments(path))
        return database.has(path, "runs", "run_uuid", "experiment_id")

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The runs that were not deleted; those of an experiment with a name are a group."""
        if os.path.isdir(path):
            yield from _read_files(path)
        else:
            yield from _read_database(path)


class _Run:
    """A run, wherever it is."""

    def __init__(self, fields: Mapping[str, Value], experiment: str, store: str) -> None:
        self.fields = {key: value for key, value in fields.items() if value not in (None, "")}
        self.experiment = experiment
        self.store = store  # the directory
        self.identifier = str(self.fields.get("run_uuid") or self.fields.get("run_id") or "")
        self.start = number(self.fields.get("start_time")) or None  # 0 where it is not known

    def entry(
        self, params: Mapping[str, str], tags: Mapping[str, str], metrics: Mapping[str, list[Point]], artifacts: str
    ) -> Entry:
        """All that is known of it."""
        own, ours = _beginning_with(OWN, tags), _beginning_with(OURS, tags)
        name = own.get("runName") or self.fields.get("run_name") or self.fields.get("name") or self.identifier[:8]
        others = {key: value for key, value in tags.items() if not key.startswith((OWN, OURS))}
        status = STATUSES.get(str(self.fields.get("status")), UNKNOWN)
        end = number(self.fields.get("end_time"))
        fields = {
            "description": own.get("note.content"),
            "tags": [f"{key}={value}" if value else key for key, value in others.items()],
            "notes": _items(ours.get("notes", "")),
            "params": dict(params),
            "commit": own.get("source.git.commit") or self.fields.get("source_version"),
            "dirty": True if "dirty" in ours else None,
            "branch": own.get("source.git.branch"),
            "datetime": moment(self.start and self.start / 1000),
            "user": own.get("user") or self.fields.get("user_id"),
            "status": ours["status"] if ours.get("status") in ENDS else status,
            "finished": moment(end / 1000 if end else None),
        }
        named = self.experiment not in (DEFAULT, "")
        full_name = f"{self.experiment}/{name}" if named else str(name)
        is_own = os.path.basename(os.path.dirname(artifacts)) == self.identifier
        outputs = [(artifacts, "" if is_own else SHARED, "")]
        exported = self._as_id() if "name" in ours else ""
        return Entry(full_name, fields, source=self.identifier, exported=exported, metrics=metrics, outputs=outputs)

    def _as_id(self) -> str:
        """Its identifier as our records have ids; "" where it is none."""
        with suppress(ValueError):
            return str(uuid.UUID(self.identifier))
        return ""

    def artifacts(self, inside: str) -> str:
        """The directory of its artifacts, which may have been moved together with the store, in which it is there."""
        uri = urlparse(str(self.fields.get("artifact_uri", "")))
        path = unquote(uri.path) if uri.scheme in ("", "file") else ""
        return path if path and os.path.isdir(path) else os.path.join(self.store, inside, "artifacts")


def _beginning_with(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {key[len(prefix) :]: value for key, value in tags.items() if key.startswith(prefix)}


def _items(text: str) -> list[str]:
    """The texts in a list in JSON; what is none is one text, as a person may have written it."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, list):
            return list(map(str, found))
    return [text] if text else []


# --- files


def _read_files(store: str) -> Iterator[Entry | RunsError]:
    found: list[tuple[float, str, _Run]] = []
    experiments = list(_experiments(store))
    if not experiments:
        raise ForeignRuns(store, "there are no experiments of MLflow")
    for experiment in experiments:
        try:
            name = str(_yaml(os.path.join(experiment, "meta.yaml")).get("name") or "")
        except (OSError, ForeignRuns):
            name = os.path.basename(experiment)
        for entry in progress.over(entries(experiment), "Reading runs"):
            path = os.path.join(entry.path, "meta.yaml")
            if entry.is_dir(follow_symlinks=False) and os.path.isfile(path):
                try:
                    run = _Run(_yaml(path), name, store)
                except (OSError, ForeignRuns) as error:
                    yield error if isinstance(error, ForeignRuns) else ForeignRuns(path, str(error))
                    continue
                run.identifier = run.identifier or entry.name
                if run.fields.get("lifecycle_stage") != "deleted":
                    found.append((run.start or 0, entry.path, run))
    for _, place, run in sorted(found, key=lambda one: one[:2]):
        try:
            params = {key: text.rstrip("\n") for key, text in _texts(place, "params")}
            tags = {key: text.rstrip("\n") for key, text in _texts(place, "tags")}
            metrics = {key: points for key, text in _texts(place, "metrics") if (points := list(_points(text)))}
        except OSError as error:
            yield ForeignRuns(place, str(error))
            continue
        yield run.entry(params, tags, metrics, run.artifacts(os.path.relpath(place, run.store)))


def _experiments(store: str) -> Iterator[str]:
    for entry in sorted(entries(store), key=lambda one: one.name):
        if not entry.name.startswith(".") and os.path.isfile(os.path.join(entry.path, "meta.yaml")):
            yield entry.path


def _yaml(path: str) -> dict[str, Value]:
    found = yamltext.read_foreign(path)
    if not isinstance(found, dict):
        raise ForeignRuns(path, "it is no mapping")
    return found


def _texts(run: str, kind: str) -> Iterator[tuple[str, str]]:
    """Key and text of what has a file of its own; a key may have "/" in it. A link that leads out of there counts for
    nothing: what it leads to was never meant to be in a record."""
    top = os.path.join(run, kind)
    for path in sorted(files_below(top)):
        if os.path.isfile(path) and is_below(os.path.realpath(path), os.path.realpath(run)):
            with open(path, encoding="utf-8", errors="replace") as file:
                yield os.path.relpath(path, top), file.read()


def _points(text: str) -> Iterator[Point]:
    for line in text.splitlines():
        parts = line.split()
        value = number(parts[1]) if len(parts) > 1 else None
        if value is not None:
            yield (number(parts[2]) if len(parts) > 2 else None) or 0, value


# --- SQLite


def _read_database(path: str) -> Iterator[Entry | RunsError]:
    store = os.path.join(os.path.dirname(os.path.abspath(path)), "mlruns")
    with database.opened(path) as opened:
        if not opened.has("runs", "run_uuid", "experiment_id"):
            raise ForeignRuns(path, "it has no table of MLflow's runs")
        experiments = {row["experiment_id"]: str(row["name"]) for row in opened.rows("experiments")}
        params, tags = (_by_run(opened.rows(table)) for table in ("params", "tags"))
        (total,) = opened.values("SELECT count(*) FROM runs")[0]
        for row in progress.over(list(opened.rows("runs", order="start_time, run_uuid")), "Reading runs", total):
            run = _Run(row, experiments.get(row["experiment_id"], ""), store)
            if row.get("lifecycle_stage") == "deleted":
                continue
            inside = os.path.join(str(row["experiment_id"]), run.identifier)
            yield run.entry(
                params.get(run.identifier, {}),
                tags.get(run.identifier, {}),
                _metrics_of(opened, run.identifier),
                run.artifacts(inside),
            )


def _by_run(rows: Iterable[dict[str, Value]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["run_uuid"], {})[str(row["key"])] = str(row["value"] or "")
    return found


def _metrics_of(opened: database.Database, identifier: str) -> dict[str, list[Point]]:
    question = "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY timestamp, step"
    found: dict[str, list[Point]] = {}
    for key, step, text, is_nan in opened.values(question, identifier):
        value = float("nan") if is_nan else number(text)
        if value is not None:
            found.setdefault(str(key), []).append((number(step) or 0, value))
    return found
