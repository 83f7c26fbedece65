"""Draw the metrics of runs as curves in the terminal."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, BooleanOptionalAction
from itertools import chain
from math import isfinite

from .. import project
from ..cli import filters
from ..cli.arguments import add_color, add_patterns, surveyed
from ..cli.filters import Filter, Finder
from ..console import progress, terminal
from ..console.escape import escape
from ..console.messages import counted, hint, report_all, warn
from ..console.output import reaches_terminal
from ..console.plot import Curve, Look, Plot
from ..errors.base import Negative
from ..errors.commands import NoAxis, NoMetrics, NoSuchMetric, NothingToPlot, OnlySummary, WhichMetric
from ..records import query
from ..results import curves, metrics
from ..results.summary import split
from ..results.values import headline
from ..system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator, Sequence

    from ..project import Project
    from ..records.record import Run
    from ..results.metrics import Metric
    from ..system.git.discovery import Search

    Metrics = dict[str, list[Metric]]  # by the names of runs
    Xs = dict[tuple[str, str], Sequence[float]]  # by run and key

MANY = 10  # runs, of which no more are drawn unless that is asked for
FEW = 4  # metrics, which are all drawn
KEPT_FREE = 2  # lines of the screen: for the prompt, and one more, without which less(1) would not end at once
LEAST_HEIGHT = 16  # lines, from which on several plots share the screen


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    filters.add_arguments(parser)
    parser.add_argument(
        "--metric", metavar="KEY", action="append", default=[], help="what to draw; may be given many times"
    )
    parser.add_argument(
        "--smooth", metavar="WEIGHT", type=_weight, help="how much of a value is what was before: 0 (nothing) to 0.999"
    )
    parser.add_argument("--x", dest="axis", choices=curves.AXES, default="step", help="what to draw it over")
    parser.add_argument("--log", action="store_true", help="make the y axis logarithmic")
    parser.add_argument("--ascii", action=BooleanOptionalAction, help="draw with ASCII characters, or with braille")
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where there is nothing to draw, or a record cannot be read."""
    chosen = Filter(args)
    here = project.find(search)
    catalogue, bad = surveyed(here, args)
    names = chosen.choose(Finder(here), catalogue, bad, "-datetime")
    newest = names[::-1] if args.reverse else names
    try:
        found, read = _read(here, query.recall(here.store, newest, ["settings"], bad), len(newest), args)
        keys = _keys(found, args.metric, headline(here.settings.metric)[0])
        drawn = {name: found[name] for name in (found if args.reverse else reversed(found))}
        known, unknown = _known(drawn, keys, args.axis)
    except Negative:
        report_all(bad)
        raise
    lacking = read - sum(any(metric.key in keys for metric in has) for has in found.values())
    missing = [f"left out: {counted(lacking, 'run')} without these metrics"] if lacking else []
    warnings = [*missing, *_left_out(unknown, args.axis)]
    is_part = len(found) == MANY and args.max_count is None and read < len(newest)
    hints = (
        [f"{MANY} of {len(newest)} runs are drawn, the newest; choose with PATTERN, --where or -n"] if is_part else []
    )
    for text in warnings:
        warn(text)
    for text in hints:
        hint(text)
    plots = list(_plots(drawn, keys, known, args))
    look = _look(len(plots), [*warnings, *hints], args)
    sys.stdout.write("\n\n".join("\n".join(plot.draw(look)) for plot in plots) + "\n")
    return report_all(bad)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 1.0
    if not 0 <= weight < 1:
        raise ArgumentTypeError(f"'{text}' is not a number from 0 to less than 1")
    return weight


