"""Complete a word of a command line, for shells, which ask for it when somebody presses TAB.

    git runs complete [--shell=SHELL] [--replaces=TEXT] -- WORD...

The words are those behind `git runs`; the last one, which may be empty, is to be completed. The shell puts what we
print in the place of TEXT, with which that word ends; by default it is the whole word. The first line that we print is
what the shell completes by itself: "files", or "command N", of which the last N words are one, or nothing. Then comes a
line for each candidate. A blank at its end says that the word is whole, and what it is about follows a tab.

bash gives us the words as they were typed, with their quotes, takes them so, and does not show what they are about.
fish gives us the last one so.

Where anything goes wrong there is nothing to complete, and nobody to be bothered with it.
"""

from __future__ import annotations

import os
import re
from contextlib import redirect_stderr

from ..cli import completion, grammar
from ..cli.candidates import Candidate, Here
from ..cli.completion import Answer
from ..console.escape import escape
from ..system.git.discovery import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..cli.grammar import Grammar

GLOBAL_OPTIONS = {"-C": "as if started there", "-c": "a setting, for this command", "-h": "the commands"}
WIDEST = 60  # characters of what a word is about
# What a shell reads as it is, without quotes, and what it does not so between double ones.
_SAFE, _SPECIAL = r"\w.=+,@%/:-", r"([$`\"\\])"
_PART = re.compile(r"'([^']*)('?)|\"((?:[^\"\\]|\\.)*)(\"?)|\\(.?)|([^'\"\\]+)|.", re.DOTALL)


class Asked:
    """What a shell asks for; raises ValueError."""

    def __init__(self, arguments: Sequence[str]) -> None:
        end = arguments.index("--")
        options = dict(one.split("=", 1) for one in arguments[:end])
        self._is_bash = options.get("--shell") == "bash"
        *before, last = arguments[end + 1 :] or [""]
        if self._is_bash:
            before = [unquoted(word)[0] for word in before]
        replaced, self._quote = options.get("--replaces", last), ""
        if self._is_bash or options.get("--shell") == "fish":
            last, self._quote = unquoted(last)
            replaced = _behind_quote(replaced)
        self.words = [*before, last]
        self._stays = len(last) - len(replaced) if last.endswith(replaced) else 0  # characters

    def line(self, candidate: Candidate, word: str) -> str:
        """What is printed for a candidate, which makes the last word that word."""
        text = word[self._stays :]
        end = " " if candidate.is_whole else ""
        if self._is_bash:
            return _quoted(text, self._quote) + ("" if self._quote else end)
        return text + end + (f"\t{_short(candidate.about)}" if candidate.about else "")


class CommandLine:
    """How the words behind `git runs` are read."""

    def __init__(
        self,
        commands: Mapping[str, str],
        default: str,
        parser_of: Callable[[str], ArgumentParser],
        take_global_options: Callable[[list[str]], list[str]],
    ) -> None:
        self.commands = commands  # what each of them is for
        self.default = default  # the one whose options may come without it
        self.parser_of = parser_of
        self.take_global_options = take_global_options  # obeys those in front of a subcommand, gives what follows

    def grammar_of(self, name: str) -> Grammar:
        """What a subcommand takes."""
        return grammar.built(name) or grammar.of_parser(self.parser_of(name))


def answer(arguments: Sequence[str], line: CommandLine) -> int:
    """Print the candidates, if there are any. Exit code 1 where anything went wrong."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        try:
            asked = Asked(arguments)
            found = _answer(asked.words, line)
            print("\n".join([found.rest, *_lines(found, asked)]))
        except Exception:  # noqa: BLE001
            return 1
    return 0


def _answer(words: list[str], line: CommandLine) -> Answer:
    *before, text = words
    place = 0
    while before[place : place + 1] in (["-C"], ["-c"]):
        place += 2
    if place > len(before):
        return completion.of_global_option(before[-1], text)
    line.take_global_options(before[:place])
    here = Here(Search(), line.commands)  # git works while we read on
    if not before[place:] and not text.startswith("-"):
        return Answer(here.commands())
    if not before[place:] or before[place].startswith("-"):
        found = completion.of_command(line.default, line.grammar_of(line.default), words[place:], here)
        ours = () if before[place:] or "=" in text else (Candidate(*one) for one in GLOBAL_OPTIONS.items())
        return Answer([*ours, *found.candidates], found.prefix, found.rest)
    name = before[place]
    if name not in line.commands:
        return Answer()
    return completion.of_command(name, line.grammar_of(name), words[place + 1 :], here)


def _lines(found: Answer, asked: Asked) -> Iterator[str]:
    typed = asked.words[-1]
    for one in found.candidates:
        word = found.prefix + one.text
        if word.startswith(typed) and escape(word) == word:
            yield asked.line(one, word)


def _short(about: str) -> str:
    line = escape(" ".join(about.split()))
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


# --- the quotes of shells: POSIX, Shell Command Language, 2.2


def unquoted(word: str) -> tuple[str, str]:
    """A word as a shell reads it, and the quote in it that is still open, if one is."""
    text, quote = "", ""
    for match in _PART.finditer(word):
        single, end, double, close, one, plain = match.groups()
        text += single or re.sub(rf"\\{_SPECIAL}", r"\1", double or "") or one or plain or ""
        quote = "'" if end == "" else '"' if close == "" else ""
    return text, quote


def _behind_quote(piece: str) -> str:
    """What bash replaces of the last piece of a word: if a quote is open, what follows that."""
    text, quote = unquoted(piece)
    return unquoted(quote + piece[_opening(piece, quote) + 1 :])[0] if quote else text


def _opening(piece: str, quote: str) -> int:
    """Where the quote is that is open."""
    return max(match.start() for match in _PART.finditer(piece) if match[0].startswith(quote))


def _quoted(text: str, quote: str) -> str:
    """The text as it is written behind that quote, or without one."""
    if quote == "'":
        return text.replace("'", r"'\''")
    if quote:
        return re.sub(_SPECIAL, r"\\\1", text)
    return re.sub(rf"([^{_SAFE}])", r"\\\1", text)
