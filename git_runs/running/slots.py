"""How many runs of this repository's queue on this host go on at once, on which GPUs, and who sees to it.

    <runs dir>/queue/<host>/
        waiting/        what waits: queue.py
        slots.json      {"jobs": N, "gpus": ["0", ...]}: what was asked for last
        stopped         there while no run is to be taken
        slot-<k>.lock   held by the worker that serves slot k, from 0 to N - 1
        slot-<k>.json   {"id", "name"} of the run that it took last, written before that is started
        slot-<k>.log    what the worker had to say
        taking.lock     held by the worker that takes a run just now
        worker-*.json   what a worker is started with, until it has read that: a private file, as a run's spec

A worker is worker.py in a session of the default launcher. It means nothing to the run that it has started, which goes
on without it.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from math import inf

from ..console.messages import counted, warn
from ..errors.base import RunsError
from ..records import locks
from ..records.record import Record, Run
from ..system import whoami
from ..system.files import remove_file, write_whole
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ..project import Project

WORKER = "git_runs.running.worker"
NOBODY = 65534  # owns what is a user's who is not known here: user_namespaces(7)
TENDED = 2.0  # seconds between two looks whether the queue has its workers
BROKEN = (ValueError, KeyError, TypeError)  # where a spec is none, or one of another version


class Slots:
    """So many places for runs, and the GPUs that they share."""

    def __init__(self, jobs: int, gpus: Sequence[str] = ()) -> None:
        self.jobs = jobs
        self.gpus = list(gpus)  # as CUDA_VISIBLE_DEVICES has them; none: nothing is said of GPUs

    def gpus_of(self, slot: int) -> str:
        """What CUDA_VISIBLE_DEVICES is in that slot; "" where nothing is said of GPUs."""
        if len(self.gpus) <= self.jobs:
            return self.gpus[slot % len(self.gpus)] if self.gpus else ""
        first, end = (number * len(self.gpus) // self.jobs for number in (slot, slot + 1))
        return ",".join(self.gpus[first:end])


def directory(project: Project) -> str:
    """Where the queue of this host is."""
    return os.path.join(project.store.root, "queue", whoami.hostname())


def path(project: Project, name: str) -> str:
    """That of a file in it."""
    return os.path.join(directory(project), name)


# --- what waits


def waiting(project: Project) -> Iterator[str]:
    """The specs of the runs that have not begun, in their order; some may be taken just now."""
    top = path(project, "waiting")
    for order in _names(top):
        specs = _names(os.path.join(top, order))
        yield from (os.path.join(top, order, name) for name in specs)
        if not specs:
            with suppress(OSError):  # nothing is ever put into it again
                os.rmdir(os.path.join(top, order))


def takeable(project: Project) -> Iterator[tuple[str, Spec]]:
    """Those of them that a worker of ours may take."""
    for spec in waiting(project):
        with suppress(OSError, *BROKEN):
            read = Spec.read(spec)
            if hindrance(project, spec, read) is None:
                yield spec, read


def hindrance(project: Project, spec: str, read: Spec) -> str | None:
    """Why no worker of ours may take the run that has that spec, in words; None: it may. Raises OSError.

    Where the runs dir is a copy, or was moved, all that the spec names is in the other one, or nowhere.
    """
    if os.geteuid() == 0 and os.stat(spec).st_uid not in (0, NOBODY):  # who else could read it?
        return "it is another user's, and is not to run as root"
    with suppress(OSError):
        if os.path.samefile(read.root, project.store.root):
            return None
    return f"it was queued in '{read.root}', from which this runs dir was copied or moved"


def identifier_of(spec: str) -> str:
    """The `id` of the run whose spec is there."""
    return os.path.basename(spec).removesuffix(".json").partition("-")[2]


def _names(place: str) -> list[str]:
    """What is there, in order, but for what is hidden: that is not complete."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(name for name in os.listdir(place) if not name.startswith("."))
    return []


# --- slots


