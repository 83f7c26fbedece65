"""What was found, as text: on standard output, or kept in RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Results\n\nWritten by `make bench BENCH=--write-results`.\n"
PACKAGES = ("git-runs", "dulwich", "libtmux", "PyYAML", "tabulate")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, markdown: bool) -> str:
    """Rows as text: numbers to the right, everything else to the left."""
    lines = list(rows)
    right = [all(re.fullmatch(r"[0-9.,]*", line[index]) for line in lines) for index in range(len(headers))]
    return tabulate(
        lines,
        headers=headers,
        tablefmt="github" if markdown else "simple",
        disable_numparse=True,
        colalign=["right" if is_right else "left" for is_right in right] if lines else None,
    )


def write(body: str) -> None:
    """Make RESULTS.md of what was found."""
    RESULTS.write_text(f"{TITLE}\n{circumstances()}\n\n{body}\n")


def circumstances() -> str:
    """Where and when it was measured, and with what."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"
    tools = [_told("git", "--version").removeprefix("git version "), _told("tmux", "-V").removeprefix("tmux ")]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"- {date.today()}, load {os.getloadavg()[0]:.1f} at the end",
            f"- {os.cpu_count()} x {_processor()}, {memory:.0f} GiB, {kernel}",
            f"- Python {platform.python_version()}, git {tools[0]}, tmux {tools[1]}, SQLite {sqlite3.sqlite_version}",
            f"- {packages}",
        ]
    )


def _told(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or "processor"
