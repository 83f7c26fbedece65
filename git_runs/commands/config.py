"""Show settings: the values in force, and where each comes from."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import SUPPRESS

from ..config import layers, lines
from ..config.settings import SETTINGS, Given
from ..console.escape import escape
from ..console.messages import report_all
from ..errors.config import BadValue, NoSetting, OnlyShown
from ..errors.system import MainWorkTreeUnknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Repository, Search

    Row = tuple[str, Given, int]  # a key, a value, and which of the values it is that its file gives the key

OF_GIT = ("--set", "--add", "--unset", "--edit", "--global", "--local", "--worktree", "--system")
SET = "--set"  # which git config has no option for


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "git runs config [<key>]"
    parser.add_argument("words", metavar="KEY", nargs="*")
    parser.add_argument("-l", "--list", action="store_true", help=SUPPRESS)  # all it does
    for option in OF_GIT:
        parser.add_argument(option, dest="of_git", action="append_const", const=option, help=SUPPRESS)


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 if one of the values is bad."""
    key = _within_runs(args.words[0]) if args.words else None
    if args.of_git or len(args.words) > 1:
        raise OnlyShown(_line_for_git(args.of_git or [], args.words))
    repository = search.repository()
    rows, errors = _in_force(repository)
    if key is not None:
        rows = [row for row in rows if row[0] == key]
        errors = [error for error in errors if error.key == key]
        if not rows:
            raise NoSetting(key, [setting.key for setting in SETTINGS])
    _print([(given.level, _place(key, given, which, repository), _said(key, given)) for key, given, which in rows])
    return report_all(errors)


def _within_runs(typed: str) -> str:
    """A key without its section; case counts only in what stands between dots then: git-config(1), SYNTAX."""
    section, dot, rest = typed.partition(".")
    first, *between = (rest if dot and section.lower() == "runs" else typed).split(".")
    return ".".join([first.lower(), *between[:-1], *(last.lower() for last in between[-1:])])


def _line_for_git(options: list[str], words: list[str]) -> str:
    key, *values = words or ["<key>", "<value>"]
    name = key if key.startswith("<") else f"runs.{_within_runs(key)}"
    shown = [*(option for option in options if option != SET), *([] if "--edit" in options else [name, *values])]
    return " ".join(["git config", *(word if word[0] in "<-" else shlex.quote(word) for word in shown)])


def _in_force(repository: Repository) -> tuple[list[Row], list[BadValue]]:
    """The values that count, and what is wrong with any."""
    try:
        main_top = repository.main_top()
    except MainWorkTreeUnknown:
        main_top = None
    rows, errors = [], []
    given = layers.gather(repository, main_top)
    for setting in SETTINGS:
        ones = given[setting.key]
        shown = setting.in_force(ones) or ones[-1:] or [Given("", layers.BUILT_IN, "")]
        rows += [(setting.key, one, _which(ones, one)) for one in shown]
        try:
            setting.value(ones)
        except BadValue as error:
            errors.append(error)
    others = layers.of_others(repository)
    rows += [(key, one, _which([other for name, other in others if name == key], one)) for key, one in others]
    return rows, errors


def _which(ones: list[Given], this: Given) -> int:
    of_its_file = [one for one in ones if one.origin == this.origin]
    return of_its_file.index(this) if this in of_its_file else 0


def _place(key: str, given: Given, which: int, repository: Repository) -> str:
    """The origin as git shows it, and behind it the line."""
    if not given.origin.startswith("file "):
        return "" if given.level == "default" else given.origin
    path = given.origin.removeprefix("file ")
    found = lines.numbers(os.path.join(repository.top or os.getcwd(), path)).get(f"runs.{key}", [])
    return f"file:{path}:{found[which]}" if which < len(found) else f"file:{path}"


def _said(key: str, given: Given) -> str:
    return f"runs.{key}={'true' if given.text is None else given.text}"


def _print(rows: list[tuple[str, str, str]]) -> None:
    """Tabs between the columns, as git has them; on a terminal, columns that stand below each other."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:2]]
    for level, place, said in rows:
        if sys.stdout.isatty():
            print(f"{level:{widths[0]}}  {escape(place):{widths[1]}}  {escape(said)}")
        else:
            print(level, place, said, sep="\t")
