"""What schedulers say of the runs that were given to them, and of ends that no supervisor could record.

Of an end the supervisor's word counts. Where it could say nothing, since the job never ran, or was killed with it, the
scheduler's does; and it alone knows why it has ended a job. Whoever shows, waits for or changes runs settles first. All
states cost one question to each scheduler, whose answer is kept for some seconds:

    <runs dir>/jobs/<launcher>.answer    {"asked": seconds since the epoch, "states": {job: ...}}

Without an answer all stays as it was recorded, and that is said, once. A repository without such runs pays for a look
at a directory that is not there.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from .. import launchers
from ..console import progress
from ..console.escape import escape
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.launchers import LauncherSilent, NoLauncher
from ..errors.records import BadRecord, Locked, NoSuchRun
from ..errors.system import ToolMissing
from ..launchers.scheduler import ENDED, GOES_ON, WAITS, State
from ..records import query, record
from ..records.record import FAILED, KILLED, LOST, OPEN, QUEUED, Record, Run
from ..system import whoami
from ..system.files import entries, remove_file, side_by_side, write_whole
from . import away, registration, submission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..project import Project
    from ..records.record import Value
    from .submission import Batch

UNSENT = "not known to have arrived: git runs queue start"  # why a run of another host waits
ANSWER = ".answer"  # ends the names of these files
FRESH = 3.0  # seconds for which an answer is good
SILENT = 15.0  # seconds in which a question that nobody answered is not asked again
UNKNOWN = 3600.0  # seconds after its end in which a scheduler may say why it has ended a job

_settled = -FRESH  # when `settle_again` did so
_silent: set[str] = set()  # the launchers of which it was said that they do not answer


def settle(project: Project) -> dict[str, State | None]:
    """Write down what the schedulers know of the ends of runs, and nobody else; gives the states of those that have
    not ended, by the runs' ids; None of those that a scheduler, which has answered, knows nothing of.

    Where it cannot be written, or nobody answers, the records are left as they are.
    """
    batches = {batch: runs for batch in submission.batches(project) if (runs := batch.runs()) is not None}
    now = query.current(project.store, [run for runs in batches.values() for run in runs])
    left = {identifier: run for identifier, run in now.items() if run and _is_unsettled(run.record)}
    states = _states(project, [run for run in left.values() if run.record.text("user") == whoami.user()])
    _forget_errands(batches, states)
    news = [(left[one], state) for one, state in states.items() if state and _news(left[one].record, state)]
    unwritten = _settle_all(project, news)
    going_on = {identifier: state for identifier, state in states.items() if not state or state.phase != ENDED}
    ended = {*states}.difference(going_on, unwritten)
    for batch, runs in batches.items():
        its = [run.record.text("id") for run in runs]
        if settled := [one for one in its if one in ended or (one in now and one not in left)]:
            batch.settle(settled)
    return going_on


def _forget_errands(batches: Iterable[Batch], states: Mapping[str, State | None]) -> None:
    """Of runs that another host has, nothing is to be sent there any more."""
    there = {identifier for identifier, state in states.items() if state and state.fields is not None}
    for batch in batches if there else ():
        for identifier, path in batch.specs().items():
            if identifier in there:
                remove_file(path)


def settle_again(project: Project) -> None:
    """The same for whoever waits: it may be called as often as you like."""
    global _settled
    if time.monotonic() - _settled > FRESH:
        settle(project)
        _settled = time.monotonic()


def _is_unsettled(fields: Record) -> bool:
    """Whether the run has not ended, as far as is recorded, or not well, and the reason may still come."""
    if fields.text("status") in OPEN:
        return True
    end = fields.moment("finished")
    is_bad = fields.status in (KILLED, FAILED) and "reason" not in fields
    return is_bad and end is not None and time.time() - end < UNKNOWN


def _settle_all(project: Project, news: Sequence[tuple[Run, State]]) -> set[str]:
    """Write down what is new in the states of the runs' jobs; gives the ids of those where that failed."""
    failed = set()

    def settle_one(pair: tuple[Run, State]) -> None:
        if not _settle(project, *pair):
            failed.add(pair[0].record.text("id"))

    with progress.of("Recording ends", len(news)) as recorded:
        side_by_side(settle_one, news, recorded.advance)
    return failed


