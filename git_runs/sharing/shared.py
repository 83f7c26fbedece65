"""The records in a commit: of a remote, or as they were merged last. See records/history.py for its tree.

What others have put there is taken for nothing but text: what is too large, or is no record, is passed over.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from ..errors.records import BadRecord
from ..errors.sharing import NewerLayout
from ..records.kept import FORM, LAYOUT, Kept, is_environment
from ..records.record import Record
from ..records.remotes import LARGEST
from ..records.runs_dir import SUFFIX, names_of
from ..system.git import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DELETED = ".deleted/"  # no name of a run begins so
_IDENTIFIER = re.compile(rb"^id:[ \t]*(['\"]?)([0-9A-Za-z][0-9A-Za-z-]{0,63})\1[ \t]*\r?$", re.MULTILINE)
_COMMIT = re.compile(rb"^commit:[ \t]*(['\"]?)([0-9a-f]{40}|[0-9a-f]{64})\1[ \t]*\r?$", re.MULTILINE)


def is_identifier(text: str) -> bool:
    """Whether it can be the `id` of a run that travels."""
    return re.fullmatch("[0-9A-Za-z][0-9A-Za-z-]{0,63}", text) is not None


def path_of(name: str) -> str:
    """Where the record of the run of that name is in the tree."""
    return name + SUFFIX


def name_of(path: str) -> str:
    """The name of the run whose record is there."""
    return path[: -len(SUFFIX)]


def tombstone_of(identifier: str) -> str:
    """Where that of a deleted run is."""
    return f"{DELETED}{identifier}{SUFFIX}"


class Change:
    """What is different between two such commits in the record of one run: of its text before and now, None where it is
    not there."""

    def __init__(self, path: str, before: bytes | None, now: bytes | None) -> None:
        self.path = path
        self.before = before
        self.now = now


class Shared(Kept):
    """The records in one commit; None: none at all."""

    def __init__(self, git_dir: str, commit: str | None) -> None:
        super().__init__(git_dir, commit or "")
        self.commit = commit

    def files(self) -> dict[str, str]:
        """The hashes of the files, by their paths."""
        return self.start_reading().files() if self.commit else {}

    def check_layout(self, remote: str) -> None:
        """Raises NewerLayout where it is not as we know it."""
        form = self.contents([LAYOUT]).get(LAYOUT, FORM)
        if self.commit and form.strip() != FORM.strip():
            raise NewerLayout(remote)

    def tombstones(self) -> dict[str, str]:
        """Where those of deleted runs are, by the runs' ids; raises GitFailed."""
        paths = [path for path in self.files() if path.startswith(DELETED)] if self.commit else []
        found = {os.path.basename(path).partition(".")[0]: path for path in paths}
        return {one: path for one, path in found.items() if is_identifier(one) and path == tombstone_of(one)}

    def names(self) -> set[str]:
        """The names of the runs; raises GitFailed."""
        return set(self.start_reading().names()) if self.commit else set()

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What the files at those paths hold, without those that are not there."""
        if not self.commit:
            return {}
        start = f"{self.commit}:"
        found = objects.found([start + path for path in paths], self.common_dir, LARGEST)
        return {name[len(start) :]: content for name, content in found.items()}

    def records(self, paths: Iterable[str]) -> dict[str, Record]:
        """The records at those paths, as far as they are there and can be read."""
        parsed = ((path, parse(content, path)) for path, content in self.contents(paths).items())
        return {path: fields for path, fields in parsed if fields is not None}

    def paths(self) -> dict[str, str]:
        """Where the records of runs are, by their ids, tombstones left out; all records are looked through. Raises
        GitFailed."""
        pairs = ((identifier_of(content), path) for path, content in self.texts().items())
        return {identifier: path for identifier, path in pairs if identifier}

    def texts(self) -> dict[str, bytes]:
        """What the records of all runs hold, by their paths, without what is too large; raises GitFailed."""
        files = {path: blob for path, blob in self.files().items() if is_run(path)}
        held = objects.found(dict.fromkeys(files.values()), self.common_dir, LARGEST)
        return {path: held[blob] for path, blob in files.items() if blob in held}

    def changes_since(self, before: Shared) -> list[Change]:
        """What is different from another one in records and tombstones; raises GitFailed."""
        sides = self._differences(before)
        blobs = {blob for _, *pair in sides for blob in pair if blob}
        held = objects.found(blobs, self.common_dir, LARGEST)
        return [Change(path, held.get(old), held.get(new)) for path, old, new in sides]

    def _differences(self, before: Shared) -> list[tuple[str, str, str]]:
        """Paths, with the hashes of the blobs before and now; "" is none."""
        if not (self.commit and before.commit):
            old, new = before.files(), self.files()
            sides = [(path, old.get(path, ""), new.get(path, "")) for path in {**old, **new}]
        else:
            trees = objects.hashes([f"{before.commit}^{{tree}}", f"{self.commit}^{{tree}}"])
            changed = objects.changes([(trees[f"{before.commit}^{{tree}}"], trees[f"{self.commit}^{{tree}}"])])[0]
            sides = [(path, _blob(*old), _blob(*new)) for path, old, new in changed]
        return [one for one in sides if is_run(one[0]) or one[0].startswith(DELETED)]


def identifier_of(content: bytes | None) -> str:
    """The `id` in the text of a record, which is parsed only where a person has written that in another way; "" where
    there is none."""
    if match := _IDENTIFIER.search(content or b""):
        return match[2].decode()
    fields = parse(content, "") if content and b"id" in content else None
    identifier = fields.text("id") if fields else ""
    return identifier if is_identifier(identifier) else ""


def commit_of(content: bytes) -> str:
    """The `commit` in the text of a record, likewise; "" where there is none."""
    if match := _COMMIT.search(content):
        return match[2].decode()
    fields = parse(content, "")
    return fields.text("commit") if fields else ""


def parse(content: bytes | None, path: str) -> Record | None:
    """The record with that text, whose name is that of its path; None where it cannot be read, or is far too large."""
    from ..records import yamltext

    with suppress(BadRecord):
        if content is not None and len(content) <= LARGEST:
            fields = yamltext.parse(content, path)
            if is_run(path):
                fields["name"] = name_of(path)
            return fields
    return None


def is_run(path: str) -> bool:
    """Whether it is where the record of a run is."""
    return not is_environment(path) and bool(list(names_of([path])))


def _blob(mode: str, name: str) -> str:
    return name if mode == "100644" else ""
