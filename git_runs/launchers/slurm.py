"""Runs as jobs of Slurm: the only module that runs its programs, sbatch(1), squeue(1), sacct(1), scancel(1), srun(1).

Each of these is given a time to answer in: where the controller is gone they block. Many runs are one job array, whose
number K finds its spec and its log by K. `squeue` has jobs until some minutes after their end; what it does not have
any more `sacct` may have, where there is accounting.
"""

from __future__ import annotations

import os
from datetime import datetime

from ..errors.launchers import LauncherSilent, LaunchFailed
from ..errors.system import ToolMissing
from ..records.record import seconds, timestamp
from ..system import programs
from .launcher import COMES_AGAIN, Job, Started
from .scheduler import (
    ANSWER,
    ENDED,
    GOES_ON,
    MEMBERS,
    SUBMISSION,
    WAITS,
    JobInside,
    Scheduler,
    State,
    details_of,
    script,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..config.settings import Settings

SLACK = 86400.0  # seconds that clocks may differ
LONGEST = 366 * 86400.0  # seconds for which a job is looked for: numbers are used again
# squeue(1), JOB STATE CODES. COMPLETING is any end, before it is known which.
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT")
REASON_OF = {
    "TIMEOUT": "time limit",
    "DEADLINE": "time limit",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
    "OUT_OF_MEMORY": "out of memory",
    "NODE_FAIL": "node failure",
    "BOOT_FAIL": "node failure",
    "PREEMPTED": "preempted",
}
ENDS = (*REASON_OF, "COMPLETED", "FAILED")


class OwnLauncher(Scheduler):
    """A job for each run."""

    name = "slurm"
    noun = "Slurm job"

    def check(self) -> None:
        """Raises ToolMissing where nothing can be submitted."""
        _run("sbatch", "--version")

    def start(self, job: Job, settings: Settings) -> Started:
        """Submit it."""
        return self.start_all([job], settings, None)[0]

    def start_all(self, jobs: Sequence[Job], settings: Settings, at_once: int | None) -> list[Started]:
        """Submit them as one array, or, where they are too many for one, as several, of which each waits for the one
        before it if not all are to run `at_once`."""
        submitted: list[Started] = []
        try:
            for first in range(0, len(jobs), MEMBERS):
                part = jobs[first : first + MEMBERS]
                after = [f"--dependency=afterany:{submitted[-1].details['job'].split('_')[0]}"] if submitted else []
                options = [*self._options(part, settings, first, at_once), *(after if at_once else [])]
                number = _submit(options, _script(part[0], settings, first if len(jobs) > 1 else None))
                members = [f"{number}_{k}" for k in range(len(part))] if len(jobs) > 1 else [number]
                submitted += [Started(details_of(*one), None) for one in zip(part, members, strict=True)]
        except BaseException:
            if submitted:
                self.cancel([one.details for one in submitted])
            raise
        return submitted

    @staticmethod
    def _options(jobs: Sequence[Job], settings: Settings, first: int, at_once: int | None) -> list[str]:
        """What sbatch is called with: the user's options come last, so that they win."""
        job = jobs[0]
        log = job.log.replace("%", "%%")
        options = [f"--job-name={job.name if len(jobs) == 1 else os.path.dirname(job.name) or job.name}"]
        if first or len(jobs) > 1:
            options.append(f"--array=0-{len(jobs) - 1}" + (f"%{at_once}" if at_once else ""))
            directory = os.path.dirname(job.command[-1]).replace("%", "%%")
            log = os.path.join(directory, f"{first}+%a.log")
        # Nothing of our environment: the spec has it all, and Slurm keeps what it is given.
        options += [f"--output={log}", "--open-mode=append", "--chdir=/", "--export=HOME", "--no-requeue"]
        return options + [f"--{option.lstrip('-')}" for option in settings.slurm]

    def states(self, details: Iterable[Mapping[str, Any]]) -> dict[str, State]:
        """What squeue says, and sacct of jobs that squeue does not have any more."""
        wanted = {str(one["job"]): one for one in details if one.get("job")}
        if not wanted:
            return {}
        own = ("--noheader", "--me", "--array", "--states=all")
        answer = _asked("squeue", *own, "--format=%i|%T|%V|%e|%r")
        found = dict(_state(line, wanted) for line in answer.splitlines() if line.count("|") >= 4)
        states = {job: state for job, state in found.items() if state}
        if missing := wanted.keys() - found.keys():
            states |= _recall({job: wanted[job] for job in missing})
        return states

    def cancel(self, details: Sequence[Mapping[str, Any]]) -> None:
        """All of them in one call."""
        jobs = [str(one["job"]) for one in details if one.get("job")]
        for first in range(0, len(jobs), MEMBERS):
            _asked("scancel", "--quiet", *jobs[first : first + MEMBERS])

    def signal(self, details: Mapping[str, Any], *, at_once: bool) -> None:
        """The supervisor is the batch script; SIGALRM is KILL_NOW."""
        if job := details.get("job"):
            _asked("scancel", "--quiet", "--batch", f"--signal={'ALRM' if at_once else 'TERM'}", str(job))

    def attach(self, details: Mapping[str, Any]) -> None:
        """Become a shell in the job, beside the run."""
        job = str(details["job"])
        number = _asked("squeue", "--noheader", "--me", "--array", f"--jobs={job}", "--format=%A").strip() or job
        shell = os.environ.get("SHELL") or "sh"
        os.execvp("srun", ["srun", f"--jobid={number}", "--overlap", "--pty", shell])


class OwnInside(JobInside):
    """The batch script of the job."""

    prefix = "SLURM_"

    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """Without what sbatch was told of the environment: srun(1) in the job would go by it."""
        adapted = super().adapt(environment)
        for told in ("SLURM_EXPORT_ENV", "SLURM_GET_USER_ENV"):
            adapted.pop(told, None)
        return adapted

    def details(self) -> dict[str, Any]:
        """Where nobody could write them when it was submitted."""
        variables = os.environ
        array, member = (variables.get(f"SLURM_ARRAY_{key}_ID") for key in ("JOB", "TASK"))
        return {"job": f"{array}_{member}" if array else variables.get("SLURM_JOB_ID", ""), "submitted": timestamp()}


# --- what squeue and sacct say


def _state(line: str, wanted: Mapping[str, Mapping[str, Any]]) -> tuple[str, State | None]:
    """The job of a line of squeue, and its state; None where it is another job than the one that is meant."""
    job, word, submission, end, reason = line.split("|", 4)
    since = seconds(submission)  # in our time zone
    if job in wanted and not _is_meant(wanted[job], since):
        return job, None
    if word in ENDS:
        said = word if reason in ("", "None") else f"{word} ({reason})"
        return job, State(ENDED, said, REASON_OF.get(word), since=since, end=seconds(end))
    return job, State(WAITS if word in WAITING else GOES_ON, reason, since=since)


def _recall(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, State]:
    """What the accounting has of them; nothing where there is none."""
    own = ("--noheader", "--parsable2", "--allocations", "--format=JobID,State,Submit,End")
    start = min(_submitted(one) or 0.0 for one in wanted.values()) - SLACK
    since = datetime.fromtimestamp(max(0.0, start)).isoformat(timespec="seconds")
    try:
        answer = _asked("sacct", *own, f"--starttime={since}", f"--jobs={','.join(wanted)}")
    except (LauncherSilent, ToolMissing):
        return {}
    found = {}
    for line in answer.splitlines():
        job, word, submission, end = line.split("|")[:4]
        word = word.split()[0] if word else ""  # "CANCELLED by 0"
        if job in wanted and word in ENDS and _is_meant(wanted[job], seconds(submission)):
            found[job] = State(ENDED, word, REASON_OF.get(word), since=seconds(submission), end=seconds(end))
    return found


def _is_meant(details: Mapping[str, Any], since: float | None) -> bool:
    """Whether a job that was submitted then is the one that was recorded; it may have been put back into the queue."""
    submitted = _submitted(details)
    return since is None or submitted is None or submitted - SLACK <= since <= submitted + LONGEST


def _submitted(details: Mapping[str, Any]) -> float | None:
    return seconds(str(details.get("submitted")))


# --- its programs


def _script(job: Job, settings: Settings, first: int | None) -> str:
    """The batch script of the run, or of an array whose first run has that number."""
    lines = [f"export {COMES_AGAIN}=1"] if any(one.lstrip("-") == "requeue" for one in settings.slurm) else []
    member = "0" if first is None else f"$((SLURM_ARRAY_TASK_ID + {first}))"
    return script(job, *lines, number=f'"$(printf %06d {member})"')


def _submit(options: list[str], text: str) -> str:
    """Submit the script; gives the number of the job. Raises ToolMissing and LaunchFailed."""
    try:
        code, out, err = _run("sbatch", "--parsable", *options, given=text, within=SUBMISSION)
    except TimeoutError:
        raise LaunchFailed(f"Slurm does not answer since {SUBMISSION:.0f} s") from None
    number = out.strip().partition(";")[0]  # "number;cluster"
    if code or not number:
        said = "; ".join(line.removeprefix("sbatch: ").removeprefix("error: ") for line in err.splitlines())
        raise LaunchFailed(f"Slurm did not take the job: {said}")
    return number


def _asked(*command: str) -> str:
    """What a program of Slurm prints; raises ToolMissing, and LauncherSilent where it fails, or takes too long."""
    try:
        code, out, err = _run(*command, SLURM_TIME_FORMAT="standard")
    except TimeoutError:
        raise LauncherSilent("Slurm", ANSWER) from None
    if code:
        raise LauncherSilent("Slurm", said=err.strip().splitlines()[-1] if err.strip() else f"{command[0]} failed")
    return out


def _run(*command: str, given: str = "", within: float = ANSWER, **more: str) -> tuple[int, str, str]:
    """Exit code and output of a program of Slurm. Raises ToolMissing and TimeoutError."""
    # Variables change what squeue shows, and how: squeue(1), ENVIRONMENT VARIABLES.
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("SQUEUE_", "SACCT_"))}
    try:
        return programs.run_within(command, within, given, {**ours, **more, "LC_ALL": "C"})
    except (FileNotFoundError, PermissionError):
        raise ToolMissing("slurm", ", or run elsewhere: --launcher=tmux") from None
