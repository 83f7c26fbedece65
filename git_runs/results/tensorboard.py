"""The user's own TensorBoard, on some of the runs: on a directory of links to what they have written.

    <runs dir>/boards/
        <id>/<run name>      a link to the run's TensorBoard directory, while the run is among those that are shown
        <id>.lock            who has made the directory, see records/locks.py

TensorBoard takes links for directories, and shows what comes and goes while it is open. A link never leads to a
directory above itself or above another run's: in such a loop TensorBoard finds runs that are none.
"""

from __future__ import annotations

import os
import re
import signal
import time
import uuid
from contextlib import contextmanager, suppress

from ..errors.commands import OwnLogdir, TensorBoardMissing
from ..records import locks
from ..records.record import UNRECORDED_SETTINGS
from ..system import processes, programs, signals, whoami
from ..system.files import entries, is_below, paths_below, prune, remove_all, remove_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..records.outputs import Outputs
    from ..records.record import Run

PROGRAM = "tensorboard"
EVENTS = "tfevents"  # in the name of each file that TensorBoard reads
PAUSE = 1.0  # seconds after which it is seen anew which runs are to be shown, or more:
SHARE = 0.05  # of the time that this may take
_ADDRESS = re.compile(r"TensorBoard \S+ at (?P<url>https?://(?P<host>\[[^]]*\]|[^:/]*):(?P<port>[0-9]+)\S*)")


class Address:
    """Where TensorBoard can be seen."""

    def __init__(self, url: str, host: str, port: str) -> None:
        self.url = url
        self._host = "localhost" if host == "127.0.0.1" else host
        self._port = port

    @property
    def tunnel(self) -> str:
        """The command that brings it to another machine."""
        here = whoami.user_and_host()
        return f"ssh -L {self._port}:{self._host}:{self._port} {here}"


def program(virtualenv: str | None) -> str:
    """TensorBoard on PATH, or else in that virtualenv; raises TensorBoardMissing."""
    import shutil

    found = shutil.which(PROGRAM) or (virtualenv and shutil.which(PROGRAM, path=os.path.join(virtualenv, "bin")))
    if not found:
        raise TensorBoardMissing
    return found


def serve(
    command: list[str], refresh: Callable[[], object], show: Callable[[Address], object], say: Callable[[str], object]
) -> int:
    """Start TensorBoard, and `refresh` what it shows until it ends, or a signal ends us, which is handed on; gives its
    exit code. `show` gets its address, once it is known, and `say` the other lines that it prints. Raises OSError."""
    companion = programs.Companion(command)
    due = 0.0
    try:
        while (code := companion.code) is None:
            for line in companion.lines(PAUSE):
                found = _ADDRESS.search(line)
                show(Address(**found.groupdict())) if found else say(line)
            if (start := time.monotonic()) >= due:
                refresh()
                due = time.monotonic() + (time.monotonic() - start) / SHARE
        return code
    except SystemExit as ending:  # a signal asks us to end: main.py
        return companion.end(int(str(ending.code)) - 128)
    finally:
        companion.end(signal.SIGTERM)


def command(program: str, place: str, title: str, words: Iterable[str]) -> list[str]:
    """The command that shows what is in a directory: only here, unless the words, further arguments, say otherwise.
    Raises OwnLogdir."""
    words = list(words)
    options = {word.partition("=")[0] for word in words}
    for option in ("--logdir", "--logdir_spec"):
        if option in options:
            raise OwnLogdir(option)
    here = [] if options & {"--host", "--bind_all"} else ["--host", "127.0.0.1"]
    return [program, "--logdir", place, "--window_title", title, *here, *words]


# --- what it shows


def directories(outputs: Outputs, runs: Iterable[Run]) -> tuple[dict[str, str], list[str]]:
    """The directories in which the runs have what TensorBoard shows, by name, as far as they are there; and the names
    of runs whose directory is not their own, but has those of others in it."""
    found = {run.name: place for run in runs if (place := _directory(outputs, run))}
    ours = (os.path.realpath(top) for top in (outputs.kinds["tensorboard"], _top(outputs.root)))
    above: set[str] = set()
    for place in (*found.values(), *(os.path.join(top, "any") for top in ours)):
        while (place := os.path.dirname(place)) not in above:
            above.add(place)
    shared = [name for name, place in found.items() if place in above]
    return {name: place for name, place in found.items() if place not in above}, shared


def _directory(outputs: Outputs, run: Run) -> str | None:
    """The run's own, without links; None where it is not there, or a link leads out of the runs dir to it."""
    settings = run.record.get("settings")
    recorded = settings.get("tb-dir") if isinstance(settings, dict) else None
    form = str(recorded or UNRECORDED_SETTINGS["tb-dir"])
    top = outputs.kinds["tensorboard"]
    for name in (run.name, run.record.text("launched-as") or run.name):  # what lies elsewhere is not moved with a run
        place = os.path.normpath(form.replace("<runs-dir>", outputs.root).replace("<run-name>", name))
        if not os.path.isabs(place) or not os.path.isdir(place):
            continue
        if place == top or not (is_below(place, top) and outputs.is_behind_link(place)):
            return os.path.realpath(place)
    return None


def without_events(targets: Iterable[str]) -> int:
    """How many of the directories have no event file so far."""
    return sum(not any(EVENTS in os.path.basename(path) for path in paths_below(target)) for target in targets)


def link(place: str, targets: Mapping[str, str]) -> None:
    """Make the links in a directory those to the targets, by name, and no others."""
    for name in paths_below(place):
        path = os.path.join(place, name)
        if os.readlink(path) != targets.get(name):
            os.unlink(path)
            prune(path, place)
    for name, target in targets.items():
        path = os.path.join(place, name)
        if not os.path.islink(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)


# --- the directory of links


@contextmanager
def board(root: str) -> Iterator[str]:
    """A private directory for links in a runs dir, for the `with` block. Those that others have left are removed."""
    for path in left(root):
        remove(path)
    top = _top(root)
    os.makedirs(top, mode=0o700, exist_ok=True)
    place = os.path.join(top, uuid.uuid4().hex)
    with locks.held(place + locks.SUFFIX, patience=0):
        try:
            os.mkdir(place, 0o700)
            yield place
        finally:
            with signals.held():
                remove_all(place)


def left(root: str) -> list[str]:
    """Such directories in a runs dir that were left by processes which have ended, unless a TensorBoard of theirs goes
    on."""
    names = {entry.name.removesuffix(locks.SUFFIX) for entry in entries(_top(root))}
    paths = (os.path.join(_top(root), name) for name in sorted(names))
    return [path for path in paths if not locks.is_held(path + locks.SUFFIX) and not processes.mentions(path)]


def remove(path: str) -> None:
    """Remove one that was left."""
    remove_all(path)
    with suppress(OSError):
        remove_file(path + locks.SUFFIX)


def _top(root: str) -> str:
    return os.path.join(root, "boards")
