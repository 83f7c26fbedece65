"""What may stand in the place of the last word of a command line.

An argument is completed by what its value is, which is its metavar: NAME, KEY, FILE, ... A new one gets a place in
`KINDS`, or in `UNKNOWN`.
"""

from __future__ import annotations

from itertools import chain

from .candidates import Candidate, Here, settings, words_for
from .grammar import MANY, MAYBE, NOTHING, Typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .grammar import Argument, Grammar

    Find = Callable[[Here, str], Iterable[Candidate]]

# What only whoever types it can know.
UNKNOWN = (
    *("TEXT", "N", "LINES", "SECONDS", "DATE", "SIZE", "WEIGHT", "LIST", "SEED", "FLAG", "FLAG=VALUE", "OPTION"),
    "SHELL",
)
FILES = ("FILE", "PATH", "DIR")  # which shells complete
COMMANDS = ("COMMAND", "COMMAND KEY=VALUES")  # the same
LOOK_AT_FETCHED = (  # commands that take `origin/NAME`, too
    *("list", "table", "status", "show", "lookup", "metrics", "report", "compare", "tensorboard", "plot", "reproduce"),
    *("diff", "log", "adopt", "check"),
)


def _with_operator(keys: Iterable[Candidate]) -> Iterator[Candidate]:
    return (Candidate(key.text + "=", key.about, is_whole=False) for key in keys)


def _conditions(here: Here, text: str) -> Iterator[Candidate]:
    yield Candidate("tag=", "one of the tags", is_whole=False)
    yield from _with_operator(here.keys(text))


def _runs_and_tags(here: Here, text: str) -> Iterator[Candidate]:
    if text.startswith("+"):
        return (Candidate(f"+{tag.text}", tag.about) for tag in here.tags())
    return iter(here.runs(text))


KINDS: Mapping[str, Find] = {
    **dict.fromkeys(("NAME", "PATTERN", "OLD", "A", "B"), Here.runs),
    **dict.fromkeys(("NEW", "NEWNAME"), Here.groups),
    **dict.fromkeys(("KEY", "[-]KEY", "KEY,..."), Here.keys),
    "METRIC": Here.metrics,
    "CONDITION": _conditions,
    "KEY=VALUE": lambda here, text: _with_operator(here.parameters()),
    "REMOTE": lambda here, text: here.remotes(),
    **dict.fromkeys(("COMMIT", "REVISION"), lambda here, text: here.commits()),
    "HOST": lambda here, text: here.hosts(),
    "LAUNCHER": lambda here, text: here.launchers(),
    "HOW": lambda here, text: (),  # it has the words of a setting
    "FORMAT": lambda here, text: (),  # of which names are completed
    "VERSION": lambda here, text: (Candidate("v1"),),
    "DELETION": lambda here, text: here.deletions(),
}
# The same words mean something else there.
OF_COMMANDS: Mapping[tuple[str, str], Find] = {
    ("new", "NAME"): Here.groups,
    ("sweep", "NAME"): Here.groups,
    ("undelete", "PATTERN"): Here.deleted_runs,
    ("adopt", "NAME"): Here.unrecorded_runs,
    ("tag", "PATTERN"): _runs_and_tags,
    ("help", "COMMAND"): lambda here, text: here.commands(),
    ("config", "KEY"): lambda here, text: settings(),
}


class Answer:
    """What may stand in the place of the last word."""

    def __init__(self, candidates: Iterable[Candidate] = (), prefix: str = "", rest: str = "") -> None:
        self.prefix = prefix  # of the word, that stays as it is: `--sort=`
        self.candidates = candidates  # for what follows that
        self.rest = rest  # what the shell completes by itself: "files", "command <number of its words>", or nothing


def of_global_option(option: str, text: str) -> Answer:
    """For the value of an option in front of the subcommand."""
    if option == "-C":
        return Answer(rest="files")
    key, assigns, _ = text.partition("=")
    if not assigns:
        return Answer(_with_operator(settings()))
    return Answer(words_for(key.lower().removeprefix("runs.")), prefix=key + assigns)


