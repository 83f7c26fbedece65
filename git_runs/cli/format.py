"""The language of git-for-each-ref(1), `--format`: what ref-filter.c of git makes of a text with `%(atoms)`.

What an atom other than `align`, `if`, `then`, `else`, `end` and `color` stands for is for the caller to say.
"""

from __future__ import annotations

import re

from ..console.escape import SEQUENCES
from ..errors.cli import BadFormat
from .layout import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..records.record import Value

    Get = Callable[[str], Value]  # from a key to its value in one line
    Part = Callable[[Get], str]  # what a piece of a format is in one line
    Atom = tuple[str, Callable[[Value], str]]  # the key that it shows, and how

LEFT, MIDDLE, RIGHT = "left", "middle", "right"
RESET = "\x1b[m"
DEEPEST = 100  # conditions and alignments inside of each other
BLANKS = " \t\n\r"  # of which a condition may consist, and be empty all the same
_TOKEN = re.compile(r"%\((?P<atom>[^)]*)\)|(?P<open>%\(.*)|(?P<literal>(?:%%|%(?!\()|[^%])+)", re.DOTALL)
_ESCAPED = re.compile(rb"%(%|[0-9A-Fa-f]{2})")
_NUMBER = re.compile("[0-9]{1,9}")


class Format:
    """A format that was understood, to be applied to any number of lines."""

    def __init__(self, text: str, atom: Callable[[str], Atom], color: Callable[[str], str]) -> None:
        """`atom` says what the words between `%(` and `)` mean; `color` gives the escape sequence for a colour in
        git's words, "" where there are to be no colours. Raises BadFormat, and what these two raise."""
        self._atom = atom
        self._color = color
        self._tokens = _tokens(text)
        self._keys: dict[str, None] = {}
        self._leaves_color = False
        self._depth = 0
        parts, end = self._parts("")
        if end:
            raise BadFormat(_STRAY[end])
        self._parts_of_line = [*parts, _constant(RESET)] if self._leaves_color else parts

    @property
    def keys(self) -> list[str]:
        """The keys of what it shows, each once."""
        return list(self._keys)

    def line(self, get: Get) -> str:
        """What the format makes of one line's values, without an end of the line."""
        return "".join([part(get) for part in self._parts_of_line])

    def _parts(self, inside: str) -> tuple[list[Part], str]:
        """The pieces up to the next `then`, `else` or `end`, and which of these it is, or "" at the end of the format;
        `inside` names what has to be closed."""
        parts: list[Part] = []
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadFormat("format: atoms are nested too deep")
        for is_atom, words in self._tokens:
            if not is_atom:
                parts.append(_constant(words))
            elif words in _STRAY:
                self._depth -= 1
                return parts, words
            else:
                parts.append(self._part(words))
        if inside:
            raise BadFormat("format: %(end) atom missing")
        return parts, ""

    def _part(self, words: str) -> Part:
        name, colon, argument = words.partition(":")
        if name == "align":
            return self._aligned(argument)
        if name == "if":
            return self._conditional(argument if colon else None)
        if name == "color":
            return self._colored(argument)
        if name in _STRAY and colon:
            raise BadFormat(f"%({name}) does not take arguments")
        key, show = self._atom(words)
        self._keys[key] = None
        return lambda get: show(get(key))

    def _aligned(self, argument: str) -> Part:
        width, position = _alignment(argument)
        parts, end = self._parts("align")
        if end != "end":
            raise BadFormat(_STRAY[end])
        return lambda get: _padded("".join([part(get) for part in parts]), width, position)

    def _conditional(self, argument: str | None) -> Part:
        holds = _condition(argument)
        condition, end = self._parts("if")
        if end == "end":
            raise BadFormat("format: %(if) atom used without a %(then) atom")
        if end == "else":
            raise BadFormat("format: %(else) atom used without a %(then) atom")
        chosen, end = self._parts("if")
        if end == "then":
            raise BadFormat("format: %(then) atom used more than once")
        otherwise, end = self._parts("if") if end == "else" else ([], end)
        if end == "else":
            raise BadFormat("format: %(else) atom used more than once")
        if end == "then":
            raise BadFormat("format: %(then) atom used after %(else)")

        def text(get: Get) -> str:
            is_so = holds("".join([part(get) for part in condition]))
            return "".join([part(get) for part in (chosen if is_so else otherwise)])

        return text

    def _colored(self, words: str) -> Part:
        if not words:
            raise BadFormat("expected format: %(color:<color>)")
        sequence = self._color(words)
        self._leaves_color = (self._leaves_color or bool(sequence)) and words != "reset"
        return _constant(sequence)


# What closes or divides something, and what is wrong with it where there is nothing of that kind.
_STRAY = {
    "then": "format: %(then) atom used without a %(if) atom",
    "else": "format: %(else) atom used without a %(if) atom",
    "end": "format: %(end) atom used without corresponding atom",
}


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """The atoms of a format, each True and its words, and what is between them, as it is to be printed."""
    for token in _TOKEN.finditer(text):
        if token["open"]:
            raise BadFormat(f"malformed format string {token['open']}")
        if token["literal"]:
            yield False, _literal(token["literal"])
        elif not token["atom"]:
            raise BadFormat("malformed field name: ")
        else:
            yield True, token["atom"]


def _literal(text: str) -> str:
    """With `%%` and `%xx`, a byte in hexadecimal digits, as what they stand for."""

    def byte(match: re.Match[bytes]) -> bytes:
        return b"%" if match[1] == b"%" else bytes.fromhex(match[1].decode())

    return _ESCAPED.sub(byte, text.encode(errors="surrogateescape")).decode(errors="surrogateescape")


def _constant(text: str) -> Part:
    return lambda _: text


def _condition(argument: str | None) -> Callable[[str], bool]:
    """What has to be so of the text between `if` and `then`."""
    if argument is None:
        return lambda text: bool(text.strip(BLANKS))
    kind, equals, wanted = argument.partition("=")
    if equals and kind == "equals":
        return lambda text: text == wanted
    if equals and kind == "notequals":
        return lambda text: text != wanted
    raise BadFormat(f"unrecognized %(if) argument: {argument}")


def _alignment(argument: str) -> tuple[int, str]:
    """The width and the position that `align` is given."""
    if not argument:
        raise BadFormat("expected format: %(align:<width>,<position>)")
    width, position = None, LEFT
    for word in argument.split(","):
        key, equals, value = word.partition("=")
        if equals and key == "width":
            if not _NUMBER.fullmatch(value):
                raise BadFormat(f"unrecognized width:{value}")
            width = int(value)
        elif equals and key == "position":
            if value not in (LEFT, MIDDLE, RIGHT):
                raise BadFormat(f"unrecognized position:{value}")
            position = value
        elif _NUMBER.fullmatch(word):
            width = int(word)
        elif word in (LEFT, MIDDLE, RIGHT):
            position = word
        else:
            raise BadFormat(f"unrecognized %(align) argument: {word}")
    if width is None:
        raise BadFormat("positive width expected with the %(align) atom")
    return width, position


def _padded(text: str, width: int, position: str) -> str:
    """The text with blanks up to the width; one that is wider stays whole. Colours take no place."""
    blanks = width - places(SEQUENCES.sub("", text) if "\x1b" in text else text)
    if blanks <= 0:
        return text
    before = {LEFT: 0, MIDDLE: blanks // 2, RIGHT: blanks}[position]
    return " " * before + text + " " * (blanks - before)
