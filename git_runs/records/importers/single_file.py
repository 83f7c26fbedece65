"""The single-file database of the first `runs` tool, which `git runs export` writes, too: YAML, keyed by run name.

The first tool, tf-run-manager on PyPI, gave no ids, and no zone to its times, which are local ones. Its versions left:

    1.0    <runs dir>/.runs.yml, tensorboard/<name>/, and checkpoints/<name>.ckpt, which a program may have made several
           files of; the flags that it added are in the command, and what was typed is not kept
    1.1    the same, or .runs.yml beside the runs dir; checkpoints/<name>/model.ckpt; commits that end in a newline
    2      <runs dir>/runs.yml, and for a group <runs dir>/<group>/runs.yml, with the outputs of its runs beside that
"""

from __future__ import annotations

import os
import re

from ...errors.records import BadRecord
from ...system.files import entries
from .. import yamltext
from ..outputs import KINDS
from ..record import Record, is_name
from .importer import Entry, Importer, local_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .importer import FoundOutput, Surroundings

OF_VERSION_1, OF_VERSION_2 = ".runs.yml", "runs.yml"
OURS = (
    *KINDS,
    "records",
    "environments",
    "specs",
    "queue",
    "jobs",
    "trash",
)  # directories of the runs dir that are no groups
SAVE_PATH = "<runs-dir>/checkpoints/<run-name>/model.ckpt"  # a run that is started again gets its own
_IN_VIRTUALENV = re.compile(r"source (?P<path>\S+)/bin/activate; ")


class OwnImporter(Importer):
    """Reads such files."""

    title = "runs"

    def places(self, around: Surroundings) -> list[str]:
        """All that there are."""
        return places(around.root, around.top)

    def takes(self, path: str) -> bool:
        """Whether it is a mapping of names to mappings, also where its name ends in nothing."""
        if os.path.splitext(path)[1] not in ("", ".yml", ".yaml"):
            return False
        try:
            with open(path, "rb") as file:
                return "children" not in yamltext.parse_database(file.read(), path)
        except (OSError, BadRecord):
            return False

    def read(self, path: str, around: Surroundings) -> Iterator[Entry]:
        """Its runs; those of the first tool have no id, and may have a short commit."""
        inside = os.path.dirname(os.path.abspath(path))
        base = around.root if inside == around.top or f"{inside}/".startswith(f"{around.root}/") else inside
        for name, fields in records(path, around.root).items():
            source = " ".join([name, fields.text("datetime"), fields.text("commit")])
            found = () if "id" in fields or not is_name(name) else outputs(path, name, base)
            yield Entry(name, fields, source=source, outputs=found)


def places(root: str, top: str | None) -> list[str]:
    """The databases that the first tool and `git runs export` have left in the runs dir `root`, or at the top of the
    work tree."""
    beside = [os.path.join(top, OF_VERSION_1)] if top else []
    found = [os.path.join(root, OF_VERSION_1), *beside, *_of_groups(root)]
    return [path for path in dict.fromkeys(found) if os.path.isfile(path)]


def records(path: str, root: str = "") -> dict[str, Record]:
    """The records of the runs at `path`, by the names that they get in the runs dir `root`; `commit` may be short, and
    `id` missing.

    Raises OSError and BadRecord.
    """
    with open(path, "rb") as file:
        runs = yamltext.parse_database(file.read(), path)
    group = _group(path, root)
    old = {group + name: _in_our_form(fields, name) for name, fields in runs.items() if "id" not in fields}
    return {name: fields for name, fields in runs.items() if "id" in fields} | old


def outputs(path: str, name: str, root: str) -> list[FoundOutput]:
    """What is in the runs dir `root` of the outputs of a run that was read so: directories of the run's own, and files
    that begin with its name."""
    group = _group(path, root)
    inner, place = name[len(group) :], os.path.join(root, group)
    checkpoints = os.path.join(place, "checkpoints")
    own = [(os.path.join(place, kind, inner), kind, "") for kind in ("tensorboard", "checkpoints")]
    prefixed = re.compile(re.escape(inner) + r"\.ckpt([.-].*)?")
    found = [one for one in own if os.path.isdir(one[0])]
    for entry in entries(checkpoints):
        is_run = os.path.lexists(os.path.join(root, "records", f"{group}{entry.name}.yml"))
        is_own = entry.is_file(follow_symlinks=False) or (entry.name == f"{inner}.ckpt" and not is_run)
        if is_own and prefixed.fullmatch(entry.name) and not entry.is_symlink():
            found.append((entry.path, "checkpoints", "model" + entry.name[len(inner) :]))
    return found


def _group(path: str, root: str) -> str:
    """The group whose database that is: "" or "exp/"."""
    inside = os.path.relpath(os.path.dirname(os.path.abspath(path)), root) if root else "."
    return "" if inside == "." or inside.startswith("..") else inside + "/"


def _of_groups(root: str, group: str = "") -> Iterator[str]:
    yield os.path.join(root, group, OF_VERSION_2)
    for entry in sorted(entries(os.path.join(root, group)), key=lambda one: one.name):
        is_group = entry.is_dir(follow_symlinks=False) and is_name(entry.name)
        if is_group and entry.name not in (OURS if not group else ("tensorboard", "checkpoints")):
            yield from _of_groups(root, f"{group}{entry.name}/")


def _in_our_form(fields: Record, name: str) -> Record:
    """A record of the first tool, with what it lacks as far as the rest says it."""
    ours = {key: value.rstrip("\n") if isinstance(value, str) else value for key, value in fields.items()}
    return Record({**ours, **_times(ours.get("datetime")), **_command(Record(ours), name)})


def _times(text: object) -> dict[str, object]:
    moment = local_moment(text)
    return {"datetime": moment} if moment else {}


def _command(fields: Record, name: str) -> dict[str, object]:
    """What was typed, and the settings that made the command of it."""
    command = fields.text("command")
    settings: dict[str, object] = {}
    if virtualenv := _IN_VIRTUALENV.match(command):
        settings["virtualenv-path"] = virtualenv["path"]
        command = command[virtualenv.end() :]
    own = {
        "tb-dir-flag": re.compile(rf" (\S+)=\S*tensorboard/{re.escape(name)}/(?= |$)"),
        "save-path-flag": re.compile(rf" (\S+)=\S*checkpoints/{re.escape(name)}(\.ckpt|/model\.ckpt)(?= |$)"),
    }
    found = {key: match for key, pattern in own.items() if (match := pattern.search(command))}
    typed = fields.text("input-command")
    if not found and not typed:
        return {}
    end = len(typed) if typed else min(match.start() for match in found.values())
    added = command[end:]
    flags = {key: match[1] for key, match in found.items() if match.start() >= end}
    ours = [match[0].strip() for match in found.values()]
    extra = [word for word in added.split() if word not in ours]
    settings |= {**flags, "save-path": SAVE_PATH, **({"extra-flag": extra} if extra else {})}
    return {"input-command": typed or command[:end], "settings": settings}
