"""Add the runs of a single-file database, as `git runs export` and the first `runs` tool write it."""

from __future__ import annotations

import os
import re
import uuid

from .. import project
from ..code import refs
from ..console import progress
from ..console.escape import escape
from ..console.messages import counted, report_all
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

    from ..project import Project
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: runs.db-filename in the runs dir")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run could not be added; the others are, and the file stays as it is."""
    here = project.find(search)
    path = args.file or os.path.join(here.store.root, here.settings.db_filename)
    entries = importers.named("single_file").read(path)
    runs, _ = query.read(here.store, here.store.names())
    names_by_id = {one.record.text("id"): one.name for one in runs if one.record.text("id")}
    failed: list[RunsError] = []
    for name, fields in progress.over(entries.items(), "Importing runs", len(entries)):
        try:
            if twin := names_by_id.get(fields.text("id")):
                raise AlreadyHere(name, twin)
            _add(here, name, fields)
        except RunsError as error:
            failed.append(error)
    total = counted(len(entries), "run")
    print(f"Imported {len(entries) - len(failed)} of {total} from '{escape(path)}'")
    return report_all(failed)


def _add(here: Project, name: str, fields: Record) -> None:
    refs.validate(name)
    given = fields.text("commit")
    commit = objects.resolve(given) if re.fullmatch("[0-9a-f]{4,64}", given) else None
    if refs.commit_of(name) != commit or here.store.exists(name):
        refs.Neighbours(name).check(hint="")
    if commit is None:
        raise CommitMissing(name, given)
    # The first tool gave no ids.
    launch.adopt(here, name, Record({"id": str(uuid.uuid4()), **fields, "name": name, "commit": commit}))
