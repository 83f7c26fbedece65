"""Which runs are to be sent to a remote, and how: under which names, with which leases, and whether they may be.

All records there have been merged into those here before, so that what is different here was changed here.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ..code import refs
from ..console import progress
from ..errors.records import NoSuchRun
from ..errors.sharing import ClashThere, DeletedThere, NameTakenThere, NotShareable
from ..records import yamltext
from ..records.kept import ENVIRONMENTS, FORM, LAYOUT
from ..records.order import in_order
from ..records.record import Record, Run, edit_stamp
from ..system.git import objects
from ..system.git.remotes import Update
from . import merge, merging
from .pushing import Parcel
from .shared import identifier_of, is_identifier, name_of, parse, path_of, tombstone_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .remote import Remote
    from .shared import Shared


class Packer:
    """Makes a parcel of runs, for the records as they are on the remote."""

    def __init__(self, remote: Remote, there: Shared, *, undeletes: bool = False, writes: bool = True) -> None:
        """`undeletes`: runs that were deleted there are to be there again. `writes`: what is sent is also written to
        the records here."""
        self._remote = remote
        self._project = remote.project
        self._there = there
        self._undeletes = undeletes
        self._writes = writes
        self._stamp = edit_stamp()
        self._places: dict[str, str] | None = None  # of all runs there, by their ids
        self._names: _Names | None = None
        self._environments: set[str] = set()  # that are there
        self._left: dict[str, Update] = {}  # of refs that no run of the parcel has any more, by ref

    def pack(self, runs: Sequence[Run]) -> Parcel:
        """Of those runs, whatever they are called now; raises NoSuchRun, BadRecord, NotShareable, NameTakenThere and
        ClashThere."""
        parcel = Parcel()
        texts = dict(map(self._read, runs))
        tombs = {name: tombstone_of(identifier_of(text)) for name, text in texts.items()}
        self._held = self._there.contents([*map(path_of, texts), *tombs.values(), LAYOUT])
        changed = [name for name in texts if texts[name] != self._held.get(path_of(name)) or tombs[name] in self._held]
        commits = objects.hashes([*map(refs.ref, changed), *map(self._remote.run_here, changed)])
        without_ref = [self._parsed(name, texts[name]) for name in changed if refs.ref(name) not in commits]
        parcel.without_commit = refs.needing_none(without_ref)
        changed = [name for name in changed if name not in parcel.without_commit]
        changed = in_order(changed, self._followed(changed, texts))
        self._tracked = {name: self._remote.run_here(name) in commits for name in changed}
        for name in progress.over(changed, "Packing runs", len(changed)):
            run = self._parsed(name, texts[name])
            self._check(run, commits.get(refs.ref(name)))
            try:
                self._add(parcel, run, texts[name])
            except DeletedThere as error:
                parcel.refused.append(error)
        self._add_environments(parcel)
        if parcel.names and LAYOUT not in self._held:
            parcel.changed[LAYOUT] = FORM
        parcel.first = self._vacating(parcel)
        return parcel

    def _vacating(self, parcel: Parcel) -> Parcel | None:
        """What gives a third name to those of the parcel's runs that leave names which are in the way of others, as run
        and group; None where there are none."""
        start = len(self._remote.run_there(""))
        leaving = {one.ref[start:]: one.before for one in parcel.updates if not one.value}
        coming = {one.ref[start:] for one in parcel.updates if one.value and not one.before}
        above = {group for name in coming for group in refs.groups(name)}
        blocking = [name for name in leaving if name in above or not coming.isdisjoint(refs.groups(name))]
        if not blocking:
            return None
        first = Parcel()
        for name in blocking:
            self._vacate(first, name, leaving[name])
        return first

    def _vacate(self, first: Parcel, name: str, commit: str | None) -> None:
        """Have the run that is there, at that commit, be called otherwise. It is stamped as older than our renaming."""
        fields = self._record(path_of(name)) or Record()
        free = f"{name.replace('/', '-')[:100]}-{fields.text('id')[:8]}"
        fields["name"] = free
        fields.mark_edited("name", stamp=fields.name_stamp)
        text = self._held[path_of(name)].decode()
        first.changed[path_of(free)] = yamltext.edit(text, path_of(free), dict(fields)).encode()
        first.removed.append(path_of(name))
        first.updates += [
            Update(self._remote.run_there(free), commit),
            Update(self._remote.run_there(name), None, commit),
        ]
        first.renamed.append(Run(free, fields))

    def _followed(self, names: Iterable[str], texts: Mapping[str, bytes]) -> dict[str, str]:
        """Which of those of the runs have there, so far, the names that others of them have here: `{theirs: own}`."""
        own = {identifier_of(texts[name]): name for name in names}
        there = {name: own.get(identifier_of(self._held.get(path_of(name)))) for name in names}
        return {name: other for name, other in there.items() if other}

    def _read(self, run: Run) -> tuple[str, bytes]:
        """Its name, and the text of its record."""
        store, identifier = self._project.store, run.record.text("id")
        with suppress(NoSuchRun):
            text = store.content(run.name)
            if identifier_of(text) == identifier:
                return run.name, text
        now = store.find(run)  # it was renamed on the remote, and so here
        if now is None:
            raise NoSuchRun(run.name)
        return now.name, store.content(now.name)

    @staticmethod
    def _check(run: Run, commit: str | None) -> None:
        if not is_identifier(run.record.text("id")):
            raise NotShareable(run.name, "its record has no valid id; see git runs fsck")
        if commit is None or commit != run.record.text("commit"):
            place = refs.ref(run.name)
            raise NotShareable(run.name, f"{place} is not at the commit that its record names; see git runs fsck")

    def _add(self, parcel: Parcel, run: Run, text: bytes) -> None:
        place = self._place(run)
        theirs = self._record(place) if place else None
        if place and theirs is None:
            raise NotShareable(run.name, f"its record on {self._remote.name}, '{place}', cannot be read")
        run, text = self._revive(parcel, run, text)
        if place and theirs is not None:
            theirs["name"] = name_of(place)
            run, text = self._merged(run, text, theirs if self._is_shared(name_of(place)) else None, theirs)
            self._environments.add(theirs.text("environment"))
            if place == path_of(run.name) and merge.same(run.record, theirs):
                return
        own = path_of(run.name)
        if place != own:
            self._check_name(run, but=place)
            self._point(parcel, self._remote.run_there(run.name), run.record.text("commit"))
        if place and place != own:
            former = self._remote.run_there(name_of(place))
            parcel.removed.append(place)
            parcel.former_names[run.name] = name_of(place)
            self._left[former] = Update(former, None, run.record.text("commit"))
            parcel.updates.append(self._left[former])
        written = yamltext.edit(text.decode(), self._project.store.path(run.name), dict(run.record))
        parcel.changed[own] = written.encode()
        before = theirs or Record()
        parcel.fields |= dict.fromkeys(
            key for key in {**before, **run.record} if run.record.get(key) != before.get(key)
        )
        (parcel.new if not place else parcel.edited if place == own else parcel.renamed).append(run)

    def _point(self, parcel: Parcel, ref: str, commit: str) -> None:
        """Have the ref, which is free there, or was left by a run of the parcel, point at the commit."""
        if left := self._left.pop(ref, None):
            left.value = commit
        else:
            parcel.updates.append(Update(ref, commit))

    def _record(self, place: str) -> Record | None:
        if place not in self._held:
            self._held |= self._there.contents([place])
        return parse(self._held.get(place), place)

    def _place(self, run: Run) -> str | None:
        """Where the remote has the record of the run; None where it has none."""
        identifier = run.record.text("id")
        own = self._held.get(path_of(run.name))
        if (fields := parse(own, "")) is not None and fields.text("id") == identifier:
            return path_of(run.name)
        if own is None and not (self._is_shared(run.name) or run.record.is_elsewhere or "name" in run.record.edits):
            return None  # nobody can have renamed it
        if self._places is None:
            self._places = self._there.paths()
        return self._places.get(identifier)

    def _merged(self, run: Run, content: bytes, base: Record | None, theirs: Record) -> tuple[Run, bytes]:
        """The run, and the text of its record, once that has what is there, and stamps of what was edited in the file.
        `base`: None where the run came here in another way, so that nothing says what either side has changed."""
        merged = merging.combine(base, run.record, theirs, merging.written_at(self._project, run)).record
        if merge.same(merged, run.record):
            return run, content
        if not self._writes:
            return Run(run.name, merging.not_renamed(merged, run.record)), content
        merging.merge_into(self._project, run, base, theirs)
        merging.rename(self._project, run, merged)
        return self._as_it_is_now(run)

    def _is_shared(self, name: str) -> bool:
        """Whether the run that is called so there was merged with what is here before, or came from here."""
        if name not in self._tracked:
            self._tracked[name] = bool(objects.hashes([self._remote.run_here(name)]))
        return self._tracked[name]

    def _as_it_is_now(self, run: Run) -> tuple[Run, bytes]:
        name, text = self._read(run)
        return self._parsed(name, text), text

    def _parsed(self, name: str, text: bytes) -> Run:
        store = self._project.store
        fields = yamltext.parse(text, store.path(name))
        fields.is_elsewhere = fields.text("id") in store.elsewhere
        fields["name"] = name
        return Run(name, fields)

    def _revive(self, parcel: Parcel, run: Run, content: bytes) -> tuple[Run, bytes]:
        """Where the run was deleted there, let it be there again, with what others had edited; raises DeletedThere
        unless somebody has undone that."""
        place = tombstone_of(run.record.text("id"))
        tomb = parse(self._held.get(place), place)
        if tomb is None:
            return run, content
        if self._undeletes and self._writes:
            with self._project.store.change(run) as fields:
                self._undelete(fields, tomb)
            run, content = self._as_it_is_now(run)
        elif self._undeletes:
            self._undelete(run.record, tomb)
        if merge.is_deleted(merging.combine(None, run.record, tomb, None).record):
            raise DeletedThere(run.name, self._remote.name, merging.who_deleted(tomb))
        parcel.removed.append(place)
        del tomb[merge.DELETED]
        return self._merged(run, content, None, tomb)

    def _undelete(self, fields: Record, tomb: Record) -> None:
        """Let the record say so, later than when it was deleted."""
        fields["edited"] = {**fields.edits, merge.DELETED: tomb.edits.get(merge.DELETED) or tomb.text(merge.DELETED)}
        fields.mark_edited(merge.DELETED, stamp=self._stamp)

    def _check_name(self, run: Run, but: str | None) -> None:
        """Raises NameTakenThere and ClashThere where the run cannot have its name there."""
        name = run.name
        if self._names is None:
            self._names = _Names(self._there.names())
        if but:
            self._names.discard(name_of(but))
        if name in self._names.names:
            other = self._there.records([path_of(name)]).get(path_of(name)) or Record()
            raise NameTakenThere(run.name, self._remote.name, _who_ran(other), self._names.free(name))
        if clash := self._names.clash(name):
            raise ClashThere(run.name, clash[0], self._remote.name, clash[1])
        self._names.add(name)

    def _add_environments(self, parcel: Parcel) -> None:
        """The files that the records name, as far as they are not there."""
        environments = self._project.store.environments
        wanted = {run.record.text("environment") for run in parcel.sent} - self._environments - {""}
        places = [place for one in sorted(wanted) for place in environments.files_of(one)]
        paths = {ENVIRONMENTS + os.path.basename(place): place for place in places}
        held = self._there.contents(paths) if paths else {}
        for path, place in paths.items():
            if path not in held:
                with suppress(OSError), open(place, "rb") as file:
                    parcel.changed[path] = file.read()


class _Names:
    """The names of the runs there, and what they leave for others."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: set[str] = set()
        self._users: dict[str, int] = {}  # of names and groups: how many runs are called so, or lie there
        self._spelled: dict[str, str] = {}  # these, by how they are where letters have no case
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """A run is called so."""
        self.names.add(name)
        for part in (*refs.groups(name), name):
            self._users[part] = self._users.get(part, 0) + 1
            self._spelled.setdefault(part.casefold(), part)

    def discard(self, name: str) -> None:
        """No run is called so any more."""
        self.names.discard(name)
        for part in (*refs.groups(name), name):
            self._users[part] -= 1
            if not self._users[part] and self._spelled.get(part.casefold()) == part:
                del self._spelled[part.casefold()]

    def clash(self, name: str) -> tuple[str, str] | None:
        """A name beside which that one cannot be, and why."""
        if self._users.get(name):
            below = next(other for other in self.names if other.startswith(name + "/"))
            return below, f"'{name}' would be a run and a group"
        if group := next((group for group in refs.groups(name) if group in self.names), None):
            return group, f"'{group}' would be a run and a group"
        for part in (*refs.groups(name), name):
            if (found := self._spelled.get(part.casefold(), part)) != part:
                return found, "on disks where capitals are not different from small letters they would be one"
        return None

    def free(self, name: str) -> str:
        """A name like that one that no run there has."""
        number = 2
        while f"{name}-{number}" in self.names:
            number += 1
        return f"{name}-{number}"


def _who_ran(fields: Record) -> str:
    whose = "@".join(filter(None, (fields.text("user"), fields.text("host"))))
    return merging.who(f"{fields.text('datetime')} {whose}") if fields else ""
