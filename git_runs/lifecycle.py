"""Start, move, stop and delete runs: ref, record, outputs and process together, each step with its undo."""

from __future__ import annotations

import os
import pwd
import signal
import time
import uuid
from contextlib import ExitStack, suppress
from functools import cached_property
from math import inf

from . import git, interrupts, process, record, refs, spec, yamltext
from .command_line import compose
from .errors import (
    HiddenChanges,
    NameInUse,
    NameTaken,
    NoSuchRun,
    NotClean,
    NotStopped,
    OtherCopy,
    OtherHost,
    OtherRepository,
    RefGone,
    RunsDirInUse,
    RunsError,
)
from .files import remove_file
from .launchers import KILL_NOW, tmux
from .record import Record, Run
from .spec import Spec, supervisor
from .terminal import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .git import WorkTreeState
    from .launchers.tmux import Session
    from .project import Project

GRACE = 10.0  # seconds between TERM and KILL
LAUNCH = 10.0  # seconds that it may take to launch a run
AFTER_KILL = 5.0  # seconds that a killed command and its supervisor may take to end
BATCH = 500  # runs that are deleted together
LONGEST_PAUSE = 0.2  # seconds between two looks at the records that are waited for


# --- start


class WorkTree:
    """What git says of the work tree; it looks while we do something else."""

    def __init__(self) -> None:
        self._status = git.start_status()
        self._hidden = git.start_hidden()
        self._subject = git.start_subject()
        self._local_variables = git.start_local_variables()

    @cached_property
    def state(self) -> WorkTreeState:
        """Where HEAD is and what differs from it; raises GitFailed without a work tree."""
        return git.read_status(self._status)

    @cached_property
    def subject(self) -> str:
        """The first line of HEAD's message; raises GitFailed on an unborn branch."""
        return self._subject.output().rstrip("\n")

    def environment(self) -> dict[str, str]:
        """Our environment without what git added to it, which would tie the command to this repository."""
        git_only = {*self._local_variables.output().split(), *git.ADDED_BY_GIT}
        environment = {key: value for key, value in os.environ.items() if key not in git_only}
        if environment.get("GIT_EDITOR") == ":":
            del environment["GIT_EDITOR"]
        if "GIT_INDEX_FILE" in os.environ:  # a hook of `git commit`, which tells it whose commit it is
            for part in ("NAME", "EMAIL", "DATE"):
                environment.pop(f"GIT_AUTHOR_{part}", None)
        if exec_path := os.environ.get("GIT_EXEC_PATH"):
            environment["PATH"] = environment.get("PATH", "").removeprefix(exec_path + ":")
        return environment

    def check_ready(self, project: Project) -> None:
        """Raises what keeps any run from being started here: GitFailed, NotClean, ToolMissing or ToolTooOld."""
        tmux.check()
        project.store.ignore_itself()
        check_clean(project, self.state, "no commit would tell what ran")
        _ = self.subject
        if hidden := git.read_hidden(self._hidden, project.repository.top or ""):
            raise HiddenChanges(hidden)


def check_clean(project: Project, state: WorkTreeState, doing: str) -> None:
    """Raises NotClean where a tracked file is changed or an untracked one is not ignored."""
    changes = state.changes
    if project.store.ignores_itself():
        # Now it does, but git may have looked in the moment in which it was made.
        own = os.path.relpath(project.store.root, project.repository.top) + "/"
        changes = [change for change in changes if not change.startswith(f"?? {own}")]
    if changes:
        raise NotClean(changes, doing)


def prepare(project: Project, work_tree: WorkTree, name: str, typed: str, description: str | None) -> Record:
    """The record of a run that could be started; nothing is touched yet.

    `typed` is the command before flags are added. Raises LaunchFailed where it is too long, or Unencodable.
    """
    settings = project.settings
    fields = Record(
        {
            "id": str(uuid.uuid4()),
            "name": name,
            "description": work_tree.subject if description is None else description,
            "command": compose(typed, settings, project.outputs, name),
            "input-command": typed,
            "commit": work_tree.state.commit,
            "branch": work_tree.state.branch,
            "datetime": record.timestamp(),
            "host": process.hostname(),
            "user": _user(),
            "cwd": project.repository.prefix.rstrip("/") or ".",
            "status": record.STARTING,
            "process": process.identify(os.getpid()),
            "settings": {key: getattr(settings, key.replace("-", "_")) for key in record.SHAPING_SETTINGS},
        }
    )
    if fields["branch"] is None:
        del fields["branch"]
    yamltext.dump(fields)
    return fields


