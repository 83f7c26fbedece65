"""Runs of other tools become runs of this repository.

What a run is, its tool says: its `id` here is made of that (RFC 9562, UUID version 5), so that the same run is known
again, also in another clone, whatever it is called by then; a run of ours that was exported for that tool is known by
its own. A name that another run has is never taken from it: the one that comes gets a number behind it. A run whose
commit is not here gets no ref.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from itertools import islice
from math import inf

from ..code import refs
from ..console.messages import warn
from ..errors.base import RunsError
from ..errors.code import NameClash, NameTaken
from ..records import query, remarks
from ..records.importers.importer import SHARED, Entry, Surroundings
from ..records.outputs import KINDS
from ..records.record import Record, Run, is_name, seconds
from ..results import metrics
from ..system.files import files_below, is_below, locked
from ..system.git import objects
from . import registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from ..project import Project
    from ..records.importers.importer import FoundOutput, Importer, Points

IDENTITIES = uuid.UUID("8a0a1c6e-5d5b-5c63-9d0c-5d2f7c1b6f0e")  # the name space of the ids; never to be changed
STAY, MOVE, LINK = "stay", "move", "link"  # what is done with outputs
HASH = re.compile("[0-9a-f]{4,64}")  # of a commit, or its beginning
CURVES = "imported.jsonl"  # what the file of a run is called that has the points of its metrics
_KNOWN_FIELDS = ("id", "commit", "datetime")


class Incoming:
    """A run that is to be added."""

    def __init__(self, entry: Entry, fields: Record) -> None:
        self.name = ""  # that which it is to have
        self.entry = entry
        self.fields = fields
        self.has_commit = False  # whether that is in this repository


class Import:
    """What there is to be imported from one place."""

    def __init__(self, project: Project, tool: str, importer: Importer, path: str) -> None:
        self._project = project
        self._importer = importer
        self.tool = tool
        self.path = path
        self.new: list[Incoming] = []
        self.known: list[tuple[str, Entry]] = []  # those that are here already, by the names that they have
        self.deleted: list[str] = []  # those that are in the trash, by the names that they had
        self.of_others: list[Incoming] = []  # those of other projects
        self._names: _Names
        self.failed: list[RunsError] = []  # what is wrong with the others
        self.taken_in = 0  # runs whose outputs were moved, or are linked

    @property
    def title(self) -> str:
        """What people call the tool."""
        return self._importer.title

    @property
    def total(self) -> int:
        """How many runs of this project there are."""
        return len(self.new) + len(self.known) + len(self.deleted) + len(self.failed)

    @property
    def without_commit(self) -> list[Incoming]:
        """The new ones whose commit is not here, or not known."""
        return [one for one in self.new if not one.has_commit]

    @property
    def renamed(self) -> list[Incoming]:
        """The new ones that are called otherwise than their tool calls them."""
        return [one for one in self.new if one.name != one.entry.name]

    def carry_out(self, outputs: str = STAY, *, all_projects: bool, dry_run: bool) -> None:
        """Add the runs that are not here so far, and do with the outputs of all what is wished: STAY, MOVE or LINK; or,
        for a `dry_run`, see what would come. Of tools that keep the runs of many projects together those of others
        come only for `all_projects`.

        Raises what `Importer.read` and `registration.adopt_all` raise.
        """
        with nullcontext() if dry_run else _alone(self._project):
            self._carry_out(outputs, all_projects=all_projects, dry_run=dry_run)

    def _carry_out(self, outputs: str, *, all_projects: bool, dry_run: bool) -> None:
        top = self._project.repository.top
        takes_all = all_projects or _is_inside(self.path, top)
        deleted, self._names = _in_trash(self._project), _Names(self._project)
        here = _Here(self._project, deleted)
        for entries in _in_batches(self._importer.read(self.path, surroundings(self._project))):
            self.failed += (one for one in entries if isinstance(one, RunsError))
            read = [one for one in entries if isinstance(one, Entry)]
            for entry in read:
                entry.outputs = [found for found in entry.outputs if self._may_be_of_run(found[0])]
            known, new = here.divided(read, self.tool)
            self.deleted += (deleted[identifier] for identifier, _ in new if identifier in deleted)
            wanted = [(identifier, entry) for identifier, entry in new if identifier not in deleted]
            incoming = [Incoming(entry, self._record(entry, identifier)) for identifier, entry in wanted]
            self._resolve_commits(incoming)
            others = [] if takes_all else [one for one in incoming if _is_of_other(one, top)]
            self.of_others += others
            incoming = [one for one in incoming if one not in others]
            self._name(incoming)
            self.known += known
            self.new += incoming
            if not dry_run:
                self._add(incoming)
                from_tool = [one for one in known if not here.is_own(one[1])]
                for name, entry in [*((one.name, one.entry) for one in incoming), *from_tool]:
                    self._treat_outputs(name, entry, outputs)
            for entry in read:
                entry.metrics = {}  # of many runs they would not fit into memory

    def _name(self, incoming: Sequence[Incoming]) -> None:
        for one in incoming:
            one.name = self._names.take(refs.mended(one.entry.name), one.fields.text("commit"))
            one.fields["name"] = one.name

    def _add(self, incoming: Sequence[Incoming]) -> None:
        if not incoming:
            return
        try:
            registration.adopt_all(self._project, {one.name: one.fields for one in incoming})
        except (NameTaken, NameClash):  # by a run that was started just now
            self._names = _Names(self._project)
            self._name(incoming)
            registration.adopt_all(self._project, {one.name: one.fields for one in incoming})

    def _record(self, entry: Entry, identifier: str) -> Record:
        """The record of the run, but for its name."""
        fields = Record({"id": identifier, "name": entry.name, **entry.fields})
        if "id" in entry.fields:
            return fields
        fields["imported"] = {"tool": self.tool, "id": entry.source, "name": entry.name}
        if tags := remarks.as_tags(fields.texts("tags")):
            fields["tags"] = tags
        stay = [found[0] for found in entry.outputs if not self._is_in_place(found)]
        if stay:
            fields["outputs"] = stay
        if entry.metrics:
            fields["metrics"] = metrics.for_record_of(entry.metrics)
        elif stay:
            settings = self._project.settings
            run, rules = Run(identifier, fields), metrics.rules_of(self._project)  # it has no name so far
            fields["metrics"] = metrics.for_record(self._project.outputs, run, rules, settings.metric or "")
        return Record({key: value for key, value in fields.items() if value != {}})

    def _resolve_commits(self, incoming: Iterable[Incoming]) -> None:
        given = {one.fields.text("commit") for one in incoming}
        asked = {f"{commit}^{{commit}}": commit for commit in given if HASH.fullmatch(commit)}
        commits = {asked[name]: commit for name, commit in objects.hashes(asked).items()}
        for one in incoming:
            commit = one.fields.text("commit")
            one.has_commit = commit in commits
            if one.has_commit:
                one.fields["commit"] = commits[commit]
                continue
            imported = one.fields.setdefault("imported", {"tool": self.tool})
            if commit and not HASH.fullmatch(commit):  # HEAD, say, which is another one each day
                imported["commit"] = one.fields.pop("commit")

    def _treat_outputs(self, name: str, entry: Entry, outputs: str) -> None:
        """The run is there, whether they can be brought to where a run of that name has them or not."""
        found = [one for one in entry.outputs if os.path.lexists(one[0])]
        in_place = [one for one in found if self._is_in_place(one)]
        outside = [one for one in found if one not in in_place]
        inside = [one for one in in_place if not self._is_of_another(one, name)]
        try:
            self._keep_curves(name, entry)
            if inside:
                self._project.outputs.take(name, inside)
            if outputs == MOVE:
                moved = [_with_kind(one) for one in outside if one[1] != SHARED]
                self._project.outputs.take(name, moved)
                self._forget_moved(name, {path for path, *_ in moved})
            elif outputs == LINK:
                self._project.outputs.link(name, map(_with_kind, outside))
            if outside and outputs != STAY:
                self.taken_in += 1
        except (RunsError, OSError) as error:
            warn(f"not all outputs of run '{name}' could be taken in: {error}")

    def _keep_curves(self, name: str, entry: Entry) -> None:
        """Have the points of its metrics where those of a run are that was started here."""
        outputs = self._project.outputs
        path = outputs.place(name, "tensorboard", CURVES)
        has_curves = any(isinstance(points, list) and len(points) > 1 for points in entry.metrics.values())
        if has_curves and not os.path.lexists(path) and not outputs.is_behind_link(outputs.tensorboard(name)):
            _write_curves(path, entry.metrics)

    def _forget_moved(self, name: str, moved: set[str]) -> None:
        """Name no outputs in the record that are in the runs dir by now, also such as came there before that was
        interrupted."""
        run = query.find(self._project.store, name)
        left = [path for path in run.record.texts("outputs") if path not in moved and not self._is_moved(name, path)]
        if left != run.record.texts("outputs"):
            with self._project.store.change(run) as fields:
                del fields["outputs"]
                if left:
                    fields["outputs"] = left

    def _is_moved(self, name: str, path: str) -> bool:
        targets = (self._project.outputs.place(name, kind, os.path.basename(path)) for kind in KINDS)
        return not os.path.lexists(path) and any(map(os.path.lexists, targets))

    def _may_be_of_run(self, path: str) -> bool:
        """Whether that can be what a run put out, whatever the tool says: neither the repository, the runs dir or the
        home directory, nor what holds one of them, nor what git has."""
        path = os.path.realpath(path)
        repository, root = self._project.repository, self._project.store.root
        whole = (repository.top, repository.common_dir, root, os.path.expanduser("~"))
        git_dir, root = os.path.realpath(repository.common_dir), os.path.realpath(root)
        is_of_git = is_below(path, git_dir) and not is_below(path, root)
        return not is_of_git and not any(is_below(os.path.realpath(place), path) for place in whole if place)

    def _is_in_place(self, found: FoundOutput) -> bool:
        """Whether the tool used a runs dir as we do: then its outputs are those of the run now."""
        return found[1] in KINDS and is_below(found[0], self._project.store.root)

    def _is_of_another(self, found: FoundOutput, name: str) -> bool:
        """Whether a run that was here before has its outputs there, as it has the name that the tool's run had."""
        path, kind, _ = found
        owner = os.path.relpath(path, self._project.outputs.kinds[kind])
        return owner != name and is_name(owner) and self._project.store.exists(owner)

    @property
    def outputs_elsewhere(self) -> set[str]:
        """The kinds of the outputs of the new runs that stay where they are."""
        return {found[1] for one in self.new for found in one.entry.outputs if not self._is_in_place(found)}


