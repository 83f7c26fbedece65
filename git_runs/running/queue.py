"""The runs of this repository that wait for their turn on this host.

    <runs dir>/queue/<host>/
        waiting/<order>/<number>-<id>.json    the specs of the runs that were queued together, in their order

A run is queued once its spec is there: those of one call appear together. It has begun once its supervisor has taken
the spec away: of any number that try, one does. So a run whose spec is here has not begun, whatever its record says.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from contextlib import suppress

from .. import launchers
from ..console import progress
from ..console.escape import escape
from ..errors.base import RunsError
from ..errors.records import BadRecord, Locked, NoSuchRun
from ..records import record
from ..records.record import LOST, STARTING, Record, Run
from ..system import processes
from ..system.files import age_of, remove_file, side_by_side, sync_directory
from . import registration, slots
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from ..project import Project
    from ..records.record import Value
    from .launch import Launch

HIGHEST = 10**6  # of priorities; the lowest is its negative
NO_WORKER = "no worker is there"  # why a run waits, where one of the commands that start them helps
LAUNCH = 10.0  # seconds that it may take to launch a run
PAUSE = 0.1  # seconds between two looks at what is there for good, or not at all


def add(project: Project, launches: Sequence[tuple[Launch, Record]], priority: int = 0) -> None:
    """Register the runs of those records, and let them wait for their turn, behind those of the same priority: all of
    them, or none; `slots.start` then has them worked off. Raises what `registration.registered` raises."""
    now = record.timestamp()
    for _, fields in launches:
        fields.pop("process", None)
        fields |= {"status": record.QUEUED, "queued": now, **({"priority": priority} if priority else {})}
    planned = [(fields, launch.spec(project, fields)) for launch, fields in launches]
    waiting = slots.path(project, "waiting")
    order = f"{HIGHEST - priority:07}-{time.time_ns():020}-{uuid.uuid4().hex[:8]}"
    with registration.registered(project, planned, os.path.join(waiting, f".{order}.{os.getpid()}")) as paths:
        os.rename(os.path.dirname(paths[0]), os.path.join(waiting, order))
    with suppress(OSError):  # they wait by now, and no error may say that they do not
        sync_directory(waiting)


# --- those that wait


def specs(project: Project) -> dict[str, str]:
    """The specs of all runs that have not begun, by the `id` of these, in their order."""
    return {slots.identifier_of(path): path for path in slots.waiting(project)}


def may_wait(fields: Record) -> bool:
    """Whether a run with that record has not begun, if its spec is there: it is queued, or who took it died."""
    return fields.is_queued or (fields.text("status") == STARTING and fields.status == LOST)


def waits(project: Project, fields: Record) -> bool:
    """Whether the run waits in the queue of this host."""
    return may_wait(fields) and fields.text("id") in specs(project)


def is_open(project: Project, fields: Record) -> bool:
    """Whether the run has not ended: it goes on, or it waits, here or where its launcher has it wait."""
    return fields.is_open or waits(project, fields)


def reasons(project: Project, before: Iterable[str] | None = None, *, workers_come: bool = False) -> dict[str, str]:
    """Why the runs wait that do, in words, by their `id`, in their order: of all of which the spec is here, unless they
    are given. `workers_come`: they were started just now."""
    is_stopped = slots.is_stopped(project)
    is_served, is_seen = workers_come or slots.are_served(project), workers_come or slots.are_seen(project)
    there = specs(project)
    hindrances = _Hindrances(project)
    found = {}
    for place, identifier in enumerate(there if before is None else before):
        if hindrance := hindrances.of(there.get(identifier)):
            found[identifier] = hindrance
        elif is_stopped:
            found[identifier] = "the queue is stopped"
        elif not is_served:
            found[identifier] = NO_WORKER
        elif not is_seen:
            found[identifier] = "what serves the queue cannot be seen from here: git runs fsck"
        else:
            found[identifier] = f"{place} before it" if place else "it is next"
    return found


def reason_of(fields: Record, reasons: Mapping[str, str]) -> str:
    """Why the run with that record waits, in words: it could not be started, or what the reasons have by its `id`."""
    return escape(fields.text("error")) or reasons.get(fields.text("id"), "")


class _Hindrances:
    """Why runs that wait may never be taken, looked for once for all that were queued together."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, str | None] = {}  # by their directories

    def of(self, path: str | None) -> str | None:
        """That of the run whose spec is there, in words; None: there is none."""
        if path is None:
            return None
        together = os.path.dirname(path)
        if together not in self._known:
            self._known[together] = self._find(path)
        return self._known[together]

    def _find(self, path: str) -> str | None:
        with suppress(OSError):
            try:
                return slots.hindrance(self._project, path, Spec.read(path))
            except slots.BROKEN:
                return "this version of git runs cannot read its spec"
        return None


