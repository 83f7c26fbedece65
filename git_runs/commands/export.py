"""Write the runs to a single-file database: one YAML file, keyed by name."""

from __future__ import annotations

import os

from .. import project, query, yamltext
from ..arguments import add_patterns, selected
from ..errors import WouldLose
from ..files import write_whole
from ..record import Record
from ..terminal import report_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Collection

    from ..git import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="default: runs.db-filename in the runs dir")
    parser.add_argument("-f", "--force", action="store_true", help="replace a file that holds other runs")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are exported all the same."""
    here = project.find(search)
    runs, bad = query.read(here.store, selected(here, args))
    path = args.output or os.path.join(here.store.root, here.settings.db_filename)
    entries = {one.name: Record(one.record | {"status": one.record.status}) for one in runs}
    if not args.force:
        _check_nothing_is_lost(path, entries)
    here.store.prepare()
    write_whole(path, yamltext.dump_database(entries))
    print(f"Exported {len(runs)} runs to '{path}'")
    return report_all(bad)


def _check_nothing_is_lost(path: str, names: Collection[str]) -> None:
    try:
        with open(path, "rb") as file:
            there = yamltext.parse_database(file.read(), path)
    except FileNotFoundError:
        return
    if others := [name for name in there if name not in names]:
        raise WouldLose(path, others)
