"""The command line: global options, which subcommand, errors to exit codes."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

from . import __version__
from .console import progress
from .console.messages import text_of
from .errors.base import RunsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from .cli.arguments import Parser

GROUPS = {
    "start runs": {
        "new": "start a run",
        "sweep": "start a run for each combination of the values of parameters",
        "queue": "show what waits for its turn on this host; stop and start that",
    },
    "see what runs are there, and how they go": {
        "list": "list the names of runs",
        "table": "show runs as a table",
        "status": "show what goes on just now, and how far it is",
        "top": "watch runs on a full screen, and act on them",
        "show": "show how a run went, what it ran, and its uncommitted changes",
        "lookup": "show the record of a run, or one value of it",
        "log": "show what a run printed",
    },
    "see what came out": {
        "metrics": "show the metrics that a run has written",
        "check": "check what came out of a run, for scripts and git bisect",
        "compare": "show runs side by side, or which parameters went with a metric",
        "plot": "draw the metrics of runs as curves",
        "tensorboard": "start TensorBoard on the runs that are selected",
        "report": "write a page about runs: one HTML file",
    },
    "have a run again, and see what is different": {
        "reproduce": "check out the code of a run, and show how to run it again",
        "verify": "compare what two runs put out",
        "diff": "show what is different between two runs",
    },
    "act on runs that go on": {
        "attach": "join the session of a run",
        "wait": "wait until runs have ended",
        "kill": "stop runs",
    },
    "change and delete runs": {
        "describe": "change the description of a run",
        "tag": "give runs tags, and take them away",
        "note": "add a remark to runs",
        "move": "rename a run",
        "delete": "delete runs and what they put out",
        "undelete": "have deleted runs back",
        "trash": "show which deleted runs can be had back, or empty the trash",
    },
    "share runs with other clones and hosts": {
        "push": "send runs to a remote",
        "fetch": "see which runs a remote has",
        "pull": "fetch, and merge what others have changed in the runs here",
        "adopt": "make runs of remotes, or refs without records, runs of here",
        "bundle": "put runs into a file, and take them from one",
        "get": "bring here what runs of other hosts put out",
        "purge": "let a remote forget what its records were before",
    },
    "come from other tools, and go to them": {
        "import": "add the runs of other tools",
        "export": "write the runs to a file, or for other programs",
    },
    "keep all in order": {
        "fsck": "find where records, refs and outputs disagree, and settle it",
        "gc": "pack refs, compact the cache, and close old sessions",
    },
    "read the manual, and see settings": {
        "help": "open the manual, or its page of a command",
        "config": "show settings, and where their values come from",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
ASKED_BY_PROGRAMS = ("serve", "complete")  # commands that nobody types: hosts and shells ask for these
DEFAULT = "table"
PAGED = ("list", "table", "show", "lookup", "metrics", "compare", "plot", "verify", "diff", "config")
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
    if arguments and arguments[0] in ("-h", "--help", "-v", "--version"):
        return _answer(arguments[0])
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if name == "complete":
        from .commands import complete

        line = complete.CommandLine(COMMANDS, DEFAULT, parser_of, _take_global_options)
        return complete.answer(arguments[1:], line)
    if name and name not in (*COMMANDS, *ASKED_BY_PROGRAMS):
        from .cli import mistyped

        return _run(mistyped.command_for(name, COMMANDS, f"{USAGE}\nSee 'git runs -h'.\n"), arguments[1:])
    return _run(name or DEFAULT, arguments[1:] if name else arguments)


def _answer(option: str) -> int:
    if option == "--help":
        from .cli import manual

        return manual.show(manual.OF_ALL)
    is_version = option in ("-v", "--version")
    print(f"git runs version {__version__}" if is_version else _help())
    return 0 if is_version else UsageError.exit_code


def _run(name: str, arguments: list[str]) -> int:
    from .system.git.discovery import Search

    search = Search()  # git works while we import the rest
    parser, run = parser_of(name), module_of(name).run
    args = parser.parse(arguments)
    for key in ("color.runs", "color.diff") if getattr(args, "color", None) else ():
        _configure(f"{key}={args.color}")
    if name in PAGED:
        from .cli import pager

        pager.start()
    try:
        code: int = run(args, search)
    finally:
        progress.clear()
    return code


def parser_of(name: str) -> Parser:
    """The parser of a subcommand's arguments."""
    from .cli.arguments import Parser

    command = module_of(name)
    parser = Parser(prog=f"git runs {name}", description=command.__doc__)
    command.add_arguments(parser)
    return parser


def module_of(name: str) -> Any:
    """The module of a subcommand."""
    return import_module(f"{__package__}.commands.{'import_' if name == 'import' else name}")


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
    lines = [USAGE, "", "Track, launch and reproduce experiment runs. The commands are:"]
    for title, group in GROUPS.items():
        lines += ["", title, *(f"   {name:{width}}   {summary}" for name, summary in group.items())]
    return "\n".join([*lines, "", _MORE])


_MORE = f"""'git runs' alone is 'git runs {DEFAULT}'. See 'git runs <command> -h' for one
command, and 'git runs --help' for the manual."""


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
