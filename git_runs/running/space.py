"""The values that a sweep tries, and their combinations. A parameter's values are written

    0.1,0.01             one after the other; a comma in quotes or brackets is a part of a value
    1..8, 0..1..0.25     from, to, and in which steps; both ends belong to it
    @FILE                a line of the file each
    'a,b', "@x"          as they are, without the quotes

or, where each run is to get some of them at random, `uniform(A,B)`, `loguniform(A,B)`, `int(A,B)` or `choice(VALUES)`.
"""

from __future__ import annotations

import itertools
import math
import re
from decimal import Decimal, localcontext
from random import Random

from ..errors.base import did_you_mean
from ..errors.running import AtRandom, BadValues, NotPaired, TooFewValues, TooManyRuns, TwiceTheSame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..records.record import Value

    Point = dict[str, str]  # the values of one run, by parameter
    Space = Mapping[str, "Listed | Span"]

MOST = 10_000  # runs in a sweep
DIGITS = 6  # significant ones of a number that is drawn
TRIES = 100  # to draw a combination that was not drawn before, for each that is asked for
SPANS = ("uniform", "loguniform", "int")
CHOICE = "choice"

KEY = re.compile(r"[\w@][\w.@/-]*")  # a parameter's name

_NUMBER = r"[+-]?(?:\d{1,20}(?:\.\d{1,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,2})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")
_CALL = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
_PART = re.compile(r"""'[^']*'|"[^"]*"|[^'"]""")


class Listed:
    """Values that are known beforehand."""

    def __init__(self, values: list[str], *, at_random: bool = False) -> None:
        self.values = values
        self.at_random = at_random  # whether each run is to get one of them, drawn

    def draw(self, chance: Random) -> str:
        """One of them."""
        return self.values[math.floor(chance.random() * len(self.values))]


class Span:
    """The numbers between two, both of which belong to it."""

    at_random = True

    def __init__(self, kind: str, low: float, high: float) -> None:
        self.kind = kind  # one of SPANS
        self.low = low
        self.high = high

    def draw(self, chance: Random) -> str:
        """One of them, as a function of what `chance.random` gives, which is the same in each version of Python."""
        share = chance.random()
        if self.kind == "int":
            return str(int(self.low) + math.floor(share * (int(self.high) - int(self.low) + 1)))
        if self.kind == "uniform":
            return self.text(self.low + share * (self.high - self.low))
        return self.text(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))

    def text(self, number: float) -> str:
        """A number of these, with as many digits as matter."""
        if self.kind == "int":
            return str(int(number))
        short = f"{number:.{DIGITS}g}"
        return short if self.low <= float(short) <= self.high else repr(min(max(number, self.low), self.high))


def of(given: Mapping[str, Value]) -> Space:
    """The parameters with their values, of which each are written as one text, or as a list of texts that are meant as
    they are. Raises BadValues."""
    return {key: _read(key, value) for key, value in given.items()}


def _read(key: str, value: Value) -> Listed | Span:
    if not KEY.fullmatch(key):
        raise BadValues(key, str(value), "a parameter has letters, digits and . _ @ / - in its name")
    if isinstance(value, str):
        return parse(key, value)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise BadValues(key, str(value), "it is neither a text nor a list of texts", "quote what is meant as a text")
    return Listed(value)


def parse(key: str, text: str) -> Listed | Span:
    """The values of a parameter, as they are written. Raises BadValues."""
    items = _items(key, text)
    if len(items) == 1 and (call := _CALL.fullmatch(items[0])):
        if call[1] in SPANS:
            return _span(key, call[1], _items(key, call[2]))
        if call[1] == CHOICE:
            return Listed(_expanded(key, _items(key, call[2])), at_random=True)
    return Listed(_expanded(key, items))


def crossed(space: Space) -> list[Point]:
    """All combinations, in which the values of the last parameter change fastest. Raises AtRandom, TwiceTheSame and
    TooManyRuns."""
    values = _known(space)
    _check_number(math.prod(map(len, values)))
    return _points(space, itertools.product(*values))


def paired(space: Space) -> list[Point]:
    """The first values of all parameters, the second ones, and so on; one that has a single value keeps it. Raises
    AtRandom, NotPaired, TwiceTheSame and TooManyRuns."""
    values = _known(space)
    counts = dict(zip(space, map(len, values), strict=True))
    count = max(counts.values(), default=0)
    if set(counts.values()) - {1, count}:
        raise NotPaired(counts)
    _check_number(count)
    filled = (one * count if len(one) == 1 else one for one in values)
    return _points(space, zip(*filled, strict=True))


def drawn(space: Space, count: int, seed: str) -> list[Point]:
    """So many combinations, drawn at random, each of them once: always the same ones for the same seed, of which a
    larger number has those of a smaller one first. Raises TooFewValues and TooManyRuns."""
    _check_number(count)
    chance = Random(seed)
    found: dict[tuple[str, ...], Point] = {}
    for _ in range(count * TRIES):
        if len(found) == count:
            break
        point = {key: one.draw(chance) for key, one in space.items()}
        found.setdefault(tuple(point.values()), point)
    if len(found) < count:
        raise TooFewValues(count, len(found))
    return list(found.values())


