"""Reading what a run has written of its metrics, so that what was read once is not read again.

Of a key that two sources have, the more trusted one gives the values. Of one that two files of a source have, the later
file gives those from its first step on, as where a program went on after it had been stopped.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from contextlib import suppress
from itertools import chain
from math import inf

from ..system.files import NO_STAMP, entries, open_plain
from . import sources
from .sources.counters import PROGRESS
from .sources.source import GUILD, Mark, Places, Series
from .summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from ..system.files import Stamp
    from .sources.source import Rules, Source

    Cuts = dict[str, float]  # by key, the step from which on a later file gives the values
    Damage = tuple[str, int]  # the path of a file, and the offset of the first record in it that cannot be read
    Stamps = dict[str, Stamp]  # by path

FORM = 3  # another number where sources read otherwise than before, so that what was kept is of no use
TOO_YOUNG = 2 * 10**9  # nanoseconds; what was changed since then may be changed again with the same time of change
CHECKED = 64  # bytes at the beginning of a file, and before a mark, by which it is known again
LONGEST_KEY = 200  # characters; what is longer is no name that somebody gave
NOTHING = (-1, -1, -1, -1)  # the stamp of what is not there


class Written:
    """Where one run writes, and in which files there its metrics are."""

    def __init__(self, places: Places, rules: Rules, kind: type[Summary] = Summary) -> None:
        self.places = places
        self.rules = rules
        self.kind = kind  # of what is kept of each metric
        self.sources = {name: sources.named(name, places, rules) for name in sources.NAMES}
        self.looked_at: Stamps = {}  # the places, and all directories below them: where files may come and go

    def files(self) -> list[_File]:
        """All of them, in their order."""
        directories, log = self.places.directories(), self.places.plain_log()
        not_read = {*self.places.all()} - {*directories, log}
        self.looked_at = {place: _stamp_of(place) for place in not_read}
        found: dict[str, _File] = {}  # by path, for a place may be below another one
        for file in chain.from_iterable(map(self._below, directories)):
            found.setdefault(file.path, file)
        if log:
            found[log] = _File("log", log, os.path.basename(log))
        return self.in_order(found.values())

    def in_order(self, files: Iterable[_File]) -> list[_File]:
        """Source by source, those first that others go on from."""
        order = list(self.sources)
        return sorted(files, key=lambda file: (order.index(file.source), self._place_of(file)))

    def _below(self, place: str) -> Iterator[_File]:
        groups = [place]
        while groups:
            group = groups.pop()
            self.looked_at[group] = _stamp_of(group)
            for entry in _entries(group):
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") or entry.name == GUILD:
                        groups.append(entry.path)
                elif source := self._source_of(entry.path, place):
                    inside = os.path.relpath(entry.path, place)
                    yield _File(source, entry.path, inside, place == self.places.worktree)

    def _source_of(self, path: str, place: str) -> str | None:
        kinds = (name for name, source in self.sources.items() if source.takes(path, place))
        return next(kinds, None)

    def _place_of(self, file: _File) -> Any:
        try:
            written = os.lstat(file.path).st_mtime
        except OSError:
            written = 0.0
        return self.sources[file.source].order(file.path, written)

    def is_of_run(self, file: _File, status: os.stat_result) -> bool:
        """Whether the run may have written it: what is in its own work tree may be as its commit has it."""
        return not file.is_in_tree or status.st_mtime >= self.places.start


class _File:
    """A file with metrics, and what was read of it."""

    def __init__(self, source: str, path: str, inside: str, is_in_tree: bool = False) -> None:
        self.source = source
        self.path = path
        self.inside = inside
        self.is_in_tree = is_in_tree
        self.stamp: Stamp = NO_STAMP
        self.forget()

    def forget(self) -> None:
        """Nothing was read of it."""
        self.mark = Mark()
        self.check = 0  # of the bytes before the mark
        self.cuts: Cuts = {}
        self.summaries: dict[str, Summary] = {}

    def update(self, source: Source, written: Written) -> bool:
        """Read what is new in it; False where nothing is."""
        try:
            with open_plain(self.path) as file:
                status = os.fstat(file.fileno())
                if not written.is_of_run(self, status):
                    return self._is_none(status)
                before = self.stamp, self.mark.offset
                if not source.grows(self.path) or _check(file, self.mark.offset) != self.check:
                    cuts = self.cuts
                    self.forget()
                    self.cuts = cuts
                for key, series in _points(source, file, self.mark, self.inside):
                    self._add(key, series, written.kind)
                self.check = _check(file, self.mark.offset)
                self.stamp = _stamp(status)
                return before != (self.stamp, self.mark.offset) or not source.grows(self.path)
        except OSError:
            return self._is_none(None)

    def _is_none(self, status: os.stat_result | None) -> bool:
        before = self.stamp, bool(self.summaries)
        self.forget()
        self.stamp = _stamp(status) if status else NO_STAMP
        return before != (self.stamp, False)

    def _add(self, key: str, series: Series, kind: type[Summary]) -> None:
        cut = self.cuts.get(key)
        self.summaries.setdefault(key, kind()).add(series if cut is None else series.before(cut))


def keys_of(summaries: str) -> set[str]:
    """The keys that the first of those texts names that `Summaries.texts` gave; none where it is another version's."""
    with suppress(ValueError, TypeError, KeyError, IndexError):
        kept = json.loads(summaries)
        return {key for fields in kept["files"] for key, numbers in fields[-1].items() if numbers}
    return set()


