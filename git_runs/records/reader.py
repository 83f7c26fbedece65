"""Many records at once, for reading: by way of the cache, which is filled and mended on the way."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import islice

from ..console import progress
from ..errors.records import BadRecord, NoSuchRun
from ..system import children
from ..system.files import NO_STAMP, opened_directory, paths_below, stamp_of
from .cache import Cache, checksum
from .catalogue import entry
from .clock import clock_for
from .order import natural_key
from .record import HEAVY, Record, Run, to_text
from .rows import FEW, Rows, cells_of
from .runs_dir import SUFFIX, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from ..system.files import Stamp
    from .catalogue import Catalogue, Entry
    from .columns import Stamps, Witness
    from .record import Value
    from .runs_dir import RunsDir

    Content = tuple[int, str, str]  # the checksum of a file, and its light and heavy fields

BATCH = 500  # records that are selected together; SQLite takes no more than 999 in old versions
MANY = 50  # records to read that are worth another process
TOO_YOUNG = 2 * 10**9  # nanoseconds; the coarsest clock of a file system in use


class Reader:
    """Reads the records of one runs dir."""

    def __init__(self, runs_dir: RunsDir, cache: Cache | None = None) -> None:
        """By way of the cache in the runs dir, or of another one."""
        self._runs_dir = runs_dir
        self._cache = cache or Cache(runs_dir.root, self._ignores_what_we_write)

    def _ignores_what_we_write(self) -> bool:
        """Whether git sees no file that we make in the runs dir: where people track records, they may be checked out
        without the `.gitignore`."""
        with suppress(OSError):
            self._runs_dir.ignore_itself()
        return self._runs_dir.ignores_itself()

    def recall(self, names: Iterable[str], *, light: bool = False) -> Iterator[tuple[str, Run | BadRecord | None]]:
        """The runs of those names, for reading: by way of the cache. None: there is no such run.

        `light` runs may come without the fields that are HEAVY.
        """
        return ((name, found) for name, _, found in self._recall(names, light))

    def _recall(self, names: Iterable[str], light: bool) -> Iterator[tuple[str, Stamp, Run | BadRecord | None]]:
        """With the stamps for which that is true for good, or NO_STAMP."""
        names = iter(names)
        while batch := list(islice(names, BATCH)):
            yield from self._recall_batch(batch, light)

    def _recall_batch(self, names: list[str], light: bool) -> Iterator[tuple[str, Stamp, Run | BadRecord | None]]:
        stamps = self._stamps(names)
        remembered = self._cache.get(stamps, light=light)
        read = self._read([name for name in names if name not in remembered])
        for name in names:
            found = read.get(name)
            if name in remembered:
                yield name, stamps[name], self._run(name, remembered[name])
            elif isinstance(found, tuple):
                yield name, stamps[name], self._run(name, list(found[1:2] if light else found[1:]))
            else:
                yield name, NO_STAMP, found
        known = ((name, stamps[name], found) for name, found in read.items() if stamps[name] != NO_STAMP)
        self._cache.put((name, stamp, *found) for name, stamp, found in known if isinstance(found, tuple))

    def _stamps(self, names: Iterable[str]) -> dict[str, Stamp]:
        """Of the files of those names; NO_STAMP where there is none that tells two contents from each other."""
        latest = time.time_ns() - TOO_YOUNG
        stamps = dict.fromkeys(names, NO_STAMP)
        for name in stamps:
            with suppress(NoSuchRun, OSError):
                stamps[name] = _settled(stamp_of(self._runs_dir.path(name)), latest)
        return stamps

    def _run(self, name: str, texts: list[str]) -> Run:
        return Run(name, texts, self._runs_dir.elsewhere)

    def _read(self, names: list[str]) -> dict[str, Content | BadRecord | None]:
        """What is in the files of the runs of those names; None: there is no such run."""

        def read(start: int, end: int) -> Iterator[Content | None]:
            for name in names[start:end]:
                found = self._read_one(name)
                yield found if isinstance(found, tuple) else None

        found = children.in_two(read, len(names), MANY)
        return {name: content or self._read_one(name) for name, content in zip(names, found, strict=True)}

    def _read_one(self, name: str) -> Content | BadRecord | None:
        try:
            fields, content = self._parsed(name)
        except NoSuchRun:
            return None
        except BadRecord as error:
            return error
        return checksum(content), *_texts(fields)

    def _parsed(self, name: str) -> tuple[Record, bytes]:
        return self._runs_dir.parsed(name)

    def survey(self, names: Iterable[str] | None = None) -> tuple[Catalogue, list[BadRecord]]:
        """Which of the runs of those names, or of all, there are, and what is wrong with records that cannot be read.

        Files that are as they were when the cache was filled are not read.
        """
        catalogue = self._cache.catalogue()
        known = [name + SUFFIX for name in catalogue.names]
        files = set(paths_below(self._runs_dir.records)) if names is None else {name + SUFFIX for name in names}
        new = names_of(files.difference(known))
        gone: set[str] = set()
        if names is None and not files.issuperset(known):
            gone = {name for name, file in zip(catalogue.names, known, strict=True) if file not in files}
        changed = self._changed(catalogue, known, files)
        bad = self._update(catalogue, gone, changed, new)
        return catalogue if names is None else catalogue.only(set(names)), bad

    def _update(self, catalogue: Catalogue, gone: set[str], changed: set[str], new: Iterable[str]) -> list[BadRecord]:
        """Bring the catalogue up to date; gives what is wrong with records that cannot be read."""
        before = catalogue.numbers
        entries, bad = self._read_again([*changed, *new])
        if changed or gone or entries:
            catalogue.update(gone | (changed - entries.keys()), entries)
            if catalogue.numbers != before:
                self._cache.put_catalogue(catalogue)
        return bad

    def rows(self, catalogue: Catalogue, columns: Sequence[str], width: int) -> Rows | None:
        """The rows of all runs of the catalogue, in its order, for a table with those columns and cells of that width;
        None where a record of it cannot be read any more."""
        kept = self._cache.rows(columns, width)
        if not kept.clock.goes_right():
            kept = Rows(columns)
        stale = kept.stale(catalogue)
        rows = self._with_cells(kept, catalogue, stale, width)
        if rows and (len(stale) > FEW or rows.widths != kept.widths):
            rows.clock = clock_for(catalogue.starts)
            self._cache.put_rows(rows, width)
        return self._with_cells(rows, catalogue, rows.under_way(), width, live=True) if rows else None

    def _with_cells(
        self, rows: Rows, catalogue: Catalogue, places: list[int], width: int, *, live: bool = False
    ) -> Rows | None:
        """The rows of the catalogue's runs, those at the places drawn anew; None where one cannot be read any more."""
        names = [catalogue.names[place] for place in places]
        fresh = {}
        found = progress.over(self.recall(names, light=True), "Reading runs", len(names))
        for place, (_, run) in zip(places, found, strict=True):
            if not isinstance(run, Run):
                return None
            fresh[place] = cells_of(run, rows.columns, width, live=live)
        return rows.of(catalogue, fresh)

    def _changed(self, catalogue: Catalogue, known: list[str], files: Container[str]) -> set[str]:
        """The names whose files, if they are among `files`, are not as the catalogue has them."""

        def changed(start: int, end: int) -> Iterator[int]:
            stat = os.stat  # a hundred thousand times
            rows = zip(known[start:end], *(column[start:end] for column in catalogue.stamps), strict=True)
            for place, (file, size, mtime, ctime, inode) in enumerate(rows, start):
                if file not in files:
                    continue
                try:
                    status = stat(file, dir_fd=directory, follow_symlinks=False)
                except OSError:
                    yield place
                    continue
                if (
                    status.st_mtime_ns != mtime
                    or status.st_ctime_ns != ctime
                    or status.st_ino != inode
                    or status.st_size != size
                ):
                    yield place

        with suppress(FileNotFoundError), opened_directory(self._runs_dir.records) as directory:
            return {catalogue.names[place] for place in children.in_two(changed, len(known), children.MANY)}
        return set()

    def _read_again(self, names: list[str]) -> tuple[dict[str, Entry], list[BadRecord]]:
        entries, bad = {}, []
        names = sorted(names, key=natural_key)
        for name, stamp, found in progress.over(self._recall(names, light=True), "Reading runs", len(names)):
            if isinstance(found, Run):
                entries[name] = entry(found.record, stamp)
            elif found:
                bad.append(found)
        return entries, bad

    def column(
        self,
        key: str,
        catalogue: Catalogue,
        places: Sequence[int],
        ask: Callable[[list[str]], Iterable[tuple[Value, Witness]]],
        holds: Callable[[Stamps], bool],
    ) -> list[Value]:
        """The values of the catalogue's runs at those places, by way of the cache.

        `ask` gives those of the runs of those names, each with its witness: columns.py.
        """
        column = self._cache.column(key).of(catalogue)
        unknown = column.unknown(places, holds)
        answers = ask([catalogue.names[place] for place in unknown])
        for place, (value, witness) in zip(unknown, answers, strict=True):
            column.put(place, value, witness)
        if len(unknown) > FEW:
            self._cache.put_column(key, column)
        return [column.values[place] for place in places]

    def metrics(self, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What was kept of the metrics of those runs, BATCH at most, as far as it is there: summaries and curves."""
        return self._cache.metrics(names)

    def keep_metrics(self, texts: Iterable[tuple[str, str, str]]) -> None:
        """Keep that of runs, by name, as far as it is possible."""
        self._cache.put_metrics(texts)

    def misremembered(self) -> list[str]:
        """The names of the records of which the cache holds something that is not in their files; all files are read.

        Raises CacheDamaged.
        """
        return [name for name, stamp, source in self._cache.sources() if self._differs(name, stamp, source)]

    def _differs(self, name: str, stamp: Stamp, source: int) -> bool:
        with suppress(NoSuchRun, BadRecord, OSError):
            if checksum(self._runs_dir.content(name)) == source:
                return False
            path = self._runs_dir.path(name)
            if stamp_of(path) == stamp and checksum(self._runs_dir.content(name)) != source:
                return stamp_of(path) == stamp
        return False

    def compact(self) -> None:
        """Make the cache as small as it can be: without runs that are gone, and without those of older versions."""
        self._cache.compact(set(self._runs_dir.names()))

    def forget(self) -> None:
        """Remove the cache."""
        self._cache.discard()


def _settled(stamp: Stamp, latest: int) -> Stamp:
    """The stamp if the file cannot change any more without getting another, and the cache can hold it, or NO_STAMP."""
    return stamp if stamp[1] < latest and min(stamp) >= 0 and max(stamp) < 1 << 63 else NO_STAMP


def _texts(fields: Record) -> tuple[str, str]:
    """The light and the heavy fields."""
    heavy = {key: fields[key] for key in HEAVY if key in fields}
    return to_text({key: value for key, value in fields.items() if key not in heavy}), to_text(heavy)
