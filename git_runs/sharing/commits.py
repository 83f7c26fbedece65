"""The commits of runs of remotes, which are fetched when they are needed: a fetch of records brings none."""

from __future__ import annotations

from contextlib import suppress

from ..console.messages import warn
from ..errors.sharing import CommitNotThere, NoCommitNamed
from ..errors.system import GitFailed, NotThere
from ..system.git import objects, remotes
from . import remote
from .remote import BUNDLE, Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..project import Project
    from ..records.record import Run


def bring(project: Project, run: Run) -> None:
    """Have the commit of a run of a remote here; of a run that is here, nothing is fetched.

    It may be kept by nothing but the ref that stands for the run here, or by nothing at all. Raises NoCommitNamed,
    CommitNotThere, NoSuchRemote and GitFailed.
    """
    if run.remote is None:
        return
    recorded = run.record.text("commit")
    if not objects.is_hash(recorded):
        raise NoCommitNamed(run.name)
    if _is_here(recorded):
        return
    if run.remote != BUNDLE:
        there = remote.find(project, run.remote)
        _fetch(there, run, recorded)
    if not _is_here(recorded):
        raise CommitNotThere(run.name, recorded, run.remote)


def _is_here(commit: str) -> bool:
    return objects.resolve(commit) == commit


def _fetch(there: Remote, run: Run, recorded: str) -> None:
    """By the ref that the run has on the remote, or else by the hash alone."""
    theirs, ours = there.run_there(run.own_name), there.run_here(run.own_name)
    there.make_room([run.own_name])
    try:
        remotes.fetch(there.name, [f"+{theirs}:{ours}"])
        if (tip := objects.resolve(ours)) != recorded:
            warn(f"{theirs} on {there.name} is at {tip or 'no commit'}, and not at the one that its record names")
    except NotThere:
        warn(f"{there.name} has no {theirs}")
    if not _is_here(recorded):
        with suppress(GitFailed):  # many hosts give only what a ref leads to
            remotes.fetch(there.name, [recorded])
