"""Reading, changing and packing refs: git-for-each-ref(1), git-update-ref(1), git-pack-refs(1)."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from math import inf

from ...errors.system import GitFailed, RefLocked
from ..files import age_of, files_below
from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .discovery import Repository


RUNS = "refs/runs/"  # where the refs of runs are
REMOTES = "refs/git-runs/remotes/"  # where it is kept what was seen on remotes
_LINE = re.compile(r"(?P<target>\S+) (?P<name>.+)\n")
PATIENCE = 2000  # milliseconds to wait for the lock of a ref


def start_reading(prefix: str, git_dir: str | None = None) -> calls.Call:
    """Begin to list what the refs at or below `prefix`, here or in that repository, point at; `read` takes the
    answer."""
    place = () if git_dir is None else calls.at(git_dir)
    return calls.start(*place, "for-each-ref", "--format=%(objectname) %(refname)", prefix)


def read(call: calls.Call) -> dict[str, str]:
    """The answer to `start_reading`, by the full names of the refs; broken ones are left out. Raises GitFailed."""
    return dict(read_each(call))


def read_each(call: calls.Call) -> Iterator[tuple[str, str]]:
    """The same, name and target, one after the other."""
    for line in _LINE.finditer(call.output()):
        yield line["name"], sys.intern(line["target"])  # one object for many that point at the same


def start_selecting(prefix: str, tests: Iterable[str]) -> calls.Call:
    """Begin to find the refs below `prefix` that pass tests of git-for-each-ref(1), such as "--merged=HEAD"; `selected`
    takes the answer."""
    return calls.start("for-each-ref", "--format=%(refname)", *tests, prefix).read_ahead()


def selected(call: calls.Call, prefix: str) -> set[str]:
    """The answer to `start_selecting`: the names of the refs below the prefix. Raises GitFailed."""
    return {name.removeprefix(prefix) for name in call.output().splitlines()}


def delete(ref: str, target: str) -> None:
    """Delete that ref, which has to be at the target; raises GitFailed."""
    update([f"delete {ref}", target])


def at_most(repository: Repository, prefix: str) -> float:
    """How many refs there may be below `prefix`, seen without git, which takes longer to start: one that is both packed
    and in a file counts twice. Infinite where refs are not kept in files: gitformat-reftable(5)."""
    if any(entry.key == "extensions.refstorage" and entry.value != "files" for entry in repository.config):
        return inf
    packed = 0
    with suppress(OSError), open(os.path.join(repository.common_dir, "packed-refs"), "rb") as file:
        packed = file.read().count(b" " + prefix.encode())
    return packed + sum(1 for _ in files_below(os.path.join(repository.common_dir, prefix)))


def may_be_any(git_dir: str, prefix: str) -> bool:
    """Whether there may be refs below `prefix` in the repository with that common git dir, seen without git."""
    if os.path.isdir(os.path.join(git_dir, prefix)):
        return True
    with suppress(OSError), open(os.path.join(git_dir, "packed-refs"), "rb") as file:
        if b" " + prefix.encode() in file.read():
            return True
    return os.path.isdir(os.path.join(git_dir, "reftable"))  # gitformat-reftable(5)


def update(words: Iterable[str], git_dir: str | None = None) -> None:
    """Carry out commands of git-update-ref(1), here or in that repository, all or none, in the words of its option -z;
    raises GitFailed, or RefLocked where somebody else holds a lock for PATIENCE."""
    place = () if git_dir is None else calls.at(git_dir)
    options = (*place, "-c", f"core.filesRefLockTimeout={PATIENCE}")
    try:
        calls.run(*options, "update-ref", "--stdin", "-z", stdin="".join(word + "\0" for word in words))
    except GitFailed as error:
        lock = re.search(r"'([^'\n]+\.lock)'", error.message)
        if lock and os.path.lexists(lock[1]):
            raise RefLocked(lock[1], age_of(lock[1])) from None
        raise


def may_be_packed(repository: Repository) -> bool:
    """Whether `git gc` would pack refs: git-config(1), `gc.packRefs`."""
    values = [entry.value for entry in repository.config if entry.key == "gc.packrefs"]
    wish = "true" if not values or values[-1] is None else values[-1].lower()
    return repository.top is not None if wish == "notbare" else wish not in ("false", "no", "off", "0", "")


def pack() -> None:
    """Pack all refs, as `git gc` does; raises GitFailed."""
    calls.run("pack-refs", "--all", "--prune")
