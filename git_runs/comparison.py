"""Whether two runs put out the same: exit code, what they printed, metrics and checkpoints.

What cannot be the same is masked in logs: times, durations, paths of the runs dir and of work trees, and escape
sequences. Files are compared byte for byte; of TensorBoard's event files, all but the times.
"""

from __future__ import annotations

import os
import re
from itertools import zip_longest

from .outputs import end_marker, start_marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .outputs import Outputs
    from .record import Run

    Masks = list[tuple[bytes, bytes]]

EQUAL, DIFFERENT = "equal", "different"
CHUNK = 1 << 20
LONGEST = 80  # characters of a line that is shown

_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
# Only what can be nothing but a time: a number with a blank and a unit behind it may be a result.
_TIMES = re.compile(
    rb"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"  # points in time
    rb"|\b\d{1,2}:\d\d:\d\d([.,]\d+)?\b"
    rb"|\b1[5-9]\d{8}\.\d+\b"  # seconds since the epoch
    rb"|\[\d+:\d\d(:\d\d)?<[^\]]*\]"  # of a progress bar
    rb"|\b\d+(\.\d+)?(e[+-]?\d+)?(ns|us|ms|s|min)\b(?!/)"  # durations
    rb"|\b(?i:took|elapsed|time|eta|duration)\b[ :=]*\d+(\.\d+)?(e[+-]?\d+)?( ?[a-z]+)?"
    rb"|\b\d+(\.\d+)? ?[A-Za-z]+/s(ec|econd)?\b"  # rates
    rb"|\b\d+(\.\d+)?m?s/[a-z]+\b"
)
_PROGRESS = re.compile(rb"\d%\||\d+/\d+ \[|\d(it|s)/(s|it)\b")


class Item:
    """One thing that both runs, or one of them, put out."""

    def __init__(self, what: str, state: str, detail: str = "") -> None:
        self.what = what
        self.state = state  # equal, different, only in <name>
        self.detail = detail  # what differs first


def compare(outputs: Outputs, a: Run, b: Run) -> list[Item]:
    """Everything that the two runs put out, item by item."""
    return [_ending(a, b), _logs(outputs, a, b), *_files(outputs, a, b)]


def _ending(a: Run, b: Run) -> Item:
    endings = [_how(run) for run in (a, b)]
    if endings[0] == endings[1]:
        return Item("exit code", EQUAL)
    return Item("exit code", DIFFERENT, " / ".join(endings))


def _how(run: Run) -> str:
    keys = ("exit-code", "signal", "error")
    return ", ".join([run.record.status, *(f"{key} {run.record.text(key)}" for key in keys if key in run.record)])


# --- logs


def _logs(outputs: Outputs, a: Run, b: Run) -> Item:
    there = [run.name for run in (a, b) if os.path.isfile(outputs.log(run.name))]
    if len(there) < 2:
        return Item("log", f"only in {there[0]}" if there else "in neither")
    pairs = zip_longest(_lines(outputs, a), _lines(outputs, b))
    for number, (left, right) in enumerate(pairs, 1):
        if left != right:
            return Item("log", DIFFERENT, f"line {number}: {_shown(left)} / {_shown(right)}")
    return Item("log", EQUAL)


def _shown(line: bytes | None) -> str:
    if line is None:
        return "nothing"
    text = line.decode(errors="replace")
    return f"'{text[:LONGEST]}{'...' if len(text) > LONGEST else ''}'"


def _lines(outputs: Outputs, run: Run) -> Iterator[bytes]:
    """What the command printed, with all masked that is another each time."""
    identifier = run.record.text("id")
    started = "worktree" not in run.record
    start, end = start_marker(identifier), end_marker(identifier)
    masks = _masks(outputs, run)
    with open(outputs.log(run.name), "rb") as log:
        for line in log:
            if not started:  # the work tree is being made
                _, found, line = line.partition(start)
                started = bool(found)
                if not started or not line:
                    continue
            if line != end:
                yield _masked(line.replace(end, b""), masks)


