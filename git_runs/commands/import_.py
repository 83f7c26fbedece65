"""Add the runs of other tools, and those of databases that `git runs export` wrote."""

from __future__ import annotations

import os

from .. import project
from ..console.escape import escape
from ..console.messages import counted, hint, report_all, warn
from ..errors.base import few
from ..errors.commands import NothingToImport, SeveralTools
from ..records import importers
from ..records.importers.importer import SHARED, Surroundings
from ..running import importing
from ..running.importing import LINK, MOVE, STAY, Import
from ..system.files import is_below

NAMED = 5  # runs that are named; git runs table --columns=name,imported has all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ..errors.base import RunsError
    from ..project import Project
    from ..running.importing import Incoming
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*", help="default: where the tool leaves its runs")
    parser.add_argument(
        "--from",
        dest="tool",
        metavar="TOOL",
        choices=tuple(importers.MODULES),
        help=f"the tool that ran them: {', '.join(importers.MODULES)}; default: the one that left any",
    )
    outputs = parser.add_mutually_exclusive_group()
    outputs.add_argument("--move-outputs", action="store_true", help="move what the runs put out into the runs dir")
    outputs.add_argument("--link-outputs", action="store_true", help="have links to that in the runs dir")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show which runs would be added")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only warnings and errors")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run could not be read; the others are added, and what the tool has stays as it is."""
    here = project.find(search, mends=True)
    outputs = MOVE if args.move_outputs else LINK if args.link_outputs else STAY
    failed: list[RunsError] = []
    for tool, path in _sources(here, args.tool, args.paths):
        one = Import(here, tool, importers.named(tool), path)
        one.carry_out(outputs, all_projects=bool(args.paths), dry_run=args.dry_run)
        if args.dry_run:
            _preview(one)
        else:
            _report(one, outputs, quiet=args.quiet)
        failed += one.failed
    return report_all(failed)


def _sources(here: Project, tool: str | None, paths: list[str]) -> list[tuple[str, str]]:
    """Tools and places; raises NothingToImport and SeveralTools."""
    if paths:
        return [_source_at(path, tool) for path in paths]
    found = [(name, path) for name in ([tool] if tool else importers.MODULES) for path in _places(here, name)]
    if not found:
        raise NothingToImport(None, importers.MODULES)
    tools = list(dict(reversed(found)).items())[::-1]
    if len(tools) > 1:
        raise SeveralTools(tools, None)
    return found


def _source_at(path: str, tool: str | None) -> tuple[str, str]:
    """The tool whose runs are there, and where: at the path, or in the project of which it is the top. Raises
    NothingToImport and SeveralTools, and OSError where nothing is."""
    os.stat(path)
    tools = [tool] if tool else list(importers.MODULES)
    found = [(name, path) for name in tools if importers.named(name).takes(path)] or _in_project(path, tools)
    if len(found) > 1:
        raise SeveralTools(found, path)
    if found:
        return found[0]
    if tool or path.endswith((".yml", ".yaml")):
        return tool or "runs", path  # which says what is wrong with it
    raise NothingToImport(path, importers.MODULES)


def _in_project(top: str, tools: list[str]) -> list[tuple[str, str]]:
    """The first place of each tool in another project."""
    top = os.path.abspath(top)
    around = Surroundings(os.path.join(top, ".runs"), top)
    found = {}
    for tool in tools:
        if tool != "dvc":  # which takes the top itself
            one = importers.named(tool)
            found[tool] = [place for place in one.places(around) if is_below(place, top) and one.takes(place)]
    return [(tool, places[0]) for tool, places in found.items() if places]


def _places(here: Project, tool: str) -> list[str]:
    default = os.path.join(here.store.root, here.settings.db_filename)
    known = [default] if tool == "runs" and os.path.isfile(default) else []
    return list(dict.fromkeys([*known, *importers.named(tool).places(importing.surroundings(here))]))


# --- what is said


def _preview(one: Import) -> None:
    for new in one.new:
        commit = new.fields.text("commit")[:10] if new.has_commit else "without a ref: its commit is not here"
        called = f", which is called '{escape(new.entry.name)}' there" if new.name != new.entry.name else ""
        print(f"Would import run '{new.name}' ({commit}){called}")
    _summarize(one, "Would import")


def _summarize(one: Import, done: str) -> None:
    here = f"; {counted(len(one.known), 'run')} {_are(one.known)} here already" if one.known else ""
    print(f"{done} {len(one.new)} of {counted(one.total, 'run')} from '{escape(one.path)}' ({one.title}){here}")
    if one.deleted:
        names = few([f"'{name}'" for name in one.deleted], NAMED)
        print(f"Left out what was deleted here, and can be had back by 'git runs undelete': {names}")


def _report(one: Import, outputs: str, *, quiet: bool) -> None:
    if not quiet:
        _summarize(one, "Imported")
        if one.of_others:
            count = counted(len(one.of_others), "run")
            print(f"Left out {count} of other projects; to have all: git runs import --from={one.tool} '{one.path}'")
        if one.renamed:
            names = [f"'{escape(new.entry.name)}' as '{new.name}'" for new in one.renamed]
            print(f"Under other names: {few(names, NAMED)}")
        if one.taken_in:
            done = "were moved into" if outputs == MOVE else "are linked in"
            print(f"The outputs of {counted(one.taken_in, 'run')} {done} the runs dir")
    _warn_of_missing(one)
    elsewhere = one.outputs_elsewhere
    if SHARED in elsewhere and outputs == MOVE:
        warn("outputs that other runs or people may use, too, stay where they are; --link-outputs links them")
    elif elsewhere and outputs == STAY and not quiet:
        how = "--link-outputs" if elsewhere == {SHARED} else "--move-outputs or --link-outputs"
        hint(f"their outputs stay where they are, named in the records; to have them in the runs dir: {how}")


def _warn_of_missing(one: Import) -> None:
    """Name the runs without a ref."""
    unknown = [new for new in one.without_commit if "commit" not in new.fields]
    missing = [new for new in one.without_commit if "commit" in new.fields]
    if unknown:
        warn(f"at which commit {counted(len(unknown), 'run')} ran is not known: {_named(unknown)}")
    if missing:
        runs = f"{counted(len(missing), 'run')} {_are(missing)}"
        warn(f"{runs} without a ref, as the commit is not here: {_named(missing)}")
        hint("once the commits are fetched: git runs fsck --repair")


def _named(runs: list[Incoming]) -> str:
    return few([f"'{new.name}'" for new in runs], NAMED)


def _are(runs: Sequence[object]) -> str:
    return "is" if len(runs) == 1 else "are"
