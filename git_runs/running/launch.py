"""Start runs: ref, record, outputs and process together, each step with its undo."""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import ExitStack, suppress
from functools import cached_property

from .. import launchers
from ..code import limits
from ..code.isolation import Isolation
from ..code.limits import KnownUntracked, Untracked
from ..code.snapshot import Snapshot
from ..code.stand_in import StandIn
from ..code.work_tree import check_clean
from ..console.escape import printable
from ..console.messages import warn
from ..environment import interpreter
from ..errors.base import RunsError
from ..errors.code import HiddenChanges, LinkedFileIsTracked, NameTaken, StaysHere
from ..errors.records import NoSuchRun
from ..records import record, yamltext
from ..records.record import MOUNT, Record, Run
from ..system import processes, signals, whoami
from ..system.files import remove_file
from ..system.git import objects, status
from . import errand, own_tree, registration, spec
from .command_line import Paths, compose
from .errand import Errand
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TextIO

    from ..code.refs import Neighbours
    from ..code.work_tree import WorkTree
    from ..config.settings import Settings
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
        retry: int = 0,
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
        self.retry = retry  # how often the command is started again where it fails
        self.notes = notes or {}  # further fields of the record; those that are None are left out

    def like(self, command: str, params: Mapping[str, str]) -> Launch:
        """The same of another command, with other parameters, for one of many runs."""
        other = Launch.__new__(Launch)
        vars(other).update(vars(self), command=command, notes={**self.notes, "params": params})
        return other

    def to_json(self, project: Project) -> dict[str, Any]:
        """A launch that reproduces no other run, in plain lists and mappings: another process has it by `from_json`."""
        directories = self._directories(project) or []
        others = (
            "command",
            "description",
            "prefix",
            "environment",
            "links",
            "isolate",
            "top",
            "keep",
            "notes",
            "retry",
        )
        return {**{key: vars(self)[key] for key in others}, "code": self.code.to_json(), "directories": directories}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Launch:
        """That of which `to_json` gave this."""
        given = dict(content)
        untracked = KnownUntracked(given.pop("directories"))
        return cls(**{**given, "code": Snapshot.from_json(given["code"])}, untracked=untracked)

    def record(self, project: Project, name: str) -> Record:
        """The record of the run `name` that would be started; nothing is touched yet.

        Raises LaunchFailed where the command is too long, or Unencodable.
        """
        fields = self.fields(project, name)
        yamltext.dump(fields)
        return fields

    def check(self, project: Project, fields: Record) -> None:
        """Raise what would keep the run of that record from being registered; nothing is touched. Raises Unencodable
        and StaysHere."""
        yamltext.dump(fields)
        self.what_starts_it(project, fields)

    def fields(self, project: Project, name: str) -> Record:
        """The same for one of many, whose records are written all or none: whether they can be is seen then. Raises
        LaunchFailed."""
        settings, submodules = project.settings, self.code.submodules
        keeps_all = bool(self.isolate) or settings.dirty == "snapshot"
        paths = Paths(settings, project.outputs, name)
        # What depends on the place where it runs is known there.
        is_away = launchers.named(settings.launcher).is_away
        is_isolated = bool(self.isolate) and not is_away
        command = self.command if is_away else compose(self.command, settings, paths)
        interpreted = self._interpreted(project, command)
        known = {
            "id": str(uuid.uuid4()),
            "name": name,
            "description": self.description,
            "command": command,
            "input-command": self.command,
            "reproduces": self.original.name if self.original else None,
            "original": self.original.record.text("id") or None if self.original else None,
            "commit": self.code.commit,
            "inexact": list(map(printable, self.code.inexact)) or None,
            "bytes": self.code.kept,
            "sparse": self.code.sparse or None,
            "submodules": {path: inner.to_record() for path, inner in submodules.items()} or None,
            "datetime": record.timestamp(),
            "host": whoami.hostname(),
            "user": whoami.user(),
            "runs-dir": None if is_away else project.store.root,
            "top": None if is_away else self._place(project),
            "cwd": self.prefix.rstrip("/") or ".",
            "worktree": project.outputs.worktree(name) if is_isolated else None,
            "isolate": MOUNT if self.isolate == MOUNT else None,
            "links": {path: {"target": target} for path, target in self.links.items()} or None,
            "directories": self._directories(project) if keeps_all else None,
            "live": self._live(project, interpreted) if is_isolated else None,
            "outside": self._outside(project, interpreted) if is_isolated else None,
            "hash-seed": None if is_away else self._hash_seed(project, interpreted),
            "retry": self.retry or None,
            "status": record.STARTING,
            "process": processes.identify(os.getpid()),
        }
        fields = {key: value for key, value in {**known, **self.notes}.items() if value is not None}
        return Record({**fields, "settings": record.shaping(settings)})

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
        supervisor is there then: see `Started.run_here`. Where it was given to a scheduler, it waits.

        Raises NameTaken, OutputsInTheWay, LaunchFailed, ToolMissing, ToolTooOld, and what the file system says.
        """
        name, settings = fields.text("name"), project.settings
        if project.store.journal:
            project.store.journal.is_left_to_others = True  # to the supervisor
        launcher = launchers.named(settings.launcher)
        if launcher.is_scheduler:
            from . import submission

            return submission.submit(project, [(fields, self.what_starts_it(project, fields))])[0]
        launched = self.spec(project, fields)
        launcher.check()
        with signals.held():
            with ExitStack() as undo:
                registration.create_refs_and_record(project, name, fields, undo)
                registration.create_outputs(project, name, undo)
                undo.callback(remove_file, spec.path_of(launched.root, launched.identifier))
                command = spec.supervisor(launched.write())
                sees_others = project.repository.standing is not None
                job = registration.job_of(project, fields, command, sees_others=sees_others)
                undo.callback(launcher.abandon, job, settings)
                with signals.allowed():
                    started = launcher.start(job, settings)
                undo.pop_all()
            fields["launcher"] = {launcher.name: started.details}
            record_launch(project, Run(name, fields), started.pid)
        return started

    def what_starts_it(self, project: Project, fields: Record) -> Spec | Errand:
        """What the run of that record is to be started with, by a supervisor or by the git runs of another host. Raises
        StaysHere where that would not find all that it takes."""
        if not launchers.named(project.settings.launcher).is_away:
            return self.spec(project, fields)
        if missing := [*self.code.submodules, *status.filtered("lfs")]:
            raise StaysHere(missing)
        again = {"hash-seed": self.original.record.get("hash-seed")} if self.original else {}
        return Errand(
            identifier=fields.text("id"),
            name=fields.text("name"),
            commit=fields.text("commit"),
            launch={**self.to_json(project), "notes": {**self.notes, **again}},
            settings=errand.settings_of(project.settings),
        )

    def spec(self, project: Project, fields: Record) -> Spec:
        """What the supervisor of the run of that record is to be started with."""
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
            seen=self._seen(project, plain=top) if self._may_see_others(project) else [],
            virtualenv=project.settings.virtualenv_path,
            decisive=project.settings.env,
            common_dir=project.repository.lasting_common_dir,
            umask=project.umask,
            shared=project.settings.shared,
            keeps_history=project.settings.history is not None,
            metrics=self._metrics(project.settings),
            original={"name": original.name, "identifier": original.record.text("id")} if original else None,
            restored=self.restored.to_json() if self.restored else None,
            retry=self.retry,
            on_finish=project.settings.on_finish,
        )

    @staticmethod
    def _may_see_others(project: Project) -> bool:
        """Whether a process of before, of this host, starts the supervisor."""
        launcher = launchers.named(project.settings.launcher)
        return not launcher.is_here and not launcher.is_scheduler

    @staticmethod
    def _metrics(settings: Settings) -> dict[str, Any]:
        patterns = [pattern.pattern for pattern in settings.metric_pattern]
        return {"files": settings.metric_files, "patterns": patterns, "headline": settings.metric or ""}

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


def start_all(project: Project, launches: Sequence[tuple[Launch, Record]], at_once: int | None = None) -> list[Started]:
    """Give the runs of those records to the scheduler that is the launcher, as one job array if it has such, of which
    `at_once` may run at the same time: all of them, or none. Raises what `submission.submit` raises."""
    from . import submission

    if project.store.journal:
        project.store.journal.is_left_to_others = True
    planned = [(fields, launch.what_starts_it(project, fields)) for launch, fields in launches]
    return submission.submit(project, planned, at_once)


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
        project.store.check_free([neighbours.name])
    except NameTaken:
        return False
    return True


def record_launch(project: Project, run: Run, pid: int | None) -> None:
    """Record where the run was launched, and that its supervisor answers for it even before it says so itself.

    The run goes on, whether this can be written or not.
    """
    try:
        with project.store.change(run) as fields:
            fields["launcher"] = run.record["launcher"]
            if fields.text("status") == record.STARTING and pid and (identity := processes.identify(pid)):
                fields["process"] = identity
    except NoSuchRun:
        pass  # deleted just now
    except (RunsError, OSError) as error:
        warn(f"run '{run.name}' goes on, but where could not be recorded: {error}")
