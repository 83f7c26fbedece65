"""The records in the runs dir, each changed by one at a time: under its lock, see locks.py."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from itertools import chain

from ..console import progress
from ..errors.code import NameClash, NameTaken
from ..errors.records import NoSuchRun
from ..system.files import paths_below, prune, remove_file, write_all, write_whole
from . import locks
from .record import Record, Run
from .runs_dir import RunsDir, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from .environments import Environments
    from .everywhere import Everywhere
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

    @cached_property
    def environments(self) -> Environments:
        """What the runs found where they ran, also those that were fetched from remotes."""
        from .environments import Environments

        return Environments(self.root, self._fetched_environment)

    def _fetched_environment(self, name: str) -> Iterable[bytes]:
        return self.everywhere.fetched.environment_files(name) if self.everywhere.fetched else ()

    @cached_property
    def everywhere(self) -> Everywhere:
        """What they say, and what the records say that were fetched from remotes."""
        from .everywhere import Everywhere

        return Everywhere(self, self.reader, self._common_dir)

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
        """Write the record of a new run, whose name is `reserved`; raises what `check_free` does, or Unencodable."""
        from . import yamltext

        text = yamltext.dump(fields)
        self.check_free([name])
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        write_whole(self.path(name), text)
        self.note()

    def check_free(self, names: Collection[str]) -> None:
        """Raises NameTaken for the name of a run, and NameClash for that of a group, or for one below a run: where both
        have refs, git refuses that, but runs that were imported may have none."""
        above: set[str] = set()
        for name in names:
            if self.exists(name):
                raise NameTaken(name)
            if inner := next(names_of(paths_below(os.path.join(self.records, name))), None):
                raise NameClash(name, f"{name}/{inner}")
            while (name := os.path.dirname(name)) and name not in above:
                above.add(name)
        for group in filter(self.exists, above):
            raise NameClash(next(name for name in names if name.startswith(f"{group}/")), group)

    @contextmanager
    def all_reserved(self, names: Collection[str], **purpose: str) -> Iterator[None]:
        """The same as `reserved` of many names."""
        taken: list[str] = []
        try:
            for name in progress.over(names, "Locking runs", len(names)):
                taken.append(self._take_lock(name, new=True, like=taken[-1] if taken else None, **purpose))
            yield
        finally:
            for lock in taken:
                remove_file(lock)
            for name in names:
                prune(self.path(name), self.records)

    def create_all(self, records: Mapping[str, Record]) -> None:
        """Write the records of new runs, by name, whose names are reserved: all or none. Raises what `create` does."""
        from . import yamltext

        known: dict[tuple[str, str], str] = {}
        texts = {self.path(name): yamltext.dump(fields, known) for name, fields in records.items()}
        self.check_free(records)
        for path in texts:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with progress.of("Writing records", len(texts)) as written:
            write_all(texts, written.advance)
        self.note()

    def discard_all(self, names: Iterable[str]) -> None:
        """Delete records that have just been created; raises Locked."""
        for name in names:
            self.discard(name)

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

        Raises what `check_free` and `held` raise.
        """
        with self.reserved(new, moved_from=run.name), self.held(run):
            self.check_free([new])
            yield
        prune(self.path(run.name), self.records)

    def rename(
        self,
        run: Run,
        new: str,
        former_names: list[str] | None = None,
        worktree: str | None = None,
        stamp: str | None = None,
    ) -> None:
        """Give the record of a run that is `moving` its new name, and write down that which it was launched by, those
        that it had since, where its own work tree is now, if it has one, and who has renamed it, by default we."""
        fields, content = self.parsed(run.name)
        fields |= {"name": new, "launched-as": fields.text("launched-as") or run.name}
        fields.mark_edited("name", stamp=stamp)
        if former_names:
            fields["former-names"] = former_names
        if worktree:
            fields["worktree"] = worktree
        self.note(run.name)
        os.makedirs(os.path.dirname(self.path(new)), exist_ok=True)
        self._rewrite(run.name, new, fields, content)
        try:
            os.unlink(self.path(run.name))
        except OSError:
            os.unlink(self.path(new))
            raise

    def bring_back(self, deleted: RunsDir, name: str) -> None:
        """Move the record of a run, whose name is reserved, back from where those of deleted runs are, and write down
        that it is not deleted any more. Raises NoSuchRun, BadRecord, and what the file system says."""
        from . import yamltext

        fields, content = deleted.parsed(name)
        fields.mark_edited("deleted")
        path = deleted.path(name)
        write_whole(path, yamltext.edit(content.decode(), path, fields), os.stat(path).st_mode)
        deleted.move_record(self, name)

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

        What a person, who takes no lock, has changed in the file meanwhile stays; raises NoSuchRun where that is
        another run's record by now.
        """
        from . import yamltext

        path, is_written = self.path(name), False
        while not is_written:
            now = self.content(name)
            if now != content:
                before, by_hand = yamltext.parse(content, path), yamltext.parse(now, path)
                if by_hand.text("id") != before.text("id"):
                    raise NoSuchRun(name)
                fields, content = _merged(before, fields, by_hand), now
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
