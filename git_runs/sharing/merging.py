"""Merge what a remote has of the runs that are here into their records.

Runs are followed by their `id`, whatever they are called here and there. A run that is only there stays there. Where a
run was deleted there, what is here of it goes into the trash, as `git runs delete` has it; but one that ran here, with
outputs that are nowhere else, or that goes on, stays. What is simply gone there was not deleted.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from itertools import count

from ..console import progress
from ..errors.base import RunsError
from ..errors.code import NameTaken
from ..errors.records import NoSuchRun
from ..records import record
from ..records.kept import ENVIRONMENTS
from ..records.order import in_order
from ..records.record import Record, Run
from ..system.files import files_below, write_whole
from ..system.git import objects
from . import merge
from .shared import DELETED, Change, Shared, identifier_of, name_of, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ..project import Project
    from .remote import Remote


class Report:
    """What a merge has changed here."""

    def __init__(self, there: Shared) -> None:
        self.there = there  # the records of the remote that were merged
        self.merged: list[str] = []  # the names of runs whose records have changed
        self.renamed: list[tuple[str, str]] = []  # old and new name
        self.deleted: list[tuple[str, Record]] = []  # with their tombstones
        self.kept: list[tuple[str, Record]] = []  # the same of those that were deleted there, and stay here
        self.lost: list[tuple[str, str, str]] = []  # name, field, and whose edit is the later one
        self.failed: list[RunsError] = []
        self.is_settled = True  # else something was sent by somebody who was ended, and was not there by then


def merge_all(remote: Remote) -> Report:
    """Merge what has changed on the remote, as it was seen last, since it was last merged. Raises GitFailed."""
    tip, synced, sent = remote.state()
    report = Report(now := Shared(remote.git_dir, tip))
    if sent:
        report.is_settled = tip is not None and _settle(remote, sent, synced, tip)
        synced = sent if report.is_settled else synced
    if tip is None or tip == synced:
        return report
    before = Shared(remote.git_dir, synced)
    now.check_layout(remote.name)
    changes = now.changes_since(before)
    if changes and (here := ids(remote.project)):
        merger = _Merger(remote.project, now, here, report)
        merger.merge(changes)
        taken = {name_of(change.path) for change in changes if change.now is not None}
        remote.track({**dict.fromkeys(merger.former - taken), **merger.shared})
    if not report.failed:
        remote.set_refs(synced=tip)
    return report


def catch_up(remote: Remote, names: Collection[str]) -> Report:
    """Merge what was merged last of the remote into the records of those runs, which were not here then. Raises
    GitFailed."""
    there = Shared(remote.git_dir, remote.tips()[1])
    report = Report(there)
    here = {identifier: name for identifier, name in ids(remote.project).items() if name in names}
    places = there.paths()
    contents = there.contents(places[one] for one in here.keys() & places.keys())
    # What both had last is not known: so nothing that is there, or here, counts as replaced by who saw it.
    changes = [Change(path, None, content) for path, content in contents.items()]
    _Merger(remote.project, there, here, report).merge(changes)
    return report


def _settle(remote: Remote, sent: str, before: str | None, tip: str) -> bool:
    """Note that the remote has what was sent on top of the records before, where whoever sent it was ended too early
    for that: else our own edits would be taken for those of others. Whether the remote has it."""
    if objects.parents(sent, remote.git_dir) != ([before] if before else []) or not objects.is_in(sent, tip):
        return False
    there = Shared(remote.git_dir, sent)
    changes = [one for one in there.changes_since(Shared(remote.git_dir, before)) if not one.path.startswith(DELETED)]
    records = {name_of(one.path): parse(one.now, one.path) for one in changes}
    remote.track({name: fields.text("commit") if fields else None for name, fields in records.items()})
    remote.set_refs(synced=sent, pushed=sent, outbox=None)
    return True


def remove_deleted(remote: Remote, report: Report) -> None:
    """Put the runs that were deleted on the remote, as it was seen last, into the trash here; those stay of which
    something is only here. Raises GitFailed."""
    project = remote.project
    there = Shared(remote.git_dir, remote.tips()[0])
    stones = there.tombstones()
    here = ids(project) if stones else {}
    stones = {identifier: stones[identifier] for identifier in stones.keys() & here.keys()}
    records = there.records(stones.values())
    for identifier, path in stones.items():
        run = project.store.find(Run(here[identifier], Record(id=identifier)))
        if (
            run
            and path in records
            and merge.is_deleted(merge.merge(None, run.record, records[path], now=time.time()).record)
        ):
            _remove(project, run, records[path], report)


def _remove(project: Project, run: Run, tombstone: Record, report: Report) -> None:
    from ..running import deletion

    if _is_needed(project, run) or not project.settings.trash_days:
        report.kept.append((run.name, tombstone))
        return
    with project.store.change(run) as fields:  # so that an undelete is later than the deletion, whatever the clocks say
        fields |= {"edited": merge.merge(None, fields, tombstone, now=time.time()).record.edits}
    deletion.delete(project, [run], force=True)
    report.deleted.append((run.name, tombstone))


def _is_needed(project: Project, run: Run) -> bool:
    """Whether it goes on here, or has put out anything here."""
    from ..running import queue

    if queue.is_open(project, run.record):
        return True
    paths = project.outputs.inside(run.name)
    return any(os.path.getsize(path) if os.path.isfile(path) else any(files_below(path)) for path in paths)


def ids(project: Project) -> dict[str, str]:
    """The names of the runs here, by their ids."""
    found = project.store.reader.recall(list(project.store.names()), light=True)
    return {run.record.text("id"): name for name, run in found if isinstance(run, Run)}


class _Merger:
    def __init__(self, project: Project, now: Shared, here: Mapping[str, str], report: Report) -> None:
        self._project = project
        self._now = now
        self._here = here
        self._report = report
        self.shared: dict[str, str] = {}  # the commits of those that were merged, by their names there
        self.former: set[str] = set()  # the names that some of them had there
        # By the names that they have here so far; with the records as merged, which have the names that they get.
        self._renamed: dict[str, tuple[Run, Record]] = {}

    def merge(self, changes: Sequence[Change]) -> None:
        """Merge those of the changes that are in runs here."""
        bases = {identifier_of(change.before): change for change in changes}
        ours = [change for change in changes if self._identifier(change) in self._here]
        for change in progress.over(ours, "Merging runs", len(ours)):
            identifier = self._identifier(change)
            with self._noting():
                self._merge(identifier, bases.get(identifier), change)
        targets = {name: merged.text("name") for name, (_, merged) in self._renamed.items()}
        waiting = {name for name, target in targets.items() if target != name}
        for name in in_order(targets, targets):
            waiting.discard(name)
            with self._noting():
                if targets[name] in waiting:  # they change names with each other
                    self._put_aside(targets[name])
                if rename(self._project, *self._renamed[name]):
                    self._report.renamed.append((name, targets[name]))

    def _put_aside(self, name: str) -> None:
        """Give the run of that name one that is free, for a moment. It is stamped as older than any other: whoever is
        interrupted here goes on with the name that the run is to have."""
        from ..running import lifecycle

        run, merged = self._renamed[name]
        if (now := self._project.store.find(run)) and now.name == name:
            free = next(f"{name}-{number}" for number in count(2) if not self._project.store.exists(f"{name}-{number}"))
            stamp = now.record.name_stamp
            lifecycle.move(self._project, now, free, force=True, stamp=stamp)
            self._renamed[name] = Run(free, run.record), merged

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What keeps one run in the `with` block from being merged is noted in the report."""
        try:
            yield
        except NoSuchRun:
            pass  # deleted just now
        except (RunsError, OSError) as error:
            self._report.failed.append(error if isinstance(error, RunsError) else RunsError(str(error)))

    @staticmethod
    def _identifier(change: Change) -> str:
        """Of the run that the remote now has so; "" where it has none."""
        return "" if change.path.startswith(DELETED) else identifier_of(change.now)

    def _merge(self, identifier: str, before: Change | None, change: Change) -> None:
        run = Run(self._here[identifier], Record(id=identifier))
        theirs = parse(change.now, change.path)
        if theirs is None or theirs.text("id") != identifier:
            return  # what others have spoilt there changes nothing here
        base = parse(before.before, before.path) if before else None
        merged, is_changed = merge_into(self._project, run, base, theirs)
        if is_changed:
            self._report.merged.append(run.name)
        self.shared[name_of(change.path)] = merged.record.text("commit")
        if before and before.path != change.path and not before.path.startswith(DELETED):
            self.former.add(name_of(before.path))
        for field in merged.lost:
            whose = str(merged.record.edits.get(field) or "").partition(" ")[2]
            self._report.lost.append((run.name, field, whose))
        restore_environments(self._project, self._now, [merged.record])
        self._renamed[run.name] = run, merged.record


