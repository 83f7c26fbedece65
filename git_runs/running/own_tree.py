"""Whether a run can have a work tree of its own here, where that stands, and what a person has to know of it."""

from __future__ import annotations

import os
import shlex
import sys

from .. import launchers
from ..code import limits
from ..code.limits import Untracked
from ..code.stand_in import StandIn
from ..console.messages import hint, warn
from ..environment.interpreter import Command
from ..errors.system import MountsForbidden, ToolMissing
from ..records.record import MOUNT, Record
from ..system import mounts
from ..system.files import is_below
from ..system.git import objects, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..project import Project

TREE = "true"  # how a run is isolated: this and MOUNT are values of runs.isolate
SHOWN = 5  # paths that an isolated run will miss


def isolation_by(project: Project, setting: str) -> str:
    """How a run is isolated by that value of `runs.isolate`, here: TREE, MOUNT, or "" for not at all; a run that waits
    for its turn always is.

    Where MOUNT is only to be if that is possible, and is not, that is said. Raises MountsForbidden and ToolMissing.
    """
    launcher = launchers.named(project.settings.launcher)
    if launcher.is_away or (launcher.is_scheduler and not setting):
        return TREE
    if not setting.startswith(MOUNT):
        return setting
    try:
        _check(project)
    except (MountsForbidden, ToolMissing) as error:
        if setting == MOUNT:
            raise
        warn(f"{error.message}; the run's own work tree is at another path")
        return TREE
    return MOUNT


def _check(project: Project) -> None:
    common_dir, top = project.repository.lasting_common_dir, project.repository.top or ""
    if is_below(project.store.root, common_dir) and is_below(common_dir, top):
        raise MountsForbidden("the runs dir lies in the git dir")
    mounts.check()


def around(project: Project) -> StandIn | None:
    """The work tree of a run that stands in the place which we are in, for a run that is started from there."""
    standing = project.repository.standing
    if not standing:
        return None
    name = project.outputs.heir(standing.name) or standing.name
    fields = project.store.read(name) if project.store.exists(name) else Record()
    return StandIn(
        name=standing.name,
        tree=standing.tree,
        top=standing.top,
        common_dir=standing.common_dir,
        main_top=standing.main_top or None,
        runs_dir=project.outputs.root,
        runs_dir_inside=runs_dir_inside(project),
        links={path: link.text("target") for path, link in fields.links.items()},
        others={},
        submodules=[(path, inner) for path, inner, _ in fields.submodules],
    )


def links(project: Project, isolate: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Where the links of a run lead, by path from the top: runs.link, and, where its work tree takes the place of ours,
    virtualenvs in that which the environment or the settings name: the run would get another Python without a word."""
    top = project.repository.top or ""
    if launchers.named(project.settings.launcher).is_away:
        return {}
    if isolate != MOUNT:
        return project.links
    on_path = [os.path.dirname(place) for place in environment.get("PATH", "").split(":") if place.endswith("/bin")]
    named = [environment.get("VIRTUAL_ENV"), environment.get("CONDA_PREFIX"), project.settings.virtualenv_path]
    found = {}
    for place in map(os.path.normpath, filter(None, [*named, *filter(_is_environment, on_path)])):
        path = os.path.relpath(place, top)
        is_linked = any(is_below(path, link) for link in project.links)
        if place.startswith(f"{top}/") and os.path.isdir(place) and not is_linked and status.ignores(place):
            found[path] = place
    return {**found, **project.links}


def _is_environment(place: str) -> bool:
    """Whether a virtualenv, or an environment of conda, is there."""
    return any(os.path.exists(os.path.join(place, mark)) for mark in ("pyvenv.cfg", "conda-meta"))


def runs_dir_inside(project: Project) -> str | None:
    """Where the runs dir is in the work tree, from its top; None where it is elsewhere."""
    root, top = project.outputs.root, project.repository.top
    return os.path.relpath(root, top) if top and root.startswith(f"{top}/") else None


def warn_of_limits(
    project: Project,
    fields: Record,
    untracked: Untracked | None,
    *,
    include: Iterable[str],
    original: Record | None = None,
) -> None:
    """Warn of what an isolated run takes from elsewhere, and name what it will miss.

    `original` is the record of the run that it reproduces. Where that was isolated, it had no ignored files either, and
    `preconditions.check` has named its code that is taken from elsewhere.
    """
    if not fields.is_isolated:
        return
    original = original or Record()
    was_isolated = original.is_isolated
    if not fields.is_mounted:
        is_known = was_isolated and not original.is_mounted
        _warn_of_ways_out(project, fields, is_known=is_known)
    if not was_isolated:
        _hint_at_missed(project, fields, untracked, include)


def _warn_of_ways_out(project: Project, fields: Record, *, is_known: bool) -> None:
    live = [] if is_known else fields.texts("live")
    if live:
        warn(f"code is taken from this work tree, not from the run's own: {', '.join(live)}")
    outside = limits.leading_elsewhere(fields.outside, project.repository.top or "")
    if outside:
        warn(f"paths that climb out of the tree lead elsewhere from the run's own: {', '.join(outside)}")
    if (live or outside) and "reproduces" not in fields and sys.platform.startswith("linux"):
        hint("to have the run's own tree in the place of yours: --isolate=mount")


def _hint_at_missed(project: Project, fields: Record, untracked: Untracked | None, include: Iterable[str]) -> None:
    top = project.repository.top or ""
    untracked = untracked or Untracked(top)
    missed = untracked.missed(fields.links, include, os.path.relpath(project.store.root, top))
    if "reproduces" in fields and missed:
        held = objects.held(fields.text("commit"), missed)
        missed = [path for path in missed if path.rstrip("/") not in held]
    if not missed:
        return
    hint("ignored, and so not in the run's own work tree:")
    for path in missed[:SHOWN]:
        hint(f"  {path}")
    if len(missed) > SHOWN:
        hint(f"  and {len(missed) - SHOWN} more")
    command = Command(fields.text("input-command"), os.environ, os.path.join(top, fields.text("cwd")), None)
    words = [word for step in command.steps for word in step]
    example = untracked.most_wanted(missed, words, command.cwd)
    shown = shlex.quote(example.rstrip("/"))
    hint(f"if it needs one, to link it: git config --add runs.link {shown}")
    if not untracked.is_virtualenv(example):
        hint(f"or to keep what is there now with the run: git config --add runs.include {shown}")
