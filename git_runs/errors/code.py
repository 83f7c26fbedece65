"""The work tree, the commit of a run, and the names of its refs."""

from __future__ import annotations

from .base import Negative, RunsError, few

SHOWN = 3  # items of a list in a message
MEBIBYTE = 1 << 20


class NotClean(RunsError):
    """The work tree has changes that the run's commit would not hold."""

    def __init__(self, changes: list[str], doing: str, *hints: str) -> None:
        super().__init__(
            f"the work tree is not clean, so {doing}: {few(changes, SHOWN)}",
            "commit the changes, put them away with 'git stash -u', or ignore files that do not matter",
            *hints,
        )


class HiddenChanges(RunsError):
    """Tracked files are changed, and git is set to ignore that."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(
            "the work tree has changes that git is set not to see, and that no commit would hold: " + few(paths, SHOWN),
            "to see them: git update-index --no-assume-unchanged --no-skip-worktree <file>; then commit them",
        )


class SnapshotTooLarge(RunsError):
    """The untracked files that a snapshot would hold have more bytes than it may; `sizes` are bytes by path."""

    SHOWN = 5

    def __init__(self, sizes: dict[str, int], limit: int) -> None:
        import shlex

        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[: self.SHOWN]
        super().__init__(
            f"a snapshot would add {mebibytes(sum(sizes.values()))} of untracked files, more than"
            f" {mebibytes(limit)}; the largest: " + ", ".join(f"{path} ({mebibytes(sizes[path])})" for path in largest),
            f"to keep them all the same: --snapshot-limit={sum(sizes.values()) // MEBIBYTE + 1}m",
            f"to leave the largest out: echo {shlex.quote('/' + largest[0])} >>$(git rev-parse --git-path info/exclude)"
            "; an isolated run gets it by runs.link",
        )


class NotOfThisCommit(RunsError):
    """The commit that keeps bytes of the repository at `path`, by a record, has nothing to do with its commit."""

    def __init__(self, commit: str, path: str) -> None:
        whose = f"the snapshot of '{path}'" if path else "the run's commit"
        super().__init__(
            f"{commit}, in which the record has bytes of the run, is not kept beside {whose}",
            "somebody has edited the record: see what that commit holds before you remove 'bytes' from it",
        )


def mebibytes(size: int) -> str:
    """A number of bytes, in words."""
    return "less than 0.1 MiB" if 0 < size < MEBIBYTE / 10 else f"{size / MEBIBYTE:.1f} MiB"


class LinkedFileIsTracked(RunsError):
    """What is linked into an isolated work tree cannot come from its commit, too."""

    def __init__(self, path: str) -> None:
        super().__init__(f"runs.link leads to '{path}', which is tracked", "name the ignored paths beside it")


class InvalidName(RunsError):
    """The name breaks a rule for run names; `rule` says which."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"'{name}' is not a valid run name: {rule}")


class NameTaken(RunsError):
    """A run of that name exists; `hint` says what the command can do about it, if anything."""

    HINT = "use --timestamp to add the time to the name, or --overwrite to delete the old run first"

    def __init__(self, name: str, hint: str = HINT) -> None:
        super().__init__(f"run '{name}' already exists", *([hint] if hint else []))


class NameClash(RunsError):
    """Two names of which one would be the group of the other, as with branches."""

    def __init__(self, name: str, other: str) -> None:
        super().__init__(
            f"runs '{name}' and '{other}' cannot both exist: '{min(name, other, key=len)}' would be a run and a group",
            f"choose another name, or move '{other}' first",
        )


class SubmoduleHasRun(RunsError):
    """A submodule has a ref of the run's name at another commit."""

    def __init__(self, git_dir: str, ref: str) -> None:
        super().__init__(
            f"{ref} exists in the submodule's repository '{git_dir}'",
            f"choose another name, or, if nobody needs the ref, git --git-dir='{git_dir}' update-ref -d {ref}",
        )


class RefGone(RunsError):
    """The record is there, but the ref that should keep its commit is not."""

    def __init__(self, ref: str, commit: str, *, is_here: bool, host: str) -> None:
        elsewhere = f"look for the commit in other clones of the repository; it was last seen on host '{host}'"
        hint = f"git update-ref {ref} {commit}" if is_here else elsewhere
        super().__init__(f"there is no {ref}; the record says it was at {commit}", hint)


class CodeNotHere(RunsError):
    """A run of another tool was imported, and its commit is not in this repository, or nobody knows it."""

    def __init__(self, name: str, tool: str, commit: str) -> None:
        hint = "fetch the commit, then: git runs fsck --repair" if commit else ""
        which = f"its commit {commit} is not in this repository" if commit else "at which commit it ran is not known"
        super().__init__(f"run '{name}' was imported from {tool}, and {which}", *filter(None, [hint]))


class RefMoved(RunsError):
    """Ref and record disagree, so that nobody can say what ran."""

    def __init__(self, ref: str, commit: str, recorded: str) -> None:
        super().__init__(
            f"{ref} is at {commit}, but the record says {recorded}: one of them was changed",
            "put right whichever was, with git update-ref or in the record",
        )


class CommitMissing(Negative):
    """A run's commit is not in this repository, or, where it is "", not known."""

    def __init__(self, name: str, commit: str) -> None:
        what = f"its commit '{commit}' is not in this repository; fetch it and try again"
        super().__init__(f"run '{name}': {what if commit else 'at which commit it ran is not known'}")


class StaysHere(RunsError):
    """A run is to be started on another host, and a commit does not take there all of its code."""

    def __init__(self, missing: list[str]) -> None:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        super().__init__(
            f"not all of the run's code can be sent to another host: {', '.join(missing[:3])}{more}",
            "only what git keeps in commits of this repository goes there, no submodules, and no files of git-lfs;"
            " to start it there by hand: git push, and git runs new on that host",
        )
