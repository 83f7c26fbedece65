"""Weights & Biases: the directories that its runs leave on this machine, `wandb/offline-run-*` and `wandb/run-*`.

`run-<id>.wandb` has all of a run: records in the form of LevelDB's log (leveldb, doc/log_format.md; with 7 bytes before
the first block, which count to it, and CRC-32 in place of CRC-32C), each a message `Record` of wandb/proto/
wandb_internal.proto. `files/` has config.yaml, wandb-summary.json and wandb-metadata.json, too, as far as the version
wrote them for runs that were online.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import struct

from ...console import progress
from ...errors.records import ForeignRuns
from ...system.files import entries
from .. import yamltext
from ..record import UNKNOWN
from .importer import Entry, Importer, ending, flat, local_moment, moment, number
from .protobuf import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import Point, Points, Surroundings

_DIRECTORY = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(?P<id>[\w-]+)")
BLOCK, HEADER = 32768, struct.Struct("<IHB")  # bytes of a block; checksum, length and type of a part of a record
IDENTIFIER = b":W&B"
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
OWN = "_"  # begins the keys that the tool itself writes


class OwnImporter(Importer):
    """Reads a directory of runs, or one of them."""

    title = "Weights & Biases"

    def places(self, around: Surroundings) -> list[str]:
        """`wandb` in $WANDB_DIR, and at the top."""
        found = [os.path.join(place, "wandb") for place in (os.environ.get("WANDB_DIR"), around.top) if place]
        return [path for path in dict.fromkeys(found) if self.takes(path)]

    def takes(self, path: str) -> bool:
        """Whether it is, or holds, a run."""
        return bool(_runs(path))

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The runs; one that was resumed has several directories."""
        runs = _runs(path)
        if not runs:
            raise ForeignRuns(path, "there are no runs of Weights & Biases")
        for identifier, directories in progress.over(runs.items(), "Reading runs", len(runs)):
            run = _Run(identifier)
            try:
                for directory in directories:
                    run.read(directory)
                entry = run.entry(directories)
            except (OSError, ValueError, OverflowError, RecursionError) as error:
                yield ForeignRuns(directory, str(error))
                continue
            except ForeignRuns as error:
                yield error
                continue
            yield entry


def _runs(path: str) -> dict[str, list[str]]:
    """The directories of the runs by the ids of these, in the order of their start."""
    path = os.path.abspath(path)
    own = [(os.path.basename(path), path)] if _DIRECTORY.fullmatch(os.path.basename(path)) else []
    below = [(entry.name, entry.path) for entry in entries(path) if entry.is_dir(follow_symlinks=False)]
    found: dict[str, list[str]] = {}
    matches = [(match[1], match["id"], place) for name, place in own or below if (match := _DIRECTORY.fullmatch(name))]
    for _, identifier, place in sorted(matches):
        found.setdefault(identifier, []).append(place)
    return found


