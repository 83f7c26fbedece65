"""A repository that holds nothing: it keeps git away from a directory in a work tree.

`git clean -fdx` and `git stash -a` pass by a directory that is a repository of its own, whatever is ignored there:
git-clean(1) needs -f twice for it. For the repository around it the directory is excluded, so that it does not show as
untracked: gitignore(5), $GIT_DIR/info/exclude.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from ...errors.system import GitFailed
from . import calls, variables

MARK = "git-runs-guard"  # a file in the guard's git dir: where the exclusion stands, and how


def protect(directory: str) -> None:
    """Keep git away from the directory, if it lies in a work tree that tracks nothing there; as far as possible."""
    with suppress(OSError, GitFailed):
        if not _is_excluded(directory) and (place := _exclusion(directory)):
            _exclude(*place)
            _build(directory, *place)


def beyond(place: str) -> str:
    """The directory from which git has to search for a repository, so that it finds no guard: `place` or one above."""
    directory = place
    while not os.path.lexists(os.path.join(directory, ".git")):
        if directory == os.path.dirname(directory):
            return place
        directory = os.path.dirname(directory)
    is_guard = os.path.exists(os.path.join(directory, ".git", MARK))
    return beyond(os.path.dirname(directory)) if is_guard else place


def _is_excluded(directory: str) -> bool:
    """Whether the guard stands, and the exclusion that goes with it."""
    with suppress(OSError, ValueError):
        with open(os.path.join(directory, ".git", MARK), encoding="utf-8", errors="surrogateescape") as file:
            path, pattern = file.read().splitlines()
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return pattern in file.read().splitlines() and os.path.exists(os.path.join(directory, ".git", "HEAD"))
    return False


def _exclusion(directory: str) -> tuple[str, str] | None:
    """The file of the repository around it, and the pattern, that exclude the directory; None where there is no work
    tree around it, one that tracks files in it, or a repository that is no guard."""
    git_dir = os.path.join(directory, ".git")
    is_repository = os.path.isfile(git_dir) or os.path.exists(os.path.join(git_dir, "HEAD"))
    if is_repository and not os.path.exists(os.path.join(git_dir, MARK)):
        return None
    parent, environment = os.path.dirname(directory), variables.without_repository()
    question = ("rev-parse", "--path-format=absolute", "--git-common-dir", calls.SEPARATOR, "--show-toplevel")
    common_dir, top = calls.paths(calls.Call("-C", parent, *question, environment=environment).output())
    name = os.path.basename(directory)
    if calls.Call("-C", parent, "ls-files", "--", f":(literal){name}", environment=environment).output():
        return None
    inside = os.path.relpath(os.path.realpath(directory), os.path.realpath(top))
    pattern = "/" + re.sub(r"([\\*?[ ])", r"\\\1", inside) + "/"
    return (
        None if "\n" in pattern or inside.startswith("..") else (os.path.join(common_dir, "info", "exclude"), pattern)
    )


def _exclude(path: str, pattern: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a+", encoding="utf-8", errors="surrogateescape") as file:
        file.seek(0)
        before = file.read()
        if pattern not in before.splitlines():
            file.write(("" if before.endswith("\n") or not before else "\n") + pattern + "\n")


def _build(directory: str, path: str, pattern: str) -> None:
    """HEAD comes last: it makes a repository of it."""
    git_dir = os.path.join(directory, ".git")
    for part in ("objects", "refs"):
        os.makedirs(os.path.join(git_dir, part), exist_ok=True)
    for name, text in ((MARK, f"{path}\n{pattern}\n"), ("HEAD", "ref: refs/heads/main\n")):
        with open(os.path.join(git_dir, name), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
