"""Register runs: names, refs, records, outputs and specs together, each step with its undo; nothing is started."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress

from ..code import refs
from ..console import progress
from ..errors.code import NameTaken
from ..errors.records import NoSuchRun
from ..errors.running import NameInUse, RunsDirInUse
from ..errors.system import GitFailed
from ..launchers.launcher import Job
from ..system import signals
from ..system.files import remove_all, remove_file, side_by_side, sync_directory
from ..system.git import guard, objects, status
from .command_line import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..project import Project
    from ..records.record import Record, Run, Value
    from .errand import Errand
    from .spec import Spec


AT_ONCE = 1000  # runs that are added together


@contextmanager
def registered(
    project: Project, planned: Sequence[tuple[Record, Spec | Errand]], directory: str
) -> Iterator[list[str]]:
    """Register many runs, given by their records and what starts them, which gets files in that new directory, in their
    order; gives the paths of these. All of it is there in the `with` block, and stays, or nothing of it, where that
    raises.

    Raises NameTaken, NameClash, OutputsInTheWay, and what the file system says.
    """
    records = {fields.text("name"): fields for fields, _ in planned}
    prepare(project)
    with signals.held(), ExitStack() as undo:
        with project.store.all_reserved(records):
            _create_refs(records)
            undo.callback(refs.delete, list(records))
            _create_all_refs_in_submodules(records, undo)
            undo.callback(project.store.discard_all, list(records))
            project.store.create_all(records)
        for name in progress.over(records, "Making directories", len(records)):
            create_outputs(project, name, undo)
        undo.callback(remove_all, directory)
        numbered = enumerate(fields.text("id") for fields in records.values())
        paths = [os.path.join(directory, f"{number:06}-{identifier}.json") for number, identifier in numbered]
        _write([spec for _, spec in planned], paths)
        with signals.allowed():
            yield paths
        undo.pop_all()


def _write(specs: Sequence[Spec | Errand], paths: Sequence[str]) -> None:
    def write(pair: tuple[Spec | Errand, str]) -> None:
        pair[0].write(pair[1], lasts=True)

    with progress.of("Writing specs", len(specs)) as written:
        side_by_side(write, list(zip(specs, paths, strict=True)), written.advance)
    sync_directory(os.path.dirname(paths[0]))


def _create_refs(records: Mapping[str, Record]) -> None:
    """In one transaction; raises NameTaken and NameClash."""
    try:
        refs.create_all({name: fields.text("commit") for name, fields in records.items()})
    except GitFailed:
        refs.check_all(records, refs.Commits().by_name())
        raise


def _create_all_refs_in_submodules(records: Mapping[str, Record], undo: ExitStack) -> None:
    for name, fields in records.items():
        _create_refs_in_submodules(name, fields.submodules, undo)


def job_of(project: Project, fields: Record, command: list[str], *, sees_others: bool = False) -> Job:
    """The supervisor that is to be started for the run of that record, by that command."""
    name = fields.text("name")
    log, tag = project.outputs.log(name), project.tag(fields)
    return Job(command=command, name=name, tag=tag, log=log, sees_others=sees_others)


def adopt(project: Project, name: str, fields: Record) -> None:
    """Add a run that took place elsewhere: its record, whose environment is kept apart from it, and its ref at its
    commit, which is here; the ref may be, too.

    The record comes first, so that fsck makes the ref where this is interrupted, and never takes a ref that was
    fetched for a start. Raises NameTaken, Unencodable, RunsDirInUse, and what the file system says; then nothing was
    added.
    """
    prepare(project)
    environment = fields.get("environment")
    if isinstance(environment, dict) and {"key", "salt"} & environment.keys():
        fields["environment"] = project.store.environments.keep(environment)
    with ExitStack() as undo:
        with project.store.reserved(name, adopts=fields.text("commit")):
            project.store.create(name, fields)
            undo.callback(project.store.discard, name)
            if refs.commit_of(name) != fields.text("commit"):
                refs.create_one_of_many(project.repository, name, fields.text("commit"))
                undo.callback(refs.delete, [name])
            _create_refs_in_submodules(name, [inner for inner in fields.submodules if os.path.isdir(inner[1])], undo)
        undo.pop_all()
    project.store.note()  # without its ref it was not yet a run of this repository


def adopt_all(project: Project, records: Mapping[str, Record]) -> None:
    """The same for many runs, AT_ONCE at most, all together or none: each with its record, and its ref, unless its
    `commit` is not here."""
    prepare(project)
    for fields in records.values():
        environment = fields.get("environment")
        if isinstance(environment, dict) and {"key", "salt"} & environment.keys():
            fields["environment"] = project.store.environments.keep(environment)
    wanted = {name: fields.text("commit") for name, fields in records.items()}
    here = objects.hashes(f"{commit}^{{commit}}" for commit in {*wanted.values()} if objects.is_hash(commit))
    there = refs.commits_of(records)
    missing = {name: commit for name, commit in wanted.items() if f"{commit}^{{commit}}" in here and name not in there}
    with signals.held(), ExitStack() as undo:
        with project.store.all_reserved(records, adopts="import"):
            project.store.create_all(records)
            undo.callback(project.store.discard_all, list(records))
            refs.create_all(missing)
            undo.callback(refs.delete, list(missing))
            for name, fields in records.items():
                inner = [one for one in fields.submodules if os.path.isdir(one[1])]
                _create_refs_in_submodules(name, inner, undo)
        undo.pop_all()
    project.store.note()


def withdraw(
    project: Project, run: Run, spec: str | None, waits: Callable[[Record], bool], end: Mapping[str, Value]
) -> bool:
    """Record that end of a run that waits for its start, and remove its spec, if it has one; or neither of them. False
    where it does not wait any more.

    Raises Locked, BadRecord, and what the file system says.
    """
    with suppress(NoSuchRun, FileNotFoundError), signals.held(), ExitStack() as undo:
        with project.store.change(run) as fields:
            if not waits(fields):
                return False
            if spec:
                aside = os.path.join(os.path.dirname(spec), f".{os.path.basename(spec)}")
                os.rename(spec, aside)  # whoever takes it away has the run
                undo.callback(os.rename, aside, spec)
            former = fields.end(end)
        undo.pop_all()
        if spec:
            remove_file(aside)
        project.outputs.remove_links(*former)
        return True
    return False


def prepare(project: Project) -> None:
    """Make the runs dir, where it is not there, so that git leaves it alone; raises RunsDirInUse."""
    if project.store.is_foreign() and not status.ignores(os.path.join(project.store.root, "records")):
        raise RunsDirInUse(project.store.root)
    project.store.prepare(project.settings.shared)
    guard.protect(project.store.root)


def create_outputs(project: Project, name: str, undo: ExitStack) -> None:
    """Make what the program of a new run finds; `undo` gets what undoes it. Raises NameInUse, OutputsInTheWay, and what
    the file system says."""
    remove_stale_links(project, name)
    project.outputs.create(name)
    undo.callback(project.outputs.discard, name)
    _create_directories(Paths(project.settings, project.outputs, name))


def _create_directories(paths: Paths) -> None:
    """Those that settings have elsewhere than in the runs dir; nothing removes them."""
    os.makedirs(paths.tb_dir, exist_ok=True)
    os.makedirs(os.path.dirname(paths.save_path), exist_ok=True)


def create_refs_and_record(project: Project, name: str, fields: Record, undo: ExitStack) -> None:
    """Of one new run; `undo` gets what undoes it. Raises NameTaken, Unencodable, RunsDirInUse, and what the file system
    says."""
    prepare(project)
    with project.store.reserved(name):
        if project.store.exists(name):
            raise NameTaken(name)
        refs.create(name, fields.text("commit"))
        undo.callback(refs.delete, [name])
        _create_refs_in_submodules(name, fields.submodules, undo)
        project.store.create(name, fields)
        undo.callback(project.store.discard, name)


def _create_refs_in_submodules(name: str, submodules: list[tuple[str, str, str]], undo: ExitStack) -> None:
    for _, repository, commit in submodules:
        if refs.create_in_submodule(repository, name, commit):
            undo.callback(refs.delete_in_submodule, repository, name, commit)


def remove_stale_links(project: Project, name: str, mover: str | None = None) -> None:
    """Links that a run moved away from `name`, or from a group of it, left because its supervisor was killed.

    Raises NameInUse where that run still goes on, unless it is the one that is moved, back to a name that it had.
    """
    for taken in (*refs.groups(name), name):
        heir = project.outputs.heir(taken)
        if heir is None:
            continue
        with suppress(NoSuchRun):
            if (heir != mover or taken != name) and project.store.read(heir).is_open:
                raise NameInUse(taken, heir)
        project.outputs.remove_links(taken)