def _masks(outputs: Outputs, run: Run) -> Masks:
    """Paths that hold the run's name, or tell where it ran, and what stands for them; the longest first."""
    places = {
        outputs.tensorboard(run.name): "<tensorboard>",
        outputs.checkpoints(run.name): "<checkpoints>",
        outputs.log(run.name): "<log>",
        outputs.worktree(run.name): "<top>",
        outputs.root: "<runs-dir>",
        os.path.dirname(outputs.root): "<top>",
    }
    return [(os.fsencode(place), mask.encode()) for place, mask in sorted(places.items(), reverse=True)]


def _masked(line: bytes, masks: Masks) -> bytes:
    line = _ESCAPES.sub(b"", line).rstrip(b"\r\n")
    *drawn, last = line.split(b"\r")
    # A progress bar is drawn again and again, more or less often.
    line = b"\r".join([*(part for part in drawn if not _PROGRESS.search(part)), last])
    return _TIMES.sub(b"<time>", _without(masks, line))


def _without(masks: Masks, text: bytes) -> bytes:
    for place, mask in masks:
        text = text.replace(place, mask)
    return text


# --- files


def _files(outputs: Outputs, a: Run, b: Run) -> Iterator[Item]:
    left_masks, right_masks = _masks(outputs, a), _masks(outputs, b)
    for kind, place in (("tensorboard", outputs.tensorboard), ("checkpoints", outputs.checkpoints)):
        left, right = _found(place(a.name)), _found(place(b.name))
        for name in sorted({*left, *right}):
            what = f"{kind}/{name}"
            if name not in right or name not in left:
                yield Item(what, f"only in {(a if name in left else b).name}")
            elif _same(left[name], right[name], left_masks, right_masks):
                yield Item(what, EQUAL)
            else:
                yield Item(what, DIFFERENT)


def _found(top: str) -> dict[str, str]:
    """Paths of what is below `top`, by what to call them: the names of event files hold time, host and process.

    Of directories, only the empty ones are told, and links, which are not followed.
    """
    found: dict[str, str] = {}
    for directory, directories, files in os.walk(top):
        directories.sort()
        events = 0
        links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
        for name in sorted([*files, *links]):
            shown = name
            if _is_event_file(name):
                events += 1
                shown = f"events.out.tfevents ({events})"
            found[os.path.relpath(os.path.join(directory, shown), top)] = os.path.join(directory, name)
        if directory != top and not files and not directories:
            found[os.path.relpath(directory, top) + "/"] = directory
    return found


def _is_event_file(name: str) -> bool:
    return name.startswith("events.out.tfevents.")


def _same(left: str, right: str, left_masks: Masks, right_masks: Masks) -> bool:
    try:
        if os.path.islink(left) or os.path.islink(right):
            targets = os.fsencode(os.readlink(left)), os.fsencode(os.readlink(right))
            return _without(left_masks, targets[0]) == _without(right_masks, targets[1])
        if os.path.isdir(left) or os.path.isdir(right):
            return os.path.isdir(left) == os.path.isdir(right)
        if _is_event_file(os.path.basename(left)):
            return list(_events(left)) == list(_events(right))
        if os.path.getsize(left) != os.path.getsize(right):
            return False
        with open(left, "rb") as one, open(right, "rb") as other:
            return all(a == b for a, b in zip_longest(_chunks(one), _chunks(other)))
    except OSError:
        return False


def _chunks(file: object) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):  # type: ignore[attr-defined]
        yield chunk


def _events(path: str) -> Iterator[bytes]:
    """The events of a file of TFRecords without their time, which is the first field: tensorboard's event.proto."""
    with open(path, "rb") as file:
        while header := file.read(12):
            size = int.from_bytes(header[:8], "little")
            if len(header) < 12 or size > CHUNK << 10:
                yield header + file.read()
                return
            event = file.read(size)
            file.read(4)
            # Field 1, eight bytes.
            yield event[9:] if event[:1] == b"\x09" else event
