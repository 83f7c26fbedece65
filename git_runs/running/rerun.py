"""A run that is started again: with its code, command and variables as they were, in a work tree of its own."""

from __future__ import annotations

import os
from itertools import count

from ..code import refs, stand_in
from ..code.snapshot import Snapshot, Submodule
from ..console.messages import warn
from ..environment import collection
from ..errors.code import NameTaken
from ..records.record import MOUNT
from ..reproducing import preconditions
from . import launch, own_tree
from .launch import Launch
from .own_tree import TREE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..environment.restored import Restored
    from ..launchers.launcher import Started
    from ..project import Project
    from ..records.record import Record, Run


def prepare(
    here: Project,
    one: Run,
    isolate: str,
    inner: Iterable[tuple[str, str, str]],
    variables: dict[str, str],
    restored: Restored | None,
) -> Launch:
    """The run again, isolated so, with these submodules, as `preconditions.submodules` gives them, and variables; and
    with a restored virtualenv in the place of the recorded one."""
    recorded = links(here, one)
    kept = one.record.kept
    patterns = one.record.sparse_inside
    submodules = {
        path: Submodule("", repository, commit, kept.get(path), patterns.get(path))
        for path, repository, commit in inner
        if repository
    }
    return Launch(
        command=one.record.typed_command,
        description=one.record.text("description"),
        code=Snapshot(
            one.record.text("commit"),
            one.record.texts("inexact"),
            submodules,
            kept=kept.get(""),
            sparse=one.record.sparse,
        ),
        prefix=prefix(one),
        environment=variables,
        links=restored.linked(recorded) if restored else recorded,
        isolate=isolate,
        top=_place(one) if isolate == MOUNT else None,
        original=one,
        restored=restored,
        retry=retries(one),
        notes={key: one.record.get(key) for key in ("base", "branch", "params")},
    )


def retries(one: Run) -> int:
    """How often the run's command was to be started again where it failed."""
    text = one.record.text("retry")
    return int(text) if text.isdecimal() else 0


def isolation(here: Project, one: Run) -> str:
    """How the run is isolated this time: as it was, or as today's settings have it."""
    setting = here.settings.isolate
    return own_tree.isolation_by(here, MOUNT if one.record.is_mounted and setting in ("", TREE) else setting or TREE)


def _place(one: Run) -> str | None:
    """Where the run's work tree is to stand: in the recorded place, if that is possible here."""
    recorded = one.record.text("top")
    if recorded and stand_in.can_stand_at(recorded):
        return recorded
    warn(f"its work tree cannot stand at '{recorded}', where it was: it stands in the place of this one")
    return None


def links(here: Project, one: Run) -> dict[str, str]:
    """The recorded links; what is linked today is new only to a run that had the whole work tree."""
    recorded = preconditions.links_today(here, one.record)
    return recorded if one.record.is_isolated else here.links | recorded


def variables_of(here: Project, one: Run, today: dict[str, str]) -> dict[str, str]:
    """Today's environment, but the recorded variables as they were."""
    recorded = here.store.environments.find(one.record)
    was = recorded.get("variables") if recorded else None
    if not isinstance(was, dict):
        return today
    path = today.get("PATH", "")
    if (virtualenv := was.get("VIRTUAL_ENV")) and virtualenv != today.get("VIRTUAL_ENV"):
        path = os.path.join(virtualenv, "bin") + ":" + path
    others = {key: value for key, value in today.items() if not collection.matches(key, here.settings.env)}
    return {**others, "PATH": path, **{key: collection.value_of(str(value)) for key, value in was.items()}}


def start(here: Project, prepared: Launch, original: str, name: str) -> tuple[Record, Started]:
    """Under `name`, or under the next that is free, whoever else takes one meanwhile."""
    while True:
        fields = prepared.record(here, name or free_name(here, original))
        try:
            return fields, prepared.start(here, fields)
        except NameTaken:
            if name:
                raise


def free_name(here: Project, name: str) -> str:
    """What a re-run of the run of that name is called, if nobody says."""
    for number in count(1):
        candidate = f"{name}-repro{number if number > 1 else ''}"
        if launch.is_free(here, refs.Neighbours(candidate)):
            break
    return candidate


def prefix(run: Run) -> str:
    """The run's directory as git prints one, from the top of the work tree: "" or "sub/dir/"."""
    directory = os.path.normpath(run.record.text("cwd") or ".")
    return "" if directory == "." else directory + "/"
