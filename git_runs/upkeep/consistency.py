"""Do records, refs, outputs and processes agree?

What starts, moves or ends while we read is no disagreement. So we read twice: whatever was seen without its owner the
first time, and has none the second time, never had one, since a run's lock comes before its ref, its ref before its
record, and its record before all else. Each repair checks once more, under the lock of the record.

A repair loses nothing. A ref stays, but for the second of the two that an interrupted move leaves. Records get only
what is known: a run whose start was interrupted is one that failed, for no command was run; a ref of which nothing is
known may be the run of another clone, with a record there, so that no other is made up here.
"""

from __future__ import annotations

import os
import time
import uuid
from functools import partial
from shlex import quote

from .. import launchers
from ..code import keeping, refs
from ..code.deleted_refs import PREFIX, Deleted
from ..console import progress
from ..errors.code import CommitMissing, RefGone, RefMoved
from ..errors.records import BadRecord, CacheDamaged
from ..records import record
from ..records import remotes as fetched
from ..records.history import REF, History
from ..records.journal import Journal
from ..records.kept import Listing
from ..records.order import natural_key
from ..records.record import LOST, UNDER_WAY, Record, Run
from ..running import adoption, deletion, lifecycle, queue, spec, submission
from ..sharing import merging
from ..sharing.shared import commit_of, identifier_of, is_identifier, path_of
from ..system import whoami
from ..system.git import objects
from . import jobs, leftovers, remotes
from .leftovers import HOUR, Locks
from .problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from ..project import Project
    from ..records.trash import Deletion

FIELDS = ("id", "name", "commit", "bytes", "submodules", "imported", "host", "status", "process")  # all that is read
PAUSE = 0.1  # seconds between the two readings, for what undoes a start that failed


def check(project: Project, idle: float = HOUR) -> list[Problem]:
    """All disagreements. Files that do not show whose they are count only once nobody has touched them for `idle`
    seconds."""
    cache = list(_cache(project))
    seen = _look(project, idle)
    if not seen:
        return cache
    time.sleep(PAUSE)
    keys = {problem.key for problem in seen}
    about = {name for problem in seen for name in (problem.run, problem.other) if name}
    return cache + [problem for problem in _look(project, idle, among=about) if problem.key in keys]


def _look(project: Project, idle: float, among: Container[str] | None = None) -> list[Problem]:
    """What there is to be seen now; of the records, only those `among` the names are read, if that is given."""
    found = Locks(project, idle)
    refs_there, refs_deleted = refs.Commits(), Deleted()
    kept = History(project.repository.common_dir).start_reading()
    names = set(project.store.names())
    # In the order of the cache, which is the faster way through it.
    runs, bad = _read(project, sorted(name for name in names if among is None or name in among))
    commits = refs_there.by_name()
    deleted = refs_deleted.by_deletion()
    lost = _lost_records(project, names | found.busy, kept)
    moves = _moves(project, found)
    starts = {name: commit for name, commit in commits.items() if name in found.started - lost and name not in names}
    half_deleted = [
        (begun, name)
        for begun, name in deletion.interrupted(project, deleted)
        if name in names and name not in found.busy
    ]
    half_back = list(_half_back(project, found, names))
    unsettled = {name for move in moves for name in move} | {name for _, name in (*half_deleted, *half_back)}
    unsettled.update(lost)
    apart = unsettled | found.busy
    settled_runs = [run for run in runs if run.name not in apart]
    with_submodules = [run for run in runs if "submodules" in run.record]
    places = _git_dirs(project, with_submodules)
    ref_locks = leftovers.ref_locks(project, found.left, idle) if os.path.isdir(project.store.records) else ()
    problems = [
        *ref_locks,  # first: they would be in the way of other repairs
        *bad,
        *_interrupted_moves(project, moves),
        *_interrupted_deletions(project, half_deleted, half_back),
        *_refs_of_lost_trash(project, deleted),
        *(_lost_record(project, name) for name in sorted(lost, key=natural_key)),
        *(_interrupted_start(project, name, commit) for name, commit in starts.items() if name not in apart),
        *_refs_without_record(project, commits, names | apart | starts.keys()),
        *_records_and_refs(project, settled_runs, commits),
        *_submodules(project, (run for run in with_submodules if run.name not in apart)),
        *_lost(project, settled_runs),
        *_never_queued(project, settled_runs),
        *jobs.problems(project, apart),
        *_twins(project, settled_runs, commits),
        *_without_id(project, settled_runs),
        *found.problems(project, settled=[*unsettled, *starts]),
    ]
    names.update(commits, found.busy, unsettled)
    if os.path.isdir(project.store.records):
        problems += [
            *leftovers.of_processes(project, places, idle),
            *leftovers.boards(project),
            *leftovers.specs(project, runs),
            *leftovers.gets(project, runs, idle),
            *leftovers.of_queue(project, runs, idle),
            *jobs.left(project, idle),
            *leftovers.outputs(project, names),
            *leftovers.work_tree_entries(project, runs),
        ]
    return [*problems, *leftovers.descriptions(places), *remotes.problems(project, idle)]


