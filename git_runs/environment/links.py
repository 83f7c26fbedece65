"""Paths that lead out of a run's work tree, and whether what is there is still the same."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

from ..console.escape import from_printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..records.record import Record

MOST_FILES = 100_000  # that are read in a directory
LINKED, OUTSIDE = "linked path", "way out of the tree"  # what a path is
COMPARED = ("size", "modified", "content")


def described(record: Record) -> dict[str, dict[str, Any]]:
    """The fields of the record that hold such paths, with what `describe` gives for each."""
    top = record.text("top")
    fields = {"links": record.links, "outside": record.outside}
    return {
        key: {path: describe(way.text("target"), top) for path, way in ways.items()}
        for key, ways in fields.items()
        if ways
    }


def describe(target: str, top: str = "") -> dict[str, Any]:
    """Size in bytes and latest change, in nanoseconds, of what a link leads to; of a directory, of all in it.

    The target is as a record has it.
    `content` is a hash of the paths, sizes and times of all; `incomplete` is set where there were too many, or the work
    tree at `top` is among them, and `missing` where there is nothing.
    """
    found: dict[str, Any] = {"target": target}
    target = from_printable(target)
    if top and f"{top}/".startswith(f"{target.rstrip('/')}/"):
        return found | {"incomplete": True}
    try:
        status = os.stat(target)
    except OSError:
        return found | {"missing": True}
    size, modified = (0 if os.path.isdir(target) else status.st_size), status.st_mtime_ns
    content = hashlib.sha256()
    for number, (path, one) in enumerate(_below(target)):
        if number == MOST_FILES:
            found["incomplete"] = True
            break
        size, modified = size + one.st_size, max(modified, one.st_mtime_ns)
        content.update(os.fsencode(f"{path}\0{one.st_size}\0{one.st_mtime_ns}\0"))
    return found | {"size": size, "modified": modified, "content": content.hexdigest()[:16]}


def differences(
    ways: Mapping[str, Record], kind: str = LINKED, targets: Mapping[str, str] | None = None
) -> Iterator[str]:
    """What is another now than `describe` gave for the places to which those paths lead, a line each.

    `targets`: to which they lead now, by path, where that may be others.
    """
    for path, was in ways.items():
        target = (targets or {}).get(path) or was.text("target")
        if "incomplete" in was and "size" not in was:
            yield f"{kind} {path}: '{target}' is not compared, since the work tree itself is in it"
            continue
        now = {key: str(value) for key, value in describe(target).items()}
        if "missing" in now and "missing" in was:
            continue
        if "missing" in now:
            yield f"{kind} {path}: '{target}' is not there"
        elif "missing" in was:
            yield f"{kind} {path}: '{target}' was not there"
        elif "size" not in was:
            yield f"{kind} {path}: what was in '{target}' was not recorded"
        elif any(key in was and was.text(key) != now.get(key) for key in COMPARED):
            yield f"{kind} {path}: '{target}' has changed"
        elif "incomplete" in now:
            yield f"{kind} {path}: of '{target}' no more than {MOST_FILES} files are compared"


def _below(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Paths from `top` of all files and directories in it, sorted, and what they are; links are followed."""
    passed = set()
    for directory, directories, files in os.walk(top, followlinks=True):
        with suppress(OSError):
            here = os.stat(directory)
            if (here.st_dev, here.st_ino) in passed:  # a link leads back
                directories.clear()
                continue
            passed.add((here.st_dev, here.st_ino))
        directories.sort()
        for name in sorted([*files, *directories]):
            place = os.path.join(directory, name)
            with suppress(OSError):
                yield os.path.relpath(place, top), os.stat(place) if os.path.exists(place) else os.lstat(place)
