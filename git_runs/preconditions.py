"""What a run needs to come out the same again, and whether it is so here and now."""

from __future__ import annotations

import os
from contextlib import suppress

from . import environment, git, process, refs
from .errors import GitFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .project import Project
    from .record import Record, Run


def check(here: Project, run: Run, variables: Mapping[str, str]) -> list[str]:
    """What is missing or another than it was for the run, a line each; `variables` are those that it would get now."""
    return [*_code(here, run), *_surroundings(here, run.record, variables)]


def submodules(here: Project, record: Record) -> list[tuple[str, str, str]]:
    """Path, git dir and commit of the submodules that the run's code had, outer ones first.

    The git dir is "" where the submodule is not here. A run in the tree itself has recorded none: its commit tells.
    """
    recorded = record.submodules
    if recorded or not git.resolve(record.text("commit")):
        return recorded
    top = here.repository.top or ""
    found = git.submodules_of(record.text("commit"))
    return [(path, _common_dir(os.path.join(top, git.path(path))), inner) for path, inner in found]


def _common_dir(place: str) -> str:
    with suppress(GitFailed):
        if places := git.git_dirs_at(place):
            return places[1]
    return ""


def _code(here: Project, run: Run) -> Iterator[str]:
    commit, ref = run.record.text("commit"), refs.ref(run.name)
    if git.unknown([commit or "0"]):
        yield f"commit {commit} is not here; it was last seen on host '{run.record.text('host')}'"
    elif (there := refs.commit_of(run.name)) != commit:
        yield f"{ref} is at {there}, not at {commit}" if there else f"there is no {ref}"
    for path, repository, inner in submodules(here, run.record):
        if not os.path.isdir(repository) or git.resolve(inner, repository) is None:
            yield f"submodule {path}: commit {inner} is not " + (f"in '{repository}'" if repository else "here")
    if run.record.get("inexact"):
        yield f"files that a checkout gives other bytes than the run had: {_words(run.record['inexact'])}"
    if not os.path.isfile(here.outputs.log(run.name)):
        yield "its log is not there to compare with"
    if "dirty" in run.record:
        yield "it ran with uncommitted changes, which nothing keeps"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _surroundings(here: Project, record: Record, variables: Mapping[str, str]) -> Iterator[str]:
    settings = record.get("settings")
    virtualenv = settings.get("virtualenv-path") if isinstance(settings, dict) else None
    if virtualenv and not os.path.isfile(os.path.join(str(virtualenv), "bin", "activate")):
        yield f"there is no virtualenv in '{virtualenv}'"
    if not record.is_local:
        yield f"host: was '{record.text('host')}', is '{process.hostname()}'"
    yield from _links(record)
    recorded = record.get("environment")
    if not isinstance(recorded, dict):
        yield "the environment was not recorded"
        return
    now = environment.collect(
        variables,
        command=record.text("command"),
        cwd=here.repository.top or "/",
        virtualenv=virtualenv,
        decisive=[*here.settings.env, *environment.variables(recorded)],
        salt=record.text("id"),
        root=here.store.root,
    )
    yield from environment.differences(recorded, now, here.store.root)


def _links(record: Record) -> Iterator[str]:
    links = record.get("links")
    for path, was in links.items() if isinstance(links, dict) else ():
        target = str(was.get("target")) if isinstance(was, dict) else ""
        now = {key: str(value) for key, value in environment.describe_link(target).items()}
        if "size" not in now:
            yield f"linked path {path}: '{target}' is not there"
        elif "size" in was and any(str(was.get(key)) != now[key] for key in ("size", "modified")):
            yield f"linked path {path}: '{target}' has changed"
