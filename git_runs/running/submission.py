"""Give runs to a scheduler, which has them wait for their turn.

    <runs dir>/jobs/<batch>/
        runs                     the ids and names of the runs that were submitted together, a line each
        settled                  the ids of those of which all is known
        <number>-<id>.json       the spec of one that has not begun, or what another host is to be sent to start it;
                                 with `.begun`, the spec of one that may begin anew
        <first>+<member>.log     links to the logs of the members of a job array

What is here is asked of the scheduler until it has said how each of them ended: see settling.py. As in the queue of a
host, see queue.py, a run whose spec is here has not begun; the job of one that has none ends without having done
anything.
"""

from __future__ import annotations

import os
from contextlib import suppress

from .. import launchers
from ..console import progress
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.records import NoSuchRun
from ..launchers.scheduler import MEMBERS
from ..records import query, record
from ..records.record import Record, Run, is_name
from ..system.files import entries, remove_all, remove_file, side_by_side, write_whole
from . import away, registration, spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..launchers.launcher import Started
    from ..launchers.scheduler import Scheduler
    from ..project import Project
    from .errand import Errand
    from .spec import Spec


def submit(
    project: Project, planned: Sequence[tuple[Record, Spec | Errand]], at_once: int | None = None
) -> list[Started]:
    """Register the runs of those records, and submit them to the scheduler that is the launcher, of which `at_once` may
    run at the same time: all of them, or none. What the records say is completed.

    Raises LaunchFailed, ToolMissing, and what `registration.registered` raises.
    """
    scheduler = launchers.named_scheduler(project.settings.launcher)
    scheduler.check()
    now = record.timestamp()
    for fields, _ in planned:
        fields.pop("process", None)
        fields |= {"status": record.QUEUED, "queued": now}
        fields["launcher"] = {scheduler.name: scheduler.register(fields, project.tag(fields))}
    batch = os.path.join(project.jobs, os.path.basename(planned[0][1].identifier))
    with registration.registered(project, planned, batch) as paths:
        _note(batch, (fields for fields, _ in planned))
        commands = [spec.supervisor(path) for path in paths]
        pairs = zip(planned, commands, strict=True)
        jobs = [registration.job_of(project, fields, command) for (fields, _), command in pairs]
        if len(jobs) > 1:
            for number, job in enumerate(jobs):
                first = number // MEMBERS * MEMBERS
                os.symlink(os.path.relpath(job.log, batch), os.path.join(batch, f"{first}+{number - first}.log"))
        started = scheduler.start_all(jobs, project.settings, at_once)
    runs = [Run(fields.text("name"), fields) for fields, _ in planned]
    with progress.of("Recording jobs", len(runs)) as recorded:
        pairs_of_runs = list(zip(runs, started, strict=True))
        side_by_side(lambda pair: _record_job(project, scheduler, *pair), pairs_of_runs, recorded.advance)
    return started


def _record_job(project: Project, scheduler: Scheduler, run: Run, started: Started) -> None:
    """The run is submitted, whether this can be written or not: its supervisor knows the job, too, or another host
    does."""

    def complete(fields: Record) -> None:
        fields["launcher"] = {scheduler.name: started.details}
        if started.fields is not None:
            away.write(project, fields, away.news(fields, started.fields))

    complete(run.record)
    try:
        with project.store.change(run) as fields:
            complete(fields)
    except NoSuchRun:
        pass  # deleted just now
    except (RunsError, OSError) as error:
        warn(f"run '{run.name}' was submitted, but its job could not be recorded: {error}")


def send_again(project: Project) -> list[Run]:
    """Send the runs again of which nobody knows whether the host that they are for has got them; gives those that it
    has now. One that it does not take is named, and waits as before."""
    sent = []
    for run, path in unsent(project):
        try:
            send(project, run, path)
        except RunsError as error:
            warn(f"run '{run.name}' is not sent: {error}")
        if not os.path.exists(path):
            sent.append(run)
    return sent


def send(project: Project, run: Run, path: str) -> None:
    """Send a run of which that is the errand; raises what `start` of its launcher raises."""
    scheduler = launchers.scheduler_of(run.record)
    job = registration.job_of(project, run.record, spec.supervisor(path))
    _record_job(project, scheduler, run, scheduler.start(job, project.settings))


def unsent(project: Project) -> Iterator[tuple[Run, str]]:
    """The runs that wait here to be sent to another host, with the paths of their errands."""
    there = specs(project)
    noted = [run for batch in batches(project) for run in batch.runs() or () if run.record.text("id") in there]
    for identifier, run in query.current(project.store, noted).items():
        if run and run.record.is_queued and launchers.is_away(run.record):
            yield run, there[identifier]


def _note(batch: str, records: Iterable[Record]) -> None:
    write_whole(os.path.join(batch, "runs"), "".join(f"{one.text('id')} {one.text('name')}\n" for one in records))


class Batch:
    """Runs that were submitted together."""

    def __init__(self, path: str) -> None:
        self.path = path

    def runs(self) -> list[Run] | None:
        """Those of which not all is known, by their names of then: nothing of their records is read. None where they
        are just being submitted, or whoever did so was killed."""
        try:
            lines = (line.partition(" ") for line in self._lines("runs"))
            settled = self._settled()
            known = ((name, identifier) for identifier, _, name in lines if is_name(name))
            return [Run(name, Record(id=identifier)) for name, identifier in known if identifier not in settled]
        except FileNotFoundError:
            return None

    def _settled(self) -> set[str]:
        with suppress(FileNotFoundError):
            return {*self._lines("settled")}
        return set()

    def _lines(self, name: str) -> list[str]:
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read().splitlines()

    def settle(self, identifiers: Sequence[str]) -> None:
        """Of those runs all is known."""
        specs = self.specs()
        for identifier in identifiers:
            if identifier in specs:
                remove_file(specs[identifier])
        with suppress(OSError), open(os.path.join(self.path, "settled"), "a", encoding="utf-8") as file:
            file.writelines(f"{identifier}\n" for identifier in identifiers)
        if not self.runs():
            remove_all(self.path)

    def specs(self) -> dict[str, str]:
        """The paths of the specs that are there, by the ids of their runs."""
        found = {entry.name.partition("-")[2]: entry.path for entry in entries(self.path)}
        return {name.partition(".")[0]: path for name, path in found.items() if name}


def batches(project: Project) -> Iterator[Batch]:
    """What was submitted and may not have ended; in a repository without such runs this costs a look."""
    for entry in entries(project.jobs):
        if entry.is_dir(follow_symlinks=False):
            yield Batch(entry.path)


def identifiers(project: Project) -> set[str]:
    """The ids of the runs that were submitted, and of which not all is known."""
    return {run.record.text("id") for batch in batches(project) for run in batch.runs() or ()}


def specs(project: Project) -> dict[str, str]:
    """The paths of all specs of runs that have not begun, or may begin anew, by the ids of these."""
    return {identifier: path for batch in batches(project) for identifier, path in batch.specs().items()}
