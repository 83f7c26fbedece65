"""Moving many runs at once: those of a group into another one."""

from __future__ import annotations

from collections import Counter

from ..code import refs
from ..console import progress
from ..console.messages import warn
from ..errors.base import RunsError
from ..records import query
from ..system import signals
from . import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..project import Project
    from ..records.record import Run


def move_group(project: Project, group: str, new: str, *, force: bool) -> None:
    """Rename the runs of a group, so that they are in another one. Where one cannot be moved, those before it are moved
    back. Raises what `move` raises, for one of them."""
    moves = plan_moves(project, names_in_other_group(project, group, new), force=force)
    moved: list[tuple[str, str]] = []
    try:
        for run, name in progress.over(moves, "Moving runs", len(moves)):
            with signals.held():
                lifecycle.move(project, run, name, force=force)
                moved.append((run.name, name))
    except BaseException:
        with signals.held():
            for former, name in reversed(moved):
                try:
                    lifecycle.move(project, query.find(project.store, name), former, force=force)
                except (RunsError, OSError) as error:  # those before it can go back all the same
                    warn(f"run '{name}' could not be moved back to '{former}': {error}")
        raise


def names_in_other_group(project: Project, group: str, new: str) -> dict[str, str]:
    """What the runs of a group would be called in another one."""
    return {name: new + name[len(group) :] for name in query.names_of_group(project.store, group)}


def plan_moves(project: Project, names: Mapping[str, str], *, force: bool) -> list[tuple[Run, str]]:
    """The runs, by their names, with those that they are to get, in an order in which each of these is free by then.

    Raises what `move` raises, as far as that can be known before.
    """
    runs = {run.name: run for run in query.find_all(project.store, names)}
    for run in runs.values():
        refs.validate(names[run.name])
        if not force:
            lifecycle.check_local(run, "moving")
    others = {*refs.Commits().by_name(), *project.store.names()} - {*names}
    refs.check_all(list(names.values()), others, hint="")
    return [(runs[name], names[name]) for name in _in_order(names)]


def _in_order(names: Mapping[str, str]) -> list[str]:
    """The old names in an order in which none is moved onto, below or above one that is still there."""
    ordered: list[str] = []
    waiting = dict(names)
    while waiting:
        groups = Counter(group for name in waiting for group in refs.groups(name))
        free = [old for old, new in waiting.items() if _is_free(old, new, waiting, groups)] or [*waiting]
        ordered += free
        for old in free:
            del waiting[old]
    return ordered


def _is_free(old: str, new: str, waiting: Collection[str], groups: Mapping[str, int]) -> bool:
    """Whether the run can have the new name beside the others that are still there, so many in each group."""
    is_taken = any(name in waiting and name != old for name in (new, *refs.groups(new)))
    return not is_taken and groups.get(new, 0) == refs.groups(old).count(new)
