"""Check what came out of a run: whether conditions hold, as scripts and `git bisect run` ask it."""

from __future__ import annotations

from .. import project
from ..cli.arguments import named, settle
from ..cli.filters import Condition, Finder
from ..console.messages import report_all
from ..errors.base import RunsError
from ..errors.commands import DoesNotHold, NoValue
from ..errors.records import NoSuchRun, NotSoMany
from ..records import query
from ..records.record import as_words, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..records.record import Run
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "conditions", metavar="CONDITION", nargs="+", type=Condition, help="as for --where of table: 'val_loss:min<0.3'"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say which do not hold")


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 where all hold, 1 where one does not, 125 where a value is missing, which makes `git bisect run` skip
    the commit; 128, which ends that, where there is no such run."""
    here = project.find(search)
    settle(here)
    try:
        (one,) = query.look_up(here.store, [named(here, args.name)])
    except (NoSuchRun, NotSoMany) as error:
        raise RunsError(error.message, *error.hints) from None
    failures = list(_failures(one, args.conditions, Finder(here)))
    if not args.quiet:
        report_all(failures)
    return max((failure.exit_code for failure in failures), default=0)


def _failures(run: Run, conditions: list[Condition], finder: Finder) -> Iterator[RunsError]:
    for condition in conditions:
        if condition.holds(run, finder):
            continue
        value = finder.of(run, condition.key)
        if value is None and condition.key != "tags":  # of which no run is without
            yield NoValue(run.name, condition.key, list(run.record), finder.values.names(run))
        else:
            yield DoesNotHold(run.name, condition.text, to_text(as_words(condition.key, value)))
