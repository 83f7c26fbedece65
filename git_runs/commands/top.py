"""Watch runs on a full screen, and act on them."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial

from .. import project
from ..cli.arguments import add_color, add_patterns, is_glob, resolved, selected
from ..cli.filters import Condition
from ..cli.pager import page
from ..console import terminal
from ..console.escape import escape
from ..console.messages import counted, hint
from ..console.output import show
from ..errors.commands import GoneMeanwhile, NoLog
from ..errors.console import NoTerminal, TextualMissing
from ..errors.records import NoSuchRun, NothingSelected
from ..project import Project
from ..records import query
from ..records.record import KILLED
from ..results import tails
from ..results.top.actions import Actions
from ..running import deletion, lifecycle, queue, slots
from ..system import programs
from ..system.git import config
from ..upkeep import maintenance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator, Sequence

    from ..records.record import Run
    from ..results.top.app import Top
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    add_patterns(parser)
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only runs with 'KEY=VALUE', or !=, <, <=, >, >= or ~; the same as to type it after /",
    )
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Returns when the user leaves the screen."""
    here = project.find(search)
    screen = make(here, args)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) or os.environ.get("TERM") == "dumb":
        raise NoTerminal
    here.store.reader.survey()  # what takes long for the first time is done while its progress can be shown
    streams = sys.stdout, sys.stderr
    try:
        screen.run()
    finally:
        if screen.is_busy:
            hint("what you said yes to is being done")
        said = screen.finish()
        sys.stdout, sys.stderr = streams  # what was done meanwhile may have put back those of the screen
        show(f"{text}\n" for text in said)
    if screen.failure:
        raise screen.failure
    return screen.return_code or 0


def make(here: Project, args: Namespace) -> Top:
    """The screen of the runs that the arguments select. Raises TextualMissing, BadPattern, NothingSelected and
    BadCondition."""
    try:
        from ..results.top.app import Top
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        raise TextualMissing from None
    selected(here, args)
    directory = here.repository.main_top() or here.repository.common_dir
    return Top(
        _actions(here, args),
        title=escape(os.path.basename(directory).removesuffix(".git")),
        filtered=" ".join(args.where),
        is_braille=terminal.shows("⣿"),
        is_colored=config.wants_color("color.runs", to_terminal=True),
    )


def _actions(here: Project, args: Namespace) -> Actions:
    """What the screen may do, each in a project of its own: what is open of one is bound to a thread."""
    again = partial(Project, here.repository, here.settings, here.umask)
    environment = dict(os.environ)  # textual changes ours
    return Actions(
        project=again,
        select=lambda names: _select(here, args, names),
        condition=Condition,
        tend=lambda: slots.start_workers(again()),
        remarks=partial(deletion.described, here),
        kill=lambda runs: _kill(again(), runs),
        delete=lambda runs: _delete(again(), runs),
        describe=lambda run, text: _describe(again(), run, text),
        attach=lambda run: _attach(run, environment),
        log=lambda run: _show_log(here, run, environment),
    )


def _select(here: Project, args: Namespace, names: Sequence[str]) -> Iterable[str]:
    """Those of the names that the arguments select; none where they select nothing any more."""
    patterns = resolved(here, args)
    if not patterns:
        return names
    known = {*names}
    try:
        return query.choose(patterns, known.__contains__, lambda: names, glob=is_glob(here, args))
    except NothingSelected:
        return ()


def _current(here: Project, runs: Sequence[Run]) -> list[Run]:
    """The same runs as they are now, whatever they are called; without those that are gone."""
    return [now for run in runs if (now := here.store.find(run))]


def _kill(here: Project, runs: Sequence[Run]) -> str:
    going_on = [run for run in _current(here, runs) if queue.is_open(here, run.record)]
    with _warnings() as warnings:
        lifecycle.stop(here, going_on)
    ended = [here.store.find(run) for run in going_on]
    killed = sum(run is None or run.record.status == KILLED for run in ended)
    said = f"Killed {counted(killed, 'run')}"
    if others := len(runs) - killed:
        said += f"; {others} ended by {'itself' if others == 1 else 'themselves'}"
    return said + _also(warnings)


def _delete(here: Project, runs: Sequence[Run]) -> str:
    with _warnings() as warnings:
        deleted = deletion.delete(here, _current(here, runs), force=False)
        maintenance.start_if_due(here)
    if not deleted:
        raise GoneMeanwhile(runs[0].name)
    said = f"Deleted {counted(len(deleted), 'run')}"
    if here.settings.trash_days:
        said += f"; within {counted(here.settings.trash_days, 'day')}, git runs undelete <name> has them back"
    return said + _also(warnings)


@contextmanager
def _warnings() -> Iterator[io.StringIO]:
    """What is said on standard error in the `with` block; standard output is none of the screen's, which libraries
    do not know."""
    with redirect_stdout(sys.__stdout__), redirect_stderr(io.StringIO()) as said:
        yield said


def _also(warnings: io.StringIO) -> str:
    return f"\n{text}" if (text := warnings.getvalue().strip()) else ""


def _describe(here: Project, run: Run, text: str) -> None:
    with here.store.change(run) as fields:
        fields["description"] = text


def _attach(run: Run, environment: dict[str, str]) -> None:
    """The terminal is that of `git runs attach` until it ends; what it says of a failure can be read."""
    if programs.run_module("git_runs.main", "attach", run.name, environment=environment):
        _wait_for_enter()


def _show_log(here: Project, run: Run, environment: dict[str, str]) -> None:
    if not (now := here.store.find(run)):
        raise NoSuchRun(run.name)
    try:
        log = here.outputs.open_log(now.name)
    except FileNotFoundError:
        raise NoLog(now.name) from None
    with log:
        if not page(tails.lines(log, now.record), environment):
            _wait_for_enter()


def _wait_for_enter() -> None:
    sys.stderr.write("Press Enter to go back. ")
    sys.stderr.flush()
    sys.stdin.readline()
