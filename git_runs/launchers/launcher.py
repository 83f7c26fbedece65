"""The interface of a launcher, and its rules.

A launcher starts the supervisor of a run and finds it again; the supervisor inside runs the command and records what
happens. A new launcher is a module beside this one with a Launcher called `OwnLauncher` and an Inside called
`OwnInside`, its name in `NAMES` and among the values of the setting `launcher`; tests/launchers/test_launchers.py then
runs against it, too. The rules:

start      Either the supervisor is started, or nothing is left and an exception says why. A run that goes on by itself
           goes on whatever happens to the process that started it. A run that goes on here and now is only prepared:
           the caller writes all records and messages first, and calls `Started.run_here` last.
sessions   Many runs are asked for in one call, which returns in bounded time. A session is found by its tag, never by
           its name, which people may change. No answer is LauncherSilent: it never counts as an end.
stop       Goes to the supervisor, which passes it on and records it. The launcher itself ends nothing.
a queue    A launcher whose runs wait for their turn elsewhere is a Scheduler: see `scheduler`.
attach     The process becomes a client of the session, or an exception says why there is none to join.
rename     Follows the run's name, for people; what the record says of the launcher is updated by the caller.
close      What is left after the end goes, with all that still runs in it.
the end    What the record says of it is the supervisor's word. A launcher may keep something of an ended run for a
           person to see (`Inside.leave`); `close_unless_used` removes it later.
"""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ..config.settings import Settings

KILL_NOW = signal.SIGALRM  # says to a supervisor: the time that the command had to end by itself is over
COMES_AGAIN = "GIT_RUNS_COMES_AGAIN"  # the variable that says to a supervisor: it may be ended, and begun anew


class Job:
    """The supervisor that is to be started for a run."""

    def __init__(
        self, *, command: list[str], name: str, tag: str, log: str, sees_others: bool, stays: bool = True
    ) -> None:
        self.command = command  # of the supervisor; it ends with the path of the run's spec, or of its errand
        self.name = name  # of the run
        self.tag = tag  # marks what the launcher holds of the run; ASCII
        self.log = log  # absolute path of the file that gets all that is printed; it exists
        self.sees_others = sees_others  # whether we see other files than processes that were started before
        self.stays = stays  # whether something may be left of it after its end, for a person to see


class Started:
    """What became of a Job."""

    def __init__(
        self,
        details: dict[str, Any],
        pid: int | None,
        run_here: Callable[[], int] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        self.details = details  # what the record says of it, enough to find it again
        # Of the process that answers for the run until its supervisor says so itself; None: it waits for its turn.
        self.pid = pid
        self.run_here = run_here  # runs it to its end, and gives the exit code; None: it goes on by itself
        self.fields = fields  # of the record that another copy of the repository has of it, if it runs there


class Launcher(ABC):
    """Starts runs, and finds them again."""

    name: str  # as the record and the setting `launcher` have it
    is_here: bool  # whether it starts the supervisor itself, and not a process that was there before
    noun: str | None  # what a person calls what it holds of a run, "tmux session"; None: it holds nothing to attach to
    is_scheduler = False  # whether its runs wait for their turn, to run on hosts of its choice: see `scheduler`
    is_away = False  # whether they run in another copy of the repository, with the settings and variables there

    @abstractmethod
    def check(self) -> None:
        """Raises ToolMissing or ToolTooOld where nothing can be started."""

    @abstractmethod
    def start(self, job: Job, settings: Settings) -> Started:
        """Start the supervisor, with the settings in force. Raises ToolMissing or LaunchFailed."""

    @abstractmethod
    def abandon(self, job: Job, settings: Settings) -> None:
        """Remove what an interrupted `start` has left, however far it came."""

    @abstractmethod
    def sessions(self, details: Iterable[Mapping[str, Any]]) -> dict[str, Session]:
        """What there is of the runs with those `Started.details`, and of others beside them, by their tags.

        Raises ToolMissing and LauncherSilent.
        """

    def start_all(self, jobs: Sequence[Job], settings: Settings, at_once: int | None) -> list[Started]:
        """Start many, of which `at_once` may run at the same time, if the launcher can see to that; all or none."""
        with ExitStack() as undo:
            started = []
            for job in jobs:
                undo.callback(self.abandon, job, settings)
                started.append(self.start(job, settings))
            undo.pop_all()
        return started

    def stop(self, details: Mapping[str, Any], process: Mapping[str, Any], *, at_once: bool) -> None:
        """Let the supervisor, which is that process, end the run: SIGTERM to all its processes, or SIGKILL."""
        stop_here(process, at_once=at_once)


def stop_here(process: Mapping[str, Any], *, at_once: bool) -> None:
    """Do so where the supervisor is a process of this host."""
    with suppress(ProcessLookupError):
        for number in (KILL_NOW if at_once else signal.SIGTERM, signal.SIGCONT):
            os.kill(int(process["pid"]), number)


class Session(ABC):
    """What a launcher holds of one run, going on or ended."""

    is_running: bool  # whether something of the run still goes on, or waits to

    @abstractmethod
    def attach(self) -> None:
        """Join it: the process becomes its client, and this does not return."""

    @abstractmethod
    def rename(self, name: str) -> dict[str, Any]:
        """Call it after the run, which is now `name`; gives the new details for the record."""

    @abstractmethod
    def close(self) -> None:
        """End it, with all that still runs in it."""

    @abstractmethod
    def close_unless_used(self) -> bool:
        """Close it if nothing runs in it and nobody is attached; whether it was closed."""


class Inside(ABC):
    """What surrounds a supervisor: the inner side of a launcher."""

    advice: str  # what to do where it has the supervisor see other files than whoever started the run

    @abstractmethod
    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """The environment of whoever started the run, with the variables that describe the terminal as they are
        here."""

    def known(self) -> dict[str, Any]:
        """The fields of the record that are known only where the run goes on."""
        return {}

    def details(self) -> dict[str, Any]:
        """The same of what the record says of the launcher."""
        return {}

    def found(self) -> dict[str, Any]:
        """What `Started.details` was, for whoever could not record it."""
        return {}

    @abstractmethod
    def began(self, group: int) -> None:
        """Called with the process group of what is run, once it runs."""

    @abstractmethod
    def mark(self, marker: bytes) -> None:
        """Put a control string into the log, after all that was printed. Raises OSError."""

    @abstractmethod
    def complete_log(self, log: str, marker: bytes, prints_still: Callable[[], bool]) -> None:
        """Return when all that was printed is in the log, at that path, or after a while without any progress.

        `marker` may be used for that; it is removed again unless somebody `prints_still`.
        """

    @abstractmethod
    def leave(self, *, keep: bool | None) -> None:
        """Called last. What a person sees of the run stays or goes; None: it stays while somebody is attached."""
