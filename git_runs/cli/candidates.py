"""What may stand in the place of a word of a command line: names of runs, keys, remotes and the like, as they are here.

Whoever completes a word waits for it, and may be anywhere. So nothing is written, nothing is locked, no remote is
asked, and of the records no more is read than their names, and the newest of those that the cache holds.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from heapq import nlargest
from math import isnan

from ..config import layers
from ..config.settings import SETTINGS
from ..errors.base import RunsError
from ..records.record import COMPUTED, FAILED, FIELDS, FINISHED, HEADLINE, KILLED, LOST, OPEN, Run, to_text
from ..records.runs_dir import RunsDir
from ..system.git import refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..records.cache import Cache
    from ..system.git.discovery import Repository, Search

NEWEST = 100  # runs whose parameters, metrics and values are offered
UNREMEMBERED = 20  # runs whose records are read where the cache holds none
LONGEST = 40  # characters of a value that is offered
STATUSES = (*OPEN, FINISHED, FAILED, KILLED, LOST)
BRANCHES, TAGS = ("refs/heads/", "refs/remotes/"), ("refs/tags/",)


class Candidate:
    """A word, or what one begins with."""

    def __init__(self, text: str, about: str = "", *, is_whole: bool = True) -> None:
        self.text = text
        self.about = about  # for people who choose between several
        self.is_whole = is_whole


class Here:
    """The repository of the current directory. Outside of one, what only a repository has is missing."""

    def __init__(self, search: Search, commands: Mapping[str, str]) -> None:
        """`commands`: what each subcommand is for."""
        self._search = search
        self._commands = commands

    @cached_property
    def repository(self) -> Repository | None:
        """The one that git finds."""
        with suppress(RunsError):
            return self._search.repository()
        return None

    @cached_property
    def runs_dir(self) -> RunsDir | None:
        """Its runs dir, which need not be there."""
        with suppress(RunsError):
            if self.repository:
                return RunsDir(layers.load(self.repository, {}).runs_dir)
        return None

    # --- runs

    def runs(self, text: str) -> Iterator[Candidate]:
        """Runs and groups of the group that the text begins with."""
        runs, groups = self.runs_dir.directly_in(_group_of(text)) if self.runs_dir else ([], [])
        return _listed(runs, groups)

    def groups(self, text: str) -> Iterator[Candidate]:
        """Groups alone, in which a new name may lie."""
        _, groups = self.runs_dir.directly_in(_group_of(text)) if self.runs_dir else ([], [])
        return _listed([], groups)

    def fetched_runs(self, text: str) -> Iterator[Candidate]:
        """Those of remotes, as `origin/NAME`; of a remote that the text does not name, no more than `origin/`."""
        if not self.repository or not refstore.may_be_any(self.repository.common_dir, refstore.REMOTES):
            return
        from ..records.remotes import Fetched, remotes

        for remote in remotes(self.repository.common_dir):
            start = f"{remote}/"
            if text.startswith(start):
                names = Fetched(self.repository.common_dir, remote).names()
                yield from _in_group(text, (start + name for name in names))
            elif start.startswith(text):
                yield Candidate(start, "remote", is_whole=False)

    def deleted_runs(self, text: str) -> Iterator[Candidate]:
        """Those that can be had back from the trash."""
        names = {name for _, several in self._deletions() for name in several}
        return _in_group(text, names)

    def deletions(self) -> Iterator[Candidate]:
        """What was deleted at once, as the trash has it."""
        return (Candidate(identifier, ", ".join(several)) for identifier, several in self._deletions())

    def _deletions(self) -> Iterator[tuple[str, list[str]]]:
        if self.runs_dir:
            from ..records.trash import Trash

            for one in Trash(self.runs_dir.root).deletions():
                yield one.identifier, sorted(one.names())

    def unrecorded_runs(self, text: str) -> Iterator[Candidate]:
        """Refs of runs without a record."""
        names = (ref.removeprefix(refstore.RUNS) for ref in self._refs(refstore.RUNS))
        return _in_group(text, [name for name in names if not self.runs_dir or not self.runs_dir.exists(name)])

    # --- keys and values

    def keys(self, text: str) -> Iterator[Candidate]:
        """Fields of records, parameters and metrics; of a metric that the text names, what it has: `loss:min`."""
        yield from (Candidate(key, "field") for key in (*FIELDS, *COMPUTED))
        yield Candidate(HEADLINE, "the metric that runs.metric names")
        yield from self.parameters()
        yield from self.metrics(text)

    def parameters(self) -> Iterator[Candidate]:
        """Those of the newest runs."""
        return (Candidate(key, "parameter") for key in self._known.parameters)

    def metrics(self, text: str) -> Iterator[Candidate]:
        """Those of the newest runs."""
        from ..results.summary import ASPECTS

        for key in self._known.metrics:
            yield Candidate(key, "metric")
            if text.startswith(f"{key}:"):
                yield from (Candidate(f"{key}:{aspect}", "metric") for aspect in ASPECTS)

    def tags(self) -> Iterator[Candidate]:
        """Those of the newest runs."""
        return (Candidate(tag, "tag") for tag in self._known.tags)

    def values(self, key: str) -> Iterator[Candidate]:
        """The values of a field or parameter in the newest runs."""
        known: Iterable[str] = STATUSES
        if key != "status":
            known = self._known.tags if key == "tag" else self._known.values(key)
        return (Candidate(value) for value in known if 0 < len(value) <= LONGEST)

    @cached_property
    def _known(self) -> _Known:
        return _Known(self.runs_dir)

    # --- what git, settings and we ourselves know

    def commands(self) -> Iterator[Candidate]:
        """All subcommands."""
        return (Candidate(name, about) for name, about in self._commands.items())

    def remotes(self) -> Iterator[Candidate]:
        """Those of git."""
        from ..system.git import remotes

        return map(Candidate, remotes.names(self.repository.config) if self.repository else ())

    def commits(self) -> Iterator[Candidate]:
        """Branches, tags and runs, as git names them."""
        for kinds in (BRANCHES, TAGS, (refstore.RUNS,)):
            for kind in kinds:
                start = "" if kind in (*TAGS, BRANCHES[0]) else kind.removeprefix("refs/")
                yield from (Candidate(start.removeprefix("remotes/") + ref[len(kind) :]) for ref in self._refs(kind))

    def _refs(self, prefix: str) -> Iterable[str]:
        return refstore.read(refstore.start_reading(prefix)) if self.repository else ()

    def described(self, section: str) -> list[str]:
        """The names of what settings of that section describe: of "host", `gpu1` in `runs.host.gpu1.path`."""
        start = f"runs.{section}."
        keys = [entry.key for entry in self.repository.config] if self.repository else []
        return list(dict.fromkeys(key[len(start) :].rpartition(".")[0] for key in keys if key.startswith(start)))

    def launchers(self) -> Iterator[Candidate]:
        """Those that settings describe."""
        return map(Candidate, [*self.described("launcher"), *(f"host:{name}" for name in self.described("host"))])

    def hosts(self) -> Iterator[Candidate]:
        """Those that settings describe."""
        return map(Candidate, self.described("host"))


class _Known:
    """What the newest runs have, as far as that is remembered."""

    def __init__(self, runs_dir: RunsDir | None) -> None:
        self._runs_dir = runs_dir

    @cached_property
    def parameters(self) -> dict[str, None]:
        """Their names."""
        from ..results.values import parameters

        return {key: None for run in self._runs for key in parameters(run)}

    @cached_property
    def metrics(self) -> dict[str, None]:
        """Their names: those in the records, and those of runs that go on, as they were read last."""
        from ..results import reading

        found: dict[str, None] = {}
        for run in self._runs:
            recorded = run.record.get("metrics")
            if isinstance(recorded, dict):
                found |= dict.fromkeys(map(str, recorded))
        unrecorded = [run.name for run in self._runs if "metrics" not in run.record]
        if self._runs_dir and unrecorded:
            for summaries, _ in _cache(self._runs_dir).metrics(unrecorded).values():
                found |= dict.fromkeys(reading.keys_of(summaries))
        return found

    @cached_property
    def tags(self) -> dict[str, None]:
        """The words that runs were tagged with."""
        return {tag: None for run in self._runs for tag in run.record.texts("tags")}

    def values(self, key: str) -> dict[str, None]:
        """Those of one key, as texts."""
        from ..results.values import parameters

        def of(run: Run) -> str:
            value = run.value(key)
            return to_text(parameters(run).get(key) if value is None else value)

        return {of(run): None for run in self._runs}

    @cached_property
    def _runs(self) -> list[Run]:
        return (_remembered(self._runs_dir) or list(_read(self._runs_dir))) if self._runs_dir else []


def _cache(runs_dir: RunsDir) -> Cache:
    """The cache, to be read; where there is none, none is made."""
    from ..records.cache import Cache

    return Cache(runs_dir.root, may_be_made=lambda: False)


def _remembered(runs_dir: RunsDir) -> list[Run]:
    """The newest runs of those that the cache holds, as they were when it was filled."""
    cache = _cache(runs_dir)
    catalogue = cache.catalogue()
    starts = catalogue.starts
    known = (place for place, start in enumerate(starts) if not isnan(start))
    newest = [catalogue.names[place] for place in nlargest(NEWEST, known, key=starts.__getitem__)]
    chosen = catalogue.only({*newest})
    stamps = dict(zip(chosen.names, zip(*chosen.stamps, strict=True), strict=True))
    texts = cache.get(stamps, light=False)
    return [Run(name, texts[name]) for name in newest if name in texts]


def _read(runs_dir: RunsDir) -> Iterator[Run]:
    """A few runs, whose records are read."""
    from itertools import islice

    for name in islice(runs_dir.names(), UNREMEMBERED):
        with suppress(RunsError):
            yield Run(name, runs_dir.read(name))


def settings() -> Iterator[Candidate]:
    """The keys of all settings."""
    return (Candidate(f"runs.{setting.key}", f"default: {setting.default}") for setting in SETTINGS)


def words_for(key: str) -> Iterator[Candidate]:
    """The words that are known to be good for the setting with that key, if there is one."""
    return (Candidate(word) for setting in SETTINGS if setting.key == key for word in setting.words)


def _group_of(text: str) -> str:
    return text[: text.rfind("/") + 1]


def _listed(runs: Iterable[str], groups: Iterable[str]) -> Iterator[Candidate]:
    yield from (Candidate(group, "group", is_whole=False) for group in sorted(groups))
    yield from map(Candidate, sorted(runs))


def _in_group(text: str, names: Iterable[str]) -> Iterator[Candidate]:
    """Those of the names that lie directly in the group that the text begins with, and the groups there."""
    start = len(_group_of(text))
    runs: set[str] = set()
    groups: set[str] = set()
    for name in names:
        if name.startswith(text):
            end = name.find("/", start)
            (runs if end < 0 else groups).add(name if end < 0 else name[: end + 1])
    return _listed(runs, groups)
