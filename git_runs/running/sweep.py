"""The runs of a sweep: what each is called, and the command that it gets."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from itertools import count

from ..errors.base import did_you_mean
from ..errors.running import NoSuchParameter, StrayBrace
from ..records.record import LONGEST_NAME, NAME_CONSISTS_OF
from .command_line import before_flags, quoted_within
from .space import KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from .space import Point

DIGITS = 8  # of the hash in a name that could not hold all values, or is another run's

_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A command with a place for each parameter that it names: `{key}`; `{{` and `}}` are braces of its own."""

    def __init__(self, text: str, keys: Collection[str]) -> None:
        """`keys`: all parameters; those that the text does not name follow as `--key=value`. Raises NoSuchParameter and
        StrayBrace."""
        self._parts: list[tuple[str, str]] = []  # text, and the parameter behind it
        place = 0
        literal = ""
        for brace in _BRACE.finditer(text):
            literal += text[place : brace.start()]
            place = brace.end()
            if brace[0] in ("{{", "}}"):
                literal += brace[0][0]
                continue
            if not KEY.fullmatch(brace[1] or ""):
                raise StrayBrace(text[max(0, brace.start() - 20) : brace.end() + 20])
            if brace[1] not in keys:
                raise NoSuchParameter(brace[1], did_you_mean(brace[1], keys))
            self._parts.append((literal, brace[1]))
            literal = ""
        self._end = literal + text[place:]
        named = {key for _, key in self._parts}
        self._others = [key for key in keys if key not in named]

    def filled(self, point: Point) -> str:
        """The command with those values, each quoted for the place where it stands; an empty one leaves nothing there,
        as an empty variable does."""
        command = before = ""
        for literal, key in self._parts:
            before += literal
            command += literal + (quoted_within(point[key], before) if point[key] else "")
        command += self._end
        flags = [f"--{key}={shlex.quote(point[key])}" for key in self._others]
        return " ".join([before_flags(command), *flags]) if flags else command


def names(group: str, points: Iterable[Point], taken: Iterable[str] = ()) -> list[str]:
    """A name in the group for each of the points, which says its values: `group/lr=0.1,seed=2`. What a name cannot hold
    is "_" in it. One that is too long is cut, and that and one which is `taken` gets a hash of the values."""
    used = set(taken)
    found = []
    for point in points:
        found.append(next(name for name in _candidates(group, point) if name not in used))
        used.add(found[-1])
    return found


def free_name(group: str, point: Point, is_free: Callable[[str], bool]) -> str:
    """The same for one point, by whatever says which names are free."""
    return next(filter(is_free, _candidates(group, point)))


def _candidates(group: str, point: Point) -> Iterator[str]:
    name = f"{group}/{_legible(point)}"
    if len(name) <= LONGEST_NAME:
        yield name
    start = name[: LONGEST_NAME - DIGITS - 1].rstrip(".")
    yield from (f"{start}-{_hash(point, number)}" for number in count())


def _legible(point: Point) -> str:
    """The values as a part of a run's name, by the rules of code/refs.py."""
    parts = (f"{_replaced(key)}={_replaced(value)}" for key, value in point.items())
    whole = ",".join(parts)
    return re.sub(r"\.(lock|yml|log)?$", r"_\1", re.sub(r"^[^\w]", "_", whole, flags=re.ASCII))


def _replaced(text: str) -> str:
    """Without what would separate one thing from the next, too."""
    return re.sub(rf"[^{NAME_CONSISTS_OF}]|[/,=]|\.(?=\.)|(?<=\.)\.", "_", text)


def _hash(point: Point, number: int) -> str:
    return hashlib.sha256(json.dumps([point, number], sort_keys=True).encode()).hexdigest()[:DIGITS]