class Summaries:
    """The summaries of one run, by key, which are brought up to date."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._looked_at: Stamps = {}
        self._files: list[_File] = []
        self._curves = ""  # those of the files, not taken apart so far
        self._by_key: dict[str, tuple[str, Summary]] | None = None

    def restore(self, summaries: str, curves: str) -> None:
        """Go on from what `texts` gave; from nothing where that was of other places or rules."""
        kept = json.loads(summaries)
        if kept["of"] == self._identity():
            self._looked_at = {path: _as_stamp(stamp) for path, stamp in kept["looked at"].items()}
            self._files = [_restored(*fields) for fields in kept["files"]]
            self._curves = curves
            if kept["has ended"] != self._written.places.has_ended:  # what is half there may count now
                for file in self._files:
                    file.stamp = NO_STAMP

    def texts(self) -> tuple[str, str]:
        """What is to be kept: the summaries, and the curves."""
        files = [_fields(file) for file in self._files]
        curves = [{key: [one.stride, _short(one.curve)] for key, one in file.summaries.items()} for file in self._files]
        has_ended = self._written.places.has_ended
        kept = {"of": self._identity(), "has ended": has_ended, "looked at": self._looked_at, "files": files}
        return json.dumps(kept), json.dumps(curves)

    def _identity(self) -> list[Any]:
        places = self._written.places
        rules = self._written.rules
        return [FORM, *places.all(), places.start, [*rules.files], [one.pattern for one in rules.patterns]]

    def update(self) -> bool:
        """Read what is new; False where nothing is."""
        self._by_key = None
        is_new = not (self._looked_at and holds(self._looked_at))
        if is_new:
            self._look()
        for file in self._files:
            if not _is_as_it_was(file.path, file.stamp):
                self.draw()
                is_new = file.update(self._written.sources[file.source], self._written) or is_new
        if is_new:
            self._files = self._written.in_order(self._files)
            self._cut()
        return is_new

    def _look(self) -> None:
        """See which files there are by now."""
        known = {(file.source, file.path): file for file in self._files}
        self.draw()
        found = self._written.files()
        self._files = [known.get((file.source, file.path), file) for file in found]
        self._looked_at = self._written.looked_at

    def _cut(self) -> None:
        """See that none of the files has values of steps that a later one has."""
        for name, source in self._written.sources.items():
            starts: Cuts = {}
            for file in reversed([file for file in self._files if file.source == name]):
                cuts = _cuts(file, starts)
                if cuts != file.cuts:
                    file.forget()
                    file.cuts = cuts
                    file.update(source, self._written)
                for key, summary in file.summaries.items():
                    if summary.numbers:
                        starts[key] = min(summary["start"], starts.get(key, summary["start"]))

    def witness(self) -> Stamps | None:
        """What all that was read rests on, for `holds`; None where it may change without being seen."""
        stamps = {**self._looked_at, **{file.path: file.stamp for file in self._files}}
        return None if NO_STAMP in stamps.values() else stamps

    def draw(self) -> None:
        """Have the curves of the summaries, too."""
        curves, self._curves = self._curves, ""
        self._by_key = None
        for file, drawn in zip(self._files, json.loads(curves) if curves else (), strict=False):
            for key, (stride, curve) in drawn.items():
                file.summaries[key].stride, file.summaries[key].curve = stride, curve

    def by_key(self) -> dict[str, tuple[str, Summary]]:
        """The source and the summary of each key."""
        if self._by_key is None:
            self._by_key = self._found()
        return self._by_key

    def _found(self) -> dict[str, tuple[str, Summary]]:
        found: dict[str, tuple[str, Summary]] = {}
        for file in self._files:
            for key, summary in file.summaries.items():
                if not summary.numbers:
                    continue
                if key not in found:
                    found[key] = file.source, summary
                elif found[key][0] == file.source:
                    found[key] = file.source, found[key][1].then(summary)
        return found

    @property
    def progress(self) -> float | None:
        """How far the run is, from 0 to 1, where its log says so."""
        said = (file.mark.memory.get(PROGRESS) for file in self._files)
        return next((one for one in said if one is not None), None)

    @property
    def damages(self) -> list[Damage]:
        """Where files are damaged."""
        return _damages((file.path, file.mark) for file in self._files)


def curves(written: Written) -> tuple[dict[str, tuple[str, Series]], list[Damage]]:
    """All points of a run: the source and the series of each key; and where files are damaged."""
    found: dict[str, tuple[str, Series]] = {}
    marks: list[tuple[str, Mark]] = []
    files = written.files()
    for name, source in written.sources.items():
        of_source: dict[str, Series] = {}
        starts: Cuts = {}
        for file in reversed([file for file in files if file.source == name]):
            read, mark = _read_whole(source, file, written)
            marks.append((file.path, mark))
            for key, series in read.items():
                earlier = series.before(starts[key]) if key in starts else series
                if earlier.steps:
                    starts[key] = min(earlier.steps[0], starts.get(key, inf))
                earlier.extend(of_source.get(key, Series()))
                of_source[key] = earlier
        for key, series in of_source.items():
            found.setdefault(key, (name, series))
    return found, _damages(marks)


def _read_whole(source: Source, file: _File, written: Written) -> tuple[dict[str, Series], Mark]:
    found: dict[str, Series] = {}
    mark = Mark()
    try:
        with open_plain(file.path) as opened:
            if written.is_of_run(file, os.fstat(opened.fileno())):
                for key, series in _points(source, opened, mark, file.inside):
                    found.setdefault(key, Series()).extend(series)
    except OSError:
        return {}, mark
    return found, mark


def _cuts(file: _File, starts: Cuts) -> Cuts:
    """Where a file has to end for later ones that begin there."""

    def overlaps(key: str) -> bool:
        summary = file.summaries.get(key)
        return key in file.cuts or (summary is not None and bool(summary.numbers) and summary["end"] >= starts[key])

    return {key: starts[key] for key in {*file.summaries, *file.cuts} if key in starts and overlaps(key)}


def _points(source: Source, file: BinaryIO, mark: Mark, inside: str) -> Iterator[tuple[str, Series]]:
    """The points after the mark, piece by piece, under keys that a record can hold. Raises OSError."""
    for piece in source.read(file, mark, inside):
        for key, series in piece.items():
            if len(key) <= LONGEST_KEY:
                yield key.encode(errors="replace").decode(), series


def _damages(marks: Iterable[tuple[str, Mark]]) -> list[Damage]:
    return [(path, mark.broken) for path, mark in marks if mark.broken is not None]


# --- what is kept of a file


def _short(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _fields(file: _File) -> list[Any]:
    numbers = {key: one.numbers for key, one in file.summaries.items()}
    mark = [file.mark.offset, file.mark.memory, file.mark.broken, file.check]
    return [file.source, file.path, file.inside, file.is_in_tree, file.stamp, *mark, file.cuts, numbers]


def _restored(
    source: str,
    path: str,
    inside: str,
    is_in_tree: bool,
    stamp: list[int],
    offset: int,
    memory: dict[str, Any],
    broken: int | None,
    check: int,
    cuts: Cuts,
    numbers: dict[str, list[float]],
) -> _File:
    file = _File(source, path, inside, is_in_tree)
    file.stamp = _as_stamp(stamp)
    file.mark, file.check, file.cuts = Mark(offset, memory, broken), check, cuts
    file.summaries = {key: Summary(one) for key, one in numbers.items()}
    return file


# --- what has changed


def holds(stamps: Mapping[str, Sequence[int]]) -> bool:
    """Whether all is as it was when it had those stamps."""
    return all(_is_as_it_was(path, stamp) for path, stamp in stamps.items())


def _is_as_it_was(path: str, stamp: Sequence[int]) -> bool:
    return _as_stamp(stamp) == _stamp_of(path) != NO_STAMP


def _stamp_of(path: str) -> Stamp:
    """The stamp of what is at the path by now, NOTHING where nothing is."""
    try:
        return _stamp(os.lstat(path))
    except OSError:
        return NOTHING


def _stamp(status: os.stat_result) -> Stamp:
    """What a file or directory is known by, or NO_STAMP where it may change without another one."""
    if status.st_mtime_ns >= time.time_ns() - TOO_YOUNG:
        return NO_STAMP
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _as_stamp(numbers: Sequence[int]) -> Stamp:
    size, mtime, ctime, inode = numbers
    return size, mtime, ctime, inode


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """What is in the directory; nothing where it cannot be read."""
    with suppress(OSError):
        return list(entries(directory))
    return []


def _check(file: BinaryIO, offset: int) -> int:
    """A checksum of which file it is, and of its first bytes and the last ones before an offset."""
    start = max(0, offset - CHECKED)
    ends = os.pread(file.fileno(), min(CHECKED, offset), 0) + os.pread(file.fileno(), offset - start, start)
    return zlib.crc32(ends + str(os.fstat(file.fileno()).st_ino).encode())
