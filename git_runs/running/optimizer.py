"""The driver of a sweep that searches for the best values: it asks a study for the next ones when a slot of the queue
is free, registers a run for them, and tells the study what came out when that has ended.

It may be killed at any moment. A trial is written down, with the run that is to be its own, before that is registered;
so whoever goes on finds the run, or registers it now; and a run that ended meanwhile is told of then. What failed in
former times does not count: other trials take its place.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from importlib import import_module
from math import isfinite

from ..code import refs
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.records import Locked, NoSuchRun
from ..errors.running import OptunaMissing, StudyGoesOn, StudyThere
from ..records import locks, query
from ..records.record import FINISHED, KILLED, Run
from ..results import metrics
from ..results.summary import split
from ..results.values import Values
from ..system.files import prune
from . import background, deletion, launch, lifecycle, moving, queue, registration, slots, space, sweep
from .launch import Launch
from .sweep import Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from ..project import Project
    from ..records.record import Value
    from ..records.trash import Deletion
    from ..results.reading import Summaries
    from ..results.summary import Summary
    from .study import OneTrial, Study

MODULE = "git_runs.running.optimizer"
PAUSE = 0.5  # seconds between two looks at the runs
SAMPLERS = ("tpe", "random")  # study.py has them
PRUNED = "pruned"  # in the field `reason`


class Order:
    """What the driver is to do."""

    def __init__(
        self,
        *,
        group: str,
        command: str,
        values: dict[str, Value],
        fixed: dict[str, str],
        metric: str,
        highest: bool,
        trials: int,
        sampler: str,
        prunes: bool,
        seed: str,
        priority: int,
        options: dict[str, list[str]],
        model: dict[str, Any],
    ) -> None:
        self.group = group  # in which the runs are
        self.command = command  # of which the template is made
        self.values = values  # as they are written
        self.fixed = fixed  # parameters that are the same for all
        self.metric = metric  # what is to become as low as can be
        self.highest = highest  # or as high
        self.trials = trials  # how many
        self.sampler = sampler
        self.prunes = prunes  # whether runs that do badly are ended before their time
        self.seed = seed
        self.priority = priority
        self.options = options  # settings on the command line
        self.model = model  # of a Launch, as JSON


def path(project: Project, group: str, suffix: str) -> str:
    """That of the group's journal, lock or log: see study.py."""
    return os.path.join(project.store.root, "studies", f"{group}.{suffix}")


def check(project: Project, group: str, *, resumes: bool) -> None:
    """Raises OptunaMissing; StudyGoesOn where a driver is at it; and StudyThere where there is one, and runs of it,
    that nobody `resumes`."""
    try:
        import_module(f"{__package__}.study")
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "optuna":
            raise
        raise OptunaMissing from None
    if locks.is_held(path(project, group, "lock")):
        raise StudyGoesOn(group)
    has_study = os.path.exists(path(project, group, "journal"))
    if has_study and not resumes and query.names_of_group(project.store, group):
        raise StudyThere(group)


def start(
    project: Project, order: Order, jobs: int | None, gpus: Sequence[str] | None, *, resumes: bool
) -> slots.Slots:
    """Start the driver, in a session of its own; gives the slots in which its runs go on, as `slots.start` does. Unless
    somebody `resumes` it, what is left of a study whose runs are all gone is put into the trash. Raises StudyGoesOn,
    CannotKeep, ToolMissing, LaunchFailed, and what the file system says."""
    registration.prepare(project)
    if not resumes:
        _put_into_trash(project, order.group)
    asked = slots.start(project, jobs, gpus, asking=())
    log = path(project, order.group, "log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    background.start(
        project,
        MODULE,
        vars(order),
        name=f"git-runs-sweep-{order.group}",
        tag=f"study-{order.group.encode().hex()}",
        directory=slots.directory(project),
        log=log,
    )
    return asked


def _put_into_trash(project: Project, group: str) -> None:
    """The study of a group without runs, beside those that were deleted last, for as long as they are there."""
    journal = path(project, group, "journal")
    if not os.path.exists(journal):
        return
    try:
        with locks.held(path(project, group, "lock"), patience=0.0):
            if not query.names_of_group(project.store, group):
                _keep(project, group, journal)
    except Locked:
        raise StudyGoesOn(group) from None


