"""Options, read as git reads them: parse-options.c and gitcli(7) of git.

argparse, which describes them, gets all in one form: `--name=value`. Long options may be abbreviated, `--no-NAME` takes
back what was given with `--NAME`, switches stand together (`-fn5`), and `-3` is `-n3`.
"""

from __future__ import annotations

import re
from argparse import SUPPRESS

from ..errors.base import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Callable, Iterator, Mapping

LIMIT = "-n"  # the switch that a number alone means, where it takes a value


class HelpAsked(Exception):
    """`-h`, or, with `is_long`, `--help`."""

    def __init__(self, is_long: bool) -> None:
        super().__init__()
        self.is_long = is_long


class Reading:
    """The arguments of a command, taken apart; raises UsageError and HelpAsked."""

    def __init__(
        self, known: Mapping[str, Action], usage: Callable[[], str], arguments: list[str], takes_removals: bool = False
    ) -> None:
        """`takes_removals`: what begins with one "-", and is no option, is an operand of its own kind."""
        self._known = known  # by option: "-n", "--max-count"
        self._usage = usage  # what is shown below the message where an option is not known
        self._given: list[tuple[Action, str]] = []
        self.operands: list[str] = []
        self.words: list[str] | None = None  # what follows "--"; None where that is missing
        self.removed: list[str] = []  # operands that begin with "-"
        rest = iter(arguments)
        for argument in rest:
            if argument == "--":
                self.words = [*rest]
            elif argument == "--end-of-options":
                self._take_operands(rest)
            elif argument.startswith("--"):
                self._take_long(argument[2:], rest)
            elif takes_removals and re.match("-[^-]", argument) and argument not in (*known, "-h"):
                self.removed.append(argument)
            elif argument.startswith("-") and argument != "-":
                self._take_switches(argument[1:], rest)
            else:
                self.operands.append(argument)

    @property
    def options(self) -> list[str]:
        """All options, each in one argument."""
        return [text for _, text in self._given]

    def _take_operands(self, rest: Iterator[str]) -> None:
        for argument in rest:
            if argument == "--":
                self.words = [*rest]
            else:
                self.operands.append(argument)

    def _take_long(self, text: str, rest: Iterator[str]) -> None:
        name, equals, given = text.partition("=")
        option, is_negated = self._meant(name)
        action, value = self._known[option], given if equals else None
        if value is not None and (is_negated or action.nargs == 0):
            raise UsageError(f"option `{_typed(option, is_negated=is_negated)[2:]}' takes no value")
        if is_negated:
            self._given = [(other, text) for other, text in self._given if other is not action]
        elif action.nargs is None and value is None and (value := next(rest, action.const)) is None:
            raise UsageError(f"option `{option[2:]}' requires a value")
        else:
            self._give(option, value)

    def _meant(self, name: str) -> tuple[str, bool]:
        """The option that a name, perhaps abbreviated, means, and whether it is negated."""
        if f"--{name}" in self._known:
            return f"--{name}", False
        if name == "help":
            raise HelpAsked(is_long=True)
        if name.startswith("no-") and f"--{name[3:]}" in self._known:
            return f"--{name[3:]}", True
        meant = self._begun_by(name)
        if not meant:
            raise UsageError(f"unknown option `{name}'", self._usage())
        if len(meant) > 1:
            names = [_typed(option, is_negated=is_negated) for option, is_negated in meant]
            raise UsageError(f"ambiguous option: {name} (could be {names[0]} or {names[1]})", self._usage())
        return meant[0]

    def _begun_by(self, name: str) -> list[tuple[str, bool]]:
        """The options, and the negated ones, whose names begin so: one name of each."""
        found: dict[tuple[Action, bool], str] = {}
        for option, action in self._known.items():
            if option.startswith("--") and action.help != SUPPRESS:
                if option[2:].startswith(name):
                    found.setdefault((action, False), option)
                elif f"no-{option[2:]}".startswith(name) and f"--no-{option[2:]}" not in self._known:
                    found.setdefault((action, True), option)
        return [(option, is_negated) for (_, is_negated), option in found.items()]

    def _take_switches(self, letters: str, rest: Iterator[str]) -> None:
        if letters.isdecimal() and LIMIT in self._known and self._known[LIMIT].nargs is None:
            self._give(LIMIT, letters)
            return
        left = letters
        while left:
            option, left = f"-{left[0]}", left[1:]
            if option not in self._known:
                self._check_dashes(letters)
                if option == "-h":
                    raise HelpAsked(is_long=False)
                raise UsageError(f"unknown switch `{option[1]}'", self._usage())
            if self._known[option].nargs == 0:
                self._check_dashes(letters if left else "")
                self._give(option, None)
            elif left or self._known[option].nargs == "?":
                self._give(option, left or None)
                left = ""
            elif (value := next(rest, None)) is None:
                raise UsageError(f"switch `{option[1]}' requires a value")
            else:
                self._give(option, value)

    def _check_dashes(self, letters: str) -> None:
        """Raises UsageError where letters are the beginning of a long option."""
        if len(letters) > 2 and any(option.startswith(f"--{letters}") for option in self._known):
            raise UsageError(f"did you mean `--{letters}` (with two dashes)?")

    def _give(self, option: str, value: str | None) -> None:
        action = self._known[option]
        if action.nargs == "?":
            value = value or ""
        if value is not None:
            option = next((name for name in action.option_strings if name.startswith("--")), option)
        self._given.append((action, option if value is None else f"{option}={value}"))


def _typed(option: str, *, is_negated: bool) -> str:
    return f"--no-{option[2:]}" if is_negated else option
