"""Delete runs, and have them back: ref, record, outputs and work tree together, each step with its undo.

What is deleted lies in the trash, see records/trash.py, and its commit at a ref there, see code/deleted_refs.py. The
refs change places first, all in one transaction; then the outputs of each run move, and its record last. So a run whose
record is here and whose ref is there is one whose deletion was interrupted; the other way round, one whose way back
was.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress

from .. import launchers
from ..code import deleted_refs, isolation, refs
from ..code.deleted_refs import Deleted
from ..console import progress
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.code import NameClash, NameTaken
from ..errors.launchers import LauncherSilent
from ..errors.records import NOW, BadRecord, CannotKeep, Locked
from ..errors.running import OtherRepository
from ..errors.system import GitFailed, RefLocked
from ..records import locks
from ..records.record import Run
from ..system import signals
from ..system.files import remove_file
from . import lifecycle, queue, registration, spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from ..project import Project
    from ..records.outputs import Outputs
    from ..records.trash import Deletion


# --- delete


def delete(project: Project, runs: list[Run], *, force: bool, days: int | None = None) -> list[Run]:
    """Stop the runs and put their refs, outputs and records into the trash for so many days, by default those of
    `runs.trash-days`, or delete them for good where that is 0; gives those that were deleted.

    A run whose name was given to another one meanwhile is not. Of more than `runs.gc-auto` runs the files that are
    deleted for good are removed by `git runs gc`. Raises OtherHost or OtherRepository, before any is touched, unless
    forced, NotStopped, and CannotKeep.
    """
    commits = _whole_again(project, [run.name for run in runs])
    if not force:
        known = commits.keys() | refs.needing_none(run for run in runs if run.name not in commits)
        for run in runs:
            lifecycle.check_local(run, "deleting")
            if run.name not in known and not _is_half_deleted(project, run):
                raise OtherRepository(run.name, refs.ref(run.name))
    _stop(project, [run for run in runs if lifecycle.is_reached(run) and queue.is_open(project, run.record)], force)
    lifecycle.close_sessions(project, [run.record for run in runs])
    with project.store.removal(runs) as held:
        if held:
            days = project.settings.trash_days if days is None else days
            is_kept = _deleting(project, held, commits, days) if days else _deleting_for_good(project, held, commits)
            with is_kept as put_away:
                for run in progress.over(held, "Deleting runs", len(held)):
                    _delete_one(project, run, put_away)
    project.outputs.prune(run.name for run in held)
    limit = project.settings.gc_auto
    if not limit or len(held) <= limit:
        project.trash.free()
    return held


@contextmanager
def replacing(project: Project, runs: list[Run], *, force: bool) -> Iterator[None]:
    """Delete runs whose names are given to others in the `with` block; where that raises, they are back, unless the
    names are taken by then. Raises what `delete` raises."""
    days = project.settings.trash_days
    held = delete(project, runs, force=force, days=days or 1)
    deletion = _deletion_of(project, held[0]) if held else None
    names = [run.name for run in held]
    try:
        yield
    except BaseException:
        if deletion:
            _bring_back(project, deletion, names)
        raise
    if deletion and not days:
        forget(project, deletion, names)


def _bring_back(project: Project, deletion: Deletion, names: list[str]) -> None:
    """What fails hides no error that led there."""
    try:
        failed = list(undelete(project, deletion, names).values())
    except RunsError as error:
        failed = [error]
    for why in failed:
        warn(f"what was to be replaced stays in the trash: {why}")


def _deletion_of(project: Project, run: Run) -> Deletion | None:
    """The one that has just taken the run."""
    for deletion in project.trash.deletions():
        with suppress(BadRecord):
            if deletion.exists(run.name) and deletion.read(run.name).get("id") == run.record.get("id"):
                return deletion
    return None


def _stop(project: Project, runs: list[Run], force: bool) -> None:
    """Raises what `lifecycle.stop` raises; where that is forced, a run of a host that cannot be asked goes on there."""
    apart = [run for run in runs if force and launchers.is_away(run.record)]
    lifecycle.stop(project, [run for run in runs if run not in apart])
    for run in apart:
        try:
            lifecycle.stop(project, [run])
        except LauncherSilent as error:
            warn(f"run '{run.name}' may go on {launchers.place_of(run.record)}: {error}")


def left_elsewhere(runs: Iterable[Run]) -> Iterator[str]:
    """How what other hosts keep of runs that were deleted here can be deleted there: a command for each host."""
    by_launcher: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if launchers.is_away(run.record) and run.record.has_begun:
            by_launcher.setdefault(launchers.name_of(run.record) or "", []).append(launchers.details_of(run.record))
    for name, details in by_launcher.items():
        yield launchers.named_scheduler(name).deletion(details)


def described(project: Project, run: Run) -> str:
    """The run in a list of those that are to be deleted: its name, and what goes with it."""
    remarks = [run.record.status] if run.record.is_open else []
    if os.path.isdir(project.outputs.worktree(run.name)):
        remarks.append("with its work tree and all that is in it")
    return f"{run.name} ({', '.join(remarks)})" if remarks else run.name


def _delete_one(project: Project, run: Run, put_away: Callable[[Run], None]) -> None:
    with signals.held():
        remove_file(spec.path_of(project.store.root, run.record.text("id")))
        project.outputs.remove_links(*run.record.former_names)
        put_away(run)
    for path in project.outputs.outside(run.name):
        warn(f"left '{path}': a symbolic link leads there, out of the runs dir")


def _whole_again(project: Project, names: list[str]) -> dict[str, str]:
    """What the runs' refs point at, after deletions of them that were interrupted have been undone."""
    commits = refs.commits_of(names)
    if missing := set(names) - commits.keys():
        for deletion, name in list(interrupted(project, Deleted().by_deletion())):
            if name in missing:
                undo_interrupted(project, deletion, name)
        commits |= refs.commits_of(missing)
    return commits


