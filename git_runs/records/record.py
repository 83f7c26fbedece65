"""What a run is: the fields of its record. Their YAML text is made and read in yamltext.py."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from math import inf

from ..system import processes, whoami

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from typing import Any

    Value = Any  # text, a number, None, or a list or mapping of these

FIELDS = (
    *("id", "name", "launched-as", "description", "tags", "notes", "command", "input-command", "params"),
    *(
        "reproduces",
        "original",
        "imported",
        "commit",
        "base",
        "dirty",
        "sparse",
        "inexact",
        "bytes",
        "submodules",
        "branch",
        "datetime",
        "host",
        "user",
    ),
    *("runs-dir", "top", "cwd", "worktree", "isolate", "links", "directories", "live", "outside", "hash-seed", "retry"),
    *("queued", "priority", "gpus", "status", "attempts", "error", "reason", "exit-code", "signal", "finished"),
    *("metrics", "outputs", "reproduction", "differences", "unchecked", "on-finish", "process", "former-names"),
    *("launcher", "settings", "environment", "deleted", "edited", "previous"),
)
# Long, and read by few.
HEAVY = (
    *("environment", "settings", "launcher", "metrics", "outputs", "links", "outside", "differences", "unchecked"),
    *("notes", "deleted", "edited", "previous"),
)
ITEMWISE = ("tags", "notes")  # lists to which people add, and from which they take
COMPUTED = ("duration",)  # what is shown as a field, and is none
PARAMS, METRICS = "params.", "metrics."  # begin names of parameters and metrics alone
HEADLINE = "metric"  # stands for the one that the setting runs.metric names
NUMBERS = ("hash-seed", "retry", "priority", "attempts", "exit-code", "signal")
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

# Seconds by which the clock of another host may be ahead; in `edited`, what is later counts as no time.
AHEAD = 86400.0
MOUNT = "mount"  # in the field `isolate`
STARTING, RUNNING, FINISHED, FAILED, KILLED, LOST = "starting", "running", "finished", "failed", "killed", "lost"
UNKNOWN = "unknown"  # of a run of which there was only the ref
QUEUED = "queued"  # it waits for its turn, and no process answers for it
UNDER_WAY = (STARTING, RUNNING)
OPEN = (QUEUED, *UNDER_WAY)  # of a run that has not ended


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
    """Whether the key is that of a field of records, or, with dots, of what is inside one: not of a parameter, and not
    of a metric."""
    outer, dot, _ = key.partition(".")
    return (outer in FIELDS or key in COMPUTED) and not (dot and outer in ("params", "metrics"))


def _is_inside(path: str) -> bool:
    parts = path.lower().split("/")
    return not path.startswith("/") and ".." not in parts and ".git" not in parts


class Record(dict[str, "Value"]):
    """The fields of one run, in the order of its file."""

    is_elsewhere = False  # whether another clone has the run, whatever its host: it was fetched, or adopted from there

    def text(self, key: str) -> str:
        """The field as text: "" where it is missing or empty, one line of JSON where it is a list or mapping."""
        return to_text(self.get(key))

    @property
    def typed_command(self) -> str:
        """What the user typed, before flags were added; the whole command where the record does not have it."""
        return self.text("input-command") or self.text("command")

    @property
    def is_imported(self) -> bool:
        """Whether another tool ran it: then its commit need not be here, and where it is not, there is no ref."""
        return "imported" in self

    @property
    def tool(self) -> str:
        """The tool that it was imported from; "" where it was not."""
        imported = self.get("imported")
        return str(imported.get("tool", "")) if isinstance(imported, dict) else ""

    @property
    def is_isolated(self) -> bool:
        """Whether the run had a work tree of its own."""
        return "worktree" in self

    @property
    def is_mounted(self) -> bool:
        """Whether the run's own work tree stood in the place of the user's."""
        return self.text("isolate") == MOUNT

    @property
    def submodules(self) -> list[tuple[str, str, str]]:
        """Path from the top, git dir and commit of the submodules that were snapshot with the run, outer ones first;
        none where another clone has the run: its git dirs are not ours."""
        return [] if self.is_elsewhere else self.recorded_submodules

    @property
    def recorded_submodules(self) -> list[tuple[str, str, str]]:
        """The same, wherever the run is.

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
    def duration(self) -> float | None:
        """How long the run took, or goes on so far, in seconds; None where that is not known, or it never began."""
        start, end = self.moment("datetime"), self.moment("finished")
        if end is None and start is not None and self.is_under_way:
            end = time.time()
        if not self.has_begun:
            return None
        return None if start is None or end is None else round(end - start, 3)

    @property
    def status(self) -> str:
        """The recorded status, or `lost` where the run should go on on this host and its process is gone."""
        recorded = self.text("status")
        if recorded in UNDER_WAY and self.is_local and not self.is_alive:
            return LOST
        return recorded

    @property
    def is_local(self) -> bool:
        """Whether the run belongs to this host, or to none that is known, and not to another clone. How another one
        goes on is not to be seen from here: it is not to be stopped, and nothing of that is to be written."""
        return not self.is_elsewhere and self.text("host") in ("", whoami.hostname())

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
    def is_queued(self) -> bool:
        """Whether the run waits for its turn."""
        return self.text("status") == QUEUED

    @property
    def has_begun(self) -> bool:
        """Whether the command was ever started, and the run not taken out of a queue before, say: then its start is
        that, and not when it was registered."""
        if "queued" not in self or self.keys() & {"exit-code", "signal"} or self.text("status") in UNDER_WAY:
            return not self.is_queued
        registered, start = self.moment("queued"), self.moment("datetime")
        return registered is not None and start is not None and start > registered and not self.is_queued

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended, as far as can be seen from here: it goes on, or waits for its turn."""
        return self.status in OPEN

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
    def edits(self) -> Mapping[str, Value]:
        """Who has edited fields last, and when, by field."""
        edited = self.get("edited")
        return edited if isinstance(edited, dict) else {}

    @property
    def name_stamp(self) -> str:
        """When the run got its name, and from whom, as `edits` has it: by the last rename, or else when it started."""
        return str(self.edits.get("name") or self.text("datetime"))

    def mark_edited(self, *keys: str, stamp: str | None = None) -> None:
        """Write down who has edited these fields last, and when: by default we, now. Where a person keeps something
        else in `edited`, that stays."""
        edited = self.get("edited", {})
        if keys and isinstance(edited, dict):
            now = stamp or edit_stamp()
            self["edited"] = {**edited, **{key: _after(str(edited.get(key)), now, key) for key in keys}}

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

    __slots__ = ("_elsewhere", "_record", "name", "remote")

    def __init__(
        self, name: str, record: Record | list[str], elsewhere: Container[str] = (), remote: str | None = None
    ) -> None:
        """`elsewhere`: the ids of runs that other clones have."""
        self.name = name
        self.remote = remote  # of which it was fetched, and no more than its record is here; None: the run is here
        self._elsewhere = elsewhere
        self._record = record  # or JSON, each text of some of its fields, until somebody asks

    @property
    def record(self) -> Record:
        """What the record says. To change it, read it anew under its lock."""
        if not isinstance(self._record, Record):
            import json

            record = Record()
            for fields in map(json.loads, self._record):
                record.update(fields)
            record.is_elsewhere = self.remote is not None or record.text("id") in self._elsewhere
            self._record = record
        return self._record

    @property
    def own_name(self) -> str:
        """What it is called where it is: of `origin/NAME`, that is NAME."""
        return self.name if self.remote is None else self.name[len(self.remote) + 1 :]

    def only(self, keys: Sequence[str]) -> Run:
        """The run with no more of its record than those fields: a hundred thousand whole ones take a gigabyte."""
        return _Part(self, keys)

    def value(self, key: str) -> Value:
        """A field as it is to be shown: the status may be `lost`. None: missing."""
        if key == "name":
            return self.name
        if key == "duration":
            return self.record.duration
        return (self.record.status or None) if key == "status" else self.record.get(key)


class _Part(Run):
    """A run with a few fields of its record, which is made anew whenever it is asked for: a third of the memory."""

    __slots__ = ("_is_elsewhere", "_keys", "_values")

    def __init__(self, whole: Run, keys: Sequence[str]) -> None:
        super().__init__(whole.name, [], remote=whole.remote)
        record = whole.record
        self._is_elsewhere = record.is_elsewhere
        there = tuple(key for key in keys if key in record)
        self._keys = _layouts.setdefault(there, there)
        self._values = tuple(self._one_for_all(key, record[key]) for key in there)

    @property
    def record(self) -> Record:
        """What the record says in these fields."""
        record = Record(zip(self._keys, self._values, strict=True))
        record.is_elsewhere = self._is_elsewhere
        return record

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


def edit_stamp(seconds: float | None = None) -> str:
    """Who edits a record now, or did so then, and when, as its field `edited` has it: "<timestamp> <user>@<host>"."""
    return f"{timestamp(seconds)} {whoami.user_and_host()}"


def _after(before: str, stamp: str, key: str) -> str:
    """The stamp; a moment after that of the edit before where the clock of whoever made that is ahead, of a deletion
    however far."""
    (moment, _, who), then = stamp.partition(" "), seconds(before.partition(" ")[0])
    now = seconds(moment)
    most = now + AHEAD if now is not None and key != "deleted" else inf
    is_ahead = then is not None and now is not None and now <= then <= most
    with suppress(OverflowError, OSError, ValueError):  # at the end of all years
        return f"{timestamp(then + 1e-3)} {who}" if is_ahead and then else stamp
    return stamp


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


def as_words(key: str, value: Value) -> Value:
    """A value as people read it: tags as words with blanks between them."""
    return " ".join(map(str, value)) if key == "tags" and isinstance(value, list) else value
