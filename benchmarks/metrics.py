"""What it takes to read what came out of runs: event files as tensorboardX writes them, and summaries in records."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from tensorboardX import SummaryWriter

from git_runs.records.outputs import Outputs
from git_runs.records.store import Store

from .data import RACY, name_of, repository_with
from .figures import Figure, Limit
from .place import FLOORS, PYTHON, Place, Task, Timing, same

FILE, EVENTS, SUMMARIES = "event-file", "event-files", "summaries"
TAGS = ("loss", "acc", "val_loss", "lr")
STEPS = 250  # of each tag of a run
MANY_TAGS, MANY_STEPS = 10, 100_000  # in one file
LONG_AGO = 1000.0  # seconds; what is younger than two is read again
SORTED = ("table", "--sort=loss:min")
TENSORBOARD = """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator({path!r}, size_guidance={{"scalars": 0}})
events.Reload()
for tag in events.Tags()["scalars"]:
    values = [event.value for event in events.Scalars(tag)]
    print(tag, min(values), max(values), values[-1])
"""


def reading_one_file(place: Place, rounds: int) -> list[Figure]:
    """The lowest, highest and last of a million values: within 3 seconds and 100 MB; TensorBoard beside it."""
    repository = repository_with(place, 10)
    directory = Outputs(str(repository / ".runs")).tensorboard(name_of(0))
    _write_events(directory, [f"tag{number}" for number in range(MANY_TAGS)], MANY_STEPS)
    ours, theirs = "metrics NAME, a million values", "EventAccumulator, the same"
    tasks = {
        ours: same("git", "runs", "metrics", name_of(0), cwd=repository),
        theirs: same(sys.executable, "-c", TENSORBOARD.format(path=directory), cwd=repository),
    }
    timings = _timings(place, tasks, min(rounds, 3))
    shutil.rmtree(repository)
    return _figures(timings, {ours: Limit(more=3, memory=100)})


def reading_many_files(place: Place, rounds: int) -> list[Figure]:
    """1,000 runs with 1,000 values each, sorted by the lowest: all read within 3 seconds; 60 ms more than without where
    nothing has changed, and 80 ms where one file has grown."""
    repository = repository_with(place, 1000)
    outputs = Outputs(str(repository / ".runs"))
    paths = [_put_events(place, outputs, number) for number in range(1000)]
    plain, cold = "table, 1,000 runs with event files", "sorted by loss:min, nothing read before"
    warm, grown = "sorted by loss:min, nothing changed", "sorted by loss:min, one file has grown"
    tasks = {
        plain: same("git", "runs", "table", cwd=repository),
        cold: Task(_sorted, before=lambda number: _forget(place, repository), cwd=repository),
        warm: Task(_sorted, cwd=repository),
        grown: Task(_sorted, before=lambda number: _grow(paths[number]), cwd=repository),
    }
    place.run("git", "runs", "table", cwd=repository)
    timings = _timings(place, tasks, rounds)
    shutil.rmtree(repository)
    more = {warm: Limit({plain: 1}, 0.06), grown: Limit({plain: 1}, 0.08)}
    return _figures(timings, {cold: Limit(more=3), **more})


def reading_summaries(place: Place, rounds: int) -> list[Figure]:
    """10,000 runs that have ended, sorted by a metric in their records: at most 1.3 times the table as it is."""
    repository = repository_with(place, 10_000)
    store = Store(str(repository / ".runs"))
    for number in range(10_000):
        sum_up(Path(store.path(name_of(number))), number)
    time.sleep(RACY)
    plain, by_metric = "table, 10,000 runs with summaries", "sorted by loss:min"
    tasks = {
        plain: same("git", "runs", "table", cwd=repository),
        by_metric: Task(_sorted, cwd=repository),
    }
    for task in tasks.values():
        place.run(*task.command(0), cwd=repository)
    timings = _timings(place, tasks, rounds)
    shutil.rmtree(repository)
    return _figures(timings, {by_metric: Limit({plain: 1.3})})


def sum_up(record: Path, number: int) -> None:
    """Put the summaries of a run into its record, as its supervisor writes them at the end."""
    value = number * 7919 % 1000 / 1000
    numbers = f"{{last: {value}, min: {value}, max: 1.5, first: 1.5, step: 999, argmin: 900, argmax: 0, n: 1000}}"
    with record.open("a") as file:
        file.write("metrics:\n" + "".join(f"  {tag}: {numbers}\n" for tag in (*TAGS, "train/ppl", "val/ppl")))


MEASURES = {FILE: reading_one_file, EVENTS: reading_many_files, SUMMARIES: reading_summaries}


def _sorted(number: int) -> list[str]:
    return ["git", "runs", *SORTED]


def _write_events(directory: str, tags: list[str], steps: int) -> Path:
    """The only thing in that directory."""
    shutil.rmtree(directory, ignore_errors=True)
    with SummaryWriter(directory) as writer:
        for step in range(steps):
            for place, tag in enumerate(tags):
                writer.add_scalar(tag, place + 1 / (step + 1), step)
    (path,) = Path(directory).iterdir()
    return path


def _put_events(place: Place, outputs: Outputs, number: int) -> Path:
    """The same file for all, which is made once."""
    made = place.root / "events"
    if not made.exists():
        _write_events(str(made), list(TAGS), STEPS)
    (made_file,) = made.iterdir()
    name = name_of(number)
    path = Path(outputs.tensorboard(name), made_file.name)
    for other in path.parent.iterdir():
        other.unlink()
    shutil.copyfile(made_file, path)
    for one in (path, path.parent, Path(outputs.log(name)), Path(outputs.checkpoints(name))):
        _age(one)
    return path


def _age(path: Path) -> None:
    moment = time.time() - LONG_AGO
    os.utime(path, (moment, moment))


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(path.read_bytes())
    _age(path)


def _forget(place: Place, repository: Path) -> None:
    Store(str(repository / ".runs")).reader.forget()
    place.run("git", "runs", "table", cwd=repository)


def _timings(place: Place, tasks: dict[str, Task], rounds: int) -> dict[str, Timing]:
    return place.take_turns({PYTHON: FLOORS[PYTHON], **tasks}, place.root, rounds)


def _figures(timings: dict[str, Timing], limits: dict[str, Limit]) -> list[Figure]:
    return [Figure(what, None, timing, timings, limits.get(what)) for what, timing in timings.items() if what != PYTHON]