def surroundings(project: Project) -> Surroundings:
    """Where tools may have left runs of this repository."""
    return Surroundings(project.store.root, project.repository.top, project.repository.common_dir)


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """While nobody else imports here, who would find the same names free."""
    registration.prepare(project)
    waits = partial(warn, "another import goes on here; this one waits for its end")
    with locked(os.path.join(project.store.root, "import.lock"), waits):
        yield


def _in_trash(project: Project) -> dict[str, str]:
    """The names that the runs had that can be had back, by their ids."""
    found = {}
    for deletion in project.trash.deletions():
        for name in deletion.names():
            with suppress(RunsError, OSError):
                found[deletion.read(name).text("id")] = name
    return found


class _Names:
    """The names that are taken."""

    def __init__(self, project: Project) -> None:
        self._refs = refs.Commits().by_name()
        self._records = set(project.store.names())
        self._taken = self._records | self._refs.keys()
        self._groups = {group for name in self._taken for group in refs.groups(name)}
        self._numbers: dict[str, int] = {}  # the last that was given, by name

    def take(self, name: str, commit: str) -> str:
        """The name, or, where it is taken, one that is not; a ref at the commit that has no record is the run's own."""
        if any(group in self._taken for group in refs.groups(name)):
            name = name.replace("/", "-")
        is_own_ref = name not in self._records and self._refs.get(name, "") == commit != ""
        free = name
        while free in self._groups or (free in self._taken and not (is_own_ref and free == name)):
            self._numbers[name] = self._numbers.get(name, 1) + 1
            free = f"{name}-{self._numbers[name]}"
        self._records.add(free)
        self._taken.add(free)
        self._groups.update(refs.groups(free))
        return free


