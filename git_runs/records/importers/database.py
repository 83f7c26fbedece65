"""SQLite databases of other tools, to be read: one of the two doors to sqlite3."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from urllib.parse import quote

from ...errors.records import ForeignRuns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# https://www.sqlite.org/fileformat.html, "The Database Header"
HEADER = b"SQLite format 3\0"
READ_VERSION, WITH_LOG = 19, 2


class Database:
    """One that is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, table: str, order: str = "rowid") -> Iterator[dict[str, Any]]:
        """The rows of a table, by the names of their columns, whichever there are."""
        cursor = self._connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}')
        names = [column[0] for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))

    def values(self, question: str, *given: str) -> list[tuple[Any, ...]]:
        """The answer to a question in SQL."""
        return self._connection.execute(question, given).fetchall()

    def has(self, table: str, *columns: str) -> bool:
        """Whether it has a table with those columns."""
        return {*columns} <= {row[1] for row in self._connection.execute(f'PRAGMA table_info("{table}")')} != set()


@contextmanager
def opened(path: str) -> Iterator[Database]:
    """The database in that file, which is only read, for the `with` block; raises OSError, and ForeignRuns where it is
    none, or damaged."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ForeignRuns(path, "it is no file")
    with open(path, "rb") as file:
        header = file.read(100)
        if header[: len(HEADER)] != HEADER or len(header) < 100:
            raise ForeignRuns(path, "it is no SQLite database")
    try:
        with _readable(path) as readable, closing(_connect(readable, header)) as connection:
            connection.text_factory = lambda text: text.decode(errors="replace")
            yield Database(connection)
    except sqlite3.Error as error:
        raise ForeignRuns(path, f"as a database: {error}") from None


@contextmanager
def _readable(path: str) -> Iterator[str]:
    """The database; or a copy, where it has a write-ahead log and nobody has it open: SQLite would make the index of
    the log beside it, or fail where it may not (https://www.sqlite.org/wal.html)."""
    log = f"{path}-wal"
    if not os.path.exists(log) or os.path.exists(f"{path}-shm"):
        yield path
        return
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="git-runs-") as directory:
        copy = os.path.join(directory, "database")
        shutil.copyfile(path, copy)
        shutil.copyfile(log, f"{copy}-wal")
        yield copy


def _connect(path: str, header: bytes) -> sqlite3.Connection:
    """One that makes no files beside it: in the mode of a write-ahead log SQLite would, unless it is said that nobody
    writes there (https://www.sqlite.org/wal.html, "Read-Only Databases"), which is so where there is no such log."""
    has_log_mode = header[READ_VERSION] == WITH_LOG and not os.path.exists(f"{path}-wal")
    how = "immutable=1" if has_log_mode else "mode=ro"
    return sqlite3.connect(f"file:{quote(os.path.abspath(path))}?{how}", uri=True)


def has(path: str, table: str, *columns: str) -> bool:
    """Whether a file is a database with such a table."""
    try:
        with opened(path) as database:
            return database.has(table, *columns)
    except (OSError, ForeignRuns):
        return False