def combine(base: Record | None, fields: Record, theirs: Record, written: float | None) -> merge.Merged:
    """What becomes of our record by theirs. Of a run that ran here they can change what people edit, no more; of one
    that ran elsewhere, only they say how it went, unless we have heard more of that by another way: another remote.
    `written`: when its file was, in seconds since the epoch; what a person has edited there is no younger."""
    ours = merge.stamped(base, fields, record.edit_stamp(written))
    if fields.is_elsewhere and not merge.is_further(ours, theirs, time.time()):
        own = {key: value for key, value in ours.items() if key not in merge.HOW_IT_WENT}
        ours = Record({**own, **{key: theirs[key] for key in merge.HOW_IT_WENT & theirs.keys()}})
    elif not fields.is_elsewhere:
        theirs = merge.edits_of(theirs, ours)
        base = base and merge.edits_of(base, ours)
    return merge.merge(base, ours, theirs, now=time.time())


def merge_into(project: Project, run: Run, base: Record | None, theirs: Record) -> tuple[merge.Merged, bool]:
    """Merge that into the record here, but for its name, which `rename` changes; whether anything is another one now.
    Raises NoSuchRun, BadRecord and Locked."""
    with project.store.change(run) as fields:
        merged = combine(base, fields, theirs, written_at(project, run))
        here = not_renamed(merged.record, fields)
        is_changed = not merge.same(here, fields)
        fields.clear()
        fields |= here
    return merged, is_changed


