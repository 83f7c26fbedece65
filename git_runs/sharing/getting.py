"""Bring the outputs of runs of other places here: by rsync, or by a command that a setting has."""

from __future__ import annotations

import os
import re
import shlex

from ..console import progress
from ..console.messages import warn
from ..errors.records import NoSuchRun
from ..errors.sharing import CommandFailed, NothingThere
from ..errors.system import GetFailed
from ..system import programs, rsync, whoami
from . import whereabouts
from .staging import LOGS, Placed, Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..project import Project
    from ..records.record import Run

KINDS = {"log": LOGS, "tensorboard": "tensorboard", "checkpoints": "checkpoints"}  # by their options


def get(project: Project, run: Run, kinds: Sequence[str]) -> Placed:
    """Bring what the run put out of those kinds here, as far as it is not here; what was interrupted goes on.

    Raises HereAlready, NothingThere, what `whereabouts.find` and rsync raise, LeadsOut, and CommandFailed. Where that
    comes from the middle of it, a later call goes on.
    """
    command = project.settings.get_command
    if command is None:
        rsync.check()
    where = whereabouts.expected(run) if command else whereabouts.find(project, run)
    wanted = [kind for kind in kinds if kind in where.paths]
    if not wanted:
        raise NothingThere(run.name, where.host)
    placed, failed = Placed(), None
    staging = Staging(project, run, goes_on=command is None)
    with staging.held(lambda: warn(f"run '{run.name}' is being brought here already; waiting for that")):
        for kind in wanted:
            try:
                if command:
                    _by_command(command, run.name, kind, where, staging)
                else:
                    _by_rsync(project, run.name, kind, where, staging)
            except GetFailed as error:
                failed = error
            now = project.store.find(run)
            if now is None:
                raise NoSuchRun(run.name)
            with project.store.held(now):
                staging.settle(kind, now.name, placed)
    if failed:
        raise failed
    return placed


def _by_rsync(project: Project, name: str, kind: str, where: whereabouts.Whereabouts, staging: Staging) -> None:
    log = os.path.basename(project.outputs.log(name)) if kind == LOGS else ""
    with progress.of(f"Getting {kind} of '{name}'", 100) as shown:
        rsync.bring(
            where.address,
            where.paths[kind],
            os.path.join(staging.directory(kind), log),
            basis=staging.place(kind, name),
            temporary=staging.temporary,
            reach=shown.reach,
        )


def _by_command(command: str, name: str, kind: str, where: whereabouts.Whereabouts, staging: Staging) -> None:
    values = {
        "source": where.paths[kind],
        "target": staging.directory(kind),
        "kind": kind,
        "name": name,
        "host": where.host or whoami.hostname(),
    }
    line = re.sub(r"\{(\w+)\}", lambda found: shlex.quote(values.get(found[1], found[0])), command)
    if code := programs.run_line(line):
        raise CommandFailed(line, code)
