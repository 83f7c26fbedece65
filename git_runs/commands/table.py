"""Show runs as a table, newest first."""

from __future__ import annotations

import sys
from itertools import count

from .. import project
from ..cli import filters, format_options, table
from ..cli.arguments import (
    NEWEST_FIRST,
    add_color,
    add_patterns,
    add_remotes,
    are_fetched,
    are_groups,
    is_for_people,
    surveyed,
)
from ..cli.filters import Filter, Finder
from ..cli.strays import warn_of_strays
from ..config.settings import SETTINGS
from ..console.messages import hint, report_all
from ..console.output import show
from ..records.record import FIELDS, METRICS, PARAMS, as_words, is_field, local_time
from ..records.rows import KEPT, MISSING, TIMES, WIDEST, shown
from ..running import slots
from ..system.files import is_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..config.settings import Settings
    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue
    from ..records.record import Value
    from ..records.store import Store
    from ..system.git.discovery import Search

COLUMNS = ("name", "status", "command", "input-command", "commit", "datetime", "description", "host")
MANY = 200  # runs, from which on the rows of a table are kept


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    add_remotes(parser)
    filters.add_arguments(parser)
    parser.add_argument("--columns", metavar="KEY,...", help="the fields, parameters and metrics to show")
    parser.add_argument("--hidden-columns", metavar="KEY,...", help="the fields to leave out")
    parser.add_argument("--column-width", metavar="N", help="cut cells to N characters")
    filters.add_sort(parser, NEWEST_FIRST)
    parser.add_argument("-w", "--wide", action="store_true", help="on a terminal, cut nothing and leave nothing out")
    format_options.add_arguments(
        parser, also="csv, tsv, json, or any format of tabulate (default: simple; on a terminal, what differs)"
    )
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a record cannot be read; the others are shown all the same."""
    options = {key: [value] for key in ("hidden-columns", "column-width") if (value := _option(args, key)) is not None}
    chosen = Filter(args)
    here = project.find(search, options)
    catalogue, bad = surveyed(here, args)
    finder = Finder(here)
    args.sort = args.sort or [NEWEST_FIRST]
    names = chosen.choose(finder, catalogue, bad, *args.sort)
    if format_options.is_asked(args, has_names=True):
        from ..cli import format_entries, format_output

        form = format_output.chosen(here, args, None if args.columns is None else _columns(args, here))
        format_output.write(form, format_entries.of_runs(finder, form.keys, catalogue, names, bad))
    elif args.format is None and is_for_people(args):
        _show_on_terminal(args, here, finder, catalogue, names, bad)
    else:
        _show(args, here, finder, catalogue, names, bad)
    slots.revive(here)
    if are_fetched(args):
        if not catalogue.names and not bad:
            hint("no run was fetched so far; to see those of a remote: git runs fetch")
    elif not warn_of_strays(here, args, len(catalogue.names) + len(bad)) and not catalogue.names and not bad:
        _hint_at_first_runs(here)
    return report_all(bad)


def _show_on_terminal(
    args: Namespace, here: Project, finder: Finder, catalogue: Catalogue, names: list[str], bad: list[BadRecord]
) -> None:
    """Those columns that were asked for, or else what differs."""
    from ..cli.appearance import Appearance
    from ..cli.overview import Overview

    appearance = Appearance(here.repository, is_wide=args.wide)
    hidden, most = here.settings.hidden_columns, _widest(args, here.settings)
    sort_key = args.sort[-1].removeprefix("-")
    overview = Overview(here, finder, appearance, sort_key=sort_key, hidden=hidden, most=most)
    columns = None if args.columns is None else _columns(args, here)
    finder.resolve(columns or [], catalogue)
    keys = overview.keys() if columns is None else columns
    missing = {*keys} - {*FIELDS, sort_key}  # of which the order has warned
    runs = finder.noting(finder.recall(names, keys, bad), missing)
    sys.stdout.writelines(overview.of_what_differs(runs) if columns is None else overview.of_columns(runs, columns))
    finder.warn_of(missing, names)


def _widest(args: Namespace, settings: Settings) -> int | None:
    """The widest cell that somebody has asked for; None where nobody has."""
    default = next(one.default for one in SETTINGS if one.key == "column-width")
    is_asked = args.column_width is not None or str(settings.column_width) != default
    return settings.column_width if is_asked else None


def _show(
    args: Namespace, here: Project, finder: Finder, catalogue: Catalogue, names: list[str], bad: list[BadRecord]
) -> None:
    """The form of which programs may be sure."""
    style = args.format or table.DEFAULT_FORMAT
    columns = _columns(args, here)
    if args.columns is None and are_groups(here, args):
        columns[columns.index("status") + 1 if "status" in columns else 1 : 0] = _params(finder, names, bad)
    finder.resolve(columns, catalogue)
    if args.columns is None and catalogue.has_reproductions and catalogue.only(set(names)).has_reproductions:
        columns.insert(columns.index("status") + 1 if "status" in columns else len(columns), "reproduction")
    heads = columns if args.columns is not None else [_head(column) for column in columns]
    width = here.settings.column_width
    if style == table.DEFAULT_FORMAT and (drawn := _drawn(finder, here.store, catalogue, names, columns, heads, width)):
        show(drawn)
        return
    missing = {*columns} - set(FIELDS)
    runs = finder.noting(finder.recall(names, columns, bad), missing)
    for_people = style not in table.FOR_PROGRAMS
    rows = ([_value(finder.of(one, column), column, for_people) for column in columns] for one in runs)
    show(table.render(heads, rows, style, width))
    finder.warn_of(missing, names)


def _hint_at_first_runs(here: Project) -> None:
    from ..records.importers import single_file

    hint("no run is here so far; to start one: git runs new <name> <command>")
    if places := single_file.places(here.store.root, here.repository.top):
        hint(f"runs of the first runs tool are in '{places[0]}'; to have them here: git runs import")
        return
    from ..records import importers
    from ..records.importers.importer import Surroundings

    around = Surroundings(here.store.root, here.repository.top, here.repository.common_dir)
    for tool in importers.MODULES:
        importer = importers.named(tool)
        places = [place for place in importer.places(around) if is_below(place, around.top or "/")]
        if places:
            hint(f"runs of {importer.title} are in '{places[0]}'; to have them here: git runs import --from={tool}")
            return


def _drawn(
    finder: Finder,
    store: Store,
    catalogue: Catalogue,
    names: list[str],
    columns: list[str],
    heads: list[str],
    width: int,
) -> Iterator[str] | None:
    """The table of many runs, from what is kept beside the records; None where there are few, or not all that is to be
    shown can be kept."""
    others = [column for column in columns if not is_field(column)]
    fields = [column for column in columns if column not in others]
    are_kept = fields and {*fields} <= KEPT and width <= WIDEST
    if not are_kept or len(names) < MANY or len(names) * 2 < len(catalogue.names):
        return None
    if not (rows := store.everywhere.rows(catalogue, fields, width)):
        return None
    numbers = dict(zip(catalogue.names, count()))
    places = [numbers[name] for name in names]
    cells = {column: [_cell(value) for value in finder.column(column, catalogue, places)] for column in others}
    finder.warn_of([column for column in others if set(cells[column]) == {MISSING}], names)
    by_head = {head: cells[column] for head, column in zip(heads, columns, strict=True) if column in cells}
    return table.render_kept(rows, places, width, heads, by_head)


def _cell(value: Value) -> str:
    return shown(_value(value, "", for_people=True))


def _option(args: Namespace, key: str) -> str | None:
    value: str | None = getattr(args, key.replace("-", "_"))
    return value


def _columns(args: Namespace, here: Project) -> list[str]:
    if args.columns is None:
        hidden, headline = here.settings.hidden_columns, (here.settings.metric or "").removeprefix("-")
        columns = [column for column in COLUMNS if column not in hidden]
        if headline and headline not in hidden:  # and no parameter of that name
            columns.insert(sum(column in COLUMNS[:2] for column in columns), METRICS + headline)
        return columns
    chosen: list[str] = args.columns.replace(",", " ").split()
    return chosen


def _params(finder: Finder, names: list[str], bad: list[BadRecord]) -> list[str]:
    """The parameters that are recorded of those runs, in their order."""
    found = (one.record.get("params") for one in finder.recall(names, ["params"], bad))
    return list(dict.fromkeys(f"{PARAMS}{key}" for params in found if isinstance(params, dict) for key in params))


def _head(column: str) -> str:
    name = column.removeprefix(METRICS).removeprefix(PARAMS)
    return column if is_field(name) else name


def _value(value: Value, column: str, for_people: bool) -> object:
    if not for_people:
        return value
    if isinstance(value, float):
        from ..results.summary import written

        return written(value)
    return local_time(value) if column in TIMES else as_words(column, value)
