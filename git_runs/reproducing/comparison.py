"""Whether two runs put out the same: exit code, what they printed, metrics, checkpoints, and files left in work trees.

What cannot be the same is masked in logs: times, durations, paths of the runs dir and of work trees, and escape
sequences. Files are compared byte for byte; of TensorBoard's event files, all but the times. Where masking, or what
is not there any more, leaves room for a difference, that is said.
"""

from __future__ import annotations

import os
import re
import stat
from itertools import zip_longest

from ..code import isolation
from ..console.escape import SEQUENCES
from ..errors.system import GitFailed
from ..records import logs
from ..records.outputs import Outputs, end_marker
from ..records.record import FAILED, UNKNOWN
from ..system.git import calls, discovery, objects
from .times import Mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import BinaryIO

    from ..records.record import Record, Run

EQUAL, DIFFERENT, NOT_COMPARED = "equal", "different", "not compared"
CHUNK = 1 << 20
LONGEST = 80  # characters of a line that are shown
BEFORE = 20  # characters that are shown before the first that differs

TRACEBACK = b"Traceback (most recent call last):"  # what Python prints first of an exception
_ESCAPES = re.compile(SEQUENCES.pattern.encode())
_OF_GIT = re.compile(r"(?:^|/)\.git(?:/|\Z)").search
_PROGRESS = re.compile(rb"\d%\||\d+/\d+ \[|\d(it|s)/(s|it)\b")


class Item:
    """One thing that both runs, or one of them, put out."""

    def __init__(self, what: str, state: str, detail: str = "") -> None:
        self.what = what
        self.state = state  # equal, different, only in <name>, not compared
        self.detail = detail  # what differs first, or was masked first

    @property
    def differs(self) -> bool:
        """Whether the runs are not the same in this."""
        return self.state not in (EQUAL, NOT_COMPARED)


def compare(outputs: Outputs, a: Run, b: Run) -> list[Item]:
    """Everything that the two runs put out, item by item."""
    # Runs that stood in the same place name it by the same path.
    is_same_place = a.record.is_mounted and b.record.is_mounted and a.record.text("top") == b.record.text("top")
    sides = _Side(outputs, a, masks_top=not is_same_place), _Side(outputs, b, masks_top=not is_same_place)
    return [_ending(*sides), _logs(*sides), *_files(*sides)]


def has_outputs(outputs: Outputs, run: Run) -> bool:
    """Whether anything is here of what the run put out: its log, be that empty, or a file in its directories."""
    directories = outputs.tensorboard(run.name), outputs.checkpoints(run.name)
    return os.path.isfile(outputs.log(run.name)) or any(map(_below, directories))


def is_silent(outputs: Outputs, run: Run) -> bool:
    """Whether the run printed nothing."""
    return not any(_lines(_Side(outputs, run)))


class _Side:
    """One of the runs, and what stands for the paths that hold its name or the place where it ran."""

    def __init__(self, outputs: Outputs, run: Run, masks_top: bool = True) -> None:
        self.outputs = outputs
        self.name = run.name
        self.record = run.record
        names = {run.name, run.record.text("launched-as") or run.name}
        roots = [outputs, Outputs(run.record.text("runs-dir") or outputs.root)]  # here, and where it ran
        places = {}
        if masks_top:
            tops = [run.record.text("top") or os.path.dirname(outputs.root)]
            places = dict.fromkeys([*tops, *(one.worktree(name) for one in roots for name in names)], "<top>")
        for one in roots:
            places |= dict.fromkeys(map(one.tensorboard, names), "<tensorboard>")
            places |= dict.fromkeys(map(one.checkpoints, names), "<checkpoints>")
            places |= dict.fromkeys(map(one.log, names), "<log>")
            places[one.root] = "<runs-dir>"
        places |= {os.path.realpath(place): mask for place, mask in places.items()}
        self._masks = {os.fsencode(place): mask.encode() for place, mask in places.items()}
        longest_first = sorted(map(re.escape, self._masks), key=len, reverse=True)
        self._paths = re.compile(b"(" + b"|".join(longest_first) + rb")(?!\.?[\w-])")

    @property
    def log(self) -> str:
        """Where the log is, if it is there."""
        return self.outputs.log(self.name)

    def hide_paths(self, text: bytes) -> bytes:
        """The text with the paths masked."""
        return self._paths.sub(lambda match: self._masks[match[1]], text)


