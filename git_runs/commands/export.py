"""Write the runs to a single-file database: one YAML file, keyed by name."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress

from .. import project
from ..cli.arguments import add_patterns, selected
from ..console.escape import escape
from ..console.messages import counted, report_all, warn
from ..errors.commands import WouldLose
from ..errors.records import BadRecord
from ..records import importers, query, yamltext
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
        there = importers.named("single_file").read(path)
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
