"""How far a program is, as the counters and bars in the lines of its log say."""

from __future__ import annotations

import re

from .words import IS_OTHER, LABELS, STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Found = re.Match[str] | None

PROGRESS = "progress"  # in a mark's memory: how far the program is, from 0 to 1, where its bars and counters say so

# In lower case; whether a longer word ends there is yet to be seen.
_COUNTER = re.compile(
    rf"(?:(?P<step>{'|'.join(sorted(STEPS, key=len, reverse=True))})|epoch|train:(?=\s*\d+ \[))s?(?:\(\w+\))?[\"']?"
    r"\s*[:=#]?\s*[\[(\"']?\s*(?P<done>\d{1,15}(?:\.\d+)?)(?:\s*(?:/|of)\s*(?P<total>\d{1,15}))?(?![\w%]|\.\d)"
)
_BAR = re.compile(
    r"(?<![\w./])(\d{1,15})\s*/\s*(\d{1,15})(?:\s*\[[=>.#\d]|\s+[━╸╺\u2588-\u258f#=]|\s+(?:batch|step|iter))"  # 3/10 [=
    r"|[\[━╸╺]\s*(\d{1,15})\s*/\s*(\d{1,15})\s*(?:[\](]|\d+:)"  # [ 3/10], ━━━ 3/10 0:01
    r"|:\s+(\d{1,15}) / (\d{1,15})\s"  # epoch 1:  3 / 10 loss
)
_PERCENT = re.compile(r"(?<![\w.])(\d{1,3})%\|")  # as tqdm has it
_SAID = re.compile(r"progress\W{1,3}(\d{1,3}(?:\.\d+)?)\s*%")
_ROUND = re.compile(r"(?:.*\] )?\[(\d{1,15})\]\s|(\d{1,15}):\s+learn:")  # as xgboost, CLU and CatBoost begin lines
_BEGINS_EPOCH = re.compile(r"(?i)[^\w{]*epoch")
_OF_EPOCHS = re.compile(r"(?i)(?<![a-z])epochs?\W*$")
_LETTERS = re.compile(r"[a-z]+")


class Progress:
    """By its counters and bars; in a mark's memory.

    `epoch`, `epochs`: the one that is running, and how many there are, 0 where that is not known; `first`: the number
    of the first one; `part`: how much of it is done; `bar`: done and total of the longest bar outside of epochs.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._memory = memory

    def read(self, line: str, is_result: bool) -> float | None:
        """The step that a line names; `is_result`: there are values of metrics in it."""
        step, epoch = _counters(line)
        start, done, total = _fraction(line, step, epoch)
        if epoch and epoch["done"].isdigit():
            is_header = total > 0 or _BEGINS_EPOCH.match(line) is not None
            self._enter(int(epoch["done"]), int(epoch["total"] or 0), is_header)
            if is_result and not total and epoch["total"]:
                self._memory["part"] = 1.0
        said = _SAID.search(line.lower()) if "%" in line else None
        if said:
            self._memory[PROGRESS] = min(float(said[1]) / 100, 1.0)
        elif total or "%|" in line:
            self._count(line, start, done, total)
        elif epoch:
            self._tell()
        if step and not step["total"]:
            return float(step["done"])
        if total:
            is_of_epoch = epoch is not None or step is None
            return float(done + self._epochs_before() * total if is_of_epoch else done)
        if epoch:
            return float(epoch["done"])
        begin = _ROUND.match(line)
        return float(begin[1] or begin[2]) if begin else None

    def begin_anew(self) -> None:
        """The program was started again, from wherever it goes on."""
        for key in ("epoch", "epochs", "first", "part", "bar", PROGRESS):
            self._memory.pop(key, None)

    def _enter(self, epoch: int, epochs: int, is_header: bool) -> None:
        """The program is in that epoch."""
        memory = self._memory
        if epoch != memory.get("epoch"):
            memory["epoch"], memory["part"] = epoch, 0.0
        if epoch == 0:
            memory["first"] = 0
        if epochs or epoch > memory.get("epochs", epoch):
            memory["epochs"] = epochs
        elif is_header:
            memory.setdefault("epochs", 0)

    def _epochs_before(self) -> int:
        return max(0, int(self._memory.get("epoch", 1)) - int(self._memory.get("first", 1)))

    def _count(self, line: str, start: int, done: int, total: int) -> None:
        """A bar says how much is done of what; that may be the whole, an epoch, or something else."""
        percent = _PERCENT.search(line) if "%|" in line else None
        label = line[: percent.start() if percent else start]
        if percent and not total:
            done, total = int(percent[1]), 100
        if not total or IS_OTHER.search(label) or (percent and not {*_LETTERS.findall(label.lower())} <= LABELS):
            return
        if _OF_EPOCHS.search(label):
            self._enter(done + 1, total, True)
        elif "epochs" in self._memory:
            self._memory["part"] = max(self._memory.get("part", 0.0), min(done / total, 1.0))
        else:
            self._compare(done, total)
            return
        self._tell()

    def _tell(self) -> None:
        """By epochs, if it is known how many there are."""
        memory = self._memory
        if memory.get("epochs"):
            epochs = memory["epochs"] + 1 - memory.get("first", 1)
            memory[PROGRESS] = min((self._epochs_before() + memory.get("part", 0.0)) / epochs, 1.0)
        elif "epochs" in memory:
            memory[PROGRESS] = None

    def _compare(self, done: int, total: int) -> None:
        """Of bars outside of epochs, the longest one is the whole, unless it begins again, or another one follows."""
        last, longest = self._memory.get("bar", (0, 0))
        if total == longest and done * 2 < last:
            self._memory["epochs"] = 0
            self._memory[PROGRESS] = None
        elif total > longest or (total == longest and done > last):
            self._memory["bar"] = [done, total]
            self._memory[PROGRESS] = min(done / total, 1.0)
        elif total < longest and last >= longest:
            self._memory[PROGRESS] = None


def _counters(line: str) -> tuple[Found, Found]:
    """What a line says of the step, and of the epoch."""
    step = epoch = None
    small = line.lower()
    for counter in _COUNTER.finditer(small if len(small) == len(line) else line):
        before = small[max(0, counter.start() - 1) : counter.start()]
        if before.isalnum() or before in {"_", "/", "-"}:
            continue
        if counter["step"]:
            step = step or counter
        else:
            epoch = epoch or counter
    return step, epoch


def _fraction(line: str, step: Found, epoch: Found) -> tuple[int, int, int]:
    """Where a line has a bar or something like it, with how much it says to be done of what; 0 where it has none."""
    if step and step["total"]:
        return step.start(), int(float(step["done"])), int(step["total"])
    after = epoch.end() if epoch and epoch["total"] else 0
    if "/" in line and (bar := _BAR.search(line, after)):
        done, total = (int(number) for number in bar.groups() if number)
        return bar.start(), done, total
    return 0, 0, 0
