"""What `git runs list` imports, and how long that takes: `python -X importtime`."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from .data import RACY
from .place import Place, say

SHOWN = 20
HEADERS = ("module", "itself, ms", "with what it imports, ms")
LINE = re.compile(r"import time: +([0-9]+) \| +([0-9]+) \| +(\S+)")


def rows(place: Place, rounds: int) -> list[list[str]]:
    """The slowest modules, below HEADERS, and the sum of all, beside that of `python -c pass`; medians."""
    say("imports of list")
    repository = place.repository("imports")
    place.run("git", "runs", "new", "-q", "run", "true", cwd=repository)
    place.run("git", "runs", "wait", "run", cwd=repository)
    time.sleep(RACY)
    place.run("git", "runs", "list", cwd=repository)
    program = shutil.which("git-runs", path=place.environment["PATH"]) or "git-runs"
    ours, floor = (
        [_imports(place, repository, words) for _ in range(rounds)] for words in ([program, "list"], ["-c", "pass"])
    )
    modules: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for found in ours:
        for name, times in found.items():
            modules[name].append(times)
    medians = {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in modules.items()}
    slowest = sorted(medians.items(), key=lambda item: -item[1][0])[:SHOWN]
    return [
        *([name, *(f"{microseconds / 1000:.2f}" for microseconds in times)] for name, times in slowest),
        [f"all {len(ours[0])}", f"{_sum(ours):.2f}", ""],
        [f"python -c pass: all {len(floor[0])}", f"{_sum(floor):.2f}", ""],
    ]


def _sum(found: list[dict[str, tuple[int, int]]]) -> float:
    """Milliseconds for all modules together."""
    return statistics.median(sum(itself for itself, _ in times.values()) for times in found) / 1000


def _imports(place: Place, repository: object, words: list[str]) -> dict[str, tuple[int, int]]:
    """Microseconds for the module itself, and with all that it imports."""
    printed = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        cwd=str(repository),
        env=place.environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ).stderr
    return {name: (int(itself), int(whole)) for itself, whole, name in LINE.findall(printed)}
