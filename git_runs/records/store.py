"""The records in the runs dir, each changed by one at a time: under its lock, see locks.py."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from itertools import chain

from ..console import progress
from ..errors.code import NameTaken
from ..errors.records import NoSuchRun
from ..system.files import prune, remove_file, write_whole
from . import locks
from .record import Record, Run
from .runs_dir import RunsDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .journal import Journal
    from .reader import Reader
    from .record import Value

PATIENCE = 2.0  # seconds to wait for a lock


class Store(RunsDir):
    """A runs dir whose records are changed."""

    def __init__(
        self, root: str, patience: float = PATIENCE, common_dir: str | None = None, *, is_kept: bool = True
    ) -> None:
        """`common_dir`: that of the repository, in which records may be kept, too; `is_kept`: whether they are now."""
        super().__init__(root)
        self.patience = patience
        self._common_dir = common_dir
        self._is_kept = is_kept

    @cached_property
    def reader(self) -> Reader:
        """What the records say, by way of a cache."""
        from .reader import Reader

        return Reader(self)

    def find(self, run: Run) -> Run | None:
        """The run as it is now, by its `id`, whatever it is called; None where it has no record any more.

        Raises BadRecord where the record under its name cannot be read.
        """
        identifier = run.record.text("id")
        for name in chain([run.name], self.names() if identifier else ()):
            with suppress(NoSuchRun):
                if name == run.name or identifier.encode() in self.content(name):
                    fields = self.read(name)
                    if fields.text("id") == identifier:
                        return Run(name, fields)
        return None

    @contextmanager
    def reserved(self, name: str, **purpose: str) -> Iterator[None]:
        """Hold the lock of a name, whether a run has it or not. It is taken before a run's ref is created, so that a
        ref without a record is that of a run being started as long as the lock's holder lives.

        `purpose` is written into the lock file. Raises Locked.
        """
        try:
            with self._locked(name, new=True, **purpose):
                yield
        finally:
            prune(self.path(name), self.records)

    def is_reserved(self, name: str) -> bool:
        """Whether somebody holds the lock of the name, and lives."""
        return locks.is_held(self.lock(name))

    def create(self, name: str, fields: Record) -> None:
        """Write the record of a new run, whose name is `reserved`; raises NameTaken where there is one, or
        Unencodable."""
        from . import yamltext

        text = yamltext.dump(fields)
        if self.exists(name):
            raise NameTaken(name)
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        write_whole(self.path(name), text)
        self.note()

    @cached_property
    def journal(self) -> Journal | None:
        """What has changed since the records were last kept in git."""
        from .journal import Journal

        return Journal(self._common_dir, self.root) if self._common_dir else None

    def note(self, *gone: str) -> None:
        """Records were changed; or, before they are deleted, the names of those that are to go."""
        if self._common_dir and self._is_kept and self.journal:
            self.journal.note(*gone)
        elif gone and self.journal and self.journal.has_history():
            self.journal.write(*gone)  # so that nobody takes them for lost once records are kept again

    @contextmanager
    def change(self, run: Run) -> Iterator[Record]:
        """The run's record, whatever it is called now, to be changed in the `with` block; written back unless that
        ends with an exception.

        Raises NoSuchRun, BadRecord or Locked.
        """
        with ExitStack() as lock:
            while True:
                current = self.find(run)
                if current is None:
                    raise NoSuchRun(run.name)
                with suppress(NoSuchRun):
                    lock.enter_context(self._locked(current.name))
                    fields, content = self.parsed(current.name)
                    if fields.text("id") == run.record.text("id"):
                        break
                lock.close()  # it was moved just now
            yield fields
            self._rewrite(current.name, current.name, fields, content)

    @contextmanager
    def moving(self, run: Run, new: str) -> Iterator[None]:
        """Hold the run's record, and the name that it is to get, for the `with` block.

        Raises NameTaken, and what `held` raises.
        """
        with self.reserved(new, moved_from=run.name), self.held(run):
            if self.exists(new):
                raise NameTaken(new)
            yield
        prune(self.path(run.name), self.records)

    def rename(self, run: Run, new: str, former_names: list[str] | None = None) -> None:
        """Give the record of a run that is `moving` its new name, and write down that which it was launched by, and
        those that it had since."""
        fields, content = self.parsed(run.name)
        fields |= {"name": new, "launched-as": fields.text("launched-as") or run.name}
        if former_names:
            fields["former-names"] = former_names
        self.note(run.name)
        os.makedirs(os.path.dirname(self.path(new)), exist_ok=True)
        self._rewrite(run.name, new, fields, content)
        try:
            os.unlink(self.path(run.name))
        except OSError:
            os.unlink(self.path(new))
            raise

    @contextmanager
    def removal(self, runs: Sequence[Run]) -> Iterator[list[Run]]:
        """Hold the records of the runs for the `with` block, in which whoever does may delete their files.

        Gives the runs without those whose name another run has by now, or none. Raises BadRecord or Locked.
        """
        held: list[Run] = []
        taken: list[str] = []
        try:
            for run in progress.over(runs, "Locking runs", len(runs)):
                with suppress(NoSuchRun):
                    taken.append(self._hold_for_removal(run, like=taken[-1] if taken else None))
                    held.append(run)
            if held:
                self.note(*(run.name for run in held))
            yield held
        finally:
            for lock in taken:
                remove_file(lock)
        for run in held:
            prune(self.path(run.name), self.records)

    @contextmanager
    def held(self, run: Run) -> Iterator[Record]:
        """The run's record, which nobody else changes, moves or deletes in the `with` block.

        Raises NoSuchRun where another run has the name by now, BadRecord or Locked.
        """
        with self._locked(run.name):
            fields = self.read(run.name)
            if fields.text("id") != run.record.text("id"):
                raise NoSuchRun(run.name)
            yield fields

    def _hold_for_removal(self, run: Run, like: str | None) -> str:
        """Take the lock of the run's record, and give its path; a record that begins as we write it is not read any
        further.

        Raises NoSuchRun where another run has the name by now, BadRecord or Locked.
        """
        lock = self._take_lock(run.name, like=like, deletion="begun")
        try:
            identifier = run.record.text("id")
            begins_so = self.content(run.name).startswith(f"id: {identifier}\n".encode())
            if not begins_so and self.read(run.name).text("id") != identifier:
                raise NoSuchRun(run.name)
        except BaseException:
            os.unlink(lock)
            raise
        return lock

    def discard(self, name: str) -> None:
        """Delete a record that has just been created, if it is there; raises Locked."""
        with suppress(NoSuchRun), self._locked(name), suppress(FileNotFoundError):
            self.note(name)
            os.unlink(self.path(name))
        prune(self.path(name), self.records)

    def _rewrite(self, name: str, target: str, fields: dict[str, Value], content: bytes) -> None:
        """Write the record of `name`, changed to `fields` since it was `content`, to the file of `target`.

        What a person, who takes no lock, has changed in the file meanwhile stays.
        """
        from . import yamltext

        path, is_written = self.path(name), False
        while not is_written:
            now = self.content(name)
            if now != content:
                fields = _merged(yamltext.parse(content, path), fields, yamltext.parse(now, path))
                content = now
            text = now.decode()
            edited = yamltext.edit(text, path, fields)
            if edited == text and target == name:
                return
            mode = os.stat(path).st_mode
            is_written = write_whole(self.path(target), edited, mode, only_if=partial(self._is_still, name, content))
        self.note()

    def _is_still(self, name: str, content: bytes) -> bool:
        return self.content(name) == content

    # --- locks

    @contextmanager
    def _locked(self, name: str, *, new: bool = False, **purpose: str) -> Iterator[None]:
        lock = self._take_lock(name, new=new, **purpose)
        try:
            yield
        finally:
            os.unlink(lock)

    def _take_lock(self, name: str, *, new: bool = False, like: str | None = None, **purpose: str) -> str:
        """Gives its path."""
        path = self.lock(name)
        while True:
            if new:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            try:
                locks.take(path, self.patience, like, **purpose)
                return path
            except FileNotFoundError:
                if not new:
                    raise NoSuchRun(name) from None


def _merged(before: dict[str, Value], after: dict[str, Value], now: dict[str, Value]) -> dict[str, Value]:
    """`now` with what was changed from `before` to `after`."""
    changed = {key: value for key, value in after.items() if key not in before or before[key] != value}
    return {key: value for key, value in now.items() if key in after or key not in before} | changed