def start(project: Project, work_tree: WorkTree, fields: Record) -> None:
    """Start the run that `prepare` made ready: all of it, or nothing is left behind.

    Raises NameTaken, OutputsInTheWay, LaunchFailed, and what the file system says.
    """
    name, tag, socket_name = fields.text("name"), _tag(project, fields), project.settings.tmux_socket
    launched = _spec(project, work_tree, fields)
    with interrupts.held():
        with ExitStack() as undo:
            _create_ref_and_record(project, name, fields, undo)
            _remove_stale_links(project, name)
            project.outputs.create(name)
            undo.callback(project.outputs.remove, name)
            undo.callback(remove_file, spec.path_of(launched.root, launched.identifier))
            command = supervisor(launched.write())
            undo.callback(tmux.close_tagged, tag, socket_name)
            with interrupts.allowed():
                launcher, pid = tmux.start(
                    command, name=name, tag=tag, log=project.outputs.log(name), socket_name=socket_name
                )
            undo.pop_all()
        fields["launcher"] = {"tmux": launcher}
        _record_launch(project, Run(name, fields), pid)


def _record_launch(project: Project, run: Run, pid: int) -> None:
    """Record where the run was launched, and that its supervisor answers for it even before it says so itself.

    The run goes on, whether this can be written or not.
    """
    try:
        with project.store.change(run) as fields:
            fields["launcher"] = run.record["launcher"]
            if fields.text("status") == record.STARTING and (identity := process.identify(pid)):
                fields["process"] = identity
    except NoSuchRun:
        pass  # deleted just now
    except (RunsError, OSError) as error:
        warn(f"run '{run.name}' goes on, but where could not be recorded: {error}")


def adopt(project: Project, name: str, fields: Record) -> None:
    """Add a run that took place elsewhere: its ref at its commit, which is here, and its record.

    Raises NameTaken, Unencodable, RunsDirInUse, and what the file system says; then nothing was added.
    """
    with ExitStack() as undo:
        _create_ref_and_record(project, name, fields, undo)
        undo.pop_all()


def _create_ref_and_record(project: Project, name: str, fields: Record, undo: ExitStack) -> None:
    if project.store.is_foreign() and not git.ignores(os.path.join(project.store.root, "records")):
        raise RunsDirInUse(project.store.root)
    refs.create(project.repository, name, fields.text("commit"))
    undo.callback(refs.delete, [name])
    project.store.prepare()
    project.store.create(name, fields)
    undo.callback(project.store.discard, name)


def _spec(project: Project, work_tree: WorkTree, fields: Record) -> Spec:
    name, outputs, repository = fields.text("name"), project.outputs, project.repository
    about_the_run = {
        "RUNS_NAME": name,
        "RUNS_COMMIT": fields.text("commit"),
        "RUNS_DIR": outputs.root,
        "RUNS_TB_DIR": outputs.tensorboard(name),
        "RUNS_SAVE_PATH": outputs.checkpoints(name),
    }
    cwd = os.path.join(repository.top or "", repository.prefix)
    return Spec(
        root=outputs.root,
        name=name,
        identifier=fields.text("id"),
        command=fields.text("command"),
        shell=project.settings.shell,
        keep_session=project.settings.keep_session,
        cwd=cwd,
        environment={**work_tree.environment(), "PWD": os.path.normpath(cwd), **about_the_run},
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.getuid())


def _remove_stale_links(project: Project, name: str, mover: str | None = None) -> None:
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


# --- sessions


def find_session(project: Project, fields: Record) -> Session | None:
    """The tmux session of the run, if it still is there; raises ToolMissing."""
    return _sessions([fields]).get(_tag(project, fields))


def _sessions(records: Iterable[Record]) -> dict[str, Session]:
    """The sessions of the tmux servers that the runs were started in, by their tags."""
    sockets = {socket for fields in records if os.path.exists(socket := _socket(fields))}
    return {tag: session for socket in sockets for tag, session in tmux.sessions(socket).items()}


def _socket(fields: Record) -> str:
    """The socket of the tmux server that the run was started in, or ""."""
    launcher = fields.get("launcher")
    details = launcher.get("tmux") if isinstance(launcher, dict) else None
    return str(details.get("socket", "")) if isinstance(details, dict) else ""


def _tag(project: Project, fields: Record) -> str:
    """What marks the run's session: the run, and which copy of the repository it was started in, in ASCII."""
    return f"{fields.text('id')} {project.store.root!a}"


def _close_sessions(project: Project, records: list[Record]) -> None:
    sessions = _sessions(records)
    for fields in records:
        if session := sessions.get(_tag(project, fields)):
            session.close()


# --- stop


def stop(project: Project, runs: list[Run], grace: float = GRACE) -> None:
    """End the runs that go on here: TERM to their process groups, KILL after `grace` seconds; recorded as `killed`.

    Raises, before any is touched, OtherHost, or RunsError for a run of another copy of the repository; and NotStopped
    where a run goes on all the same.
    """
    runs = _launched(project, runs)
    sessions = _sessions(run.record for run in runs)
    for run in runs:
        _check_stoppable(project, run, sessions)
    for number, seconds in ((signal.SIGTERM, grace), (KILL_NOW, AFTER_KILL)):
        for run in runs:
            _signal_supervisor(run, number, signal.SIGCONT)
        runs = wait(project, runs, seconds)
    if runs:
        raise NotStopped([run.name for run in runs])


