"""The packages that a Python finds, and whether anybody has changed their files since they were installed.

They are lines, `name==version`, then ` @ <origin>` where a package came from no index, then two spaces and a digest of
its files where these are known. Names are normalized: PEP 503.
"""

from __future__ import annotations

import base64
import csv
import glob
import hashlib
import json
import os
import re
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DIGITS = 16  # of a digest, in hexadecimal
EDITABLE = " (editable)"  # what an origin ends in whose own files are used
MOST_HASHED = 1 << 28  # bytes of a package's files that are read, where they are later than its RECORD
LARGEST = 1 << 16  # bytes of a file that is kept of an editable package

_DIGEST = re.compile(rf"(.*)  ([0-9a-f]{{{DIGITS}}})")
# What installers write in their own ways, though the package is the same; and bytecode, which comes and goes.
_UNSTABLE = re.compile(
    r"[^/]+\.dist-info/(?:INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json|uv_build\.json)"
    r"|(?:\.\./)+(?:bin|Scripts)/.*"
    r"|.*\.py[co]"
)


def installed(path: Iterable[str]) -> list[str]:
    """The packages in these directories, sorted; of those with the same name the first: read from their metadata
    (PEP 376)."""
    found: dict[str, str] = {}
    for directory in path:
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if match := re.fullmatch(r"(.+?)-([^-]+?)(-py[0-9.]+)?\.(?:dist|egg)-info", entry.name):
                    name = _normalized(match[1])
                    if name not in found:
                        found[name] = f"{name}=={match[2]}{_origin_and_digest(entry.path)}"
    return sorted(found.values())


def editable_files(path: Iterable[str]) -> dict[str, dict[str, str]]:
    """What makes the packages in these directories, that are installed in editable mode, be found: by name, the text of
    each file that RECORD lists, by its path from there. It names the place of their sources."""
    found: dict[str, dict[str, str]] = {}
    for directory in path:
        for metadata in glob.glob(f"{glob.escape(directory)}/*.dist-info"):
            if _origin(direct_url(metadata)).endswith(EDITABLE):
                found.setdefault(
                    _normalized(os.path.basename(metadata).split("-")[0]), dict(_texts(directory, metadata))
                )
    return found


def _normalized(name: str) -> str:
    """PEP 503, normalized names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _texts(directory: str, metadata: str) -> Iterator[tuple[str, str]]:
    record = os.path.join(metadata, "RECORD")
    with suppress(OSError, csv.Error), open(record, encoding="utf-8", newline="") as file:
        listed = {row[0] for row in csv.reader(file) if row and not row[0].endswith(".pyc")}
        for path in sorted({*listed, os.path.relpath(record, directory)}):
            with suppress(OSError, UnicodeDecodeError), open(os.path.join(directory, path), encoding="utf-8") as one:
                if os.fstat(one.fileno()).st_size <= LARGEST:
                    # A script names the Python of the virtualenv that it is in.
                    yield path, re.sub(r"\A#!.*", "#!python", one.read())


def parted(line: str) -> tuple[str, str]:
    """Name, version and origin in one, and the digest; "" where there is none, as in older records."""
    match = _DIGEST.fullmatch(line)
    return (match[1], match[2]) if match else (line, "")


def differences(was: Iterable[str], now: Iterable[str]) -> list[str]:
    """What is another in one list than in the other, a line each."""
    before, after = dict(map(parted, was)), dict(map(parted, now))
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    signed = sorted([*((line, "-") for line in gone), *((line, "+") for line in new)])
    changed = [line for line in before if before[line] and after.get(line) and before[line] != after[line]]
    return [
        *(f"packages: {sign}{line}" for line, sign in signed),
        *(f"package {line.partition('==')[0]}: same version, but its files are others" for line in changed),
    ]


def direct_url(metadata: str) -> dict[str, object]:
    """Where the package whose metadata are in that directory came from, if that was no index: PEP 610."""
    with suppress(OSError, ValueError), open(os.path.join(metadata, "direct_url.json")) as file:
        direct = json.load(file)
        return direct if isinstance(direct, dict) else {}
    return {}


def _origin_and_digest(metadata: str) -> str:
    origin = _origin(direct_url(metadata))
    # The files of an editable package are elsewhere.
    digest = "" if origin.endswith(EDITABLE) else _digest(metadata)
    return origin + (f"  {digest}" if digest else "")


def _origin(direct: Mapping[str, object]) -> str:
    with suppress(KeyError, TypeError, AttributeError):
        if "vcs_info" in direct:
            return f" @ {direct['url']}@{direct['vcs_info']['commit_id']}"  # type: ignore[index]
        return f" @ {direct['url']}" + (EDITABLE if direct.get("dir_info", {}).get("editable") else "")  # type: ignore[attr-defined]
    return ""


# --- the files of a package


def _digest(metadata: str) -> str:
    """Of what RECORD says of its files, and of what is there; "" where no RECORD lists them, as with the packages of a
    distribution."""
    record = os.path.join(metadata, "RECORD")
    try:
        with open(record, encoding="utf-8", errors="surrogateescape", newline="") as file:
            listed = sorted(row for row in csv.reader(file) if row and not _UNSTABLE.fullmatch(row[0]))
            written = os.fstat(file.fileno()).st_mtime_ns
    except (OSError, csv.Error):
        return ""
    states = "\n".join(_states(os.path.dirname(metadata), listed, written))
    return hashlib.sha256(states.encode(errors="surrogateescape")).hexdigest()[:DIGITS]


def _states(directory: str, listed: list[list[str]], written: int) -> Iterator[str]:
    """What RECORD says of each file, and what is there: its size, and its hash where that is another.

    Only files that are later than `written`, the time of RECORD in nanoseconds, are read, since pip and uv write that
    one last; of those that are more than MOST_HASHED together the time counts.
    """
    left = MOST_HASHED
    for row in listed:
        place = f"{directory}/{row[0]}"
        try:
            status, changed = os.stat(place), ""
            if status.st_mtime_ns > written:
                left -= status.st_size
                changed = _other_hash(place, row) if left >= 0 else str(status.st_mtime_ns)
        except (OSError, ValueError):
            yield f"{','.join(row)} missing"
        else:
            yield f"{','.join(row)} {status.st_size} {changed}"


def _other_hash(place: str, row: list[str]) -> str:
    """The hash of a file in the form of RECORD; "" where it is the one in its row there. Raises OSError."""
    recorded = row[1] if len(row) > 1 else ""
    algorithm = recorded.partition("=")[0]
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        algorithm = "sha256"
    digest = hashlib.new(algorithm)
    with open(place, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    found = f"{algorithm}={base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode()}"
    return "" if found == recorded else found
