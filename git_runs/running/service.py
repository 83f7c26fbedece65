"""What the git runs of another host may ask of this one: to start a run, how runs stand, to end them, what they print.

A run is named by its id, which the other host has chosen; its name may be another one by now. Nothing that is asked
twice is done twice: whoever starts a run holds <runs dir>/errands.lock meanwhile.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from .. import launchers
from ..code import refs
from ..code.work_tree import WorkTree
from ..errors.base import RunsError
from ..errors.code import NameTaken
from ..errors.commands import NotBegun
from ..errors.launchers import NotHere, NotUnderstood, TakenHere
from ..errors.records import NoEnvironment, NoSuchRun
from ..errors.system import GitFailed
from ..records.record import FIELDS, Record, Run, is_name
from ..system.files import locked
from ..system.git import refstore
from . import lifecycle, queue, registration, slots
from .errand import SENT
from .launch import Launch
from .own_tree import TREE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, BinaryIO

    from ..project import Project

PROTOCOL = 1  # of requests and answers: commands/serve.py
# What of a record holds for this copy of the repository alone.
OWN = ("process", "launcher", "former-names", "launched-as", "submodules", "reproduces", "original", "host", "user")
BREATH = 1.0  # seconds
ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


# --- start


def options(errand: Mapping[str, Any]) -> dict[str, list[str]]:
    """The settings that an errand brings along, as a command line has them."""
    given = errand.get("settings")
    found = given if isinstance(given, dict) else {}
    return {key: [str(text) for text in found[key]] for key in SENT if isinstance(found.get(key), list)}


def start(project: Project, errand: Mapping[str, Any]) -> Run:
    """Start the run, or queue it where new runs are queued here; one that is here already, by its id, is left as it is.
    Gives it as it is then.

    The ref at its commit is here, and no record. Raises TakenHere where another run has the name, NotHere where the
    commit is not here, NotUnderstood, and what keeps a run from being started; then nothing of it is left.
    """
    name, identifier, commit = (str(errand.get(key)) for key in ("name", "id", "commit"))
    refs.validate(name)
    if not re.fullmatch(ID, identifier):
        raise NotUnderstood("the id of a run")
    registration.prepare(project)
    with locked(os.path.join(project.store.root, "errands.lock")):
        if there := project.store.find(Run(name, Record(id=identifier))):
            if there.record.is_elsewhere:  # its record came from a remote
                raise _taken(project, there.name)
            return there
        if project.store.exists(name) or project.store.is_reserved(name):
            raise _taken(project, name)
        if (found := refs.commit_of(name)) != commit:
            raise NotHere(refs.ref(name), is_there=found is not None)
        forget(project, name, commit)  # whoever starts a run creates its ref, or fails
        try:
            return _start(project, _launch_of(project, errand), name, identifier)
        except NameTaken:
            raise _taken(project, name) from None


def _launch_of(project: Project, errand: Mapping[str, Any]) -> Launch:
    """Raises NotUnderstood."""
    given = errand.get("launch")
    own = {
        "environment": WorkTree.environment(),
        "links": project.links if project.repository.top else {},
        "isolate": TREE,
        "top": None,
    }
    try:
        return Launch.from_json({**(given if isinstance(given, dict) else {}), **own})
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(f"what is to be started: {error}") from None


def _start(project: Project, prepared: Launch, name: str, identifier: str) -> Run:
    launcher = launchers.named(project.settings.launcher)
    if launcher.is_here:  # nobody waits for it
        project.settings.launcher = launchers.NAMES[0]
        launcher = launchers.named(project.settings.launcher)
    launcher.check()
    fields = prepared.record(project, name)
    fields["id"] = identifier
    if project.settings.jobs and not launcher.is_scheduler:
        queue.add(project, [(prepared, fields)])
        with suppress(RunsError):  # it waits; why, the queue says
            slots.start(project)
    else:
        prepared.start(project, fields)
    return project.store.find(Run(name, fields)) or Run(name, fields)


def _taken(project: Project, name: str) -> RunsError:
    with suppress(NoSuchRun):
        fields = project.store.read(name)
        return TakenHere(
            name, fields.text("user"), fields.text("host"), fields.text("queued") or fields.text("datetime")
        )
    return TakenHere(name)


def forget(project: Project, name: str, commit: str) -> None:
    """Delete the ref of a run that was sent and has no record, if it is still at that commit; what another process is
    just starting stays."""
    if is_name(name) and re.fullmatch("[0-9a-f]{40,64}", commit):
        with suppress(GitFailed):
            if not project.store.exists(name) and not project.store.is_reserved(name):
                refstore.update([f"delete {refs.ref(name)}", commit])


# --- how runs stand


def find(project: Project, asked: Mapping[str, Any]) -> dict[str, Run]:
    """Those of the runs that are here, by their ids; they are given by these, with the names that they may have."""
    lifecycle.settle(project)
    named = [Run(name if is_name(name := str(given)) else "-", Record(id=one)) for one, given in asked.items()]
    found = filter(None, map(project.store.find, named))
    return {run.record.text("id"): run for run in found if not run.record.is_elsewhere}


def told(project: Project, run: Run) -> dict[str, Any]:
    """What another host gets to know of the run: its `name` and `fields`, with its status as it is seen here."""
    fields = {key: run.record[key] for key in FIELDS if key in run.record and key not in OWN}
    fields["status"] = run.record.status
    fields.pop("environment", None)
    if not queue.is_open(project, run.record):
        with suppress(NoEnvironment):  # it takes long to send, and does not change
            found = project.store.environments.of(run.record)
            fields["environment"] = {**found, **project.store.environments.contents(found)}
    waits = queue.reason_of(run.record, queue.reasons(project)) if run.record.is_queued else ""
    return {"name": run.name, "fields": fields, "waits": waits, "runs-dir": project.outputs.root}


# --- what else is asked of them


def kill(project: Project, runs: Iterable[Run], *, at_once: bool) -> None:
    """Let the runs end: those that wait are taken out, others get a signal, and BREATH to end. Raises what
    `lifecycle.withdraw` raises."""
    left = lifecycle.withdraw(project, [run for run in runs if queue.is_open(project, run.record)])
    for run in left:
        lifecycle.signal(run, at_once=at_once)
    lifecycle.wait(project, left, BREATH)


def copy_log(project: Project, run: Run, target: BinaryIO, *, last: int | None, follows: bool) -> None:
    """What the run has printed, which is nothing where it has not begun; raises NoLog."""
    with suppress(NotBegun):
        lifecycle.copy_log(project, run, target, last=last, follows=follows)
