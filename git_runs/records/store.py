"""The records in the runs dir, and the locks that guard them.

    <runs dir>/
        .gitignore                     "*": the directory ignores itself
        records/<name>.yml             the database: one file a run
        records/<name>.yml.lock        while the record is changed: who changes it
        cache-4.sqlite                 what the records say, for reading them faster; may be deleted at any time

What the runs put out lies in the same directory, see outputs.py, and what was deleted for a while, see trash.py.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain, islice

from ..console import progress
from ..errors.code import NameTaken
from ..errors.records import BadRecord, NoSuchRun
from ..system import processes
from ..system.files import NO_STAMP, opened_directory, paths_below, prune, remove_file, stamp_of, write_whole
from . import locks
from .cache import Cache, checksum
from .catalogue import entry
from .cells import FEW, KEPT, texts_of
from .order import natural_key
from .record import HEAVY, Record, Run, is_name, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from ..system.files import Stamp
    from .catalogue import Catalogue, Entry
    from .cells import Cells
    from .record import Value

SUFFIX = ".yml"
BATCH = 500  # records that are looked up together; SQLite takes no more than 999 in old versions
TOO_YOUNG = 2 * 10**9  # nanoseconds; the coarsest clock of a file system in use
IGNORE_ALL = "*\n"
PATIENCE = 2.0  # seconds to wait for a lock


def _names(files: Iterable[str]) -> Iterator[str]:
    """The names of the runs whose records are among the files."""
    for file in files:
        if file.endswith(SUFFIX) and is_name(name := file[: -len(SUFFIX)]):
            yield name


def _settled(stamp: Stamp, latest: int) -> Stamp:
    """The stamp if the file cannot change any more without getting another, and the cache can hold it, or NO_STAMP."""
    return stamp if stamp[1] < latest and min(stamp) >= 0 and max(stamp) < 1 << 63 else NO_STAMP


def _texts(fields: Record) -> tuple[str, str]:
    """The light and the heavy fields."""
    heavy = {key: fields[key] for key in HEAVY if key in fields}
    return to_text({key: value for key, value in fields.items() if key not in heavy}), to_text(heavy)


def _merged(before: dict[str, Value], after: dict[str, Value], now: dict[str, Value]) -> dict[str, Value]:
    """`now` with what was changed from `before` to `after`."""
    changed = {key: value for key, value in after.items() if key not in before or before[key] != value}
    return {key: value for key, value in now.items() if key in after or key not in before} | changed


class Store:
    """The records of one runs dir."""

    def __init__(self, root: str, patience: float = PATIENCE) -> None:
        self.root = root  # absolute
        self.patience = patience
        self.records = os.path.join(root, "records")  # the directory
        self._cache = Cache(root)

    # --- the directory

    def is_foreign(self) -> bool:
        """Whether the runs dir is a directory that holds other things, and no runs so far."""
        if os.path.isdir(self.records) or not os.path.isdir(self.root):
            return False
        return bool(set(os.listdir(self.root)) - {".gitignore"})

    def prepare(self) -> None:
        """Make the runs dir, ignored by git, where it is not there."""
        if not os.path.isdir(self.root) or not os.listdir(self.root):
            os.makedirs(self.root, exist_ok=True)
            self._write_gitignore()
        os.makedirs(self.records, exist_ok=True)

    def ignore_itself(self) -> None:
        """Write the `.gitignore` of a runs dir that has lost it."""
        if os.path.isdir(self.records):
            self._write_gitignore()

    def _write_gitignore(self) -> None:
        with suppress(FileExistsError), open(os.path.join(self.root, ".gitignore"), "x") as file:
            file.write(IGNORE_ALL)

    def ignores_itself(self) -> bool:
        """Whether git sees nothing of the runs dir because we told it so."""
        with suppress(OSError), open(os.path.join(self.root, ".gitignore")) as file:
            return file.read() == IGNORE_ALL
        return False

    def path(self, name: str) -> str:
        """Where the run's record is; raises NoSuchRun for what cannot be a name, and so never leads elsewhere."""
        path = os.path.join(self.records, name + SUFFIX)
        if not is_name(name) or ("/" in name and self._leads_out(os.path.dirname(path))):
            raise NoSuchRun(name)
        return path

    def lock(self, name: str) -> str:
        """Where the lock of the run's record is while somebody holds it."""
        return self.path(name) + locks.SUFFIX

    def _leads_out(self, group: str) -> bool:
        """Whether there is a symbolic link among the directories below that of the records."""
        while group != self.records:
            if os.path.islink(group):
                return True
            group = os.path.dirname(group)
        return False

    def exists(self, name: str) -> bool:
        """Whether there is a record of that name."""
        with suppress(NoSuchRun):
            return os.path.lexists(self.path(name))
        return False

    def names(self) -> Iterator[str]:
        """The names of all runs, in no order."""
        return _names(paths_below(self.records))

    # --- reading

    def read(self, name: str) -> Record:
        """The run's record; raises NoSuchRun or BadRecord."""
        return self._read(name)[0]

    def _read(self, name: str) -> tuple[Record, bytes]:
        from . import yamltext

        content = self._bytes(name)
        return yamltext.parse(content, self.path(name)), content

    def recall(self, names: Iterable[str], *, light: bool = False) -> Iterator[tuple[str, Run | BadRecord | None]]:
        """The runs of those names, for reading: by way of the cache. None: there is no such run.

        `light` runs may lack the fields that are HEAVY.
        """
        return ((name, found) for name, _, found in self._recall(names, light))

    def _recall(self, names: Iterable[str], light: bool) -> Iterator[tuple[str, Stamp, Run | BadRecord | None]]:
        """With the stamps for which that is true for good, or NO_STAMP."""
        names = iter(names)
        while batch := list(islice(names, BATCH)):
            yield from self._recall_batch(batch, light)

    def _recall_batch(self, names: list[str], light: bool) -> Iterator[tuple[str, Stamp, Run | BadRecord | None]]:
        latest = time.time_ns() - TOO_YOUNG
        stamps = {}
        for name in names:
            with suppress(NoSuchRun, OSError):
                stamps[name] = stamp_of(self.path(name))
        remembered = self._cache.get(stamps, light=light)
        fresh: list[tuple[str, Stamp, int, str, str]] = []
        for name in names:
            stamp = _settled(stamps.get(name, NO_STAMP), latest)
            try:
                if name in remembered:
                    yield name, stamp, Run(name, remembered[name])
                    continue
                fields, content = self._read(name)
            except NoSuchRun:
                yield name, NO_STAMP, None
            except BadRecord as error:
                yield name, NO_STAMP, error
            else:
                if stamp != NO_STAMP:
                    fresh.append((name, stamp, checksum(content), *_texts(fields)))
                yield name, stamp, Run(name, fields)
        self._cache.put(fresh)

    def survey(self, names: Iterable[str] | None = None) -> tuple[Catalogue, list[BadRecord]]:
        """Which of the runs of those names, or of all, there are, and what is wrong with records that cannot be read.

        Files that are as they were when the cache was filled are not read.
        """
        catalogue = self._cache.catalogue()
        before = catalogue.numbers
        known = [name + SUFFIX for name in catalogue.names]
        files = set(paths_below(self.records)) if names is None else {name + SUFFIX for name in names}
        new = _names(files.difference(known))
        gone: set[str] = set()
        if names is None and not files.issuperset(known):
            gone = {name for name, file in zip(catalogue.names, known, strict=True) if file not in files}
        changed = self._changed(catalogue, known, files)
        entries, bad = self._read_again([*changed, *new])
        if changed or gone or entries:
            catalogue.update(gone | (changed - entries.keys()), entries)
            if catalogue.numbers != before:
                self._cache.put_catalogue(catalogue)
        return catalogue if names is None else catalogue.only(set(names)), bad

    def cells(self, catalogue: Catalogue, columns: Iterable[str]) -> Cells | None:
        """What the usual table shows of those columns, in the order of the catalogue; None where a record of it cannot
        be read any more."""
        columns = list(columns)
        kept = self._cache.cells(columns)
        stale = kept.stale(catalogue)
        are_many = len(stale) > FEW
        if are_many:
            columns = list(KEPT)
            kept = self._cache.cells(columns)
            stale = kept.stale(catalogue)
        names = [catalogue.names[place] for place in stale]
        fresh = {}
        found = progress.over(self.recall(names, light=True), "Reading runs", len(names))
        for place, (_, run) in zip(stale, found, strict=True):
            if not isinstance(run, Run):
                return None
            fresh[place] = texts_of(run)
        cells = kept.of(catalogue, fresh)
        if are_many:
            self._cache.put_cells(cells)
        return cells

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

        with suppress(FileNotFoundError), opened_directory(self.records) as directory:
            return {catalogue.names[place] for place in processes.in_two(changed, len(known))}
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

    def misremembered(self) -> list[str]:
        """The names of the records of which the cache tells something that is not in their files; all files are read.

        Raises CacheDamaged.
        """
        return [name for name, stamp, source in self._cache.sources() if self._differs(name, stamp, source)]

    def _differs(self, name: str, stamp: Stamp, source: int) -> bool:
        with suppress(NoSuchRun, BadRecord, OSError):
            path = self.path(name)
            return stamp_of(path) == stamp and checksum(self._bytes(name)) != source and stamp_of(path) == stamp
        return False

    def compact(self) -> None:
        """Make the cache as small as it can be: without runs that are gone, and without those of older versions."""
        self._cache.compact(set(self.names()))

    def forget(self) -> None:
        """Remove the cache."""
        self._cache.discard()

    def text(self, name: str) -> str:
        """The record as it stands in its file; raises NoSuchRun or BadRecord."""
        return self._bytes(name).decode(errors="surrogateescape")

    def find(self, run: Run) -> Run | None:
        """The run as it is now, by its `id`, whatever it is called; None where it has no record any more.

        Raises BadRecord where the record under its name cannot be read.
        """
        identifier = run.record.text("id")
        for name in chain([run.name], self.names() if identifier else ()):
            with suppress(NoSuchRun):
                if name == run.name or identifier.encode() in self._bytes(name):
                    fields = self.read(name)
                    if fields.text("id") == identifier:
                        return Run(name, fields)
        return None

    # --- changing

    @contextmanager
    def reserved(self, name: str, **purpose: str) -> Iterator[None]:
        """Hold the lock of a name, whether a run has it or not. It is taken before a run's ref is created, so that a
        ref without a record is that of a run being started as long as the lock's holder lives.

        `purpose` is told by the lock file. Raises Locked.
        """
        try:
            with self._locked(name, new=True, **purpose):
                yield
        finally:
            prune(self.path(name), self.records)

    def create(self, name: str, fields: Record) -> None:
        """Write the record of a new run, whose name is `reserved`; raises NameTaken where there is one, or
        Unencodable."""
        from . import yamltext

        text = yamltext.dump(fields)
        if self.exists(name):
            raise NameTaken(name)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        write_whole(self.path(name), text)

    @contextmanager
    def change(self, run: Run) -> Iterator[Record]:
        """The run's record, whatever it is called now, to be changed in the `with` block; written back unless that
        ends with an exception.

        Raises NoSuchRun, BadRecord or Locked.
        """
        with ExitStack() as lock:
            while True:
                current = self.find(run)
                if current is None:
                    raise NoSuchRun(run.name)
                with suppress(NoSuchRun):
                    lock.enter_context(self._locked(current.name))
                    fields, content = self._read(current.name)
                    if fields.text("id") == run.record.text("id"):
                        break
                lock.close()  # it was moved just now
            yield fields
            self._rewrite(current.name, current.name, fields, content)

    @contextmanager
    def moving(self, run: Run, new: str) -> Iterator[None]:
        """Hold the run's record, and the name that it is to get, for the `with` block.

        Raises NameTaken, and what `held` raises.
        """
        with self.reserved(new, moved_from=run.name), self.held(run):
            if self.exists(new):
                raise NameTaken(new)
            yield
        prune(self.path(run.name), self.records)

    def rename(self, run: Run, new: str, former_names: list[str] | None = None) -> None:
        """Give the record of a run that is `moving` its new name, and write down that which it was launched by, and
        those that it had since."""
        fields, content = self._read(run.name)
        fields |= {"name": new, "launched-as": fields.text("launched-as") or run.name}
        if former_names:
            fields["former-names"] = former_names
        os.makedirs(os.path.dirname(self.path(new)), exist_ok=True)
        self._rewrite(run.name, new, fields, content)
        try:
            os.unlink(self.path(run.name))
        except OSError:
            os.unlink(self.path(new))
            raise

    @contextmanager
    def removal(self, runs: Sequence[Run]) -> Iterator[list[Run]]:
        """Hold the records of the runs for the `with` block, in which whoever does may delete their files.

        Gives the runs without those whose name another run has by now, or none. Raises BadRecord or Locked.
        """
        held: list[Run] = []
        taken: list[str] = []
        try:
            for run in progress.over(runs, "Locking runs", len(runs)):
                with suppress(NoSuchRun):
                    taken.append(self._hold_for_removal(run, like=taken[-1] if taken else None))
                    held.append(run)
            yield held
        finally:
            for lock in taken:
                remove_file(lock)
        for run in held:
            prune(self.path(run.name), self.records)

    @contextmanager
    def held(self, run: Run) -> Iterator[Record]:
        """The run's record, which nobody else changes, moves or deletes in the `with` block.

        Raises NoSuchRun where another run has the name by now, BadRecord or Locked.
        """
        with self._locked(run.name):
            fields = self.read(run.name)
            if fields.text("id") != run.record.text("id"):
                raise NoSuchRun(run.name)
            yield fields

    def _hold_for_removal(self, run: Run, like: str | None) -> str:
        """Take the lock of the run's record, and give its path; a record that begins as we write it is not read any
        further.

        Raises NoSuchRun where another run has the name by now, BadRecord or Locked.
        """
        lock = self._take_lock(run.name, like=like, deletion="begun")
        try:
            identifier = run.record.text("id")
            begins_so = self._bytes(run.name).startswith(f"id: {identifier}\n".encode())
            if not begins_so and self.read(run.name).text("id") != identifier:
                raise NoSuchRun(run.name)
        except BaseException:
            os.unlink(lock)
            raise
        return lock

    def discard(self, name: str) -> None:
        """Delete a record that has just been created, if it is there; raises Locked."""
        with suppress(NoSuchRun), self._locked(name), suppress(FileNotFoundError):
            os.unlink(self.path(name))
        prune(self.path(name), self.records)

    def _rewrite(self, name: str, target: str, fields: dict[str, Value], content: bytes) -> None:
        """Write the record of `name`, changed to `fields` since it was `content`, to the file of `target`.

        What a person, who takes no lock, has changed in the file meanwhile stays.
        """
        from . import yamltext

        path, is_written = self.path(name), False
        while not is_written:
            now = self._bytes(name)
            if now != content:
                fields = _merged(yamltext.parse(content, path), fields, yamltext.parse(now, path))
                content = now
            text = now.decode()
            edited = yamltext.edit(text, path, fields)
            if edited == text and target == name:
                return
            mode = os.stat(path).st_mode
            is_written = write_whole(self.path(target), edited, mode, only_if=partial(self._is_still, name, content))

    def _is_still(self, name: str, content: bytes) -> bool:
        return self._bytes(name) == content

    def _bytes(self, name: str) -> bytes:
        path = self.path(name)
        try:
            # A pipe would make us wait for whoever writes into it.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise BadRecord(path, 1, "it is no file that could hold one")
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NoSuchRun(name) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise BadRecord(path, 1, "it is a symbolic link, and may lead anywhere") from None
            raise BadRecord(path, 1, error.strerror or str(error)) from None

    # --- locks

    @contextmanager
    def _locked(self, name: str, *, new: bool = False, **purpose: str) -> Iterator[None]:
        lock = self._take_lock(name, new=new, **purpose)
        try:
            yield
        finally:
            os.unlink(lock)

    def _take_lock(self, name: str, *, new: bool = False, like: str | None = None, **purpose: str) -> str:
        """Gives its path."""
        path = self.lock(name)
        while True:
            if new:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                locks.take(path, self.patience, like, **purpose)
                return path
            except FileNotFoundError:
                if not new:
                    raise NoSuchRun(name) from None
