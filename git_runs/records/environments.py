"""What runs found where they ran, kept in the runs dir once for all runs that share it.

    environments/<id>.yml     interpreter, packages, variables; the record of a run has the id
    environments/<id>.txt     the list of packages that such a file names, or, in JSON, the texts of packages in
                              editable mode: what `environment.packages` gives

An id is a hash of what the file holds, so that a file is never changed. Records of before, and exports, hold themselves
what the files hold now.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from itertools import count

from ..errors.records import BadRecord, NoEnvironment
from ..system.files import open_plain, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .record import Record, Value

DIGITS = 16  # of an id, in hexadecimal
FEW = 5  # ids that one text may have


class Environments:
    """Those of one runs dir."""

    def __init__(self, root: str, elsewhere: Callable[[str], Iterable[bytes]] = lambda name: ()) -> None:
        """`elsewhere` gives what others have under the name of a file that is not here: it counts if it is what the id
        was made of."""
        self.directory = os.path.join(root, "environments")
        self._elsewhere = elsewhere
        self._read: dict[str, Record] = {}  # by id

    def keep(self, environment: Mapping[str, Value]) -> str:
        """Write it, unless it is there already, in all its files; gives its id. Raises Unencodable, and what the file
        system says."""
        from . import yamltext

        return self._keep(yamltext.dump(self.keep_contents(environment)), ".yml")

    def keep_contents(self, environment: Mapping[str, Value]) -> dict[str, Value]:
        """The same with ids in the place of what belongs into files of its own, which is kept there."""
        found = dict(environment)
        if isinstance(lines := found.get("packages"), list):
            found["packages"] = self.keep_packages([str(line) for line in lines])
        if isinstance(texts := found.get("editable"), dict):
            found["editable"] = self.keep_editable(texts)
        return found

    def contents(self, environment: Mapping[str, Value]) -> dict[str, Value]:
        """What the files hold that it names, by field, as far as they can be read."""
        found: dict[str, Value] = {}
        if (lines := self.packages(environment.get("packages"))) is not None:
            found["packages"] = list(lines)
        if texts := self.editable(environment.get("editable")):
            found["editable"] = texts
        return found

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
            named = self._parsed(identifier)
            yield from (self._path(named.text(key), ".txt") for key in ("packages", "editable") if key in named)

    def _parsed(self, identifier: str) -> Record:
        from . import yamltext

        path = self._path(identifier, ".yml")
        try:
            return yamltext.parse(self._content(path), path)
        except (OSError, BadRecord) as error:
            raise NoEnvironment(f"the environment cannot be read: {error}") from None

    def keep_packages(self, lines: list[str]) -> str:
        """The same as `keep` for a list of packages, one a line."""
        return self._keep("".join(line + "\n" for line in lines), ".txt")

    def keep_editable(self, texts: Mapping[str, Value]) -> str:
        """The same for what `environment.packages.editable_files` gives."""
        return self._keep(json.dumps(texts, indent=1, sort_keys=True, ensure_ascii=False) + "\n", ".txt")

    def packages(self, recorded: Value) -> list[str] | None:
        """The list of that id, or which is there itself; None where it cannot be read."""
        if isinstance(recorded, list):
            return [str(line) for line in recorded]
        text = self._text(recorded)
        return None if text is None else text.splitlines()

    def editable(self, recorded: Value) -> dict[str, Value]:
        """The texts of that id, or which are there themselves; none where they cannot be read."""
        if isinstance(recorded, dict):
            return recorded
        with suppress(ValueError, RecursionError):
            found = json.loads(self._text(recorded) or "{}")
            return found if isinstance(found, dict) else {}
        return {}

    def _text(self, identifier: Value) -> str | None:
        with suppress(OSError, NoEnvironment):
            return self._content(self._path(str(identifier), ".txt")).decode(errors="replace")
        return None

    def _content(self, path: str) -> bytes:
        try:
            return _content(path)
        except FileNotFoundError:
            name = os.path.basename(path)
            found = (one for one in self._elsewhere(name) if _makes(one, name.partition(".")[0]))
            if (content := next(found, None)) is None:
                raise
            return content

    def _keep(self, text: str, suffix: str) -> str:
        for number in count():  # a file that somebody has edited stays
            identifier = _identifier(text, number)
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


def _makes(content: bytes, identifier: str) -> bool:
    """Whether the id is one that was made of this."""
    text = content.decode(errors="surrogateescape")
    return any(_identifier(text, number) == identifier for number in range(FEW))


def _identifier(text: str, number: int) -> str:
    """The id of a text; each number gives another one, in case that a file has the one before and was edited."""
    return _hash(text.removesuffix("\n") + "\n" * number)


def _hash(text: str) -> str:
    import hashlib  # where nothing is written, nobody needs it

    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:DIGITS]


def _content(path: str) -> bytes:
    with open_plain(path) as file:
        return file.read()
