"""Lines of the log: what a program that only prints says of its metrics.

A line counts where a word of it is known to be a metric's (words.VOCABULARY), with a number behind it: `acc=0.9`,
`train loss 0.52`, `"val_ppl": "12.3"`, `| reward | 7.5 |`. Then all that stands there in the form of `key=number`
counts, too: `lr=1e-3`. A line of names, one of them a metric's, begins a table, and lines of as many numbers are its
rows. What lists arguments, versions, warnings or code counts for nothing. The setting runs.metric-pattern adds regular
expressions: their named groups are metrics, but for `step`, and `key` and `value`, which are one together.

A key is what is printed, `_` for blanks: `Train loss` is `Train_loss`, `D loss` is `D_loss`, and `Value loss` is
`Value_loss`. In a line that begins with another part of the data, as in `Test: loss 0.5 acc 0.9`, or names it behind
the epoch, this comes first: `Test_acc`; and so for what a line has a second time, behind the name of such a part.

The step is what the line calls step or iteration; that of a bar, `30/100`, after those of earlier epochs; or the epoch;
else the number of the point.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

from ...records import logs
from .counters import Progress
from .source import Series, Source, whole_lines
from .words import AMBIGUOUS, COLUMNS, IS_OTHER, KINDS, STEPS, VOCABULARY, names_data, without_separators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

    from .source import Mark

LONGEST = 5000  # bytes of a line, without escapes; longer ones are data
LONGEST_KEY = 200  # characters; to see what a longer one is would take its time
MOST = 500  # keys of one log
PATIENCE = 100  # lines that are no rows, after which a table has ended

_NO_METRIC = re.compile(  # nor are names of files
    rf"(?:{'|'.join(STEPS)})s?|epochs?|batches|e|#|eta|time|rank|v_num|seed|gpu|gpu_mem|memory|size|images|instances"
    r"|train|.*\.(?:py|c|cc|cpp|cu|h|js|rs|go|md|txt|json|ya?ml|o)"
)
# What is made of metrics' words, and set by somebody.
_IS_SET = re.compile(
    r".*(?:weights?(?![a-z])|coef|scale(?!d)|thresh|lambda|clip_(?:grad|norm|value)|factor|patience|smoothing|decay"
    r"|warmup|max_grad|limit|beta|_(?:type|name|fn|reduction)\b).*|(?:target|num|use)_.*"
)
# A line with one of these has no metrics. Each begins with a letter or sign: so `re` finds it fast.
_COUNTS_NOT = re.compile(
    r"Namespace\(|Config\(|Args\(|Arguments\(|Params\(|Options\(|Settings\("
    r"|args?\b|Args?\b|arguments?\b|Arguments?\b|version\b|Version\b|Warning\b|WARN|ERROR\b|Traceback|://"
    r"|Error\b(?<=\wError)(?!\s*[:=|]?\s*[-+.\d])|Exception\b"  # MeanSquaredError: 0.5 is a metric
    r"|-(?<!\S-)-?(?!inf|nan)[a-zA-Z]"  # an option
    r"|==\s*\d|<=\s*\d|>=\s*\d|\(AP\) @\[|\(AR\) @\[|\0|\x01|\x02|\x03|\x04|\x05|\x06"  # COCO's table; binary data
)
# Lightning's modules, code, Megatron's arguments, and what an earlier program has reached.
_BEGINS_NOT = re.compile(
    r"\s*(?:\d+\s+\||return\b|[\w-]+ \.{4,} |(?:=> )?(?i:load|resum|restor)(?:ed|ing) .*(?:checkpoint|epoch|step))"
)


def _any_of(words: Iterable[str]) -> str:
    """A pattern of any of them, by their first letters: that is as fast as `re` can be."""
    rests: dict[str, list[str]] = {}
    for word in sorted(words, key=len, reverse=True):
        rests.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items())


# --- the forms

_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_BREAKS = bytes.maketrans(b"\r\x08", b"\n\n")  # what ends a line, or begins it anew
# In lower case, where a line may have a metric, or say how far the program is: one of the words, and behind it a number
# or the next column of a table.
_WORDS = {*VOCABULARY, *AMBIGUOUS, *(word for word in STEPS if word.isalpha()), "num_update", "epoch", "progress"}
_MAY_COUNT = re.compile(
    (
        rf"(?:[^a-z](?:{_any_of(_WORDS)})|loss|accuracy|error)[^\n]{{0,40}}?(?:\d|\t|  |[|]|nan|inf)"
        rf"|%\||\n{logs.FAILED_SO}"
    ).encode()
)
_METRIC = re.compile(rf"(?:.*[\W_])?(?:\w*loss|\w*accuracy|{'|'.join(VOCABULARY)})s?(?:[\W_\d].*)?")
_AMBIGUOUS = re.compile(rf"(?:.*[\W_])?(?:\w*error|{'|'.join(AMBIGUOUS)})s?[\W_\d]*")

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?i:nan|inf(?:inity)?))"
_PAIR = re.compile(
    rf"(?<![\w.@/-])(?P<key>[A-Za-z_][\w./@'%-]{{0,{LONGEST_KEY}}})[\"']?"
    r"(?P<sign>\s*[:=|│┃]\s*|\s+)[\"']?"
    r"(?:\d+/\d+ \((?=[\d.]+%))?"  # as in 98/100 (98%)
    rf"(?P<number>{_NUMBER})(?!\w|'\d|:(?!\s+\d+%\|)|\.\w|,\d\d\d\b|%\||\s*/\s*\d|\s*[*+]|\s-+$|\s*(?:[-=]>|→))"
)
_IS_NUMBER = re.compile(_NUMBER)
# As people elsewhere write numbers: 0,5 and 1.234,5 and 1 234.
_IS_OTHER_FORM = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d|[-+]?\d{1,3}(?: \d{3})+(?![\w.,]*[:=])\b")
_LETTER = re.compile(r"[\[(]?([A-Z])")  # which of several networks: D loss
_NAME = re.compile(r"(?!Current|New|The|This)[A-Z][a-z]+")  # Generator loss, at the beginning or after a comma
_IS_TRAINING = re.compile(r"(?i)(?<![a-z])train")
_CELLS = re.compile(r"\s{2,}|\s*[|│┃]\s*")
_BAR_BEHIND = re.compile(r":\s+\d+%\|.*")  # a row may be the label of a bar
_IS_RULE = re.compile(r"[\s=_|+─━-]*")
_IS_NAME = re.compile(r"[A-Za-z#][^:=]*")


class OwnSource(Source):
    """Reads the log."""

    def takes(self, path: str, place: str) -> bool:
        """There is one."""
        return path == self.places.log

    def order(self, path: str, written: float) -> float:
        """Of no matter."""
        return written

    def read(self, file: BinaryIO, mark: Mark, inside: str) -> Iterator[dict[str, Series]]:
        """Numbers by what stands before them, blanks replaced by `_`; none before the command has begun."""
        if not mark.offset:
            start = logs.beginning(file, self.places.record)
            if start is None:
                return
            mark.offset = start
        lines = _Lines(mark.memory, self.rules.patterns)
        yield from map(lines.read, whole_lines(file, mark, (b"\n", b"\r"), is_complete=self.places.has_ended))


class _Lines:
    """Reads line by line, and remembers in the mark what later lines need.

    `counts`: the number of points by key; `code`: whether a line of code comes next; `table`: the names of the columns,
    and how many lines since then were no rows.
    """

    def __init__(self, memory: dict[str, Any], patterns: Sequence[re.Pattern[str]]) -> None:
        self._memory = memory
        self._counts: dict[str, int] = memory.setdefault("counts", {})
        self._patterns = patterns
        self._progress = Progress(memory)
        self._found: dict[str, Series] = {}

    def read(self, block: bytes) -> dict[str, Series]:
        """The points in whole lines."""
        self._found = {}
        text = (_ESCAPE.sub(b"", block) if b"\x1b" in block else block).translate(_BREAKS)
        for line, may_count in self._lines(b"\n" + text):
            self._read_line(line.decode(errors="replace"), may_count)
        return self._found

    def _lines(self, text: bytes) -> Iterator[tuple[bytes, bool]]:
        """Those that are to be read, of a text that begins with the end of a line; whether they may have metrics."""
        small = text.lower()
        start = 1
        while start < len(text):
            is_each_read = bool(self._patterns or self._memory.get("table"))
            match = _MAY_COUNT.search(small, start - 1, text.find(b"\n", start) if is_each_read else len(text))
            if match:
                start = text.rfind(b"\n", 0, match.end()) + 1
            elif not is_each_read:
                break
            end = text.find(b"\n", start)
            if end - start <= LONGEST:
                yield text[start:end], match is not None and not self._is_code(text, start)
            start = end + 1
        if len(text) > 1:
            self._memory["code"] = self._is_code(text, len(text))

    def _is_code(self, text: bytes, start: int) -> bool:
        """Whether the line that begins there is one that a traceback quotes."""
        if start == 1:
            return bool(self._memory.get("code"))
        return text.find(b'  File "', text.rfind(b"\n", 0, start - 1) + 1, start) >= 0

    def _read_line(self, printed: str, may_count: bool) -> None:
        if printed.startswith(logs.FAILED_SO):
            self._progress.begin_anew()
            return
        line = without_separators(printed)
        found: dict[str, str] = {}
        step: float | None = None
        if may_count and not _COUNTS_NOT.search(line) and not _BEGINS_NOT.match(line):
            found = _metrics(line)
            step = self._progress.read(line, bool(found))
        if not found:
            step, found = self._row(line, step)
        for pattern in self._patterns:
            for match in pattern.finditer(printed):
                groups = {name: text for name, text in match.groupdict().items() if text is not None}
                with suppress(ValueError, KeyError):
                    step = float(without_separators(groups.pop("step")))
                if "key" in groups and "value" in groups:
                    groups[groups.pop("key")] = groups.pop("value")
                found.update(groups)
        for key, text in found.items():
            with suppress(ValueError):
                self._add(key, step, float(without_separators(text)))

    def _row(self, line: str, step: float | None) -> tuple[float | None, dict[str, str]]:
        """The step and the values of a line as a row of a table; no values where it is the head of one, or none."""
        cells = _cells(line)
        if _is_head(cells):
            self._memory["table"] = [[cell.strip("()").replace(" ", "_") for cell in cells], 0]
            return step, {}
        table = self._memory.get("table")
        if not table or _IS_RULE.fullmatch(line):
            return step, {}
        columns, misses = table
        numbers = [_IS_NUMBER.fullmatch(cell) is not None for cell in cells]
        if len(cells) != len(columns) or sum(numbers) * 2 < len(cells):
            self._memory["table"] = [columns, misses + 1] if misses < PATIENCE else None
            return step, {}
        table[1] = 0
        row = list(zip((name.lower() for name in columns), columns, cells, numbers, strict=True))
        counters = " ".join(f"{COLUMNS[small]} {cell}" for small, _, cell, _ in row if small in COLUMNS)
        found = {name: cell for small, name, cell, is_number in row if is_number and _kind(small) != "none"}
        return self._progress.read(counters, True), found

    def _add(self, key: str, step: float | None, value: float) -> None:
        number = self._counts.get(key, 0)
        if number == 0 and len(self._counts) >= MOST:
            return
        self._counts[key] = number + 1
        self._found.setdefault(key, Series()).add(float(number) if step is None else step, value)


# --- what a line has


def _metrics(line: str) -> dict[str, str]:
    """The numbers of a line by key, of which one at least is a metric's; none where there is none."""
    found: dict[str, str] = {}
    has_metric = False
    data: str | None = None
    end = 0
    for pair in _PAIR.finditer(line):
        if not has_metric:
            data = _other_data(line, pair.end("key"))
        before = line[end : pair.start()].split()
        end = pair.end()
        word, has_sign, number = pair["key"].strip("'./-"), bool(pair["sign"].strip()), pair["number"]
        if "/" in word and pair["sign"] == ":" and number.isdigit():  # loss/mul:0 is the name of a tensor
            continue
        if _IS_OTHER_FORM.match(line, pair.start("number")):
            continue
        key = "_".join([*_taken_from(before, word), word])
        is_in_sentence = (
            bool(before) and before[-1][-1].isalpha() and not line[pair.start() - 2 : pair.start()].isspace()
        )
        if (
            _is_metric(key if has_sign else word, has_sign, number)
            and (has_sign or not is_in_sentence or not number.isdigit())
            and _kind(key.lower()) != "set"
        ):
            has_metric = True
            named = data or (_last_other_data(line, pair.end("key")) if key in found else None)
            if named and not names_data(key):
                key = f"{named}_{key}"
        elif not has_sign or (is_in_sentence and "_" not in key) or _kind(word.lower()) == "none":
            continue
        found.setdefault(key, number)
    return found if has_metric else {}