def _launched(project: Project, runs: list[Run]) -> list[Run]:
    """The runs, once those that are just being started have a supervisor to stop: it is not whoever starts them."""
    deadline = time.monotonic() + LAUNCH
    while any("launcher" not in run.record and run.record.is_under_way and run.record.is_local for run in runs):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
        runs = [now for run in runs if (now := project.store.find(run))]
    return runs


def _check_stoppable(project: Project, run: Run, sessions: Iterable[str]) -> None:
    if not run.record.is_local:
        raise OtherHost(run.name, run.record.text("host"), "stopping", can_be_forced=False)
    identifier, tag = run.record.text("id"), _tag(project, run.record)
    tags = [other for other in sessions if other.startswith(identifier + " ")]
    if tags and tag not in tags:
        raise OtherCopy(run.name, tags[0].partition(" ")[2])


def _signal_supervisor(run: Run, *numbers: int) -> None:
    if run.record.is_under_way:
        with suppress(ProcessLookupError):
            for number in numbers:
                os.kill(int(run.record["process"]["pid"]), number)


def wait(project: Project, runs: Iterable[Run], timeout: float | None = None) -> list[Run]:
    """Wait until the runs have ended, at most `timeout` seconds; those that go on, as they are then."""
    deadline = inf if timeout is None else time.monotonic() + timeout
    pause = 0.01
    waiting = list(runs)
    while True:
        found = [project.store.find(run) for run in waiting]
        waiting = [run for run in found if run and run.record.is_under_way]
        if not waiting or time.monotonic() >= deadline:
            return waiting
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


# --- delete and move


def delete(project: Project, runs: list[Run], *, force: bool) -> list[Run]:
    """Stop the runs and remove their outputs, refs and records; gives those that were deleted.

    A run whose name was given to another one meanwhile is not. What is left after an interruption can be deleted
    again. Raises OtherHost or OtherRepository, before any is touched, unless forced, and NotStopped.
    """
    if not force:
        for run in runs:
            _check_local(run, "deleting")
        for name in refs.missing([run.name for run in runs]):
            raise OtherRepository(name, refs.ref(name))
    stop(project, [run for run in runs if run.record.is_local and run.record.is_under_way])
    _close_sessions(project, [run.record for run in runs])
    deleted: list[Run] = []
    for start in range(0, len(runs), BATCH):
        deleted += _delete_batch(project, runs[start : start + BATCH])
    return deleted


def _delete_batch(project: Project, runs: list[Run]) -> list[Run]:
    """Records are locked from the first look at them to the end, so that nobody else's run of the same name is hit."""
    deleted = []
    with ExitStack() as records:
        for run in runs:
            with suppress(NoSuchRun):
                records.enter_context(project.store.removal(run))
                deleted.append(run)
        for run in deleted:
            remove_file(spec.path_of(project.store.root, run.record.text("id")))
            for name in run.record.former_names:
                project.outputs.remove_links(name)
            for path in project.outputs.remove(run.name):
                warn(f"left '{path}': a symbolic link leads there, out of the runs dir")
        refs.delete([run.name for run in deleted])
    return deleted


def _check_local(run: Run, doing: str) -> None:
    if not run.record.is_local:
        raise OtherHost(run.name, run.record.text("host"), doing)


def move(project: Project, run: Run, new: str, *, force: bool) -> None:
    """Rename the run's ref, record, outputs and session. A run that goes on does so, and ends under its new name.

    Raises InvalidName, NameTaken, NameClash, OutputsInTheWay, and OtherHost unless forced; then nothing has changed.
    """
    refs.validate(new)
    if not force:
        _check_local(run, "moving")
    try:
        refs.Neighbours(new).check()
    except NameTaken:
        raise NameTaken(new, hint="") from None
    old, commit, recorded = run.name, refs.commit_of(run.name), run.record.text("commit")
    if commit is None:
        raise RefGone(refs.ref(old), recorded, is_here=git.resolve(recorded) is not None)
    session = find_session(project, run.record)
    with interrupts.held():
        _move(project, run, new, commit)
        if session:
            _rename_session(project, run, session, new)


def _move(project: Project, run: Run, new: str, commit: str) -> None:
    old = run.name
    with ExitStack() as undo:
        refs.create(project.repository, new, commit)
        undo.callback(refs.delete, [new])
        _remove_stale_links(project, new, mover=old)
        goes_on = run.record.is_under_way
        project.outputs.move(old, new, keep_links=goes_on)
        undo.callback(_move_outputs_back, project, new, old)
        former = [name for name in (*run.record.former_names, old) if name != new]
        project.store.rename(run, new, former if goes_on else None)
        undo.pop_all()
    refs.delete([old])
    now = project.store.find(run)
    if now and not now.record.is_under_way:  # it may have ended meanwhile
        for name in now.record.former_names:
            project.outputs.remove_links(name)


def _rename_session(project: Project, run: Run, session: Session, new: str) -> None:
    name = session.rename(new)
    with suppress(NoSuchRun), project.store.change(run) as fields:
        fields["launcher"] = {"tmux": {"socket": session.socket, "session": name}}


def _move_outputs_back(project: Project, new: str, old: str) -> None:
    project.outputs.remove_links(old)
    project.outputs.move(new, old, keep_links=False)
