"""What comes from elsewhere of a run's outputs: first apart from all else, then, whole, in its place here.

    <runs dir>/get/<id>/
        brought.json             which files here came so, each by its kind and path: its sizes and times
        staged/<kind>/           what has come so far; it stays where that is interrupted
        temporary/               files under way
        lock                     held by whoever brings something

Nothing that a person or a program has put among the outputs here is ever replaced: a file makes way for the one that
comes only if it is as it came before, or if the other one begins with all that is in it, as a log that has grown does.
No symbolic link is followed on the way, and none is made that leads out of the run's directory.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import contextmanager, suppress

from ..errors.records import LeadsOut
from ..system.files import locked, open_plain, paths_below, remove_all, remove_file, write_whole
from ..system.rsync import MUNGED, PARTIAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..project import Project
    from ..records.record import Run

    Stamp = list[int] | str

GET = "get"
LOGS = "logs"
AT_ONCE = 1 << 20  # bytes to compare


class Placed:
    """What became of the outputs that came."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.kept: list[str] = []  # paths of what is another here, and stays
        self.leading_out: list[str] = []  # paths of symbolic links that were left out


class Staging:
    """Where the outputs of a run come first."""

    def __init__(self, project: Project, run: Run, *, goes_on: bool) -> None:
        """`goes_on`: what was interrupted is no loss, and no danger, to whoever goes on with it."""
        self._outputs = project.outputs
        self.path = os.path.join(project.store.root, GET, run.record.text("id"))
        self.temporary = os.path.join(self.path, "temporary")
        self._staged = os.path.join(self.path if goes_on else self.temporary, "staged")
        self._list = os.path.join(self.path, "brought.json")

    @contextmanager
    def held(self, waits: Callable[[], object]) -> Iterator[None]:
        """Be the only one that brings something of the run, in the `with` block; `waits` is called if another does."""
        os.makedirs(self.path, exist_ok=True)
        with locked(os.path.join(self.path, "lock"), waits):
            remove_all(self.temporary)
            os.mkdir(self.temporary)
            yield
            remove_all(self.temporary)
            with suppress(OSError):  # something was interrupted, and may go on
                os.rmdir(self._staged)

    def directory(self, kind: str) -> str:
        """Where what comes of that kind goes; it is there. Of logs there is to be one file."""
        directory = os.path.join(self._staged, kind)
        os.makedirs(directory, exist_ok=True)
        return directory

    def place(self, kind: str, name: str) -> str:
        """The directory that what has come of that kind is to lie in. Raises LeadsOut."""
        path = {LOGS: self._outputs.log, "tensorboard": self._outputs.tensorboard}.get(kind, self._outputs.checkpoints)
        if self._outputs.is_behind_link(path(name)):
            raise LeadsOut(path(name))
        return os.path.dirname(path(name)) if kind == LOGS else path(name)

    def settle(self, kind: str, name: str, placed: Placed) -> None:
        """Put all that has come of that kind, and is whole, where it belongs. Raises LeadsOut."""
        place, staged = self.place(kind, name), os.path.join(self._staged, kind)
        os.makedirs(place, exist_ok=True)
        before, now = self._brought(), {}
        found = [path for path in paths_below(staged) if PARTIAL not in path.split("/")]
        for source in found if kind != LOGS else found[:1]:
            path = source if kind != LOGS else os.path.basename(self._outputs.log(name))
            now[path] = Arrival(os.path.join(staged, source), path, before.get(self._key(kind, path), []))
        # Whoever is interrupted here knows later what of this has come.
        self._note({**before, **{self._key(kind, path): [*one.known, one.stamp] for path, one in now.items()}})
        for path, arrival in now.items():
            key = self._key(kind, path)
            if arrival.leads_out:
                placed.leading_out.append(key)
            elif arrival.is_at(place):
                before[key] = [arrival.stamp]
            elif arrival.settle(place, self.temporary):
                placed.files += 1
                placed.bytes += arrival.size
                before[key] = [arrival.stamp]
            else:
                placed.kept.append(key)
        self._note(before)
        remove_all(staged)

    @staticmethod
    def _key(kind: str, path: str) -> str:
        return kind if kind == LOGS else f"{kind}/{path}"

    def _brought(self) -> dict[str, list[Stamp]]:
        """What came before; nothing where that is not known, and then more files stay as they are."""
        with suppress(OSError, ValueError), open(self._list, encoding="utf-8", errors="surrogateescape") as file:
            found = json.load(file)
            if isinstance(found, dict):
                return {key: stamps for key, stamps in found.items() if isinstance(stamps, list)}
        return {}

    def _note(self, brought: dict[str, list[Stamp]]) -> None:
        write_whole(self._list, json.dumps(brought))


