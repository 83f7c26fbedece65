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
from array import array
from contextlib import closing, suppress

from ..errors.records import CacheDamaged
from .catalogue import Catalogue
from .clock import Clock
from .rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ..system.files import Stamp
    from .columns import Column

FORM = 7  # another number for another form, so that no version stumbles over another's
NAME = f"cache-{FORM}.sqlite"  # of the one in the runs dir
UNUSED = 7 * 24 * 3600.0  # seconds after which the cache of another version is taken for one that nobody uses
WASTE = 0.1  # share of the file that may be empty
PATIENCE = 0.2  # seconds to wait for another process
COLUMNS = 12  # keys, of which the values are kept
TABLES = 4  # with other columns or widths, of which the rows are kept

_RECORDS = (
    "records (name TEXT PRIMARY KEY, size INT, mtime INT, ctime INT, inode INT, source INT, light TEXT, heavy TEXT)"
)
_CATALOGUE = "catalogue (id INTEGER PRIMARY KEY, names TEXT, numbers BLOB, checksum INT)"

_COLUMNS = "columns (key TEXT PRIMARY KEY, moment INT, names BLOB, numbers BLOB, content BLOB, checksum INT)"
_METRICS = "metrics (name TEXT PRIMARY KEY, summaries TEXT, curves TEXT)"

_PARTS = ("names", "numbers", "moments", "offsets", "widths", "lengths", "lines")
_ROWS = f"rows (key TEXT PRIMARY KEY, moment INT, {', '.join(f'{part} BLOB' for part in _PARTS)}, checksum INT)"


