"""The runs dir of a repository, and the files of the records in it.

    <runs dir>/
        .gitignore                     "*": the directory ignores itself
        .git/                          an empty repository: git passes by, see system/git/guard.py
        records/<name>.yml             the database: one file a run
        records/<name>.yml.lock        while the record is changed: who changes it, see store.py
        environments/                  what runs found where they ran, see environments.py
        elsewhere/<id>                 there is one for each run that another clone has, and that was adopted here
        cache-<number>.sqlite          what the records say, for reading them faster, see cache.py; may be deleted

What the runs put out lies in the same directory, see outputs.py, and what was deleted for a while, see trash.py; what
TensorBoard is shown, see results/tensorboard.py.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import cached_property

from ..errors.records import BadRecord, NoSuchRun
from ..system import programs
from ..system.files import entries, paths_below, write_whole
from . import locks
from .record import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from .environments import Environments
    from .record import Record

SUFFIX = ".yml"
ELSEWHERE = "elsewhere"
IGNORE_ALL = "*\n"


class RunsDir:
    """One runs dir."""

    def __init__(self, root: str) -> None:
        self.root = root  # absolute
        self.records = os.path.join(root, "records")  # the directory

    @cached_property
    def environments(self) -> Environments:
        """What the runs found where they ran."""
        from .environments import Environments

        return Environments(self.root)

    @cached_property
    def elsewhere(self) -> Container[str]:
        """The ids of the runs with a record here that another clone has, whatever their hosts."""
        return {entry.name for entry in entries(os.path.join(self.root, ELSEWHERE))}

    def put_elsewhere(self, identifier: str) -> None:
        """Note, before there is a record, that another clone has the run of that id, which is one: how it goes on there
        is never to be written here."""
        path = os.path.join(self.root, ELSEWHERE, identifier)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, "")
        self.__dict__.pop("elsewhere", None)

    def is_foreign(self) -> bool:
        """Whether the runs dir is a directory that holds other things, and no runs so far."""
        if os.path.isdir(self.records) or not os.path.isdir(self.root):
            return False
        return bool(set(os.listdir(self.root)) - {".gitignore", ".git"})

    def prepare(self, permissions: int | None) -> None:
        """Make the runs dir, ignored by git, where it is not there, for those whom the permissions of a file name, or
        whom the umask leaves."""
        if not os.path.isdir(self.root):
            os.makedirs(self.root, exist_ok=True)
            if permissions is not None:
                os.chmod(self.root, for_directories(permissions))
        if not os.listdir(self.root):
            self._write_gitignore()
        os.makedirs(self.records, exist_ok=True)

    def ignore_itself(self) -> None:
        """Write the `.gitignore` of a runs dir that has lost it."""
        if os.path.isdir(self.records):
            self._write_gitignore()

    def _write_gitignore(self) -> None:
        with suppress(FileExistsError), open(os.path.join(self.root, ".gitignore"), "x") as file:
            file.write(IGNORE_ALL)

    def ignores_itself(self) -> bool:
        """Whether git ignores the runs dir because of our own .gitignore."""
        with suppress(OSError), open(os.path.join(self.root, ".gitignore")) as file:
            return file.read() == IGNORE_ALL
        return False

    def path(self, name: str) -> str:
        """Where the run's record is; raises NoSuchRun for what cannot be a name, and so never leads elsewhere."""
        path = os.path.join(self.records, name + SUFFIX)
        if not is_name(name) or ("/" in name and self._leads_out(os.path.dirname(path))):
            raise NoSuchRun(name)
        return path

    def lock(self, name: str) -> str:
        """Where the lock of the run's record is while somebody holds it."""
        return self.path(name) + locks.SUFFIX

    def _leads_out(self, group: str) -> bool:
        """Whether there is a symbolic link among the directories below that of the records."""
        while group != self.records:
            if os.path.islink(group):
                return True
            group = os.path.dirname(group)
        return False

    def exists(self, name: str) -> bool:
        """Whether there is a record of that name."""
        with suppress(NoSuchRun):
            return os.path.lexists(self.path(name))
        return False

    def move_record(self, other: RunsDir, name: str) -> None:
        """Rename the run's record into another runs dir on the same disk; raises OSError."""
        target = other.path(name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(self.path(name), target)

    def names(self) -> Iterator[str]:
        """The names of all runs, in no order."""
        return names_of(paths_below(self.records))

    def directly_in(self, group: str) -> tuple[list[str], list[str]]:
        """The names of the runs, and those of the groups, each with "/" at its end, that lie directly in a group, which
        is written so, too; "" stands for the top. Nothing else of the records is listed."""
        directory = os.path.join(self.records, group)
        if group and (not is_name(group.rstrip("/")) or self._leads_out(directory.rstrip("/"))):
            return [], []
        runs, groups = [], []
        for entry in entries(directory):
            if entry.is_dir(follow_symlinks=False):
                groups.append(f"{group}{entry.name}/")
            else:
                runs.append(group + entry.name)
        return list(names_of(runs)), [one for one in groups if is_name(one[:-1])]

    def read(self, name: str) -> Record:
        """The run's record; raises NoSuchRun or BadRecord."""
        return self.parsed(name)[0]

    def parsed(self, name: str) -> tuple[Record, bytes]:
        """The run's record, and what is in its file; raises NoSuchRun or BadRecord."""
        from . import yamltext

        content = self.content(name)
        fields = yamltext.parse(content, self.path(name))
        fields.is_elsewhere = fields.text("id") in self.elsewhere
        return fields, content

    def text(self, name: str) -> str:
        """The record as it stands in its file; raises NoSuchRun or BadRecord."""
        return self.content(name).decode(errors="surrogateescape")

    def content(self, name: str) -> bytes:
        """What is in the record's file; raises NoSuchRun or BadRecord."""
        path = self.path(name)
        try:
            # A pipe would make us wait for whoever writes into it.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise BadRecord(path, 1, "it is no file that could hold one")
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NoSuchRun(name) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise BadRecord(path, 1, "it is a symbolic link, and may lead anywhere") from None
            raise BadRecord(path, 1, error.strerror or str(error)) from None


def share(permissions: int | None) -> int:
    """Let those whom the permissions of a file name use what we make, too, but not what programs make that we start.

    Gives the umask of before.
    """
    umask = os.umask(0o077)
    ours = umask & ~for_directories(permissions or 0)
    os.umask(ours)
    if ours != umask:
        programs.child_umask = umask
    return umask


def for_directories(permissions: int) -> int:
    """The permissions of a directory whose files have those: who may read may enter, and the group stays the same below
    it, as in a repository with core.sharedRepository: git-config(1)."""
    return permissions | (permissions & 0o444) >> 2 | (0o2000 if permissions & 0o060 else 0)


def names_of(files: Iterable[str]) -> Iterator[str]:
    """The names of the runs whose records are among the files."""
    for file in files:
        if file.endswith(SUFFIX) and is_name(name := file[: -len(SUFFIX)]):
            yield name
