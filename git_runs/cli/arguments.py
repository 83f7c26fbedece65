"""The parser of a subcommand's arguments, and the arguments that several subcommands take."""

from __future__ import annotations

import argparse
import re

from ..console.messages import hint
from ..errors.base import UsageError
from .options import HelpAsked, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue

NEWEST_FIRST = "-datetime"  # a sort key
ALWAYS = "always"  # of colours


class Parser(argparse.ArgumentParser):
    """argparse, but that options are read and explained as git does it, and wrong usage is an exception."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog, description=description, add_help=False, formatter_class=_Formatter)

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Raises UsageError; `-h` and `--help` end the program.

        What follows `--` becomes `words`, in a subcommand that has a default for it; and what was parsed, `given`. What
        begins with one "-", and is no option, becomes `removed`, in a subcommand that has a default for that.
        """
        try:
            takes_removals = self.get_default("removed") is not None
            reading = Reading(self._option_string_actions, self.format_help, arguments, takes_removals)
        except HelpAsked as help_asked:
            raise SystemExit(self._help(help_asked)) from None
        operands = reading.operands
        if self.get_default("words") is None:
            operands = [*operands, *(reading.words or [])]
        args = self.parse_args([*reading.options, *(["--", *operands] if operands else [])])
        if takes_removals:
            args.removed = reading.removed
        if self.get_default("words") is not None:
            args.given = arguments
            args.words = reading.words or []
        return args

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Called by argparse, which would take "--" away also where it is the value of an option."""
        if not action.option_strings or arg_strings != ["--"]:
            return super()._get_values(action, arg_strings)
        value = self._get_value(action, "--")
        self._check_value(action, value)
        return value

    def _help(self, asked: HelpAsked) -> int:
        """Give the help that is asked for; gives the exit code."""
        if asked.is_long:
            from . import manual

            return manual.show(self.prog.replace(" ", "-"))
        print(self.format_help(), end="")
        return UsageError.exit_code

    def format_help(self) -> str:
        """What `-h` prints."""
        from . import usage

        return usage.page(self)

    def format_usage(self) -> str:
        """The usage lines."""
        from . import usage

        return f"{usage.synopsis(self)}\n"

    def error(self, message: str) -> NoReturn:
        """Called by argparse; raises UsageError."""
        from . import usage

        note = f"{usage.in_brackets(self.epilog, self)}\n" if self.epilog else ""
        raise UsageError(usage.in_words_of_git(message, self), self.format_usage() + note)


class _Formatter(argparse.HelpFormatter):
    """Asked by argparse itself, whether an argument is described well."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=80)  # else it imports shutil, in every command, to ask the terminal


def natural(text: str) -> int:
    """A whole number, 0 or more, as an argument."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 0 or more")
    return int(text)


def seconds(text: str) -> float:
    """A span of time as an argument: a number, 0 or more."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds, 0 or more")
    return float(text)


def positive_seconds(text: str) -> float:
    """The same, but no less than a tenth of a second."""
    return max(0.1, seconds(text))


def whole_number(text: str) -> int:
    """A whole number, with a sign or without one, as an argument."""
    if not re.fullmatch("[-+]?[0-9]{1,6}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at most six digits")
    return int(text)


def gpu_list(text: str) -> list[str]:
    """GPUs as CUDA_VISIBLE_DEVICES names them, with commas between them; "auto" for all that are here, "none" for
    nothing that a run is to be given of that. Raises NoGpu."""
    if text == "none":
        return []
    if text == "auto":
        from ..system import gpus

        return gpus.found()
    if not re.fullmatch(r"[\w./-]+(,[\w./-]+)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of GPUs, such as 0,1, and not auto or none")
    return text.split(",")


def add_slots(parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, jobs: str) -> None:
    """--jobs, whose help is given, and --gpus."""
    parser.add_argument("--jobs", metavar="N", type=natural, help=jobs)
    parser.add_argument(
        "--gpus",
        metavar="LIST",
        type=gpu_list,
        help="share these out among them: 0,1, or auto for all GPUs here",
    )


