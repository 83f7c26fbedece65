"""What every command starts from: the repository, its settings, and the runs dir."""

from __future__ import annotations

from . import config
from .outputs import Outputs
from .store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Settings
    from .git import Repository, Search


class Project:
    """A repository and its runs."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self.repository = repository
        self.settings = settings
        self.store = Store(settings.runs_dir)
        self.outputs = Outputs(settings.runs_dir)


def find(search: Search, options: Mapping[str, list[str]] | None = None) -> Project:
    """The project that git finds, with settings given on the command line, by key.

    Raises GitFailed, ToolTooOld, BadConfig, BadValue or MainWorkTreeUnknown.
    """
    repository = search.repository()
    return Project(repository, config.load(repository, options or {}))
