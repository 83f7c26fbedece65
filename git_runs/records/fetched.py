"""Many records at once, for reading, that were fetched from remotes."""

from __future__ import annotations

from functools import cached_property

from ..errors.records import BadRecord, NoSuchRun
from ..system.files import NO_STAMP
from .cache import FORM, Cache
from .catalogue import Catalogue
from .reader import Reader
from .record import Run
from .remotes import Fetched
from .runs_dir import SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..system.files import Stamp
    from .record import Record
    from .runs_dir import RunsDir

CACHE = f"git-runs.fetched-{FORM}.sqlite"  # in the git dir: also where there is no runs dir so far
DIGITS = 15  # of a hash, in hexadecimal, that fit into one number of a stamp


class FetchedReader(Reader):
    """Reads the records of the runs of all remotes, each called `<remote>/<name>`, in git, and by way of a cache of
    their own: the hash of a record is its stamp there."""

    def __init__(self, runs_dir: RunsDir, common_dir: str, names: Iterable[str]) -> None:
        """`names`: those of the remotes."""
        super().__init__(runs_dir, Cache(common_dir, name=CACHE))
        longest_first = sorted(names, key=len, reverse=True)
        self._fetched = {remote: Fetched(common_dir, remote) for remote in longest_first}
        self._contents: dict[str, bytes | BadRecord] = {}  # of those that are read now

    def parts(self, name: str) -> tuple[str, str] | None:
        """The remote that has the run of that name, and what it is called there; None where none has. Of the run `a/b`
        of `origin` and the run `b` of `origin/a`, that is the latter."""
        for remote, fetched in self._fetched.items():
            if name.startswith(remote + "/") and fetched.has(inner := name[len(remote) + 1 :]):
                return remote, inner
        return None

    def called(self, name: str) -> str | None:
        """What a run is called here that a remote calls so; None where none does."""
        found = ((remote, name) for remote, fetched in self._fetched.items() if fetched.has(name))
        return next(("/".join(parts) for parts in found if self.parts("/".join(parts)) == parts), None)

    def names(self) -> Iterable[str]:
        """The names of all runs there, in no order."""
        return self._hashes.keys()

    def text(self, run: Run) -> str:
        """The run's record as it stands there; raises BadRecord."""
        self._take([run.name])
        content = self._contents.pop(run.name, b"")
        if isinstance(content, BadRecord):
            raise content
        return content.decode(errors="surrogateescape")

    def environment_files(self, name: str) -> Iterator[bytes]:
        """What the remotes have in the file of an environment of that name: of one id, others may have made others."""
        found = (fetched.environment_file(name) for fetched in self._fetched.values())
        return (one for one in found if one is not None)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        """Those of the records, by the names of all runs."""
        found: dict[str, str] = {}
        for remote, fetched in reversed(self._fetched.items()):
            found.update((f"{remote}/{name}", fetched.files[name + SUFFIX]) for name in fetched.names())
        return found

    def _stamps(self, names: Iterable[str]) -> dict[str, Stamp]:
        return {name: _stamp(self._hashes[name]) if name in self._hashes else NO_STAMP for name in names}

    def _run(self, name: str, texts: list[str]) -> Run:
        parts = self.parts(name)
        return Run(name, texts, remote=parts[0] if parts else "")

    def _read(self, names: list[str]) -> dict[str, tuple[int, str, str] | BadRecord | None]:
        self._take(names)
        try:
            return super()._read(names)
        finally:
            self._contents = {}

    def _take(self, names: Iterable[str]) -> None:
        """Have git give the records of those names at once."""
        by_remote: dict[str, list[str]] = {}
        for name in names:
            if parts := self.parts(name):
                by_remote.setdefault(parts[0], []).append(parts[1] + SUFFIX)
        for remote, paths in by_remote.items():
            found = self._fetched[remote].contents(paths)
            self._contents.update((f"{remote}/{path.removesuffix(SUFFIX)}", one) for path, one in found.items())

    def _parsed(self, name: str) -> tuple[Record, bytes]:
        parts, content = self.parts(name), self._contents.get(name)
        if parts is None or content is None:
            raise NoSuchRun(name)
        fields = self._fetched[parts[0]].parse(parts[1], content)
        return fields, content if isinstance(content, bytes) else b""

    def survey(self, names: Iterable[str] | None = None) -> tuple[Catalogue, list[BadRecord]]:
        """Which of the runs of those names, or of all, there are, and what is wrong with records that cannot be
        read."""
        catalogue = self._cache.catalogue()
        wanted = self._hashes.keys() if names is None else {*names} & self._hashes.keys()
        known = dict(zip(catalogue.names, zip(*catalogue.stamps, strict=True), strict=True))
        others = {name for name in wanted if known.get(name) != _stamp(self._hashes[name])}
        gone = known.keys() - self._hashes.keys()
        changed = others & known.keys()
        bad = self._update(catalogue, gone, changed, others - changed)
        return catalogue if names is None else catalogue.only(wanted), bad

    def compact(self) -> None:
        """Make the cache as small as it can be."""
        self._cache.compact({*self._hashes})


def _stamp(digits: str) -> Stamp:
    """The hash as four numbers: a stamp that no other content has."""
    starts = range(0, 4 * DIGITS, DIGITS)
    first, second, third, fourth = (int(digits[start : start + DIGITS] or "0", 16) for start in starts)
    return first, second, third, fourth or 1  # 0 is that of NO_STAMP
