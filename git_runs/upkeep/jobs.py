"""Where what is recorded of runs and what their schedulers know of their jobs disagree."""

from __future__ import annotations

import os
import time
from functools import partial

from .. import launchers
from ..launchers.scheduler import SUBMISSION
from ..records import query, record
from ..records.record import FAILED, LOST, Record, Run
from ..running import registration, settling, submission
from ..system.files import remove_all
from .leftovers import is_idle
from .problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ..project import Project


def problems(project: Project, apart: Container[str]) -> Iterator[Problem]:
    """Runs that should wait, or go on, and do not; but for those of the names `apart`, which somebody is at."""
    noted = [run for batch in submission.batches(project) for run in batch.runs() or ()]
    states = settling.settle(project) if noted else {}
    unsent = {run.record.text("id"): path for run, path in submission.unsent(project)} if noted else {}
    for run in filter(None, query.current(project.store, noted).values()):
        if run.name in apart or not run.record.is_open:
            continue
        recorded, identifier = run.record.text("status"), run.record.text("id")
        if path := unsent.get(identifier):
            if time.time() - (run.record.moment("queued") or 0.0) > SUBMISSION:
                what = f"run '{run.name}' is queued, and not known to have arrived {launchers.place_of(run.record)}"
                mend, advice = partial(submission.send, project, run, path), f"to take it out: git runs kill {run.name}"
                yield Problem("interrupted start", what, run=run.name, repair="sent", mend=mend, advice=advice)
        elif _is_without_job(run.record):
            what = f"run '{run.name}' is recorded as queued, and its job is not known: its start was interrupted"
            mend = partial(_record_interrupted, project, run)
            yield Problem("interrupted start", what, run=run.name, repair="recorded as failed", mend=mend)
        elif identifier in states and states[identifier] is None and _is_long_ago(run.record):
            launcher = launchers.name_of(run.record)
            what = f"run '{run.name}' is recorded as {recorded}, and {launcher} does not know its job any more"
            mend = partial(_record_forgotten, project, run)
            yield Problem("lost", what, run=run.name, repair="recorded as lost", mend=mend)


def _is_without_job(fields: Record) -> bool:
    """Whether nobody knows the job, since whoever submitted it was killed before or after. If there is one, it does
    nothing without the spec."""
    waited = time.time() - (fields.moment("queued") or 0.0)
    return fields.is_queued and "job" not in launchers.details_of(fields) and waited > SUBMISSION


def _is_long_ago(fields: Record) -> bool:
    """Whether the job was submitted so long ago that the scheduler has to know it, if it ever did."""
    submitted = record.seconds(str(launchers.details_of(fields).get("submitted")))
    return submitted is None or time.time() - submitted > SUBMISSION


def _record_interrupted(project: Project, run: Run) -> None:
    if spec := submission.specs(project).get(run.record.text("id")):
        end = {"status": FAILED, "error": "the start was interrupted"}
        registration.withdraw(project, run, spec, _is_without_job, end)


def _record_forgotten(project: Project, run: Run) -> None:
    with project.store.change(run) as fields:
        if fields.text("status") != run.record.text("status"):
            return
        if spec := submission.specs(project).get(fields.text("id")):
            os.unlink(spec)
        former = fields.end({"status": LOST})
    project.outputs.remove_links(*former)


def left(project: Project, idle: float) -> Iterator[Problem]:
    """Specs of runs that were about to be registered, to be given to a scheduler."""
    for batch in submission.batches(project):
        if batch.runs() is None and is_idle(batch.path, idle):
            what, mend = f"'{batch.path}' was left by a process that has ended", partial(remove_all, batch.path)
            yield Problem("spec", what, path=batch.path, repair="removed", mend=mend)
