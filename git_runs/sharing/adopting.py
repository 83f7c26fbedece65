"""Make runs of remotes runs of here, too: with the same id, by which they are followed. Each stays the run of the clone
that started it: how it goes on is not to be seen from here, and comes from there alone."""

from __future__ import annotations

import os
from contextlib import suppress

from ..code import refs
from ..errors.records import NoSuchRun, OutputsInTheWay
from ..errors.sharing import AlreadyHere, InTrash, NotShareable
from ..records.record import Record
from ..running import registration
from ..system import signals
from . import commits, merging
from .remote import Remote
from .shared import Shared, identifier_of, is_identifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..project import Project
    from ..records.record import Run


def adopt(project: Project, run: Run, name: str) -> None:
    """Add the run of a remote under that name: its commit, record, and what it found where it ran; all, or nothing.

    Raises InvalidName, NameTaken, NameClash, OutputsInTheWay, AlreadyHere, InTrash, NotShareable, and what
    `commits.bring` and `registration.adopt` raise.
    """
    refs.validate(name)
    there = Remote(project, run.remote or "")
    identifier = run.record.text("id")
    if not is_identifier(identifier):
        raise NotShareable(run.name, "its record has no id")
    with there.alone():  # so that nobody adopts it under another name meanwhile
        # What it is now is what both sides have had last, once all others are merged, too.
        for error in merging.merge_all(there).failed:
            raise error
        if identifier in (here := merging.ids(project)):
            raise AlreadyHere(run.name, here[identifier])
        _check_trash(project, run, identifier)
        refs.Neighbours(name).check(hint="")
        commits.bring(project, run)
        registration.prepare(project)
        for path in filter(os.path.lexists, project.outputs.inside(name)):
            raise OutputsInTheWay(name, path)
        fields = _record(run, name)
        with signals.held():
            project.store.put_elsewhere(identifier)
            merging.restore_environments(project, Shared(there.git_dir, there.tips()[0]), [fields])
            registration.adopt(project, name, fields)
        there.track({run.own_name: fields.text("commit")})


def _check_trash(project: Project, run: Run, identifier: str) -> None:
    """Raises InTrash: adopted, the run would be another clone's, and, had back as well, here twice."""
    for deletion in project.trash.deletions():
        for name in deletion.names():
            with suppress(NoSuchRun, OSError):
                if identifier_of(deletion.content(name)) == identifier:
                    raise InTrash(run.name, name, deletion.identifier)


def _record(run: Run, name: str) -> Record:
    """What its record is here: the same, but for the name."""
    fields = Record(run.record)
    fields.is_elsewhere = True
    fields["name"] = name
    if name != run.own_name:
        fields["launched-as"] = fields.text("launched-as") or run.own_name
        fields.mark_edited("name")
    return fields
