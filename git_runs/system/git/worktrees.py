"""Linked work trees, and what is checked out in them: git-worktree(1)."""

from __future__ import annotations

import os
from contextlib import suppress

from ...errors.system import GitFailed
from ..files import entries
from . import calls, variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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


def making(git_dir: str, place: str, commit: str, sparse: list[str]) -> Iterator[list[str]]:
    """The commands that make a linked work tree at `place`, with HEAD detached at `commit`. Each has to be carried out
    before the next is asked for.

    `sparse` are the patterns of what is checked out, in the form that is not cone mode; none: all. Raises GitFailed,
    and what the file system says.
    """
    # Whatever part of the commit is checked out here.
    options = (*_DETACHING, "-c", "core.sparseCheckout=false")
    adding = ["git", *calls.at(git_dir), *options, "worktree", "add", "--force", "--detach"]
    if not sparse:
        yield [*adding, place, commit]
        return
    yield [*adding, "--no-checkout", place, commit]
    _set_patterns(place, sparse)
    options = ("--no-replace-objects", "-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")
    yield ["git", "-C", place, *options, "reset", "--hard", "--no-recurse-submodules"]


def make(git_dir: str, place: str, commit: str, sparse: list[str]) -> None:
    """Make such a linked work tree; raises GitFailed, and what the file system says."""
    for command in making(git_dir, place, commit, sparse):
        calls.Call(*command[1:], environment=variables.without_repository()).output()


def build(place: str, commit: str, raw: bytes, objects_dir: str, sparse: list[str]) -> None:
    """Make a repository at `place`, where nothing is, with HEAD detached at `commit`, of which `raw` is the content.

    What the commit holds is copied from the objects of another repository, at `objects_dir`; what came before it is
    nowhere. `sparse` are patterns as of `making`.
    Raises GitFailed, and what the file system says.
    """
    if os.path.isdir(place) and os.listdir(place):
        raise GitFailed(f"fatal: '{place}' is not empty\n")
    environment = variables.without_repository()
    kind = "sha1" if len(commit) == 40 else "sha256"
    options = ("-q", "--template=", f"--object-format={kind}")
    calls.Call("-c", "advice.defaultBranchName=false", "init", *options, place, environment=environment).output()
    git_dir = os.path.join(place, ".git")
    alternates = os.path.join(git_dir, "objects", "info", "alternates")
    for path, line in ((alternates, objects_dir), (os.path.join(git_dir, "shallow"), commit)):
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(line + "\n")
    storing = ("-C", place, "hash-object", "-t", "commit", "-w", "--stdin")
    if (stored := calls.Call(*storing, stdin=raw, environment=environment).output().strip()) != commit:
        raise GitFailed(f"fatal: what is kept of commit {commit} is commit {stored}\n")
    if sparse:
        calls.Call("-C", place, "config", "extensions.worktreeConfig", "true", environment=environment).output()
        _set_patterns(place, sparse)
    # git-checkout(1) would leave out what is missing, and say that all is well.
    for words in (("update-ref", "--no-deref", "HEAD", commit), ("reset", "-q", "--hard", "--no-recurse-submodules")):
        calls.Call("-C", place, "--no-replace-objects", *words, environment=environment).output()
    calls.Call("-C", place, "repack", "-a", "-d", "-q", environment=environment).output()
    os.unlink(alternates)


def _set_patterns(place: str, sparse: list[str]) -> None:
    """Let git check out no more than that in the work tree at `place`, and in no other."""
    words = ("-C", place, "rev-parse", "--absolute-git-dir")
    git_dir = calls.path(calls.Call(*words, environment=variables.without_repository()).output()[:-1])
    os.makedirs(os.path.join(git_dir, "info"), exist_ok=True)
    with open(os.path.join(git_dir, "info", "sparse-checkout"), "w", encoding="utf-8", errors="replace") as file:
        file.writelines(f"{pattern}\n" for pattern in sparse)
    # git reads it where extensions.worktreeConfig is set; the last value holds.
    with open(os.path.join(git_dir, "config.worktree"), "a", encoding="utf-8") as file:
        file.write("[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = false\n[index]\n\tsparse = false\n")


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


def linked(common_dir: str) -> Iterator[tuple[str, str]]:
    """The linked work trees that a repository knows of: their git dirs, and where it takes their .git to be, whether
    they are there or not. gitrepository-layout(5), worktrees/<id>/gitdir."""
    for entry in entries(os.path.join(common_dir, "worktrees")):
        with suppress(OSError), open(os.path.join(entry.path, "gitdir"), "rb") as file:
            yield entry.path, os.path.join(entry.path, os.fsdecode(file.read().rstrip(b"\n")))


def git_dir_at(place: str) -> str:
    """The git dir that the .git of the linked work tree at `place` names; raises OSError."""
    with open(os.path.join(place, ".git"), "rb") as file:
        return os.path.join(place, os.fsdecode(file.read().rstrip(b"\n").removeprefix(b"gitdir: ")))


def past_heads(top: str) -> set[str]:
    """The commits that HEAD has been at in the work tree at `top`."""
    environment = variables.without_repository()
    past = ("log", "--walk-reflogs", "--no-show-signature", "--format=%H")
    answers = [calls.Call("-C", top, *words, environment=environment) for words in (past, ("rev-parse", "HEAD"))]
    return {commit for call in answers for commit in call.finish()[1].split()}