def _is_half_deleted(project: Project, run: Run) -> bool:
    """Whether somebody was killed while they deleted it."""
    with suppress(OSError):
        content = locks.read(project.store.lock(run.name))
        return locks.is_left(content) and "deletion" in locks.purpose(content)
    return False


@contextmanager
def _deleting(
    project: Project, runs: list[Run], commits: Mapping[str, str], days: int
) -> Iterator[Callable[[Run], None]]:
    """Move the refs of the runs to the trash, and give what moves the rest of one there, its record last. What still
    has a record where the `with` block is interrupted gets its ref back."""
    with signals.held():
        deletion = project.trash.begin(days)
        try:
            _move_refs(deletion, {run.name: commits.get(run.name) for run in runs})
            try:
                with signals.allowed():
                    yield lambda run: _put_into_trash(project, run, deletion)
            except BaseException:
                with _warning_of_refs():
                    deleted_refs.from_trash(deletion.identifier, _of_those_here(project, runs, commits))
                raise
        finally:
            with suppress(OSError):
                os.rmdir(deletion.root)
            project.trash.prune()


def _move_refs(deletion: Deletion, commits: Mapping[str, str | None]) -> None:
    try:
        deleted_refs.to_trash(deletion.identifier, commits)
    except RefLocked:
        raise
    except GitFailed as error:  # the disk is full, say
        raise GitFailed(error.message, NOW) from None


def _put_into_trash(project: Project, run: Run, deletion: Deletion) -> None:
    name = run.name
    try:
        with ExitStack() as undo:
            for _, repository, commit in run.record.submodules:
                place = (repository, deletion.identifier, name)
                deleted_refs.to_trash_in_submodule(*place, commit)
                undo.callback(deleted_refs.from_trash_in_submodule, *place, commit)
            project.outputs.move_to(deletion.outputs, name)
            undo.callback(deletion.outputs.move_to, project.outputs, name)
            project.store.move_record(deletion, name)
            undo.pop_all()
    except OSError as error:
        raise CannotKeep(error.filename or deletion.root, error.strerror or str(error)) from None
    with suppress(RunsError):  # it is kept, whether git knows where or not
        _repair_work_tree(project, run, deletion.outputs.worktree(name))


def _of_those_here(project: Project, runs: list[Run], commits: Mapping[str, str]) -> dict[str, str]:
    """The commits of those of the runs that still have a record."""
    return {run.name: commits[run.name] for run in runs if run.name in commits and project.store.exists(run.name)}


@contextmanager
def _warning_of_refs() -> Iterator[None]:
    """What fails in the `with` block, in which refs are created again, hides no error that led there."""
    try:
        yield
    except RunsError as error:
        warn(f"not all refs of the runs that are still there could be created again: {error}")


def _repair_work_tree(project: Project, run: Run, place: str) -> None:
    """Let git know that the work tree of the run is at `place` now; raises GitFailed."""
    if run.record.is_isolated and os.path.isdir(place):
        isolation.repair(place, project.repository.common_dir, run.record.submodules)


# --- delete for good


