"""Write the runs to a single-file database: one YAML file, keyed by name."""

from __future__ import annotations

import os
import sys

from .. import project
from ..cli.arguments import add_patterns, selected
from ..console.escape import escape
from ..console.messages import counted, report_all
from ..errors.commands import WouldLose
from ..records import query, yamltext
from ..records.record import Record
from ..system.files import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from ..records.store import Store
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="- for standard output; default: runs.db-filename in the runs dir"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace a file that holds other runs")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are exported all the same."""
    here = project.find(search)
    runs, bad = query.read(here.store, selected(here, args))
    path = args.output or os.path.join(here.store.root, here.settings.db_filename)
    entries = {one.name: _whole(here.store, one.record) for one in runs}
    if path == "-":
        sys.stdout.write(yamltext.dump_database(entries))
        return report_all(bad)
    if not args.force:
        _check_nothing_is_lost(path, entries)
    here.store.prepare()
    write_whole(path, yamltext.dump_database(entries))
    print(f"Exported {counted(len(runs), 'run')} to '{escape(path)}'")
    return report_all(bad)


def _whole(store: Store, fields: Record) -> Record:
    """With its environment, which other runs dirs do not have."""
    environment = store.environments.find(fields)
    return Record({**fields, "environment": dict(environment)}) if environment else fields


def _check_nothing_is_lost(path: str, entries: Mapping[str, Record]) -> None:
    try:
        with open(path, "rb") as file:
            there = yamltext.parse_database(file.read(), path)
    except FileNotFoundError:
        return
    identifiers = {fields.text("id") for fields in entries.values()}

    def is_told(name: str, fields: Record) -> bool:
        return fields.text("id") in identifiers if "id" in fields else _tells_all(entries.get(name), fields)

    if others := [name for name, fields in there.items() if not is_told(name, fields)]:
        raise WouldLose(path, others)


def _tells_all(fields: Record | None, old: Record) -> bool:
    """Whether a record holds all that one of the first tool's does, which has no id and a short commit."""
    if fields is None or not fields.text("commit").startswith(old.text("commit")):
        return False
    return all(fields.get(key) == value for key, value in old.items() if key != "commit")