def add_patterns(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """PATTERN..., --pattern and -G."""
    parser.add_argument(
        "patterns",
        nargs="+" if required else "*",
        metavar="PATTERN",
        help="a run's name, that of a group, or a regular expression that matches whole names",
    )
    if not required:
        parser.add_argument(
            "--pattern",
            dest="patterns_too",
            metavar="PATTERN",
            action="append",
            default=[],
            help="the same as PATTERN, also where that begins with - or +",
        )
    parser.add_argument("-G", "--glob", action="store_true", help="patterns are shell globs: 'exp/*', 'lr?'")


def selected(project: Project, args: argparse.Namespace) -> list[str]:
    """The names that the arguments of `add_patterns` select; raises BadPattern or NothingSelected."""
    from ..records import query

    settle(project)
    return query.select(project.store, resolved(project, args), glob=is_glob(project, args))


def named(project: Project, typed: str | None) -> str:
    """The name of the run that was typed, in any of the forms that `query.resolve` knows; where none was, that of the
    newest, and that is said. Raises NotSoMany."""
    from ..records import query

    if typed is not None:
        return query.resolve(project.store, typed)
    name = query.by_age_of_start(project.store, 0)
    hint(f"the newest run is '{name}'")
    return name


def all_named(project: Project, typed: Sequence[str]) -> list[str]:
    """The same of many; the newest alone where none was typed."""
    return [named(project, name) for name in typed or (None,)]


def selected_or_newest(project: Project, args: argparse.Namespace) -> list[str]:
    """The names that the arguments of `add_patterns` select; that of the newest run, which is said, where there are
    none. Raises BadPattern, NothingSelected or NotSoMany."""
    if _patterns(args):
        return selected(project, args)
    settle(project)
    return [named(project, None)]


def add_message(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, help: str, of_file: Sequence[str] = ("-F", "--file")
) -> None:
    """-m, whose help is given, and -F, by those names; `given_message` puts together what was given."""
    parser.add_argument("-m", "--description", "--message", metavar="TEXT", action="append", help=help)
    parser.add_argument(
        *of_file, metavar="FILE", dest="description", action="append", type=_content, help="the same from a file"
    )


def _content(path: str) -> str:
    """What the file holds, "-" standard input, without white space around it."""
    import sys

    with open(sys.stdin.fileno() if path == "-" else path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().strip()


def given_message(args: argparse.Namespace) -> str | None:
    """What -m and -F have given, each a paragraph; None where they have not."""
    return None if args.description is None else "\n\n".join(args.description)


def settle(project: Project) -> None:
    """Let the records say what only schedulers know, where runs were given to any."""
    if project.has_jobs:
        from ..running import settling

        settling.settle(project)


def is_glob(project: Project, args: argparse.Namespace) -> bool:
    """Whether the patterns are shell globs."""
    return args.glob or project.settings.pattern_type == "glob"


def add_color(parser: argparse.ArgumentParser) -> None:
    """--color and --no-color, which `main` obeys."""
    parser.add_argument(
        "--color",
        metavar="WHEN",
        nargs="?",
        type=lambda when: when or ALWAYS,
        choices=(ALWAYS, "never", "auto"),
        help="whether to use colours: always, as without WHEN, never, or auto; default: as color.runs or color.ui says",
    )
    parser.add_argument("--no-color", dest="color", action="store_const", const="never", help="use no colours")


def is_for_people(args: argparse.Namespace) -> bool:
    """Whether what is printed is for a person to see, and not for a program: it comes to a terminal, or is to have
    colours."""
    from ..console.output import reaches_terminal

    return args.color == ALWAYS or reaches_terminal()


def add_remotes(parser: argparse.ArgumentParser) -> None:
    """-r and -a."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("-r", "--remotes", action="store_true", help="only runs that were fetched, as origin/NAME")
    which.add_argument("-a", "--all", dest="everywhere", action="store_true", help="these, and the runs of here")


def are_fetched(args: argparse.Namespace) -> bool:
    """Whether the runs of remotes are asked for, too, or alone."""
    return getattr(args, "remotes", False) or getattr(args, "everywhere", False)


def surveyed(project: Project, args: argparse.Namespace) -> tuple[Catalogue, list[BadRecord]]:
    """The runs, also those of remotes, that they select, to be read, and what is wrong with records that cannot be
    read; raises the same."""
    settle(project)
    if not _patterns(args) and not are_fetched(args):
        return project.store.reader.survey()
    return project.store.everywhere.survey(selected_anywhere(project, args))


def selected_anywhere(project: Project, args: argparse.Namespace) -> list[str]:
    """The names that the arguments select, also of runs of remotes; raises BadPattern or NothingSelected."""
    from ..records import query

    glob, patterns = is_glob(project, args), resolved(project, args)
    if are_fetched(args):
        return query.select_fetched(project.store, patterns, glob=glob, and_here=args.everywhere)
    return query.select_anywhere(project.store, patterns, glob=glob)


def are_groups(project: Project, args: argparse.Namespace) -> bool:
    """Whether groups were named, and nothing else, as by whoever asks for a sweep."""
    from ..records import query

    typed = resolved(project, args)
    return bool(typed) and all(query.is_group(project.store, pattern) for pattern in typed)


def in_order(catalogue: Catalogue, project: Project, args: argparse.Namespace) -> tuple[Catalogue, str | None]:
    """The runs of the catalogue, and the key by which they are still to be sorted: that of --sort, or else none where
    all patterns are exactly names of runs, which are then in the order in which they were typed, or NEWEST_FIRST."""
    typed = resolved(project, args)
    if args.sort is None and typed and all(map({*catalogue.names}.__contains__, typed)):
        return catalogue.in_order(typed), None
    return catalogue, args.sort or NEWEST_FIRST


def _patterns(args: argparse.Namespace) -> list[str]:
    return [*args.patterns, *getattr(args, "patterns_too", [])]


def resolved(project: Project, args: argparse.Namespace) -> list[str]:
    """The patterns that were typed; those that name a run in another way, by its name. Raises NotSoMany."""
    from ..records import query

    return [query.resolve(project.store, pattern) for pattern in _patterns(args)]
