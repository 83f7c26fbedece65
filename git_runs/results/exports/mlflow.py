"""Runs as a file store of MLflow, which `mlflow ui --backend-store-uri DIR` and its programs read.

The form is that of records/importers/mlflow.py, which reads the tags that begin with `git-runs.` again: they have what
MLflow has no word for. A group is an experiment; what has none is in the one that is called Default. A run has the same
identity each time it is exported, so that it is never there twice; what else lies in its directory stays.
"""

from __future__ import annotations

import os
import re
import uuid
import zlib
from math import isfinite, isnan

from ...code import refs
from ...console import progress
from ...console.messages import warn
from ...errors.base import few
from ...errors.commands import NotAStore
from ...records import yamltext
from ...records.record import FINISHED, KILLED, QUEUED, RUNNING, STARTING, UNKNOWN, to_text
from ...system.files import entries
from .. import metrics
from ..values import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...project import Project
    from ...records.record import Record, Run, Value

DEFAULT = "Default"
LONGEST_VALUE = 6000  # characters of a parameter: mlflow/utils/validation.py
LONGEST_PART = 200  # bytes of the name of a file or directory: leaves room for what tells them apart
# mlflow/protos/service.proto, RunStatus; what is none of these has failed. MLflow, too, has a run as running for which
# nobody noted an end.
STATUSES = {STARTING: 1, RUNNING: 1, UNKNOWN: 1, "": 1, QUEUED: 2, FINISHED: 3, KILLED: 5}
FAILED = 4


def write(here: Project, runs: Sequence[Run], directory: str) -> None:
    """Write the runs into the store, beside what it has, and warn of keys that have to be called otherwise there.

    Raises NotAStore where the directory is none, and OSError.
    """
    directory = os.path.abspath(directory)
    others = [entry.name for entry in entries(directory) if not entry.name.startswith(".")]
    if others and not any(os.path.isfile(os.path.join(directory, name, "meta.yaml")) for name in others):
        raise NotAStore(directory)
    known = _experiments(directory, others)
    renamed: dict[str, str] = {}
    for run in progress.over(runs, "Exporting runs", len(runs)):
        experiment = run.name.rpartition("/")[0] or DEFAULT
        if experiment not in known:
            known[experiment] = _create_experiment(directory, experiment)
        renamed |= _write_run(here, run, os.path.join(directory, known[experiment]))
    if renamed:
        pairs = [f"'{key}' as '{name}'" for key, name in sorted(renamed.items())]
        warn(f"a store of MLflow cannot have all keys as they are; it has {few(pairs)}")


def _experiments(directory: str, names: Iterable[str]) -> dict[str, str]:
    """The directories of those that are there, by the names of the experiments."""
    found = {}
    for name in names:
        path = os.path.join(directory, name, "meta.yaml")
        if os.path.isfile(path):
            fields = yamltext.read_foreign(path)
            found[str(fields.get("name")) if isinstance(fields, dict) else ""] = name
    return found


def _create_experiment(directory: str, name: str) -> str:
    """Gives its id, which is the name of its directory: a number, as MLflow has them."""
    identifier = "0" if name == DEFAULT else str(zlib.crc32(name.encode()) + (1 << 57))
    place = os.path.join(directory, identifier)
    os.makedirs(place, exist_ok=True)
    fields = {
        "artifact_location": f"file://{place}",
        "experiment_id": identifier,
        "lifecycle_stage": "active",
        "name": name,
    }
    _write(os.path.join(place, "meta.yaml"), yamltext.dump(fields))
    return identifier


def _write_run(here: Project, run: Run, experiment: str) -> dict[str, str]:
    """Gives the names of those of its keys that are called otherwise there."""
    record = run.record
    identifier = _identifier(record)
    place = os.path.join(experiment, identifier)
    artifacts = os.path.join(place, "artifacts")
    os.makedirs(artifacts, exist_ok=True)
    start, end = (_milliseconds(record.moment(key)) for key in ("datetime", "finished"))
    fields: dict[str, Value] = {
        "artifact_uri": f"file://{artifacts}",
        "end_time": end,
        "entry_point_name": "",
        "experiment_id": os.path.basename(experiment),
        "lifecycle_stage": "active",
        "run_id": identifier,
        "run_uuid": identifier,
        "run_name": run.name.rpartition("/")[2],
        "source_name": "",
        "source_type": 4,  # a program on this machine
        "source_version": "",
        "start_time": start or 0,
        "status": STATUSES.get(record.status, FAILED),
        "tags": [],
        "user_id": record.text("user"),
    }
    texts = {
        "params": [(name, to_text(value)[:LONGEST_VALUE]) for name, value in parameters(run).items()],
        "tags": list(_tags(run)),
        "metrics": [(key, "".join(lines)) for key, lines in _metrics(here, run, start or 0)],
    }
    renamed: dict[str, str] = {}
    for kind, pairs in texts.items():
        renamed |= _write_each(os.path.join(place, kind), pairs)
    _write(os.path.join(place, "meta.yaml"), yamltext.dump(fields))
    return renamed