def _ending(a: _Side, b: _Side) -> Item:
    endings = _how(a.record), _how(b.record)
    if endings[0] == endings[1]:
        return Item("exit code", EQUAL)
    for side in (a, b):
        if _is_imported(side.record):
            return Item("exit code", NOT_COMPARED, f"how run '{side.name}' ended is not recorded")
    return Item("exit code", DIFFERENT, " / ".join(endings))


def _is_imported(record: Record) -> bool:
    """Whether the run took place elsewhere, where nobody recorded its end, or kept what it printed."""
    return record.status in ("", UNKNOWN)


def _how(record: Record) -> str:
    keys = ("exit-code", "signal", "error")
    return ", ".join([record.status, *(f"{key} {record.text(key)}" for key in keys if key in record)])


# --- logs


def _logs(a: _Side, b: _Side) -> Item:
    there = [side.name for side in (a, b) if os.path.isfile(side.log)]
    for side in (a, b) if _is_imported(a.record) != _is_imported(b.record) else ():
        if side.name not in there and _is_imported(side.record):
            return Item("log", NOT_COMPARED, f"what run '{side.name}' printed was not kept")
    if len(there) < 2:
        return Item("log", f"only in {there[0]}" if there else "in neither")
    times = Mask(a.record), Mask(b.record)
    masked = ""
    lines = _lines(a), _lines(b)
    for number, (left, right) in enumerate(zip_longest(*lines), 1):
        if left == right:
            continue
        if left is None or right is None or times[0].hide(left) != times[1].hide(right):
            telling = _telling(a, left, lines[0]), _telling(b, right, lines[1])
            return Item("log", DIFFERENT, _at(number, *telling))
        masked = masked or f"equal but for times, as in {_at(number, left, right)}"
    return Item("log", EQUAL, masked)


def _at(number: int, *lines: bytes | None) -> str:
    return f"line {number}: {' / '.join(_excerpts(*lines))}"


def _telling(side: _Side, line: bytes | None, following: Iterator[bytes]) -> bytes | None:
    """The line; of a failed run, where it begins a traceback, that which names the exception: of several the last."""
    if line != TRACEBACK or side.record.status != FAILED:
        return line
    found, is_inside = line, True
    for one in following:
        if one == TRACEBACK:
            is_inside = True
        elif is_inside and one and not one.startswith(b" "):
            found, is_inside = one, False
    return found


def _excerpts(*lines: bytes | None) -> list[str]:
    """The lines, from shortly before the first character that differs."""
    texts = [None if line is None else line.decode(errors="replace") for line in lines]
    columns = enumerate(zip_longest(*(text or "" for text in texts)))
    first = next((column for column, pair in columns if len(set(pair)) > 1), 0)
    start = first - BEFORE if first > LONGEST - BEFORE else 0
    return ["nothing" if text is None else f"'{_cut(text, start)}'" for text in texts]


def _cut(text: str, start: int) -> str:
    end = start + LONGEST
    return ("..." if start else "") + text[start:end] + ("..." if len(text) > end else "")


def _lines(side: _Side) -> Iterator[bytes]:
    """What the command printed, without paths and escape sequences that are others each time."""
    end = end_marker(side.record.text("id"))
    with side.outputs.open_log(side.name) as log:
        start = logs.beginning(log, side.record)
        if start is None:
            return
        log.seek(start)
        for line in log:
            if line != end:
                yield side.hide_paths(_plain(line.replace(end, b"")))


def _plain(line: bytes) -> bytes:
    line = _ESCAPES.sub(b"", line).rstrip(b"\r\n")
    *drawn, last = line.split(b"\r")
    # A progress bar is drawn again and again, more or less often.
    return b"\r".join([*(part for part in drawn if not _PROGRESS.search(part)), last])


# --- files


def _files(a: _Side, b: _Side) -> Iterator[Item]:
    yield from _pairs("tensorboard", a, b, lambda side: _below(side.outputs.tensorboard(side.name)))
    yield from _pairs("checkpoints", a, b, lambda side: _below(side.outputs.checkpoints(side.name)))
    gone = {path for side in (a, b) for path in _gone(side)}
    for path in sorted(gone):
        yield Item(
            os.path.normpath(f"worktree/{path}"),
            NOT_COMPARED,
            "what the run did to it is not known: its repository is gone",
        )
    if a.record.is_isolated and b.record.is_isolated:
        yield from _pairs("worktree", a, b, lambda side: _left_in_work_tree(side, gone))
        return
    for name in sorted({*_left_in_work_tree(a, gone), *_left_in_work_tree(b, gone)}):
        yield Item(f"worktree/{name}", NOT_COMPARED, "only one of the runs had a work tree of its own")


