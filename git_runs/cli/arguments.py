"""The parser of a subcommand's arguments, and the arguments that several subcommands take."""

from __future__ import annotations

import argparse
import re

from ..errors.base import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue


WIDTH = 80  # argparse would import shutil to ask the terminal, in every command


class Parser(argparse.ArgumentParser):
    """argparse, but that options and operands may be mixed, as in git, and wrong usage is an exception."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog, description=description, formatter_class=_Formatter)

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Raises UsageError; `-h` ends the program.

        What follows `--` becomes `words`, in a subcommand that has a default for it; and what was parsed, `given`.
        """
        given = list(self._with_values_joined(arguments))
        end = given.index("--") if "--" in given else len(given)
        if end < len(given) and self.get_default("words") is None:
            return self.parse_args(given)
        args = self.parse_intermixed_args(given[:end])
        args.given = arguments
        args.words = given[end + 1 :]
        return args

    def _with_values_joined(self, arguments: list[str]) -> Iterator[str]:
        """`--option value` as `--option=value`: in git the word behind an option is its value, also if it begins with
        "-", which argparse would take for another option."""
        rest = iter(arguments)
        for argument in rest:
            action = self._option_string_actions.get(argument)
            if argument == "--":
                yield from (argument, *rest)
            elif action is not None and action.nargs == "?":
                yield f"{argument}="  # its value can only be joined to it
            elif action is None or action.nargs is not None or (value := next(rest, None)) is None:
                yield argument
            else:
                yield f"{action.option_strings[-1]}={value}"

    def error(self, message: str) -> NoReturn:
        """Called by argparse; raises UsageError."""
        raise UsageError(message, self.format_usage() + (f"{self.epilog}\n" if self.epilog else ""))


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH)


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


def add_patterns(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """PATTERN..., --pattern and -G."""
    parser.add_argument(
        "patterns",
        nargs="+" if required else "*",
        metavar="PATTERN",
        help="a run's name, or a regular expression that matches whole names",
    )
    if not required:
        parser.add_argument(
            "--pattern", dest="patterns_too", metavar="PATTERN", action="append", default=[], help="the same as PATTERN"
        )
    parser.add_argument("-G", "--glob", action="store_true", help="patterns are shell globs: 'exp/*', 'lr?'")


def selected(project: Project, args: argparse.Namespace) -> list[str]:
    """The names that the arguments of `add_patterns` select; raises BadPattern or NothingSelected."""
    from ..records import query

    return query.select(project.store, _patterns(args), glob=is_glob(project, args))


def is_glob(project: Project, args: argparse.Namespace) -> bool:
    """Whether the patterns are shell globs."""
    return args.glob or project.settings.pattern_type == "glob"


def surveyed(project: Project, args: argparse.Namespace) -> tuple[Catalogue, list[BadRecord]]:
    """The runs that they select, and what is wrong with records that cannot be read; raises the same."""
    return project.store.reader.survey(selected(project, args) if _patterns(args) else None)


def _patterns(args: argparse.Namespace) -> list[str]:
    return [*args.patterns, *getattr(args, "patterns_too", [])]
