"""Runs as jobs of any other scheduler, by commands that the settings `runs.launcher.<name>.*` hold.

Each is run by sh(1). Only git config has them, since what a repository brings along must not name programs.

submit    takes the job, a shell script, on its standard input, and prints its number as the last word. RUNS_NAME is
          the run's name. What the script prints goes into the log by itself.
state     prints a line for each job that it knows of those whose numbers are `"$@"`: the number, one of WORDS, and,
          if there is any, a reason: why it waits, or one of REASONS.
cancel    ends the jobs whose numbers are `"$@"`: those that run by SIGTERM to all of their processes, or to the first;
          some may have ended by themselves.
attach    joins the job whose number is `"$1"`; it may be missing.
"""

from __future__ import annotations

import os
import shlex

from ..errors.launchers import LauncherSilent, LaunchFailed, NoLauncher, NothingToAttach
from ..system import programs
from ..system.git import config
from .launcher import Job, Started
from .scheduler import (
    ANSWER,
    ENDED,
    GOES_ON,
    REASONS,
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

NEEDED = ("submit", "state", "cancel")
WORDS = {"waiting": WAITS, "running": GOES_ON, "ended": ENDED}


class OwnLauncher(Scheduler):
    """A job for each run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.noun = f"{name} job"

    def check(self) -> None:
        """Raises NoLauncher where nobody has said how to do it."""
        for verb in NEEDED:
            self._command(verb)

    def start(self, job: Job, settings: Settings) -> Started:
        """Submit it."""
        output = f"exec >>{shlex.quote(job.log)} 2>&1 </dev/null"
        try:
            printed = self._run("submit", given=script(job, output), seconds=SUBMISSION, RUNS_NAME=job.name).split()
        except LauncherSilent as error:
            raise LaunchFailed(error.message) from None
        if not printed:
            raise LaunchFailed(f"the command runs.launcher.{self.name}.submit printed no number of a job")
        return Started(details_of(job, printed[-1]), None)

    def states(self, details: Iterable[Mapping[str, Any]]) -> dict[str, State]:
        """What the command `state` prints."""
        jobs = [str(one["job"]) for one in details if one.get("job")]
        if not jobs:
            return {}
        found = {}
        for line in self._run("state", *jobs).splitlines():
            job, word, said, *_ = [*line.split(None, 2), "", ""]
            if word in WORDS:
                found[job] = State(WORDS[word], said, said if said in REASONS else None)
        return found

    def cancel(self, details: Sequence[Mapping[str, Any]]) -> None:
        """All of them in one call."""
        if jobs := [str(one["job"]) for one in details if one.get("job")]:
            self._run("cancel", *jobs)

    def attach(self, details: Mapping[str, Any]) -> None:
        """Become the command `attach`."""
        command = self._found("attach")
        if not command:
            raise NothingToAttach(self.name)
        os.execvp("sh", ["sh", "-c", command, "sh", str(details["job"])])

    def _found(self, verb: str) -> str | None:
        """The command for that, if there is one."""
        return config.value(f"runs.launcher.{self.name}.{verb}")

    def _command(self, verb: str) -> str:
        command = self._found(verb)
        if not command:
            raise NoLauncher(self.name, verb)
        return command

    def _run(self, verb: str, *jobs: str, given: str = "", seconds: float = ANSWER, **variables: str) -> str:
        """What that command prints; raises NoLauncher, and LauncherSilent where it fails, or takes too long."""
        words = ["sh", "-c", self._command(verb), "sh", *jobs]
        try:
            code, out, err = programs.run_within(words, seconds, given, {**os.environ, **variables})
        except TimeoutError:
            raise LauncherSilent(self.name, seconds) from None
        if code:
            raise LauncherSilent(self.name, said=err.strip() or f"{verb} ended with exit code {code}")
        return out


class OwnInside(JobInside):
    """The job that the script is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """With all that is set here, and was not where the run was started: what this scheduler calls it is not
        known."""
        of_job = {key: value for key, value in os.environ.items() if key not in environment}
        return of_job | super().adapt(environment)
