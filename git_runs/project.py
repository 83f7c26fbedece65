"""What every command starts from: the repository, its settings, and the runs dir."""

from __future__ import annotations

import os
from functools import cached_property

from .config import layers
from .console.messages import warn
from .records.outputs import Outputs
from .records.runs_dir import share
from .records.store import Store
from .system.git import refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config.settings import Settings
    from .records.record import Record
    from .records.trash import Trash
    from .system.git.discovery import Repository, Search


class Project:
    """A repository and its runs."""

    def __init__(self, repository: Repository, settings: Settings, umask: int | None = None) -> None:
        """`umask`: the user's, if ours is another by now."""
        self.repository = repository
        self.settings = settings
        ours = share(settings.shared)
        self.umask = ours if umask is None else umask  # the user's, for commands
        self.store = Store(settings.runs_dir, common_dir=repository.common_dir, is_kept=settings.history is not None)
        self.outputs = Outputs(settings.runs_dir)

    @cached_property
    def trash(self) -> Trash:
        """What was deleted in the runs dir."""
        from .records.trash import Trash

        return Trash(self.settings.runs_dir)

    @property
    def links(self) -> dict[str, str]:
        """Where the links that isolated runs get lead, by path from the top of the work tree: runs.link."""
        return {path: os.path.join(self.repository.top or "", path) for path in self.settings.link}

    @property
    def jobs(self) -> str:
        """Where it is noted which runs were given to schedulers; nothing is there where none was."""
        return os.path.join(self.store.root, "jobs")

    @property
    def has_jobs(self) -> bool:
        """Whether any run may have been given to a scheduler; where none was, nobody has to pay for that."""
        return os.path.isdir(self.jobs)

    def tag(self, fields: Record) -> str:
        """What marks a run's session: the run, and which copy of the repository it was started in, in ASCII."""
        return f"{fields.text('id')} {self.store.root!a}"


def find(search: Search, options: Mapping[str, list[str]] | None = None, *, mends: bool = False) -> Project:
    """The project that git finds, with settings given on the command line, by key. Where the runs dir is gone, that is
    said, unless it is for a command that `mends` it.

    Raises GitFailed, ToolTooOld, BadConfig, BadValue or MainWorkTreeUnknown.
    """
    repository = search.repository()
    found = Project(repository, layers.load(repository, options or {}))
    if not mends and not os.path.isdir(found.store.records):
        _miss_runs_dir(found)
    return found


def _miss_runs_dir(project: Project) -> None:
    """Warn where it is gone, and refs of runs are left."""
    if not refstore.at_most(project.repository, refstore.RUNS):  # seen without git
        return
    if left := refstore.read(refstore.start_reading(refstore.RUNS)):
        there = "there are refs of runs" if len(left) > 1 else "there is a ref of a run"
        warn(f"there is no runs dir '{project.store.root}', but {there}; to have records again: git runs adopt --all")
