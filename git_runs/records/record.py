"""What a run is: the fields of its record. Their YAML text is made and read in yamltext.py."""

from __future__ import annotations

import re
import sys
from contextlib import suppress

from ..system import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Value = Any  # text, a number, None, or a list or mapping of these

FIELDS = (
    *("id", "name", "launched-as", "description", "command", "input-command", "params", "reproduces", "commit", "base"),
    *("dirty", "sparse", "inexact", "bytes", "submodules", "branch", "datetime", "host", "user", "top", "cwd"),
    *("worktree", "isolate", "links", "directories", "live", "outside", "hash-seed", "status", "error"),
    *("exit-code", "signal"),
    *("finished", "reproduction", "differences", "unchecked", "process", "former-names", "launcher", "settings"),
    "environment",
)
HEAVY = ("environment", "settings", "launcher", "links", "outside", "differences", "unchecked")  # long, and read by few
NUMBERS = ("hash-seed", "exit-code", "signal")
SHARED = ("commit", "host", "status")  # of which many runs have the same
SHAPING_SETTINGS = (
    *("tb-dir", "tb-dir-flag", "save-path", "save-path-flag", "extra-flag", "virtualenv-path", "shell"),
)
# What held where the record of a run has settings, and not that one.
UNRECORDED_SETTINGS: dict[str, Value] = {
    "tb-dir": "<runs-dir>/tensorboard/<run-name>",
    "tb-dir-flag": None,
    "save-path": "<runs-dir>/checkpoints/<run-name>",  # a directory, once
    "save-path-flag": None,
    "extra-flag": [],
    "virtualenv-path": None,
}

MOUNT = "mount"  # in the field `isolate`
STARTING, RUNNING, FINISHED, FAILED, KILLED, LOST = "starting", "running", "finished", "failed", "killed", "lost"
UNKNOWN = "unknown"  # of a run of which there was only the ref
UNDER_WAY = (STARTING, RUNNING)


# The rules of refs.py for names, to know a name from what is none; there each has its message.
NAME_STARTS_WITH = "A-Za-z0-9_"
NAME_CONSISTS_OF = "A-Za-z0-9._=+,@%/-"
LONGEST_NAME = 200  # bytes; the names of a run's files, and of their locks, then fit into 255
_NAME = re.compile(rf"(?!.*(//|/\.|\.\.))[{NAME_STARTS_WITH}][{NAME_CONSISTS_OF}]{{0,{LONGEST_NAME - 1}}}(?<!/)")


def shaping(settings: object) -> dict[str, Value]:
    """What the record of a run holds of the settings in force, so that its command can be built again."""
    values = {key: getattr(settings, key.replace("-", "_")) for key in SHAPING_SETTINGS}
    return {key: value for key, value in values.items() if value != UNRECORDED_SETTINGS.get(key)}


def is_name(text: str) -> bool:
    """Whether a run may be called so, as far as its files are concerned."""
    return _NAME.fullmatch(text) is not None


def is_field(key: str) -> bool:
    """Whether the key is that of a field of records, or, with dots, of what is inside one: not of a parameter."""
    outer, dot, _ = key.partition(".")
    return outer in FIELDS and not (dot and outer == "params")


def _is_inside(path: str) -> bool:
    parts = path.lower().split("/")
    return not path.startswith("/") and ".." not in parts and ".git" not in parts


