"""Show a run to a person: how it went, what it ran and where, and which uncommitted changes it had."""

from __future__ import annotations

import os

from .. import project
from ..cli import format_options
from ..cli.arguments import add_color, all_named
from ..cli.dates import Dates
from ..cli.hashes import short
from ..console.escape import escape
from ..console.output import reaches_terminal
from ..records import query, remarks
from ..records.record import as_words, local_time
from ..results.summary import written
from ..results.values import Values
from ..running import adoption, on_finish, queue
from ..system.git import config, objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.record import Record, Run
    from ..system.git.discovery import Search


FEW = 6  # metrics that are named


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: the newest run")
    parser.add_argument("-p", "--patch", action="store_true", help="show the uncommitted changes, not only their size")
    format_options.add_arguments(parser)
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 0; what there is no run of is an error."""
    here = project.find(search)
    runs = adoption.find_all(here, all_named(here, args.names))
    if format_options.is_asked(args):
        from ..cli import format_entries, format_output

        form = format_output.chosen(here, args)
        format_output.write(form, format_entries.of_few(here, form.keys, runs))
        return 0
    for number, one in enumerate(runs):
        lines = [f"run {one.name}", *(f"{title + ':':<14}{escape(text)}" for title, text in _facts(here, one) if text)]
        lines += [f"  {escape(line)}" for line in one.record.texts("differences")]
        lines += [f"  note: {escape(line)}" for line in one.record.texts("unchecked")]
        description = _indented(one.record.text("description"))
        lines += ["", *description] if description else []
        lines += _notes(here, one.record)
        if number:
            print()
        print("\n".join(lines))
        if changes := _uncommitted(one.record, patch=args.patch):
            print(f"\n{changes}", end="")
    return 0


def _notes(here: Project, record: Record) -> Iterator[str]:
    """The remarks, each below the line that says when it was made, and by whom."""
    for note in remarks.notes(record):
        head = " ".join(filter(None, (_time(here, note.moment), note.author)))
        yield from ("", f"Note {escape(head)}".rstrip(), *_indented(note.text))


def _indented(text: str) -> list[str]:
    return [f"    {escape(line)}".rstrip() for line in text.splitlines()]


def _time(here: Project, moment: str) -> str:
    """A point in time in the form that log.date names; as the clock here showed it where nobody has set that."""
    form = here.repository.setting("log.date")
    return Dates(form, to_terminal=reaches_terminal()).shown(moment) if form else str(local_time(moment))


def _facts(here: Project, one: Run) -> Iterator[tuple[str, str]]:
    record = one.record
    base = f" (a snapshot on top of {short(here.repository, record.text('base'))})" if "base" in record else ""
    dirty = " (with uncommitted changes, which nothing keeps)" if "dirty" in record else ""
    yield "Status", record.ending()
    yield "Tags", str(as_words("tags", record.texts("tags")))
    yield "Queued", _queued(here, record)
    yield "Reproduces", _original(here, one)
    yield "Imported", _imported(record)
    yield "Commit", record.text("commit") + base + dirty
    yield "Branch", record.text("branch")
    yield "Inexact", ", ".join(record.texts("inexact"))
    yield "Live code", ", ".join(record.texts("live"))
    yield "Started", _time(here, record.text("datetime")) if record.has_begun else ""
    yield "Attempts", record.text("attempts")
    yield "Finished", _time(here, record.text("finished"))
    yield "Metrics", _outcomes(here, one)
    yield "GPUs", record.text("gpus")
    yield "Host", "@".join(filter(None, (record.text("user"), record.text("host"))))
    yield "Directory", record.text("cwd")
    yield "Work tree", _work_tree(here, one)
    yield "Command", record.text("command")
    yield "Log", _log(here, one)
    yield "Outputs", ", ".join(record.texts("outputs"))
    yield "On finish", _failure(here, record)
    yield "Reproduction", record.text("reproduction")


def _original(here: Project, one: Run) -> str:
    """What the run is called that this one reproduces, or was called where it is not here."""
    name = one.record.text("reproduces")
    return query.original(here.store, one) or (name and f"{name}, which is not here")


def _imported(record: Record) -> str:
    """From which tool, and what it was called there."""
    imported = record.get("imported")
    name = str(imported.get("name", "")) if isinstance(imported, dict) else ""
    return f"from {record.tool}" + (f", as '{name}'" if name != record.text("name") else "") if imported else ""


def _queued(here: Project, record: Record) -> str:
    """When it was, and why it still waits."""
    if "queued" not in record:
        return ""
    why = queue.reasons(here).get(record.text("id")) if record.is_queued else None
    priority = f"priority {record.text('priority')}" if "priority" in record else None
    remarks = ", ".join(filter(None, (priority, why)))
    return _time(here, record.text("queued")) + (f" ({remarks})" if remarks else "")


def _failure(here: Project, record: Record) -> str:
    """Why what was to be run at its end has failed, and where that says more."""
    if not (why := record.text("on-finish")) or record.is_elsewhere:
        return why
    return f"{why}; it printed into {os.path.relpath(os.path.join(here.store.root, on_finish.OUTPUT))}"


def _log(here: Project, one: Run) -> str:
    """Where it is, from here."""
    if one.remote is not None:
        return ""
    path = here.outputs.log(one.name)
    return os.path.relpath(path) if os.path.exists(path) else ""


def _work_tree(here: Project, one: Run) -> str:
    """Where its own is, from here, if that is still there."""
    if one.record.is_elsewhere or not one.record.is_isolated:
        return ""
    path = here.outputs.worktree(one.name)
    return os.path.relpath(path) if os.path.isdir(path) else ""


def _outcomes(here: Project, one: Run) -> str:
    """The headline, and the last values of a few metrics."""
    found = [f"{key} {written(value)}" for key, value in Values(here).outcomes(one).items()]
    return ", ".join(found[:FEW]) + (f" and {len(found) - FEW} more" if len(found) > FEW else "")


def _uncommitted(record: Record, *, patch: bool) -> str:
    """The changes in a snapshot, as git diff has them; "" where there are none or they are not here."""
    base, commit = record.text("base"), record.text("commit")
    if not base or objects.unknown([base, commit]):
        return ""
    color = config.wants_color("color.diff", to_terminal=reaches_terminal())
    return objects.diff(base, commit, "--patch" if patch else "--stat", color=color)
