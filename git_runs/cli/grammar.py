"""What each subcommand takes, for completion, which reads that and parses nothing.

It is what the parsers of arguments say. To make one takes importing all that its subcommand needs, which is too much
for somebody who waits for a name; so all of them are made once, when the package is built, and kept in FILE beside us.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping
    from typing import Any

FILE = "grammars.json"  # by subcommand, what `Grammar.fields` gives; there is none in a checkout
NOTHING, MAYBE, ONE, MANY = "nothing", "maybe", "one", "many"  # how many words an argument takes
_ARITY = {None: ONE, 0: NOTHING, "?": MAYBE, "*": MANY, "+": MANY}


class Argument:
    """An option, or an operand."""

    def __init__(
        self, options: list[str], takes: str, what: str, choices: list[str], about: str, *, repeats: bool
    ) -> None:
        self.options = options  # none: it is an operand
        self.takes = takes
        self.what = what  # its value is, a metavar
        self.choices = choices
        self.about = about
        self.repeats = repeats  # it may be given again


class Grammar:
    """All that a subcommand takes."""

    def __init__(self, arguments: Iterable[Mapping[str, Any]], *, ends_in_command: bool) -> None:
        """From what `fields` gave."""
        self._arguments = [Argument(**fields) for fields in arguments]
        self.options = [one for one in self._arguments if one.options]
        self.operands = [one for one in self._arguments if not one.options]
        self.ends_in_command = ends_in_command  # which follows "--"

    @property
    def fields(self) -> dict[str, Any]:
        """What is kept of it."""
        return {"arguments": list(map(vars, self._arguments)), "ends_in_command": self.ends_in_command}

    def option(self, text: str) -> Argument | None:
        """The option that is called so, or the only one that begins so: argparse knows it, too."""
        found = [one for one in self.options if text in one.options]
        if not found and text.startswith("--"):
            found = [one for one in self.options if any(name.startswith(text) for name in one.options)]
        return found[0] if len(found) == 1 else None

    def operand(self, number: int) -> Argument | None:
        """What the operand of that number is, from 0; None where there is none."""
        for one in self.operands:
            if number == 0 or one.takes == MANY:
                return one
            number -= 1
        return None


class Typed:
    """The words behind a subcommand that were typed so far."""

    def __init__(self, grammar: Grammar, words: Iterable[str]) -> None:
        self.given: list[Argument] = []  # options
        self.operands: list[str] = []
        self.awaited: Argument | None = None  # the option whose value comes next
        self.command: list[str] | None = None  # what follows "--", where that is a command
        self._is_at_end = False  # of the options
        for word in words:
            self._take(grammar, word)

    @property
    def may_be_option(self) -> bool:
        """Whether the next word may be one."""
        return not self._is_at_end and self.command is None and self.awaited is None

    def _take(self, grammar: Grammar, word: str) -> None:
        if self.command is not None:
            self.command.append(word)
        elif self.awaited:
            self.awaited = None
        elif word == "--":
            self._is_at_end = True
            self.command = [] if grammar.ends_in_command else None
        elif self._is_at_end or not word.startswith("-") or word == "-":
            self.operands.append(word)
        elif word == "--end-of-options":
            self._is_at_end = True
        else:
            self._take_option(grammar, word)

    def _take_option(self, grammar: Grammar, word: str) -> None:
        name, has_value, _ = word.partition("=")
        names = [name] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
        for place, one in enumerate(names, 1):
            if not (option := grammar.option(one)):
                return
            self.given.append(option)
            if option.takes in (ONE, MANY):
                self.awaited = option if place == len(names) and not has_value else None
                return


def built(name: str) -> Grammar | None:
    """The grammar of that subcommand, as the package was built with it; None where it was not."""
    with suppress(OSError), open(os.path.join(os.path.dirname(__file__), FILE), encoding="utf-8") as file:
        return Grammar(**json.load(file)[name])
    return None


def of_parser(parser: argparse.ArgumentParser) -> Grammar:
    """The grammar of a subcommand, as its parser has it."""
    arguments = [_fields(action) for action in parser._actions if action.help != "==SUPPRESS=="]
    return Grammar(arguments, ends_in_command=parser.get_default("words") is not None)


def _fields(action: argparse.Action) -> dict[str, Any]:
    takes = _ARITY.get(action.nargs, MANY)
    return {
        "options": list(action.option_strings),
        "takes": takes,
        "what": action.metavar if isinstance(action.metavar, str) else action.dest.upper(),
        "choices": [str(choice) for choice in action.choices or ()],
        "about": (action.help or "").replace("%%", "%"),
        "repeats": takes == MANY or type(action).__name__.startswith("_Append"),
    }