def of_command(name: str, grammar: Grammar, words: Sequence[str], here: Here) -> Answer:
    """For the last of the words behind a subcommand."""
    *before, text = words
    typed = Typed(grammar, before)
    if typed.command is not None:
        return Answer(rest=f"command {len(typed.command) + 1}")
    if typed.awaited:
        return _Value(name, typed.awaited, text, typed, here).answer()
    if typed.may_be_option and text.startswith("-"):
        option, assigns, value = text.partition("=")
        if not assigns:
            return Answer(_options(grammar, typed))
        argument = grammar.option(option)
        if not argument or argument.takes == NOTHING:
            return Answer()
        answer = _Value(name, argument, value, typed, here).answer()
        answer.prefix = option + assigns + answer.prefix
        return answer
    operand = grammar.operand(len(typed.operands))
    if operand:
        return _Value(name, operand, text, typed, here).answer()
    return Answer(_options(grammar, typed) if typed.may_be_option else ())


def _options(grammar: Grammar, typed: Typed) -> Iterator[Candidate]:
    """Those that were not given so far, or may be given again."""
    for one in grammar.options:
        if one in typed.given and not one.repeats:
            continue
        for text in one.options:
            takes_value = one.takes != NOTHING and text.startswith("--")
            if not takes_value or one.takes == MAYBE:
                yield Candidate(text, one.about)
            if takes_value:
                yield Candidate(f"{text}=", one.about, is_whole=False)


class _Value:
    """The word as a value: of an option, or as an operand."""

    def __init__(self, name: str, argument: Argument, text: str, typed: Typed, here: Here) -> None:
        self._name = name  # of the subcommand
        self._argument = argument
        self._stays = _stays(argument.what, text)
        self._text = text[len(self._stays) :]
        self._typed = typed
        self._here = here

    def answer(self) -> Answer:
        """What may stand in its place."""
        what = self._argument.what
        if self._argument.choices:
            return Answer(map(Candidate, self._argument.choices))
        if what in FILES:
            return Answer(rest="files")
        if what in COMMANDS and (self._name, what) not in OF_COMMANDS:
            return self._of_command_line()
        return Answer(self._candidates(), self._stays)

    def _of_command_line(self) -> Answer:
        """For the command of a run, in one word, or what the values of a sweep follow."""
        if self._argument.what == "COMMAND" or len(self._typed.operands) < 2:
            return Answer(rest="command 1")
        return Answer(_with_operator(self._here.parameters()))

    def _candidates(self) -> Iterable[Candidate]:
        what = self._argument.what
        if what == "CONDITION" and self._stays:
            return self._here.values(self._stays.rstrip("=!<>"))
        if what == "FORMAT" and self._stays:
            keys = self._here.keys(self._text)
            return (Candidate(f"{key.text})", key.about, is_whole=False) for key in keys)
        if what == "KEY,...":
            return _without(self._here.keys(self._text), self._stays.split(","))
        if self._argument.options:
            return chain(*(words_for(option[2:]) for option in self._argument.options), self._found())
        return _without(self._found(), self._typed.operands if self._argument.takes == MANY else ())

    def _found(self) -> Iterator[Candidate]:
        """By what it is."""
        find = OF_COMMANDS.get((self._name, self._argument.what)) or KINDS.get(self._argument.what)
        yield from find(self._here, self._text) if find else ()
        if self._name in LOOK_AT_FETCHED and find in (Here.runs, Here.unrecorded_runs):
            yield from self._here.fetched_runs(self._text)
        if self._name == "push" and not self._typed.operands:  # which is the remote, or the first run
            yield from self._here.remotes()


def _stays(what: str, text: str) -> str:
    """What a value begins with that is not to be completed any more."""
    if what == "[-]KEY" and text.startswith("-"):
        return "-"
    if what == "KEY,...":
        return text[: text.rfind(",") + 1]
    if what == "CONDITION":
        return text[: text.find("=") + 1]
    if what == "FORMAT" and text.rfind("%(") > text.rfind(")"):
        return text[: text.rfind("%(") + 2]
    return ""


def _without(candidates: Iterable[Candidate], given: Iterable[str]) -> Iterator[Candidate]:
    known = {*given}
    return (one for one in candidates if one.text not in known)