class _Here:
    """The runs that are here."""

    def __init__(self, project: Project, deleted: Container[str]) -> None:
        """`deleted`: the ids of those that can be had back."""
        store = project.store
        runs = [run.only(_KNOWN_FIELDS) for run in query.recall(store, list(store.names()), _KNOWN_FIELDS, [])]
        self._records = {run.name: run.record for run in runs}
        self._names = {fields.text("id"): name for name, fields in self._records.items()}
        self._deleted = deleted
        self._seen: set[str] = set()

    def is_own(self, entry: Entry) -> bool:
        """Whether it is one of these that was exported: then what it has put out is here."""
        return bool(entry.exported) and (entry.exported in self._names or entry.exported in self._deleted)

    def divided(self, entries: Iterable[Entry], tool: str) -> tuple[list[tuple[str, Entry]], list[tuple[str, Entry]]]:
        """Those that are here already, by the names that they have, and the others, by the ids that they are to get;
        each once."""
        known, new = [], []
        for entry in entries:
            identifier = entry.exported if self.is_own(entry) else _identifier(entry, tool)
            if identifier in self._seen:
                continue
            self._seen.add(identifier)
            if identifier in self._names:
                known.append((self._names[identifier], entry))
            elif "id" not in entry.fields and _is_same(self._records.get(entry.name), entry.fields):
                known.append((entry.name, entry))  # imported by a version that gave random ids
            else:
                new.append((identifier, entry))
        return known, new


