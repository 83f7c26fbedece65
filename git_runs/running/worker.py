"""Serves one slot of the queue of this host: takes the run whose turn it is, starts it, waits for its end, and so on
until none waits. See slots.py for what it goes by.

It may be killed at any moment. Before it takes a run, nothing has happened to that. Once the run is recorded as
`starting`, its spec still lies in the queue, and who finds that we are dead, and no supervisor there, takes it anew.
Once there is a supervisor, the run goes on by itself, and the next worker of the slot, which knows of it from the
slot's file, waits for its end first.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress

from .. import launchers
from ..errors.base import RunsError
from ..errors.records import BadRecord, Locked
from ..records import locks, query
from ..records.record import STARTING, Run
from ..system import processes
from . import background, launch, lifecycle, queue, registration, slots, spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ..project import Project

PATIENCE = 10.0  # seconds to wait for another worker that takes a run
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 2.0  # seconds between two looks whether a run may be taken, or has ended
AFTER_FAILURE = 1.0  # seconds to wait where a run could not be started
TRIES = 3  # to start a run, after which others have their turn
LONG = 60.0  # seconds after which a run that could not be started is tried again


def main() -> int:
    """Serve the slot that `background.start` was given."""
    return background.serve(lambda here, given: serve(here, int(given["slot"])))


def serve(here: Project, slot: int) -> None:
    """Until no run waits that it could take, or somebody else serves the slot."""
    if here.store.journal:
        here.store.journal.is_left_to_others = True  # to the supervisors
    while _is_needed(here, slot):  # looked at again without the lock, whose holder others rely upon
        with ExitStack() as lock:
            try:
                lock.enter_context(locks.held(slots.lock(here, slot), patience=0.0))
            except Locked:
                return
            _serve(here, slot)


def _is_needed(here: Project, slot: int) -> bool:
    """Whether there is something to do in that slot."""
    now = slots.read(here) or slots.Slots(1)
    if slot >= now.jobs or slots.is_stopped(here):
        return False
    return next(slots.takeable(here), None) is not None


def _serve(here: Project, slot: int) -> None:
    _wait_for_occupant(here, slot)
    failures = _Failures()
    pause = SHORTEST_PAUSE
    while _is_needed(here, slot):
        slots.revive(here)
        turn = _next(here, slot, failures.passed_over)
        if turn is None:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        pause = SHORTEST_PAUSE
        if not _run(here, slot, turn):
            failures.add(turn.identifier)
            time.sleep(AFTER_FAILURE)


class _Failures:
    """Runs that could not be started: after TRIES each is passed over for a while, and then tried again."""

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter()
        self._ends: dict[str, float] = {}  # until when they are passed over, as time.monotonic has it

    def add(self, identifier: str) -> None:
        """The run with that `id` could not be started."""
        self._tries[identifier] += 1
        if self._tries[identifier] >= TRIES:
            self._ends[identifier] = time.monotonic() + LONG

    @property
    def passed_over(self) -> set[str]:
        """The ids of the runs that are not to be tried just now."""
        return {identifier for identifier, end in self._ends.items() if time.monotonic() < end}


def _next(here: Project, slot: int, passed_over: Container[str]) -> queue.Turn | None:
    """The run whose turn it is, taken; None where there is none, or as many go on as may: those that were started
    without the queue count, too."""
    now = slots.read(here) or slots.Slots(1)
    with suppress(Locked), locks.held(slots.path(here, f"taking{locks.SUFFIX}"), PATIENCE):
        if len(_under_way(here)) < now.jobs:
            return queue.take(here, slot, now.gpus_of(slot), passed_over)
    return None


def _under_way(here: Project) -> list[Run]:
    return [run for run in query.recorded_as_open(here.store) if run.record.is_local and _goes_on(here, run)]


def _goes_on(here: Project, run: Run) -> bool:
    """Whether it does, or will soon: it has a supervisor that could not say so yet."""
    if run.record.is_under_way and not processes.is_us(run.record.get("process")):
        return True
    return run.record.text("status") == STARTING and queue.has_supervisor(here, run)


def _run(here: Project, slot: int, turn: queue.Turn) -> bool:
    """Start it, and wait for its end; whether it could be started: if not, it waits again."""
    launcher = launchers.named(turn.launcher)
    job = registration.job_of(here, turn.fields, spec.supervisor(turn.path, turn.fields.text("gpus")))
    try:
        started = launcher.start(job, here.settings)
        turn.fields["launcher"] = {launcher.name: started.details}
        launch.record_launch(here, Run(turn.name, turn.fields), started.pid)
        _wait_for_occupant(here, slot)
        if not os.path.exists(turn.path):
            queue.let_go(here, turn)
            return True
        why = f"its supervisor has ended before it began; see git runs log {turn.name}"
    except (RunsError, OSError) as error:
        why = str(error)
    print(f"run '{turn.name}' could not be started: {why}", file=sys.stderr)
    with suppress(RunsError, OSError):
        queue.put_back(here, turn, f"it could not be started: {why}")
        lifecycle.close_old_sessions(here, [Run(turn.name, turn.fields)])
    return False


def _wait_for_occupant(here: Project, slot: int) -> None:
    """Until the run that was taken last for the slot has ended; one that has not begun is not waited for."""
    taken = slots.occupant(here, slot)
    while taken:
        try:
            now = here.store.find(taken)
        except BadRecord:  # somebody edits it
            time.sleep(LONGEST_PAUSE)
            continue
        if now is None or not _goes_on(here, now):
            return
        process = now.record.get("process") or {}
        # Its supervisor may outlive it by far: it compares what a re-run has put out, and runs runs.on-finish.
        processes.wait_for_end(process, processes.MOMENT if processes.is_us(process) else LONGEST_PAUSE)
