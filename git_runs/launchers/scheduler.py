"""What launchers of schedulers share: runs that wait for their turn, and run on hosts that see the same files.

The job of a run is a shell script that becomes the run's supervisor. The supervisor's word is what counts, but some
ends it cannot record: those of a job that never ran, or of one that was killed with its supervisor. Of these the
scheduler is asked, for all runs in one call, and in bounded time; no answer is LauncherSilent, and a job that is not
in the answer has no state. A job that finds no spec any more ends without having done anything: so a submission is
undone, and a waiting run taken out, by removing its spec, whatever becomes of the job.

What a record says of the launcher has at least `tag`, and, once the job was submitted, `job` and `submitted`.

Runs of a launcher that `is_away` run in another copy of the repository, which keeps records of them: see `host`. What
those say comes with their states. In the place of specs there are errands, which stay here until the run is there.
"""

from __future__ import annotations

import os
import shlex
import signal
from abc import abstractmethod
from contextlib import suppress

from ..errors.launchers import JobWaits
from ..records.record import timestamp
from ..system import processes, whoami
from .launcher import Inside, Job, Launcher, Session, stop_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, BinaryIO

    from ..config.settings import Settings
    from ..records.record import Record

ANSWER = 5.0  # seconds that a scheduler has to answer
SUBMISSION = 30.0  # seconds that it has to take jobs
MEMBERS = 1000  # runs of one job array: the default of MaxArraySize in slurm.conf(5), less one
REASONS = ("time limit", "cancelled", "out of memory", "node failure", "preempted")  # for which it ends a run
WAITS, GOES_ON, ENDED = "waits", "goes on", "ended"
# What a scheduler and its nodes set for a job, beside the variables that begin as OF_JOB says.
GPUS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK")
SET_FOR_JOB = (*GPUS, "TMPDIR")