class Cache:
    """Texts by name, each good for one stamp; the catalogue of all runs; the rows of tables; the values
    of keys; and what was read of metrics."""

    def __init__(self, root: str, may_be_made: Callable[[], bool] = lambda: True, name: str = NAME) -> None:
        self._path = os.path.join(root, name)
        self._may_be_made = may_be_made  # asked before there is a file
        self._opened: sqlite3.Connection | None = None

    def get(self, stamps: Mapping[str, Stamp], *, light: bool) -> dict[str, list[str]]:
        """The texts that were put there for names and stamps, as far as they are there; without the heavy ones, if only
        the `light` are needed."""
        found: dict[str, list[str]] = {}
        marks = ", ".join("?" * len(stamps))
        question = (
            f"SELECT name, size, mtime, ctime, inode, light{'' if light else ', heavy'} FROM records"
            f" WHERE name IN ({marks})"
        )
        with suppress(sqlite3.Error, OverflowError):
            for name, *rest in self._connection().execute(question, list(stamps)):
                texts = [text for text in map(_unsealed, rest[4:]) if text is not None]
                if tuple(rest[:4]) == stamps[name] and len(texts) == len(rest) - 4:
                    found[name] = texts
        return found

    def put(self, entries: Iterable[tuple[str, Stamp, int, str, str]]) -> None:
        """Remember light and heavy texts for these names and stamps, and the checksums of the files that each was made
        from, as far as that is possible."""
        rows = [(name, *stamp, source, _sealed(light), _sealed(heavy)) for name, stamp, source, light, heavy in entries]
        if rows:
            self._write(_RECORDS, "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def catalogue(self) -> Catalogue:
        """The one that was put there last; an empty one where there is none."""
        with suppress(sqlite3.Error, ValueError, TypeError):
            for names, numbers, source in self._connection().execute("SELECT names, numbers, checksum FROM catalogue"):
                if checksum(names.encode() + numbers) == source:
                    return Catalogue(names.split("\n") if names else (), numbers)
        return Catalogue()

    def put_catalogue(self, catalogue: Catalogue) -> None:
        """Remember it, as far as that is possible."""
        names, numbers = "\n".join(catalogue.names), catalogue.numbers
        row = (0, names, numbers, checksum(names.encode() + numbers))
        self._write(_CATALOGUE, "INSERT OR REPLACE INTO catalogue VALUES (?, ?, ?, ?)", [row])

    def rows(self, columns: Sequence[str], width: int) -> Rows:
        """The rows with those columns that were put there last; none where they are not there as they were put."""
        question = f"SELECT {', '.join(_PARTS)}, checksum FROM rows WHERE key = ?"
        key = _key(columns, width)
        with suppress(sqlite3.Error, ValueError, TypeError):
            for *parts, source in self._connection().execute(question, [key]):
                if _checksum_of(key, parts) == source:
                    return _rows_from(columns, *parts)
        return Rows(columns)

    def put_rows(self, rows: Rows, width: int) -> None:
        """Remember them, as far as that is possible, and forget those of the tables that were put there long ago."""
        key, parts = _key(rows.columns, width), _parts_of(rows)
        row = (key, time.time_ns(), *parts, _checksum_of(key, parts))
        self._write(_ROWS, f"INSERT OR REPLACE INTO rows VALUES ({', '.join('?' * len(row))})", [row])
        self._forget_old("rows", _ROWS, TABLES)

    def column(self, key: str) -> Column:
        """The values of that key that were put there last; none where they are not there as they were put."""
        from .columns import Column

        question = "SELECT names, numbers, content, checksum FROM columns WHERE key = ?"
        with suppress(sqlite3.Error, ValueError, TypeError):
            for names, numbers, content, source in self._connection().execute(question, [key]):
                if _checksum_of(key, [names, numbers, content]) == source:
                    return Column.of_text(Catalogue(_lines(names), numbers), content.decode())
        return Column()

    def put_column(self, key: str, column: Column) -> None:
        """Remember it, as far as that is possible, and forget those that were put there long ago."""
        parts = [_joined(column.catalogue.names), column.catalogue.numbers, column.text.encode()]
        row = (key, time.time_ns(), *parts, _checksum_of(key, parts))
        self._write(_COLUMNS, "INSERT OR REPLACE INTO columns VALUES (?, ?, ?, ?, ?, ?)", [row])
        self._forget_old("columns", _COLUMNS, COLUMNS)

    def _forget_old(self, table: str, form: str, number: int) -> None:
        old = f"SELECT key FROM {table} ORDER BY moment DESC LIMIT -1 OFFSET ?"
        self._write(form, f"DELETE FROM {table} WHERE key IN ({old})", [(number,)])

    def metrics(self, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The two texts that were put there last for each of the names, as far as they are there."""
        found: dict[str, tuple[str, str]] = {}
        question = f"SELECT name, summaries, curves FROM metrics WHERE name IN ({', '.join('?' * len(names))})"
        with suppress(sqlite3.Error):
            for name, *rest in self._connection().execute(question, list(names)):
                summaries, curves = map(_unsealed, rest)
                if summaries is not None and curves is not None:
                    found[name] = summaries, curves
        return found

    def put_metrics(self, texts: Iterable[tuple[str, str, str]]) -> None:
        """Remember two texts for each name, as far as that is possible."""
        rows = [(name, _sealed(summaries), _sealed(curves)) for name, summaries, curves in texts]
        if rows:
            self._write(_METRICS, "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)", rows)

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

    def _write(self, table: str, command: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            with self._connection() as connection:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
                connection.executemany(command, rows)
        except (sqlite3.OperationalError, OverflowError):
            pass  # read-only, full, or in use; or a number that SQLite cannot hold
        except sqlite3.DatabaseError:
            self.discard()

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            if os.path.islink(self._path):  # somebody planted it
                raise sqlite3.OperationalError("it is a symbolic link")
            if not os.path.exists(self._path) and not self._may_be_made():
                raise sqlite3.OperationalError("git would see it")
            self._opened = sqlite3.connect(self._path, timeout=PATIENCE)
            # A crash may damage it; then it is made anew.
            self._opened.execute("PRAGMA synchronous = OFF")
        return self._opened

    def compact(self, names: set[str]) -> None:
        """Forget all but those names, and the rows of tables; give back the space, and remove the caches of other
        versions that nobody has used for a while; as far as that is possible."""
        with suppress(sqlite3.Error):
            if os.path.exists(self._path) and self._has_table():
                self._forget_all_but(names)
                self._shrink()
        directory, name = os.path.split(self._path)
        of_any_version = re.compile(rf"{re.escape(name.rpartition('-')[0])}-[0-9]+\.sqlite")
        for other in os.listdir(directory) if os.path.isdir(directory) else ():
            with suppress(OSError, sqlite3.Error):
                if of_any_version.fullmatch(other) and other != name:
                    _remove_if_unused(os.path.join(directory, other))

    def _forget_all_but(self, names: set[str]) -> None:
        with self._connection() as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {_METRICS}")
            for table in ("records", "metrics"):
                gone = [(name,) for (name,) in connection.execute(f"SELECT name FROM {table}") if name not in names]
                connection.executemany(f"DELETE FROM {table} WHERE name = ?", gone)
            connection.execute("DROP TABLE IF EXISTS rows")  # as wide as any that there ever was
            connection.execute("DROP TABLE IF EXISTS columns")

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
    if "records" in tables <= {"records", "catalogue", "cells", "rows", "columns", "metrics"} and columns >= {
        "name",
        "size",
        "mtime",
        "inode",
    }:
        os.unlink(path)


def _parts_of(rows: Rows) -> list[bytes]:
    """What the rows are kept as, in the order of _PARTS."""
    clock = [rows.clock.moments.tobytes(), rows.clock.offsets.tobytes()]
    layout = [bytes(rows.widths), b"".join(rows.lengths)]
    return [_joined(rows.catalogue.names), rows.catalogue.numbers, *clock, *layout, _joined(rows.lines)]


def _rows_from(columns: Sequence[str], names: bytes, numbers: bytes, *parts: bytes) -> Rows:
    moments, offsets, widths, lengths, lines = parts
    catalogue = Catalogue(_lines(names), numbers)
    clock = Clock(array("q", moments), array("i", offsets))
    size = len(catalogue.names)
    cells = (lengths[start : start + size] for start in range(0, len(lengths), size))
    return Rows(columns, catalogue, clock, widths, cells, _lines(lines))


def _key(columns: Sequence[str], width: int) -> str:
    return " ".join([str(width), *columns])


def _checksum_of(key: str, parts: list[bytes]) -> int:
    source = checksum(key.encode())
    for part in parts:
        source = zlib.crc32(part, source)
    return source


def _joined(lines: Iterable[str]) -> bytes:
    return "\n".join(lines).encode(errors="surrogateescape")


def _lines(joined: bytes) -> list[str]:
    return joined.decode(errors="surrogateescape").split("\n") if joined else []


def checksum(content: bytes) -> int:
    """A checksum, by which one content of a file is known from another."""
    return zlib.crc32(content)


def _sealed(text: str) -> str:
    """SQLite does not notice a byte that has changed inside a text."""
    return f"{checksum(text.encode(errors='surrogateescape')):08x}{text}"


def _unsealed(sealed: object) -> str | None:
    """The text, or None where it is not the one that was sealed."""
    text = str(sealed)[8:]
    return text if _sealed(text) == sealed else None
