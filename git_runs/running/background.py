"""Work of ours that goes on in a session of the default launcher, as runs do: the workers of the queue, say.

It is started with a private file, as the supervisor of a run with its spec: the environment of whoever started it is
in there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid

from .. import launchers, project
from ..console.messages import text_of
from ..errors.base import RunsError
from ..launchers.launcher import Job
from ..system import programs
from ..system.files import remove_file, write_private
from ..system.git.discovery import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..project import Project


def start(
    here: Project, module: str, given: Mapping[str, Any], *, name: str, tag: str, directory: str, log: str
) -> None:
    """Run `main` of the module, which calls `serve`, with what is given to it, in a session of that name, which the tag
    marks. What it is given lies in a file in the directory until it has read that.

    Raises ToolMissing, LaunchFailed, and what the file system says.
    """
    open(log, "a").close()
    private = os.path.join(directory, f"worker-{uuid.uuid4()}.json")
    content = {"place": _place(here), "environment": _environment(here), "root": here.store.root, "given": given}
    job = Job(
        command=programs.command_of(module, private),
        name=name,
        tag=f"{tag} {here.store.root!a}",
        log=log,
        sees_others=here.repository.standing is not None,
        stays=False,
    )
    try:
        write_private(private, json.dumps(content))
        launchers.named(launchers.NAMES[0]).start(job, here.settings)
    except BaseException:
        remove_file(private)
        raise


def serve(work: Callable[[Project, dict[str, Any]], object]) -> int:
    """Do that work, in the project of whoever called `start`, with what was given there; gives the exit code.

    The project's settings are those of today, but for `options` in what was given.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    inside = launchers.inside(launchers.NAMES[0])
    try:
        with open(sys.argv[1], encoding="ascii") as file:
            content = json.load(file)
        remove_file(sys.argv[1])
        environment = inside.adapt(content["environment"])
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(content["place"])
        options = {**content["given"].get("options", {}), "runs-dir": [content["root"]]}
        here = project.find(Search(), options)
        os.chdir("/")
        work(here, content["given"])
    except RunsError as error:
        print(text_of(error), file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"fatal: {error}", file=sys.stderr)
        return RunsError.exit_code
    return 0


def _place(here: Project) -> str:
    """Where git finds the repository, and its settings, as it did here."""
    return here.repository.top or here.repository.common_dir


def _environment(here: Project) -> dict[str, str]:
    """Ours, in which git(1) may have named the repository by paths from the current directory."""
    named = {"GIT_DIR": here.repository.git_dir, "GIT_WORK_TREE": _place(here)}
    return {**os.environ, **(named if "GIT_DIR" in os.environ else {})}
