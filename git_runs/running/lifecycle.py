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
from ..errors.commands import NoLog, NotBegun
from ..errors.launchers import LauncherSilent
from ..errors.records import LeadsOut, NoSuchRun
from ..errors.running import GoesOnInside, NotStopped, OtherCopy, OtherHost
from ..launchers.launcher import stop_here
from ..records import logs, query
from ..records.record import Record, Run
from ..system import signals
from ..system.files import remove_file
from . import queue, registration, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from ..console.progress import Progress
    from ..launchers.launcher import Session
    from ..project import Project

# All that is read of a record to stop a run, close its session, and delete it.
FIELDS = ("id", "commit", "imported", "submodules", "host", "worktree", "status", "process", "former-names", "launcher")
GRACE = 10.0  # seconds between TERM and KILL
AFTER_KILL = 5.0  # seconds that a killed command and its supervisor may take to end
SHORT_PAUSE, LONGEST_PAUSE = 0.05, 0.2  # seconds between two reads of the records that are waited for
BREATH = 10  # how many times as long as the reading takes, where there are so many that it takes long


# --- sessions


def find_session(project: Project, fields: Record) -> Session | None:
    """What its launcher holds of the run, if that still is there; raises ToolMissing and LauncherSilent."""
    return launchers.sessions(filter(_may_have_session, [fields])).get(project.tag(fields))


def _may_have_session(fields: Record) -> bool:
    """Whether there is something to ask its launcher: a job is gone with its run."""
    return fields.is_open or not launchers.is_scheduled(fields)


def close_old_sessions(project: Project, runs: Iterable[Run]) -> int:
    """Close the sessions of runs that have ended, but for those that somebody uses; gives how many were closed.

    Raises ToolMissing and LauncherSilent.
    """
    runs = list(runs)
    sessions = launchers.sessions(filter(_may_have_session, (run.record for run in runs)))
    kept = [sessions[tag] for run in runs if (tag := project.tag(run.record)) in sessions]
    return sum(session.close_unless_used() for session in kept if not session.is_running)


def close_sessions(project: Project, records: list[Record]) -> None:
    """Close what the launchers of runs that are deleted hold of them; where one does not answer, that stays."""
    try:
        sessions = launchers.sessions(filter(_may_have_session, records))
        for fields in records:
            if session := sessions.get(project.tag(fields)):
                session.close()
    except LauncherSilent as error:
        warn(f"sessions of deleted runs may be left: {error}")


# --- stop


def stop(project: Project, runs: list[Run], grace: float = GRACE) -> None:
    """End the runs that go on here: TERM to their process groups, KILL after `grace` seconds; recorded as `killed`, as
    those are that wait in the queue, which are taken out.

    Raises, before any that goes on is touched, OtherHost, or RunsError for a run of another copy of the repository; and
    NotStopped where a run goes on all the same.
    """
    for run in runs:
        _check_host(run)
    runs = _launched(project, withdraw(project, runs))
    sessions = launchers.sessions(run.record for run in runs)
    for run in runs:
        _check_stoppable(project, run, sessions)
    with progress.of("Stopping runs", len(runs)) as stopped:
        for at_once, seconds in ((False, grace), (True, AFTER_KILL)):
            for run in runs:
                signal(run, at_once=at_once)
            if project.has_jobs:
                from . import settling

                settling.ask_anew(project)
            runs = wait(project, runs, seconds, stopped)
    if runs:
        raise NotStopped([run.name for run in runs])


def withdraw(project: Project, runs: list[Run]) -> list[Run]:
    """Take those of the runs out that wait, which are `killed` then; gives the others, as they are now. Raises Locked,
    BadRecord, and what the file system says."""
    withdrawn = queue.withdraw(project, runs)
    if project.has_jobs:
        from . import settling

        withdrawn += settling.withdraw(project, runs)
        settling.let_end(project, runs)
    if taken_out := {run.record.text("id") for run in withdrawn}:
        left = [run for run in runs if run.record.text("id") not in taken_out]
        runs = [now for run in left if (now := project.store.find(run))]
    return runs


def _launched(project: Project, runs: list[Run]) -> list[Run]:
    """The runs, once those that are just being started have a supervisor to stop: it is not whoever starts them."""
    deadline = time.monotonic() + queue.LAUNCH
    while any("launcher" not in run.record and run.record.is_under_way and run.record.is_local for run in runs):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
        runs = [now for run in runs if (now := project.store.find(run))]
    return runs