class _Run:
    """What is known of a run so far."""

    def __init__(self, identifier: str) -> None:
        self._id = identifier
        self._fields: dict[str, Value] = {}
        self._config: dict[str, Value] = {}
        self._summary: dict[str, Value] = {}
        self._points: dict[str, list[Point]] = {}
        self._name = self._project = ""
        self._start: float | None = None
        self._runtime: float | None = None

    def read(self, directory: str) -> None:
        """All that is in one of its directories; raises OSError, ValueError and ForeignRuns."""
        self._read_files(os.path.join(directory, "files"))
        log = os.path.join(directory, f"run-{self._id}.wandb")
        if os.path.isfile(log):
            with open(log, "rb") as file:
                for content in _records(file.read(), log):
                    self._take(Message(content))

    def _read_files(self, directory: str) -> None:
        config, summary, metadata = (
            os.path.join(directory, name) for name in ("config.yaml", "wandb-summary.json", "wandb-metadata.json")
        )
        if os.path.isfile(config):
            found = yamltext.read_foreign(config)
            for key, one in found.items() if isinstance(found, dict) else ():
                self._config[key] = one.get("value") if isinstance(one, dict) else one
        if os.path.isfile(summary):
            self._summary |= _json_file(summary)
        if os.path.isfile(metadata):
            known = _json_file(metadata)
            git, given = known.get("git"), known.get("args")
            words = [known.get("executable") or "python", known.get("program")]
            words += given if isinstance(given, list) else []
            self._fields |= {
                "command": shlex.join(map(str, words)) if known.get("program") else None,
                "commit": git.get("commit") if isinstance(git, dict) else None,
                "host": known.get("host"),
                "user": known.get("username"),
                "datetime": local_moment(known.get("startedAt")),
            }

    def _take(self, record: Message) -> None:
        """One message, by the numbers of its fields."""
        if run := record.message(17):
            self._project = run.text(3)
            self._name = run.text(8)
            self._update(self._config, run.message(4))
            git, start = run.message(21), run.message(17)
            if start and start.number(1):
                self._start = start.number(1) + start.number(2) / 1e9
            self._set(
                tags=[*run.texts(10), *(f"group={group}" for group in [run.text(6)] if group)],
                description=run.text(9),
                host=run.text(13),
                commit=git.text(2) if git else "",
            )
        if environment := record.message(26):
            words = [environment.text(14) or "python", environment.text(6), *environment.texts(5)]
            git = environment.message(9)
            self._set(
                command=shlex.join(words) if words[1] else "",
                host=environment.text(12),
                user=environment.text(13),
                commit=git.text(2) if git else "",
            )
        if config := record.message(5):
            self._update(self._config, config)
        if summary := record.message(3):
            self._update(self._summary, summary)
        if history := record.message(2):
            self._add(history)
        if exit_ := record.message(18):
            code = exit_.number(1)
            self._fields |= ending(code - (1 << 64) if code >> 63 else code)
            self._runtime = exit_.number(2)

    def _set(self, **fields: Value) -> None:
        self._fields |= {key: value for key, value in fields.items() if value}

    @staticmethod
    def _update(values: dict[str, Value], change: Message | None) -> None:
        for item in change.messages(1) if change else ():
            values[_key(item)] = json.loads(item.text(16) or "null")
        for item in change.messages(2) if change else ():
            values.pop(_key(item), None)

    def _add(self, history: Message) -> None:
        """One row of the history."""
        values = {_key(item): json.loads(item.text(16) or "null") for item in history.messages(1)}
        step = history.message(2)
        place = number(values.get("_step"))
        place = (step.number(1) if step else 0) if place is None else place
        for key, value in flat(values).items():
            found = number(value)
            if found is not None and not key.startswith(OWN):
                self._points.setdefault(key, []).append((place, found))

    def entry(self, directories: list[str]) -> Entry:
        """All of it."""
        last = {key: found for key, value in flat(self._summary).items() if (found := number(value)) is not None}
        metrics: dict[str, Points] = {key: value for key, value in last.items() if not key.startswith(OWN)}
        runtime = number(self._summary.get("_runtime")) or self._runtime
        start = self._start
        params = {key: value for key, value in flat(self._config).items() if not key.startswith(("_", "wandb_version"))}
        fields = {
            "status": UNKNOWN,
            **self._fields,
            "params": params,
            **({"datetime": moment(start)} if start else {}),
            "finished": moment(start + runtime) if start and runtime is not None else None,
        }
        source = f"{self._project}/{self._id}"
        return Entry(
            self._name or self._id,
            fields,
            source=source,
            metrics={**metrics, **self._points},
            outputs=[os.path.join(directory, "files") for directory in directories],
        )


def _key(item: Message) -> str:
    return item.text(1) or ".".join(item.texts(2))


def _json_file(path: str) -> dict[str, Value]:
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    return found if isinstance(found, dict) else {}


def _records(content: bytes, path: str) -> Iterator[bytes]:
    """The records of a log, whole ones, until where it ends or is damaged; raises ForeignRuns for what is none."""
    if content[: len(IDENTIFIER)] != IDENTIFIER:
        raise ForeignRuns(path, "it is no log of Weights & Biases")
    place = HEADER.size
    pieces: list[bytes] = []
    while place + HEADER.size <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER.size:
            place += left
            continue
        _, length, kind = HEADER.unpack_from(content, place)
        place += HEADER.size
        piece = content[place : place + length]
        if len(piece) < length or kind not in (FULL, FIRST, MIDDLE, LAST):
            return
        place += length
        if kind in (FULL, FIRST):
            pieces = []
        pieces.append(piece)
        if kind in (FULL, LAST):
            yield b"".join(pieces)