def _keep(project: Project, group: str, journal: str) -> None:
    days = project.settings.trash_days
    with_runs = (one for one in project.trash.deletions() if query.in_group(group, one.names()))
    kept = next((one for one in with_runs if not os.path.exists(_path_in(one, group))), None)
    if not kept and not days:
        project.trash.discard(journal)
        return
    place = _path_in(kept or project.trash.begin(days), group)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.rename(journal, place)


def _path_in(deletion: Deletion, group: str) -> str:
    return os.path.join(deletion.root, "studies", f"{group}.journal")


def undelete(project: Project, deletion: Deletion, names: Iterable[str]) -> None:
    """Bring back the studies of the groups of these runs, which came back from the deletion; one that has got another
    one meanwhile stays there, which is warned of."""
    for group in sorted({group for name in names for group in refs.groups(name)}):
        kept, journal = _path_in(deletion, group), path(project, group, "journal")
        if not os.path.exists(kept):
            continue
        if os.path.exists(journal):
            warn(f"the search of '{group}' stays in the trash, as '{kept}': there is another one")
            continue
        os.makedirs(os.path.dirname(journal), exist_ok=True)
        os.rename(kept, journal)
        prune(kept, project.store.root)


def move_group(project: Project, group: str, new: str, *, force: bool) -> None:
    """As `moving.move_group`, with the studies of the group and of those in it. Raises StudyGoesOn where a driver is at
    one, and StudyThere where it would take the place of another one."""
    within = {inner for name in query.names_of_group(project.store, group) for inner in refs.groups(name)}
    studied = [one for one in sorted(within) if one == group or one.startswith(f"{group}/")]
    for one in studied:
        if locks.is_held(path(project, one, "lock")):
            raise StudyGoesOn(one)
        other = new + one[len(group) :]
        are_both = all(os.path.exists(path(project, name, "journal")) for name in (one, other))
        if are_both and other not in studied and query.names_of_group(project.store, other):
            raise StudyThere(other, is_moved_onto=True)
    moving.move_group(project, group, new, force=force)
    for one in studied[::-1] if len(new) > len(group) else studied:  # from g to g/x, what is in g/x makes room first
        for suffix in ("journal", "log"):
            with suppress(FileNotFoundError):
                place = path(project, new + one[len(group) :], suffix)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.rename(path(project, one, suffix), place)


def main() -> int:
    """Carry out the order that `start` was given."""
    return background.serve(lambda here, given: _drive(here, Order(**given)))


def _drive(here: Project, order: Order) -> None:
    from .study import Study

    os.chdir(here.repository.top or here.repository.common_dir)  # where git is asked about the code
    with ExitStack() as lock:
        try:
            lock.enter_context(locks.held(path(here, order.group, "lock"), patience=0.0))
        except Locked:
            return  # another driver was faster
        values = space.of(order.values)
        journal = path(here, order.group, "journal")
        study = Study(journal, values, highest=order.highest, sampler=order.sampler, seed=order.seed)
        Driver(here, order, study, Template(order.command, list(values))).work()