def _check_host(run: Run) -> None:
    if not is_reached(run):
        host, is_elsewhere = run.record.text("host"), run.record.is_elsewhere
        raise OtherHost(run.name, host, "stopping", can_be_forced=False, is_elsewhere=is_elsewhere)


def _check_stoppable(project: Project, run: Run, sessions: Iterable[str]) -> None:
    identifier, tag = run.record.text("id"), project.tag(run.record)
    tags = [other for other in sessions if other.startswith(identifier + " ")]
    if tags and tag not in tags:
        raise OtherCopy(run.name, tags[0].partition(" ")[2])


def signal(run: Run, *, at_once: bool) -> None:
    """Let the run end, if it goes on: SIGTERM to all its processes, or SIGKILL."""
    launcher = launchers.of(run.record)
    if launcher and launcher.is_scheduler and run.record.is_open:
        launcher.stop(launchers.details_of(run.record), run.record.get("process") or {}, at_once=at_once)
    elif launcher and run.record.is_under_way:
        launcher.stop(launchers.details_of(run.record), run.record["process"], at_once=at_once)
    elif run.record.is_under_way:
        stop_here(run.record["process"], at_once=at_once)


def wait(
    project: Project, runs: Iterable[Run], timeout: float | None = None, ended: Progress | None = None
) -> list[Run]:
    """Wait until the runs have ended, at most `timeout` seconds; those that go on or wait, as they are then.
    Where runs wait in the queue, it is seen to meanwhile.

    `ended` gets to know how many of them have.
    """
    deadline = inf if timeout is None else time.monotonic() + timeout
    pause = 0.01
    waiting = list(runs)
    total = len(waiting) + (ended.value if ended else 0)
    tending = slots.Tending(project)
    while True:
        start = time.monotonic()
        found = [project.store.find(run) for run in waiting]
        waiting = [run for run in found if run and queue.is_open(project, run.record)]
        if any(run.record.is_queued for run in waiting):
            tending.look()
        settle(project)
        if ended:
            ended.reach(total - len(waiting))
        if not waiting or time.monotonic() >= deadline:
            return waiting
        time.sleep(pause)
        pause = min(pause * 1.5, max(LONGEST_PAUSE, BREATH * (time.monotonic() - start - pause)))


def settle(project: Project) -> None:
    """For whoever waits, and as often as they like: let the records say what only schedulers know."""
    if project.has_jobs:
        from . import settling

        settling.settle_again(project)


def wait_for_start(project: Project, run: Run) -> Run | None:
    """Wait until the run has left the queue; the run as it is then, None where it was deleted."""
    tending = slots.Tending(project)
    while (now := project.store.find(run)) and _has_not_left(project, now.record):
        settle(project)
        tending.look()
        time.sleep(SHORT_PAUSE)
    return now


def _has_not_left(project: Project, fields: Record) -> bool:
    if launchers.is_scheduled(fields):
        return fields.is_queued
    return queue.is_open(project, fields) and "launcher" not in fields


def ending(run: Run | None) -> str:
    """How a run that was waited for has ended, in words; None: it has no record any more."""
    return "deleted meanwhile" if run is None else run.record.ending()


# --- what a run prints


def copy_log(project: Project, run: Run, target: BinaryIO, *, last: int | None, follows: bool) -> None:
    """Copy what the run has printed, or the `last` lines of that, and then, if that `follows`, what it prints until it
    ends. Raises NoLog, NotBegun and OutputsElsewhere."""

    if launchers.is_away(run.record) and not run.record.is_elsewhere and not _is_fetched(project, run):
        details = launchers.details_of(run.record)
        launchers.scheduler_of(run.record).copy_log(details, target, last=last, follows=follows)
        return

    def goes_on() -> bool:
        settle(project)
        now = project.store.find(run)
        return now is not None and queue.is_open(project, now.record)

    try:
        log = project.outputs.open_log(run.name)
    except FileNotFoundError:
        if not run.record.is_local:
            raise query.outputs_elsewhere(project.store, run) from None
        raise NoLog(run.name) from None
    with log:
        logs.copy(log, target, run.record, last=last, goes_on=goes_on if follows else None)
        if not log.tell():
            _check_has_begun(project, run)


def _check_has_begun(project: Project, run: Run) -> None:
    settle(project)
    now = project.store.find(run)
    if now and not now.record.has_begun:
        raise NotBegun(now.name, None if now.record.is_queued else now.record.ending())