def _settle(project: Project, run: Run, state: State) -> bool:
    """Write down what is new in that state of the run's job; False where it cannot be written now."""
    try:
        with project.store.change(run) as fields:
            former: list[str] = []
            if state.fields is not None:
                away.write(project, fields, away.news(fields, state.fields))
                former = fields.end({}) if state.phase == ENDED else []
            elif (news := _news(fields, state)).get("status") == QUEUED:
                fields |= news
                fields.pop("process", None)
            elif news:
                former = fields.end(news)
        project.outputs.remove_links(*former)
    except NoSuchRun:
        pass
    except (Locked, BadRecord, OSError) as error:
        warn(f"the end of run '{run.name}' could not be recorded: {error}")
        return False
    return True


def _news(fields: Record, state: State) -> dict[str, Value]:
    """The fields that change by what the scheduler says; none where the record knows as much."""
    if state.fields is not None:
        return away.news(fields, state.fields)
    recorded = fields.text("status")
    if state.phase == WAITS:
        began = fields.moment("datetime") or 0.0
        was_put_back = recorded in record.UNDER_WAY and state.since is not None and state.since > began
        return {"status": QUEUED} if was_put_back else {}
    if state.phase == GOES_ON:
        return {}
    if recorded in (KILLED, FAILED):
        return {"reason": state.reason} if state.reason and "reason" not in fields else {}
    if recorded not in OPEN:
        return {}
    end = {"finished": _end(fields, state)}
    if state.reason:
        return {"status": KILLED, "reason": state.reason, **end}
    if recorded == QUEUED:
        return {"status": FAILED, "error": f"its job ended without it: {state.said}", **end}
    return {"status": LOST, **end}


def _end(fields: Record, state: State) -> str:
    """When it was, as records have it; not before its start, though schedulers may give no more than whole seconds."""
    start = max((moment for key in ("queued", "datetime") if (moment := fields.moment(key))), default=0.0)
    return record.timestamp(None if state.end is None else max(state.end, start))


# --- asking


def _states(project: Project, runs: Iterable[Run]) -> dict[str, State | None]:
    """What the schedulers that have answered say of the jobs of those runs, by the runs' ids."""
    by_launcher: dict[str, dict[str, Run]] = {}
    for run in runs:
        name, job = launchers.name_of(run.record), launchers.details_of(run.record).get("job")
        if name and job:
            by_launcher.setdefault(name, {})[str(job)] = run
    found: dict[str, State | None] = {}
    for name, jobs in by_launcher.items():
        answers = _answers(project, name, jobs)
        if answers is not None:
            found |= {run.record.text("id"): answers.get(job) for job, run in jobs.items()}
    return found


def _answers(project: Project, name: str, jobs: Mapping[str, Run]) -> dict[str, State] | None:
    """By jobs: what was answered a moment ago, if it is about all of them, or else now; None where nothing is."""
    path = os.path.join(project.jobs, name + ANSWER)
    answer = _kept(path)
    latest_end = max(run.record.moment("finished") or 0.0 for run in jobs.values())
    if not answer or not (answer["silence"] or ({*jobs} <= {*answer["jobs"]} and latest_end < answer["asked"])):
        answer = {"asked": time.time(), "jobs": list(jobs), "silence": "", "states": {}}
        try:
            states = launchers.named_scheduler(name).states([launchers.details_of(run.record) for run in jobs.values()])
            answer["states"] = {job: [*vars(state).values()] for job, state in states.items()}
        except (LauncherSilent, ToolMissing, NoLauncher) as error:
            answer["silence"] = error.message
        with suppress(OSError):
            write_whole(path, json.dumps(answer))
    if answer["silence"]:
        _say_silent(name, answer["silence"])
        return None
    return {job: State(*state) for job, state in answer["states"].items()}


