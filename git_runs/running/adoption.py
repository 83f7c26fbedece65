"""Runs of which only the ref is here: fetched from another clone, or left where records were lost."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress

from ..code import keeping, refs
from ..console.messages import warn
from ..errors.code import NameTaken
from ..errors.records import BadRecord, NoSuchRun
from ..records import query, record, yamltext
from ..records.history import History
from ..records.record import Record, Run
from ..records.runs_dir import SUFFIX
from ..system.git import discovery, objects
from . import registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..project import Project


def find_all(project: Project, names: Iterable[str]) -> list[Run]:
    """The runs of exactly those names; what has no record is as its ref has it. Raises NoSuchRun or BadRecord."""
    names = list(names)
    try:
        return query.look_up(project.store, names)
    except NoSuchRun:
        return [_find(project, name) for name in names]


def _find(project: Project, name: str) -> Run:
    try:
        return query.look_up(project.store, [name])[0]
    except NoSuchRun:
        tip = refs.tips([name]).get(name)
        if tip is None:
            raise
        return Run(name, _kept_record(project, name, tip) or _record(project, name, tip))


def without_record(project: Project) -> list[str]:
    """The names of the refs whose runs have no record, and are not just being started, moved or deleted."""
    commits = refs.Commits().by_name()
    there = set(project.store.names())
    return [name for name in commits if name not in there and not os.path.lexists(project.store.lock(name))]


def warn_of_refs(project: Project) -> None:
    """Count those refs, and name what makes runs of them again."""
    if os.path.isdir(project.store.records) and (names := without_record(project)):
        count = "1 ref of a run has" if len(names) == 1 else f"{len(names)} refs of runs have"
        warn(f"{count} no record; to make records: git runs adopt --all")


def adopt(project: Project, names: Iterable[str]) -> list[str]:
    """Make records of the runs with those names, from their refs; gives the names of which there is no ref.

    Raises NameTaken where there is a record, and what `registration.adopt` raises.
    """
    names = list(names)
    tips = refs.tips(names)
    kept = set(History(project.repository.common_dir).start_reading().names())
    if project.store.journal:
        kept -= project.store.journal.read()[0]  # those that were deleted
    for name, tip in tips.items():
        if name in kept and _kept_record(project, name, tip):
            bring_back(project, name)
        else:
            registration.adopt(project, name, Record({"id": str(uuid.uuid4()), **_record(project, name, tip)}))
    return [name for name in names if name not in tips]


def bring_back(project: Project, name: str) -> None:
    """Write a record that is gone as git has it, and create its ref where that is gone, too.

    Raises NameTaken where there is a record by now, NoSuchRun where git has none.
    """
    store = project.store
    registration.prepare(project)
    with store.reserved(name, adopts=name):
        if store.exists(name):
            raise NameTaken(name, hint="")
        History(project.repository.common_dir).restore(store, name)
        store.note()
        commit = store.read(name).text("commit")
        if objects.resolve(commit):
            refs.create_missing(project.repository, name, commit)


def _kept_record(project: Project, name: str, tip: refs.Tip) -> Record | None:
    """The record of the run as git has it, if it is that of the ref."""
    content = History(project.repository.common_dir).content(name + SUFFIX)
    if content is not None:
        with suppress(BadRecord):
            fields = yamltext.parse(content, name + SUFFIX)
            return fields if fields.text("commit") == tip.commit else None
    return None


def _record(project: Project, name: str, tip: refs.Tip) -> Record:
    """What is known of a run of which there is a ref."""
    repository = project.repository
    beside = keeping.Beside(tip.commit, repository.common_dir)
    submodules = {}
    for path, commit in beside.repositories.items():
        place = os.path.join(repository.top or repository.common_dir, path)
        there = discovery.common_dir_at(place) or os.path.join(place, ".git")  # the one that it would have
        submodules[path] = {"commit": commit, "repository": there}
    known = {
        "name": name,
        "description": tip.subject,
        "commit": tip.commit,
        "datetime": tip.date,
        "status": record.UNKNOWN,
        "inexact": beside.files or None,
        "bytes": beside.commit,
        "submodules": submodules or None,
    }
    return Record({key: value for key, value in known.items() if value is not None})