@contextmanager
def _deleting_for_good(
    project: Project, runs: list[Run], commits: Mapping[str, str]
) -> Iterator[Callable[[Run], None]]:
    """Delete the refs of the runs, all or none, and give what deletes the rest of one, its record last. What still has
    a record where the `with` block is interrupted gets its ref back."""
    with signals.held():
        refs.delete([run.name for run in runs])
        try:
            with signals.allowed():
                yield lambda run: _delete_files(project, run)
        except BaseException:
            with _warning_of_refs():
                refs.create_all(_of_those_here(project, runs, commits))
                for run in runs:
                    for _, repository, commit in run.record.submodules if project.store.exists(run.name) else ():
                        refs.create_in_submodule(repository, run.name, commit)
            raise


def _delete_files(project: Project, run: Run) -> None:
    _remove_work_tree(project, run, project.outputs)
    for _, repository, commit in run.record.submodules:
        refs.delete_in_submodule(repository, run.name, commit)
    for path in project.outputs.inside(run.name):
        project.trash.discard(path)
    project.trash.discard(project.store.path(run.name))


def _remove_work_tree(project: Project, run: Run, outputs: Outputs) -> None:
    place = outputs.worktree(run.name)
    if run.record.is_isolated and not outputs.is_behind_link(place):
        isolation.remove(place, project.repository.common_dir, run.record.submodules)


# --- have it back


def undelete(project: Project, deletion: Deletion, names: list[str]) -> dict[str, RunsError]:
    """Bring back runs that were deleted, all of each; gives what keeps those that stay in the trash: NameTaken,
    NameClash, OutputsInTheWay, BadRecord, or what the file system says. Raises GitFailed."""
    failed = _in_the_way(project, deletion, names)
    return failed | settle_undelete(project, deletion, [name for name in names if name not in failed])


def _in_the_way(project: Project, deletion: Deletion, names: list[str]) -> dict[str, RunsError]:
    """What has the names by now; a ref at the commit of a run that is to come back is its own."""
    taken = refs.Commits().by_name()
    there = {*taken, *project.store.names()}
    groups_taken = {group: name for name in there for group in refs.groups(name)}
    found: dict[str, RunsError] = {}
    for name in names:
        clash = groups_taken.get(name) or next((group for group in refs.groups(name) if group in there), None)
        is_other = name in taken and taken[name] != _commit_of(deletion, name)
        if is_other or project.store.exists(name):
            found[name] = NameTaken(name, f"to free the name: git runs move {name} <new>")
        elif clash:
            found[name] = NameClash(name, clash)
    return found


def _commit_of(deletion: Deletion, name: str) -> str:
    with suppress(BadRecord):
        return deletion.read(name).text("commit")
    return ""


def settle_undelete(project: Project, deletion: Deletion, names: list[str]) -> dict[str, RunsError]:
    """The same, or the rest of it where it was interrupted: the refs of the runs may be here."""
    store, identifier = project.store, deletion.identifier
    commits = deleted_refs.commits_of(identifier)
    failed: dict[str, RunsError] = {}
    store.prepare(project.settings.shared)
    with signals.held(), ExitStack() as reserved:
        for name in names:
            reserved.enter_context(store.reserved(name, undeletes=identifier))
        here = refs.commits_of(names)
        deleted_refs.from_trash(identifier, {name: commits[name] for name in names if name in commits.keys() - here})
        deleted_refs.forget(identifier, commits.keys() & here)
        try:
            with signals.allowed():
                for name in progress.over(names, "Bringing runs back", len(names)):
                    try:
                        with signals.held():
                            _bring_files_back(project, deletion, name)
                    except RunsError as error:
                        failed[name] = error
                    except OSError as error:
                        failed[name] = RunsError(f"run '{name}' stays in the trash: {error}")
        finally:
            left = {name: commits[name] for name in names if name in commits.keys() - here and not store.exists(name)}
            if left:
                deleted_refs.to_trash(identifier, left)
    for name in names:
        deletion.prune(name)
    return failed


def _bring_files_back(project: Project, deletion: Deletion, name: str) -> None:
    """All that is left of the run in the trash, its record last."""
    if project.store.exists(name):
        raise NameTaken(name, hint="")
    run = Run(name, deletion.read(name))
    with ExitStack() as undo:
        for _, repository, commit in run.record.submodules:
            if os.path.isdir(repository):
                place = (repository, deletion.identifier, name)
                deleted_refs.from_trash_in_submodule(*place, commit)
                undo.callback(deleted_refs.to_trash_in_submodule, *place, commit)
        registration.remove_stale_links(project, name)
        deletion.outputs.move_to(project.outputs, name)
        undo.callback(project.outputs.move_to, deletion.outputs, name)
        project.store.bring_back(deletion, name)
        undo.pop_all()
    project.store.note()
    try:
        _repair_work_tree(project, run, project.outputs.worktree(name))
    except RunsError as error:
        warn(f"git does not know that the work tree of run '{name}' is back: {error}")