class Record(dict[str, "Value"]):
    """The fields of one run, in the order of its file."""

    def text(self, key: str) -> str:
        """The field as text: "" where it is missing or empty, one line of JSON where it is a list or mapping."""
        return to_text(self.get(key))

    @property
    def is_mounted(self) -> bool:
        """Whether the run's own work tree stood in the place of the user's."""
        return self.text("isolate") == MOUNT

    @property
    def submodules(self) -> list[tuple[str, str, str]]:
        """Path from the top, git dir and commit of the submodules that were snapshot with the run, outer ones first.

        What somebody planted there, to lead out of the work tree or to the repository that we are in, is none.
        """
        return [(path, inner.text("repository"), inner.text("commit")) for path, inner in self._inner.items()]

    @property
    def _inner(self) -> dict[str, Record]:
        """What is recorded of each of these, by path from the top."""
        found = self._mappings("submodules").items()
        return {path: one for path, one in sorted(found) if _is_inside(path) and one.text("repository")[:1] == "/"}

    @property
    def sparse(self) -> list[str]:
        """The patterns of the part of the commit that was there; none where all was, or nobody knows."""
        return self.texts("sparse") if isinstance(self.get("sparse"), list) else []

    @property
    def sparse_inside(self) -> dict[str, list[str]]:
        """The same of its submodules, by path from the top."""
        return {path: inner.sparse for path, inner in self._inner.items()}

    @property
    def kept(self) -> dict[str, str]:
        """The commits with what a checkout would not bring back: that of the run's own repository by "", and those of
        its submodules by path from the top."""
        bytes_of = {"": self.text("bytes"), **{path: inner.text("bytes") for path, inner in self._inner.items()}}
        return {path: commit for path, commit in bytes_of.items() if re.fullmatch("[0-9a-f]{40,64}", commit)}

    @property
    def not_kept(self) -> dict[str, int]:
        """The repositories in its work tree that only they themselves keep, by path from the top, and their bytes; 0
        where these are not known."""
        sizes = {path: inner.get("not-kept") for path, inner in self._inner.items()}
        return {path: size for path, size in sizes.items() if isinstance(size, int)}

    def texts(self, key: str) -> list[str]:
        """The items of a field that is a list; none where it is missing."""
        found = self.get(key)
        return list(map(str, found)) if isinstance(found, list) else [] if found is None else [str(found)]

    @property
    def links(self) -> dict[str, Record]:
        """What the run's links lead to, by path from the top: `target`, and what was found there."""
        return self._mappings("links")

    @property
    def outside(self) -> dict[str, Record]:
        """The same for words of its command and tracked links that lead out of the work tree; where a run recorded only
        their names, none."""
        return self._mappings("outside")

    def _mappings(self, key: str) -> dict[str, Record]:
        found = self.get(key)
        if not isinstance(found, dict):
            return {}
        return {path: Record(value) for path, value in found.items() if isinstance(value, dict)}

    def moment(self, key: str) -> float | None:
        """A point in time, in seconds since the epoch; None where the field holds none."""
        return seconds(self.text(key))

    @property
    def status(self) -> str:
        """The recorded status, or `lost` where the run should go on on this host and its process is gone."""
        recorded = self.text("status")
        if recorded in UNDER_WAY and self.is_local and not self.is_alive:
            return LOST
        return recorded

    @property
    def is_local(self) -> bool:
        """Whether the run belongs to this host, or to none that is known."""
        return self.text("host") in ("", processes.hostname())

    @property
    def is_alive(self) -> bool:
        """Whether the process that answers for the run lives on this host."""
        identity = self.get("process")
        return isinstance(identity, dict) and processes.is_alive(identity)

    @property
    def is_under_way(self) -> bool:
        """Whether the run goes on, as far as can be seen from here."""
        return self.status in UNDER_WAY

    @property
    def former_names(self) -> list[str]:
        """The names that the run had since it was started, while links lead from their paths to its own."""
        names = self.get("former-names")
        return [name for name in names if isinstance(name, str) and is_name(name)] if isinstance(names, list) else []

    def end(self, ending: Mapping[str, Value]) -> list[str]:
        """Write how the run ended, and drop what held while it went on; gives the names whose links nobody needs."""
        former = self.former_names
        self.update(ending)
        for key in ("process", "former-names"):
            self.pop(key, None)
        return former

    @property
    def shell_code(self) -> int | None:
        """How the run ended as a shell gives it: the exit code, or 128 and the signal; None where neither is known."""
        if "signal" in self:
            return 128 + int(self["signal"])
        return int(self["exit-code"]) if "exit-code" in self else None

    def ending(self) -> str:
        """How the run stands, in words: "failed with exit code 3"."""
        if not self.status:
            return "nothing is recorded of its end"
        if "error" in self:
            return f"{self.status}: {self.text('error')}"
        if "signal" in self:
            return f"{self.status} by signal {self.text('signal')}"
        if self.status == FAILED and "exit-code" in self:
            return f"{self.status} with exit code {self.text('exit-code')}"
        return self.status


class Run:
    """A run: its name, which is that of its record's file, and its record."""

    __slots__ = ("_record", "name")

    def __init__(self, name: str, record: Record | list[str]) -> None:
        self.name = name
        self._record = record  # or JSON, each text of some of its fields, until somebody asks

    @property
    def record(self) -> Record:
        """What the record says. To change it, read it anew under its lock."""
        if not isinstance(self._record, Record):
            import json

            record = Record()
            for fields in map(json.loads, self._record):
                record.update(fields)
            self._record = record
        return self._record

    def only(self, keys: Sequence[str]) -> Run:
        """The run with no more of its record than those fields: a hundred thousand whole ones take a gigabyte."""
        return _Part(self, keys)

    def value(self, key: str) -> Value:
        """A field as it is to be shown: the status may be `lost`. None: missing."""
        if key == "name":
            return self.name
        return (self.record.status or None) if key == "status" else self.record.get(key)


class _Part(Run):
    """A run with a few fields of its record, which is made anew whenever it is asked for: a third of the memory."""

    __slots__ = ("_keys", "_values")

    def __init__(self, whole: Run, keys: Sequence[str]) -> None:
        super().__init__(whole.name, [])
        record = whole.record
        there = tuple(key for key in keys if key in record)
        self._keys = _layouts.setdefault(there, there)
        self._values = tuple(self._one_for_all(key, record[key]) for key in there)

    @property
    def record(self) -> Record:
        """What the record says in these fields."""
        return Record(zip(self._keys, self._values, strict=True))

    def _one_for_all(self, key: str, value: Value) -> Value:
        """The value; one object for all runs where it is the same in many of them."""
        if value == self.name:
            return self.name
        return sys.intern(value) if key in SHARED and type(value) is str else value


_layouts: dict[tuple[str, ...], tuple[str, ...]] = {}  # which fields there are: one object for all that have the same


def timestamp(seconds: float | None = None) -> str:
    """A time of the system's clock, by default now, as records carry it: ISO 8601 with microseconds and the offset from
    UTC."""
    from datetime import datetime

    moment = datetime.now() if seconds is None else datetime.fromtimestamp(seconds)
    return moment.astimezone().isoformat(timespec="microseconds")


def seconds(text: str) -> float | None:
    """The point in time in a text in ISO 8601, in seconds since the epoch; None where there is none."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def local_time(value: Value) -> Value:
    """A point in time as the clock here showed it, to the second; what is none stays as it is."""
    from datetime import datetime

    moment = seconds(str(value))
    with suppress(ValueError, OverflowError, OSError):
        return value if moment is None else datetime.fromtimestamp(moment // 1).isoformat()
    return value


def to_text(value: Value) -> str:
    """A field's value as one text: itself, or one line of JSON where it is a list or mapping."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value)
