"""DVC's experiments: commits at refs/exps/<baseline, as 2 and 38 hex digits>/<name>; https://dvc.org.

Such a commit has the parameters and metrics that belong to it, and `dvc.lock`, which says what each stage ran, with
which parameters, and by their MD5 which outputs in the cache it has. The commit was made when the experiment ended; no
start is kept.
"""

from __future__ import annotations

import json
import os
import re

from ...console import progress
from ...errors.records import ForeignRuns
from ...system.git import calls, discovery, objects, refstore
from .. import yamltext
from ..record import FINISHED
from .importer import SHARED, Entry, Importer, flat, moment, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import Surroundings

EXPERIMENTS = "refs/exps/"
_REF = re.compile(r"refs/exps/(?P<baseline>[0-9a-f]{2}/[0-9a-f]{38,62})/(?P<name>.+)")
PIPELINE, LOCK, PARAMS = "dvc.yaml", "dvc.lock", "params.yaml"
LIVE = "dvclive/metrics.json"  # of DVCLive, which writes without a pipeline, too
OWN_SUBJECT = "dvc: commit experiment"  # begins messages that nobody wrote
BATCH = 200  # experiments of which the files are read together
LARGEST = 1 << 20  # bytes of a file with parameters or metrics


class OwnImporter(Importer):
    """Reads the experiments of a repository."""

    title = "DVC"

    def places(self, around: Surroundings) -> list[str]:
        """This repository."""
        has_any = refstore.may_be_any(around.git_dir, EXPERIMENTS) and _experiments(around.git_dir)
        return [around.top or around.git_dir] if has_any else []

    def takes(self, path: str) -> bool:
        """Whether it is a repository with experiments."""
        git_dir = discovery.common_dir_at(path)
        return git_dir is not None and bool(_experiments(git_dir))

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The experiments that were saved."""
        git_dir = around.git_dir if path == around.top else discovery.common_dir_at(path) or around.git_dir
        found = _experiments(git_dir)
        if not found:
            raise ForeignRuns(path, "there are no experiments of DVC")
        for start in progress.over(range(0, len(found), BATCH), "Reading runs", -(-len(found) // BATCH)):
            batch = found[start : start + BATCH]
            files = _Files(git_dir, path)
            files.read(one.commit + ":" + name for one in batch for name in (PIPELINE, LOCK, PARAMS, LIVE))
            files.read(f"{one.commit}:{name}" for one in batch for name in files.named(one.commit))
            for one in batch:
                yield _entry(one, files)


class _Experiment:
    """A ref, and what its commit says."""

    def __init__(self, ref: re.Match[str], commit: str, seconds: str, message: str) -> None:
        self.name, self.baseline, self.commit = ref["name"], ref["baseline"].replace("/", ""), commit
        self.seconds = float(seconds or 0)
        self.message = "" if message.startswith(OWN_SUBJECT) else message.strip()


def _experiments(git_dir: str) -> list[_Experiment]:
    """In the order of their commits; those that are just being run have refs of another form."""
    form = "%(refname)%00%(objectname)%00%(committerdate:unix)%00%(contents)%00"
    parts = calls.run(*calls.at(git_dir), "for-each-ref", f"--format={form}", EXPERIMENTS).split("\0")
    refs = zip(*(parts[number::4] for number in range(4)), strict=False)
    found = [_Experiment(match, *rest) for ref, *rest in refs if (match := _REF.fullmatch(ref.strip()))]
    return sorted(found, key=lambda one: (one.seconds, one.name))


class _Files:
    """What files of commits hold, and files in the cache."""

    def __init__(self, git_dir: str, top: str) -> None:
        self._git_dir = git_dir
        self._cache = os.path.join(top, ".dvc", "cache")
        self._contents: dict[str, bytes] = {}

    def read(self, names: Iterable[str]) -> None:
        """Have the files of those names, `<commit>:<path>`, as far as they are there."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._contents and "\n" not in name]
        self._contents |= objects.found(wanted, self._git_dir, LARGEST)

    def value(self, commit: str, path: str) -> Value:
        """What a file in YAML or JSON holds; None where it is not there, or cannot be read."""
        content = self._contents.get(f"{commit}:{path}")
        if content is None:
            content = self._cached(commit, path)
        try:
            return None if content is None else _parsed(content, path)
        except (ValueError, RecursionError, ForeignRuns):
            return None

    def named(self, commit: str) -> list[str]:
        """The files with parameters, and those with metrics, that its pipeline names."""
        return [*self.params(commit), *self.metrics(commit)]

    def params(self, commit: str) -> list[str]:
        """Those with parameters."""
        pipeline = self._mapping(commit, PIPELINE)
        named = [one for one in _listed(pipeline.get("params")) if isinstance(one, str)]
        of_stages = [path for stage in self.stages(commit) for path in _mapping(stage.get("params"))]
        return list(dict.fromkeys([PARAMS, *named, *of_stages]))

    def metrics(self, commit: str) -> list[str]:
        """Those with metrics."""
        pipeline = self._mapping(commit, PIPELINE)
        stages = _mapping(pipeline.get("stages")).values()
        listed = [*_listed(pipeline.get("metrics"))]
        listed += [one for stage in stages for one in _listed(_mapping(stage).get("metrics"))]
        names = [name for one in listed for name in (one if isinstance(one, dict) else [one])]
        return list(dict.fromkeys([*map(str, names), LIVE]))

    def stages(self, commit: str) -> list[dict[str, Value]]:
        """What `dvc.lock` has of each stage."""
        return [_mapping(stage) for stage in _mapping(self._mapping(commit, LOCK).get("stages")).values()]

    def outputs(self, commit: str) -> Iterator[tuple[str, str]]:
        """Path in the work tree, and where the cache has it, of what the stages put out."""
        for stage in self.stages(commit):
            for out in map(_mapping, _listed(stage.get("outs"))):
                digest = str(out.get("md5", ""))
                if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", digest):
                    inner = os.path.join("files", "md5") if "hash" in out else ""  # as since DVC 3
                    yield str(out.get("path")), os.path.join(self._cache, inner, digest[:2], digest[2:])

    def _mapping(self, commit: str, path: str) -> dict[str, Value]:
        return _mapping(self.value(commit, path))

    def _cached(self, commit: str, path: str) -> bytes | None:
        """A file that git does not have."""
        if path in (PIPELINE, LOCK):
            return None
        for name, place in self.outputs(commit):
            if name == path and os.path.isfile(place) and os.path.getsize(place) <= LARGEST:
                with open(place, "rb") as file:
                    return file.read()
        return None


def _entry(one: _Experiment, files: _Files) -> Entry:
    params: dict[str, Value] = {}
    for path in files.params(one.commit):
        params |= flat(files.value(one.commit, path))
    metrics: dict[str, float] = {}
    for path in files.metrics(one.commit):
        values = flat(files.value(one.commit, path)).items()
        metrics |= {key: found for key, value in values if (found := number(value)) is not None}
    commands = [command for stage in files.stages(one.commit) for command in _listed(stage.get("cmd"))]
    fields = {
        "description": one.message,
        "command": " && ".join(map(str, commands)),
        "params": params,
        "commit": one.commit,
        "base": one.baseline,
        "status": FINISHED,
        "finished": moment(one.seconds),
    }
    # The cache has each file once, whichever experiments have it.
    outputs = [(place, SHARED, os.path.basename(path)) for path, place in files.outputs(one.commit)]
    return Entry(one.name, fields, source=one.commit, metrics=metrics, outputs=outputs)


def _parsed(content: bytes, path: str) -> Value:
    return json.loads(content) if path.endswith(".json") else yamltext.parse_foreign(content, path)


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [] if value is None else [value]
