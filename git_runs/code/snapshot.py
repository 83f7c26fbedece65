"""Commits made of a work tree as it is, with its changed and untracked files and what is included of the ignored ones.

git works on a copy of the index (git(1), GIT_INDEX_FILE), so that the person's index, HEAD, branch, stash and files
stay as they are. Submodules with changes are snapshot the same way, and the outer commit points at their snapshots.
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from contextlib import contextmanager, suppress

from ..errors.code import SnapshotTooLarge
from ..system.git import calls, discovery, status, variables
from . import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..system.git.status import WorkTreeState

EXECUTABLE = "100755"
UNMERGED = ("DD", "AU", "UD", "UA", "DU", "AA", "UU")
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

    def __init__(self, commit: str, inexact: list[str], submodules: dict[str, Submodule], added: int = 0) -> None:
        self.commit = commit  # full hash: a new one, or HEAD where nothing had changed
        self.inexact = inexact  # files that a checkout would not bring back byte for byte, from the top
        self.submodules = submodules  # by path from the top, with their own submodules
        self.added = added  # bytes of the untracked and included files in it


class Tree:
    """A work tree and its repository."""

    def __init__(self, top: str, git_dir: str, environment: dict[str, str]) -> None:
        self.top = top  # absolute
        self.git_dir = git_dir  # absolute
        self.environment = environment  # what git gets
        self._parents: dict[str, bool] = {}  # whether no link leads to a directory

    def place(self, path: str) -> str:
        """Where a path that git told is in the file system."""
        return os.path.join(self.top, calls.path(path))

    def has(self, path: str) -> bool:
        """Whether a file or a link is there: no directory, and nothing behind a link that is in the way."""
        status = self._status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return False
        parent = os.path.dirname(self.place(path))
        if parent not in self._parents:
            inside = os.path.relpath(parent, self.top)
            real = os.path.normpath(os.path.join(os.path.realpath(self.top), inside))
            self._parents[parent] = os.path.realpath(parent) == real
        return self._parents[parent]

    def is_executable(self, path: str) -> bool:
        """Whether the file is there, and its owner may execute it."""
        status = self._status(path)
        return status is not None and bool(status.st_mode & 0o100)

    def size(self, path: str) -> int:
        """In bytes; 0 where nothing is there."""
        status = self._status(path)
        return 0 if status is None else status.st_size

    def has_repository(self, path: str) -> bool:
        """Whether the top of another repository is there."""
        inside = path.rstrip("/")
        status = self._status(inside)
        return status is not None and stat.S_ISDIR(status.st_mode) and os.path.lexists(self.place(f"{inside}/.git"))

    def _status(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(self.place(path))
        except OSError:
            return None

    def start(self, *arguments: str, stdin: str | None = None) -> calls.Call:
        """Begin `git <arguments>` at the top of this tree."""
        place = ("-C", self.top, f"--git-dir={self.git_dir}", f"--work-tree={self.top}")
        return calls.Call(*place, *_QUIETLY, *arguments, stdin=stdin, environment=self.environment)

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
        lines = "".join(f"{index.SUBMODULE} {commit}\t{path}\0" for path, commit in commits.items())
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=lines)

    @contextmanager
    def with_copied_index(self) -> Iterator[Tree]:
        """The same tree with an index of its own."""
        given = self.environment.get("GIT_INDEX_FILE")  # as git has it, from the top
        original = os.path.join(self.top, given) if given else os.path.join(self.git_dir, "index")
        copy = os.path.join(self.git_dir, f"runs-snapshot-{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                _copy(original, copy)
            yield Tree(self.top, self.git_dir, {**self.environment, "GIT_INDEX_FILE": copy})
        finally:
            with suppress(FileNotFoundError):
                os.unlink(copy)


def take(
    tree: Tree, state: WorkTreeState, message: str, *, include: Iterable[str], exclude: Iterable[str], limit: int
) -> Snapshot:
    """A commit of the tree as `state` tells of it, on top of HEAD, or HEAD itself where nothing has changed.

    Of the ignored files it holds those that match the pathspecs `include`, but no untracked ones at or below the paths
    `exclude`. Raises SnapshotTooLarge where untracked and included files have more than `limit` bytes, and GitFailed.
    """
    listing = tree.start(*index.LISTING)
    new = _without(tree, exclude, _untracked(tree, state) + _included(tree, include))
    size = _size_of_all(tree, new, limit)
    contents = _Contents(tree, state, new, index.special(listing.output()))
    inner = _submodules(tree, contents.repositories, message, limit, size)
    with tree.with_copied_index() as copy:
        _fill(copy, contents, inner)
        code = copy.run("write-tree").strip()
        inexact = _inexact(copy, state.commit, code, contents.changed) + inner.inexact
        commit = _commit(copy, state.commit, code, message)
    return Snapshot(commit, inexact, inner.found, inner.added)


class _Contents:
    """What is, or may be, otherwise in a tree than in its index: paths from the top."""

    def __init__(self, tree: Tree, state: WorkTreeState, new: list[str], special: list[index.Entry]) -> None:
        hidden = [entry for entry in special if entry.is_hidden]
        deleted = dict.fromkeys(change[3:] for change in state.changes if _is_deleted(tree, change))
        submodules = [entry.name for entry in special if entry.mode == index.SUBMODULE]
        others = [path.rstrip("/") for path in [*new, *state.paths] if tree.has_repository(path)]
        self.new = new  # untracked and included files
        self.changed = [path for path in state.paths if not path.endswith("/") and path not in deleted]
        self.hidden = [entry.name for entry in hidden if tree.has(entry.name)]  # where git looks for no changes
        self.gone = [entry.name for entry in hidden if not entry.may_be_missing and not tree.has(entry.name)]
        self.gone += deleted
        self.repositories = list(dict.fromkeys(submodules + others))


def _fill(copy: Tree, contents: _Contents, inner: _Inner) -> None:
    """Let the copy of the index be as the tree is."""
    # Of a hidden file git sees the changes once its entry is made anew.
    copy.update_index("--force-remove", contents.hidden + contents.gone)
    files = dict.fromkeys([*contents.changed, *contents.new, *contents.hidden])
    repositories = inner.as_it_was | inner.found.keys()
    copy.update_index("--add", [path for path in files if path.rstrip("/") not in repositories])
    copy.point_at({path: one.commit for path, one in inner.found.items() if one.outer == copy.top})


def _commit(copy: Tree, parent: str | None, code: str, message: str) -> str:
    """A commit of the tree object `code` on top of `parent`, or `parent` itself where that has the same code."""
    if parent and code == copy.run("rev-parse", parent + "^{tree}").strip():
        return parent
    options = ["-p", parent] if parent else []
    return copy.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *options, code, stdin=message).strip()


def _is_deleted(tree: Tree, change: str) -> bool:
    """Whether a path is no longer part of the tree; in a conflict, what lies there is."""
    xy, path = change[:2], change[3:]
    if tree.has_repository(path):
        return False
    return not tree.has(path) or (xy[0] == "D" and xy not in UNMERGED)


def _untracked(tree: Tree, state: WorkTreeState) -> list[str]:
    """The untracked files, and repositories with a "/" at the end; of directories, git status tells only the names."""
    untracked = [change[3:] for change in state.changes if change.startswith("?? ")]
    files = [path for path in untracked if not path.endswith("/")]
    # git status does not look into a directory that was a tracked file.
    directories = [path for path in state.paths if os.path.isdir(tree.place(path)) and not tree.has(path.rstrip("/"))]
    if not directories:
        return files
    pathspecs = [f":(top,literal){path}" for path in directories]
    return files + tree.words("ls-files", "-z", "--others", "--exclude-standard", "--", *pathspecs)


def _included(tree: Tree, include: Iterable[str]) -> list[str]:
    pathspecs = list(include)
    if not pathspecs:
        return []
    return tree.words("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *pathspecs)


def _without(tree: Tree, exclude: Iterable[str], paths: list[str]) -> list[str]:
    outside = tuple(os.path.relpath(place, tree.top) + "/" for place in exclude)
    return [path for path in paths if not f"{calls.path(path).rstrip('/')}/".startswith(outside)] if outside else paths


def _size_of_all(tree: Tree, paths: list[str], limit: int) -> int:
    """In bytes; raises SnapshotTooLarge."""
    sizes = {path: tree.size(path) for path in paths}
    if sum(sizes.values()) > limit:
        raise SnapshotTooLarge(sizes, limit)
    return sum(sizes.values())


def _copy(original: str, copy: str) -> None:
    with open(original, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
        status = os.fstat(source.fileno())
    # git looks into files that are as young as the index: git's racy-git.txt.
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- submodules


class _Inner:
    """What became of the repositories inside a tree."""

    def __init__(self, added: int) -> None:
        self.found: dict[str, Submodule] = {}  # by path from the top
        self.inexact: list[str] = []  # paths whose content is not kept as it is
        self.as_it_was: set[str] = set()  # those of them that are no part of the snapshot
        self.added = added  # bytes of all untracked files so far

    def leave(self, path: str) -> None:
        """The repository at `path` is no part of the snapshot."""
        self.inexact.append(path)
        self.as_it_was.add(path)

    def add(self, path: str, snapshot: Snapshot, outer: str, common_dir: str) -> None:
        """The repository at `path`, in the work tree at `outer`, is in the snapshot as its own snapshot has it."""
        self.found[path] = Submodule(outer, common_dir, snapshot.commit)
        self.found |= {f"{path}/{below}": submodule for below, submodule in snapshot.submodules.items()}
        self.inexact += [f"{path}/{below}" for below in snapshot.inexact]
        self.added += snapshot.added


def _submodules(outer: Tree, paths: list[str], message: str, limit: int, added: int) -> _Inner:
    """Snapshot those repositories inside the tree that are filled, and those inside them.

    A linked work tree of the same repository is none of its, and a submodule without a repository has only files.
    """
    inner = _Inner(added)
    if not paths:
        return inner
    environment = variables.without_repository()
    common_dir = outer.run("rev-parse", "--path-format=absolute", "--git-common-dir").rstrip("\n")
    own = os.path.realpath(calls.path(common_dir))
    for path in paths:
        top = outer.place(path)
        places = discovery.dirs_at(top)
        if places and os.path.realpath(places[1]) != own:
            tree = Tree(top, places[0], environment)
            state = status.read(tree.start(*status.COMMAND))
            snapshot = take(tree, state, message, include=(), exclude=(), limit=limit - inner.added)
            inner.add(path, snapshot, outer.top, places[1])
        elif places or (os.path.isdir(top) and os.listdir(top)):
            inner.leave(path)
    return inner


# --- are the bytes kept?


def _inexact(copy: Tree, base: str | None, code: str, changed: list[str]) -> list[str]:
    """The files that a checkout of the tree `code` would give other bytes than they have now: of those that are others
    than in `base`, or changed as far as git status can tell."""
    chunk: list[tuple[str, str]] = []
    size = 0
    inexact: list[str] = []
    for mode, blob, path in _blobs(copy, base, code, changed):
        if copy.is_executable(path) != (mode == EXECUTABLE):  # core.fileMode
            inexact.append(path)
            continue
        chunk.append((blob, path))
        size += copy.size(path)
        if size > CHUNK:
            inexact += _inexact_of(copy, chunk)
            chunk, size = [], 0
    return inexact + _inexact_of(copy, chunk)


def _blobs(copy: Tree, base: str | None, code: str, changed: list[str]) -> Iterator[tuple[str, str, str]]:
    """Modes, hashes and paths; links and submodules are not converted, and so left out."""
    empty = base or copy.run("hash-object", "-t", "tree", "--stdin", stdin="").strip()
    # ":<modes> <objects> <status>" and the path, in turns.
    words = copy.words("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=d", empty, code)
    for header, path in zip(words[0::2], words[1::2], strict=True):
        _, mode, _, blob, _ = header.split(" ")
        if mode.startswith("100"):
            yield mode, blob, path
    if unseen := set(changed) - set(words[1::2]):
        entry = r"(?:^|\0)(100[0-9]{3}) ([0-9a-f]+) 0\t([^\0]+)"
        for mode, blob, path in re.findall(entry, copy.run("ls-files", "-z", "--stage")):
            if path in unseen:
                yield mode, blob, path


def _inexact_of(copy: Tree, files: list[tuple[str, str]]) -> list[str]:
    if not files:
        return []
    # The size that cat-file prints is that of the object, before filters: a line that no file holds separates them.
    separator = uuid.uuid4().hex
    requests = "".join(f"{blob} {path}\n" for blob, path in files if "\n" not in path)
    # As a checkout will be: without the options of our own command line.
    bare = Tree(copy.top, copy.git_dir, variables.without_repository())
    call = bare.start("cat-file", f"--batch={separator}", "--filters", stdin=requests)
    answers = iter(call.bytes().split(separator.encode() + b"\n")[1:])
    inexact = []
    for blob, path in files:
        if "\n" in path:
            checked_out = bare.start("cat-file", "--filters", f"--path={path}", blob).bytes()
        else:
            checked_out = next(answers)[:-1]
        if checked_out != _content(copy, path):
            inexact.append(path)
    return inexact


def _content(tree: Tree, path: str) -> bytes | None:
    try:
        with open(tree.place(path), "rb") as file:
            return file.read()
    except OSError:
        return None
