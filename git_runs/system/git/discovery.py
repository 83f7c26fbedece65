"""Which repository git finds, and where its parts are: gitrepository-layout(5)."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property

from ...errors.system import GitFailed, MainWorkTreeUnknown, ToolTooOld
from . import calls, config, guard, variables
from .config import ConfigEntry

OLDEST = "2.31"  # `rev-parse --path-format`


class Repository:
    """The repository that git finds from here, and its configuration."""

    def __init__(self, git_dir: str, common_dir: str, top: str | None, prefix: str, config: list[ConfigEntry]) -> None:
        self.git_dir = git_dir  # absolute; this work tree's own
        self.common_dir = common_dir  # absolute; refs and objects, shared by all work trees
        self.top = top  # top of this work tree; None in a bare repository or inside the git dir
        self.prefix = prefix  # from the top to the current directory: "" or "sub/dir/"
        self.config = config  # weakest first

    def setting(self, key: str) -> str | None:
        """The value in force of a key, in lower case, of git config: "true" where it stands alone, None where nobody
        has set it."""
        values = [entry.value for entry in self.config if entry.key == key]
        return None if not values else "true" if values[-1] is None else values[-1]

    @property
    def is_sparse(self) -> bool:
        """Whether only a part of the commit is checked out here: git-sparse-checkout(1)."""
        values = [entry.value for entry in self.config if entry.key == "core.sparsecheckout"]
        return bool(values) and (values[-1] or "true").lower() not in ("false", "no", "off", "0")

    def main_top(self) -> str | None:
        """Top of the main work tree, the same from every linked one; None where the main repository is bare.

        It follows from the common git dir alone (gitrepository-layout(5)), so that every view of a repository agrees.
        Raises MainWorkTreeUnknown for a linked work tree of a repository made with --separate-git-dir.
        """
        if self.standing:
            return self.standing.main_top or None
        linked = self.git_dir != self.common_dir
        entries = config.read("--git-dir", self.common_dir) if linked else self.config
        own = {entry.key: entry.value for entry in entries if entry.scope in ("local", "worktree")}
        if work_tree := own.get("core.worktree"):
            return os.path.realpath(os.path.join(self.common_dir, work_tree))
        if own.get("core.bare") == "true":
            return None
        if os.path.basename(self.common_dir) == ".git":
            return os.path.dirname(self.common_dir)
        if linked:
            raise MainWorkTreeUnknown(self.common_dir)
        return self.top

    @cached_property
    def standing(self) -> Standing | None:
        """What is seen at our top, where that is the work tree of a run: code/stand_in.py; None elsewhere."""
        if self.git_dir == self.common_dir or not self.top:
            return None
        try:
            with open(os.path.join(self.git_dir, Standing.FILE), encoding="utf-8", errors="surrogateescape") as file:
                tree, top, *rest = file.read().split("\0")
            # A copy of such a work tree has the same git dir.
            is_here = top == self.top and os.path.samefile(tree, top)
        except (OSError, ValueError):
            return None
        return Standing(tree, top, *rest) if is_here else None

    @property
    def lasting_common_dir(self) -> str:
        """The common git dir where it is for processes that do not see the work tree of a run in our place."""
        return self.standing.common_dir if self.standing else self.common_dir


class Standing:
    """A run's work tree that is seen in the place of another, by those who see it so."""

    FILE = "git-runs-standing"  # in its git dir: what is here, with NULs between

    def __init__(self, tree: str, top: str, common_dir: str, main_top: str, name: str) -> None:
        self.tree = tree  # where it is for all others, absolute, as all of them
        self.top = top  # where it is seen
        self.common_dir = common_dir  # the common git dir of its repository, for all others
        self.main_top = main_top  # the top of the main work tree; "": there is none
        self.name = name  # of the run, when it was started

    def write(self, git_dir: str) -> None:
        """Let those find it who see the work tree."""
        parts = (self.tree, self.top, self.common_dir, self.main_top, self.name)
        with open(os.path.join(git_dir, self.FILE), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\0".join(parts))


class Search:
    """git on its way to find the repository of the current directory and environment, by its own rules."""

    def __init__(self, *options: str) -> None:
        if not options:
            _leave_guard()
        self._layout = calls.start(
            *options,
            *("rev-parse", "--path-format=absolute", "--git-common-dir", calls.SEPARATOR, "--git-dir", calls.SEPARATOR),
            *("--show-prefix", calls.SEPARATOR, "--show-toplevel"),
        )
        self._config = config.start(*options)

    def repository(self) -> Repository:
        """What it found; raises GitFailed or ToolTooOld."""
        code, stdout, stderr = self._layout.finish()
        if not stdout:
            raise GitFailed(stderr)
        if stdout.startswith("--path-format"):
            raise ToolTooOld("git", calls.run("version").split()[2], OLDEST)
        common_dir, git_dir, prefix, *top = calls.paths(stdout)
        return Repository(
            git_dir=git_dir,
            common_dir=common_dir,
            # rev-parse fails after all else where there is no work tree.
            top=top[0] if code == 0 else None,
            prefix=prefix,
            config=config.parse(self._config.output()),
        )


def _leave_guard() -> None:
    """In a directory that git is kept away from, name the repository around it to git: git(1), GIT_DIR."""
    try:
        here = os.getcwd()
    except FileNotFoundError:  # git has words for that
        return
    place = guard.beyond(here)
    if place != here and "GIT_DIR" not in os.environ:
        around = repository_at(place)
        os.environ |= {"GIT_DIR": around.git_dir, "GIT_WORK_TREE": around.top or around.git_dir}


def repository_at(place: str) -> Repository:
    """The repository of a work tree that we made at `place`."""
    return Search("-C", place).repository()


def common_dir_at(place: str) -> str | None:
    """The common git dir of the repository whose work tree is at `place`; None where there is none that git knows."""
    with suppress(GitFailed):
        if dirs := dirs_at(place):
            return dirs[1]
    return None


def dirs_at(place: str) -> tuple[str, str] | None:
    """The git dir and the common git dir of the repository whose work tree is at `place`; None where there is none.

    Raises GitFailed.
    """
    if not os.path.lexists(os.path.join(place, ".git")):
        return None
    options = ("-C", place, "rev-parse", "--path-format=absolute", "--git-dir", calls.SEPARATOR, "--git-common-dir")
    answer = calls.Call(*options, environment=variables.without_repository()).output()
    git_dir, common_dir = calls.paths(answer)
    return git_dir, common_dir
