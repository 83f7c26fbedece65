"""Add the runs of single-file databases, as `git runs export` and the first `runs` tool write them."""

from __future__ import annotations

import os
import re
import uuid

from .. import project
from ..code import refs
from ..console import progress
from ..console.escape import escape
from ..console.messages import counted, hint, report_all, warn
from ..errors.base import RunsError
from ..errors.code import CommitMissing
from ..errors.commands import AlreadyHere
from ..records import importers, query
from ..records.record import Record
from ..running import launch
from ..system.git import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Mapping

    from ..project import Project
    from ..records.importers.importer import Importer
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="default: all that the first tool and `git runs export` leave here"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show which runs would be added")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run could not be added; the others are, and the files stay as they are."""
    here = project.find(search, mends=True)
    importer = importers.named("single_file")
    default = os.path.join(here.store.root, here.settings.db_filename)
    known = [default, *importer.places(here.store.root, here.repository.top)]
    there = [path for path in dict.fromkeys(known) if os.path.isfile(path)]
    failed: list[RunsError] = []
    for path in args.files or there or [default]:
        failed += _import(here, importer, path, dry_run=args.dry_run)
    return report_all(failed)


def _import(here: Project, importer: Importer, path: str, *, dry_run: bool) -> list[RunsError]:
    """Gives what kept runs from being added."""
    entries = importer.read(path, here.store.root)
    runs, _ = query.read(here.store, here.store.names())
    names_by_id = {one.record.text("id"): one.name for one in runs if one.record.text("id")}
    if not dry_run:
        _keep_environments(here, entries.values())
    failed: list[RunsError] = []
    for name, fields in progress.over(entries.items(), "Importing runs", len(entries)):
        try:
            if twin := names_by_id.get(fields.text("id")):
                raise AlreadyHere(name, twin)
            record = _record(here, name, fields)
            if dry_run:
                print(f"Would import run '{name}' ({escape(record.text('commit')[:10])})")
                continue
            launch.adopt(here, name, record)
            if "id" not in fields:  # else they are where they belong
                _take_outputs(here, importer, path, name)
        except RunsError as error:
            failed.append(error)
    total = counted(len(entries), "run")
    done = "Would import" if dry_run else "Imported"
    print(f"{done} {len(entries) - len(failed)} of {total} from '{escape(path)}'")
    if entries and not _is_inside(here, path) and any(map(os.path.isdir, _outputs_beside(path))):
        hint(f"their outputs stay where they are, beside '{path}'; those in the runs dir would be moved")
    return failed


def _keep_environments(here: Project, entries: Iterable[Mapping[str, object]]) -> None:
    """What one entry holds for all that name it by its id, whether that one can be added itself or not."""
    for fields in entries:
        environment = fields.get("environment")
        if isinstance(environment, dict):
            launch.prepare(here)
            here.store.environments.keep_contents(environment)


def _record(here: Project, name: str, fields: Mapping[str, object]) -> Record:
    """The record that the run is to get; raises what keeps it from being added."""
    refs.validate(name)
    given = str(fields.get("commit", ""))
    commit = objects.resolve(given) if re.fullmatch("[0-9a-f]{4,64}", given) else None
    if refs.commit_of(name) != commit or here.store.exists(name):
        refs.Neighbours(name).check(hint="")
    if commit is None:
        raise CommitMissing(name, given)
    # The first tool gave no ids.
    return Record({"id": str(uuid.uuid4()), **fields, "name": name, "commit": commit})


def _take_outputs(here: Project, importer: Importer, path: str, name: str) -> None:
    """The run is imported, whether they can be moved to where a run of that name has them or not."""
    if _is_inside(here, path):
        try:
            here.outputs.take(name, importer.outputs(path, name, here.store.root))
        except (RunsError, OSError) as error:
            warn(f"not all outputs of run '{name}' could be moved: {error}")


def _is_inside(here: Project, path: str) -> bool:
    """Whether the database is in the runs dir, or beside it at the top of the work tree."""
    directory = os.path.dirname(os.path.abspath(path))
    return directory == here.repository.top or f"{directory}/".startswith(f"{here.store.root}/")


def _outputs_beside(path: str) -> list[str]:
    directory = os.path.dirname(os.path.abspath(path))
    return [os.path.join(directory, kind) for kind in ("tensorboard", "checkpoints")]
