"""What is here of remotes: refs that git, which renames and removes remotes, knows nothing of, and what exchanges left
that were interrupted. No ref is removed that may keep what is nowhere else."""

from __future__ import annotations

from functools import partial

from ..records import locks
from ..records.remotes import REMOTES
from ..sharing import remote as remotes
from ..sharing.remote import LOCK, Remote
from ..system.files import age_of, entries, unlink_if
from ..system.git import objects, refstore
from .leftovers import is_idle
from .problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..project import Project

OURS = "refs/git-runs/"
SENT, DRAFT = f"{OURS}outbox/", f"{OURS}draft/"


def problems(project: Project, idle: float) -> Iterator[Problem]:
    """All of them; locks first, which would be in the way of other repairs."""
    yield from _locks(project, idle)
    renamed = remotes.renamed(project)
    for old, new in renamed.items():
        before, now = Remote(project, old), Remote(project, new)
        if before.refs():
            what = f"remote '{old}' is now '{new}', and what was seen of its runs is still under that name"
            mend = partial(now.take_over, before)
            yield Problem("renamed remote", what, path=before.records_here, repair="moved", mend=mend)
    for gone in remotes.left(project):
        if gone.name not in renamed:
            yield _gone(gone)
    refs = refstore.read(refstore.start_reading(OURS, project.repository.common_dir))
    yield from _strange_refs(project, refs)
    yield from _left_refs(project, refs)


def _gone(gone: Remote) -> Problem:
    what = f"'{gone.name}' is no remote any more, and what was seen of its runs is kept"
    places = f"{REMOTES}{gone.name} {gone.synced} {gone.pushed} {gone.lost}"
    remove = f"git for-each-ref --format='delete %(refname)' {places} | git update-ref --stdin"
    advice = f"to use it again: git remote add {gone.name} URL; if nobody needs that: {remove}"
    return Problem("removed remote", what, path=gone.records_here, advice=advice)


def _strange_refs(project: Project, refs: Mapping[str, str]) -> Iterator[Problem]:
    """Refs that should be at commits, and are not: what is there is no run."""
    kinds = objects.kinds(refs.values(), project.repository.common_dir)
    for ref, target in refs.items():
        if (kind := kinds[target]) in ("tag", "blob", "tree"):
            mend = partial(refstore.delete, ref, target)
            yield Problem("strange ref", f"{ref} is at a {kind}", path=ref, repair="removed", mend=mend)


def _left_refs(project: Project, refs: Mapping[str, str]) -> Iterator[Problem]:
    """Of exchanges that were interrupted. What was to be sent to a remote stays: the next exchange with it takes that
    into account."""
    configured = {*remotes.names(project)}
    for ref, target in refs.items():
        prefix = ref[: len(OURS) + ref[len(OURS) :].find("/") + 1]
        name = ref[len(prefix) :]
        is_left = prefix == DRAFT or (prefix == SENT and name not in configured)
        if is_left and not locks.is_held(Remote(project, name).lock):
            what, mend = f"{ref} was left by a process that has ended", partial(refstore.delete, ref, target)
            yield Problem("left ref", what, path=ref, repair="removed", mend=mend)


def _locks(project: Project, idle: float) -> Iterator[Problem]:
    for entry in entries(project.repository.common_dir):
        if not (entry.name.startswith(LOCK) and entry.name.endswith(locks.SUFFIX)):
            continue
        try:
            content = locks.read(entry.path)
        except OSError:
            continue
        what, is_old = f"'{entry.path}' exists since {age_of(entry.path):.0f} s", is_idle(entry.path, idle)
        if locks.is_left(content):
            what = f"'{entry.path}' was left by a process that has ended"
            mend = partial(locks.break_left, entry.path)
            yield Problem("lock", what, path=entry.path, repair="removed", mend=mend)
        elif is_old and locks.is_anonymous(content):
            mend = partial(unlink_if, entry.path, locks.is_anonymous)
            yield Problem("lock", f"{what}, and does not say who made it", path=entry.path, repair="removed", mend=mend)
        elif is_old:
            advice = "if no git runs process is using it, remove the file"
            yield Problem("lock", what, path=entry.path, advice=advice)
