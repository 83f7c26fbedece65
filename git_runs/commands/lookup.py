"""Show the record of a run as YAML, or one value of it."""

from __future__ import annotations

from .. import project
from ..console.output import show
from ..errors.commands import NoSuchKey
from ..records import query
from ..records.record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..records.record import Run, Value
    from ..records.store import Store
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("key", metavar="KEY", nargs="?", help="the field to show, instead of the whole record")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where there is no such run or field."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    if args.key is None:
        text = _whole_record(here.store, one)
    elif (value := _value(here.store, one, args.key)) is not None or args.key in one.record:
        text = to_text(value) + "\n"
    else:
        raise NoSuchKey(args.name, args.key, list(here.store.read(args.name)))
    show([text])
    return 0


def _value(store: Store, run: Run, key: str) -> Value:
    """The field; of the environment all that is known."""
    environment = store.environments.find(run.record) if key == "environment" else None
    return environment or query.value(store, run, key)


def _whole_record(store: Store, run: Run) -> str:
    """The record's text as it stands in its file, but with `lost` where the run is."""
    text = store.text(run.name)
    if run.value("status") == run.record.get("status"):
        return text
    from ..records import yamltext

    return yamltext.edit(text, store.path(run.name), {**run.record, "status": run.value("status")})
