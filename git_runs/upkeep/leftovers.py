"""Files that nobody needs any more, left by processes that were killed.

What does not show whose it is counts as left only if it has not been touched for an hour and the process whose number
it carries does not live here: it may be in use on another host.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from functools import cache, partial

from ..code import refs
from ..console.questions import EDITED
from ..errors.base import RunsError
from ..errors.code import NameTaken
from ..errors.records import BadRecord
from ..records import importers, locks
from ..records.importers.importer import Entry, Surroundings
from ..records.record import QUEUED, STARTING, Record, Run, is_name
from ..records.runs_dir import SUFFIX
from ..results import tensorboard
from ..running import queue, slots, spec
from ..sharing.staging import GET
from ..system import processes
from ..system.files import age_of, entries, files_below, prune, remove_all, remove_file, unlink_if
from ..system.git import refstore, worktrees
from .problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..project import Project

HOUR = 3600.0
LAUNCH = 10.0  # seconds that a supervisor may take to read its spec

_TEMPORARY = re.compile(r"(.+)\.(?P<pid>[0-9]+)\.tmp\.lock")
_INDEX_COPY = re.compile(r"runs-(?:snapshot|commit)-(?P<pid>[0-9]+)(\.lock)?")  # code/tree.py
_STAGED = re.compile(r"\..+\.(?P<pid>[0-9]+)")  # running/queue.py
_EMPTY = re.compile(r"runs-empty-(?P<pid>[0-9]+)")  # the same
_BUNDLE = re.compile(r"git-runs-bundle-(?P<pid>[0-9]+)-.+")  # sharing/bundle.py


class Locks:
    """The locks of the records, and the temporary files beside them."""

    def __init__(self, project: Project, idle: float) -> None:
        self.busy: set[str] = set()  # names that somebody may be working at
        self.left: dict[str, dict[str, object]] = {}  # names whose lock is a dead process's, and what it was taken for
        self._strange: list[str] = []  # paths of locks that nobody can be asked about
        self._silent: list[str] = []  # paths of locks that do not say whom to ask
        self._temporary: list[tuple[str, str]] = []  # name and path
        for path in files_below(project.store.records):
            inside = path[len(project.store.records) + 1 :]
            if temporary := _TEMPORARY.fullmatch(inside):
                self._temporary.append((temporary[1].removesuffix(SUFFIX), path))
            elif inside.endswith(SUFFIX + locks.SUFFIX):
                self._sort(inside.removesuffix(SUFFIX + locks.SUFFIX), path, idle)

    def _sort(self, name: str, path: str, idle: float) -> None:
        try:
            content = locks.read(path)
        except FileNotFoundError:
            return
        except OSError:  # nothing that we would make
            self._strange.append(path)
            return
        if locks.is_left(content):
            self.left[name] = locks.purpose(content)
            return
        self.busy.add(name)
        if is_idle(path, idle):
            (self._silent if locks.is_anonymous(content) else self._strange).append(path)

    @property
    def started(self) -> set[str]:
        """The names that are left of starts, as far as their locks say: not of those that had a ref before."""
        return {name for name, purpose in self.left.items() if not {"adopts", "undeletes"} & purpose.keys()}

    def problems(self, project: Project, settled: Iterable[str]) -> Iterator[Problem]:
        """All but the locks of the names that are `settled` otherwise."""
        for name in self.left.keys() - set(settled):
            path = project.store.lock(name)
            yield Problem(
                "lock",
                f"'{path}' was left by a process that has ended",
                run=name,
                path=path,
                repair="removed",
                mend=partial(_break_lock, path, project.store.records),
            )
        for path in self._silent:
            what = f"'{path}' exists since {age_of(path):.0f} s, and does not say who made it"
            mend = partial(_break_silent_lock, path, project.store.records)
            yield Problem("lock", what, path=path, repair="removed", mend=mend)
        for path in self._strange:
            advice = "if no git runs process is using it, remove the file"
            yield Problem("lock", f"'{path}' exists since {age_of(path):.0f} s", path=path, advice=advice)
        for name, path in self._temporary:
            if is_name(name) and name not in self.busy:
                mend = partial(_remove_beside_record, project, name, path)
                yield _left("temporary file", path, mend, run=name)


def _break_lock(path: str, records: str) -> None:
    locks.break_left(path)
    prune(path, records)


def _break_silent_lock(path: str, records: str) -> None:
    unlink_if(path, locks.is_anonymous)
    prune(path, records)


def _remove_beside_record(project: Project, name: str, path: str) -> None:
    """Such files are written only by who holds the lock."""
    with project.store.reserved(name):
        remove_file(path)


def is_idle(path: str, idle: float) -> bool:
    """Whether nobody has touched the file for `idle` seconds."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return time.time() - max(status.st_mtime, status.st_ctime) >= idle