def undo_interrupted(project: Project, deletion: Deletion, name: str) -> None:
    """Make a run whole again whose deletion was interrupted: its record is still here."""
    with project.store.reserved(name), signals.held():
        if not project.store.exists(name):
            return
        run = Run(name, project.store.read(name))
        commit = deleted_refs.commits_of(deletion.identifier).get(name)
        deletion.outputs.move_to(project.outputs, name)
        for _, repository, inner in run.record.submodules:
            if os.path.isdir(repository):
                deleted_refs.from_trash_in_submodule(repository, deletion.identifier, name, inner)
        if commit and refs.commit_of(name) is None:
            deleted_refs.from_trash(deletion.identifier, {name: commit})
        elif commit:
            deleted_refs.forget(deletion.identifier, [name])
        project.store.note()
    deletion.prune(name)
    _repair_work_tree(project, run, project.outputs.worktree(name))


def interrupted(project: Project, deleted: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Deletion, str]]:
    """Deletions of runs, and the names, of which a part is in the trash and the record is not; `deleted` are the
    commits there."""
    for deletion in project.trash.deletions():
        for name in _begun(deletion, deleted.get(deletion.identifier, {})):
            yield deletion, name


def _begun(deletion: Deletion, commits: Iterable[str]) -> set[str]:
    """The names of the runs of which a part is in that deletion, and the record is not; `commits` are there by name."""
    return {*commits, *deletion.outputs.names_of_logs()} - {*deletion.names()}


# --- empty the trash


def forget_expired(project: Project) -> None:
    """Delete for good what has been in the trash for as long as was promised."""
    for deletion in project.trash.expired():
        forget(project, deletion, list(deletion.names()))
    project.trash.free()


def forget(project: Project, deletion: Deletion, names: list[str]) -> list[str]:
    """Delete those runs of the deletion for good; gives their names, without those that somebody else is at.

    What was interrupted is settled first: parts of it belong to a run that is here.
    """
    for name in _begun(deletion, deleted_refs.commits_of(deletion.identifier)):
        if not project.store.is_reserved(name):
            undo_interrupted(project, deletion, name)
    commits = deleted_refs.commits_of(deletion.identifier)
    with ExitStack() as reserved, signals.held():
        held = [name for name in names if _hold(project, name, reserved) and deletion.exists(name)]
        for name in held:
            _forget_elsewhere(project, deletion, name)
        deleted_refs.forget(deletion.identifier, [name for name in held if name in commits])
        others = {*deletion.names(), *_begun(deletion, commits)} - {*held}
        is_needed = any(map(deletion.exists, others)) or any(map(project.store.exists, others))
        if not is_needed and (held or deletion.has_expired()):
            project.trash.discard(deletion.root)
        else:
            for name in held:
                _forget_files(project, deletion, name)
    return held


def _hold(project: Project, name: str, held: ExitStack) -> bool:
    """Take the lock of the name, which another run may have by now, unless somebody has it for long, or brings the run
    back: where that was interrupted, fsck brings it to its end."""
    with suppress(OSError):
        if "undeletes" in locks.purpose(locks.read(project.store.lock(name))):
            return False
    try:
        held.enter_context(project.store.reserved(name))
    except Locked:
        return False
    return True


def _forget_files(project: Project, deletion: Deletion, name: str) -> None:
    for path in deletion.outputs.inside(name):
        project.trash.discard(path)
    project.trash.discard(deletion.path(name))
    deletion.prune(name)


def forget_lost(project: Project) -> None:
    """Let go of the commits of deleted runs whose files somebody else has removed."""
    there = {deletion.identifier for deletion in project.trash.deletions()}
    for identifier, commits in Deleted().by_deletion().items():
        if identifier not in there:
            deleted_refs.forget(identifier, commits)


def _forget_elsewhere(project: Project, deletion: Deletion, name: str) -> None:
    """What a deleted run has outside of the trash: git's entry for its work tree, and refs in submodules."""
    with suppress(RunsError):  # a record that cannot be read, say
        if os.path.isdir(deletion.outputs.worktree(name)) or b"submodules:" in deletion.content(name):
            run = Run(name, deletion.read(name))
            _remove_work_tree(project, run, deletion.outputs)
            for _, repository, _ in run.record.submodules:
                deleted_refs.forget_in_submodule(repository, deletion.identifier, name)