def _pairs(kind: str, a: _Side, b: _Side, find: Callable[[_Side], dict[str, str]]) -> Iterator[Item]:
    """The files that `find` gives of either run, side by side."""
    left, right = find(a), find(b)
    for name in sorted({*left, *right}):
        if name not in right or name not in left:
            yield Item(f"{kind}/{name}", f"only in {(a if name in left else b).name}")
        else:
            yield Item(f"{kind}/{name}", EQUAL if _same(a, left[name], b, right[name]) else DIFFERENT)


def _below(top: str) -> dict[str, str]:
    """Paths of what is below `top`, by what to call them: the names of event files hold time, host and process.

    Of directories, only the empty ones count, and links, which are not followed.
    """
    if os.path.lexists(top) and (os.path.islink(top) or not os.path.isdir(top)):
        return {"": top}
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


def _gone(side: _Side) -> Iterator[str]:
    """The paths in the run's own work tree of the repositories, "" that of the run and those of submodules, which are
    not there any more."""
    for path in ["", *(path for path, _, _ in side.record.submodules)]:
        try:
            discovery.dirs_at(os.path.join(side.outputs.worktree(side.name), path))
        except GitFailed:
            yield path


def _left_in_work_tree(side: _Side, gone: Collection[str]) -> dict[str, str]:
    """Paths of what the run changed or made in a work tree of its own, if that is still there, by what to call them;
    without what is in repositories that are `gone`."""
    top = side.outputs.worktree(side.name)
    if not side.record.is_isolated or not os.path.isdir(top):
        return {}
    commits = {path: commit for path, _, commit in side.record.submodules}
    found: dict[str, str] = {}
    for inside in [path for path in ["", *commits] if path not in gone]:
        tree = os.path.join(top, inside)
        if not inside or ((dirs := discovery.dirs_at(tree)) and objects.resolve("HEAD", dirs[0]) == commits[inside]):
            found |= _left_in(tree, inside, side.record.links, list(commits))
        elif os.path.isdir(tree):  # all of it may be another
            found |= _in_directory(tree, inside)
    return found


def _left_in(tree: str, inside: str, links: Mapping[str, Record], submodules: list[str]) -> dict[str, str]:
    """The same in the work tree of one repository, which is at the path `inside`."""
    own_links = {os.path.relpath(path, inside or "."): {"target": link.text("target")} for path, link in links.items()}
    others = [os.path.relpath(path, inside or ".") for path in submodules]
    found: dict[str, str] = {}
    for changed in isolation.changed_or_made(tree, own_links, others):
        place = os.path.join(tree, calls.path(changed))
        name = f"{inside}/{changed}" if inside else changed
        if os.path.isdir(place) and not os.path.islink(place):
            found |= _in_directory(place, name.rstrip("/"))
        else:
            found[name] = place
    return found


def _in_directory(place: str, name: str) -> dict[str, str]:
    """All that is in a directory, but for what tools make and the git dirs of repositories."""
    found = {f"{name}/{path}": one for path, one in _below(place).items()}
    return {path: one for path, one in found.items() if not isolation.is_build_product(path) and not _OF_GIT(path)}


def _is_event_file(name: str) -> bool:
    return name.startswith("events.out.tfevents.")


def _same(a: _Side, left: str, b: _Side, right: str) -> bool:
    """Whether a file of the one run is as that of the other."""
    if not (os.path.lexists(left) or os.path.lexists(right)):
        return True
    try:
        kinds = {stat.S_IFMT(os.lstat(place).st_mode) for place in (left, right)}
        if kinds == {stat.S_IFLNK}:
            return _target(a, left) == _target(b, right)
        if kinds != {stat.S_IFREG}:
            return len(kinds) == 1
        if _is_event_file(os.path.basename(left)):
            return list(_events(left)) == list(_events(right))
        if os.path.getsize(left) != os.path.getsize(right):
            return False
        with open(left, "rb") as one, open(right, "rb") as other:
            return all(this == that for this, that in zip_longest(_chunks(one), _chunks(other)))
    except OSError:
        return False


def _target(side: _Side, link: str) -> bytes:
    return side.hide_paths(os.fsencode(os.readlink(link)))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
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
