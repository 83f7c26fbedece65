"""Commits made of a work tree as it is, with its changed and untracked files and what is included of the ignored ones.

git works on a copy of the index (git(1), GIT_INDEX_FILE), so that the person's index, HEAD, branch, stash and files
stay as they are. Submodules with changes are snapshot the same way, and the outer commit points at their snapshots.
"""

from __future__ import annotations

import os
import re
import uuid
from contextlib import contextmanager, suppress

from . import git
from .errors import SnapshotTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .git import WorkTreeState

CHUNK = 64 << 20  # bytes of files that are compared at once

# The copy is whole, whatever form the person's index has, and a file outside of a sparse checkout is a file.
_QUIETLY = tuple(
    word
    for key in ("core.splitIndex", "core.sparseCheckout", "core.safecrlf", "advice.addEmbeddedRepo")
    for word in ("-c", f"{key}=false")
)


class Submodule:
    """A repository inside the work tree, and the commit that the snapshot has of it."""

    def __init__(self, outer: str, common_dir: str, commit: str) -> None:
        self.outer = outer  # absolute top of the work tree that it is in
        self.common_dir = common_dir  # absolute
        self.commit = commit  # full hash

    def to_record(self) -> dict[str, str]:
        """What a run's record says of it."""
        return {"commit": self.commit, "repository": self.common_dir}


class Snapshot:
    """What a work tree looked like."""

    def __init__(self, commit: str, inexact: list[str], submodules: dict[str, Submodule]) -> None:
        self.commit = commit  # full hash: a new one, or HEAD where nothing had changed
        self.inexact = inexact  # files that a checkout would not bring back byte for byte, from the top
        self.submodules = submodules  # by path from the top, with their own submodules