def _identifier(entry: Entry, tool: str) -> str:
    """The id that a run gets here: its own, or one that is made of the tool's."""
    return entry.fields.text("id") or str(uuid.uuid5(IDENTITIES, f"{tool} {entry.source}"))


def _is_same(there: Record | None, fields: Record) -> bool:
    """Whether a run of the same name has the same start and the same commit."""
    if there is None:
        return False
    start, commit = seconds(fields.text("datetime")), fields.text("commit")
    is_at_once = start is not None and start == there.moment("datetime")
    return is_at_once and bool(commit) and there.text("commit").startswith(commit)


def _is_of_other(one: Incoming, top: str | None) -> bool:
    """Whether it is a run of another project: its commit is not here, and it was started elsewhere."""
    return bool(one.entry.project) and not one.has_commit and not _is_inside(one.entry.project, top)


def _is_inside(directory: str, top: str | None) -> bool:
    return top is not None and is_below(os.path.realpath(directory), os.path.realpath(top))


def _in_batches(entries: Iterable[Entry | RunsError]) -> Iterator[list[Entry | RunsError]]:
    rest = iter(entries)
    while batch := list(islice(rest, registration.AT_ONCE)):
        yield batch


def _write_curves(path: str, metrics: Mapping[str, Points]) -> None:
    """All points, as results/sources/files.py reads them. Nothing waits for the disk: the tool has them, too."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in _rows(metrics))
    os.replace(partial, path)


def _rows(metrics: Mapping[str, Points]) -> Iterator[dict[str, float]]:
    """A row a step, in which each metric has its points in the order in which they came: one that goes back to an
    earlier step begins another round of steps."""
    rows: dict[tuple[int, float], list[dict[str, float]]] = {}  # by round and step
    for key, points in metrics.items():
        rounds, before = 0, -inf
        for step, value in points if isinstance(points, list) else ():
            rounds += step < before
            before = step
            of_step = rows.setdefault((rounds, step), [{}])
            row = next((row for row in of_step if key not in row), None)
            if row is None:
                of_step.append(row := {})
            row[key] = value
    for (_, step), of_step in sorted(rows.items()):
        yield from ({**row, "step": step} for row in of_step)


def _with_kind(found: FoundOutput) -> FoundOutput:
    """The output with its kind: what has events is for TensorBoard."""
    path, kind, inside = found
    if kind in KINDS:
        return found
    has_events = (
        any("tfevents" in os.path.basename(file) for file in files_below(path)) if os.path.isdir(path) else False
    )
    return path, "tensorboard" if has_events else "checkpoints", inside
