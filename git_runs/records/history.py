"""refs/git-runs/records: the records, kept in git.

A commit there has the records as its tree, see kept.py, and the one before it as its parent. So `git log -p
refs/git-runs/records -- <name>.yml` is the history of a run.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from ..errors.records import BadRecord, NoSuchRun
from ..errors.system import GitFailed
from ..system import whoami
from ..system.files import entries, open_plain, opened_directory, paths_below, write_whole
from ..system.git import calls, fast_import, refstore
from .kept import ENVIRONMENT, ENVIRONMENTS, FORM, LAYOUT, Kept, is_environment
from .runs_dir import SUFFIX, RunsDir, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .environments import Environments

REF = "refs/git-runs/records"
MARGIN = 60.0  # seconds by which the clocks of a file system and of whoever made the last commit may differ


class History(Kept):
    """The records of one repository, kept in git."""

    def __init__(self, common_dir: str) -> None:
        super().__init__(common_dir, REF)

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

    def last_good(self, name: str) -> str | None:
        """The last record of the run that can be read, by its name in git, `<commit>:<path>`; None where none is."""
        from . import yamltext

        for place, content in self.versions(name):
            with suppress(BadRecord):
                yamltext.parse(content, name + SUFFIX)
                return place
        return None

    def versions(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The records that were kept under that name, by their names in git, `<commit>:<path>`, the last one first."""
        path, commits = name + SUFFIX, ""
        with suppress(GitFailed):
            commits = calls.run(*self._place, "log", "--no-show-signature", "--format=%H", REF, "--", path)
        for commit in commits.split():
            if (content := Kept(self.common_dir, commit).content(path)) is not None:
                yield f"{commit}:{path}", content

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
            changed[LAYOUT] = FORM
        if changed or removed:
            author, message = whoami.user_and_host(), _message([*changed, *removed])
            fast_import.commit(
                self._place,
                REF,
                fast_import.Commit(author, int(now), message, parent=parent, changed=changed, removed=removed),
            )

    def _foreign(self, paths: list[str]) -> list[str]:
        """Those of the new records whose runs have no ref here: of another repository with the same runs dir, say."""
        names = list(names_of(path for path in paths if not is_environment(path)))
        there = refstore.read(refstore.start_reading(refstore.RUNS, self.common_dir)) if names else {}
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


def _changed(runs_dir: RunsDir, before: dict[str, str], since: float) -> Iterator[tuple[str, bytes]]:
    """The files that are not as they were `before`, and their contents; those that are older are not read."""
    for path in _younger(runs_dir, before, since):
        yield from _content_of(os.path.join(runs_dir.records, path), path, before)
    for entry in entries(runs_dir.environments.directory):
        path = ENVIRONMENTS + entry.name
        if path not in before and ENVIRONMENT.fullmatch(entry.name):
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
    import hashlib

    kind = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    return kind(b"blob %d\0" % len(content) + content).hexdigest()


def _message(paths: list[str]) -> str:
    names = sorted(names_of(path for path in paths if not is_environment(path)))
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} runs"


def _state(text: str) -> fast_import.Commit:
    head, _, message = text.partition("\2")
    moment, tree, author = head.split(" ", 2)
    return fast_import.Commit(author, int(moment), message.rstrip("\n"), tree=tree)
