"""refs/git-runs/trash/<deletion>/<name>: what keeps the commits of deleted runs until the trash is emptied.

A ref of a run and that of its deletion change places in one transaction of git-update-ref(1). See records/trash.py for
the files.
"""

from __future__ import annotations

from contextlib import suppress

from ..errors.system import GitFailed
from ..system.git import refstore
from . import refs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "refs/git-runs/trash/"


def to_trash(deletion: str, commits: Mapping[str, str | None]) -> None:
    """Delete the runs' refs, all or none, but keep their commits, as far as they are known, among the deleted."""
    refstore.update(word for name, commit in commits.items() for word in _to_trash(deletion, name, commit))


def _to_trash(deletion: str, name: str, commit: str | None) -> tuple[str, ...]:
    keep = (f"update {in_trash(deletion, name)}", commit, "") if commit else ()
    return *keep, f"delete {refs.ref(name)}", ""


def from_trash(deletion: str, commits: Mapping[str, str]) -> None:
    """Create the refs of deleted runs at their commits again, all or none; raises GitFailed where one is there, and is
    another."""
    refstore.update(word for name, commit in commits.items() for word in _from_trash(deletion, name, commit))


def _from_trash(deletion: str, name: str, commit: str) -> tuple[str, ...]:
    return f"create {refs.ref(name)}", commit, f"delete {in_trash(deletion, name)}", ""


def to_trash_in_submodule(git_dir: str, deletion: str, name: str, commit: str) -> None:
    """The same for the run's ref in the repository of a submodule, if it still is at `commit`."""
    keep = f"update {in_trash(deletion, name)}", commit, ""
    with suppress(GitFailed):
        refstore.update([*keep, f"delete {refs.ref(name)}", commit], git_dir)


def from_trash_in_submodule(git_dir: str, deletion: str, name: str, commit: str) -> None:
    """And back again; raises SubmoduleHasRun."""
    refs.create_in_submodule(git_dir, name, commit)
    forget_in_submodule(git_dir, deletion, name)


def forget_in_submodule(git_dir: str, deletion: str, name: str) -> None:
    """Let go of the commit that a deleted run had in the repository of a submodule."""
    with suppress(GitFailed):
        refstore.update([f"delete {in_trash(deletion, name)}", ""], git_dir)


def in_trash(deletion: str, name: str) -> str:
    """The full name of the ref that keeps the commit of a deleted run."""
    return f"{PREFIX}{deletion}/{name}"


class Deleted:
    """The commits of all deleted runs: git reads them while we do something else."""

    def __init__(self) -> None:
        self._call = refstore.start_reading(PREFIX).read_ahead()

    def by_deletion(self) -> dict[str, dict[str, str]]:
        """By deletion, and then by name; raises GitFailed."""
        found: dict[str, dict[str, str]] = {}
        for full_name, commit in refstore.read_each(self._call):
            deletion, _, name = full_name[len(PREFIX) :].partition("/")
            found.setdefault(deletion, {})[name] = commit
        return found


def commits_of(deletion: str) -> dict[str, str]:
    """The commits of the runs of one deletion, by name; raises GitFailed."""
    prefix = in_trash(deletion, "")
    return {name[len(prefix) :]: commit for name, commit in refstore.read(refstore.start_reading(prefix)).items()}


def forget(deletion: str, names: Iterable[str]) -> None:
    """Let go of the commits of deleted runs."""
    refstore.update(word for name in names for word in (f"delete {in_trash(deletion, name)}", ""))
