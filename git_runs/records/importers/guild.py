"""Guild AI: a directory for each run in `$GUILD_HOME/runs`, by default `~/.guild/runs`; https://guild.ai.

In `<run>/.guild/` lie `attrs/<name>`, one YAML value each (guild/run.py), `opref`, which names the operation and the
project, and event files with what the program printed as `key: value`. All projects of a user are in one home: without
a PATH only the runs of this one count.
"""

from __future__ import annotations

import os
import shlex

from ...console import progress
from ...errors.records import ForeignRuns
from ...system.files import entries, open_plain
from .. import yamltext
from ..record import FAILED, UNKNOWN
from .importer import Entry, Importer, ending, flat, moment, number, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import Surroundings

NO_RUN = ("proto", "STAGED", "PENDING")  # what lies there of batches, and of what has not begun
ATTRIBUTES = ("cmd", "exit_status", "flags", "host", "label", "started", "stopped", "tags", "user", "vcs_commit")


class OwnImporter(Importer):
    """Reads a home, or a directory of runs."""

    title = "Guild"

    def places(self, around: Surroundings) -> list[str]:
        """The home that is in force, and one in the project."""
        homes = [os.environ.get("GUILD_HOME", ""), os.path.join(around.top or "", ".guild"), _home()]
        return [home for home in dict.fromkeys(map(os.path.abspath, filter(None, homes))) if self.takes(home)]

    def takes(self, path: str) -> bool:
        """Whether there is a directory of Guild's below that one."""
        return any(os.path.isdir(os.path.join(run, ".guild", "attrs")) for run in _runs(path))

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """The runs that were started; such as are only staged, and batches of others, are none."""
        found = []
        runs = _runs(path)
        if not runs:
            raise ForeignRuns(path, "there are no runs of Guild")
        for run in progress.over(runs, "Reading runs", len(runs)):
            if any(os.path.exists(os.path.join(run, ".guild", name)) for name in NO_RUN):
                continue
            try:
                attributes = _attributes(run)
            except (OSError, ForeignRuns) as error:
                yield error if isinstance(error, ForeignRuns) else ForeignRuns(run, str(error))
                continue
            if "started" in attributes:
                found.append((number(attributes["started"]) or 0, run, attributes))
        for started, run, attributes in sorted(found, key=lambda one: one[:2]):
            yield _entry(run, attributes, started)


def _home() -> str:
    return os.path.join(os.path.expanduser("~"), ".guild")


def _runs(path: str) -> list[str]:
    """The directories of the runs of a home, or of what is a directory of runs, or a run itself."""
    for place in (os.path.join(path, "runs"), path):
        found = [entry.path for entry in entries(place) if entry.is_dir(follow_symlinks=False)]
        found = [run for run in found if os.path.isdir(os.path.join(run, ".guild"))]
        if found:
            return sorted(found)
    return [path] if os.path.isdir(os.path.join(path, ".guild", "attrs")) else []


def _attributes(run: str) -> dict[str, Value]:
    """Those of ATTRIBUTES that it has; raises OSError and ForeignRuns."""
    found: dict[str, Value] = {}
    for name in ATTRIBUTES:
        path = os.path.join(run, ".guild", "attrs", name)
        if os.path.isfile(path):
            found[name] = yamltext.read_foreign(path)
    return found


def _entry(run: str, attributes: dict[str, Value], started: float) -> Entry:
    project, operation = _operation(run)
    identifier = os.path.basename(run)
    command = attributes.get("cmd")
    commit, code = str(attributes.get("vcs_commit") or ""), whole_number(attributes.get("exit_status"))
    stopped = number(attributes.get("stopped"))
    is_over = code is not None or not os.path.exists(os.path.join(run, ".guild", "LOCK"))
    fields = {
        "description": attributes.get("label"),
        "tags": attributes.get("tags"),
        "command": shlex.join(map(str, command)) if isinstance(command, list) else None,
        "params": flat(attributes.get("flags")),
        "commit": commit.partition(":")[2].rstrip("*"),  # "git:<hash>", and "*" where anything was not committed
        "dirty": commit.endswith("*") or None,
        "datetime": moment(started / 1e6),
        "host": attributes.get("host"),
        "user": attributes.get("user"),
        "status": FAILED if is_over else UNKNOWN,
        "finished": moment(stopped / 1e6 if stopped else None),
        **ending(code),
    }
    return Entry(f"{operation}-{identifier[:8]}", fields, source=identifier, outputs=[run], project=project)


def _operation(run: str) -> tuple[str, str]:
    """The directory of the project, "" where it is a package, and the name of the operation: `opref` has type and name
    of the package, its version, the model and the operation (guild/opref.py)."""
    try:
        with open_plain(os.path.join(run, ".guild", "opref")) as file:
            package, _, model, operation = shlex.split(file.read().decode(errors="replace"))
    except (OSError, ValueError):
        return "", "run"
    place = package.partition(":")[2]
    directory = os.path.dirname(place) if os.path.basename(place).startswith("guild.y") else place
    return directory if os.path.isabs(directory) else "", "-".join(filter(None, (model, operation)))
