"""refs/runs/*: the rules for names; create, read, move, delete.

A ref is created with compare-and-swap: of any number of racers one wins. Git does that, or dulwich in process where
many are created, and git where dulwich does not win. All that deletes or moves refs goes through git, which alone does
it safely beside `git pack-refs`.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress

from ..errors.code import CodeNotHere, InvalidName, NameClash, NameTaken, RefGone, SubmoduleHasRun
from ..errors.system import GitFailed
from ..records.record import LONGEST_NAME, NAME_CONSISTS_OF, NAME_STARTS_WITH
from ..system.files import remove_file
from ..system.git import calls, objects, refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ..errors.base import RunsError
    from ..records.record import Run
    from ..system.git.discovery import Repository

PREFIX = refstore.RUNS
OUR_SUFFIXES = (".yml", ".log")
MANY_NAMES = 100
LONGEST_MENDED = LONGEST_NAME - 20  # leaves room for what tells runs apart that are called the same
MANY_PACKED = 1 << 16  # bytes of packed-refs that dulwich, which parses them all, reads no slower than git starts


def ref(name: str) -> str:
    """The full name of the run's ref."""
    return PREFIX + name


# --- names


def validate(name: str) -> None:
    """Raises InvalidName, with the rule that is broken, for what cannot be a run's name."""
    if rule := _broken_rule(name):
        raise InvalidName(name, rule)


def _broken_rule(name: str) -> str | None:
    """Our own rules, and those of git-check-ref-format(1), as far as such characters can break them."""
    if not name:
        return "it is empty"
    if not re.match(f"[{NAME_STARTS_WITH}]", name):
        return "it must start with a letter, a digit or '_'"
    if stranger := re.search(f"[^{NAME_CONSISTS_OF}]", name):
        return f"'{stranger[0]}' is not allowed; letters, digits and . _ - = + , @ % / are"
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} bytes"
    if name in ("HEAD", "FETCH_HEAD"):
        return "git has a ref of that name"
    if re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", name):
        return "it could be the hash of a commit"
    if name.startswith("environments/") and _is_of_environment(name):
        return "records of environments are kept under such names"
    for part in name.split("/"):
        if not part:
            return "it has a '/' at its end or two in a row"
        if part.startswith("."):
            return f"'{part}' starts with '.'"
        if part.endswith(".lock"):
            return f"'{part}' ends in '.lock', as git's lock files do"
        if part.endswith(OUR_SUFFIXES):
            return f"'{part}' ends in '{part[-4:]}', as files in the runs dir do"
    if ".." in name:
        return "it has two dots in a row"
    return "it ends in '.'" if name.endswith(".") else None


def _is_of_environment(name: str) -> bool:
    """Whether the record of a run of that name would lie where one of an environment does."""
    from ..records.kept import is_environment  # which hardly any name is worth

    return is_environment(f"{name}.yml")


def mended(name: str) -> str:
    """A valid name that is as near as can be to what another tool has called a run: the same for the same one."""
    text = re.sub(f"[^{NAME_CONSISTS_OF}]+", "-", name)
    parts = (re.sub(r"(\.lock|\.yml|\.log)+$", _without_dot, part.strip(".-")) for part in text.split("/"))
    text = re.sub(r"\.{2,}", ".", "/".join(filter(None, parts)))[:LONGEST_MENDED].rstrip("/.-")
    if not text:
        return "run"
    return text if _broken_rule(text) is None else f"run-{text.lstrip('-')}"


def _without_dot(match: re.Match[str]) -> str:
    return match[0].replace(".", "-")


class Neighbours:
    """Asks git, while we do something else, for the refs that a name would collide with."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._below = calls.start("for-each-ref", "--count=1", "--format=%(refname)", ref(name))
        self._groups = {group: calls.start("show-ref", "--verify", "--quiet", ref(group)) for group in groups(name)}

    def check(self, hint: str = NameTaken.HINT) -> None:
        """Raises NameTaken, with the hint, where the name is a run's, NameClash where it is a group's or below one."""
        taken = self._below.output().strip()
        runs = [group for group, call in self._groups.items() if call.succeeds()]
        if taken == ref(self.name):
            raise NameTaken(self.name, hint)
        if taken:
            raise NameClash(self.name, taken[len(PREFIX) :])
        for run in runs:
            raise NameClash(self.name, run)


def check_all(names: Collection[str], taken: Collection[str], hint: str = NameTaken.HINT) -> None:
    """Raises NameTaken, with the hint, where one of the names is among those that are taken, NameClash where one is the
    group of one of these, or lies below it."""
    taken_groups = {group: name for name in taken for group in groups(name)}
    for name in names:
        if name in taken:
            raise NameTaken(name, hint)
        if clash := taken_groups.get(name) or next((group for group in groups(name) if group in taken), None):
            raise NameClash(name, clash)


def groups(name: str) -> list[str]:
    """The groups that the name lies in: "a/b/c" lies in "a" and "a/b"."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


# --- refs


def create(name: str, commit: str) -> None:
    """Create the run's ref at `commit`, a full hash; of any number of racers one wins, the others get NameTaken."""
    try:
        refstore.update([f"create {ref(name)}", commit])
    except GitFailed:
        Neighbours(name).check()
        raise


def create_one_of_many(repository: Repository, name: str, commit: str) -> None:
    """The same in process: git starts sooner than dulwich is imported, but not ten times.

    `Neighbours.check` comes first: dulwich does not see packed refs below the name.
    """
    if not _create_in_process(repository, name, commit):
        create(name, commit)


def create_missing(repository: Repository, name: str, commit: str) -> None:
    """Create the run's ref at `commit` where there is none, or only a blank one."""
    if commit_of(name) is None:
        remove_blank(repository, name)
        create_one_of_many(repository, name, commit)