def has_supervisor(project: Project, run: Run) -> bool:
    """Whether a process lives that is to take the run's spec, or has just taken it, and could not be recorded since
    whoever started it died. What starts one may go on with the same command line, as a server."""
    mark = f"-{run.record.text('id')}.json"
    if processes.mentions(mark, os.path.basename(sys.executable)):
        return True
    return age_of(project.store.path(run.name)) < LAUNCH and processes.mentions(mark)


def withdraw(project: Project, runs: Iterable[Run]) -> list[Run]:
    """Take runs out of the queue, which are `killed` then; gives those of them that did wait there. Raises Locked,
    BadRecord, and what the file system says."""
    waiting = [run for run in runs if may_wait(run.record)]
    there = specs(project) if waiting else {}
    taken: list[Run] = []

    def take_out(run: Run) -> None:
        if _withdraw(project, run, there.get(run.record.text("id"))):
            taken.append(run)

    with progress.of("Taking runs out", len(waiting)) as done:
        side_by_side(take_out, waiting, done.advance)
    return taken


def _withdraw(project: Project, run: Run, path: str | None) -> bool:
    """Whether it did wait: its spec is there, or it never got there, since whoever registered it was killed, or is not
    that far; once it is recorded as killed, nobody takes it."""
    end: dict[str, Value] = {"status": record.KILLED, "finished": record.timestamp()}
    if path:
        return registration.withdraw(project, run, path, may_wait, end)
    is_ours = run.record.is_local and not launchers.is_scheduled(run.record)
    return is_ours and registration.withdraw(project, run, None, lambda fields: fields.is_queued, end)


# --- whose turn it is


class Turn:
    """A run that was taken, and is to be started."""

    def __init__(self, name: str, fields: Record, path: str, launcher: str) -> None:
        self.name = name
        self.identifier = fields.text("id")
        self.fields = fields
        self.path = path  # of its spec
        self.launcher = launcher


def take(project: Project, slot: int, gpus: str, passed_over: Container[str] = ()) -> Turn | None:
    """Take the next run for that slot whose `id` is not among those, to run on those GPUs if there are any: it is
    `starting`, and we answer for it. None where there is none, or others are at those that there are."""
    for path, waiting in slots.takeable(project):
        if waiting.identifier in passed_over:
            continue
        with suppress(NoSuchRun, BadRecord, Locked, FileNotFoundError, PermissionError):
            if turn := _take(project, slot, gpus, path, waiting):
                return turn
    return None


def _take(project: Project, slot: int, gpus: str, path: str, waiting: Spec) -> Turn | None:
    run = Run(waiting.name, Record(id=waiting.identifier))
    try:
        with project.store.change(run) as fields:
            if not os.path.exists(path) or fields.is_under_way:
                return None
            if not may_wait(fields):
                remove_file(path)  # it has ended before it could begin
                return None
            if not fields.is_queued and has_supervisor(project, Run(fields.text("name"), fields)):
                return None
            slots.occupy(project, slot, Run(fields.text("name"), run.record))
            fields |= {"status": STARTING, "process": processes.identify(os.getpid())}
            for key in ("gpus", "error"):
                fields.pop(key, None)
            if gpus:
                fields["gpus"] = gpus
    except NoSuchRun:
        time.sleep(PAUSE)  # it may be on its way to another name
        if project.store.find(run) is None:
            remove_file(path)  # the run was deleted
        raise
    return Turn(fields.text("name"), fields, path, waiting.launcher)


def put_back(project: Project, turn: Turn, error: str) -> None:
    """Let the run wait again, and record why. Raises what `Store.change` raises."""
    with project.store.change(Run(turn.name, turn.fields)) as fields:
        if os.path.exists(turn.path) and (may_wait(fields) or processes.is_us(fields.get("process"))):
            fields |= {"status": record.QUEUED, "error": error}
            for key in ("process", "gpus", "launcher"):
                fields.pop(key, None)


def let_go(project: Project, turn: Turn) -> None:
    """Answer for the run no more, which has begun: where its supervisor died before it could say that it does, the run
    is lost. Where that cannot be written, it shows once we have ended."""
    with suppress(RunsError, OSError), project.store.change(Run(turn.name, turn.fields)) as fields:
        if processes.is_us(fields.get("process")):
            del fields["process"]
