"""The records in the runs dir, and the locks that guard them.

    <runs dir>/
        .gitignore                     "*": the directory ignores itself
        records/<name>.yml             the database: one file a run
        records/<name>.yml.lock        while the record is changed: who changes it
        records/<name>.yml.tmp.lock    the record's next text, under that lock
        cache-1.sqlite                 what the records say, for reading them faster; may be deleted at any time

What the runs put out lies in the same directory, see outputs.py.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress

from . import process
from .cache import Cache, stamp_of
from .errors import BadRecord, Locked, NameTaken, NoSuchRun
from .files import prune, write_whole
from .record import Record, Run, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .cache import Stamp
    from .record import Value

SUFFIX = ".yml"
PATIENCE = 2.0  # seconds to wait for a lock


class Store:
    """The records of one runs dir."""

    def __init__(self, root: str, patience: float = PATIENCE) -> None:
        self.root = root  # absolute
        self.patience = patience
        self._records = os.path.join(root, "records")
        self._cache = Cache(root)

    def prepare(self) -> None:
        """Make the runs dir, ignored by git, where it is not there."""
        os.makedirs(self._records, exist_ok=True)
        with suppress(FileExistsError), open(os.path.join(self.root, ".gitignore"), "x") as file:
            file.write("*\n")

    def path(self, name: str) -> str:
        """Where the run's record is; raises NoSuchRun for a name that would lead out of the records."""
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise NoSuchRun(name)
        return os.path.join(self._records, name + SUFFIX)

    def exists(self, name: str) -> bool:
        """Whether there is a record of that name."""
        with suppress(NoSuchRun):
            return os.path.isfile(self.path(name))
        return False

    def names(self) -> Iterator[str]:
        """The names of all runs, in no order."""
        groups = [""]
        while groups:
            group = groups.pop()
            try:
                entries = os.scandir(os.path.join(self._records, group))
            except FileNotFoundError:
                continue
            with entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX):
                        yield group + entry.name[: -len(SUFFIX)]
                    elif entry.is_dir(follow_symlinks=False):
                        groups.append(f"{group}{entry.name}/")

    def read(self, name: str) -> Record:
        """The run's record; raises NoSuchRun or BadRecord."""
        from . import yamltext

        return yamltext.parse(self._bytes(name), self.path(name))

    def recall(self, names: Iterable[str]) -> Iterator[tuple[str, Run | BadRecord | None]]:
        """The runs of those names, for reading: by way of the cache. None: there is no such run."""
        fresh: list[tuple[str, Stamp, str]] = []
        for name in names:
            try:
                stamp = stamp_of(self.path(name))
                if remembered := self._cache.get(name, stamp):
                    yield name, Run(name, remembered)
                else:
                    fields = self.read(name)
                    fresh.append((name, stamp, to_text(fields)))
                    yield name, Run(name, fields)
            except (NoSuchRun, FileNotFoundError, NotADirectoryError):
                yield name, None
            except BadRecord as error:
                yield name, error
        self._cache.put(fresh)

    def text(self, name: str) -> str:
        """The record as it stands in its file; raises NoSuchRun."""
        return self._bytes(name).decode(errors="surrogateescape")

    def holds(self, name: str, identifier: str) -> bool:
        """Whether the record of that name is, as far as it can be read, the one with this `id`."""
        try:
            return identifier.encode() in self._bytes(name) and self.read(name).text("id") == identifier
        except BadRecord:
            return True
        except NoSuchRun:
            return False

    def name_of(self, identifier: str, likely: str) -> str | None:
        """What the run with this `id` is called now, in all likelihood `likely`; None where it has no record."""
        return next((name for name in (likely, *self.names()) if self.holds(name, identifier)), None)

    def create(self, name: str, fields: Record) -> None:
        """Write the record of a new run; raises NameTaken where there is one, or Unencodable."""
        from . import yamltext

        text = yamltext.dump(fields)
        with self._locked(name, new=True):
            if self.exists(name):
                raise NameTaken(name)
            write_whole(self.path(name), text)

    @contextmanager
    def change(self, name: str) -> Iterator[Record]:
        """The record, to be changed in the `with` block; written back unless that ends with an exception.

        Raises NoSuchRun, BadRecord or Locked.
        """
        with self._locked(name):
            fields = self.read(name)
            yield fields
            self._rewrite(name, fields)

    def rename(self, old: str, new: str) -> None:
        """Give the record another name; raises NoSuchRun, BadRecord, Locked or NameTaken."""
        with self._locked(old), self._locked(new, new=True):
            self.read(old)
            if self.exists(new):
                raise NameTaken(new)
            os.rename(self.path(old), self.path(new))
            self._rewrite(new, self.read(new) | {"name": new})
        prune(self.path(old), self._records)

    def remove(self, name: str) -> None:
        """Delete the record, if it is there; raises Locked."""
        with suppress(NoSuchRun), self._locked(name), suppress(FileNotFoundError):
            os.unlink(self.path(name))
        prune(self.path(name), self._records)

    def _rewrite(self, name: str, fields: dict[str, Value]) -> None:
        from . import yamltext

        text, path = self.text(name), self.path(name)
        if (edited := yamltext.edit(text, path, fields)) != text:
            write_whole(path, edited)

    def _bytes(self, name: str) -> bytes:
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NoSuchRun(name) from None

    @contextmanager
    def _locked(self, name: str, *, new: bool = False) -> Iterator[None]:
        """Hold the record's lock file, created exclusively as git creates its own."""
        path = self.path(name) + ".lock"
        deadline = time.monotonic() + self.patience
        while True:
            if new:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                with open(path, "x") as file:
                    file.write(f"{process.hostname()} {to_text(process.identify(os.getpid()))}\n")
                break
            except FileNotFoundError:
                if not new:
                    raise NoSuchRun(name) from None
            except FileExistsError:
                if time.monotonic() > deadline:
                    raise Locked(path, _age(path)) from None
                time.sleep(0.01)
            except OSError:
                with suppress(OSError):
                    os.unlink(path)
                raise
        try:
            yield
        finally:
            os.unlink(path)


def _age(path: str) -> float:
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0