def _is_fetched(project: Project, run: Run) -> bool:
    """Whether the log of a run that has ended elsewhere is here."""
    with suppress(OSError, LeadsOut), project.outputs.open_log(run.name) as log:
        return not run.record.is_open and bool(log.read(1))
    return False


# --- move


def is_reached(run: Run) -> bool:
    """Whether the run can be stopped from here: it is one of this host, or of a scheduler, and of no other clone."""
    return run.record.is_local or (launchers.is_scheduled(run.record) and not run.record.is_elsewhere)


def check_local(run: Run, doing: str) -> None:
    """Raises OtherHost for a run of another host, which can be neither seen nor stopped from here, and may use what is
    here all the same; one of another clone, or of another tool, uses nothing of this one."""
    if not is_reached(run) and not (run.record.is_elsewhere or run.record.is_imported):
        raise OtherHost(run.name, run.record.text("host"), doing)


def move(project: Project, run: Run, new: str, *, force: bool, stamp: str | None = None) -> None:
    """Rename the run's ref, record, outputs and session. A run that goes on does so, and ends under its new name; one
    that waits begins under it. `stamp` says who renames it, and when, by default we, now.

    Raises InvalidName, NameTaken, NameClash, OutputsInTheWay, and OtherHost unless forced; then nothing has changed.
    """
    refs.validate(new)
    if not force:
        check_local(run, "moving")
    if new in refs.groups(run.name) or run.name in refs.groups(new):
        _move_by_way_of_another_name(project, run, new, force=force, stamp=stamp)
        return
    refs.Neighbours(new).check(hint="")
    commit = refs.commit_of(run.name)
    if commit is None and not refs.needing_none([run]):
        raise refs.gone(run)
    session = find_session(project, run.record)
    with signals.held():
        _move(project, run, new, commit, stamp)
        if session:
            _rename_session(project, run, session, new)


def _move_by_way_of_another_name(project: Project, run: Run, new: str, *, force: bool, stamp: str | None) -> None:
    """As from g/x to g: neither the refs nor the directories of both could be there for a moment."""
    if queue.is_open(project, run.record):
        raise GoesOnInside(run.name, new)
    between = f"{new.replace('/', '-')}-{uuid.uuid4().hex[:8]}"
    # Where somebody else has renamed it, that is to be the last time that anybody did.
    earlier = run.record.name_stamp if stamp else None
    with signals.held():
        move(project, run, between, force=force, stamp=earlier)
        moved = query.find(project.store, between)
        try:
            move(project, moved, new, force=force, stamp=stamp)
        except BaseException:
            move(project, moved, run.name, force=force)
            raise


def _move(project: Project, run: Run, new: str, commit: str | None, stamp: str | None) -> None:
    old = run.name
    with project.store.moving(run, new), ExitStack() as undo:
        if commit is not None:
            refs.create(new, commit)
            undo.callback(refs.delete, [new])
        for _, repository, inner in run.record.submodules:
            if refs.create_in_submodule(repository, new, inner):
                undo.callback(refs.delete_in_submodule, repository, new, inner)
        registration.remove_stale_links(project, new, mover=old)
        goes_on = not run.record.is_elsewhere and queue.is_open(project, run.record)
        project.outputs.move(old, new, keep_links=goes_on)
        undo.callback(_move_outputs_back, project, new, old)
        former = [name for name in (*run.record.former_names, old) if name != new]
        worktree = project.outputs.worktree(new) if _has_work_tree(run.record) else None
        project.store.rename(run, new, former if goes_on else None, worktree, stamp)
        undo.pop_all()
        _leave_old_name(run, new)
    _repair_work_tree(project, run, new)
    now = project.store.find(run)
    if not now or now.record.is_elsewhere:
        return
    if now.record.former_names and not queue.is_open(project, now.record):  # it has ended meanwhile
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
    if _has_work_tree(run.record):
        with project.store.change(run) as fields:
            fields["worktree"] = project.outputs.worktree(name)
    _repair_work_tree(project, run, name)


def _has_work_tree(fields: Record) -> bool:
    """Whether it has one of its own here."""
    return fields.is_isolated and not fields.is_elsewhere and not launchers.is_away(fields)


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
    if os.path.isdir(path) and not project.outputs.is_behind_link(path):
        try:
            isolation.repair(path, project.repository.common_dir, run.record.submodules)
        except RunsError as error:  # the run has its new name all the same
            warn(f"git does not know that the work tree is now '{path}': {error}")


def _move_outputs_back(project: Project, new: str, old: str) -> None:
    project.outputs.remove_links(old)
    project.outputs.move(new, old, keep_links=False)
