"""Start a run for each combination of the values of parameters, as git runs new would; they wait for their turn.

COMMAND holds {KEY}, or gets --KEY=VALUE, for each parameter; "{{" and "}}" are braces of its own. VALUES are written as
0.1,0.01 or 1..8 or 0..1..0.25 or @FILE, a line each; with --random also as uniform(A,B), loguniform(A,B), int(A,B) or
choice(VALUES).
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections import Counter
from contextlib import nullcontext

from .. import launchers, project
from ..cli import starting, table
from ..cli.arguments import given_message, natural
from ..code import refs
from ..code.work_tree import WorkTree
from ..console.escape import escape
from ..console.messages import counted, hint, warn
from ..console.output import show
from ..console.questions import confirm
from ..errors.base import UsageError
from ..errors.code import NameTaken
from ..errors.launchers import NotQueueable
from ..records import yamltext
from ..running import deletion, launch, optimizer, own_tree, plan, queue, slots, space
from ..running.sweep import Template
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from ..code.snapshot import Snapshot
    from ..project import Project
    from ..records.record import Record, Value
    from ..running.launch import Launch
    from ..running.plan import Plan
    from ..running.space import Point, Space
    from ..system.git.discovery import Search

USAGE = (
    "git runs sweep [<options>] <name> <command> <key>=<values>...\n"
    "   or: git runs sweep [<options>] <name> <key>=<values>... -- <program> [<arg>...]"
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("name", metavar="NAME", help="the group that the runs are in")
    parser.add_argument("operands", metavar="COMMAND KEY=VALUES", nargs="*", help="see above")
    collision, _, _ = starting.add_arguments(parser)
    collision.add_argument(
        "--resume", action="store_true", help="start only the runs that are missing, failed, or were killed or lost"
    )
    values = parser.add_argument_group("which runs")
    values.add_argument("--file", metavar="FILE", help="YAML: KEY: VALUES, or a list; KEY=VALUES replaces what it has")
    how = values.add_mutually_exclusive_group()
    how.add_argument("--zip", action="store_true", help="the first values of all, the second ones, and so on")
    how.add_argument("--random", metavar="N", type=natural, help="N of the combinations, drawn at random")
    values.add_argument("--seed", metavar="SEED", help="other ones of them (default: NAME)")
    how.add_argument(
        "--optimize",
        metavar="METRIC",
        help="let Optuna search for those with the lowest val_loss:min, or highest acc:max",
    )
    values.add_argument("--trials", metavar="N", type=natural, help="with --optimize: so many runs")
    values.add_argument("--sampler", choices=optimizer.SAMPLERS, help="with --optimize: how (default: tpe)")
    values.add_argument("--prune", action="store_true", help="with --optimize: end runs early that do badly")
    starting.add_queue(parser, jobs="let N of the runs go on at once (default: as for the last ones)")


def run(args: Namespace, search: Search) -> int:
    """All runs are there in the end, or none."""
    typed, given = _taken_apart(args)
    fixed = starting.params(args, USAGE)
    args.description = given_message(args)
    work_tree = WorkTree()
    here = project.find(search, starting.options(args))
    refs.validate(args.name)
    given = {**_in_file(args), **given}
    values = space.of(given)
    _check_usage(here, args, values, fixed)
    points = _points(args, values)
    template = Template(typed, list(values))
    here.settings.isolate = own_tree.isolation_by(here, here.settings.isolate) or own_tree.TREE
    work_tree.list_untracked(here)
    launch.check_ready(here, work_tree)
    starting.check_virtualenv(here)
    starting.check_away(here, args, USAGE)
    launchers.named(here.settings.launcher).check()
    if args.optimize is not None:
        return _search(here, work_tree, template, points[0], _order(args, typed, given, fixed), args)
    group, planned = _planned(here, args, points, fixed)
    refs.validate(max((name for name, _ in planned.starts), key=len, default=group))
    _warn_of_what_stays(here, planned, template, values)
    if not planned.starts:
        return _say_that_all_are_there(here, group, planned)
    if args.dry_run:
        code = starting.code_to_be(here, work_tree)
        return _show(here, work_tree, group, planned, _launches(here, work_tree, code, template, planned, fixed, args))
    if planned.replaces and _has_to_ask(here, args):
        work_tree = _ask(here, planned)
    launches = _launches(here, work_tree, work_tree.code(here, group), template, planned, fixed, args)
    with _in_place_of(here, planned, launches, args) if planned.replaces else nullcontext():
        slots_now = _start(here, launches, args)
    _say(here, work_tree, group, planned, launches[0][1], quiet=args.quiet)
    if planned.replaces and here.settings.trash_days and not args.quiet:
        days = counted(here.settings.trash_days, "day")
        hint(f"what the {len(planned.replaces)} that begin anew had put out is in the trash for {days}: git runs trash")
    if slots_now and slots_now.jobs == 1 < len(launches) and not (args.quiet or args.jobs or here.settings.jobs):
        hint("they go on one at a time; for more of them at once: --jobs=N, or git config runs.jobs N")
    sys.stdout.flush()
    maintenance.start_if_due(here)
    return 0


# --- what is asked for


def _taken_apart(args: Namespace) -> tuple[str, dict[str, str]]:
    """The command, and the texts of the values by parameter. Raises UsageError."""
    first = [] if args.words else args.operands[:1]
    if first and re.fullmatch(rf"{space.KEY.pattern}=\S*", first[0]):
        raise UsageError(f"'{first[0]}' stands where the command is expected", f"usage: {USAGE}\n")
    typed = starting.command(first, args, USAGE)
    given = {}
    for text in args.operands[len(first) :]:
        key, equals, values = text.partition("=")
        if not equals or not space.KEY.fullmatch(key):
            raise UsageError(f"'{text}' is no <key>=<values>", f"usage: {USAGE}\n{starting.ONE_ARGUMENT}.\n")
        if key in given:
            raise UsageError(f"'{key}' is given twice", f"usage: {USAGE}\n")
        given[key] = values
    return typed, given


def _in_file(args: Namespace) -> dict[str, Value]:
    """What the file of --file has; raises BadConfig."""
    if args.file is None:
        return {}
    with open(args.file, "rb") as file:
        return yamltext.parse_settings(file.read(), args.file)


def _check_usage(here: Project, args: Namespace, values: Space, fixed: dict[str, str]) -> None:
    """Raises UsageError and NotQueueable."""
    twice = [key for key in fixed if key in values]
    for is_wrong, message in (
        (not values, "a sweep takes KEY=VALUES"),
        (twice, f"'{''.join(twice[:1])}' is given twice"),
        (args.seed is not None and args.random is None and not args.optimize, "--seed goes with --random"),
        (args.random == 0 or args.trials == 0, "--random and --trials are 1 or more"),
        (bool(args.optimize) != bool(args.trials), "--optimize and --trials go together"),
        ((args.sampler or args.prune) and not args.optimize, "--sampler and --prune go with --optimize"),
        (bool(args.timestamp or args.overwrite) and args.optimize, "of these, --optimize takes only --resume"),
        (args.jobs == 0, "--jobs is 1 or more"),
    ):
        if is_wrong:
            raise UsageError(message, f"usage: {USAGE}\n")
    launcher = launchers.named(here.settings.launcher)
    is_asked = args.gpus is not None or args.priority is not None or args.optimize is not None
    if launcher.is_here or (launcher.is_scheduler and is_asked):
        raise NotQueueable(launcher.name, is_here=launcher.is_here)


def _points(args: Namespace, values: Space) -> list[Point]:
    """The values of all runs; of a search those of one that could be."""
    if args.optimize is not None:
        return space.drawn(values, 1, args.name)
    if args.random is not None:
        return space.drawn(values, args.random, args.name if args.seed is None else args.seed)
    return space.paired(values) if args.zip else space.crossed(values)


# --- what is to be done


def _planned(here: Project, args: Namespace, points: Sequence[Point], fixed: dict[str, str]) -> tuple[str, Plan]:
    """The group, and which of its runs are to be started. Raises NameTaken, NameClash, RefWithoutRecord, BadRecord."""
    if args.resume:
        return args.name, plan.again(here, args.name, points, fixed)
    collision = "timestamp" if args.timestamp else "overwrite" if args.overwrite else here.settings.collision
    try:
        return args.name, plan.anew(here, args.name, points, overwrites=collision == "overwrite")
    except NameTaken:
        if collision != "timestamp":
            raise
        group = f"{args.name}{int(time.time())}"
        return group, plan.anew(here, group, points, overwrites=False)


def _ask(here: Project, planned: Plan) -> WorkTree:
    """Whether the runs that others replace may be deleted; gives the work tree as it is then."""
    shown = [deletion.described(here, one) for one in planned.replaces]
    confirm("Delete the following runs, and start the new ones?", shown, doing="delete runs")
    work_tree = WorkTree()  # much may have changed while somebody was thinking
    work_tree.list_untracked(here)
    launch.check_ready(here, work_tree)
    return work_tree


def _in_place_of(
    here: Project, planned: Plan, launches: Sequence[tuple[Launch, Record]], args: Namespace
) -> AbstractContextManager[None]:
    """Deletes the runs that others replace, once it is known that these can be made."""
    for one, fields in launches:
        one.check(here, fields)
    return deletion.replacing(here, planned.replaces, force=args.force)


def _has_to_ask(here: Project, args: Namespace) -> bool:
    """Whether runs may be deleted only if a person says so: what --resume replaces can be had back from the trash."""
    return not args.yes and not (args.resume and here.settings.trash_days)


def _launches(
    here: Project,
    work_tree: WorkTree,
    code: Snapshot,
    template: Template,
    planned: Plan,
    fixed: dict[str, str],
    args: Namespace,
) -> list[tuple[Launch, Record]]:
    """The runs that are to be started, each with its record."""
    model = starting.launch_of(here, work_tree, code, "", fixed, args)
    launches = [(name, model.like(template.filled(point), {**point, **fixed})) for name, point in planned.starts]
    return [(one, one.fields(here, name)) for name, one in launches]


def _start(here: Project, launches: Sequence[tuple[Launch, Record]], args: Namespace) -> slots.Slots | None:
    """Let the runs wait for their turn: in the queue of this host, of which the slots are given, or of a scheduler."""
    if launchers.named(here.settings.launcher).is_scheduler:
        launch.start_all(here, launches, args.jobs or here.settings.jobs or None)
        return None
    queue.add(here, launches, args.priority or 0)
    return slots.start(here, args.jobs, args.gpus, {fields["id"] for _, fields in launches})


# --- a search


def _order(args: Namespace, typed: str, given: dict[str, Value], fixed: dict[str, str]) -> dict[str, Any]:
    metric = args.optimize.removeprefix("-")
    return {
        "group": args.name,
        "command": typed,
        "values": given,
        "fixed": fixed,
        "metric": metric,
        "highest": metric != args.optimize or metric.endswith(":max"),
        "trials": args.trials,
        "sampler": args.sampler or optimizer.SAMPLERS[0],
        "prunes": args.prune,
        "seed": args.name if args.seed is None else args.seed,
        "priority": args.priority or 0,
        "options": starting.options(args),
    }


def _search(
    here: Project, work_tree: WorkTree, template: Template, point: Point, order: dict[str, Any], args: Namespace
) -> int:
    """Start the driver of a search, which registers one run after the other."""
    group, fixed = args.name, order["fixed"]
    optimizer.check(here, group, resumes=args.resume)
    code = starting.code_to_be(here, work_tree) if args.dry_run else work_tree.code(here, group)
    model = starting.launch_of(here, work_tree, code, "", fixed, args)
    first = model.like(template.filled(point), {**point, **fixed}).fields(here, f"{group}/first")
    aim = f"for the {'highest' if order['highest'] else 'lowest'} {order['metric']}, in {counted(args.trials, 'trial')}"
    if args.dry_run:
        place = starting.place_of(here, work_tree, code)
        print(f"Would search '{group}' {aim}, at {place}, with runs such as:\n  {escape(first['command'])}")
        return 0
    whole = optimizer.Order(**order, model=model.to_json(here))
    asked = optimizer.start(here, whole, args.jobs, args.gpus, resumes=args.resume)
    if args.quiet:
        print(group)
        return 0
    print(f"Searching '{group}' {aim}, at {starting.at(here, first, work_tree)}, {asked.jobs} at a time")
    print(f"  to see its trials:     git runs table {group} --sort={order['metric']}")
    print(f"  to see what it says:   tail -f {shlex.quote(optimizer.path(here, group, 'log'))}")
    print(f"  to stop it:            git runs kill {group}")
    starting.warn_of(here, first, work_tree.untracked)
    return 0


# --- what is said of it


def _show(
    here: Project, work_tree: WorkTree, group: str, planned: Plan, launches: Sequence[tuple[Launch, Record]]
) -> int:
    model, fields = launches[0]
    if planned.replaces:
        print(f"Would delete {counted(len(planned.replaces), 'old run')}")
    place = starting.place_of(here, work_tree, model.code)
    print(f"Would start {_number(planned)} of '{group}' at {place}, first:\n  {escape(fields['command'])}\n")
    keys = list(planned.starts[0][1])
    rows = ([name, *point.values()] for name, point in planned.starts)
    show(table.render(["name", *keys], rows, table.DEFAULT_FORMAT, here.settings.column_width))
    return 0


def _number(planned: Plan) -> str:
    stay = len(planned.leaves)
    return (
        f"{len(planned.starts)} of {stay + len(planned.starts)} runs" if stay else counted(len(planned.starts), "run")
    )


def _say(
    here: Project,
    work_tree: WorkTree,
    group: str,
    planned: Plan,
    first: Record,
    *,
    quiet: bool,
) -> None:
    if quiet:
        print("\n".join(name for name, _ in planned.starts))
    else:
        print(f"Queued {_number(planned)} of '{group}' at {starting.at(here, first, work_tree)}, first:")
        print(f"  {escape(first['command'])}")
        print(f"  to see how they are:   git runs table {group}")
        print("  to see what waits:     git runs queue")
        print(f"  to stop all of them:   git runs kill {group}")
    starting.warn_of(here, first, work_tree.untracked)


def _say_that_all_are_there(here: Project, group: str, planned: Plan) -> int:
    states = Counter(one.record.status for one in planned.leaves)
    shown = ", ".join(f"{number} {status}" for status, number in states.most_common())
    there = f"{counted(len(planned.leaves), 'run')} of '{group}' {'is' if len(planned.leaves) == 1 else 'are'} there"
    print(f"Nothing to start: {there} ({shown})")
    slots.revive(here)
    return 0


def _warn_of_what_stays(here: Project, planned: Plan, template: Template, values: Space) -> None:
    """Runs that stay may have run another command with the same values, or never have got into the queue."""
    for one in planned.leaves:
        params = one.record.get("params")
        typed = one.record.text("input-command")
        if isinstance(params, dict) and template.filled({key: str(params[key]) for key in values}) != typed:
            warn(f"runs that stay had another command, such as '{one.name}': {typed}")
            break
    if adrift := plan.adrift(here, planned):
        warn(f"{counted(len(adrift), 'run')} did not get into the queue, such as '{adrift[0].name}'")
        hint("if nobody is just starting them: git runs fsck --repair, and then this command again")
