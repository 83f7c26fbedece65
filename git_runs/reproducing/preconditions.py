"""What a run needs to come out the same again, and whether it is so here and now."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial

from ..code import keeping, limits, refs, stand_in
from ..console.messages import counted
from ..environment import collection, interpreter, links
from ..environment.collection import Surroundings
from ..environment.fingerprints import Fingerprints
from ..errors.code import NotOfThisCommit
from ..errors.records import NoEnvironment
from ..errors.system import MountsForbidden, ToolMissing
from ..system import whoami
from ..system.files import is_below
from ..system.git import calls, discovery, objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from ..environment.restored import Restored
    from ..project import Project
    from ..records.record import Record, Run

PACKAGES = "packages: "  # how lines on packages that are gone or new begin
RESTORED = ("package", "python: ", "executable: ", "there is no virtualenv in ")  # those on what --restore brings back
SHOWN = 5  # lines on packages in warnings


def check(
    here: Project,
    run: Run,
    inner: Iterable[tuple[str, str, str]],
    variables: Mapping[str, str],
    restored: Restored | None = None,
    *,
    is_mounted: bool,
) -> list[str]:
    """What is missing or another than it was for the run, a line each.

    `inner` are its submodules, as `submodules` gives them, and `variables` those that it would get now, or, of a run of
    another clone, those of here: of that one, only the Python here is asked. `restored` is a virtualenv that was
    restored for it; `is_mounted`, whether its work tree would stand in the place of another.
    """
    return [*_code(here, run, inner), *_surroundings(here, run.record, variables, restored, is_mounted)]


def can_be_restored(here: Project, record: Record, problems: Iterable[str]) -> bool:
    """Whether a restored virtualenv would solve any of the problems that `check` gave."""
    environments = here.store.environments
    recorded = environments.find(record) if any(problem.startswith(RESTORED) for problem in problems) else None
    return recorded is not None and environments.packages(recorded.text("packages")) is not None


def shortened(problems: list[str]) -> list[str]:
    """The problems that `check` gave, but of packages only the first, and how many more there are."""
    lines = [problem for problem in problems if problem.startswith(PACKAGES)]
    shown = set(map(_package, lines[:SHOWN]))
    cut = [line for line in lines if _package(line) not in shown]
    found = [problem for problem in problems if problem not in cut]
    if cut:
        found.insert(problems.index(cut[0]), f"and {counted(len(set(map(_package, cut))), 'more package')}")
    return found


def _package(line: str) -> str:
    """Its name, in a line that says that it is gone or new: see `packages.differences`."""
    return line.removeprefix(PACKAGES)[1:].partition("==")[0]


def submodules(here: Project, record: Record) -> list[tuple[str, str, str]]:
    """Path, git dir and commit of the submodules of the run's code, outer ones first.

    The git dir is "" where the submodule is not here. A run in the tree itself recorded none: its commit names them.
    An isolated one had only those that it recorded.
    """
    recorded = {path: repository for path, repository, _ in record.recorded_submodules}
    found = []
    unseen = [("", record.text("commit"), here.repository.common_dir)]
    while unseen:
        outer, commit, outer_repository = unseen.pop(0)
        if not os.path.isdir(outer_repository) or not objects.resolve(commit, outer_repository):
            continue
        for name, inner in objects.submodules_of(commit, outer_repository):
            path = outer + name
            if path not in recorded and record.is_isolated:
                continue
            repository = _repository_today(here, record, path, recorded.get(path, ""))
            found.append((path, repository, inner))
            unseen.append((path + "/", inner, repository))
    seen = [path for path, _, _ in found]
    below = tuple(path + "/" for path in seen)  # what is inside of one that is gone git does not know
    return found + [one for one in record.recorded_submodules if one[0] not in seen and one[0].startswith(below)]


def _repository_today(here: Project, record: Record, path: str, recorded: str) -> str:
    """Where the git dir of a submodule is: where it was, or, if the work tree has been moved or is that of another
    clone, where it is in ours; "" where there is none at all."""
    top, former = here.repository.top or "", record.text("top")
    if recorded and (record.is_elsewhere or not os.path.isdir(recorded)):
        moved = top + recorded.removeprefix(former) if former and recorded.startswith(f"{former}/") else recorded
        return moved if os.path.isdir(moved) else recorded
    return recorded or discovery.common_dir_at(os.path.join(top, calls.path(path))) or ""


def links_today(here: Project, record: Record) -> dict[str, str]:
    """Where the run's links lead now, by path from the top: where they led, or, if that is gone and the work tree has
    been moved, to what is at that path in ours."""

    def today(path: str, target: str) -> str:
        moved = os.path.join(here.repository.top or "", path)
        return moved if not os.path.exists(target) and os.path.exists(moved) else target

    return {path: today(path, link.text("target")) for path, link in record.links.items()}


def _code(here: Project, run: Run, inner: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    record = run.record
    commit, ref = record.text("commit"), refs.ref(run.name)
    if record.is_imported and not commit:
        yield f"at which commit it ran is not known: it was imported from {record.tool}"
    elif objects.unknown([commit or "0"]):
        seen = f"; it was last seen on host '{record.text('host')}'" if "host" in record else ""
        yield f"commit {commit} is not here{seen}"
    elif run.remote is None and (there := refs.commit_of(run.name)) != commit:
        yield f"{ref} is at {there}, not at {commit}" if there else f"there is no {ref}"
    inner = list(inner)
    kept = keeping.Kept(here.repository.common_dir, commit, inner, record.kept)
    for path, one in kept.foreign().items():
        yield NotOfThisCommit(one, path).message
    for one in kept.incomplete():
        yield f"of what is kept in commit {one} something is missing"
    for path, repository, wanted in inner:
        if not kept.is_here(path) and not kept.can_revive(path):
            yield f"submodule {path}: commit {wanted} is not " + (f"in '{repository}'" if repository else "here")
    if inexact := keeping.not_kept(record, here.repository.common_dir):
        yield f"files that a checkout gives other bytes than the run had: {', '.join(inexact)}"
    if not os.path.isfile(here.outputs.log(run.name)):
        yield "its log is not there to compare with"
    if "dirty" in record:
        yield "it ran with uncommitted changes, which nothing keeps"
    if record.text("sparse") and not record.sparse:
        yield "it ran in a sparse checkout, and will have all files of its commit"


def _surroundings(
    here: Project, record: Record, variables: Mapping[str, str], restored: Restored | None, is_mounted: bool
) -> Iterator[str]:
    settings = record.get("settings")
    virtualenv = settings.get("virtualenv-path") if isinstance(settings, dict) else None
    top = (record.text("top") if is_mounted else "") or here.repository.top or "/"
    cwd = os.path.normpath(os.path.join(top, record.text("cwd")))
    text, linked = record.text("command"), record.links
    if restored and not restored.stands_in:
        text, linked = record.text("input-command") or text, restored.others(linked)
        virtualenv = restored.path if virtualenv else None
    if record.is_elsewhere and not restored:  # no program that it names is started before somebody has agreed to that
        text, virtualenv, is_mounted = "", None, False
    command = interpreter.Command(text, variables, cwd, virtualenv, restored.places(top) if restored else {})
    if restored and not restored.stands_in and command.place and not restored.holds(command.place):
        yield f"the command names '{command.place}', and so does not use the restored virtualenv"
    virtualenvs = () if restored else (virtualenv, variables.get("VIRTUAL_ENV"))
    for place in dict.fromkeys(filter(None, virtualenvs)):
        if not interpreter.is_virtualenv(str(place)):
            yield f"there is no virtualenv in '{place}'"
    if record.text("host") not in ("", whoami.hostname()):
        yield f"host: was '{record.text('host')}', is '{whoami.hostname()}'"
    linked = restored.others(linked) if restored else linked
    yield from links.differences(linked, targets=links_today(here, record))
    yield from links.differences(record.outside, links.OUTSIDE)
    now = [] if is_mounted else limits.live_code(command, top, here.store.root)
    if record.is_isolated and (live := dict.fromkeys([*record.texts("live"), *now])):
        yield f"code is taken from where people edit it, not from the run's own work tree: {', '.join(live)}"
    environments = here.store.environments
    try:
        recorded = environments.of(record)
    except NoEnvironment as error:
        yield error.message
        return
    if recorded.get("python") == collection.UNKNOWN:
        yield "which Python the command uses, and with which packages, is not known"
    surroundings = Surroundings(
        command,
        top=top,
        decisive=here.settings.env,
        environments=environments,
        fingerprints=Fingerprints(here.repository.common_dir),
        restored=restored,
        ask=partial(_ask_where_it_ran, here, record, restored) if is_mounted else lambda question: question(),
    )
    yield from collection.differences(recorded, surroundings.collect(recorded, record.text("top")), environments)


def _ask_where_it_ran(
    here: Project, record: Record, restored: Restored | None, question: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The answer where our work tree stands in the place of that which the run had, with a restored virtualenv in the
    place of the recorded one, as far as that can be."""
    place, top = record.text("top"), here.repository.top or ""
    binds = {place: top} if place and top not in (place, "") else {}
    if restored and restored.stands_in and restored.virtualenv:
        binds[os.path.join(place, restored.virtualenv)] = restored.path
    holds_runs_dir = place != top and is_below(here.store.root, place)
    if not binds or holds_runs_dir:
        return question()
    with suppress(MountsForbidden, ToolMissing, OSError), stand_in.seen_at(binds, here.store.root) as view:
        return view.call(question)
    return question()