def read(project: Project) -> Slots | None:
    """What was asked for last; None where nobody has asked for any."""
    try:
        with open(path(project, "slots.json"), encoding="utf-8") as file:
            found = json.load(file)
        return Slots(max(1, int(found["jobs"])), list(map(str, found["gpus"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def start(
    project: Project,
    jobs: int | None = None,
    gpus: Sequence[str] | None = None,
    asking: Collection[str] | None = None,
) -> Slots:
    """Let so many runs of the queue go on at once, and start what workers it takes, unless the queue is stopped.

    None: as many as there are GPUs, where those are given, else `runs.jobs`, else as before, else 1; on the same GPUs
    as before. Raises what the file system says; that no worker could be started is a warning, and so is, where the ids
    of the runs are given for which that is asked, that it changes how many others go on at once.
    """
    before = read(project) or Slots(1)
    asked = jobs or len(gpus or ()) or project.settings.jobs
    slots = Slots(asked or before.jobs, before.gpus if gpus is None else gpus)
    os.makedirs(directory(project), exist_ok=True)
    if vars(slots) != vars(before) or not os.path.exists(path(project, "slots.json")):
        write_whole(path(project, "slots.json"), json.dumps(vars(slots)) + "\n")
        if asking is not None:
            _warn_of_others(project, before.jobs, slots.jobs, asking)
    revive(project)
    return slots


def _warn_of_others(project: Project, before: int, now: int, asking: Collection[str]) -> None:
    """Say that other runs that wait are held to another limit, too."""
    others = sum(identifier_of(spec) not in asking for spec in waiting(project))
    if others and before != now:
        verb = "goes" if now == 1 else "go"
        limit = f"at most {counted(now, 'run')} of the queue {verb} on at once now, and no longer {before}"
        warn(f"{limit}; that holds for {counted(others, 'run')} that waited before, too")


def revive(project: Project) -> bool:
    """Start workers where runs wait, the queue is not stopped, and there are fewer than there are to be; gives whether
    any were started. That none could be is a warning."""
    try:
        return start_workers(project)
    except (RunsError, OSError) as error:
        warn(f"runs wait, and no worker could be started: {error}")
        return False


def start_workers(project: Project) -> bool:
    """The same; raises ToolMissing, LaunchFailed, and what the file system says."""
    if is_stopped(project) or next(takeable(project), None) is None:
        return False
    slots = read(project) or Slots(1)
    idle = [slot for slot in range(slots.jobs) if not is_served(project, slot)]
    missing = [slot for slot, _ in zip(idle, takeable(project), strict=False)]
    for slot in missing:
        _start_worker(project, slot)
    return bool(missing)


class Tending:
    """Sees to it, for whoever waits or watches, and as often as they like, that the queue has its workers."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._last = -inf

    def look(self) -> None:
        """Start those that are missing, unless that was done a moment ago."""
        if time.monotonic() - self._last > TENDED:
            revive(self._project)
            self._last = time.monotonic()


def is_stopped(project: Project) -> bool:
    """Whether no run is to be taken."""
    return os.path.exists(path(project, "stopped"))


def stop(project: Project) -> None:
    """Let no worker take another run."""
    os.makedirs(directory(project), exist_ok=True)
    open(path(project, "stopped"), "a").close()


def resume(project: Project) -> None:
    """Let runs be taken again; no worker is started."""
    remove_file(path(project, "stopped"))


def lock(project: Project, slot: int) -> str:
    """The path of the lock that the worker of that slot holds."""
    return path(project, f"slot-{slot}{locks.SUFFIX}")


def is_served(project: Project, slot: int) -> bool:
    """Whether a worker of that slot lives."""
    return locks.is_held(lock(project, slot))


def are_served(project: Project) -> bool:
    """Whether there is a worker."""
    return any(is_served(project, slot) for slot in range((read(project) or Slots(1)).jobs))


def are_seen(project: Project) -> bool:
    """Whether it can be seen from here that there is one, and not only that there was."""
    slots = range((read(project) or Slots(1)).jobs)
    return any(is_served(project, slot) and not locks.is_unseen(lock(project, slot)) for slot in slots)


def occupant(project: Project, slot: int) -> Run | None:
    """The run that was taken last for that slot, by the name that it had; it may have ended long ago."""
    try:
        with open(path(project, f"slot-{slot}.json"), encoding="utf-8") as file:
            found = json.load(file)
        return Run(str(found["name"]), Record(id=str(found["id"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def occupy(project: Project, slot: int, run: Run) -> None:
    """Note that the run is about to be taken for that slot."""
    content = {"id": run.record.text("id"), "name": run.name}
    write_whole(path(project, f"slot-{slot}.json"), json.dumps(content) + "\n")


# --- workers


def _start_worker(project: Project, slot: int) -> None:
    """One that finds another one in its place ends at once."""
    from . import background

    background.start(
        project,
        WORKER,
        {"slot": slot},
        name=f"git-runs-queue-{slot}",
        tag=f"queue-{slot}",
        directory=directory(project),
        log=path(project, f"slot-{slot}.log"),
    )