def _kept(path: str) -> dict[str, Any] | None:
    with suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        kept: dict[str, Any] = json.load(file)
        if 0 <= time.time() - kept["asked"] < (SILENT if kept["silence"] else FRESH):
            return kept
    return None


def _say_silent(name: str, what: str) -> None:
    """Once in a process."""
    if name not in _silent:
        _silent.add(name)
        warn(f"{what}; runs that were given to it are shown as they were last known")


# --- those that wait


def reasons(project: Project) -> dict[str, str]:
    """Why runs wait, in the words of their schedulers, by the ids of all runs that have not ended; "" where nobody says
    so."""
    states = settle(project) if project.has_jobs else {}
    waiting = {identifier: escape(state.said) for identifier, state in states.items() if state and state.phase == WAITS}
    unsent = {run.record.text("id"): UNSENT for run, _ in submission.unsent(project)}
    return dict.fromkeys(submission.identifiers(project), "") | unsent | waiting


def withdraw(project: Project, runs: Iterable[Run]) -> list[Run]:
    """Take runs out of the queues of schedulers, which are `killed` then; gives those of them that waited.

    Raises Locked, BadRecord, and what the file system says.
    """
    waiting = [run for run in runs if run.record.is_queued and _is_ours(project, run.record)]
    specs = submission.specs(project) if waiting else {}
    taken: list[Run] = []
    with progress.of("Taking runs out", len(waiting)) as done:
        side_by_side(lambda run: taken.append(run) if _take(project, run, specs) else None, waiting, done.advance)
    by_launcher: dict[str, list[dict[str, Any]]] = {}
    for run in taken:
        by_launcher.setdefault(launchers.name_of(run.record) or "", []).append(launchers.details_of(run.record))
    for name, details in by_launcher.items():
        try:
            launchers.named_scheduler(name).cancel(details)
        except RunsError as error:  # the job will find no spec, and end
            warn(f"jobs of runs that were killed may still wait: {error}")
            if launchers.named(name).is_away:
                _leave_open(project, [run for run in taken if launchers.name_of(run.record) == name])
    return taken


def _leave_open(project: Project, runs: Iterable[Run]) -> None:
    """Nobody knows whether another host has begun those runs, which were taken out here: without a reason they are
    asked about for a while, and what is answered counts."""
    for run in runs:
        with suppress(NoSuchRun, Locked, BadRecord, OSError), project.store.change(run) as fields:
            fields.pop("reason", None)


def ask_anew(project: Project) -> None:
    """What was answered a moment ago is not so any more."""
    global _settled
    _settled = -FRESH
    for entry in entries(project.jobs):
        if entry.name.endswith(ANSWER) and (answer := _kept(entry.path)) and not answer["silence"]:
            remove_file(entry.path)


def let_end(project: Project, runs: Iterable[Run]) -> None:
    """Whatever ends those runs, which go on, none of them is to begin anew."""
    ours = [run for run in runs if _is_ours(project, run.record)]
    specs = submission.specs(project) if ours else {}
    for run in ours:
        if spec := specs.get(run.record.text("id")):
            remove_file(spec)


def _is_ours(project: Project, fields: Record) -> bool:
    """Whether the run was given to a scheduler, and from here: not from another copy of the repository."""
    return launchers.is_scheduled(fields) and launchers.details_of(fields).get("tag") == project.tag(fields)


def _take(project: Project, run: Run, specs: Mapping[str, str]) -> bool:
    """Whether it waited."""
    spec = specs.get(run.record.text("id"))
    end: dict[str, Value] = {"status": KILLED, "reason": "cancelled", "finished": record.timestamp()}
    return spec is not None and registration.withdraw(project, run, spec, lambda fields: fields.is_queued, end)
