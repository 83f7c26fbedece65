"""What `-h` prints, in the layout of git: usage_with_options() in git's parse-options.c."""

from __future__ import annotations

import re
import textwrap
from argparse import SUPPRESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser
    from collections.abc import Iterator

WIDTH = 80
HELP_COLUMN = 26  # where what an option does begins
OF_ALL = {"NAME", "KEY", "VALUE", "PATTERN"}  # names of values that texts are about, also where no argument has them
SUBCOMMAND = "action"  # the operand of commands that have some
OR = "\n   or: "  # between usage lines
_IN_WORDS_OF_GIT = (
    (
        r"argument (?:\S+/)?(\S+): not allowed with argument (?:\S+/)?(\S+)",
        "options '{1}' and '{0}' cannot be used together",
    ),
    (r"argument (?:\S+/)?--(\S+): invalid choice: '.*' \(choose from (.*)\)", "option `{}' expects one of {}"),
    (r"argument (?:\S+/)?--(\S+?): (.*)", "option `{}': {}"),
    (rf"argument {SUBCOMMAND}: invalid choice: '(.*)' \(choose from .*\)", "unknown subcommand: `{}'"),
    (r"argument \S+: invalid choice: (.*) \(choose from (.*)\)", "{} is none of {}"),
    (r"argument (\S+): (.*)", "{}: {}"),
    (r"unrecognized arguments: (.*)", "too many arguments: {}"),
)
WORD = re.compile(r"(?<![\w<])[A-Z][A-Z]*(?![\w>])")


def page(parser: ArgumentParser) -> str:
    """Usage lines, then the options in their groups."""
    parts = []
    for group in parser._action_groups:
        options = [action for action in group._group_actions if action.option_strings and action.help != SUPPRESS]
        if options and group is not parser._optionals:
            parts += ["", group.title or ""]
        for action in options:
            parts += _described(action, parser)
    if parser.epilog:
        parts += ["", *textwrap.wrap(in_brackets(parser.epilog, parser), WIDTH)]
    return "\n".join([synopsis(parser), *([""] if parts else []), *parts, ""])


def synopsis(parser: ArgumentParser) -> str:
    """The usage lines: those that the command says, or else one with all its operands."""
    forms = [form.removeprefix(parser.prog).split() for form in (parser.usage or "").split(OR)]
    lines = [
        line
        for number, words in enumerate(forms)
        for line in _wrapped(f"{OR[1:] if number else 'usage: '}{parser.prog}", words or _operands(parser))
    ]
    return "\n".join(lines)


def in_brackets(text: str, parser: ArgumentParser) -> str:
    """A text in which the names of values of the parser, such as NAME, stand in brackets: <name>."""
    names = {name for action in parser._actions for name in WORD.findall(str(action.metavar))} - {"A", "B"} | OF_ALL
    return WORD.sub(lambda word: _bracketed(word) if word[0] in names else word[0], text)


def in_words_of_git(message: str, parser: ArgumentParser) -> str:
    """What argparse complains of, as git would say it."""
    if found := re.fullmatch("the following arguments are required: (.*)", message):
        if SUBCOMMAND in found[1].split(", "):
            return "need a subcommand"
        return f"missing: {WORD.sub(_bracketed, found[1])}"
    for pattern, words in _IN_WORDS_OF_GIT:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return in_brackets(words.format(*found.groups()), parser)
    return message


def value_of(action: Action) -> str:
    """What an argument takes: `<name>`, `[-]<key>` or `(tpe|random)`."""
    if action.metavar is None and action.choices:
        return f"({'|'.join(map(str, action.choices))})"
    return WORD.sub(_bracketed, str(action.metavar or action.dest.upper()))


def _bracketed(word: re.Match[str]) -> str:
    return f"<{word[0].lower()}>"


def _operands(parser: ArgumentParser) -> list[str]:
    has_options = any(action.option_strings and action.help != SUPPRESS for action in parser._actions)
    forms = {None: "{}", "?": "[{}]", "*": "[{}...]", "+": "{}..."}
    operands = [action for action in parser._actions if not action.option_strings]
    return ["[<options>]"] * has_options + [forms[action.nargs].format(value_of(action)) for action in operands]  # type: ignore[index]


def _wrapped(start: str, words: list[str]) -> Iterator[str]:
    """Lines of words, those after the first one indented."""
    line = start
    for word in words:
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = " " * len(start)
        line += f" {word}"
    yield line


def _described(action: Action, parser: ArgumentParser) -> Iterator[str]:
    option = f"    {_names(action)}"
    text = in_brackets((action.help or "") % vars(action), parser)
    lines = textwrap.wrap(text, WIDTH - HELP_COLUMN, break_on_hyphens=False) or [""]
    if len(option) > HELP_COLUMN - 2:
        yield option
        option = ""
    yield f"{option:{HELP_COLUMN}}{lines[0]}".rstrip()
    for line in lines[1:]:
        yield " " * HELP_COLUMN + line


def _names(action: Action) -> str:
    names = list(action.option_strings)
    if len(names) == 2 and names[1] == f"--no-{names[0][2:]}":
        names = [f"--[no-]{names[0][2:]}"]
    if action.nargs == 0:
        return ", ".join(names)
    return ", ".join(names) + (f"[={value_of(action)}]" if action.nargs == "?" else f" {value_of(action)}")
