"""Runs in one file, for machines without a network between them: git-bundle(1).

In the file they are as on a remote: refs/runs/<name> and refs/git-runs/records. Whoever imports it has a remote called
`bundle`, or what else it is to be called, of which the refs of runs are here, too.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from ..code import refs
from ..errors.base import RunsError
from ..errors.sharing import BundleInUse, CommitsLeftOut, NameOfRemote, NoRecordsIn, NotABundle, NothingToBundle
from ..records.history import REF
from ..system.git import bundles, objects, refstore
from . import fetching, merging
from .packing import Packer
from .pushing import build
from .remote import BUNDLE, Remote, is_one
from .shared import Shared, commit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..project import Project
    from ..records.record import Run
    from .pushing import Parcel


def create(project: Project, path: str, runs: Sequence[Run], known: Sequence[str]) -> Parcel:
    """Write a bundle of those runs; `known` are revisions that whoever imports it has. Raises NothingToBundle,
    GitFailed, and what Packer.pack raises."""
    sender = Remote(project, f"{BUNDLE}.out")
    git_dir = project.repository.common_dir
    parcel = Packer(sender, Shared(git_dir, None)).pack(runs)
    if parcel.without_commit and not parcel.new:
        raise NothingToBundle(path)
    records = build(sender, None, parcel)
    place = tempfile.mkdtemp(prefix=f"git-runs-bundle-{os.getpid()}-", dir=git_dir)
    try:
        commits = {refs.ref(run.name): run.record.text("commit") for run in parcel.new}
        bundles.create(path, place, git_dir, {REF: records, **commits}, known)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        sender.set_refs(outbox=None)
    return parcel


def import_(project: Project, path: str, name: str, *, replace: bool) -> tuple[fetching.News, merging.Report]:
    """Take what is in the bundle for a remote of that name, and merge it into the records of the runs that are here.

    Raises NameOfRemote; NotABundle, NoRecordsIn, CommitsLeftOut and NewerLayout; BundleInUse where runs that came so
    before are nowhere else, unless they may be replaced; and GitFailed.
    """
    if is_one(project, name):
        raise NameOfRemote(name)
    if not bundles.is_one(path):
        raise NotABundle(path)
    remote = Remote(project, name)
    remote.records_there = REF
    with remote.alone():
        path = os.path.abspath(path)
        before = remote.tips()[0]
        bundles.fetch(path, [f"+{REF}:{remote.draft}"])
        try:
            there = _records(remote, path)
            _check_commits(there, path)
        except RunsError:
            remote.set_refs(draft=None)
            raise
        gone = Shared(remote.git_dir, before).paths().keys() - there.paths().keys() - merging.ids(project).keys()
        if gone and not replace:
            remote.set_refs(draft=None)
            raise BundleInUse(name, len(gone))
        remote.set_refs(bundle=there.commit)
        remote.make_room([ref.removeprefix(refstore.RUNS) for ref in bundles.heads(path)])
        bundles.fetch(path, [f"+{REF}:{remote.records_here}", f"+{refstore.RUNS}*:{remote.run_here('*')}"])
        remote.set_refs(draft=None)
        news = fetching.compare(there.changes_since(Shared(remote.git_dir, before)))
        return news, merging.merge_all(remote)


def _check_commits(there: Shared, path: str) -> None:
    """Raises CommitsLeftOut where neither the file nor the repository has what one of the runs ran."""
    given = {*bundles.heads(path).values()}
    others = {commit_of(content) for content in there.texts().values()} - given
    kinds = objects.kinds(sorted(filter(objects.is_hash, others)), there.common_dir)
    if missing := [commit for commit, kind in kinds.items() if kind == "missing"]:
        raise CommitsLeftOut(path, len(missing), missing[0])


def _records(remote: Remote, path: str) -> Shared:
    """Those that came from the file; raises NoRecordsIn and NewerLayout."""
    commit = objects.hashes([remote.draft])[remote.draft]
    if objects.kinds([commit], remote.git_dir)[commit] != "commit":
        raise NoRecordsIn(path)
    there = Shared(remote.git_dir, commit)
    there.check_layout(remote.name)
    return there