def _identifier(record: Record) -> str:
    try:
        return uuid.UUID(record.text("id")).hex
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, record.text("id")).hex


def _tags(run: Run) -> Iterator[tuple[str, str]]:
    record = run.record
    yield "mlflow.runName", run.name.rpartition("/")[2]
    known = {
        "mlflow.note.content": record.text("description"),
        "mlflow.source.name": record.typed_command,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": record.text("commit"),
        "mlflow.source.git.branch": record.text("branch"),
        "mlflow.user": record.text("user"),
        "git-runs.name": run.name,
        "git-runs.status": record.status,
        "git-runs.dirty": "true" if "dirty" in record else "",
        "git-runs.notes": to_text(record.texts("notes") or None),
        "git-runs.outputs": "\n".join(record.texts("outputs")),
    }
    yield from ((name, value) for name, value in known.items() if value)
    for word in record.texts("tags"):
        name, _, value = word.partition("=")
        yield name, value


def _metrics(here: Project, run: Run, start: int) -> Iterator[tuple[str, list[str]]]:
    """The lines of each metric: of all points where they are here, else of the last one."""
    whole = {one.key: one.series for one in metrics.read(here, run)}
    for key, series in whole.items():
        times = [int(time * 1000) if isfinite(time) else start for time in series.times]
        points = zip(times, series.values, series.steps, strict=True)
        yield key, [f"{time} {value!r} {_step(step)}\n" for time, value, step in points]
    for key, summary in metrics.of_record(run).items():
        if key not in whole and not isnan(summary["last"]):
            yield key, [f"{start} {summary['last']!r} {_step(summary['step'])}\n"]


def _step(step: float) -> int:
    return int(step) if isfinite(step) else 0


def _milliseconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment * 1000)


# --- keys, which are names of files


def _write_each(directory: str, texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Write each text into a file that is called as near to its key as can be; gives the names of those that are called
    otherwise."""
    os.makedirs(directory, exist_ok=True)
    names, renamed = _Names(directory), {}
    for key, text in sorted(texts, key=_ease):
        name = names.take(key)
        _write(os.path.join(directory, name), text)
        if name != key:
            renamed[key] = name
    return renamed


def _ease(text: tuple[str, str]) -> tuple[bool, int]:
    """What can keep its key comes first, and a file before what would have it be a directory."""
    key, _ = text
    return _allowed(key) != key, key.count("/")


class _Names:
    """The files in a directory that keys get: no two get the same, and none one that would have to be a directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._files: set[str] = set()
        self._directories: set[str] = set()

    def take(self, key: str) -> str:
        """The file of one more key, below the directory."""
        name = _allowed(key)
        if any(map(self._is_file, refs.groups(name))):
            name = name.replace("/", "-")
        free, number = name, 1
        while free in self._files or self._is_directory(free):
            number += 1
            free = f"{name}-{number}"
        self._files.add(free)
        self._directories.update(refs.groups(free))
        return free

    def _is_file(self, name: str) -> bool:
        return name in self._files or os.path.isfile(os.path.join(self._directory, name))

    def _is_directory(self, name: str) -> bool:
        return name in self._directories or os.path.isdir(os.path.join(self._directory, name))


def _allowed(key: str) -> str:
    """The key with only what MLflow allows, and what leads nowhere else."""
    parts = (re.sub(r"[^\w. :-]", "_", part) for part in key.split("/"))
    return "/".join(_cut(part) if part.strip(".") else "_" for part in parts)


def _cut(part: str) -> str:
    return part.encode()[:LONGEST_PART].decode(errors="ignore")


def _write(path: str, text: Value) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
