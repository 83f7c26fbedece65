"""Start runs: ref, record, outputs and process together, each step with its undo."""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import ExitStack, suppress
from functools import cached_property

from .. import launchers
from ..code import limits, refs
from ..code.isolation import Isolation
from ..code.limits import Untracked
from ..code.stand_in import StandIn
from ..code.work_tree import check_clean
from ..console.escape import printable
from ..console.messages import warn
from ..environment import interpreter
from ..errors.base import RunsError
from ..errors.code import HiddenChanges, LinkedFileIsTracked, NameTaken
from ..errors.records import NoSuchRun
from ..errors.running import NameInUse, RunsDirInUse
from ..launchers.launcher import Job
from ..records import record, yamltext
from ..records.record import MOUNT, Record, Run
from ..system import processes, signals
from ..system.files import remove_file
from ..system.git import guard, objects, status
from . import own_tree, spec
from .command_line import Paths, compose
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    from ..code.refs import Neighbours
    from ..code.snapshot import Snapshot
    from ..code.work_tree import WorkTree
    from ..environment.restored import Restored
    from ..launchers.launcher import Started
    from ..project import Project

SNAPSHOT_HINT = "or run them as they are, kept in a commit of the run's own: --snapshot"


class Launch:
    """What is to be started, and from where."""

    def __init__(
        self,
        *,
        command: str,
        description: str,
        code: Snapshot,
        prefix: str,
        environment: dict[str, str],
        links: Mapping[str, str],
        isolate: str,
        top: str | None = None,
        keep: bool = False,
        original: Run | None = None,
        untracked: Untracked | None = None,
        restored: Restored | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> None:
        self.command = command  # before flags are added
        self.description = description
        self.code = code  # what the ref is to point at
        self.prefix = prefix  # the command's directory, from the top: "" or "sub/dir/"
        self.environment = environment  # all of the command's, but for what describes its run
        self.links = links  # absolute targets by path from the top
        self.isolate = isolate  # TREE: it gets a work tree of its own; MOUNT: in the place of the user's; "": none
        self.top = top  # the place that a work tree in the place of another takes, if that is not ours
        self.keep = keep  # whether that stays whatever happens
        self.original = original  # the run that this one is to reproduce
        self.untracked = untracked  # what lies in the work tree, if that is being listed
        self.restored = restored  # a virtualenv that was restored for it; environment and links lead to it by now
        self.notes = notes or {}  # further fields of the record; those that are None are left out

    def record(self, project: Project, name: str) -> Record:
        """The record of the run `name` that would be started; nothing is touched yet.

        Raises LaunchFailed where the command is too long, or Unencodable.
        """
        settings, submodules = project.settings, self.code.submodules
        keeps_all = bool(self.isolate) or settings.dirty == "snapshot"
        command = compose(self.command, settings, Paths(settings, project.outputs, name))
        interpreted = self._interpreted(project, command)
        known = {
            "id": str(uuid.uuid4()),
            "name": name,
            "description": self.description,
            "command": command,
            "input-command": self.command,
            "reproduces": self.original.name if self.original else None,
            "commit": self.code.commit,
            "inexact": list(map(printable, self.code.inexact)) or None,
            "bytes": self.code.kept,
            "sparse": self.code.sparse or None,
            "submodules": {path: inner.to_record() for path, inner in submodules.items()} or None,
            "datetime": record.timestamp(),
            "host": processes.hostname(),
            "user": processes.user(),
            "top": self._place(project),
            "cwd": self.prefix.rstrip("/") or ".",
            "worktree": project.outputs.worktree(name) if self.isolate else None,
            "isolate": MOUNT if self.isolate == MOUNT else None,
            "links": {path: {"target": target} for path, target in self.links.items()} or None,
            "directories": self._directories(project) if keeps_all else None,
            "live": self._live(project, interpreted) if self.isolate else None,
            "outside": self._outside(project, interpreted) if self.isolate else None,
            "hash-seed": self._hash_seed(project, interpreted),
            "status": record.STARTING,
            "process": processes.identify(os.getpid()),
        }
        fields = {key: value for key, value in {**known, **self.notes}.items() if value is not None}
        whole = Record({**fields, "settings": record.shaping(settings)})
        yamltext.dump(whole)
        return whole

    def _directories(self, project: Project) -> list[str] | None:
        """The empty directories that its work tree is to have: today's, or those that the original had."""
        if self.original:
            return self.original.record.texts("directories") or None
        top = project.repository.top or ""
        untracked = self.untracked or Untracked(top)
        return untracked.empty_directories(os.path.relpath(project.store.root, top)) or None

    def _live(self, project: Project, command: interpreter.Command) -> list[str] | None:
        top = project.repository.top or ""
        if self.isolate == MOUNT:
            return limits.code_elsewhere(command, top) or None
        runs_dir = project.store.root
        found = limits.live_code(command, top, runs_dir) + limits.live_links(self._symbolic_links, top, runs_dir)
        return found or None

    def _place(self, project: Project) -> str | None:
        """Where the top of the user's work tree is, or was, for the command."""
        return self.top or project.repository.top

    def _outside(self, project: Project, command: interpreter.Command) -> dict[str, dict[str, str]] | None:
        """What leads out of the tree: as it is today, or, since links may be others by now, as the original had it."""
        if self.original and self.original.record.outside:
            found = {path: one.text("target") for path, one in self.original.record.outside.items()}
        else:
            found = limits.leading_out(command, project.repository.top or "", self._symbolic_links)
        return {printable(path): {"target": printable(target)} for path, target in found.items()} or None

    @cached_property
    def _symbolic_links(self) -> list[str]:
        """The paths of those that are part of the code."""
        known, commit = self.code.symbolic_links, self.code.commit
        return known if known is not None else objects.links_of(commit) if commit else []

    def _hash_seed(self, project: Project, command: interpreter.Command) -> int | str | None:
        """What makes sets of texts have the same order each time, where a Python may run: that of the original, or one
        that nobody has chosen. None: the user has one, or is to have none."""
        if project.settings.hash_seed == "leave":
            return None
        seed: int | str | None = self.original.record.get("hash-seed") if self.original else None
        if seed is not None:
            return seed
        if interpreter.HASH_SEED in self.environment:
            return None
        may_run = self.isolate or command.names_python
        return int.from_bytes(os.urandom(4), "big") if may_run else None

    def _interpreted(self, project: Project, command: str) -> interpreter.Command:
        top = project.repository.top or ""
        places = self.restored.places(top) if self.restored else {}
        virtualenv = project.settings.virtualenv_path
        return interpreter.Command(command, self.environment, os.path.join(top, self.prefix), virtualenv, places)

    def start(self, project: Project, fields: Record) -> Started:
        """Start the run of that record: all of it, or nothing is left. Where it runs here and now, all but its
        supervisor is there then: see `Started.run_here`.

        Raises NameTaken, OutputsInTheWay, LaunchFailed, ToolMissing, ToolTooOld, and what the file system says.
        """
        name, settings = fields.text("name"), project.settings
        if project.store.journal:
            project.store.journal.is_left_to_others = True  # to the supervisor
        launcher = launchers.named(settings.launcher)
        launched = self._spec(project, fields)
        launcher.check()
        with signals.held():
            with ExitStack() as undo:
                _create_refs_and_record(project, name, fields, undo)
                remove_stale_links(project, name)
                project.outputs.create(name)
                _create_directories(Paths(settings, project.outputs, name))
                undo.callback(project.outputs.discard, name)
                undo.callback(remove_file, spec.path_of(launched.root, launched.identifier))
                command = spec.supervisor(launched.write())
                job = Job(
                    command=command,
                    name=name,
                    tag=project.tag(fields),
                    log=project.outputs.log(name),
                    sees_others=project.repository.standing is not None,
                )
                undo.callback(launcher.abandon, job, settings)
                with signals.allowed():
                    started = launcher.start(job, settings)
                undo.pop_all()
            fields["launcher"] = {launcher.name: started.details}
            _record_launch(project, Run(name, fields), started.pid)
        return started

    def _spec(self, project: Project, fields: Record) -> Spec:
        name, outputs = fields.text("name"), project.outputs
        paths = Paths(project.settings, outputs, name)
        about_the_run = {
            "RUNS_NAME": name,
            "RUNS_COMMIT": fields.text("commit"),
            "RUNS_DIR": outputs.root,
            "RUNS_TB_DIR": paths.tb_dir,
            "RUNS_SAVE_PATH": paths.save_path,
            "RUNS_CHECKPOINT_DIR": paths.checkpoint_dir,
        }
        own, original = self._isolation(project, fields) if self.isolate else None, self.original
        hash_seed = {interpreter.HASH_SEED: str(fields["hash-seed"])} if "hash-seed" in fields else {}
        stand_in = self._stand_in(project, name, own)
        top = own.path if own and not stand_in else self._place(project) or ""
        cwd = os.path.join(top, self.prefix)
        return Spec(
            root=outputs.root,
            name=name,
            identifier=fields.text("id"),
            command=fields.text("command"),
            shell=project.settings.shell,
            launcher=project.settings.launcher,
            keep_session=project.settings.keep_session,
            cwd=cwd,
            top=top,
            environment={**self.environment, **hash_seed, "PWD": os.path.normpath(cwd), **about_the_run},
            hides_hash_seed=bool(hash_seed),
            isolation=own.to_json() if own else None,
            stand_in=stand_in.to_json() if stand_in else None,
            seen=[] if launchers.named(project.settings.launcher).is_here else self._seen(project, plain=top),
            virtualenv=project.settings.virtualenv_path,
            decisive=project.settings.env,
            common_dir=project.repository.lasting_common_dir,
            umask=project.umask,
            shared=project.settings.shared,
            keeps_history=project.settings.history is not None,
            original={"name": original.name, "identifier": original.record.text("id")} if original else None,
            restored=self.restored.to_json() if self.restored else None,
        )

    def _isolation(self, project: Project, fields: Record) -> Isolation:
        return Isolation(
            path=project.outputs.worktree(fields.text("name")),
            repository=project.repository.lasting_common_dir,
            commit=self.code.commit,
            sparse=self.code.sparse,
            submodules=[[path, inner.common_dir, inner.commit] for path, inner in self.code.submodules.items()],
            links=dict(self.links),
            directories=fields.texts("directories"),
            kept=self.code.all_kept,
            inexact=fields.texts("inexact"),
            sparse_inside={path: inner.sparse for path, inner in self.code.submodules.items()},
            keep=self.keep,
            is_mounted=self.isolate == MOUNT,
        )

    def _stand_in(self, project: Project, name: str, own: Isolation | None) -> StandIn | None:
        """The work tree that is to stand in the place of another: the run's own, or that of the run which starts it."""
        repository, runs_dir = project.repository, project.outputs.root
        if not own:
            return own_tree.around(project)
        if self.isolate != MOUNT:
            return None
        return StandIn(
            name=name,
            tree=own.path,
            top=self._place(project) or "",
            common_dir=repository.lasting_common_dir,
            main_top=repository.main_top(),
            runs_dir=runs_dir,
            runs_dir_inside=own_tree.runs_dir_inside(project),
            links=own.links,
            others=self.restored.mounts() if self.restored else {},
            submodules=[(path, inner) for path, inner, _ in own.submodules],
        )

    def _seen(self, project: Project, plain: str) -> list[list[Any]]:
        """What a supervisor that is started by a process of before has to see as we do, if it is the same."""
        repository = project.repository
        places = {repository.lasting_common_dir: repository.common_dir}
        if not self.isolate and not repository.standing and plain:
            places[plain] = plain
        found = {path: os.stat(place) for path, place in places.items()}
        return [[path, status.st_dev, status.st_ino] for path, status in found.items()]


def go_on(started: Started, say: Callable[[TextIO], None]) -> int:
    """Say what was started, and run it to its end if it runs here and now; gives its exit code, 0 where it goes on by
    itself."""
    if not started.run_here:
        say(sys.stdout)
        return 0
    with suppress(OSError):  # it runs, whether anybody takes what is said or not
        say(sys.stderr)
    return started.run_here()


def check_ready(project: Project, work_tree: WorkTree) -> None:
    """Raises what keeps any run of this code from being started: GitFailed, NotClean and the like."""
    project.store.ignore_itself()
    if project.settings.dirty == "refuse":
        check_clean(project, work_tree.state, "no commit would hold what ran", SNAPSHOT_HINT)
        if hidden := work_tree.hidden(project):
            raise HiddenChanges(hidden)
    if project.settings.dirty == "allow" and project.settings.isolate:
        check_clean(project, work_tree.state, "the run's own work tree would not have the changes", SNAPSHOT_HINT)
    if project.settings.dirty != "snapshot":
        _ = work_tree.head
    if project.settings.isolate and (tracked := status.tracked(project.settings.link)):
        raise LinkedFileIsTracked(tracked[0])


def is_free(project: Project, neighbours: Neighbours) -> bool:
    """Whether neither a ref nor a record has the name; raises NameClash."""
    try:
        neighbours.check()
    except NameTaken:
        return False
    return not project.store.exists(neighbours.name)


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


def prepare(project: Project) -> None:
    """Make the runs dir, where it is not there, so that git leaves it alone; raises RunsDirInUse."""
    if project.store.is_foreign() and not status.ignores(os.path.join(project.store.root, "records")):
        raise RunsDirInUse(project.store.root)
    project.store.prepare(project.settings.shared)
    guard.protect(project.store.root)


def _create_directories(paths: Paths) -> None:
    """Those that the program finds, where settings have them elsewhere than in the runs dir; nothing removes them."""
    os.makedirs(paths.tb_dir, exist_ok=True)
    os.makedirs(os.path.dirname(paths.save_path), exist_ok=True)


def _create_refs_and_record(project: Project, name: str, fields: Record, undo: ExitStack) -> None:
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


def _record_launch(project: Project, run: Run, pid: int) -> None:
    """Record where the run was launched, and that its supervisor answers for it even before it says so itself.

    The run goes on, whether this can be written or not.
    """
    try:
        with project.store.change(run) as fields:
            fields["launcher"] = run.record["launcher"]
            if fields.text("status") == record.STARTING and (identity := processes.identify(pid)):
                fields["process"] = identity
    except NoSuchRun:
        pass  # deleted just now
    except (RunsError, OSError) as error:
        warn(f"run '{run.name}' goes on, but where could not be recorded: {error}")


def remove_stale_links(project: Project, name: str, mover: str | None = None) -> None:
    """Links that a run moved away from `name`, or from a group of it, left because its supervisor was killed.

    Raises NameInUse where that run still goes on, unless it is the one that is moved, back to a name that it had.
    """
    for taken in (*refs.groups(name), name):
        heir = project.outputs.heir(taken)
        if heir is None:
            continue
        with suppress(NoSuchRun):
            if (heir != mover or taken != name) and project.store.read(heir).is_under_way:
                raise NameInUse(taken, heir)
        project.outputs.remove_links(taken)