class State:
    """What a scheduler says of a job."""

    def __init__(
        self,
        phase: str,
        said: str,
        reason: str | None = None,
        since: float | None = None,
        end: float | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        self.phase = phase  # WAITS, GOES_ON or ENDED
        self.said = said  # its own words: why the job waits, or how it has ended
        self.reason = reason  # why it has ended the job: one of REASONS; None: it has not, or does not say so
        self.since = since  # when the job was submitted, or put back, in seconds since the epoch
        self.end = end  # the same of its end
        self.fields = fields  # of the record that another copy of the repository has of the run, if it runs there


class Scheduler(Launcher):
    """Gives runs to a scheduler."""

    is_here = False
    is_scheduler = True

    def register(self, fields: Record, tag: str) -> dict[str, Any]:
        """What the record says of the launcher before the run is submitted; what else is known of it by now is added to
        the record."""
        return {"tag": tag}

    def place(self, details: Mapping[str, Any]) -> str:
        """Where the run is, in words that follow "Queued run, "."""
        return f"{self.name} job {details.get('job')}"

    @abstractmethod
    def states(self, details: Iterable[Mapping[str, Any]]) -> dict[str, State]:
        """The states of those jobs that the scheduler knows of, by their numbers.

        Raises ToolMissing and LauncherSilent.
        """

    @abstractmethod
    def cancel(self, details: Sequence[Mapping[str, Any]]) -> None:
        """End those jobs, waiting or not, as far as they have not ended. Raises ToolMissing and LauncherSilent."""

    @abstractmethod
    def attach(self, details: Mapping[str, Any]) -> None:
        """Join the job, which goes on: this does not return. Raises NothingToAttach where that cannot be."""

    def copy_log(self, details: Mapping[str, Any], target: BinaryIO, *, last: int | None, follows: bool) -> None:
        """Copy what a run that is away has printed, or the `last` lines of that, and then, if that `follows`, what it
        prints until it ends."""
        raise NotImplementedError

    def deletion(self, details: Sequence[Mapping[str, Any]]) -> str:
        """The command that deletes what is left of runs that are away, where they are."""
        raise NotImplementedError

    def abandon(self, job: Job, settings: Settings) -> None:
        """The job will find no spec."""

    def sessions(self, details: Iterable[Mapping[str, Any]]) -> dict[str, Session]:
        """The jobs that have not ended."""
        details = [one for one in details if one.get("job")]
        if not details:
            return {}
        states = self.states(details)
        known = [(one, states[str(one["job"])]) for one in details if str(one["job"]) in states]
        return {str(one.get("tag")): JobSession(self, one, state) for one, state in known if state.phase != ENDED}

    def stop(self, details: Mapping[str, Any], process: Mapping[str, Any], *, at_once: bool) -> None:
        """Where the supervisor is a process of this host, signal it; else let the scheduler do so."""
        if processes.is_alive(process):
            stop_here(process, at_once=at_once)
        else:
            self.signal(details, at_once=at_once)

    def signal(self, details: Mapping[str, Any], *, at_once: bool) -> None:
        """Let the scheduler end the job's supervisor, wherever that is."""
        self.cancel([details])


class JobSession(Session):
    """A job that waits, or goes on."""

    def __init__(self, scheduler: Scheduler, details: Mapping[str, Any], state: State) -> None:
        self.scheduler = scheduler
        self.details = details
        self.state = state
        self.is_running = True

    def attach(self) -> None:
        """Join it, or say why it waits."""
        if self.state.phase == WAITS:
            raise JobWaits(self.scheduler.name, str(self.details["job"]), self.state.said)
        self.scheduler.attach(self.details)

    def rename(self, name: str) -> dict[str, Any]:
        """It keeps its name."""
        return dict(self.details)

    def close(self) -> None:
        """Cancel it."""
        self.scheduler.cancel([self.details])

    def close_unless_used(self) -> bool:
        """It goes by itself."""
        return False


class JobInside(Inside):
    """The job that the supervisor runs in; what it prints is appended to the log, without anybody in between."""

    advice = ""
    prefix = ""  # the variables whose names begin so are the scheduler's

    def __init__(self) -> None:
        self._watched: int | None = None  # the pipe to whoever hangs up on the command where we are killed

    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """With what the scheduler has set for this job, and nothing that it had set for another."""
        of_job = {key: value for key, value in os.environ.items() if self._is_of_job(key) or key in SET_FOR_JOB}
        return {key: value for key, value in environment.items() if not self._is_of_job(key)} | of_job

    def _is_of_job(self, variable: str) -> bool:
        """Whether the scheduler says by it what the job is."""
        return bool(self.prefix) and variable.startswith(self.prefix)

    def known(self) -> dict[str, Any]:
        """The host, and its GPUs that the run is to use."""
        gpus = next((os.environ[key] for key in GPUS if os.environ.get(key)), None)
        return {"host": whoami.hostname(), **({"gpus": gpus} if gpus else {})}

    def began(self, group: int) -> None:
        """Let somebody watch over us, since not every scheduler ends what is left of a job."""
        self._watched = self._watched or _watch()
        self._let_watch(group)

    def mark(self, marker: bytes) -> None:
        """Append it to the log."""
        while marker:
            marker = marker[os.write(1, marker) :]

    def complete_log(self, log: str, marker: bytes, prints_still: Callable[[], bool]) -> None:
        """Let other hosts see it."""
        self._let_watch(0)  # what still runs may go on
        with suppress(OSError):
            os.fsync(1)

    def _let_watch(self, group: int) -> None:
        with suppress(OSError):  # somebody has killed the watcher
            if self._watched:
                os.write(self._watched, group.to_bytes(8, "big"))

    def leave(self, *, keep: bool | None) -> None:
        """Nothing is left."""


def _watch() -> int:
    """Start the process that hangs up on a process group, the last of those written to the pipe that this gives, when
    nobody has that open any more: as a terminal does. 0 is none."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        return writing
    try:
        os.setsid()
        os.close(writing)
        group = 0
        while written := os.read(reading, 8):
            group = int.from_bytes(written, "big")
        if group:
            processes.signal_group(group, signal.SIGHUP)
    finally:
        os._exit(0)


def script(job: Job, *lines: str, number: str = "") -> str:
    """The text of the job: a shell script, which becomes the supervisor of a run where that has a spec. `number` is a
    word of the shell for which of the specs of its directory that is, by default the job's own."""
    *command, spec = job.command
    number = number or os.path.basename(spec).partition("-")[0]
    own = shlex.quote(os.path.join(os.path.dirname(spec), ""))
    begin = ["#!/bin/sh", *lines, f"set -- {own}{number}-*", '[ -e "$1" ] || exit 0']
    return "\n".join([*begin, f'exec {shlex.join(command)} "$1"', ""])


def details_of(job: Job, number: str) -> dict[str, Any]:
    """What a record says of a job that was submitted now."""
    return {"job": number, "submitted": timestamp(), "tag": job.tag}