def _read(here: Project, runs: Iterable[Run], count: int, args: Namespace) -> tuple[Metrics, int]:
    """The metrics of the first of the runs that have those which are asked for, and how many runs were read."""
    found: Metrics = {}
    others: set[str] = set()  # the keys of the other runs
    read = 0
    for one in progress.over(runs, "Reading metrics", count):
        read += 1
        has = metrics.read(here, one)
        keys = {metric.key for metric in has}
        if has and (not args.metric or keys & {*args.metric}):
            found[one.name] = has
        else:
            others |= keys
        if len(found) == MANY and args.max_count is None:
            break
    if not found and not others:
        if read == 1 and one.record.is_elsewhere:
            raise query.outputs_elsewhere(here.store, one, has_summary=bool(metrics.of_record(one)))
        if read == 1:
            raise OnlySummary(one.name) if metrics.of_record(one) else NoMetrics(one.name)
        raise NothingToPlot(read)
    if not found:
        raise NoSuchMetric(args.metric[0], others)
    return found, read


def _keys(found: Metrics, asked: Sequence[str], head: str) -> list[str]:
    """The metrics to draw: those asked for, else the headline `head` where a run has it, else those that all runs have,
    but for the epoch, if they are few; raises NoSuchMetric or WhichMetric."""
    keys = sorted({metric.key for run in found.values() for metric in run})
    for key in asked:
        if key not in keys:
            raise NoSuchMetric(key, keys)
    if asked:
        return list(dict.fromkeys(asked))
    key, _ = split(head, keys)
    if key in keys:
        return [key]
    known = [{metric.key for metric in run} for run in found.values()]
    shared = [key for key in keys if key != curves.EPOCH and all(key in of_run for of_run in known)]
    if not 0 < len(shared) <= FEW:
        raise WhichMetric(len(shared), shared or keys)
    return shared


def _known(drawn: Metrics, keys: list[str], axis: str) -> tuple[Xs, dict[str, list[str]]]:
    """What those metrics are drawn over, and of which runs it is not known, by key; raises NoAxis where it never is."""
    known: Xs = {}
    unknown: dict[str, list[str]] = {}
    for name, run in drawn.items():
        for metric in run:
            if metric.key in keys:
                xs = curves.xs(metric, run, axis)
                if axis == "step" or any(map(isfinite, xs)):
                    known[name, metric.key] = xs
                else:
                    unknown.setdefault(metric.key, []).append(name)
    if not known:
        raise NoAxis(axis)
    return known, unknown


def _left_out(unknown: dict[str, list[str]], axis: str) -> Iterator[str]:
    for key, names in unknown.items():
        whose = f"run '{names[0]}'" if len(names) == 1 else f"{len(names)} runs"
        yield f"left out: '{key}' of {whose}, whose {axis}s are not known"


def _plots(drawn: Metrics, keys: list[str], known: Xs, args: Namespace) -> Iterator[Plot]:
    """A plot for each metric that is drawn of any run."""
    for key in keys:
        lines = [(name, known[name, key], _values(run, key)) for name, run in drawn.items() if (name, key) in known]
        axis, unit = args.axis, 1
        if axis == "time":
            axis, unit = curves.unit(max(filter(isfinite, chain.from_iterable(xs for _, xs, _ in lines)), default=0))
        if lines:
            shown = [Curve(escape(name), (x / unit for x in xs), values) for name, xs, values in lines]
            has_steps = args.axis == "step"
            yield Plot(escape(key), shown, axis=axis, smoothing=args.smooth, is_log=args.log, has_steps=has_steps)


def _values(run: list[Metric], key: str) -> Sequence[float]:
    return next(metric.series.values for metric in run if metric.key == key)


def _look(plots: int, notes: Iterable[str], args: Namespace) -> Look:
    """All plots together fill the screen, below what was said and above the prompt; or each, if they are many."""
    columns, lines = terminal.size()
    room = lines - KEPT_FREE - sum(-(-len(f"warning: {note}") // columns) for note in notes)
    shared = (room + 1) // plots - 1  # a blank line between two
    height = min(shared if shared >= LEAST_HEIGHT else room, columns // 2)
    is_braille = terminal.shows("⣿") if args.ascii is None else not args.ascii
    is_colored = config.wants_color("color.runs", to_terminal=reaches_terminal())
    return Look(columns, height, is_braille=is_braille, is_colored=is_colored)
