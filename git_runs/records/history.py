"""refs/git-runs/records: the records, kept in git.

A commit there has the records as its tree, and the one before it as its parent:

    .git-runs                            "layout: 1"
    <name>.yml                           the record of a run; a "/" in the name is a directory
    environments/<id>.yml, .txt          what runs found where they ran, see environments.py

So `git log -p refs/git-runs/records -- <name>.yml` is the history of a run.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress

from ..errors.records import BadRecord, NoSuchRun
from ..errors.system import GitFailed
from ..system import processes
from ..system.files import entries, open_plain, opened_directory, paths_below, write_whole
from ..system.git import calls, fast_import, refstore
from .environments import DIGITS, Environments
from .runs_dir import SUFFIX, RunsDir, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

REF = "refs/git-runs/records"
LAYOUT = ".git-runs"
ENVIRONMENTS = "environments/"
MARGIN = 60.0  # seconds by which the clocks of a file system and of whoever made the last commit may differ
_ENVIRONMENT = re.compile(rf"[0-9a-f]{{{DIGITS}}}\.(yml|txt)")
_LISTED = re.compile(rb"100644 blob ([0-9a-f]+)\t([^\0]+)\0")


class History:
    """The records of one repository, kept in git."""

    def __init__(self, common_dir: str) -> None:
        self._common_dir = common_dir
        self._place = calls.at(common_dir)

    def start_reading(self) -> Listing:
        """Begin to list what is kept."""
        return Listing(calls.start(*self._place, "ls-tree", "-r", "-z", "--full-tree", REF).read_ahead())

    def content(self, path: str) -> bytes | None:
        """What is kept under that path; None where nothing is."""
        with suppress(GitFailed):
            return calls.start(*self._place, "cat-file", "blob", f"{REF}:{path}").bytes()
        return None

    def restore(self, runs_dir: RunsDir, name: str) -> None:
        """Write the record of the run as it is kept, and what it found where it ran; raises NoSuchRun."""
        content = self.content(name + SUFFIX)
        if content is None:
            raise NoSuchRun(name)
        path = runs_dir.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, content)
        with suppress(BadRecord):
            self._restore_environment(runs_dir.environments, str(runs_dir.read(name).get("environment", "")))

    def _restore_environment(self, environments: Environments, identifier: str) -> None:
        for place in environments.files_of(identifier):
            path = ENVIRONMENTS + os.path.basename(place)
            if not os.path.lexists(place) and (content := self.content(path)) is not None:
                os.makedirs(environments.directory, exist_ok=True)
                write_whole(place, content)

    def moment(self) -> float:
        """When the records were kept last, in seconds since the epoch; 0 where they never were."""
        return self._tip()[1]

    def _tip(self) -> tuple[str | None, float]:
        """The last commit, and its time."""
        with suppress(GitFailed):
            words = calls.run(*self._place, "log", "-1", "--no-show-signature", "--format=%H %ct", REF, "--").split()
            return words[0], float(words[1])
        return None, 0.0

    # --- keep

    def keep(self, runs_dir: RunsDir, gone: set[str]) -> None:
        """Commit what has changed in the records since the last commit, without those that are `gone`.

        Only one process may do so at a time. Raises GitFailed.
        """
        now = time.time()
        listing = self.start_reading()
        parent, last = self._tip()
        before = listing.files()
        changed = dict(_changed(runs_dir, before, last - MARGIN))
        for path in self._foreign([path for path in changed if path not in before]):
            del changed[path]
        removed = [name + SUFFIX for name in gone if name + SUFFIX in before and not runs_dir.exists(name)]
        if LAYOUT not in before:
            changed[LAYOUT] = b"layout: 1\n"
        if changed or removed:
            author, message = f"{processes.user()}@{processes.hostname()}", _message([*changed, *removed])
            fast_import.commit(
                self._place,
                REF,
                fast_import.Commit(author, int(now), message, parent=parent, changed=changed, removed=removed),
            )

    def _foreign(self, paths: list[str]) -> list[str]:
        """Those of the new records whose runs have no ref here: of another repository with the same runs dir, say."""
        names = list(names_of(path for path in paths if not _is_environment(path)))
        there = refstore.read(refstore.start_reading(refstore.RUNS, self._common_dir)) if names else {}
        return [name + SUFFIX for name in names if refstore.RUNS + name not in there]

    def shorten(self, before: float) -> None:
        """Let go of the states before that moment, in seconds since the epoch, where they are half of all; the state of
        now stays. Raises GitFailed. Only one process may do so at a time."""
        form = "--format=%x01%ct %T %cn%x02%B"
        with suppress(GitFailed):
            text = calls.run(*self._place, "log", "--reverse", "--no-show-signature", form, REF)
            states = [_state(one) for one in text.split("\1")[1:]]
            kept = [one for one in states if one.moment >= before] or states[-1:]
            if len(kept) <= len(states) / 2:
                fast_import.replace(self._place, REF, kept)


class Listing:
    """What is kept, as git lists it."""

    def __init__(self, call: calls.Call) -> None:
        self._call = call

    def files(self) -> dict[str, str]:
        """The hashes of the files, by their paths; nothing where no records are kept."""
        return {path.decode(): found.decode() for found, path in _LISTED.findall(self._output())}

    def names(self) -> Iterator[str]:
        """The names of the runs of which records are kept."""
        paths = (match[2].decode() for match in _LISTED.finditer(self._output()))
        return names_of(path for path in paths if not _is_environment(path))

    def _output(self) -> bytes:
        try:
            return self._call.bytes()
        except GitFailed:
            return b""


def _is_environment(path: str) -> bool:
    return path.startswith(ENVIRONMENTS) and _ENVIRONMENT.fullmatch(path[len(ENVIRONMENTS) :]) is not None


def _changed(runs_dir: RunsDir, before: dict[str, str], since: float) -> Iterator[tuple[str, bytes]]:
    """The files that are not as they were `before`, and their contents; those that are older are not read."""
    for path in _younger(runs_dir, before, since):
        yield from _content_of(os.path.join(runs_dir.records, path), path, before)
    for entry in entries(runs_dir.environments.directory):
        path = ENVIRONMENTS + entry.name
        if path not in before and _ENVIRONMENT.fullmatch(entry.name):
            yield from _content_of(entry.path, path, before)


def _younger(runs_dir: RunsDir, before: dict[str, str], since: float) -> Iterator[str]:
    """The records, as paths from their directory, that are new or were changed since."""
    with suppress(FileNotFoundError), opened_directory(runs_dir.records) as opened:
        for path in paths_below(runs_dir.records):
            if path not in before:
                yield from (name + SUFFIX for name in names_of([path]))
                continue
            with suppress(OSError):
                if os.stat(path, dir_fd=opened, follow_symlinks=False).st_ctime >= since:
                    yield path


def _content_of(file: str, path: str, before: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    with suppress(OSError), open_plain(file) as opened:
        content = opened.read()
        if path not in before or _hash(content, like=before[path]) != before[path]:
            yield path, content


def _hash(content: bytes, like: str) -> str:
    """The hash of a blob, as gitformat of objects has it, in the repository's own kind."""
    kind = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return kind(b"blob %d\0" % len(content) + content).hexdigest()


def _message(paths: list[str]) -> str:
    names = sorted(names_of(path for path in paths if not _is_environment(path)))
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} runs"


def _state(text: str) -> fast_import.Commit:
    head, _, message = text.partition("\2")
    moment, tree, author = head.split(" ", 2)
    return fast_import.Commit(author, int(moment), message.rstrip("\n"), tree=tree)
