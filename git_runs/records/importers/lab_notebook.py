"""lab-notebook, which went on from the first `runs` tool: https://pypi.org/project/lab-notebook/.

Up to version 3.2 it keeps a tree in YAML, each node with its `name` and `children`, or a run (anytree's DictExporter);
since 3.3 SQLite: runs (path, command, commit, datetime, description). Where that is, and below which directories the
runs put out, is in `.runsrc`, an INI file: `db_path`, `root` and `dir_names`.
"""

from __future__ import annotations

import os
import re

from ...errors.records import ForeignRuns
from ...system.files import is_below
from .. import yamltext
from ..outputs import KINDS
from . import database
from .importer import Entry, Importer, local_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...errors.base import RunsError
    from ..record import Value
    from .importer import FoundOutput, Surroundings

RUNSRC, DATABASES = ".runsrc", ("runs.db", "runs.yml")  # by default
COLUMNS = ("path", "command", "commit", "datetime", "description")


class OwnImporter(Importer):
    """Reads both forms."""

    title = "lab-notebook"

    def places(self, around: Surroundings) -> list[str]:
        """The database that `.runsrc` names, and those of the tool's defaults."""
        top = around.top or ""
        named = _settings(top).get("db_path", "")
        found = [os.path.join(top, path) for path in (named, *DATABASES) if path and top]
        return [path for path in dict.fromkeys(found) if self.takes(path)]

    def takes(self, path: str) -> bool:
        """Whether it is a database of either form."""
        if path.endswith((".yml", ".yaml")) and os.path.isfile(path):
            try:
                return "children" in _tree(path)
            except ForeignRuns:
                return False
        return database.has(path, "runs", *COLUMNS)

    def read(self, path: str, around: Surroundings) -> Iterator[Entry | RunsError]:
        """Its runs, by their paths."""
        settings = _settings(around.top or os.path.dirname(os.path.abspath(path)))
        if path.endswith((".yml", ".yaml")):
            runs = list(_runs_below(_tree(path)))
        else:
            with database.opened(path) as opened:
                if not opened.has("runs", *COLUMNS):
                    raise ForeignRuns(path, "it has no table of runs")
                runs = list(opened.rows("runs", order="datetime"))
        for run in runs:
            name = str(run["path"])
            fields = {
                "description": str(run.get("description") or "").strip(),
                "command": str(run.get("command") or run.get("full_command") or ""),
                "input-command": run.get("_input_command"),
                "commit": str(run.get("commit") or "").strip(),
                "datetime": local_moment(run.get("datetime")),
            }
            source = f"{name} {run.get('datetime')}"
            yield Entry(name, fields, source=source, outputs=_outputs(settings, name, path))


def _tree(path: str) -> dict[str, Value]:
    """Raises OSError and ForeignRuns."""
    found = yamltext.read_foreign(path)
    if not isinstance(found, dict):
        raise ForeignRuns(path, "it is no tree of runs")
    return found


def _runs_below(node: dict[str, Value], *parents: str) -> Iterator[dict[str, Value]]:
    """The leaves, by their paths from the root, which is called `.`."""
    children = node.get("children")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, dict):
            parts = (*parents, str(child.get("name")))
            if "commit" in child:
                yield {**child, "path": "/".join(parts)}
            yield from _runs_below(child, *parts)


def _settings(directory: str) -> dict[str, str]:
    """The keys of the `.runsrc` there, whose values may go on in lines that are indented."""
    try:
        with open(os.path.join(directory, RUNSRC), encoding="utf-8", errors="replace") as file:
            matches = re.finditer(r"^(\w+)[ \t]*[:=](.*(?:\n[ \t]+.*)*)", file.read(), re.MULTILINE)
            return {match[1]: match[2].strip() for match in matches}
    except OSError:
        return {}


def _outputs(settings: dict[str, str], name: str, path: str) -> Iterator[str | FoundOutput]:
    """The directories that were made for the run."""
    root = os.path.join(os.path.dirname(os.path.abspath(path)), settings.get("root", ""))
    for directory in settings.get("dir_names", "").split():
        place, whole = os.path.normpath(os.path.join(root, directory, name)), os.path.join(root, directory)
        if "root" in settings and place != whole and is_below(place, whole) and os.path.isdir(place):
            yield (place, directory, "") if directory in KINDS[:2] else place