class Driver:
    """Starts the trials of an order, and tells the study what came out of them."""

    def __init__(self, here: Project, order: Order, study: Study, template: Template) -> None:
        self._here = here
        self._order = order
        self._study = study
        self._template = template
        self._model = Launch.from_json(order.model)
        self._trials = study.open()
        self._most = order.trials + study.failed
        self._ends: list[bool] = []  # of the trials that ended since others were started: whether they were killed
        self._read: dict[OneTrial, tuple[str, Summaries]] = {}  # what was read of each, and the name that its run had

    def work(self) -> None:
        """Until all trials have ended, or a person has killed all that went on: they have had enough."""
        for trial in self._trials:
            self._take_up(trial)
        while True:
            self._settle_ended()
            may_be_stopped = self._trials and any(self._ends)  # whoever killed one may be killing the others
            if not may_be_stopped:
                if self._ends and all(self._ends):
                    print("all trials that went on were killed: no other is started; --resume goes on")
                    return
                self._ends.clear()
                self._start_others()
            if not self._trials:
                self._say_what_came_out()
                return
            slots.revive(self._here)  # whoever registered a run may have been killed before that, and workers, too
            time.sleep(PAUSE)

    def _settle_ended(self) -> None:
        for trial in [one for one in self._trials if self._has_ended(one)]:
            self._ends.append(self._settle(trial))
            self._trials.remove(trial)
            self._read.pop(trial, None)

    def _start_others(self) -> None:
        free = (slots.read(self._here) or slots.Slots(1)).jobs - len(self._trials)
        for _ in range(min(free, self._most - self._study.begun)):
            trial = self._study.ask()
            self._register(trial)
            self._trials.append(trial)

    # --- runs

    def _take_up(self, trial: OneTrial) -> None:
        """Find the run of a trial that somebody else has begun, or register it now."""
        specs = queue.specs(self._here)  # read first: who is taken since is not queued any more
        run = self._here.store.find(trial.run) if "id" in trial.run.record else None
        if run and run.record.is_queued and run.record.text("id") not in specs:
            deletion.delete(self._here, [run], force=False)  # nobody got as far as to let it wait
            run = None
        if run is None:
            self._register(trial)

    def _register(self, trial: OneTrial) -> None:
        name = sweep.free_name(self._order.group, trial.point, self._is_free)
        one = self._model.like(self._template.filled(trial.point), {**trial.point, **self._order.fixed})
        fields = one.record(self._here, name)
        trial.belongs_to(Run(name, fields))
        queue.add(self._here, [(one, fields)], self._order.priority)

    def _is_free(self, name: str) -> bool:
        return launch.is_free(self._here, refs.Neighbours(name))

    def _has_ended(self, trial: OneTrial) -> bool:
        """Whether its run has; one that does badly is ended."""
        with suppress(RunsError):  # somebody edits the record
            run = self._here.store.find(trial.run)
            if run is None or not queue.is_open(self._here, run.record):
                return True
            if self._order.prunes and run.record.is_under_way:
                self._prune(trial, run)
        return False

    def _prune(self, trial: OneTrial, run: Run) -> None:
        for step, value in self._news(trial, run):
            trial.report(step, value)
            if trial.is_to_be_pruned():
                break
        if trial.is_pruned:
            lifecycle.stop(self._here, [run])
            with suppress(NoSuchRun), self._here.store.change(run) as fields:
                if fields.text("status") == KILLED:
                    fields["reason"] = PRUNED

    def _news(self, trial: OneTrial, run: Run) -> Iterator[tuple[int, float]]:
        """The steps of the outline of the run's metric that the study does not know, and their values."""
        found = self._outlines(trial, run)
        key, _ = split(self._order.metric, found)
        for step, value in found[key][1].points if key in found else ():
            if step > trial.reached and isfinite(value):
                yield int(step), value

    def _outlines(self, trial: OneTrial, run: Run) -> dict[str, tuple[str, Summary]]:
        """The source and the Outline of each of the run's metrics; no more is read than what was appended."""
        if trial not in self._read or self._read[trial][0] != run.name:  # new, or moved
            self._read[trial] = run.name, metrics.outlines(self._here, run)
        _, read = self._read[trial]
        read.update()
        return read.by_key()

    def _settle(self, trial: OneTrial) -> bool:
        """Tell the study of the end of its run; whether that was killed, or deleted, by a person."""
        run = self._here.store.find(trial.run)
        value = self._value(run) if run and run.record.status == FINISHED else None
        if run and value is not None:
            if self._order.prunes:
                self._report_all(trial, run)
            trial.succeeded(value)
            return False
        trial.failed()
        if run and run.record.status == FINISHED:
            print(f"run '{run.name}' has no number as '{self._order.metric}': it counts as failed")
        return not trial.is_pruned and (run is None or run.record.status == KILLED)

    def _report_all(self, trial: OneTrial, run: Run) -> None:
        """Others are judged by all that a good run has reached, however fast it was."""
        with suppress(RunsError, OSError):
            for step, value in self._news(trial, run):
                trial.report(step, value)

    def _value(self, run: Run) -> float | None:
        with suppress(TypeError, ValueError):
            found = float(Values(self._here).of(run, f"metrics.{self._order.metric}"))
            return found if isfinite(found) else None
        return None

    def _say_what_came_out(self) -> None:
        print(f"{self._study.begun - self._study.failed} trials have ended, and {self._study.failed} failed")
        if best := self._study.best():
            print(f"best: {best[0].name} with {self._order.metric} {best[1]}")
