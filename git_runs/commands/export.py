"""Write the runs to a single-file database, one YAML file, keyed by name; or in a form of other programs."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress

from .. import project
from ..cli.arguments import add_patterns, selected
from ..console.escape import escape
from ..console.messages import counted, report_all, warn
from ..errors.base import UsageError
from ..errors.commands import WouldLose, WouldReplace
from ..errors.records import BadRecord
from ..records import query, yamltext
from ..records.importers import single_file
from ..records.record import Record
from ..system.files import write_whole

FORMATS = YAML, CSV, JSON, MLFLOW = ("yaml", "csv", "json", "mlflow")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from ..project import Project
    from ..records.record import Run
    from ..records.store import Store
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="- for standard output, the default for csv and json; else runs.db-filename in the runs dir, or mlruns",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=YAML,
        help="yaml, which 'git runs import' and the first runs tool read; csv, json; or a directory of MLflow",
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace a file that holds other runs")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are exported all the same."""
    here = project.find(search)
    runs, bad = query.read(here.store, selected(here, args))
    if args.format != YAML:
        _export_as(here, runs, args.format, args.output, force=args.force)
        return report_all(bad)
    path = args.output or os.path.join(here.store.root, here.settings.db_filename)
    shown: set[str] = set()
    entries = {one.name: _whole(here.store, one.record, shown) for one in runs}
    if path == "-":
        sys.stdout.write(yamltext.dump_database(entries))
        return report_all(bad)
    lost: list[str] = []
    with suppress(BadRecord) if args.force else nullcontext():
        lost = _lost(path, entries)
    if lost and not args.force:
        raise WouldLose(path, lost)
    here.store.prepare(here.settings.shared)
    write_whole(path, yamltext.dump_database(entries))
    print(f"Exported {counted(len(runs), 'run')} to '{escape(path)}'")
    if lost:
        warn(f"{counted(len(lost), 'run')} that '{path}' held {'is' if len(lost) == 1 else 'are'} not in it any more")
    return report_all(bad)


def _export_as(here: Project, runs: list[Run], form: str, output: str | None, *, force: bool) -> None:
    """Raises UsageError, NotAStore, WouldReplace, and what the file system says."""
    if form == MLFLOW:
        if output == "-":
            raise UsageError("what MLflow reads is a directory: --output=DIR")
        from ..results.exports import mlflow

        mlflow.write(here, runs, output or "mlruns")
        print(f"Exported {counted(len(runs), 'run')} to '{escape(output or 'mlruns')}'")
        return
    from ..results.exports import tables

    text = tables.as_csv(here, runs) if form == CSV else tables.as_json(here, runs)
    if output in (None, "-"):
        sys.stdout.write(text)
        return
    if os.path.lexists(output) and not force:
        raise WouldReplace(output)
    write_whole(output, text)
    print(f"Exported {counted(len(runs), 'run')} to '{escape(output)}'")


def _whole(store: Store, fields: Record, shown: set[str]) -> Record:
    """With its environment, which other runs dirs do not have, and what the files hold that this names, by ids, once
    for all runs: `shown` are the ids of those that others have."""
    environment = store.environments.find(fields)
    if not environment:
        return fields
    contents = store.environments.contents(environment)
    new = {key: content for key, content in contents.items() if environment.text(key) not in shown}
    shown.update(environment.text(key) for key in new)
    return Record({**fields, "environment": {**environment, **new}})


def _lost(path: str, entries: Mapping[str, Record]) -> list[str]:
    """The names of the runs that are in the file, and would not be any more."""
    try:
        there = single_file.records(path)
    except FileNotFoundError:
        return []
    identifiers = {fields.text("id") for fields in entries.values()}

    def is_kept(name: str, fields: Record) -> bool:
        return fields.text("id") in identifiers if "id" in fields else _has_all_of(entries.get(name), fields)

    return [name for name, fields in there.items() if not is_kept(name, fields)]


def _has_all_of(fields: Record | None, old: Record) -> bool:
    """Whether a record holds all that one of the first tool's does, which has no id and a short commit."""
    if fields is None or not fields.text("commit").startswith(old.text("commit")):
        return False
    return all(fields.get(key) == value for key, value in old.items() if key != "commit")
