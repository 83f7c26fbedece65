"""What was deleted: for some days all of it can be had back; then it only takes room until that is freed.

    <runs dir>/trash/
        <deletion>/                      what one command deleted, laid out as in the runs dir: records/, logs/, ...
        <process>-<time>-<number>        what nobody can have back any more

A deletion is named by its time, in UTC, the days for which it is kept, and the process: "20261128-052139-3d-4711".

A rename takes no time, however much is moved; to free what it takes may take a disk long. So whatever goes is renamed
as a whole, at once, and `git runs gc` can do the rest while nobody waits.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from functools import cached_property
from itertools import count

from ..console import progress
from ..console.messages import warn
from ..errors.records import CannotKeep
from ..system.files import entries, prune, remove_all, side_by_side
from .outputs import Outputs
from .runs_dir import RunsDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

DAY = 24 * 3600.0
LONGEST = 10**6  # days; what is kept for longer is kept for ever
STAMP = len("20261128-052139")
_TIME = "%Y%m%d-%H%M%S"
_DELETION = re.compile(r"\d{8}-\d{6}-(?P<days>\d{1,9})d-\d+(-\d+)?")
_WAITING = re.compile(r"\d+-\d{9,}-\d+")


class Deletion(RunsDir):
    """What one command has deleted: a runs dir of its own."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.outputs = Outputs(root)

    @cached_property
    def elsewhere(self) -> Container[str]:
        """As the runs dir has them that this is in."""
        return RunsDir(os.path.dirname(os.path.dirname(self.root))).elsewhere

    @property
    def identifier(self) -> str:
        """What it is called."""
        return os.path.basename(self.root)

    @property
    def moment(self) -> float:
        """When it took place, in seconds since the epoch."""
        from calendar import timegm

        return timegm(time.strptime(self.identifier[:STAMP], _TIME))

    @property
    def days(self) -> int:
        """For how many days it is kept."""
        found = _DELETION.fullmatch(self.identifier)
        return int(found["days"]) if found else 0

    def has_expired(self) -> bool:
        """Whether it has been kept for long enough."""
        return self.identifier < _stamp(max(0.0, time.time() - self.days * DAY))

    def prune(self, name: str) -> None:
        """Remove the directories that are empty without that run, up to the trash itself."""
        for path in (self.path(name), *self.outputs.inside(name)):
            prune(path, os.path.dirname(os.path.dirname(self.root)))


class Trash:
    """The trash of one runs dir."""

    def __init__(self, root: str) -> None:
        self._top = os.path.join(root, "trash")
        self._places = (f"{os.getpid()}-{time.time_ns()}-{number}" for number in count())

    # --- what can be had back

    def begin(self, days: int) -> Deletion:
        """Make room for what is about to be deleted, and kept for so many days; raises CannotKeep."""
        identifier = f"{_stamp(time.time())}-{min(days, LONGEST)}d-{os.getpid()}"
        for suffix in ("", *(f"-{number}" for number in range(1, 100))):
            root = os.path.join(self._top, identifier + suffix)
            try:
                os.mkdir(os.path.join(self._directory, identifier + suffix))
                return Deletion(root)
            except FileExistsError:
                continue
            except OSError as error:
                raise CannotKeep(root, error.strerror or str(error)) from None
        raise CannotKeep(root, "there are too many")

    def deletions(self) -> list[Deletion]:
        """Those that can be undone, the latest first."""
        found = [Deletion(entry.path) for entry in self._content() if _DELETION.fullmatch(entry.name)]
        return sorted(found, key=lambda one: one.identifier, reverse=True)

    def expired(self) -> list[Deletion]:
        """Those that have been kept for long enough."""
        return [deletion for deletion in self.deletions() if deletion.has_expired()]

    # --- what cannot

    def discard(self, path: str) -> None:
        """Delete what is at `path`, if there is anything, for good: by moving it here, or on the spot where that is
        impossible, as from another disk or on a full one. A link is not followed."""
        try:
            os.rename(path, os.path.join(self._directory, next(self._places)))
        except OSError:
            remove_all(path)

    @cached_property
    def _directory(self) -> str:
        """Where things are moved to; raises OSError where that cannot be made, or is none of ours."""
        with suppress(FileExistsError):
            os.mkdir(self._top)
        if os.path.islink(self._top):
            raise NotADirectoryError
        return self._top

    def is_free(self) -> bool:
        """Whether nothing waits for `free`."""
        return next(self._waiting(), None) is None

    def free(self) -> None:
        """Free the room; what cannot be removed is warned of, and stays."""

        def remove(path: str) -> None:
            try:
                remove_all(path)
            except OSError as error:
                failed.append(f"'{path}' cannot be removed: {error.strerror}")

        failed: list[str] = []
        waiting = list(self._waiting())
        with progress.of("Removing files", len(waiting)) as removed:
            side_by_side(remove, waiting, removed.advance)
        for message in failed:
            warn(message)
        self.prune()

    def prune(self) -> None:
        """Remove the trash itself, if nothing is in it."""
        with suppress(OSError):
            os.rmdir(self._top)

    def _waiting(self) -> Iterator[str]:
        return (entry.path for entry in self._content() if _WAITING.fullmatch(entry.name))

    def _content(self) -> Iterator[os.DirEntry[str]]:
        return iter(()) if os.path.islink(self._top) else entries(self._top)


def _stamp(moment: float) -> str:
    return time.strftime(_TIME, time.gmtime(moment))
