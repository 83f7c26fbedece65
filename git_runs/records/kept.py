"""Records in git: a commit that has them as its tree.

    .git-runs                            "layout: 1"
    <name>.yml                           the record of a run; a "/" in the name is a directory
    environments/<id>.yml, .txt          what runs found where they ran, see environments.py

history.py keeps the records of here so, and remotes.py reads those that were fetched.
"""

from __future__ import annotations

import re
from contextlib import suppress

from ..errors.system import GitFailed
from ..system.git import calls
from .environments import DIGITS
from .runs_dir import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LAYOUT = ".git-runs"
FORM = b"layout: 1\n"  # what is in that file
ENVIRONMENTS = "environments/"
ENVIRONMENT = re.compile(rf"[0-9a-f]{{{DIGITS}}}\.(yml|txt)")  # the name of a file there
LONGEST = 1 << 27  # bytes of a list: a million records; a few trees that hold each other may list without end
_LISTED = re.compile(rb"(?:\A|(?<=\0))100644 blob ([0-9a-f]+)\t([^\0]+)\0")


class Kept:
    """The records in the commit that a ref is at."""

    def __init__(self, common_dir: str, ref: str) -> None:
        """`ref`: a full name, or the full hash of a commit."""
        self.common_dir = common_dir
        self.ref = ref
        self._place = calls.at(common_dir)

    def start_reading(self) -> Listing:
        """Begin to list what is kept."""
        return Listing(calls.start(*self._place, "ls-tree", "-r", "-z", "--full-tree", self.ref))

    def content(self, path: str) -> bytes | None:
        """What is kept under that path; None where nothing is."""
        with suppress(GitFailed):
            return calls.start(*self._place, "cat-file", "blob", f"{self.ref}:{path}").bytes()
        return None


class Listing:
    """What is kept, as git lists it: plain files alone."""

    def __init__(self, call: calls.Call) -> None:
        self._call = call  # nothing is read ahead: where there is too much, it has to be stopped

    def files(self) -> dict[str, str]:
        """The hashes of the files, by their paths; nothing where no records are kept."""
        with suppress(GitFailed):
            return self.all_files()
        return {}

    def all_files(self) -> dict[str, str]:
        """The same; raises GitFailed where no records are kept, or they cannot be read."""
        listed = _LISTED.findall(self._call.at_most(LONGEST))
        return {path.decode(errors="surrogateescape"): found.decode() for found, path in listed}

    def names(self) -> Iterator[str]:
        """The names of the runs of which records are kept."""
        return names_of(path for path in self.files() if not is_environment(path))


def is_environment(path: str) -> bool:
    """Whether the path is that of a file of an environment, and of no record."""
    return path.startswith(ENVIRONMENTS) and ENVIRONMENT.fullmatch(path[len(ENVIRONMENTS) :]) is not None
