"""A work tree and its repository, and git at work there on an index of its own: git(1), GIT_INDEX_FILE."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress

from ..system.git import calls, variables
from . import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .index import File

# The copy is whole, whatever form the person's index has, and a file outside of a sparse checkout is a file.
_QUIETLY = tuple(
    word
    for key in ("core.splitIndex", "core.sparseCheckout", "core.safecrlf", "advice.addEmbeddedRepo")
    for word in ("-c", f"{key}=false")
)


class Tree:
    """A work tree and its repository."""

    def __init__(self, top: str, git_dir: str, environment: dict[str, str]) -> None:
        self.top = top  # absolute
        self.git_dir = git_dir  # absolute
        self.environment = environment  # what git gets
        self._parents: dict[str, bool] = {}  # whether no link leads to a directory

    def place(self, path: str) -> str:
        """Where a path that git printed is in the file system."""
        return os.path.join(self.top, calls.path(path))

    def has(self, path: str) -> bool:
        """Whether a file or a link is there: no directory, and nothing that is reached by way of a link."""
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

    def each_status(self, paths: list[str]) -> Iterator[os.stat_result | None]:
        """What the file system says of many paths; None of what is not there."""
        for place in (self.place("") + f"\0{self.place('')}".join(paths)).encode(errors="surrogateescape").split(b"\0"):
            try:
                yield os.lstat(place)
            except OSError:
                yield None

    def common_file(self, *names: str) -> str:
        """The path of a file in the git dir that all work trees of the repository share: gitrepository-layout(5)."""
        common_dir = self.git_dir
        with suppress(FileNotFoundError), open(os.path.join(self.git_dir, "commondir"), "rb") as file:
            common_dir = os.path.join(self.git_dir, os.fsdecode(file.read()).rstrip("\n"))
        return os.path.join(common_dir, *names)

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

    def start(self, *arguments: str, stdin: str | bytes | None = None) -> calls.Call:
        """Begin `git <arguments>` at the top of this tree."""
        place = ("-C", self.top, f"--git-dir={self.git_dir}", f"--work-tree={self.top}")
        return calls.Call(*place, *_QUIETLY, *arguments, stdin=stdin, environment=self.environment)

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What `git <arguments>` prints; raises GitFailed."""
        return self.start(*arguments, stdin=stdin).output()

    def words(self, *arguments: str, stdin: str | None = None) -> list[str]:
        """What `git <arguments>` prints, ended by NULs; raises GitFailed."""
        return self.run(*arguments, stdin=stdin).split("\0")[:-1]

    def files(self) -> list[File]:
        """The entries of its index that are files: no links and no submodules."""
        return index.Listing(self.run(*index.LISTING)).files

    def update_index(self, option: str, paths: list[str]) -> None:
        """Give the paths to git-update-index(1) with that option."""
        if paths:
            lines = "".join(path.rstrip("/") + "\0" for path in paths)
            self.run("update-index", option, "--remove", "--replace", "-z", "--stdin", stdin=lines)

    def set_index(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Let the entries of the index with those paths have that mode and hash; each is mode, hash and path."""
        lines = "".join(f"{mode} {content}\t{path}\0" for mode, content, path in entries)
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=lines)

    def point_at(self, commits: dict[str, str]) -> None:
        """Let the entries of submodules, by path, be at those commits."""
        self.set_index((index.SUBMODULE, commit, path) for path, commit in commits.items())

    def read_again(self, files: list[File]) -> None:
        """Let the index have those files as they are, also where it knows them to be unchanged."""
        self.set_index(files)  # without time and size
        self.update_index("--add", [path for _, _, path in files])

    @contextmanager
    def with_copied_index(self) -> Iterator[Tree]:
        """The same tree with an index of its own."""
        given = self.environment.get("GIT_INDEX_FILE")  # as git has it, from the top
        original = os.path.join(self.top, given) if given else os.path.join(self.git_dir, "index")
        with self._with_index("runs-snapshot") as (copy, tree):
            with suppress(FileNotFoundError):
                _copy(original, copy)
            yield tree

    @contextmanager
    def with_index_of(self, commit: str) -> Iterator[Tree]:
        """The same tree with an index that has what is in the commit."""
        with self._with_index("runs-commit") as (_, tree):
            tree.run("read-tree", commit)
            yield tree

    @contextmanager
    def empty_directory(self) -> Iterator[str]:
        """The path of a directory in the git dir, which is there only for as long as this goes on."""
        import shutil

        place = os.path.join(self.git_dir, f"runs-empty-{os.getpid()}")
        shutil.rmtree(place, ignore_errors=True)  # of a former process of that number
        os.mkdir(place)
        try:
            yield place
        finally:
            shutil.rmtree(place)

    @contextmanager
    def without_settings(self) -> Iterator[Tree]:
        """The same tree, with the same index, in a repository without any settings and attributes but those that are
        tracked, as a new clone on another machine is."""
        own = {
            "GIT_OBJECT_DIRECTORY": self.common_file("objects"),
            "GIT_INDEX_FILE": self.environment["GIT_INDEX_FILE"],
        }
        kind = self.run("rev-parse", "--show-object-format").strip()
        with self.empty_directory() as empty:
            system = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1", "HOME": empty, "XDG_CONFIG_HOME": empty}
            environment = {**variables.without_repository(), **system, **own}
            options = ("-q", "--bare", "--template=", f"--object-format={kind}")
            calls.Call("init", *options, empty, environment=environment).output()
            yield Tree(self.top, empty, environment)

    @contextmanager
    def _with_index(self, name: str) -> Iterator[tuple[str, Tree]]:
        """The path of an index that is not yet there, and the same tree with that."""
        place = os.path.join(self.git_dir, f"{name}-{os.getpid()}")
        try:
            yield place, Tree(self.top, self.git_dir, {**self.environment, "GIT_INDEX_FILE": place})
        finally:
            with suppress(FileNotFoundError):
                os.unlink(place)


def _copy(original: str, copy: str) -> None:
    with open(original, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
        status = os.fstat(source.fileno())
    # git reads files that are as young as the index: git's racy-git.txt.
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