def _points(space: Space, combinations: Iterable[tuple[str, ...]]) -> list[Point]:
    found = {}
    for combination in combinations:
        if combination in found:
            raise TwiceTheSame(dict(zip(space, combination, strict=True)))
        found[combination] = dict(zip(space, combination, strict=True))
    return list(found.values())


def _known(space: Space) -> list[list[str]]:
    found = []
    for key, one in space.items():
        if isinstance(one, Span) or one.at_random:
            raise AtRandom(key)
        found.append(one.values)
    return found


def _check_number(count: int) -> None:
    if count > MOST:
        raise TooManyRuns(count, MOST)


# --- how values are written


def _items(key: str, text: str) -> list[str]:
    """What stands between the commas that separate; none of it is empty."""
    items = [""]
    depth = place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if not part:
            raise BadValues(key, text, "a quote is not closed", "one that belongs to a value stands in other quotes")
        place = part.end()
        depth = max(0, depth + (part[0] in "([{") - (part[0] in ")]}"))
        if part[0] == "," and not depth:
            items.append("")
        else:
            items[-1] += part[0]
    if "\0" in text:
        raise BadValues(key, text, "no command can hold a NUL")
    if depth:
        raise BadValues(key, text, "a bracket is not closed", "one that belongs to a value stands in quotes")
    items = [item.strip() for item in items]
    if not all(items):
        raise BadValues(key, text, "a value is empty", "an empty value is written ''")
    return items


def _expanded(key: str, items: list[str]) -> list[str]:
    """The values that these stand for."""
    return [value for item in items for value in _values(key, item)]


def _values(key: str, item: str) -> Iterator[str]:
    if len(item) > 1 and item[0] in "'\"" and item.find(item[0], 1) == len(item) - 1:
        yield item[1:-1]
    elif item.startswith("@"):
        yield from _lines(key, item)
    elif numbers := _RANGE.fullmatch(item):
        yield from _between(key, item, *numbers.groups())
    elif re.match(rf"{_NUMBER}\.\.", item):
        raise BadValues(key, item, "it is no range of numbers", "a range is FROM..TO or FROM..TO..STEP; text is quoted")
    else:
        _check_not_meant_otherwise(key, item)
        yield item


def _lines(key: str, item: str) -> list[str]:
    try:
        with open(item[1:], encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError:
        raise BadValues(key, item, "the file is not UTF-8") from None
    except OSError as error:
        hint = "a value that begins with '@' is quoted"
        raise BadValues(key, item, f"{error.strerror or error}", hint) from None
    if not any(lines):
        raise BadValues(key, item, "the file is empty")
    if any("\0" in line for line in lines):
        raise BadValues(key, item, "no command can hold a NUL, as the file does")
    return list(filter(None, lines))


def _between(key: str, item: str, first: str, last: str, step: str | None) -> Iterator[str]:
    with localcontext() as context:
        context.prec = 300  # digits: any of two such numbers, and their difference
        start, end = Decimal(first), Decimal(last)
        if step is None and (start % 1 or end % 1):
            example = Decimal(10) ** abs(end - start).adjusted()
            raise BadValues(key, item, "it is not clear in which steps", f"as in {item}..{example:f}")
        width = abs(Decimal(step or 1))
        if not width:
            raise BadValues(key, item, "steps of 0 lead nowhere")
        count = int(min(abs(end - start) // width + 1, Decimal(10**15)))
        _check_number(count)
        way = width if end >= start else -width
        numbers = [start + number * way for number in range(count)]
        yield from (format(number.normalize(), "f") for number in numbers)


def _check_not_meant_otherwise(key: str, item: str) -> None:
    call = _CALL.fullmatch(item)
    if not call:
        return
    if call[1] in (*SPANS, CHOICE):
        raise BadValues(key, item, "it is no value beside others", "what is drawn at random stands alone")
    if guess := did_you_mean(call[1], (*SPANS, CHOICE)):
        raise BadValues(key, item, f"'{call[1]}' is not known{guess}", "text is quoted")


def _span(key: str, kind: str, ends: list[str]) -> Span:
    text = f"{kind}({','.join(ends)})"
    form = r"[+-]?\d{1,15}" if kind == "int" else _NUMBER
    if len(ends) != 2 or not all(re.fullmatch(form, end) for end in ends):
        what = "two whole numbers" if kind == "int" else "two numbers"
        raise BadValues(key, text, f"it takes {what}, as in {kind}(1,10)")
    low, high = map(float, ends)
    if low >= high:
        raise BadValues(key, text, "the first number is not less than the second")
    if kind == "loguniform" and low <= 0:
        raise BadValues(key, text, "a logarithm takes numbers greater than 0")
    return Span(kind, low, high)
