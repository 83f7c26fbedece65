"""A remote of the repository, and the refs that stand for its runs, there and here.

    there   refs/runs/<name>                         at the commit that ran
            refs/git-runs/records                    the records, as records/history.py has them, and
                                                     .deleted/<id>.yml for each run that was deleted there
    here    refs/git-runs/remotes/<remote>/runs/<name>, refs/git-runs/remotes/<remote>/records
                                                     the same as it was seen last
            refs/git-runs/remotes/<remote>/runs/@former/<hash>
                                                     at the commit of one that had to make room, see `make_room`
            refs/git-runs/synced/<remote>            the records there that were last merged into those here
            refs/git-runs/pushed/<remote>            the records that were last sent there from here
            refs/git-runs/bundle/<remote>            those of the bundle that was imported last, where it is one
            refs/git-runs/outbox/<remote>            those that are just being sent, or where that was interrupted

Git renames and removes remotes and knows nothing of these refs. So `remote.<name>.runsKnownAs` in git's configuration,
which is renamed and removed with the remote, is the name under which they are here.

On a host that takes only branches, `remote.<name>.runsNamespace` says below which name the first two are. Nothing is
ever fetched into refs/runs/, and no refspec is configured.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from ..code.refs import groups
from ..console.messages import warn
from ..errors.records import Locked
from ..errors.sharing import BadNamespace, ExchangeUnderWay, NoRecords, NoSuchRemote
from ..errors.system import GitFailed
from ..records import locks
from ..records.history import REF as RECORDS
from ..records.remotes import records_ref, run_ref, synced_ref
from ..records.remotes import remotes as fetched
from ..system.files import remove_file
from ..system.git import config, objects, refstore, remotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ..project import Project

BUNDLE = "bundle"  # the remote that the runs of a bundle are of
# The refs of a remote, but for those of its runs, as attributes.
REFS = ("records_here", "synced", "pushed", "lost", "bundle", "outbox", "draft")
FORMER = "@former/"  # no name of a run begins so
LOCK = "git-runs."  # how the names of locks begin, in the common git dir
PATIENCE = 60.0  # seconds that somebody else's exchange with the remote may take
UNNOTICED = 1.0  # seconds of them of which nothing is said


class Remote:
    """One remote."""

    def __init__(self, project: Project, name: str) -> None:
        self.project = project
        self.name = name
        self.git_dir = project.repository.common_dir
        space = _namespace(project, name)
        self.records_there = f"{space}/records" if space else RECORDS
        self._runs_there = f"{space}/runs/" if space else refstore.RUNS
        self.records_here = records_ref(name)
        self.synced = synced_ref(name)
        self.pushed = f"refs/git-runs/pushed/{name}"  # what was pushed last from here
        self.lost = f"refs/git-runs/lost/{name}"  # see fetching.py
        self.outbox = f"refs/git-runs/outbox/{name}"  # see above
        self.bundle = f"refs/git-runs/bundle/{name}"
        self.draft = f"refs/git-runs/draft/{name}"  # records that are just being looked at, or purged
        self._is_pushed_to = False  # so far as we know

    def run_there(self, name: str) -> str:
        """The full name of the run's ref on the remote."""
        return self._runs_there + name

    def run_here(self, name: str) -> str:
        """The full name of the ref that stands for it here."""
        return run_ref(self.name, name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else here exchanges anything with the remote in the `with` block; raises ExchangeUnderWay."""
        try:
            locks.take(self.lock, UNNOTICED)
        except Locked:
            warn(f"another git runs exchanges runs with {self.name}; waiting for it")
            self._take_lock_from_others()
        try:
            yield
        finally:
            remove_file(self.lock)

    def _take_lock_from_others(self) -> None:
        try:
            locks.take(self.lock, PATIENCE)
        except Locked:
            raise ExchangeUnderWay(self.name, self.lock) from None

    @property
    def lock(self) -> str:
        """The path of what keeps others out."""
        return os.path.join(self.git_dir, f"{LOCK}{self.name.replace('/', '%')}{locks.SUFFIX}")

    def tips(self) -> tuple[str | None, str | None]:
        """The commits of the records as they were seen there last, and as they were last merged into those here."""
        return self.state()[:2]

    def state(self) -> tuple[str | None, str | None, str | None]:
        """The same, and the commit that is just being sent there."""
        found = objects.hashes([self.records_here, self.synced, self.outbox, self.pushed])
        self._is_pushed_to = self.pushed in found
        return found.get(self.records_here), found.get(self.synced), found.get(self.outbox)

    def fetch(self) -> tuple[str | None, str | None]:
        """See what the records are there now; gives their commits before and now, None where there were none. Where
        nothing is new both are None.

        Raises NotThere where the remote has no records, and NoRecords where something else is in their place; what was
        seen there last stays. Raises GitFailed.
        """
        refspec = f"+{self.records_there}:{self.records_here}"
        before = self.tips()[0]  # which git does not say where something else is there now
        changed = remotes.fetch(self.name, [refspec], f"{self.records_here}*" if before else None, is_whole=True)
        if self.records_here not in changed:
            return None, None
        _, now = changed[self.records_here]
        now = now or objects.hashes([self.records_here])[self.records_here]
        if objects.kinds([now], self.git_dir)[now] != "commit":
            self.set_refs(records_here=before)
            raise NoRecords(self.name, self.records_there)
        return before, now

    def was_pushed_to(self) -> bool:
        """Whether anything was sent there from here."""
        return self._is_pushed_to or bool(objects.hashes([self.pushed]))

    def refs(self) -> dict[str, str]:
        """All refs of it here, and what they are at."""
        runs = refstore.read(refstore.start_reading(self.run_here(""), self.git_dir))
        return {**objects.hashes(getattr(self, attribute) for attribute in REFS), **runs}

    def _as_named_by(self, other: Remote, ref: str) -> str:
        """What the other remote has in the place of that ref."""
        for attribute in REFS:
            if getattr(self, attribute) == ref:
                return str(getattr(other, attribute))
        return other.run_here(ref[len(self.run_here("")) :])

    def take_over(self, old: Remote) -> bool:
        """Let the refs of a remote that was renamed to this one be its own, all or none; where it has some already,
        those stay, and so do the old ones. Whether they are its own now. Raises GitFailed and ExchangeUnderWay."""
        with old.alone(), self.alone():
            refs = old.refs()
            if refs and self.refs():
                return False
            moved = ((ref, old._as_named_by(self, ref), at) for ref, at in refs.items())
            words = ((f"create {new}", at, f"delete {ref}", at) for ref, new, at in moved)
            refstore.update(word for one in words for word in one)
            self.note_name()
            return bool(refs)

    def note_name(self) -> None:
        """Note that its refs here bear its name, if the configuration may be changed."""
        with suppress(GitFailed):
            config.set_value(f"remote.{self.name}.runsKnownAs", self.name)

    def track(self, commits: Mapping[str, str | None], **others: str | None) -> None:
        """Note that the runs of those names there are at those commits, which are here; None: they are not there. The
        others are as in `set_refs`, and together with what is there.

        What is not there goes first: git cannot have a name become that of a group in one step."""
        gone = {self.run_here(name): None for name, commit in commits.items() if commit is None}
        there = {self.run_here(name): commit for name, commit in commits.items() if commit}
        if gone:
            _set(gone)
        refs = {**there, **self._as_refs(others)}
        try:
            _set(refs)
        except GitFailed:
            if not self.make_room([name for name, commit in commits.items() if commit]):
                raise
            _set(refs)

    def make_room(self, names: Collection[str]) -> bool:
        """Let no ref of a run here be in the way of those for runs of the given names: where these are there, no run
        can be called as a group of theirs, or lie below them, any more. Whether there was any. Commits that nothing
        else keeps here stay."""
        wanted, above = {*names}, {group for name in names for group in groups(name)}
        prefix = self.run_here("")
        here = refstore.read(refstore.start_reading(prefix, self.git_dir))
        names_here = {ref: ref[len(prefix) :] for ref in here}
        stale = {ref for ref, name in names_here.items() if name in above or not wanted.isdisjoint(groups(name))}
        if not stale:
            return False
        runs = refstore.read(refstore.start_reading(refstore.RUNS, self.git_dir))
        kept = {*runs.values(), *(at for ref, at in here.items() if ref not in stale)}
        former = {self.run_here(FORMER + here[ref]): here[ref] for ref in stale if here[ref] not in kept}
        _set({**former, **dict.fromkeys(stale)})
        return True

    def set_refs(self, **commits: str | None) -> None:
        """Let refs of this remote, by their names as attributes, be at those commits, None: go, all or none."""
        _set(self._as_refs(commits))

    def _as_refs(self, commits: Mapping[str, str | None]) -> dict[str, str | None]:
        return {getattr(self, attribute): commit for attribute, commit in commits.items()}


def _set(refs: Mapping[str, str | None]) -> None:
    pairs = refs.items()
    words = ((f"update {ref}", commit, "") if commit else (f"delete {ref}", "") for ref, commit in pairs)
    refstore.update(word for one in words for word in one)


def find(project: Project, name: str | None) -> Remote:
    """The remote of that name, by default the one that `git push` would take; raises NoSuchRemote and BadNamespace."""
    entries = project.repository.config
    found = remotes.default(entries) if name is None else name
    if found is None or found not in remotes.names(entries):
        raise NoSuchRemote(name)
    pairs = [pair for pair in renamed(project).items() if found in pair]
    followed = [new for old, new in pairs if Remote(project, new).take_over(Remote(project, old))]
    remote = Remote(project, found)
    if not remote.records_there.startswith("refs/"):
        raise BadNamespace(found, _namespace(project, found))
    if _known_as(project).get(found) != found and found not in followed:
        if remote.was_pushed_to():  # a remote of that name was removed, and this may be another repository
            remote.set_refs(pushed=None)
        remote.note_name()
    return remote


def is_one(project: Project, name: str) -> bool:
    """Whether a remote of that name is configured."""
    return name in names(project)


def names(project: Project) -> list[str]:
    """The remotes that are configured."""
    return remotes.names(project.repository.config)


def renamed(project: Project) -> dict[str, str]:
    """The new names of remotes that were renamed since something was exchanged with them, by the old ones."""
    return {old: new for new, old in _known_as(project).items() if old != new}


def _known_as(project: Project) -> dict[str, str]:
    known = {entry.key: entry.value for entry in project.repository.config}
    found = ((name, known.get(f"remote.{name}.runsknownas")) for name in names(project))
    return {name: old for name, old in found if old}


def left(project: Project) -> list[Remote]:
    """Those under whose names refs are here, and which are no remotes any more, and no bundles."""
    found = [Remote(project, name) for name in fetched(project.repository.common_dir)]
    gone = [remote for remote in found if not is_one(project, remote.name)]
    bundles = objects.hashes(remote.bundle for remote in gone) if gone else {}
    return [remote for remote in gone if remote.bundle not in bundles]


def _namespace(project: Project, name: str) -> str:
    key = f"remote.{name}.runsnamespace"
    values = [entry.value or "" for entry in project.repository.config if entry.key == key]
    return values[-1].rstrip("/") if values else ""