def _half_back(project: Project, found: Locks, names: Container[str]) -> Iterator[tuple[Deletion, str]]:
    """The runs that somebody was bringing back, and which are still in the trash."""
    for name, purpose in found.left.items():
        if "undeletes" in purpose and name not in names:
            for whole in project.trash.deletions():
                if whole.identifier == purpose["undeletes"] and whole.exists(name):
                    yield whole, name


def _read(project: Project, names: Iterable[str]) -> tuple[list[Run], list[Problem]]:
    """The runs, with no more of their records than matters here, since there may be many; and what cannot be read."""
    runs, bad = [], []
    names = list(names)
    for name, found in progress.over(project.store.reader.recall(names, light=True), "Checking runs", len(names)):
        if isinstance(found, BadRecord):
            bad.append(_bad_record(project, name, found))
        elif found:
            runs.append(found.only(FIELDS))
    return runs, bad


def _bad_record(project: Project, name: str, found: BadRecord) -> Problem:
    advice, kept = found.hints[0], History(project.repository.common_dir).last_good(name)
    if kept:
        advice += f", or have it as it was: git show {quote(kept)} >{quote(found.path)}"
    return Problem("bad record", found.message, run=name, path=found.path, advice=advice)


def _cache(project: Project) -> Iterator[Problem]:
    try:
        wrong = project.store.reader.misremembered()
        what = f"the cache differs from the record of run '{wrong[0]}'" if wrong else ""
    except CacheDamaged as error:
        what = error.message
    if what:
        yield Problem("cache", what, repair="removed, to be filled anew", mend=project.store.reader.forget)


def _git_dirs(project: Project, runs: Iterable[Run]) -> list[str]:
    """Where the git commands that we start put files: all work trees of the repository, and the submodules."""
    common_dir = project.repository.common_dir
    linked = os.path.join(common_dir, "worktrees")
    submodules = {repository for run in runs for _, repository, _ in run.record.submodules}
    worktrees = [os.path.join(linked, entry) for entry in (os.listdir(linked) if os.path.isdir(linked) else ())]
    return [common_dir, *worktrees, *submodules]


# --- starts and moves that were interrupted


def _moves(project: Project, found: Locks) -> list[tuple[str, str]]:
    """Old and new names of the runs whose move was interrupted."""
    moves = [(str(purpose["moved_from"]), new) for new, purpose in found.left.items() if "moved_from" in purpose]
    return [(old, new) for old, new in moves if any(map(project.store.exists, (old, new))) and old not in found.busy]


