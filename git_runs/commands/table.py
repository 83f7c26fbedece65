"""Show runs as a table, newest first."""

from __future__ import annotations

from .. import project
from ..cli import filters, table
from ..cli.arguments import add_patterns, surveyed
from ..cli.filters import Filter
from ..console.messages import report_all, warn
from ..console.output import show
from ..records import query
from ..records.record import FIELDS, local_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.record import Run
    from ..system.git.discovery import Search

COLUMNS = ("name", "status", "command", "input-command", "commit", "datetime", "description", "host")
TIMES = ("datetime", "finished")
FOR_PROGRAMS = ("csv", "tsv", "json")


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.add_argument("--columns", metavar="KEY,...", help="the fields to show, in this order")
    parser.add_argument("--hidden-columns", metavar="KEY,...", help="the fields to leave out")
    parser.add_argument("--column-width", metavar="N", help="cut cells to N characters")
    parser.add_argument("--sort", metavar="[-]KEY", default="-datetime", help="sort by a field, with - backwards")
    parser.add_argument(
        "--format", default=table.DEFAULT_FORMAT, help="csv, tsv, json, or any format of tabulate (default: simple)"
    )


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are shown all the same."""
    options = {key: [value] for key in ("hidden-columns", "column-width") if (value := _option(args, key)) is not None}
    chosen = Filter(args)
    here = project.find(search, options)
    catalogue, bad = surveyed(here, args)
    names = chosen.choose(here.store, catalogue, bad, args.sort)
    columns = _columns(args, here)
    if args.columns is None and catalogue.has_reproductions and catalogue.only(set(names)).has_reproductions:
        columns.insert(columns.index("status") + 1 if "status" in columns else len(columns), "reproduction")
    missing = {*columns, args.sort.lstrip("-")} - set(FIELDS)
    runs = _noting(query.recall(here.store, names, columns, bad), missing)
    for_people = args.format not in FOR_PROGRAMS
    rows = ([_value(one, column, for_people) for column in columns] for one in runs)
    show(table.render(columns, rows, args.format, here.settings.column_width))
    for key in missing if names else ():
        warn(f"none of these runs has a field '{key}'")
    return report_all(bad)


def _noting(runs: Iterator[Run], missing: set[str]) -> Iterator[Run]:
    """The runs; keys of fields that one of them has are missing no more."""
    for one in runs:
        missing.difference_update(one.record)
        yield one


def _option(args: Namespace, key: str) -> str | None:
    value: str | None = getattr(args, key.replace("-", "_"))
    return value


def _columns(args: Namespace, here: Project) -> list[str]:
    if args.columns is None:
        return [column for column in COLUMNS if column not in here.settings.hidden_columns]
    columns: list[str] = args.columns.replace(",", " ").split()
    return columns


def _value(run: Run, column: str, for_people: bool) -> object:
    value = run.value(column)
    return local_time(value) if for_people and column in TIMES else value
