"""Stop, wait for and move runs: ref, record, outputs and process together, each step with its undo."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import ExitStack, suppress
from math import inf

from .. import launchers
from ..code import isolation, refs
from ..console import progress
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.launchers import LauncherSilent
from ..errors.records import NoSuchRun
from ..errors.running import GoesOnInside, NotStopped, OtherCopy, OtherHost
from ..launchers.launcher import stop_here
from ..records import query
from ..records.record import Record, Run
from ..system import signals
from ..system.files import remove_file
from . import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..console.progress import Progress
    from ..launchers.launcher import Session
    from ..project import Project

# All that is read of a record to stop a run, close its session, and delete it.
FIELDS = ("id", "commit", "submodules", "host", "worktree", "status", "process", "former-names", "launcher")
GRACE = 10.0  # seconds between TERM and KILL
LAUNCH = 10.0  # seconds that it may take to launch a run
AFTER_KILL = 5.0  # seconds that a killed command and its supervisor may take to end
LONGEST_PAUSE = 0.2  # seconds between two reads of the records that are waited for


# --- sessions


def find_session(project: Project, fields: Record) -> Session | None:
    """What its launcher holds of the run, if that still is there; raises ToolMissing and LauncherSilent."""
    return launchers.sessions([fields]).get(project.tag(fields))


def close_old_sessions(project: Project, runs: Iterable[Run]) -> int:
    """Close the sessions of runs that have ended, but for those that somebody uses; gives how many were closed.

    Raises ToolMissing and LauncherSilent.
    """
    runs = list(runs)
    sessions = launchers.sessions(run.record for run in runs)
    kept = [sessions[tag] for run in runs if (tag := project.tag(run.record)) in sessions]
    return sum(session.close_unless_used() for session in kept if not session.is_running)


def close_sessions(project: Project, records: list[Record]) -> None:
    """Close what the launchers of runs that are deleted hold of them; where one does not answer, that stays."""
    try:
        sessions = launchers.sessions(records)
    except LauncherSilent as error:
        warn(f"sessions of deleted runs may be left: {error}")
        return
    for fields in records:
        if session := sessions.get(project.tag(fields)):
            session.close()


# --- stop


def stop(project: Project, runs: list[Run], grace: float = GRACE) -> None:
    """End the runs that go on here: TERM to their process groups, KILL after `grace` seconds; recorded as `killed`.

    Raises, before any is touched, OtherHost, or RunsError for a run of another copy of the repository; and NotStopped
    where a run goes on all the same.
    """
    runs = _launched(project, runs)
    sessions = launchers.sessions(run.record for run in runs)
    for run in runs:
        _check_stoppable(project, run, sessions)
    with progress.of("Stopping runs", len(runs)) as stopped:
        for at_once, seconds in ((False, grace), (True, AFTER_KILL)):
            for run in runs:
                _stop(run, at_once=at_once)
            runs = wait(project, runs, seconds, stopped)
    if runs:
        raise NotStopped([run.name for run in runs])


def _launched(project: Project, runs: list[Run]) -> list[Run]:
    """The runs, once those that are just being started have a supervisor to stop: it is not whoever starts them."""
    deadline = time.monotonic() + LAUNCH
    while any("launcher" not in run.record and run.record.is_under_way and run.record.is_local for run in runs):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
        runs = [now for run in runs if (now := project.store.find(run))]
    return runs


def _check_stoppable(project: Project, run: Run, sessions: Iterable[str]) -> None:
    if not run.record.is_local:
        raise OtherHost(run.name, run.record.text("host"), "stopping", can_be_forced=False)
    identifier, tag = run.record.text("id"), project.tag(run.record)
    tags = [other for other in sessions if other.startswith(identifier + " ")]
    if tags and tag not in tags:
        raise OtherCopy(run.name, tags[0].partition(" ")[2])


def _stop(run: Run, *, at_once: bool) -> None:
    if run.record.is_under_way:
        launcher = launchers.of(run.record)
        stop_it = launcher.stop if launcher else stop_here
        stop_it(run.record["process"], at_once=at_once)


def wait(
    project: Project, runs: Iterable[Run], timeout: float | None = None, ended: Progress | None = None
) -> list[Run]:
    """Wait until the runs have ended, at most `timeout` seconds; those that go on, as they are then.

    `ended` gets to know how many of them have.
    """
    deadline = inf if timeout is None else time.monotonic() + timeout
    pause = 0.01
    waiting = list(runs)
    total = len(waiting) + (ended.value if ended else 0)
    while True:
        found = [project.store.find(run) for run in waiting]
        waiting = [run for run in found if run and run.record.is_under_way]
        if ended:
            ended.reach(total - len(waiting))
        if not waiting or time.monotonic() >= deadline:
            return waiting
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def ending(run: Run | None) -> str:
    """How a run that was waited for has ended, in words; None: it has no record any more."""
    return "deleted meanwhile" if run is None else run.record.ending()


# --- move


def check_local(run: Run, doing: str) -> None:
    """Raises OtherHost for a run of another host, which can be neither seen nor stopped from here."""
    if not run.record.is_local:
        raise OtherHost(run.name, run.record.text("host"), doing)


def move(project: Project, run: Run, new: str, *, force: bool) -> None:
    """Rename the run's ref, record, outputs and session. A run that goes on does so, and ends under its new name.

    Raises InvalidName, NameTaken, NameClash, OutputsInTheWay, and OtherHost unless forced; then nothing has changed.
    """
    refs.validate(new)
    if not force:
        check_local(run, "moving")
    if new in refs.groups(run.name) or run.name in refs.groups(new):
        _move_by_way_of_another_name(project, run, new, force=force)
        return
    refs.Neighbours(new).check(hint="")
    commit = refs.commit_of(run.name)
    if commit is None:
        raise refs.gone(run)
    session = find_session(project, run.record)
    with signals.held():
        _move(project, run, new, commit)
        if session:
            _rename_session(project, run, session, new)


def _move_by_way_of_another_name(project: Project, run: Run, new: str, *, force: bool) -> None:
    """As from g/x to g: neither the refs nor the directories of both could be there for a moment."""
    if run.record.is_under_way:
        raise GoesOnInside(run.name, new)
    between = f"{new.replace('/', '-')}-{uuid.uuid4().hex[:8]}"
    with signals.held():
        move(project, run, between, force=force)
        moved = query.find(project.store, between)
        try:
            move(project, moved, new, force=force)
        except BaseException:
            move(project, moved, run.name, force=force)
            raise


def _move(project: Project, run: Run, new: str, commit: str) -> None:
    old = run.name
    with project.store.moving(run, new), ExitStack() as undo:
        refs.create(new, commit)
        undo.callback(refs.delete, [new])
        for _, repository, inner in run.record.submodules:
            if refs.create_in_submodule(repository, new, inner):
                undo.callback(refs.delete_in_submodule, repository, new, inner)
        launch.remove_stale_links(project, new, mover=old)
        goes_on = run.record.is_under_way
        project.outputs.move(old, new, keep_links=goes_on)
        undo.callback(_move_outputs_back, project, new, old)
        former = [name for name in (*run.record.former_names, old) if name != new]
        project.store.rename(run, new, former if goes_on else None)
        undo.pop_all()
        _leave_old_name(run, new)
    _repair_work_tree(project, run, new)
    now = project.store.find(run)
    if now and now.record.former_names and not now.record.is_under_way:  # it has ended meanwhile
        with project.store.change(run) as fields:
            former = fields.end({})
        project.outputs.remove_links(*former)


def settle_move(project: Project, old: str, new: str) -> None:
    """Bring the move of a run that was interrupted to its end if the record has its new name, else undo it.

    Of the two refs the one goes that the run does not have; it goes only while both are at the same commit.
    """
    store = project.store
    with store.reserved(new, moved_from=old), store.reserved(old):
        records = {name: store.read(name) for name in (old, new) if store.exists(name)}
        if not records or len({fields.text("id") for fields in records.values()}) > 1:
            return
        name, other = (new, old) if new in records else (old, new)
        run = Run(name, records[name])
        if other in records:
            remove_file(store.path(other))
        if name == old:
            project.outputs.undo_move(old, new)
        if refs.commit_of(name) == refs.commit_of(other):
            _forget_refs(run, other)
    _repair_work_tree(project, run, name)


def _forget_refs(run: Run, name: str) -> None:
    """The run is not called so any more."""
    refs.delete([name])
    for _, repository, inner in run.record.submodules:
        refs.delete_in_submodule(repository, name, inner)


def _leave_old_name(run: Run, new: str) -> None:
    """The run has its new name, whether this succeeds or not."""
    try:
        _forget_refs(run, run.name)
    except (RunsError, OSError) as error:
        warn(f"run '{run.name}' is now '{new}', but {refs.ref(run.name)} is still there: {error}")


def _rename_session(project: Project, run: Run, session: Session, new: str) -> None:
    details = session.rename(new)
    name = launchers.name_of(run.record)
    with suppress(NoSuchRun), project.store.change(run) as fields:
        fields["launcher"] = {name: details}


def _repair_work_tree(project: Project, run: Run, new: str) -> None:
    path = project.outputs.worktree(new)
    if "worktree" in run.record:
        with project.store.change(run) as fields:
            fields["worktree"] = path
    if os.path.isdir(path) and not project.outputs.is_behind_link(path):
        try:
            isolation.repair(path, project.repository.common_dir, run.record.submodules)
        except RunsError as error:  # the run has its new name all the same
            warn(f"git does not know that the work tree is now '{path}': {error}")


def _move_outputs_back(project: Project, new: str, old: str) -> None:
    project.outputs.remove_links(old)
    project.outputs.move(new, old, keep_links=False)
