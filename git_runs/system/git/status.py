"""What is changed, tracked and ignored in a work tree: git-status(1), git-ls-files(1), git-check-ignore(1)."""

from __future__ import annotations

from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


# The index is not refreshed on disk: it is the user's. Settings that hide changes are overruled.
COMMAND = (
    *("--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", "--no-ahead-behind", "--no-renames"),
    *("--untracked-files=normal", "--ignore-submodules=none"),
)


class WorkTreeState:
    """Where HEAD is and what differs from it."""

    def __init__(self, commit: str | None, branch: str | None, changes: list[str]) -> None:
        self.commit = commit  # full hash; None on an unborn branch
        self.branch = branch  # None where HEAD is detached
        self.changes = changes  # "XY path" as `git status --porcelain` puts it, paths from the top

    @property
    def paths(self) -> list[str]:
        """The paths that differ from HEAD; those of untracked directories end in "/"."""
        return [change[3:] for change in self.changes]


def start() -> calls.Call:
    """Begin to compare the work tree with HEAD; `read` takes the answer."""
    return calls.start(*COMMAND)


def read(call: calls.Call) -> WorkTreeState:
    """The answer to `start`, or to `COMMAND` with more options; raises GitFailed, also where there is no work
    tree."""
    headers = {}
    changes = []
    for line in call.output().split("\0")[:-1]:
        kind, _, rest = line.partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            headers[key] = value
        elif kind in "?!":
            changes.append(f"{kind}{kind} {rest}")
        else:
            # "1 XY sub mH mI mW hH hI path"; an unmerged path ("u") has two fields more.
            fields = rest.split(" ", 7 if kind == "1" else 9)
            changes.append(f"{fields[0].replace('.', ' ')} {fields[-1]}")
    branch = headers["branch.head"]
    commit = headers["branch.oid"]
    return WorkTreeState(None if commit == "(initial)" else commit, None if branch == "(detached)" else branch, changes)


def tracked(paths: Iterable[str]) -> list[str]:
    """The tracked files at or below the paths, which are from the top of the work tree."""
    pathspecs = [f":(top,literal){place}" for place in paths]
    return calls.run("ls-files", "-z", "--full-name", "--", *pathspecs).split("\0")[:-1] if pathspecs else []


def filtered(name: str) -> list[str]:
    """The files that git keeps by way of the filter of that name, and not as they are: gitattributes(5); those that are
    not tracked, and not ignored, among them."""
    words = ("ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard")
    return calls.run(*words, "--", f":(top,attr:filter={name})").split("\0")[:-1]


def start_ignored(top: str, pathspecs: Iterable[str] = (".",), *, each: bool = False) -> calls.Call:
    """Begin to list the ignored paths that match, in the work tree at `top`; unless `each` file is asked for, a
    directory, with "/" at its end, stands for all in it. `read_paths` takes the answer."""
    return _start_others(top, "--ignored", *(() if each else ("--directory",)), "--", *pathspecs)


def start_untracked(top: str) -> calls.Call:
    """Begin to list what is not tracked in the work tree at `top`, but for what is ignored; the outermost directory
    stands, with "/" at its end, for all in it, and for nothing where it is empty. `read_paths` takes the answer."""
    return _start_others(top, "--directory")


def _start_others(top: str, *options: str) -> calls.Call:
    words = ("ls-files", "-z", "--others", "--exclude-standard", "--full-name")
    return calls.start("-C", top, *words, *options).read_ahead()


def read_paths(call: calls.Call) -> list[str]:
    """The paths, from the top, that a listing was asked for; raises GitFailed."""
    return call.output().split("\0")[:-1]


def ignores(place: str) -> bool:
    """Whether nothing at `place` ever makes the work tree dirty: it is ignored, or outside."""
    return calls.start("check-ignore", "--quiet", "--", place).finish()[0] != 1


def differs(commit: str, name: str) -> bool:
    """Whether tracked files of that name, anywhere in the work tree, are not as they are in `commit`."""
    return not calls.start("diff", "--quiet", "--no-ext-diff", commit, "--", f":(top,glob)**/{name}").succeeds()