def _interrupted_moves(project: Project, moves: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    for old, new in moves:
        what = f"the move of run '{old}' to '{new}' was interrupted"
        repair = "finished" if project.store.exists(new) else "undone"
        mend = partial(lifecycle.settle_move, project, old, new)
        yield Problem("interrupted move", what, run=new, repair=repair, mend=mend)


def _interrupted_deletions(
    project: Project, half_deleted: Iterable[tuple[Deletion, str]], half_back: Iterable[tuple[Deletion, str]]
) -> Iterator[Problem]:
    for begun, name in half_deleted:
        what = f"the deletion of run '{name}' was interrupted"
        mend = partial(deletion.undo_interrupted, project, begun, name)
        yield Problem("interrupted deletion", what, run=name, repair="undone", mend=mend)
    for whole, name in half_back:
        what = f"run '{name}' was to come back from the trash, and that was interrupted"
        mend = partial(_finish_undelete, project, whole, name)
        yield Problem("interrupted deletion", what, run=name, repair="finished", mend=mend)


def _finish_undelete(project: Project, whole: Deletion, name: str) -> None:
    for error in deletion.settle_undelete(project, whole, [name]).values():
        raise error


def _refs_of_lost_trash(project: Project, deleted: Iterable[str]) -> Iterator[Problem]:
    there = {one.identifier for one in project.trash.deletions()}
    for identifier in set(deleted) - there:
        what = f"{PREFIX}{identifier} keeps the commits of deleted runs, whose files are gone"
        yield Problem("ref of deleted run", what, advice="if nobody needs them: git runs trash empty")


def _interrupted_start(project: Project, name: str, commit: str) -> Problem:
    return Problem(
        "interrupted start",
        f"the start of run '{name}' was interrupted before there was a record",
        run=name,
        repair="recorded as failed",
        mend=partial(_record_interrupted_start, project, name, commit),
    )


def _record_interrupted_start(project: Project, name: str, commit: str) -> None:
    try:
        started = os.stat(project.store.lock(name)).st_mtime
    except FileNotFoundError:
        return  # somebody was faster
    with project.store.reserved(name):
        if refs.commit_of(name) == commit and not project.store.exists(name):
            fields = {
                "id": str(uuid.uuid4()),
                "name": name,
                "commit": commit,
                "datetime": record.timestamp(started),
                "host": whoami.hostname(),
                "status": record.FAILED,
                "error": "the start was interrupted",
            }
            project.store.create(name, Record(fields))


# --- records that are gone


def _lost_records(project: Project, known: Container[str], kept: Listing) -> set[str]:
    """The names of the runs that were not deleted, and whose records only git has."""
    there = {name for name in kept.names() if name not in known and not project.store.exists(name)}
    if not there:
        return there
    deleted = {name for deletion in project.trash.deletions() for name in deletion.names()}
    about_to_go, _ = Journal(project.repository.common_dir, project.store.root).read()
    return there - deleted - about_to_go


def _lost_record(project: Project, name: str) -> Problem:
    what = f"the record of run '{name}' is gone, but kept in {REF}"
    mend = partial(adoption.bring_back, project, name)
    return Problem("lost record", what, run=name, repair="brought back", mend=mend)


# --- refs and records


def _refs_without_record(project: Project, commits: Iterable[str], known: Container[str]) -> Iterator[Problem]:
    for name in commits:
        if name not in known and not project.store.exists(name):
            what = f"{refs.ref(name)} has no record here: it may be a run of another clone"
            advice = f"to record it: git runs adopt {name}; if nobody needs it: git update-ref -d {refs.ref(name)}"
            yield Problem("ref without record", what, run=name, advice=advice)


def _records_and_refs(project: Project, runs: Iterable[Run], commits: dict[str, str]) -> Iterator[Problem]:
    gone = []
    for run in runs:
        name, recorded, commit = run.name, run.record.text("commit"), commits.get(run.name)
        if commit is None:
            gone.append(run)
        elif commit != recorded:
            moved = RefMoved(refs.ref(name), commit, recorded)
            yield Problem("other commit", moved.message, run=name, advice=moved.hints[0])
    known = [run.record.text("commit") for run in gone if objects.is_hash(run.record.text("commit"))]
    not_here = {word.removesuffix("^{commit}") for word in objects.unknown(f"{commit}^{{commit}}" for commit in known)}
    for run in gone:
        commit = run.record.text("commit")
        is_here = objects.is_hash(commit) and commit not in not_here
        error = RefGone(refs.ref(run.name), commit, is_here=is_here, host=run.record.text("host"))
        if is_here:
            mend = partial(_create_ref, project, run)
            yield Problem("no ref", error.message, run=run.name, repair="created there", mend=mend)
        elif not run.record.is_imported:  # of which the commit need not be here
            yield Problem("no ref", error.message, run=run.name, advice=error.hints[0])


def _create_ref(project: Project, run: Run) -> None:
    with project.store.held(run) as fields:
        refs.create_missing(project.repository, run.name, fields.text("commit"))


def _submodules(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    """Commits of submodules that belong to runs, and that nothing there keeps."""
    wanted = [(run, *submodule) for run in runs for submodule in run.record.submodules]
    for repository in {repository for _, _, repository, _ in wanted if os.path.isdir(repository)}:
        commits = refs.Commits(repository).by_name()
        for run, path, place, commit in wanted:
            if place == repository and run.name not in commits and not _is_kept(project, run, path):
                what = f"there is no {refs.ref(run.name)} in the submodule's repository '{repository}'"
                mend = partial(_create_ref_in_submodule, project, run, repository, commit)
                repair = f"created at {commit}"
                yield Problem("no ref", what, run=run.name, path=repository, repair=repair, mend=mend)


def _create_ref_in_submodule(project: Project, run: Run, repository: str, commit: str) -> None:
    with project.store.held(run):
        if objects.resolve(commit, repository) is None:
            raise CommitMissing(run.name, commit)
        refs.create_in_submodule(repository, run.name, commit)


def _is_kept(project: Project, run: Run, path: str) -> bool:
    """Whether the commit of the submodule is not there, but kept with the run."""
    kept = keeping.Kept(
        project.repository.common_dir, run.record.text("commit"), run.record.submodules, run.record.kept
    )
    return not kept.is_here(path) and kept.can_revive(path)


def _twins(project: Project, runs: Iterable[Run], commits: Container[str]) -> Iterator[Problem]:
    """Records that say that they are the same run."""

    def is_original(run: Run) -> tuple[bool, ...]:
        is_called_so = run.record.text("name") == run.name
        return run.name in commits, is_called_so, os.path.lexists(project.outputs.log(run.name))

    firsts: dict[str, Run] = {}
    copies: dict[str, list[Run]] = {}
    for run in runs:
        if (first := firsts.setdefault(run.record.text("id"), run)) is not run:
            copies.setdefault(run.record.text("id"), [first]).append(run)
    copies.pop("", None)
    for same in copies.values():
        original, *others = sorted(same, key=is_original, reverse=True)
        for copy in others:
            what = f"runs '{original.name}' and '{copy.name}' have the same id: one record is a copy"
            repair = f"another id for '{copy.name}'; both stay"
            mend = partial(_give_other_id, project, copy)
            yield Problem("same id", what, run=copy.name, other=original.name, repair=repair, mend=mend)


def _give_other_id(project: Project, copy: Run) -> None:
    with project.store.change(copy) as fields:
        if fields.text("id") == copy.record.text("id"):
            fields["id"] = str(uuid.uuid4())


def _without_id(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    """Runs that cannot be followed from clone to clone."""
    for run in runs:
        identifier = run.record.text("id")
        if not identifier:
            what, mend = f"the record of run '{run.name}' has no id", partial(_give_id, project, run)
            yield Problem("no id", what, run=run.name, repair="given the one that it had, or a new one", mend=mend)
        elif not is_identifier(identifier):
            what = f"'{identifier}', in the record of run '{run.name}', cannot be an id"
            advice = "take the line with 'id' out of its record; then git runs fsck --repair gives it another one"
            yield Problem("no id", what, run=run.name, path=project.store.path(run.name), advice=advice)


def _give_id(project: Project, run: Run) -> None:
    taken = merging.ids(project)
    with project.store.change(run) as fields:
        found = (
            identifier_of(text) for text in _former_records(project, run) if commit_of(text) == fields.text("commit")
        )
        fields["id"] = next((one for one in found if one and one not in taken), str(uuid.uuid4()))


def _former_records(project: Project, run: Run) -> Iterator[bytes]:
    """The texts of records of that name which remotes have, and which were kept here."""
    common_dir = project.repository.common_dir
    for remote in fetched.remotes(common_dir):
        if content := fetched.Fetched(common_dir, remote).content(path_of(run.name)):
            yield content
    for _, content in History(common_dir).versions(run.name):
        yield content


# --- records and processes


def _lost(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    for run in runs:
        recorded = run.record.text("status")
        if recorded not in UNDER_WAY or run.record.status != LOST or queue.waits(project, run.record):
            continue
        if not leftovers.is_being_launched(project, run):
            end = _last_sign_of_life(project, run.name)
            what = f"run '{run.name}' is recorded as {recorded}, and its process is gone"
            repair = f"recorded as lost, ended at {end}" if end else "recorded as lost"
            yield Problem("lost", what, run=run.name, repair=repair, mend=partial(_record_lost, project, run))


def _record_lost(project: Project, run: Run) -> None:
    with project.store.change(run) as fields:
        if fields.status != LOST or queue.waits(project, fields):
            return
        end = _last_sign_of_life(project, fields.text("name"))
        former = fields.end({"status": LOST, **({"finished": end} if end else {})})
    project.outputs.remove_links(*former)


def _never_queued(project: Project, runs: Iterable[Run]) -> Iterator[Problem]:
    """Runs that were to wait, and of which no spec was left where that could be taken."""
    elsewhere = submission.identifiers(project)
    waiting = [run for run in runs if run.record.is_queued and run.record.text("id") not in elsewhere]
    waiting = [run for run in waiting if run.record.is_local or _was_to_be_sent(project, run)]
    if not waiting or any(is_alive for _, is_alive in leftovers.staging(project)):
        return
    specs = queue.specs(project)
    for run in waiting:
        if not _has_spec(project, run.record, specs):
            what = f"run '{run.name}' is recorded as queued, and is not in the queue: its start was interrupted"
            mend = partial(_record_never_queued, project, run)
            yield Problem("interrupted start", what, run=run.name, repair="recorded as failed", mend=mend)


def _was_to_be_sent(project: Project, run: Run) -> bool:
    """Whether another host was to start the run, for this copy of the repository."""
    now = project.store.find(run)
    return (
        now is not None
        and launchers.is_away(now.record)
        and launchers.details_of(now.record).get("tag") == project.tag(now.record)
    )


def _has_spec(project: Project, fields: Record, specs: Container[str]) -> bool:
    identifier = fields.text("id")
    return identifier in specs or os.path.exists(spec.path_of(project.store.root, identifier))


def _record_never_queued(project: Project, run: Run) -> None:
    with project.store.change(run) as fields:
        is_noted = fields.text("id") in submission.identifiers(project)
        if fields.is_queued and not is_noted and not _has_spec(project, fields, queue.specs(project)):
            former = fields.end({"status": record.FAILED, "error": "the start was interrupted"})
            project.outputs.remove_links(*former)


def _last_sign_of_life(project: Project, name: str) -> str | None:
    """When something was written to the run's log for the last time."""
    try:
        return record.timestamp(os.stat(project.outputs.log(name)).st_mtime)
    except OSError:
        return None
