"""What a run does by now: which step it is at, how far that is, and since when; and what of its command is the
program."""

from __future__ import annotations

import os
import re

from ..records.outputs import start_marker
from ..records.record import METRICS, UNDER_WAY, to_text
from ..results import values
from ..results.params import ENV
from ..results.summary import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import BinaryIO

    from ..records.record import Record, Run, Value
    from ..results.values import Values

LINE = 1 << 13  # bytes at the end of a log among which its last line is
ALMOST = 0.99  # what a run has done at most that still goes on, where that is a guess

_CONTROL = re.compile(  # ECMA-48, 5.4 and 5.6
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|\x07"
)


def duration(record: Record, status: str, now: float) -> float | None:
    """How many seconds the run took, or goes on by now; None where that is not known."""
    start, end = record.moment("datetime"), record.moment("finished")
    if end is None and status in UNDER_WAY:
        end = now
    return None if start is None or end is None or not record.has_begun else max(0.0, end - start)


def without(command: str, parameters: Mapping[str, Value], mark: str) -> str:
    """The command with a mark in the place of those parameters; of those that it writes in another way than most, the
    words stay."""
    words = command.split(" ")
    left: list[str] = []
    place = 0
    while place < len(words):
        taken = _words_of_parameter(words, place, parameters)
        if not taken:
            left.append(words[place])
        elif left[-1:] != [mark]:
            left.append(mark)
        place += taken or 1
    return " ".join(left)


def _words_of_parameter(words: list[str], place: int, parameters: Mapping[str, Value]) -> int:
    """How many words say one of the parameters there: `--lr=1`, `lr=1`, `--amp` and `-n4` are one, `--lr 1` is two."""
    key, is_joined, said = words[place].partition("=")
    name = key.lstrip("-+")
    if is_joined:
        return int(any(one in parameters and _is_said(parameters[one], said) for one in (name, ENV + name)))
    if not key.startswith("-"):
        return 0
    if name not in parameters:
        return int(name[:1] in parameters and _is_said(parameters[name[:1]], name[1:]))
    if _is_said(parameters[name], "true"):
        return 1
    return 2 if _is_said(parameters[name], "".join(words[place + 1 : place + 2])) else 0


def _is_said(value: Value, said: str) -> bool:
    """Whether a word means the value, or one of the values."""
    texts = map(to_text, value if isinstance(value, list) else [value])
    return any(said in (text, f"'{text}'", f'"{text}"') for text in texts)


def last_line(log: BinaryIO, record: Record) -> str:
    """The last line in the log of the run with that record that is not blank, as a terminal would have it: without
    control strings, and without what was written over, as progress bars are; "" where there is none."""
    end = log.seek(0, os.SEEK_END)
    log.seek(max(0, end - LINE))
    printed = log.read(LINE).rpartition(start_marker(record.text("id")))[2]
    lines = re.split(rb"[\r\n\x08]+", _CONTROL.sub(b"", printed))
    return next(filter(None, map(bytes.strip, reversed(lines))), b"").decode(errors="replace")


def curve(found: Values, run: Run, name: str) -> list[float]:
    """A few values of a metric by which it can be drawn; none where there are no more than summaries."""
    summaries = found.metrics.summaries(run)
    summaries.draw()
    by_key = summaries.by_key()
    key, _ = split(name.removeprefix(METRICS), by_key)
    return by_key[key][1].curve if key in by_key else []


class Course:
    """How far runs are: as their logs say, or else by the steps that ended runs of the same program took which were
    given the same counts, of epochs, say."""

    def __init__(self, found: Values, ended: Iterable[Run]) -> None:
        """Those that have ended are looked at only where they are needed."""
        self._values = found
        self._ended = ended
        self._by_program: dict[str, list[tuple[Run, dict[str, str]]]] | None = None  # with their parameters

    def step(self, run: Run) -> tuple[str, float] | None:
        """The metric whose step is the largest, and that step; None where the run has written none."""
        found = self._values.metrics.of(run)
        steps = {key: summary["end"] for key, (_, summary) in found.items()}
        return max(steps.items(), key=lambda pair: pair[1]) if steps else None

    def share(self, run: Run) -> float | None:
        """How much of its way it has gone, from 0 to 1; None where nothing is known of that."""
        said = self._values.metrics.summaries(run).progress
        if said is not None:
            return said
        reached = self.step(run)
        if reached is None:
            return None
        key, step = reached
        whole = max((self._last_step(other, key) for other in self._alike(run)), default=0.0)
        before_first = min(self._values.metrics.of(run)[key][1]["start"] - 1, 0)  # where nothing is done
        share = (step - before_first) / (whole - before_first) if whole > 0 and step <= whole else None
        return None if share is None else min(share, ALMOST)

    def _alike(self, run: Run) -> list[Run]:
        """The ended runs that take as many steps."""
        if self._by_program is None:
            self._by_program = {}
            for one in self._ended:
                program, choices = _program_and_choices(one)
                self._by_program.setdefault(program, []).append((one, choices))
        program, own = _program_and_choices(run)
        return [one for one, its in self._by_program.get(program, []) if _have_same_counts(own, its)]

    def _last_step(self, run: Run, key: str) -> float:
        found = self._values.of(run, f"metrics.{key}:step")
        return float(found) if isinstance(found, (int, float)) else 0.0


def _program_and_choices(run: Run) -> tuple[str, dict[str, str]]:
    """The command as it was typed, without its parameters; and these, but for seeds."""
    found = values.parameters(run)
    choices = {key: to_text(value) for key, value in found.items() if "seed" not in key.lower()}
    return without(run.record.typed_command, found, ""), choices


def _have_same_counts(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the parameters that are whole numbers, which may say how long a run is, are the same; what is a fraction
    in one of both runs counts nothing."""
    differing = (key for key in {*one, *other} if one.get(key) != other.get(key))
    pairs = ([one.get(key), other.get(key)] for key in differing)
    return not any(all(text is None or text.isdecimal() for text in pair) for pair in pairs)
