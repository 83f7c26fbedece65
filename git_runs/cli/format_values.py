"""What an atom of a format means of a run: `%(name)`, `%(commit:short)`, `%(datetime:relative)`, `%(loss:min)`.

A name is that of a field of the record, of a parameter or of a metric, as results/values.py finds it; what follows a
colon says how it is shown, in the words of git-for-each-ref(1). Of a metric it is part of the name, `loss:min`, as a
metric may have colons in its own name. After `params.` and `metrics.` all is the name.
"""

from __future__ import annotations

import re

from ..errors.cli import BadFormat
from ..records.record import METRICS, PARAMS, is_field, to_text
from ..records.rows import TIMES
from . import dates
from .dates import Dates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..records.record import Value

    Show = Callable[[Value], str]

NAME, REFNAME, OBJECTNAME, COMMIT = "name", "refname", "objectname", "commit"
HASHES = (COMMIT, "base", OBJECTNAME)  # fields, and a name of git's
TEXTS = ("description",)
FEWEST = 4  # digits of a hash: MINIMUM_ABBREV of git
_REFS = "refs/"


class Atoms:
    """What words between `%(` and `)` mean."""

    def __init__(self, short: Callable[[str], str], safe: Callable[[str], str] | None = None) -> None:
        """`short` abbreviates a hash; `safe` is what has to be done to each value before it is shown, if anything."""
        self._short = short
        self._safe = safe

    def __call__(self, words: str) -> tuple[str, Show]:
        """The key of the value, and how that is shown; raises BadFormat."""
        key, show = self._meaning(words)
        safe = self._safe
        return (key, show) if safe is None else (key, lambda value: safe(show(value)))

    def _meaning(self, words: str) -> tuple[str, Show]:
        name, colon, argument = words.partition(":")
        if words.startswith((PARAMS, METRICS)) or not colon:
            return (COMMIT if words == OBJECTNAME else words), to_text
        if name == REFNAME:
            return name, _refname(argument)
        if name in HASHES:
            return (COMMIT if name == OBJECTNAME else name), self._hash(name, argument)
        if name in TIMES:
            return name, _time(argument)
        if name in TEXTS:
            return name, _text(name, argument)
        if is_field(name):
            raise BadFormat(f"%({name}) does not take arguments")
        return (name, _time(argument)) if dates.is_form(argument) else (words, to_text)

    def _hash(self, name: str, argument: str) -> Show:
        if argument == "short":
            short = self._short
            return lambda value: short(to_text(value))
        digits = argument.removeprefix("short=")
        if digits == argument:
            raise BadFormat(f"unrecognized %({name}) argument: {argument}")
        number = max(FEWEST, _whole(digits, f"positive value expected '{digits}' in %({name}:{argument})"))
        return lambda value: to_text(value)[:number]


def _time(form: str) -> Show:
    if not dates.is_form(form):
        raise BadFormat(f"unknown date format {form}", f"as in git log --date: {', '.join(dates.FORMS)}, format:%H:%M")
    shown = Dates(form).shown
    return lambda value: shown(to_text(value))


def _refname(argument: str) -> Show:
    """Of a full name: `short` is what git needs to find it, and `lstrip=N`, `rstrip=N` are as git has them."""
    if argument == "short":
        return lambda value: to_text(value).removeprefix(_REFS)
    kind, equals, number = argument.partition("=")
    if not equals or kind not in ("lstrip", "strip", "rstrip"):
        raise BadFormat(f"unrecognized %({REFNAME}) argument: {argument}")
    if not re.fullmatch("-?[0-9]{1,9}", number):
        raise BadFormat(f"Integer value expected {REFNAME}:{argument}")
    count = int(number)
    return lambda value: _stripped(to_text(value).split("/"), count, from_left=kind != "rstrip")


def _stripped(parts: list[str], count: int, *, from_left: bool) -> str:
    """Without so many of the parts; of a negative number, with so many left."""
    gone = count if count >= 0 else max(0, len(parts) + count)
    return "/".join(parts[gone:] if from_left else parts[: max(0, len(parts) - gone)])


def _text(name: str, argument: str) -> Show:
    """Of a text of several paragraphs, what git calls so in the message of a commit."""
    if argument == "subject":
        return lambda value: " ".join(_paragraphs(value)[0].split("\n"))
    if argument == "body":
        return lambda value: _paragraphs(value)[1]
    number = argument.removeprefix("lines=")
    if number == argument:
        raise BadFormat(f"unrecognized %({name}) argument: {argument}")
    count = _whole(number, f"positive value expected {name}:lines={number}", least=0)
    return lambda value: "\n    ".join(to_text(value).split("\n")[:count])  # append_lines of git's ref-filter.c


def _paragraphs(value: Value) -> tuple[str, str]:
    """The first paragraph, and the others."""
    first, _, others = to_text(value).lstrip("\n").partition("\n\n")
    return first.rstrip("\n"), others.lstrip("\n")


def _whole(text: str, message: str, *, least: int = 1) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
        raise BadFormat(message)
    return int(text)
