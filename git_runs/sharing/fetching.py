"""See what a remote has now. What it had and does not have any more, without having been deleted there, is kept here:

refs/git-runs/lost/<remote>     the records that were there, as they were seen last, tombstones too: without them, what
                                was deleted would come back
"""

from __future__ import annotations

import os
import re
import time

from ..errors.system import NotThere
from ..records.record import FAILED, FINISHED, KILLED
from ..system import whoami
from ..system.git import calls, fast_import, objects
from .shared import DELETED, Shared, identifier_of, is_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from .remote import Remote
    from .shared import Change

_STATUS = re.compile(rb"^status:[ \t]*([a-z]+)", re.MULTILINE)
ENDS = (FINISHED, FAILED, KILLED)


class News:
    """What is different on a remote since it was seen last, as ids of runs."""

    def __init__(self, *, has_records: bool = True) -> None:
        self.has_records = has_records
        self.is_any = False
        self.new: set[str] = set()
        self.deleted: set[str] = set()
        self.renamed: set[str] = set()
        self.changed: set[str] = set()
        self.ended: dict[str, set[str]] = {}  # of those that have ended since, by how
        self.lost: set[str] = set()  # of those that are simply gone

    @property
    def counts(self) -> list[str]:
        """In words: "4 new", "2 finished"."""
        named = {
            "new": self.new,
            **self.ended,
            "renamed": self.renamed,
            "changed": self.changed,
            "deleted": self.deleted,
        }
        return [f"{len(runs)} {word}" for word, runs in named.items() if runs]


def fetch(remote: Remote) -> News:
    """Fetch the records, and compare them with those that were seen last. Raises GitFailed."""
    try:
        before, now = remote.fetch()
    except NotThere:
        return News(has_records=False)
    if now is None:
        return News()
    there = Shared(remote.git_dir, now)
    news = compare(there.changes_since(Shared(remote.git_dir, before)))
    news.is_any = True
    if news.lost and before:
        keep(remote, before, news.lost)
    return news


def keep(remote: Remote, before: str, lost: Container[str]) -> None:
    """Note that those runs, or their tombstones, are lost, which the records had before: beside what was lost earlier,
    and nobody has put back. Raises GitFailed."""
    former = objects.hashes([remote.lost]).get(remote.lost)
    if former is None:
        remote.set_refs(lost=before)
        return
    had = Shared(remote.git_dir, before)
    contents = had.contents(path for path in had.files() if is_run(path) or path.startswith(DELETED))
    gone = {path: content for path, content in contents.items() if identifier_of(content) in lost}
    author, message = whoami.user_and_host(), f"{len(gone)} more"
    more = fast_import.Commit(author, int(time.time()), message, parent=former, changed=gone)
    fast_import.replace(calls.at(remote.git_dir), remote.lost, [more])


def compare(changes: list[Change]) -> News:
    """What those changes in the records of a remote amount to."""
    news = News()
    before = {identifier_of(one.before): one for one in changes if one.before is not None and _is_run(one)}
    now = {identifier_of(one.now): one for one in changes if one.now is not None and _is_run(one)}
    stones = {os.path.basename(one.path).partition(".")[0]: one for one in changes if not _is_run(one)}
    news.deleted = {identifier for identifier, one in stones.items() if one.now is not None and one.before is None}
    news.new = now.keys() - before.keys()
    forgotten = {identifier for identifier, one in stones.items() if one.now is None}
    news.lost = {one for one in before.keys() - (stones.keys() - forgotten) | forgotten if one and one not in now}
    for identifier in now.keys() & before.keys():
        if now[identifier].path != before[identifier].path:
            news.renamed.add(identifier)
        then, status = (_status(one) for one in (before[identifier].before, now[identifier].now))
        if status in ENDS and then != status:
            news.ended.setdefault(status, set()).add(identifier)
        elif now[identifier].now != before[identifier].before and identifier not in news.renamed:
            news.changed.add(identifier)
    return news


def _is_run(change: Change) -> bool:
    return not change.path.startswith(DELETED)


def _status(content: bytes | None) -> str:
    match = _STATUS.search(content or b"")
    return match[1].decode() if match else ""