def _create_in_process(repository: Repository, name: str, commit: str) -> bool:
    """False where dulwich did not create the ref: another was faster, an empty directory is in its way, or git alone
    can do it rightly, or sooner."""
    if _needs_git(repository) or _are_many_packed(repository):
        return False
    from dulwich.file import FileLocked
    from dulwich.refs import DiskRefsContainer

    container = DiskRefsContainer(repository.common_dir)
    try:
        return container.set_if_equals(ref(name).encode(), b"0" * 40, commit.encode())  # type: ignore[arg-type]
    except FileLocked:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            remove_file(os.path.join(repository.common_dir, ref(name) + ".lock"))  # dulwich leaves it
        return False


def _needs_git(repository: Repository) -> bool:
    """Whether refs are kept, shared or watched in a way that dulwich does not know."""
    hooks = os.path.join(repository.common_dir, "hooks", "reference-transaction")
    keys = ("extensions.refstorage", "core.sharedrepository", "core.hookspath")
    return os.path.exists(hooks) or any(entry.key in keys for entry in repository.config)


def _are_many_packed(repository: Repository) -> bool:
    """Whether git, which searches the packed refs by bisection, is the faster one."""
    with suppress(OSError):
        return os.stat(os.path.join(repository.common_dir, "packed-refs")).st_size > MANY_PACKED
    return False


def create_in_submodule(git_dir: str, name: str, commit: str) -> bool:
    """Create the run's ref in the repository of a submodule, to keep its commit; False where it is there already, or
    the commit is not.

    Raises SubmoduleHasRun where another commit has it.
    """
    try:
        refstore.update([f"create {ref(name)}", commit], git_dir)
        return True
    except GitFailed:
        there = objects.resolve(ref(name), git_dir)
        if there is None and objects.resolve(commit, git_dir) is None:
            return False
        if there is None:
            raise
        if there != commit:
            raise SubmoduleHasRun(git_dir, ref(name)) from None
        return False


def delete_in_submodule(git_dir: str, name: str, commit: str) -> None:
    """Delete the run's ref in the repository of a submodule, if it still is at `commit`."""
    with suppress(GitFailed):
        refstore.update([f"delete {ref(name)}", commit], git_dir)


def commit_of(name: str) -> str | None:
    """Full hash of the commit that the run's ref points to, or None."""
    return objects.resolve(ref(name))


def needing_none(runs: Iterable[Run]) -> set[str]:
    """The names of those of the runs that were imported, and whose commits are not here to be kept."""
    commits = {run.name: run.record.text("commit") for run in runs if run.record.is_imported}
    revisions = {f"{commit}^{{commit}}" for commit in commits.values() if objects.is_hash(commit)}
    here = objects.hashes(revisions) if revisions else {}
    return {name for name, commit in commits.items() if f"{commit}^{{commit}}" not in here}


def gone(run: Run) -> RunsError:
    """What is wrong with a run whose ref is not here."""
    commit = run.record.text("commit")
    if needing_none([run]):
        return CodeNotHere(run.name, run.record.tool, commit)
    is_here = objects.resolve(commit) is not None
    return RefGone(ref(run.name), commit, is_here=is_here, host=run.record.text("host"))


class Tip:
    """What a ref points at."""

    def __init__(self, commit: str, date: str, subject: str) -> None:
        self.commit = commit  # full hash
        self.date = date  # the committer's, ISO 8601
        self.subject = subject  # the first line of the message


def tips(names: Iterable[str]) -> dict[str, Tip]:
    """What the runs' refs point at, by name; without those that are not here, or at no commit."""
    names = list(names)
    form = "%(objecttype)%00%(objectname)%00%(committerdate:iso-strict)%00%(subject)%00%(refname)"
    # Of more refs than a command line takes, all are read.
    patterns = list(map(ref, names)) if len(names) < MANY_NAMES else [PREFIX]
    wanted = set(names)
    found = {}
    for line in calls.run("for-each-ref", f"--format={form}", *patterns).splitlines():
        kind, commit, date, subject, full_name = line.split("\0")
        name = full_name[len(PREFIX) :]
        if kind == "commit" and name in wanted:
            found[name] = Tip(commit, date, subject)
    return found


class Commits:
    """What all run refs, here or in that repository, point at: git reads them while we do something else."""

    def __init__(self, git_dir: str | None = None) -> None:
        self._call = refstore.start_reading(PREFIX, git_dir).read_ahead()

    def by_name(self) -> dict[str, str]:
        """The commits by the names of the runs, without refs that are broken; raises GitFailed."""
        return {ref[len(PREFIX) :]: commit for ref, commit in refstore.read_each(self._call)}


def commits_of(names: Iterable[str]) -> dict[str, str]:
    """What the runs' refs point at, by name, without those that are broken or not here."""
    return {found[len(PREFIX) :]: commit for found, commit in objects.hashes(map(ref, names)).items()}


def remove_blank(repository: Repository, name: str) -> None:
    """Remove the file of a ref that has nothing in it, as a power cut may leave one: git can neither read nor replace
    it."""
    path = os.path.join(repository.common_dir, ref(name))
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        if not os.path.islink(path) and os.stat(path).st_size == 0:
            os.unlink(path)


def create_all(commits: Mapping[str, str]) -> None:
    """Create the refs of many runs at their commits, all or none; raises GitFailed."""
    refstore.update(word for name, commit in commits.items() for word in (f"create {ref(name)}", commit))


def delete(names: Iterable[str]) -> None:
    """Delete the runs' refs, all or none; those that are not there count as deleted."""
    refstore.update(word for name in names for word in (f"delete {ref(name)}", ""))
