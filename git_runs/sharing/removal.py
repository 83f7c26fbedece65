"""Take runs off a remote, drop the history of the records there, and put back what somebody has removed by accident."""

from __future__ import annotations

import time

from ..console.messages import warn
from ..errors.sharing import NameTakenThere, PushRefused
from ..records import yamltext
from ..records.kept import FORM, LAYOUT, is_environment
from ..records.record import Record, Run, edit_stamp
from ..system import whoami
from ..system.git import calls, fast_import, objects, remotes
from ..system.git.remotes import AT_ONCE, Update
from . import fetching, merge, merging
from .pushing import Outcome, Parcel, deliver
from .shared import Shared, identifier_of, is_identifier, is_run, name_of, parse, path_of, tombstone_of

STONE = ("id", merge.DELETED, merge.EDITED)  # what it takes to know that a run was deleted, and when and by whom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .remote import Remote


def delete(remote: Remote, choose: Callable[[set[str]], list[str]], approve: Callable[[Parcel], None]) -> Outcome:
    """Delete runs on the remote, which `choose` takes from the names there: for good, as far as other clones are
    concerned. Raises what `deliver` raises."""

    def pack(there: Shared) -> Parcel:
        return _tombstones(remote, there, choose(there.names()))

    return deliver(remote, pack, approve)


def _tombstones(remote: Remote, there: Shared, names: list[str]) -> Parcel:
    parcel = Parcel()
    stamp = edit_stamp()
    refs = _refs_there(remote, names)
    records = there.records(map(path_of, names))
    for name in names:
        fields = records.get(path_of(name), Record())
        identifier, commit = fields.text("id"), fields.text("commit")
        if not is_identifier(identifier):
            warn(f"the record of '{name}' on {remote.name} cannot be read; it goes all the same")
        else:
            text = yamltext.dump(merge.tombstone(fields, stamp))
            parcel.changed[tombstone_of(identifier)] = text.encode()
        parcel.removed.append(path_of(name))
        parcel.deleted.append(Run(name, fields))
        if fields.is_under_way:
            warn(f"run '{name}' may go on, on host '{fields.text('host')}': how it ends will not come to {remote.name}")
        there_at = refs.get(remote.run_there(name))
        if there_at and there_at == commit:
            parcel.updates.append(Update(remote.run_there(name), None, commit))
        elif there_at:
            warn(f"{remote.run_there(name)} on {remote.name} is at another commit than its run, and stays")
    return parcel


def _refs_there(remote: Remote, names: Sequence[str]) -> dict[str, str]:
    """What the refs of those runs on the remote point at, as far as they are there."""
    patterns = [remote.run_there(name) for name in names]
    return remotes.listed(remote.name, patterns if len(patterns) < AT_ONCE else [remote.run_there("*")])


# --- purge


def purge(remote: Remote, approve: Callable[[int], None]) -> bool:
    """Let the remote have the records as they are there now, and nothing of what they were before; whether there are
    any. `approve` gets the number of commits that go.

    Raises PushRefused where somebody has changed them meanwhile, NewerLayout, ExchangeUnderWay and GitFailed.
    """
    with remote.alone():
        fetching.fetch(remote)
        tip, synced = remote.tips()
        if tip is None:
            return False
        Shared(remote.git_dir, tip).check_layout(remote.name)
        place = calls.at(remote.git_dir)
        approve(int(calls.run(*place, "rev-list", "--count", tip)) - 1)
        tree = objects.hashes([f"{tip}^{{tree}}"])[f"{tip}^{{tree}}"]
        author = whoami.user_and_host()
        bare = _bare_tombstones(Shared(remote.git_dir, tip))
        new = fast_import.Commit(author, int(time.time()), "purged", tree=tree, changed=bare)
        commit = fast_import.replace(place, remote.draft, [new])
        rejected = remotes.push(remote.name, [Update(remote.records_there, commit, tip)], atomic=False)
        for ref, reason in rejected.items():
            raise PushRefused(remote.name, ref, f"{reason}; nothing was purged")
        remote.set_refs(records_here=commit, draft=None, **({"synced": commit} if synced == tip else {}))
        return True


def _bare_tombstones(there: Shared) -> dict[str, bytes]:
    """Those of all runs that were deleted, without what the runs were."""
    stones = there.records(there.tombstones().values())
    bare = {path: {key: fields[key] for key in STONE if key in fields} for path, fields in stones.items()}
    return {path: yamltext.dump(fields).encode() for path, fields in bare.items()}


# --- put back


def restore(remote: Remote, approve: Callable[[Parcel], None]) -> Outcome:
    """Put back what the remote had when it was seen last, and has no more, without having been deleted there: records,
    and the refs of those runs whose commits are here. Raises what `deliver` raises."""
    with remote.alone():
        has_lost_before = bool(objects.hashes([remote.lost]))
        before = merging.merge_all(remote)  # what was seen last, and may be nowhere else
        seen = before.there.commit
        has_records = fetching.fetch(remote).has_records
        if not has_records and seen:
            fetching.keep(remote, seen, {*before.there.paths(), *before.there.tombstones()})
            remote.set_refs(records_here=None, synced=None)
        lost = Shared(remote.git_dir, objects.hashes([remote.lost]).get(remote.lost))

    def pack(there: Shared) -> Parcel:
        return _lost(remote, lost, there)

    outcome = deliver(remote, pack, approve)
    outcome.reports.insert(0, before)
    with remote.alone():
        if has_lost_before:  # which need not have been merged here
            remote.set_refs(synced=outcome.reports[-1].there.commit)
            outcome.reports.append(merging.merge_all(remote))
        if not outcome.parcel.refused:
            remote.set_refs(lost=None)
    return outcome


def _lost(remote: Remote, before: Shared, there: Shared) -> Parcel:
    parcel = Parcel()
    places = there.paths()
    known = {*places, *there.tombstones()}
    files = there.files()
    tombs = {*before.tombstones().values()}
    ours = [path for path in before.files() if is_run(path) or is_environment(path) or path in tombs]
    held = before.contents(ours)
    for path, content in held.items():
        identifier = identifier_of(content)
        if identifier in known or (path in files and not is_run(path)):
            continue
        if path in files:
            parcel.refused.append(NameTakenThere(name_of(path), remote.name, "", f"{name_of(path)}-2"))
            continue
        parcel.changed[path] = content
        if is_run(path):
            parcel.new.append(Run(name_of(path), Record(id=identifier)))
            parcel.fields |= dict.fromkeys(parse(content, path) or {})
    _put_back_refs(remote, parcel, [before, there], places)
    if parcel.names and LAYOUT not in files:
        parcel.changed[LAYOUT] = FORM
    return parcel


def _put_back_refs(remote: Remote, parcel: Parcel, trees: list[Shared], places: dict[str, str]) -> None:
    """Those of runs that have a record, and no ref on the remote, as far as their commits are here. `places`: where the
    records of runs are there now, by their ids."""
    refs = remotes.listed(remote.name, [remote.run_there("*")])
    commits: dict[str, str] = {}
    for tree in trees:
        records = tree.records(map(path_of, tree.names()))
        in_place = {path: one for path, one in records.items() if places.get(one.text("id"), path) == path}
        commits |= {name_of(path): fields.text("commit") for path, fields in in_place.items()}
    missing = {name: commit for name, commit in commits.items() if remote.run_there(name) not in refs}
    here = objects.hashes(f"{commit}^{{commit}}" for commit in missing.values() if objects.is_hash(commit))
    for name, commit in missing.items():
        if f"{commit}^{{commit}}" in here:
            parcel.updates.append(Update(remote.run_there(name), commit))
