"""A cache of parsed records, so that reading commands need not parse YAML.

It is filled and mended by whoever reads, and never needed: it may be missing, damaged, locked, or out of step at any
time. An entry counts only while its file has the same size, times and inode; a file changed a moment ago gets none,
since it may be changed again within the same tick of its clock, as git has it for its index (git's racy-git.txt).
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
import zlib
from contextlib import closing, suppress

from .errors import CacheDamaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Stamp = tuple[int, int, int, int]

NAME = "cache-3.sqlite"  # another number for another form, so that no version stumbles over another's
UNUSED = 7 * 24 * 3600.0  # seconds after which the cache of another version is taken for one that nobody uses
WASTE = 0.1  # share of the file that may be empty
TOO_YOUNG = 2.0  # seconds; the coarsest clock of a file system in use
PATIENCE = 0.2  # seconds to wait for another process


_OF_ANY_VERSION = re.compile(r"cache-[0-9]+\.sqlite")


def stamp_of(path: str) -> Stamp:
    """What tells one state of a file from another; raises FileNotFoundError and the like."""
    status = os.lstat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


class Cache:
    """Texts by name, each good for one stamp."""

    def __init__(self, root: str) -> None:
        self._path = os.path.join(root, NAME)
        self._opened: sqlite3.Connection | None = None

    def get(self, name: str, stamp: Stamp) -> str | None:
        """The text that was put there for this name and stamp, or None."""
        question = (
            "SELECT fields, checksum FROM records WHERE name = ? AND size = ? AND mtime = ? AND ctime = ? AND inode = ?"
        )
        try:
            row = self._connection().execute(question, (name, *stamp)).fetchone()
        except (sqlite3.Error, OverflowError):
            return None
        return row[0] if row and row[1] == _checksum(row[0]) else None

    def put(self, entries: Iterable[tuple[str, Stamp, int, str]]) -> None:
        """Remember the texts for these names and stamps, and the checksums of the files that each was made from, as far
        as that is possible."""
        now = time.time_ns()
        rows = [
            (name, *stamp, source, text, _checksum(text))
            for name, stamp, source, text in entries
            if stamp[1] < now - TOO_YOUNG * 1e9
        ]
        if not rows:
            return
        try:
            self._write(rows)
        except (sqlite3.OperationalError, OverflowError):
            pass  # read-only, full, or in use; or a number that SQLite cannot hold
        except sqlite3.DatabaseError:
            self.discard()

    def sources(self) -> Iterator[tuple[str, Stamp, int]]:
        """All names that it has a text for, each with the stamp and the checksum of the file that it was made from.

        Raises CacheDamaged; nothing comes where there is no cache, or none that can be read now.
        """
        try:
            if not os.path.lexists(self._path) or not self._has_table():
                return
            for name, *stamp, source in self._connection().execute(
                "SELECT name, size, mtime, ctime, inode, source FROM records"
            ):
                yield name, tuple(stamp), source
        except sqlite3.OperationalError as error:
            if "no such column" in str(error):
                raise CacheDamaged(self._path) from None
        except sqlite3.DatabaseError:
            raise CacheDamaged(self._path) from None

    def _has_table(self) -> bool:
        question = "SELECT count(*) FROM sqlite_master WHERE name = 'records'"
        return bool(self._connection().execute(question).fetchone()[0])

    def _write(self, rows: list[tuple[str, int, int, int, int, int, str, int]]) -> None:
        with self._connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY,"
                " size INT, mtime INT, ctime INT, inode INT, source INT, fields TEXT, checksum INT) WITHOUT ROWID"
            )
            connection.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            if os.path.islink(self._path):  # somebody planted it
                raise sqlite3.OperationalError("it is a symbolic link")
            self._opened = sqlite3.connect(self._path, timeout=PATIENCE)
            # A crash may damage it; then it is made anew.
            self._opened.execute("PRAGMA synchronous = OFF")
        return self._opened

    def compact(self, names: set[str]) -> None:
        """Forget all but those names, give back the space, and remove the caches of other versions that nobody has
        used for a while; as far as that is possible."""
        with suppress(sqlite3.Error):
            if os.path.exists(self._path) and self._has_table():
                self._forget_all_but(names)
                self._shrink()
        directory = os.path.dirname(self._path)
        for name in os.listdir(directory) if os.path.isdir(directory) else ():
            with suppress(OSError, sqlite3.Error):
                if _OF_ANY_VERSION.fullmatch(name) and name != NAME:
                    _remove_if_unused(os.path.join(directory, name))

    def _forget_all_but(self, names: set[str]) -> None:
        with self._connection() as connection:
            gone = [(name,) for (name,) in connection.execute("SELECT name FROM records") if name not in names]
            connection.executemany("DELETE FROM records WHERE name = ?", gone)

    def _shrink(self) -> None:
        """A cache that is read for a long time beside us stays as it is."""
        sizes = ("freelist_count", "page_count")
        free, pages = (self._connection().execute(f"PRAGMA {size}").fetchone()[0] for size in sizes)
        if free > pages * WASTE:
            self._connection().execute("VACUUM")

    def discard(self) -> None:
        """Remove it, damaged as it is: the next reader fills another one."""
        with suppress(sqlite3.Error, OSError):
            self._connection().close()
            os.unlink(self._path)
        self._opened = None


def _remove_if_unused(path: str) -> None:
    """Remove the cache of another version, if it is one, and old; raises OSError or sqlite3.Error."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or time.time() - status.st_mtime < UNUSED:
        return
    with closing(sqlite3.connect(path)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(records)")}
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables == {"records"} and columns >= {"name", "size", "mtime", "inode"}:
        os.unlink(path)


def checksum(content: bytes) -> int:
    """What tells one content of a file from another."""
    return zlib.crc32(content)


def _checksum(text: object) -> int:
    """SQLite does not notice a byte that has changed inside a text."""
    return checksum(str(text).encode(errors="surrogateescape"))
