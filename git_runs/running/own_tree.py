"""Whether a run can have a work tree of its own here, where that stands, and what a person has to know of it."""

from __future__ import annotations

import os
import shlex

from ..code import limits
from ..code.limits import Untracked
from ..console.messages import hint, warn
from ..errors.system import MountsForbidden, ToolMissing
from ..records.record import Record
from ..system import mounts
from ..system.git import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..project import Project

TREE, MOUNT = "true", "mount"  # how a run is isolated: values of runs.isolate
SHOWN = 5  # paths that an isolated run will miss


def isolation_by(setting: str) -> str:
    """How a run is isolated by that value of `runs.isolate`, here: TREE, MOUNT, or "" for not at all.

    Where MOUNT is only to be if that is possible, and is not, that is said. Raises MountsForbidden and ToolMissing.
    """
    if not setting.startswith(MOUNT):
        return setting
    try:
        mounts.check()
    except (MountsForbidden, ToolMissing) as error:
        if setting == MOUNT:
            raise
        warn(f"{error.message}; the run's own work tree is at another path")
        return TREE
    return MOUNT


def around(project: Project) -> tuple[str | None, dict[str, str], list[tuple[str, str]]]:
    """The work tree that stands in the place of the one which we are in, with its links and submodules."""
    tree = project.repository.stands_for
    if not tree:
        return None, {}, []
    name = os.path.relpath(tree, os.path.dirname(project.outputs.worktree("any")))
    fields = project.store.read(name) if project.store.exists(name) else Record()
    links = {path: link.text("target") for path, link in fields.links.items()}
    return tree, links, [(path, inner) for path, inner, _ in fields.submodules]


def warn_of_limits(project: Project, fields: Record, untracked: Untracked | None, *, include: Iterable[str]) -> None:
    """Warn of what an isolated run takes from elsewhere, and name what it will miss."""
    if "worktree" not in fields:
        return
    top = project.repository.top or ""
    if fields.text("isolate") != MOUNT:
        if live := fields.texts("live"):
            warn(f"code is taken from this work tree, not from the run's own: {', '.join(live)}")
        if outside := limits.leading_elsewhere(fields.outside, top):
            warn(f"paths that climb out of the tree lead elsewhere from the run's own: {', '.join(outside)}")
    runs_dir = os.path.relpath(project.store.root, top)
    missed = (untracked or Untracked(top)).missed(fields.links, include, runs_dir)
    if "reproduces" in fields and missed:
        held = objects.held(fields.text("commit"), missed)
        missed = [path for path in missed if path.rstrip("/") not in held]
    if missed:
        _hint_at_missed(missed)


def _hint_at_missed(paths: list[str]) -> None:
    hint("ignored, and so not in the run's own work tree:")
    for path in paths[:SHOWN]:
        hint(f"  {path}")
    if len(paths) > SHOWN:
        hint(f"  and {len(paths) - SHOWN} more")
    example = shlex.quote(paths[0].rstrip("/"))
    hint(f"if it needs one, to link it: git config --add runs.link {example}")
    hint(f"or to keep what is there now with the run: git config --add runs.include {example}")
