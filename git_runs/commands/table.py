"""Show runs as a table, newest first."""

from __future__ import annotations

from itertools import count

from .. import project
from ..cli import filters, table
from ..cli.arguments import add_patterns, surveyed
from ..cli.filters import Filter
from ..console.messages import report_all, warn
from ..console.output import show
from ..records import query
from ..records.cells import KEPT, LONGEST, shown
from ..records.record import FIELDS, UNDER_WAY, Run, local_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.store import Store
    from ..system.git.discovery import Search

COLUMNS = ("name", "status", "command", "input-command", "commit", "datetime", "description", "host")
TIMES = ("datetime", "finished")
MANY = 200  # runs, of which the cells are taken column by column
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
    width = here.settings.column_width
    is_usual = args.format == table.DEFAULT_FORMAT and args.sort.lstrip("-") in FIELDS
    if is_usual and (cells := _cells(here.store, catalogue, names, columns, width)):
        show(table.render_columns(columns, cells, width))
        return report_all(bad)
    missing = {*columns, args.sort.lstrip("-")} - set(FIELDS)
    runs = _noting(query.recall(here.store, names, columns, bad), missing)
    for_people = args.format not in FOR_PROGRAMS
    rows = ([_value(one, column, for_people) for column in columns] for one in runs)
    show(table.render(columns, rows, args.format, width))
    for key in missing if names else ():
        warn(f"none of these runs has a field '{key}'")
    return report_all(bad)


def _cells(
    store: Store, catalogue: Catalogue, names: list[str], columns: list[str], width: int
) -> list[list[str]] | None:
    """The cells of each column, not cut yet, for those of many runs that are to be shown; None where there are few of
    them, or what is to be shown is not kept beside the records."""
    kept = [column for column in columns if column != "name"]
    if len(names) < MANY or len(names) * 2 < len(catalogue.names) or width > LONGEST or not {*kept} <= {*KEPT}:
        return None
    if not (cells := store.reader.cells(catalogue, kept)):
        return None
    places = dict(zip(catalogue.names, count()))
    order = [places[name] for name in names]
    texts = {column: [cells.columns[column][place] for place in order] for column in kept}
    if "status" in texts:
        texts["status"] = _live(store, names, texts["status"])
    if "datetime" in texts:
        starts = catalogue.starts
        texts["datetime"] = _local_times([starts[place] for place in order], texts["datetime"])
    return [texts.get(column, names) for column in columns]


def _live(store: Store, names: list[str], recorded: list[str]) -> list[str]:
    """The status of each run, which may be `lost` where it is recorded as going on."""
    going_on = [place for place, status in enumerate(recorded) if status in UNDER_WAY]
    found = store.reader.recall([names[place] for place in going_on], light=True)
    for place, (_, run) in zip(going_on, found, strict=True):
        if isinstance(run, Run):
            recorded[place] = shown(run.value("status"))
    return recorded


def _local_times(starts: list[float], recorded: list[str]) -> list[str]:
    """Points in time by the clock here, to the second; as they are recorded where they are none."""
    from datetime import datetime

    def local(start: float, text: str) -> str:
        try:
            return datetime.fromtimestamp(start // 1).isoformat()
        except (ValueError, OverflowError, OSError):  # NaN
            return text

    return list(map(local, starts, recorded))


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
