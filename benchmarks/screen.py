"""What it costs to watch runs on a full screen: processor time, of which it shall leave nine tenths to the runs."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from .data import name_of, repository_with
from .figures import Figure, Limit
from .metrics import TAGS, sum_up
from .place import Place, Timing, say

SCREEN = "screen"
RUNS, GOING_ON = 1000, 5
LINES, COLUMNS = 24, 80
WARM_UP, SECONDS = 15, 30
NO_FLAGS = ("--tb-dir-flag=None", "--save-path-flag=None")
# Five steps a second, of as many metrics as the others have, and a line of the log for each.
TRAINING = f"""echo step,{",".join(TAGS)} >"$RUNS_TB_DIR/metrics.csv"; step=0; while sleep 0.2; do step=$((step + 1));
echo "$step{",0.$step" * len(TAGS)}" >>"$RUNS_TB_DIR/metrics.csv"; echo "step $step/10000 loss 0.$step"; done"""


def watching(place: Place, rounds: int) -> list[Figure]:
    """1,000 runs, of which 5 go on, on a screen of 80x24, the newest of them chosen: at most a tenth of a processor."""
    repository = repository_with(place, RUNS)
    _sum_up_all(repository)
    for number in range(GOING_ON):
        place.run("git", "runs", "new", "-q", *NO_FLAGS, f"live{number}", TRAINING.replace("\n", " "), cwd=repository)
    say(f"{RUNS:,} runs: watching them for {SECONDS} s")
    try:
        with _terminal(place, repository) as pid:
            time.sleep(WARM_UP)
            before = _processor_time(pid)
            time.sleep(SECONDS)
            timing = Timing(_processor_time(pid) - before, _memory(pid))
    finally:
        place.run("git", "runs", "kill", "live.*", cwd=repository)
        shutil.rmtree(repository)
    what = f"top, {SECONDS} s of it, {GOING_ON} runs go on"
    return [Figure(what, RUNS, timing, {}, Limit(more=SECONDS / 10))]


MEASURES = {SCREEN: watching}


def _sum_up_all(repository: Path) -> None:
    for number in range(RUNS):
        sum_up(repository / ".runs/records" / f"{name_of(number)}.yml", number)


@contextmanager
def _terminal(place: Place, repository: Path) -> Iterator[int]:
    """The screen, in a terminal that somebody reads; its process."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["git-runs", "top"],
        cwd=repository,
        env={**place.environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    Thread(target=_read_all, args=[ours], daemon=True).start()
    try:
        yield process.pid
        if process.poll() is not None:
            raise subprocess.CalledProcessError(process.returncode, "git runs top")
    finally:
        process.terminate()
        process.wait()


def _read_all(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # it is closed
        pass


def _processor_time(pid: int) -> float:
    """Seconds, of the process and the children that it has waited for: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> int:
    """Bytes, at most, so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
