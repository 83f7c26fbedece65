"""Show the runs that wait for their turn on this host, or where a scheduler has them wait, and those that go on; let
runs of this host be taken, or no more of them.

Runs get there by git runs new --jobs=N, or where runs.jobs is set.
"""

from __future__ import annotations

import sys

from .. import launchers, project
from ..cli import layout, table
from ..cli.appearance import Appearance
from ..cli.arguments import add_color, add_slots, is_for_people
from ..cli.layout import Column
from ..console.escape import escape
from ..console.messages import counted, hint
from ..console.output import show
from ..errors.base import UsageError
from ..records import query
from ..records.record import QUEUED, local_time
from ..running import queue, registration, settling, slots, submission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from ..project import Project
    from ..records.record import Run, Value
    from ..system.git.discovery import Search

COLUMNS = ("name", "status", "slot", "gpus", "priority", "since", "waits-for")
SHOWN = 20  # runs that wait, and are shown on a terminal
USAGE = (
    "git runs queue [--format=<format>] [-v]\n   or: git runs queue start [--jobs=<n>] [--gpus=<list>]\n"
    "   or: git runs queue stop"
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("action", nargs="?", choices=("start", "stop"), help="have runs taken, or no more of them")
    add_slots(parser, jobs="with start: let N runs go on at once")
    parser.add_argument("-v", "--verbose", action="store_true", help="on a terminal, show all that wait")
    parser.add_argument(
        "--format", help="csv, tsv, json, or any format of tabulate (default: simple; on a terminal, a summary)"
    )
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 0, whether anything waits or not."""
    if args.action != "start" and (args.jobs is not None or args.gpus is not None):
        raise UsageError("--jobs and --gpus go with start", f"usage: {USAGE}\n")
    if args.jobs == 0:
        raise UsageError("--jobs is 1 or more; to have no run taken: git runs queue stop", f"usage: {USAGE}\n")
    here = project.find(search)
    if args.action:
        registration.prepare(here)
    if args.action == "stop":
        slots.stop(here)
        print(_said_of_stop(_Now(here)))
    elif args.action == "start":
        slots.resume(here)
        if here.has_jobs:
            _send_again(here)
        asked = slots.start(here, args.jobs, args.gpus)
        on = f" on GPUs {', '.join(asked.gpus)}" if asked.gpus else ""
        print(f"Up to {counted(asked.jobs, 'run')} of the queue {'goes' if asked.jobs == 1 else 'go'} on at once{on}")
    else:
        _show(here, args, workers_come=slots.revive(here))
    return 0


def _send_again(here: Project) -> None:
    """What another host is to run, and may not have got."""
    settling.settle(here)
    for one in submission.send_again(here):
        print(f"Sent run '{one.name}', {launchers.place_of(one.record)}")


def _said_of_stop(now: _Now) -> str:
    waiting = f"{counted(len(now.waiting), 'run')} {'waits' if len(now.waiting) == 1 else 'wait'}"
    return f"Stopped the queue: what runs goes on to its end; {waiting}"


class _Now:
    """What waits in the queue of this host, in its order, and what goes on here, by slots and then as it began."""

    def __init__(self, here: Project, *, workers_come: bool = False) -> None:
        self.slots = slots.read(here) or slots.Slots(here.settings.jobs or 1)
        self.is_stopped = slots.is_stopped(here)
        scheduled = settling.reasons(here)
        runs = query.recorded_as_open(here.store)
        specs = {identifier: place for place, identifier in enumerate(queue.specs(here))}
        waiting = [one for one in runs if one.record.text("id") in specs and queue.may_wait(one.record)]
        self.are_all_elsewhere = not waiting and bool(scheduled)
        self.waiting = sorted(waiting, key=lambda one: specs[one.record.text("id")])
        identifiers = [one.record.text("id") for one in self.waiting]
        self.reasons = scheduled | queue.reasons(here, identifiers, workers_come=workers_come)
        others = [one for one in runs if one.record.is_queued and one.record.text("id") not in specs]
        self.waiting += sorted(
            (one for one in others if one.record.text("id") in scheduled), key=lambda one: one.record.text("queued")
        )
        self.elsewhere = [one for one in others if one.record.text("id") not in scheduled]
        self._slots = {
            taken.record.text("id"): slot for slot in range(self.slots.jobs) if (taken := slots.occupant(here, slot))
        }
        going = [one for one in runs if one.record.is_local and one.record.is_under_way]
        self.going = sorted(going, key=lambda one: (self._slot(one, self.slots.jobs), one.record.text("datetime")))

    def rows(self) -> Iterator[tuple[Run, dict[str, Value]]]:
        """Those that go on, and then those that wait, with the values of COLUMNS."""
        yield from ((one, self._row(one, is_waiting=False)) for one in self.going)
        yield from ((one, self._row(one, is_waiting=True)) for one in self.waiting)

    def _row(self, one: Run, *, is_waiting: bool) -> dict[str, Value]:
        fields = one.record
        return {
            "name": one.name,
            "status": QUEUED if is_waiting else fields.status,
            "slot": None if is_waiting else self._slots.get(fields.text("id")),
            "gpus": None if is_waiting else fields.get("gpus"),
            "priority": fields.get("priority"),
            "since": fields.get("queued" if is_waiting else "datetime"),
            "waits-for": queue.reason_of(fields, self.reasons) if is_waiting else None,
        }

    def _slot(self, one: Run, otherwise: int) -> int:
        return self._slots.get(one.record.text("id"), otherwise)

    def summary(self) -> str:
        """The line above all."""
        going, waiting = len(self.going), len(self.waiting)
        said = f"{counted(waiting, 'run')} {'waits' if waiting == 1 else 'wait'}"
        said += f", {going} {'goes' if going == 1 else 'go'} on"
        if self.are_all_elsewhere:
            return said
        said += f"; at most {self.slots.jobs} at once"
        if self.slots.gpus:
            said += f" on GPUs {', '.join(self.slots.gpus)}"
        if self.is_stopped:
            said += "; the queue is stopped"
        return said


def _show(here: Project, args: Namespace, *, workers_come: bool) -> None:
    now = _Now(here, workers_come=workers_come)
    if args.format is None and is_for_people(args):
        _show_on_terminal(here, now, is_whole=args.verbose)
    else:
        _show_table(here, now, args.format or table.DEFAULT_FORMAT)
    if now.is_stopped and now.waiting:
        hint("to have runs taken again: git runs queue start")


def _show_table(here: Project, now: _Now, style: str) -> None:
    for_people = style not in table.FOR_PROGRAMS
    rows = ([_cell(key, row[key], for_people) for key in COLUMNS] for _, row in now.rows())
    show(table.render(COLUMNS, rows, style, here.settings.column_width))


def _cell(key: str, value: Value, for_people: bool) -> Value:
    return local_time(value) if for_people and key == "since" else value


def _show_on_terminal(here: Project, now: _Now, *, is_whole: bool) -> None:
    appearance = Appearance(here.repository)
    signs, width = appearance.signs, appearance.width
    rows = [row for _, row in now.rows()]
    shown = rows if is_whole else rows[: len(now.going) + SHOWN]
    lines = [layout.cut(now.summary(), width, signs.cut)]
    if shown:
        columns = [one for one in _columns(shown, appearance) if any(one.cells)]
        kept, widths, _ = layout.fitted(columns, width)
        lines += ["", *layout.drawn(kept, widths, signs, appearance.paint)]
    if left := len(rows) - len(shown):
        lines.append(appearance.paint("missing", f"and {left} more; git runs queue -v shows all"))
    for host in sorted({one.record.text("host") for one in now.elsewhere}):
        number = sum(one.record.text("host") == host for one in now.elsewhere)
        lines.append(layout.cut(f"{counted(number, 'more run')} of {escape(host)} not in this queue", width, signs.cut))
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _columns(rows: Sequence[dict[str, Value]], appearance: Appearance) -> Iterator[Column]:
    def texts(key: str) -> list[str]:
        return ["" if row[key] is None else str(row[key]) for row in rows]

    statuses = texts("status")
    yield Column("slot", texts("slot"), rank=3)
    yield Column("name", texts("name"), rank=0, least=20, are_names=True)
    yield Column("status", statuses, rank=1, colors=statuses)
    yield Column("since", [appearance.dates.shown(since) for since in texts("since")], rank=4)
    yield Column("gpus", texts("gpus"), rank=5, least=4)
    yield Column("priority", texts("priority"), rank=6)
    yield Column("waits for", texts("waits-for"), rank=2, least=12)