def _taken_from(before: list[str], word: str) -> list[str]:
    """The last of the words before one, as far as they belong to its key; `[D` where that is a metric's: `D`."""
    taken: list[str] = []
    if before and (letter := _LETTER.fullmatch(before[-1])) and _kind(word.lower()) in {"metric", "ambiguous"}:
        before.pop()
        taken.append(letter[1])
    while before and (before[-1].rstrip(".").lower() in KINDS or before[-1].endswith("'s")):
        taken.insert(0, before.pop().rstrip(".").removesuffix("'s"))
    if not taken and _begins_with_name(before) and _kind(word.lower()) == "metric":
        taken.append(before.pop())
    return taken


def _begins_with_name(before: list[str]) -> bool:
    """Whether the last of the words is a name of what the metric is of, and nothing goes on with it."""
    return bool(before) and _NAME.fullmatch(before[-1]) is not None and not (before[1:] and before[-2][-1].isalnum())


def _is_metric(key: str, has_sign: bool, number: str) -> bool:
    kind = _kind(key.lower())
    return kind == "metric" or (kind == "ambiguous" and has_sign and not number.lstrip("+-").isdigit())


@lru_cache(MOST)
def _kind(key: str) -> str:
    """Of a key in lower case: `metric` or `ambiguous`, `set` by somebody, `none`, which has no values, or empty."""
    if len(key) > LONGEST_KEY:
        return ""
    kinds = {"none": _NO_METRIC, "set": _IS_SET, "metric": _METRIC, "ambiguous": _AMBIGUOUS}
    return next((kind for kind, pattern in kinds.items() if pattern.fullmatch(key)), "")


def _other_data(line: str, end: int) -> str | None:
    """Which data a line is about, as it begins with it; None where these are the training data, or none are named."""
    match = IS_OTHER.search(line, 0, end)
    return match[0] if match and not _IS_TRAINING.search(line) else None


def _last_other_data(line: str, end: int) -> str | None:
    """Which data is named last before there, of a line that has the same for training, too."""
    named = IS_OTHER.findall(line, 0, end)
    return named[-1] if named else None


def _cells(line: str) -> list[str]:
    return [cell for cell in _CELLS.split(_BAR_BEHIND.sub("", line.strip())) if cell]


def _is_head(cells: list[str]) -> bool:
    return (
        len(cells) > 2
        and all(_IS_NAME.fullmatch(cell) for cell in cells)
        and any(_kind(cell.replace(" ", "_").lower()) in {"metric", "ambiguous"} for cell in cells)
    )
