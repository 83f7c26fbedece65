"""What was fetched of the runs of remotes. Their records are read where git has them, and never written as files.

    refs/git-runs/remotes/<remote>/records        the records there, see kept.py
    refs/git-runs/remotes/<remote>/runs/<name>    the commit of a run there, where that was fetched or pushed
    refs/git-runs/synced/<remote>                 the records there that were merged last into those here

`origin/NAME` is the run that the remote `origin` calls NAME. The name of a remote may have "/" in it, too.
"""

from __future__ import annotations

from functools import cached_property

from ..console.messages import warn
from ..errors.records import BadRecord, NoSuchRun
from ..errors.system import GitFailed
from ..system.git import objects, refstore
from .kept import ENVIRONMENTS, Kept, is_environment
from .record import is_name
from .runs_dir import SUFFIX, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .record import Record

REMOTES = refstore.REMOTES
SYNCED = "refs/git-runs/synced/"
RECORDS, RUNS = "/records", "/runs/"  # what is below the ref of a remote
LARGEST = 1 << 20  # bytes of a record or environment; a larger one is none that we wrote
HINT = "whoever has the run can mend its record, and send it again"


def records_ref(remote: str) -> str:
    """The ref of the records that were fetched from a remote."""
    return REMOTES + remote + RECORDS


def run_ref(remote: str, name: str) -> str:
    """The ref of the commit of the run that a remote calls so."""
    return REMOTES + remote + RUNS + name


def synced_ref(remote: str) -> str:
    """The ref of the records of a remote that were merged last into those here."""
    return SYNCED + remote


def remotes(common_dir: str) -> list[str]:
    """The remotes whose records were fetched into that repository, in the order of their names. Where nothing was, git
    is not asked."""
    if not refstore.may_be_any(common_dir, REMOTES):
        return []
    refs = refstore.read(refstore.start_reading(REMOTES, common_dir))
    found: list[str] = []
    for ref in sorted(ref for ref in refs if ref.endswith(RECORDS)):
        remote = ref[len(REMOTES) : -len(RECORDS)]
        if not any(remote.startswith(other + RUNS) for other in found):  # else it is a run that is called records
            found.append(remote)
    return found


class Fetched(Kept):
    """The records that were fetched from one remote, whose runs are called here as they are there."""

    def __init__(self, common_dir: str, remote: str) -> None:
        super().__init__(common_dir, records_ref(remote))
        self.remote = remote

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The hashes of all files there, by their paths: also of what is no record and no environment."""
        try:
            return self.start_reading().all_files()
        except GitFailed as error:
            warn(f"the records of {self.remote} cannot be read: {error.message.strip()}")
            return {}

    def has(self, name: str) -> bool:
        """Whether there is a run of that name."""
        path = name + SUFFIX
        return path in self.files and is_name(name) and not is_environment(path)

    def names(self) -> Iterator[str]:
        """The names of the runs there, in no order; what cannot be a name is left out."""
        return names_of(path for path in self.files if not is_environment(path))

    def content(self, path: str) -> bytes | None:
        """What is under that path; None where there is nothing, or more than LARGEST."""
        found = self.contents([path]).get(path)
        return None if isinstance(found, BadRecord) else found

    def contents(self, paths: Iterable[str]) -> dict[str, bytes | BadRecord]:
        """What is under those paths, as far as there is anything."""
        hashes = {path: self.files[path] for path in paths if path in self.files}
        sizes = objects.sizes(hashes.values(), self.common_dir)
        small = [one for one, size in sizes.items() if size <= LARGEST]
        try:
            found = dict(zip(small, objects.contents(small, self.common_dir), strict=True))
        except GitFailed:  # the repository is damaged
            found = {}
        return {path: found.get(one) or self._bad(path, sizes.get(one)) for path, one in hashes.items()}

    def _bad(self, path: str, size: int | None) -> BadRecord:
        reason = "git cannot read it" if size is None else "it is empty" if not size else f"it has {size} bytes"
        return BadRecord(self.shown(path), 1, reason, HINT)

    def shown(self, path: str) -> str:
        """A path there as messages name it: `origin:base.yml`."""
        return f"{self.remote}:{path}"

    def read(self, name: str) -> Record:
        """The record of the run that is called so there; raises NoSuchRun or BadRecord."""
        if not self.has(name):
            raise NoSuchRun(f"{self.remote}/{name}")
        return self.parse(name, self.contents([name + SUFFIX])[name + SUFFIX])

    def parse(self, name: str, content: bytes | BadRecord) -> Record:
        """The record of that run, from what `contents` gave; raises BadRecord."""
        from . import yamltext

        if isinstance(content, BadRecord):
            raise content
        try:
            return yamltext.parse(content, self.shown(name + SUFFIX))
        except BadRecord as error:
            raise BadRecord(error.path, error.line, error.reason, HINT) from None

    def environment_file(self, name: str) -> bytes | None:
        """What is in that file of an environment, `<id>.yml` or `<id>.txt`; None where there is none."""
        path = ENVIRONMENTS + name
        return self.content(path) if is_environment(path) else None
