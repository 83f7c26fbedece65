"""Find where records, refs, outputs and processes disagree, and settle it."""

from __future__ import annotations

from .. import project
from ..cli import table
from ..cli.arguments import settle
from ..console import progress
from ..console.escape import escape
from ..console.output import show
from ..errors.base import RunsError
from ..upkeep import consistency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search
    from ..upkeep.problem import Problem

COLUMNS = ("kind", "run", "path", "problem", "repair", "advice", "repaired", "error")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="settle what can be settled without any loss")
    parser.add_argument("--prune-outputs", action="store_true", help="remove outputs and work trees that are no run's")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 if all is well, or is so now; else 1."""
    here = project.find(search, mends=True)
    settle(here)
    rows = []
    problems = consistency.check(here)
    for problem in progress.over(problems, "Repairing", len(problems)) if args.repair else problems:
        is_wanted = args.prune_outputs if problem.is_output else args.repair
        repaired, error = _mend(problem) if is_wanted else (False, None)
        rows.append(_row(problem, repaired, error))
        if args.format == "text":
            progress.clear()
            print(escape(_line(problem, repaired=repaired, error=error)))
    if args.format == "json":
        show(table.render(COLUMNS, rows, "json", 0))
    return int(not all(row[-2] for row in rows))


def _row(problem: Problem, repaired: bool, error: str | None) -> tuple[object, ...]:
    told = (problem.kind, problem.run, problem.path, problem.what, problem.repair or None, problem.advice or None)
    return (*told, repaired, error)


def _mend(problem: Problem) -> tuple[bool, str | None]:
    """Whether it is settled, and what kept it from that."""
    if problem.mend is None:
        return False, None
    try:
        problem.mend()
        return True, None
    except RunsError as error:
        return False, error.message.strip()
    except OSError as error:
        return False, str(error)


def _line(problem: Problem, *, repaired: bool, error: str | None) -> str:
    option = "--prune-outputs" if problem.is_output else "--repair"
    if error:
        outcome = f"not repaired: {error}"
    elif problem.repair:
        outcome = f"{'repaired' if repaired else f'with {option}'}: {problem.repair}"
    else:
        outcome = problem.advice
    return f"{problem.what}; {outcome}"
