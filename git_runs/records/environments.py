"""What runs found where they ran, kept in the runs dir once for all runs that share it.

    environments/<id>.yml     interpreter, packages, variables; the record of a run has the id
    environments/<id>.txt     the list of packages that such a file names

An id is a hash of what the file holds, so that a file is never changed. Records of before hold it all themselves.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from itertools import count

from ..errors.records import BadRecord, NoEnvironment
from ..system.files import open_plain, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .record import Record, Value

DIGITS = 16  # of an id, in hexadecimal


class Environments:
    """Those of one runs dir."""

    def __init__(self, root: str) -> None:
        self.directory = os.path.join(root, "environments")
        self._read: dict[str, Record] = {}  # by id

    def keep(self, environment: Mapping[str, Value]) -> str:
        """Write it, unless it is there already; gives its id. Raises Unencodable, and what the file system says."""
        from . import yamltext

        return self._keep(yamltext.dump(dict(environment)), ".yml")

    def of(self, run: Record) -> Record:
        """What was recorded of the run; its id is the `salt` of what a record of before holds. Raises NoEnvironment."""
        recorded = run.get("environment")
        if isinstance(recorded, dict):
            return type(run)({"salt": run.text("id"), **recorded})
        if not recorded:
            raise NoEnvironment("the environment was not recorded")
        identifier = str(recorded)
        if identifier not in self._read:
            self._read[identifier] = self._parsed(identifier)
        return self._read[identifier]

    def find(self, run: Record) -> Record | None:
        """The same, or None."""
        try:
            return self.of(run)
        except NoEnvironment:
            return None

    def files_of(self, identifier: str) -> Iterator[str]:
        """Where the files are that it consists of, one after the other: the first one names the next."""
        with suppress(NoEnvironment):
            yield self._path(identifier, ".yml")
            yield self._path(self._parsed(identifier).text("packages"), ".txt")

    def _parsed(self, identifier: str) -> Record:
        from . import yamltext

        path = self._path(identifier, ".yml")
        try:
            return yamltext.parse(_content(path), path)
        except (OSError, BadRecord) as error:
            raise NoEnvironment(f"the environment cannot be read: {error}") from None

    def keep_packages(self, lines: list[str]) -> str:
        """The same as `keep` for a list of packages, one a line."""
        return self._keep("".join(line + "\n" for line in lines), ".txt")

    def packages(self, identifier: str) -> list[str] | None:
        """The list of that id; None where it cannot be read."""
        try:
            return _content(self._path(identifier, ".txt")).decode(errors="replace").splitlines()
        except (OSError, NoEnvironment):
            return None

    def _keep(self, text: str, suffix: str) -> str:
        for number in count():  # a file that somebody has edited stays
            identifier = _hash(text.removesuffix("\n") + "\n" * number)
            path = self._path(identifier, suffix)
            try:
                found = _content(path).decode(errors="replace")
            except FileNotFoundError:
                os.makedirs(self.directory, exist_ok=True)
                write_whole(path, text)
                break
            if found == text:
                break
        return identifier

    def _path(self, identifier: str, suffix: str) -> str:
        """Never leads elsewhere, whatever a record says; raises NoEnvironment."""
        if not re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", identifier):
            raise NoEnvironment(f"the environment cannot be read: '{identifier}' is no id")
        return os.path.join(self.directory, identifier + suffix)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:DIGITS]


def _content(path: str) -> bytes:
    with open_plain(path) as file:
        return file.read()