class Tree:
    """A work tree and its repository."""

    def __init__(self, top: str, git_dir: str, environment: dict[str, str]) -> None:
        self.top = top  # absolute
        self.git_dir = git_dir  # absolute
        self.environment = environment  # what git gets

    def start(self, *arguments: str, stdin: str | None = None) -> git.Call:
        """Begin `git <arguments>` at the top of this tree."""
        place = ("-C", self.top, f"--git-dir={self.git_dir}", f"--work-tree={self.top}")
        return git.Call(*place, *_QUIETLY, *arguments, stdin=stdin, environment=self.environment)

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What `git <arguments>` prints; raises GitFailed."""
        return self.start(*arguments, stdin=stdin).output()

    def words(self, *arguments: str, stdin: str | None = None) -> list[str]:
        """What `git <arguments>` prints, ended by NULs; raises GitFailed."""
        return self.run(*arguments, stdin=stdin).split("\0")[:-1]

    def update_index(self, option: str, paths: list[str]) -> None:
        """Give the paths to git-update-index(1) with that option."""
        if paths:
            lines = "".join(path.rstrip("/") + "\0" for path in paths)
            self.run("update-index", option, "--remove", "--replace", "-z", "--stdin", stdin=lines)

    def point_at(self, commits: dict[str, str]) -> None:
        """Let the entries of submodules, by path, be at those commits."""
        lines = "".join(f"160000 {commit}\t{path}\0" for path, commit in commits.items())
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=lines)

    @contextmanager
    def with_copied_index(self) -> Iterator[Tree]:
        """The same tree with an index of its own."""
        given = self.environment.get("GIT_INDEX_FILE")  # as git has it, from the top
        index = os.path.join(self.top, given) if given else os.path.join(self.git_dir, "index")
        copy = os.path.join(self.git_dir, f"runs-snapshot-{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                _copy(index, copy)
            yield Tree(self.top, self.git_dir, {**self.environment, "GIT_INDEX_FILE": copy})
        finally:
            with suppress(FileNotFoundError):
                os.unlink(copy)


def take(tree: Tree, state: WorkTreeState, message: str, *, include: list[str], exclude: str, limit: int) -> Snapshot:
    """A commit of the tree as `state` tells of it, on top of HEAD, or HEAD itself where nothing has changed.

    Of the ignored files it holds those that match the pathspecs `include`, but none below the path `exclude`. Raises
    SnapshotTooLarge where untracked and included files have more than `limit` bytes, and GitFailed.
    """
    tracked = tree.start("ls-files", "-v", "-z", "--stage")
    new = _untracked(tree, state) + _included(tree, include, exclude)
    _check_size(tree, new, limit)
    there, gone = _hidden(tree, tracked.output())
    repositories = [path.rstrip("/") for path in new if path.endswith("/")]
    submodules, inexact = _submodules(tree, [*_links(tracked.output()), *repositories], message, limit)
    deleted = [change[3:] for change in state.changes if change[1] == "D" and "U" not in change[:2]]
    with tree.with_copied_index() as copy:
        copy.update_index("--force-remove", there + gone + deleted)
        changed_files = [path for path in state.paths if not path.endswith("/") and path not in deleted]
        copy.update_index("--add", [path for path in [*changed_files, *new, *there] if path.rstrip("/") not in inexact])
        copy.point_at({path: inner.commit for path, inner in submodules.items() if inner.outer == tree.top})
        changed = copy.run("write-tree").strip()
        if state.commit and changed == tree.run("rev-parse", state.commit + "^{tree}").strip():
            return Snapshot(state.commit, inexact, submodules)
        parent = ["-p", state.commit] if state.commit else []
        commit = copy.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *parent, changed, stdin=message).strip()
        return Snapshot(commit, _inexact(copy, commit) + inexact, submodules)


def _untracked(tree: Tree, state: WorkTreeState) -> list[str]:
    """The untracked files, and repositories with a "/" at the end; of directories, git status tells only the names."""
    untracked = [change[3:] for change in state.changes if change.startswith("?? ")]
    files = [path for path in untracked if not path.endswith("/")]
    # git status does not look into a directory that was a tracked file.
    directories = [path for path in state.paths if os.path.isdir(os.path.join(tree.top, git.path(path)))]
    if not directories:
        return files
    pathspecs = [f":(top,literal){path}" for path in directories]
    return files + tree.words("ls-files", "-z", "--others", "--exclude-standard", "--", *pathspecs)


def _included(tree: Tree, include: list[str], exclude: str) -> list[str]:
    if not include:
        return []
    inside = os.path.relpath(exclude, tree.top)
    without = [] if inside.startswith("..") else [f":(top,exclude,literal){inside}"]
    return tree.words("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *include, *without)


def _check_size(tree: Tree, paths: list[str], limit: int) -> None:
    sizes = {}
    for path in paths:
        with suppress(FileNotFoundError):
            sizes[path] = os.lstat(os.path.join(tree.top, git.path(path))).st_size
    if sum(sizes.values()) > limit:
        raise SnapshotTooLarge(sizes, limit)


def _hidden(tree: Tree, listing: str) -> tuple[list[str], list[str]]:
    """The files that are there, and those that are not, of which git was told not to look for changes:
    git-update-index(1), --assume-unchanged and --skip-worktree."""
    # "H" is for files without a mark, "S" for those that need not be there, lower case for assume-unchanged.
    marked = re.findall(r"(?:^|\0)([a-zS]) [^\t]*\t([^\0]+)", listing)
    there = [path for _, path in marked if os.path.lexists(os.path.join(tree.top, git.path(path)))]
    gone = [path for tag, path in marked if tag not in "sS" and path not in there]
    return there, gone


def _copy(index: str, copy: str) -> None:
    with open(index, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
        status = os.fstat(source.fileno())
    # git looks into files that are as young as the index: git's racy-git.txt.
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- submodules


def _links(listing: str) -> list[str]:
    """The paths of the submodules among the tracked files."""
    return re.findall(r"(?:^|\0)[a-zA-Z] 160000 [0-9a-f]+ 0\t([^\0]+)", listing)


def _submodules(outer: Tree, paths: list[str], message: str, limit: int) -> tuple[dict[str, Submodule], list[str]]:
    """Snapshot those repositories inside the tree that are filled, and those inside them.

    Also gives the paths whose content is not kept as it is; a linked work tree of the same repository is none of its.
    """
    found: dict[str, Submodule] = {}
    inexact: list[str] = []
    if not paths:
        return found, inexact
    environment = git.without_repository()
    own = os.path.realpath(git.path(outer.run("rev-parse", "--path-format=absolute", "--git-common-dir").rstrip("\n")))
    for path in paths:
        top = os.path.join(outer.top, git.path(path))
        places = git.git_dirs_at(top, environment)
        if places is None:
            continue
        git_dir, common_dir = places
        if os.path.realpath(common_dir) == own:
            inexact.append(path)
            continue
        tree = Tree(top, git_dir, environment)
        state = git.read_status(tree.start(*git.STATUS))
        snapshot = take(tree, state, message, include=[], exclude=git_dir, limit=limit)
        found[path] = Submodule(outer.top, common_dir, snapshot.commit)
        found |= {f"{path}/{below}": submodule for below, submodule in snapshot.submodules.items()}
        inexact += [f"{path}/{below}" for below in snapshot.inexact]
    return found, inexact


# --- are the bytes kept?


def _inexact(copy: Tree, commit: str) -> list[str]:
    """The files that are new or changed in the commit and would be checked out with other bytes than they have now."""
    # ":<modes> <objects> <status>" and the path, in turns.
    words = copy.words("diff-tree", "-r", "-z", "--root", "--no-commit-id", "--no-renames", "--diff-filter=d", commit)
    chunk: list[tuple[str, str]] = []
    size = 0
    inexact: list[str] = []
    for header, path in zip(words[0::2], words[1::2], strict=True):
        _, mode, _, blob, _ = header.split(" ")
        if not mode.startswith("100"):
            continue  # links and submodules are not converted
        chunk.append((blob, path))
        size += _size(copy, path)
        if size > CHUNK:
            inexact += _inexact_of(copy, chunk)
            chunk, size = [], 0
    return inexact + _inexact_of(copy, chunk)


def _size(tree: Tree, path: str) -> int:
    try:
        return os.lstat(os.path.join(tree.top, git.path(path))).st_size
    except OSError:
        return 0


def _inexact_of(copy: Tree, files: list[tuple[str, str]]) -> list[str]:
    if not files:
        return []
    # The size that cat-file prints is that of the object, before filters: a line that no file holds separates them.
    separator = uuid.uuid4().hex
    requests = "".join(f"{blob} {path}\n" for blob, path in files if "\n" not in path)
    call = copy.start("cat-file", f"--batch={separator}", "--filters", stdin=requests)
    answers = iter(call.bytes().split(separator.encode() + b"\n")[1:])
    inexact = []
    for blob, path in files:
        if "\n" in path:
            checked_out = copy.start("cat-file", "--filters", f"--path={path}", blob).bytes()
        else:
            checked_out = next(answers)[:-1]
        if checked_out != _content(copy, path):
            inexact.append(path)
    return inexact


def _content(tree: Tree, path: str) -> bytes | None:
    try:
        with open(os.path.join(tree.top, git.path(path)), "rb") as file:
            return file.read()
    except OSError:
        return None
