"""Which runs of a sweep are to be started, and which of those that are there stay, or make room first."""

from __future__ import annotations

from ..code import refs
from ..errors.running import RefWithoutRecord
from ..records import query
from ..records.record import FAILED, KILLED, LOST
from . import queue, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..project import Project
    from ..records.record import Run, Value
    from .space import Point

TAKEN = "--resume starts what is missing or did not finish, --overwrite deletes what is there first"
DID_NOT_FINISH = (FAILED, KILLED, LOST)


class Plan:
    """The runs of one call."""

    def __init__(self, starts: list[tuple[str, Point]], replaces: list[Run], leaves: list[Run]) -> None:
        self.starts = starts  # names and values of what is to be started
        self.replaces = replaces  # what is to be deleted before
        self.leaves = leaves  # what is there, and goes on, waits or has finished


def anew(project: Project, group: str, points: Sequence[Point], *, overwrites: bool) -> Plan:
    """To start all of them; what has their names is deleted first, or else that raises NameTaken. Raises NameClash,
    RefWithoutRecord and BadRecord."""
    names = sweep.names(group, points)
    starts = list(zip(names, points, strict=True))
    taken = refs.Commits().by_name()
    if not overwrites:
        refs.check_all(names, {*taken, *project.store.names()}, TAKEN)
        return Plan(starts, [], [])
    old = [name for name in names if project.store.exists(name)]
    _check(names, taken, old)
    return Plan(starts, query.find_all(project.store, old), [])


def again(project: Project, group: str, points: Sequence[Point], fixed: Point) -> Plan:
    """To start those with whose values, and those that are `fixed` for all, no run of the group goes on, waits or has
    finished: what did not finish is deleted first. Raises NameClash, RefWithoutRecord and BadRecord."""

    def found(point: Point) -> Run | None:
        (name,) = sweep.names(group, [point])
        return by_values.get(_values({**point, **fixed})) or begun.get(name)

    there = query.find_all(project.store, query.names_of_group(project.store, group))
    specs = queue.specs(project)
    waiting = {one.name for one in there if one.record.text("id") in specs and queue.may_wait(one.record)}
    stale = {one.name for one in there if one.record.status in DID_NOT_FINISH} - waiting
    by_values = {}
    for one in sorted(there, key=lambda one: one.name not in stale):  # what stays counts more
        by_values[_values(one.record.get("params"))] = one
    # Of a start that was interrupted there may be no more than the name.
    begun = {one.name: one for one in there if one.name in stale and "params" not in one.record}
    missing = [point for point in points if not found(point)]
    names = iter(sweep.names(group, missing, {one.name for one in there}))
    plan = Plan([], [], [])
    for point in points:
        run = found(point)
        if run and run.name not in stale:
            plan.leaves.append(run)
            continue
        plan.starts.append((run.name if run else next(names), point))
        plan.replaces += [run] if run else []
    _check([name for name, _ in plan.starts], refs.Commits().by_name(), [run.name for run in plan.replaces])
    return plan


def adrift(project: Project, plan: Plan) -> list[Run]:
    """Those of the runs which stay that should wait in the queue of this host and are not there: whoever was to put
    them there was killed, or is at it."""
    waiting = [run for run in plan.leaves if run.record.is_queued and run.record.is_local]
    specs = queue.specs(project) if waiting else {}
    return [run for run in waiting if "launcher" not in run.record and run.record.text("id") not in specs]


def _values(params: Value) -> frozenset[tuple[str, str]]:
    return (
        frozenset((str(key), str(value)) for key, value in params.items()) if isinstance(params, dict) else frozenset()
    )


def _check(names: Sequence[str], taken: dict[str, str], old: Sequence[str]) -> None:
    """Raises RefWithoutRecord and NameClash."""
    for name in names:
        if name in taken and name not in old:
            raise RefWithoutRecord(refs.ref(name), name)
    refs.check_all([name for name in names if name not in old], taken)
