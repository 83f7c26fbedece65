"""The work tree that a run starts from: where HEAD is, what differs from it, and the environment for commands."""

from __future__ import annotations

import os
from functools import cached_property

from ..errors.code import NotClean
from ..system.git import config, objects, status, variables
from ..system.git.status import WorkTreeState
from . import index, snapshot, sparse
from .limits import Untracked
from .snapshot import Snapshot
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..project import Project


class WorkTree:
    """What git says of the work tree; it checks while we do something else."""

    def __init__(self) -> None:
        self._status = status.start()
        self._hidden = index.start_hidden()
        self._subject = objects.start_subject()
        variables.start_local()
        self.untracked: Untracked | None = None  # what is not tracked, if that is being listed

    def list_untracked(self, project: Project) -> None:
        """Begin to list what is not tracked, for a run that is to have all of it, or to miss some of it."""
        if (project.settings.isolate or project.settings.dirty == "snapshot") and project.repository.top:
            self.untracked = Untracked(project.repository.top)

    @cached_property
    def state(self) -> WorkTreeState:
        """Where HEAD is and what differs from it; raises GitFailed without a work tree."""
        return status.read(self._status)

    def hidden(self, project: Project) -> list[str]:
        """The changed files whose changes git is set to ignore, from the top."""
        return index.read_hidden(self._hidden, project.repository.top or "")

    @cached_property
    def subject(self) -> str:
        """The first line of HEAD's message, "" on an unborn branch."""
        return self._subject.output().rstrip("\n") if self.state.commit else ""

    @property
    def head(self) -> Snapshot:
        """HEAD, as code to run; raises GitFailed, in git's words, on an unborn branch."""
        return Snapshot(self.state.commit or self._subject.output(), [], {})

    def code(self, project: Project, name: str) -> Snapshot:
        """The commit that the run `name` is to run: HEAD, or a snapshot where something is changed.

        Raises SnapshotTooLarge and GitFailed.
        """
        settings, repository = project.settings, project.repository
        tree = Tree(repository.top or "", repository.git_dir, dict(os.environ))
        if settings.dirty != "snapshot" and not settings.isolate:
            code = self.head
            if repository.is_sparse:
                code.sparse = sparse.set_here(tree)
            return code
        return snapshot.take(
            tree,
            WorkTreeState(self.state.commit, self.state.branch, changes(project, self.state)),
            f"snapshot for run '{name}'\n",
            include=settings.include,
            exclude=[project.store.root, *project.links.values()],
            limit=settings.snapshot_limit,
            # In a sparse tree git shows files outside of the patterns as ordinary ones, unless it is asked by `tree`.
            listing=None if repository.is_sparse else self._hidden.output(),
            checkout=config.Checkout(repository.config),
        )

    @staticmethod
    def environment() -> dict[str, str]:
        """Our environment without what git added to it, which would tie the command to this repository."""
        git_only = {*variables.local(), *variables.ADDED_BY_GIT}
        environment = {key: value for key, value in os.environ.items() if key not in git_only}
        if environment.get("GIT_EDITOR") == ":":
            del environment["GIT_EDITOR"]
        if "GIT_INDEX_FILE" in os.environ:  # a hook of `git commit`, which sets it to that of the commit
            for part in ("NAME", "EMAIL", "DATE"):
                environment.pop(f"GIT_AUTHOR_{part}", None)
        if exec_path := os.environ.get("GIT_EXEC_PATH"):
            environment["PATH"] = environment.get("PATH", "").removeprefix(exec_path + ":")
        return environment


def changes(project: Project, state: WorkTreeState) -> list[str]:
    """What differs from HEAD, as `state` has it: changed tracked files, and untracked ones that are not ignored."""
    if not project.store.ignores_itself() and not os.path.islink(project.store.root):
        return state.changes
    # Now it does, but git may have checked in the moment in which it was made; a link to it never does.
    own = os.path.relpath(project.store.root, project.repository.top)
    return [change for change in state.changes if not f"{change}/".startswith(f"?? {own}/")]


def check_clean(project: Project, state: WorkTreeState, doing: str, *hints: str) -> None:
    """Raises NotClean where anything differs from HEAD."""
    if found := changes(project, state):
        raise NotClean(found, doing, *hints)
