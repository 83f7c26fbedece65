"""What keeps a repository with many runs fast: packed refs, a small cache, and no sessions of runs long ended.

Nothing of it is needed, and all of it is safe beside any other command: refs are packed by git, the cache may go at
any time, and a session is closed only while nobody uses it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice

from ..code import refs
from ..console import progress
from ..errors.launchers import LauncherSilent
from ..errors.records import BadRecord, Locked
from ..errors.system import ToolMissing
from ..errors.upkeep import AlreadyCollecting
from ..records import locks
from ..records.record import OPEN
from ..results import tensorboard
from ..running import deletion, lifecycle
from ..system import programs
from ..system.files import age_of, files_below
from ..system.git import dates, refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..project import Project
    from ..records.record import Run

LOCK = "runs-gc.lock"  # in the git dir that all work trees share


def is_due(project: Project) -> bool:
    """Whether something in the trash has had its time, or there are more loose run refs than `runs.gc-auto` allows and
    git may pack them; never where that is 0."""
    limit = project.settings.gc_auto
    if not limit:
        return False
    if not project.trash.is_free() or project.trash.expired():
        return True
    if not refstore.may_be_packed(project.repository):
        return False
    loose = files_below(os.path.join(project.repository.common_dir, refs.PREFIX))
    return next(islice(loose, limit, None), None) is not None


def start_if_due(project: Project) -> None:
    """Let a process of its own do it, if it is due; whatever keeps it from that matters to nobody."""
    with suppress(OSError):
        if is_due(project):
            programs.detach_module("git_runs.main", "gc", "--auto", "--quiet")


def collect(project: Project) -> None:
    """Do it all; raises AlreadyCollecting where somebody else does it just now, and GitFailed."""
    before = dates.expiry(project.settings.gc_sessions)
    _keep_history(project)
    with _alone(project):
        if refstore.may_be_packed(project.repository):
            refstore.pack()
        project.store.reader.compact()
        if fetched := project.store.everywhere.fetched:
            fetched.compact()
        deletion.forget_expired(project)
        for board in tensorboard.left(project.store.root):
            tensorboard.remove(board)
        _close_sessions(project, before)


def _keep_history(project: Project) -> None:
    if project.settings.history and os.path.isdir(project.store.records):
        from . import history

        common_dir = project.repository.common_dir
        history.keep(common_dir, project.store.root)
        history.shorten(common_dir, dates.expiry(project.settings.history))


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    path = os.path.join(project.repository.common_dir, LOCK)
    with ExitStack() as lock:
        try:
            lock.enter_context(locks.held(path, patience=0.0))
        except Locked:
            raise AlreadyCollecting(path, age_of(path)) from None
        yield


def _close_sessions(project: Project, before: float) -> None:
    names = list(project.store.names())
    found = progress.over(project.store.reader.recall(names), "Reading runs", len(names))
    ended = [
        run.only(lifecycle.FIELDS)
        for _, run in found
        if run and not isinstance(run, BadRecord) and _ended_before(run, before)
    ]
    with suppress(ToolMissing, LauncherSilent):
        lifecycle.close_old_sessions(project, ended)


def _ended_before(run: Run, before: float) -> bool:
    """By its record, and here, so that its session is here, too."""
    end = run.record.moment("finished")
    return run.record.is_local and run.record.text("status") not in OPEN and end is not None and end < before
