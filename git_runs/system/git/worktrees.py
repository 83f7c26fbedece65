"""Linked work trees, and what is checked out in them: git-worktree(1)."""

from __future__ import annotations

import os

from ...errors.system import GitFailed
from . import calls, variables

# The commit itself, and no advice on being at no branch.
_DETACHING = ("--no-replace-objects", "-c", "advice.detachedHead=false")


def switch(commit: str, git_dir: str) -> str:
    """Detach HEAD at `commit` in the work tree that we are in, whose git dir that is; what git says of it.

    Raises GitFailed where a file would be lost, or in the middle of a rebase or the like, where git-switch(1) refuses,
    and of a bisection, of which it would only warn.
    """
    if os.path.exists(os.path.join(git_dir, "BISECT_LOG")):
        raise GitFailed(
            'fatal: cannot switch branch while bisecting\nConsider "git bisect reset HEAD" or "git worktree add".\n'
        )
    code, _, stderr = calls.start(*_DETACHING, "switch", "--no-overwrite-ignore", "--detach", commit).finish()
    if code:
        raise GitFailed(stderr)
    return stderr


def adding(git_dir: str, place: str, commit: str) -> list[str]:
    """The command that makes a linked work tree at `place`, with HEAD detached at `commit`."""
    # All of the commit, even if only a part of it is checked out here.
    options = (*_DETACHING, "-c", "core.sparseCheckout=false")
    return ["git", *calls.at(git_dir), *options, "worktree", "add", "--force", "--detach", place, commit]


def make(git_dir: str, place: str, commit: str) -> None:
    """Make a linked work tree at `place`, with HEAD detached at `commit`; raises GitFailed."""
    calls.run(*adding(git_dir, place, commit)[1:])


def locking(git_dir: str, place: str, reason: str) -> list[str]:
    """The command that keeps `git worktree remove`, `move` and `prune` from the linked work tree at `place`."""
    return ["git", *calls.at(git_dir), "worktree", "lock", f"--reason={reason}", place]


def unlock(git_dir: str, place: str) -> None:
    """Undo it; nothing where that is not locked."""
    calls.start(*calls.at(git_dir), "worktree", "unlock", place).finish()


def remove(git_dir: str, place: str) -> None:
    """Remove the linked work tree at `place`, whatever is in it; nothing where there is none."""
    calls.start(*calls.at(git_dir), "worktree", "remove", "--force", "--force", place).finish()


def repair(git_dir: str, place: str) -> None:
    """Let the repository know that a linked work tree has been moved to `place`; raises GitFailed."""
    calls.run(*calls.at(git_dir), "worktree", "repair", place)


def past_heads(top: str) -> set[str]:
    """The commits that HEAD has been at in the work tree at `top`."""
    environment = variables.without_repository()
    past = ("log", "--walk-reflogs", "--no-show-signature", "--format=%H")
    answers = [calls.Call("-C", top, *words, environment=environment) for words in (past, ("rev-parse", "HEAD"))]
    return {commit for call in answers for commit in call.finish()[1].split()}
