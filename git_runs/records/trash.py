"""What was deleted and still takes room on the disk.

    <runs dir>/trash/<process>-<time>-<number>    what was an output or a record

A rename takes no time, however much is moved; to free what it takes may take a disk long. So whatever is deleted is
deleted as a whole, at once, and `git runs gc` can do the rest while nobody waits.
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
from ..system.files import remove_all, side_by_side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = re.compile(r"\d+-\d+-\d+")


class Trash:
    """The trash of one runs dir."""

    def __init__(self, root: str) -> None:
        self._top = os.path.join(root, "trash")
        self._places = (f"{os.getpid()}-{time.time_ns()}-{number}" for number in count())

    def take(self, path: str) -> None:
        """Delete what is at `path`, if there is anything: by moving it here, or on the spot where that is impossible,
        as from another disk or on a full one. A link is not followed."""
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

    def is_empty(self) -> bool:
        """Whether nothing waits for `empty`."""
        return next(self._content(), None) is None

    def empty(self) -> None:
        """Free the room; what cannot be removed is warned of, and stays."""

        def remove(path: str) -> None:
            try:
                remove_all(path)
            except OSError as error:
                failed.append(f"'{path}' cannot be removed: {error.strerror}")

        failed: list[str] = []
        content = list(self._content())
        with progress.of("Removing files", len(content)) as removed:
            side_by_side(remove, content, removed.advance)
        for message in failed:
            warn(message)
        with suppress(OSError):
            os.rmdir(self._top)

    def _content(self) -> Iterator[str]:
        if os.path.islink(self._top):
            return
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._top) as found:
            yield from (entry.path for entry in found if _OURS.fullmatch(entry.name))