class Arrival:
    """One file, or symbolic link, that has come."""

    def __init__(self, source: str, path: str, known: list[Stamp]) -> None:
        self.known = known  # what came before under the same name
        self._source = source
        self._path = path  # that it is to have in the directory of its kind
        status = os.lstat(self._source)
        self._link = os.readlink(self._source).removeprefix(MUNGED) if stat.S_ISLNK(status.st_mode) else None
        self.size = status.st_size if self._link is None else 0
        self.stamp = _stamp(status, self._link)

    @property
    def leads_out(self) -> bool:
        """Whether it is a link that may lead out of its kind's directory, where others may be on its way."""
        if self._link is None:
            return False
        parts = self._link.split("/")
        ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
        return ups > self._path.count("/") or ".." in parts[ups:] or self._link[:1] in ("", "/")

    def is_at(self, place: str) -> bool:
        """Whether it is below that directory already, as a link that leads there."""
        with suppress(OSError):
            return self._link == os.readlink(os.path.join(place, self._path))
        return False

    def settle(self, place: str, temporary: str) -> bool:
        """Put it below that directory; False where something else is in the way, and stays."""
        target = os.path.join(place, self._path)
        if not _make_way(place, self._path):
            return False
        if self._link is not None:
            self._source = os.path.join(temporary, "link")
            remove_file(self._source)
            os.symlink(self._link, self._source)
        with _on_its_disk(self._source, target) as source:
            try:
                _put(source, target)
            except FileExistsError:
                if not self._may_replace(target):
                    return False
                os.replace(source, target)
        self.stamp = _stamp(os.lstat(target), self._link)  # other disks may have other times
        return True

    def _may_replace(self, target: str) -> bool:
        status = os.lstat(target)
        link = os.readlink(target) if stat.S_ISLNK(status.st_mode) else None
        if _stamp(status, link) in (*self.known, self.stamp):
            return True
        return link is None and self._link is None and _begins_with(self._source, target)


def _stamp(status: os.stat_result, link: str | None) -> Stamp:
    """What is another where somebody has changed it: size and time of a file, or where a link leads."""
    return [status.st_size, status.st_mtime_ns] if link is None else link


def _make_way(place: str, path: str) -> bool:
    """Make the directories below `place` that the path has; False where something else is there, such as a link."""
    for part in path.split("/")[:-1]:
        place = os.path.join(place, part)
        try:
            os.mkdir(place)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                return False
    return True


@contextmanager
def _on_its_disk(source: str, target: str) -> Iterator[str]:
    """The path of the file, or of a copy on the disk of the target: a kind of outputs may be on one of its own."""
    directory = os.path.dirname(target)
    if os.lstat(source).st_dev == os.stat(directory).st_dev:
        yield source
        return
    import shutil

    copy = os.path.join(directory, f".git-runs.{os.getpid()}.tmp.lock")
    try:
        yield shutil.copy2(source, copy, follow_symlinks=False)
    finally:
        remove_file(copy)


def _put(source: str, target: str) -> None:
    """Give it that path, too, or only that one; raises FileExistsError."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # not every file system has hard links
        if os.path.lexists(target):
            raise FileExistsError from None
        os.rename(source, target)


def _begins_with(path: str, other: str) -> bool:
    """Whether a file begins with all that is in another one."""
    try:
        with open_plain(path) as long, open_plain(other) as short:
            while piece := short.read(AT_ONCE):
                if long.read(len(piece)) != piece:
                    return False
            return True
    except OSError:
        return False
