"""Show runs as a table, newest first."""

from __future__ import annotations

from itertools import count

from .. import project
from ..cli import filters, table
from ..cli.arguments import add_patterns, surveyed
from ..cli.filters import Filter
from ..cli.strays import warn_of_strays
from ..console.messages import hint, report_all
from ..console.output import show
from ..records import query
from ..records.record import FIELDS, local_time
from ..records.rows import KEPT, TIMES, WIDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.record import Value
    from ..records.store import Store
    from ..system.git.discovery import Search

COLUMNS = ("name", "status", "command", "input-command", "commit", "datetime", "description", "host")
MANY = 200  # runs, from which on the rows of a table are kept


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.add_argument("--columns", metavar="KEY,...", help="the fields and parameters to show, in this order")
    parser.add_argument("--hidden-columns", metavar="KEY,...", help="the fields to leave out")
    parser.add_argument("--column-width", metavar="N", help="cut cells to N characters")
    parser.add_argument("--sort", metavar="[-]KEY", default="-datetime", help="sort by field or parameter, - backwards")
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
    width = here.settings.column_width
    is_usual = args.format == table.DEFAULT_FORMAT and args.sort.lstrip("-") in FIELDS
    if is_usual and (drawn := _drawn(here.store, catalogue, names, columns, width)):
        show(drawn)
        warn_of_strays(here, args, len(catalogue.names) + len(bad))
        return report_all(bad)
    missing = {*columns, args.sort.lstrip("-")} - set(FIELDS)
    runs = filters.noting(here.store, query.recall(here.store, names, columns, bad), missing)
    for_people = args.format not in table.FOR_PROGRAMS
    found = [(column, filters.value_of(column)) for column in columns]
    rows = ([_value(find(here.store, one, column), column, for_people) for column, find in found] for one in runs)
    show(table.render(columns, rows, args.format, width))
    filters.warn_of_fields(missing if names else ())
    if not warn_of_strays(here, args, len(catalogue.names) + len(bad)) and not catalogue.names and not bad:
        _hint_at_first_runs(here)
    return report_all(bad)


def _hint_at_first_runs(here: Project) -> None:
    from ..records import importers

    hint("no run is here so far; to start one: git runs new NAME COMMAND")
    if places := importers.named("single_file").places(here.store.root, here.repository.top):
        hint(f"runs of the first runs tool are in '{places[0]}'; to have them here: git runs import")


def _drawn(
    store: Store, catalogue: Catalogue, names: list[str], columns: list[str], width: int
) -> Iterator[str] | None:
    """The table of many runs, from rows that are kept beside the records; None where there are few, or not all that is
    to be shown can be kept."""
    are_kept = columns and {*columns} <= KEPT and width <= WIDEST
    if not are_kept or len(names) < MANY or len(names) * 2 < len(catalogue.names):
        return None
    if not (rows := store.reader.rows(catalogue, columns, width)):
        return None
    places = dict(zip(catalogue.names, count()))
    return table.render_kept(rows, [places[name] for name in names], width)


def _option(args: Namespace, key: str) -> str | None:
    value: str | None = getattr(args, key.replace("-", "_"))
    return value


def _columns(args: Namespace, here: Project) -> list[str]:
    if args.columns is None:
        return [column for column in COLUMNS if column not in here.settings.hidden_columns]
    columns: list[str] = args.columns.replace(",", " ").split()
    return columns


def _value(value: Value, column: str, for_people: bool) -> object:
    return local_time(value) if for_people and column in TIMES else value
