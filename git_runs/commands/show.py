"""Show a run to a person: how it went, what it ran and where, and which uncommitted changes it had."""

from __future__ import annotations

from .. import project
from ..console.escape import escape
from ..console.output import reaches_terminal
from ..records.record import local_time
from ..running import adoption
from ..system.git import config, objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..records.record import Record, Run
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+")
    parser.add_argument("-p", "--patch", action="store_true", help="show the uncommitted changes, not only their size")


def run(args: Namespace, search: Search) -> int:
    """Exit code 0; what there is no run of is an error."""
    here = project.find(search)
    for number, one in enumerate(adoption.find_all(here, args.names)):
        lines = [f"run {one.name}", *(f"{title + ':':<14}{escape(text)}" for title, text in _facts(one) if text)]
        lines += [f"  {escape(line)}" for line in one.record.texts("differences")]
        lines += [f"  note: {escape(line)}" for line in one.record.texts("unchecked")]
        description = one.record.text("description").splitlines()
        lines += ["", *(f"    {escape(line)}".rstrip() for line in description)] if description else []
        print("\n" * bool(number) + "\n".join(lines))
        if changes := _uncommitted(one.record, patch=args.patch):
            print(f"\n{changes}", end="")
    return 0


def _facts(one: Run) -> Iterator[tuple[str, str]]:
    record = one.record
    base = f" (a snapshot on top of {record.text('base')[:10]})" if "base" in record else ""
    dirty = " (with uncommitted changes, which nothing keeps)" if "dirty" in record else ""
    yield "Status", record.ending()
    yield "Reproduces", record.text("reproduces")
    yield "Commit", record.text("commit") + base + dirty
    yield "Branch", record.text("branch")
    yield "Inexact", ", ".join(record.texts("inexact"))
    yield "Live code", ", ".join(record.texts("live"))
    yield "Started", str(local_time(record.text("datetime")))
    yield "Finished", str(local_time(record.text("finished")))
    yield "Host", "@".join(filter(None, (record.text("user"), record.text("host"))))
    yield "Directory", record.text("cwd")
    yield "Command", record.text("command")
    yield "Reproduction", record.text("reproduction")


def _uncommitted(record: Record, *, patch: bool) -> str:
    """The changes in a snapshot, as git diff has them; "" where there are none or they are not here."""
    base, commit = record.text("base"), record.text("commit")
    if not base or objects.unknown([base, commit]):
        return ""
    color = config.wants_color("color.diff", to_terminal=reaches_terminal())
    return objects.diff(base, commit, "--patch" if patch else "--stat", color=color)