def of_processes(project: Project, git_dirs: Iterable[str], idle: float) -> Iterator[Problem]:
    """Files that carry the number of the process that wrote them."""
    for directory, pattern, kind in (
        (project.store.root, _TEMPORARY, "temporary file"),
        (os.path.join(project.store.root, "environments"), _TEMPORARY, "temporary file"),
        (project.repository.common_dir, _BUNDLE, "directory"),
        *((git_dir, *one) for git_dir in git_dirs for one in ((_INDEX_COPY, "index copy"), (_EMPTY, "directory"))),
    ):
        for entry in entries(directory):
            named = pattern.fullmatch(entry.name)
            if named and is_idle(entry.path, idle) and not processes.identify(int(named["pid"])):
                yield _left(kind, entry.path, partial(remove_all, entry.path))


def boards(project: Project) -> Iterator[Problem]:
    """Directories of links that TensorBoard was shown."""
    for path in tensorboard.left(project.store.root):
        yield _left("directory", path, partial(tensorboard.remove, path))


def specs(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    """Specs, with all the secrets in them, that no supervisor will take."""
    found = {entry.name.removesuffix(".json"): entry for entry in entries(os.path.join(project.store.root, "specs"))}
    owners = {identifier: run for run in runs if (identifier := run.record.text("id")) in found} if found else {}
    for identifier, entry in found.items():
        run = owners.get(identifier)
        if not _is_awaited(entry.path) and not (run and run.record.status in (QUEUED, STARTING)):
            yield _left("spec", entry.path, partial(remove_file, entry.path), run=run.name if run else None)


def gets(project: Project, runs: Iterable[Run], idle: float) -> Iterator[Problem]:
    """What came of outputs of runs that are gone."""
    found = {entry.name: entry.path for entry in entries(os.path.join(project.store.root, GET))}
    known = {run.record.text("id") for run in runs} if found else set()
    for identifier, path in found.items():
        if identifier not in known and is_idle(path, idle):
            yield _left("directory", path, partial(remove_all, path))


def of_queue(project: Project, runs: Iterable[Run], idle: float) -> Iterator[Problem]:
    """Specs of runs that are gone or have ended, in the queue of this host or on their way there; and what a worker
    should have been started with."""
    for path, is_alive in staging(project):
        if not is_alive and is_idle(path, idle):
            yield _left("spec", path, partial(remove_all, path))
    for order in entries(slots.path(project, "waiting")):
        for entry in entries(order.path) if not order.name.startswith(".") else ():
            if entry.name.startswith(".") and is_idle(entry.path, min(idle, LAUNCH)):
                yield _left("spec", entry.path, partial(remove_file, entry.path))
    specs = queue.specs(project)
    owners = {identifier: run for run in runs if (identifier := run.record.text("id")) in specs} if specs else {}
    for identifier, path in specs.items():
        run = owners.get(identifier)
        if not (run and _may_be_taken(run.record)) and _is_left_in_queue(project, run, identifier):
            mend = partial(_remove_from_queue, project, run, identifier, path)
            yield _left("spec", path, mend, run=run.name if run else None)
    for entry in entries(slots.directory(project)):
        if entry.name.startswith("worker-") and not _is_awaited(entry.path):
            yield _left("spec", entry.path, partial(remove_file, entry.path))
        if entry.name.endswith(locks.SUFFIX) and locks.is_unseen(entry.path) and is_idle(entry.path, idle):
            what = f"'{entry.path}' is held by a process that cannot be seen from here"
            yield Problem("lock", what, path=entry.path, advice="if no git runs process is using it, remove the file")


def _may_be_taken(fields: Record) -> bool:
    return queue.may_wait(fields) or fields.is_under_way


def _is_left_in_queue(project: Project, run: Run | None, identifier: str) -> bool:
    """Whether nobody is to take the spec of that run. One that was not there before may just have been queued."""
    with suppress(BadRecord):
        now = project.store.find(run or Run("", Record(id=identifier)))
        return now is None or not _may_be_taken(now.record)
    return False


def _remove_from_queue(project: Project, run: Run | None, identifier: str, path: str) -> None:
    if _is_left_in_queue(project, run, identifier):
        remove_file(path)


def staging(project: Project) -> Iterator[tuple[str, bool]]:
    """Where specs are collected that are to get into the queue together, and whether who does it lives."""
    for entry in entries(slots.path(project, "waiting")):
        if staged := _STAGED.fullmatch(entry.name):
            yield entry.path, processes.identify(int(staged["pid"])) is not None


def is_being_launched(project: Project, run: Run) -> bool:
    """Whether the run has a supervisor although whoever launched it is gone: one that takes its spec while we wait."""
    path = spec.path_of(project.store.root, run.record.text("id"))
    if run.record.text("status") != STARTING or not os.path.lexists(path):
        return False
    while _is_awaited(path):
        time.sleep(0.02)
    return not os.path.lexists(path)


def _is_awaited(path: str) -> bool:
    """Whether a launcher may be about to start the supervisor that takes the spec, or has just done so."""
    with suppress(FileNotFoundError):
        return time.time() - os.lstat(path).st_mtime < LAUNCH and processes.mentions(path)
    return False


def ref_locks(project: Project, left: Iterable[str], idle: float) -> Iterator[Problem]:
    """Locks of run refs, which do not show whose they are; `left` are names whose records' locks do."""
    top = os.path.join(project.repository.common_dir, refs.PREFIX)
    for path in files_below(top):
        name = path[len(top) :].removesuffix(locks.SUFFIX)
        if path.endswith(locks.SUFFIX) and is_name(name) and (name in left or is_idle(path, idle)):
            yield _left("ref lock", path, partial(_remove_beside_record, project, name, path), run=name)


def descriptions(git_dirs: Iterable[str]) -> Iterator[Problem]:
    """Texts that a person wrote and that went into no record: never removed."""
    for git_dir in git_dirs:
        for entry in entries(git_dir):
            if entry.name.startswith(EDITED) and not processes.mentions(entry.path):
                advice = "it is yours: use it with git runs describe, or remove it"
                yield Problem("description", f"'{entry.path}' is in no record", path=entry.path, advice=advice)


# --- outputs and work trees


def outputs(project: Project, names: set[str]) -> Iterator[Problem]:
    """Outputs that are no run's. Symbolic links, and files of other names than a run's, are somebody else's."""
    groups = {group for name in names for group in refs.groups(name)}
    in_databases = cache(lambda: _in_databases(project))
    groups_in_databases = cache(lambda: {group for name in in_databases() for group in refs.groups(name)})
    for kind, top in project.outputs.kinds.items():
        suffix = project.outputs.suffix(kind)
        unseen = [""] if not os.path.islink(top) else []
        while unseen:
            group = unseen.pop()
            for entry in entries(os.path.join(top, group)):
                name = group + entry.name.removesuffix(suffix)
                if name in names and name not in groups and entry.name.endswith(suffix):
                    continue  # what most are, and seen fast
                if entry.is_symlink() or not is_name(name):
                    continue
                if suffix and entry.is_dir():
                    unseen.append(f"{group}{entry.name}/")
                elif name in groups and entry.is_dir():
                    unseen.append(f"{name}/")
                elif name not in names and (entry.name.endswith(suffix) if suffix else entry.is_dir()):
                    if name in groups_in_databases() and entry.is_dir():
                        unseen.append(f"{name}/")
                        continue
                    if _has_only_links(entry.path):
                        continue  # as the move of a group leaves them while its runs go on
                    if database := in_databases().get(name):
                        what = f"'{entry.path}' belongs to a run that only '{database}' has"
                        yield Problem("output", what, path=entry.path, advice="to add it: git runs import")
                        continue
                    yield Problem(
                        "work tree" if kind == "worktrees" else "output",
                        f"'{entry.path}' belongs to no run",
                        path=entry.path,
                        repair="removed",
                        mend=partial(_remove_output, project, name, entry.path),
                        is_output=True,
                    )


def _has_only_links(path: str) -> bool:
    found = [os.path.islink(file) for file in files_below(path)]
    return bool(found) and all(found)


def _in_databases(project: Project) -> dict[str, str]:
    """The runs of databases that tools have left whose outputs may be in the runs dir, by name: in which they are."""
    found: dict[str, str] = {}
    around = Surroundings(project.store.root, project.repository.top, project.repository.common_dir)
    for importer in map(importers.named, ("runs", "lab-notebook")):
        for path in importer.places(around):
            with suppress(RunsError, OSError):
                found |= {one.name: path for one in importer.read(path, around) if isinstance(one, Entry)}
    return found


def _remove_output(project: Project, name: str, path: str) -> None:
    with project.store.reserved(name):
        if project.store.exists(name) or refstore.read(refstore.start_reading(refs.ref(name))):
            raise NameTaken(name, hint="")
        if os.path.lexists(path):
            project.outputs.discard_one(path)
        worktrees.remove(project.repository.common_dir, path)


def work_tree_entries(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    """What git knows of work trees of runs that are not where it thinks."""
    common_dir = project.repository.common_dir
    tops = [os.path.realpath(os.path.join(project.store.root, place)) + os.sep for place in ("worktrees", "trash")]
    gone = {}
    for git_dir, gitfile in worktrees.linked(common_dir):
        place = os.path.dirname(gitfile)
        if place.startswith(tuple(tops)) and not os.path.lexists(place):
            gone[os.path.realpath(git_dir)] = place
    if not gone:
        return
    moved = {_entry_of(place): (name, place) for name, place in _work_trees(project, runs)}
    under_way = {run.name for run in runs if run.record.is_under_way}
    for entry_path, place in gone.items():
        if entry_path in moved:
            name, there = moved[entry_path]
            what, repair = f"git does not know that the work tree '{place}' is now '{there}'", "recorded in git"
            mend = partial(worktrees.repair, common_dir, there)
            yield Problem("work tree", what, path=place, repair=repair, mend=mend, run=name)
        elif place.removeprefix(tops[0]) not in under_way:
            what = f"git has an entry for the work tree '{place}', which is gone"
            mend = partial(_forget_work_tree, common_dir, place)
            yield Problem("work tree", what, path=place, repair="removed", mend=mend)


def _work_trees(project: Project, runs: Iterable[Run]) -> Iterator[tuple[str, str]]:
    """The names of runs, and where their work trees are; of deleted ones, too."""
    yield from ((run.name, project.outputs.worktree(run.name)) for run in runs)
    for deletion in project.trash.deletions():
        if os.path.isdir(deletion.outputs.kinds["worktrees"]):
            yield from ((name, deletion.outputs.worktree(name)) for name in deletion.names())


def _forget_work_tree(common_dir: str, place: str) -> None:
    if not os.path.lexists(place):
        worktrees.remove(common_dir, place)


def _entry_of(place: str) -> str | None:
    """Where git keeps what it knows of the linked work tree at `place`."""
    with suppress(OSError):
        return os.path.realpath(worktrees.git_dir_at(place))
    return None


def _left(kind: str, path: str, mend: partial[None], run: str | None = None) -> Problem:
    return Problem(
        kind, f"'{path}' was left by a process that has ended", run=run, path=path, repair="removed", mend=mend
    )