def written_at(project: Project, run: Run) -> float | None:
    """When the file of its record was, in seconds since the epoch; None where it is called otherwise by now."""
    with suppress(OSError):
        return os.stat(project.store.path(run.name)).st_mtime
    return None


def not_renamed(merged: Record, fields: Record) -> Record:
    """The merged record with the name that it has here so far, and the stamp of that."""
    if merged.get("name") == fields.get("name"):
        return merged
    edited = {key: stamp for key, stamp in merged.edits.items() if key != "name"}
    edited |= {key: stamp for key, stamp in fields.edits.items() if key == "name"}
    here = Record({**merged, "name": fields.get("name"), "edited": edited})
    if not edited:
        del here["edited"]
    return here


def rename(project: Project, run: Run, merged: Record) -> str | None:
    """Give the run here the name of the merged record; the name that it had, None where that is the same, or somebody
    has given it another one since. Raises what `lifecycle.move` raises."""
    from ..running import lifecycle

    new, now = merged.text("name"), project.store.find(run)
    if now is None or not new or now.name == new or now.name != run.name:
        return None
    try:
        lifecycle.move(project, now, new, force=True, stamp=str(merged.edits.get("name") or "") or None)
    except NameTaken:
        hint = f"'{now.name}' is called so elsewhere; rename the one of here: git runs move {new} <new>"
        raise NameTaken(new, hint) from None
    return now.name


def restore_environments(project: Project, there: Shared, records: Iterable[Record]) -> None:
    """Write what the runs found where they ran, as far as it is there and not here."""
    environments = project.store.environments
    for fields in records:
        with suppress(OSError):
            for place in environments.files_of(fields.text("environment")):
                path = ENVIRONMENTS + os.path.basename(place)
                if not os.path.lexists(place) and (content := there.contents([path]).get(path)) is not None:
                    os.makedirs(environments.directory, exist_ok=True)
                    write_whole(place, content)


def who(stamp: object) -> str:
    """Who edited or deleted something, and when, for a message: " by ann@box on 2026-11-28"; "" where nobody knows."""
    moment, _, whose = str(stamp or "").partition(" ")
    return (f" by {whose}" if whose else "") + (f" on {moment[:10]}" if record.seconds(moment) else "")


def who_deleted(tombstone: Record) -> str:
    """The same of who deleted a run."""
    return who(tombstone.edits.get("deleted") or tombstone.text("deleted"))
