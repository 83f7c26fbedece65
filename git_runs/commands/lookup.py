"""Show the record of a run as YAML, or one value of it; of several runs each value with its name."""

from __future__ import annotations

from .. import project
from ..cli import format_options
from ..cli.arguments import add_color, is_glob, named, settle
from ..console.escape import escape
from ..console.messages import report_all
from ..console.output import show
from ..errors.commands import NoneHas, NoSuchKey
from ..errors.records import NoSuchRun, NothingSelected
from ..records import query
from ..records.record import as_words, is_field, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.record import Run, Value
    from ..records.store import Store
    from ..system.git.discovery import Search

NUL = "\0"
BEGIN = "---\n"  # of a record where there are several: YAML 1.1, 9.1.2
SPECIAL = frozenset("*?[|(")  # what patterns consist of, and no name


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = (
        "git runs lookup [<options>] [<pattern>... [<key>]]\n   or: git runs lookup --format=<format> [<pattern>...]"
    )
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="?",
        help="the name of a run, or a pattern, which may select several (default: the newest run)",
    )
    parser.add_argument(
        "rest",
        metavar="KEY",
        nargs="*",
        help="the field, parameter or metric to show, instead of the whole record; before it, further patterns",
    )
    parser.add_argument("-G", "--glob", action="store_true", help="patterns are shell globs: 'exp/*', 'lr?'")
    format_options.add_arguments(parser)
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where there is no such run or value."""
    here = project.find(search)
    patterns, key = [args.pattern, *args.rest], None
    if args.rest and args.format is None:  # a format names its keys
        *patterns, key = patterns
    patterns = [named(here, pattern) for pattern in patterns]
    end = NUL if args.null else "\n"
    if format_options.is_asked(args, has_lines=True):
        return _show_for_programs(here, args, _selected(here, args, patterns), key)
    if len(patterns) == 1 and (one := _named(here.store, patterns[0])):
        _show_one(here, one, key, end)
        return 0
    return _show_several(here, _selected(here, args, patterns), key, end)


def _named(store: Store, name: str) -> Run | None:
    """The run of exactly that name."""
    try:
        return query.look_up(store, [name])[0]
    except NoSuchRun:
        return None


def _selected(here: Project, args: Namespace, patterns: list[str]) -> list[str]:
    """The names that the patterns select; raises BadPattern, NothingSelected or, where a name was meant, NoSuchRun."""
    settle(here)
    try:
        names = query.select_anywhere(here.store, patterns, glob=is_glob(here, args))
    except NothingSelected:
        if len(patterns) == 1 and not SPECIAL.intersection(patterns[0]):
            query.look_up(here.store, patterns)
        raise
    if len(names) == 1 and names == patterns:
        query.look_up(here.store, names)  # something else may be in the place of its record
    return names


def _show_one(here: Project, one: Run, key: str | None, end: str) -> None:
    if key is None:
        text = _whole_record(here.store, one) + end.strip("\n")
    elif (value := _value(here, one, key)) is not None or key in one.record:
        text = to_text(as_words(key, value)) + end
    else:
        from ..results.values import Values

        raise NoSuchKey(one.name, key, _fields_in_order(here.store, one), Values(here).names(one))
    show([text], exact=end == NUL)


def _show_several(here: Project, names: list[str], key: str | None, end: str) -> int:
    """Lines `name: value` of those that have one; or whole records, one after the other."""
    bad: list[BadRecord] = []
    if key is None:
        show(_records(here.store, names, bad, end), exact=end == NUL)
        return report_all(bad)
    found = False
    for name, value in _values(here, names, key, bad):
        text = to_text(as_words(key, value))
        show([f"{name}: {text if end == NUL else escape(text)}{end}"], exact=True)
        found = True
    if not found and not bad and is_field(key):
        raise NoneHas(key)
    return report_all(bad) or int(not found)


def _records(store: Store, names: list[str], bad: list[BadRecord], end: str) -> Iterator[str]:
    for one in query.recall(store, names, ["environment"], bad):
        text = _whole_record(store, one)
        yield text + end if end == NUL else BEGIN + text


def _values(here: Project, names: list[str], key: str, bad: list[BadRecord]) -> Iterator[tuple[str, Value]]:
    """The values of those runs that have one."""
    from ..cli import format_entries
    from ..cli.filters import Finder

    catalogue, unreadable = here.store.everywhere.survey(names)
    bad += unreadable
    found = format_entries.of_runs(Finder(here), [key], catalogue, catalogue.names, bad)
    return ((one.name, value) for one in found if (value := one.find(key)) not in (None, {}))


def _show_for_programs(here: Project, args: Namespace, names: list[str], key: str | None) -> int:
    from ..cli import format_entries, format_output
    from ..cli.filters import Finder

    form = format_output.chosen(here, args, None if key is None else ["name", key])
    catalogue, bad = here.store.everywhere.survey(names)
    format_output.write(form, format_entries.of_runs(Finder(here), form.keys, catalogue, catalogue.names, bad))
    return report_all(bad)


def _fields_in_order(store: Store, run: Run) -> list[str]:
    """As they are in the record's file, if it has one here."""
    return list(run.record if run.remote is not None else store.read(run.name))


def _value(here: Project, run: Run, key: str) -> Value:
    """The field, of the environment all that is known; else the parameter or metric of that name."""
    environment = here.store.environments.find(run.record) if key == "environment" else None
    field = environment or query.value(here.store, run, key)
    if key == "metrics" and field:
        from ..results import metrics

        return {name: dict(summary.shown()) for name, summary in metrics.of_record(run).items()}
    if is_field(key):
        return field
    from ..results.values import Values

    found = Values(here).of(run, key)
    return field if found is None else found


def _whole_record(store: Store, run: Run) -> str:
    """The record's text as it stands in its file, but with `lost` where the run is."""
    text = store.everywhere.text(run)
    if run.value("status") == run.record.get("status"):
        return text
    from ..records import yamltext

    return yamltext.edit(text, store.path(run.name), {**run.record, "status": run.value("status")})
