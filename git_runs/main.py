"""The command line: global options, which subcommand, errors to exit codes."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

from . import __version__
from .console import progress
from .console.messages import text_of
from .errors.base import RunsError, UsageError, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

COMMANDS = {
    "new": "start a run",
    "list": "list the names of runs",
    "table": "show runs as a table",
    "show": "show how a run went, what it ran, and which uncommitted changes it had",
    "lookup": "show the record of a run, or one value of it",
    "metrics": "show the metrics that a run has written",
    "reproduce": "check out the code of a run, and show how to run it again",
    "verify": "compare what two runs put out",
    "diff": "show what is different between two runs",
    "attach": "join the session of a run",
    "log": "show what a run printed",
    "wait": "wait until runs have ended",
    "kill": "stop runs",
    "describe": "change the description of a run",
    "move": "rename a run",
    "adopt": "make records of runs of which only the refs are here",
    "delete": "delete runs and what they put out",
    "undelete": "have deleted runs back",
    "trash": "show the deleted runs that can be had back, or delete them for good",
    "fsck": "find where records, refs, outputs and processes disagree, and settle it",
    "gc": "pack refs, compact the cache, and close old sessions",
    "import": "add the runs of a single-file database",
    "export": "write the runs to a single-file database",
}
DEFAULT = "table"
PAGED = ("list", "table", "show", "lookup", "metrics", "verify", "diff")
USAGE = "usage: git runs [-C <path>] [-c <name>=<value>] [<command> [<args>]]"
BROKEN_PIPE = 141  # as if SIGPIPE had ended us


def main(arguments: list[str] | None = None) -> int:
    """Run `git runs <arguments>`, by default those of the process; gives the exit code."""
    sys.unraisablehook = _say_nothing  # a file object of a library, say, that could not be written
    _open_closed_streams()
    _use_utf8()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup(1)
            signal.signal(number, _end_by_signal)
    try:
        code = _dispatch(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return code
    except RunsError as error:
        return _report(error)
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE  # whoever read our output has seen enough
    except OSError as error:
        where = f"'{os.fsdecode(error.filename)}': " if error.filename else ""
        return _report(RunsError(f"{where}{error.strerror or error}"))
    except Exception as error:
        if os.environ.get("GIT_TRACE", "0") != "0":
            raise
        return _report(
            RunsError(f"unexpected {type(error).__name__}: {error}", "GIT_TRACE=1 shows where it comes from")
        )


def _dispatch(arguments: list[str]) -> int:
    arguments = _take_global_options(arguments)
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        print(f"git runs version {__version__}" if arguments[0] == "--version" else _help())
        return 0
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if name and name not in COMMANDS:
        raise UsageError(
            f"unknown subcommand: '{name}'{did_you_mean(name, COMMANDS)}", f"{USAGE}\nSee 'git runs -h'.\n"
        )
    return _run(name or DEFAULT, arguments[1:] if name else arguments)


def _run(name: str, arguments: list[str]) -> int:
    from .system.git.discovery import Search

    search = Search()  # git works while we import the rest
    from .cli.arguments import Parser

    module = "import_" if name == "import" else name
    command = import_module(f"{__package__}.commands.{module}")
    parser = Parser(prog=f"git runs {name}", description=command.__doc__)
    command.add_arguments(parser)
    args = parser.parse(arguments)
    if name in PAGED:
        from .cli import pager

        pager.start()
    try:
        code: int = command.run(args, search)
    finally:
        progress.clear()
    return code


def _take_global_options(arguments: list[str]) -> list[str]:
    """Obey -C and -c, as git would have before it called us; the arguments that follow."""
    while arguments and arguments[0] in ("-C", "-c"):
        if len(arguments) < 2:
            raise UsageError(f"option '{arguments[0]}' requires a value", USAGE + "\n")
        option, value, *arguments = arguments
        if option == "-C":
            os.chdir(value)
        else:
            _configure(value)
    return arguments


def _configure(assignment: str) -> None:
    """Hand `name=value` to every git that is called, in the way of git's own option -c, whose later values win."""
    words = ["'" + word.replace("'", r"'\''") + "'" for word in assignment.split("=", 1)]
    before = os.environ.get("GIT_CONFIG_PARAMETERS", "")
    os.environ["GIT_CONFIG_PARAMETERS"] = f"{before} {'='.join(words)}".strip()


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"   {name:{width}}   {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [USAGE, "", "Track, launch and reproduce experiment runs. The commands are:", "", *lines, "", _MORE]
    )


_MORE = f"""'git runs' alone is 'git runs {DEFAULT}'. See 'git runs <command> -h' for one command, and 'git runs --help'
for the manual."""


def _report(error: RunsError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    print(text_of(error), file=sys.stderr)
    if isinstance(error, UsageError) and error.usage:
        print(error.usage, end="", file=sys.stderr)
    return error.exit_code


def _drop_output() -> None:
    """Nobody takes what is left of our output: else Python would complain of it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """A stream that the caller closed leads nowhere, as in git: else a file that is opened would take its place."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)
            stream = os.fdopen(descriptor, "w" if descriptor else "r")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _say_nothing(unraisable: object) -> None:
    """Called by Python for an exception that nobody can catch."""


def _use_utf8() -> None:
    """Records and git speak UTF-8, whatever the locale; what is not UTF-8 passes through as it is."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]


def _end_by_signal(number: int, frame: FrameType | None) -> None:
    """Signal handler: end in order, so that what is half done is undone."""
    # git passes on to us what the terminal has sent us, too: the second one would hit us while we end.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
