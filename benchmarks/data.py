"""Any number of runs, as they would be there after months of work: by the project's own code, but for starting them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from git_runs.code import refs
from git_runs.records import record, yamltext
from git_runs.records.outputs import Outputs
from git_runs.records.record import Record
from git_runs.records.store import Store

from .place import Place, say

RACY = 2.5  # seconds after which a record that was changed is remembered
DIFFERENT = 1000  # records that are each made from their fields; further ones differ from these in what is a run's own
COMMITS = 10
FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
APART = timedelta(minutes=7)
HOSTS = ("rldl1", "rldl3", "rldl4", "gpu-cluster-17.example.com")
IDEAS = (
    "Try a smaller learning rate with a longer warm-up, to see whether the loss still diverges",
    "Baseline",
    "Without dropout\n\nThe last ten runs all overfitted after epoch 30; see the notes of Tuesday.",
    "Same as before, other seed",
    "Größere Schritte: does it help?",
)
ENDS: tuple[dict[str, object], ...] = (
    *[{"status": record.FINISHED, "exit-code": 0}] * 16,
    *[{"status": record.FAILED, "exit-code": 1}] * 3,
    {"status": record.KILLED, "signal": 15},
)
LOG = "".join(f"epoch {epoch}: loss {1 / (epoch + 1):.4f}\n" for epoch in range(20))


def name_of(number: int) -> str:
    """The name of the run of that number; half of them are in groups."""
    batch = number // 100
    return f"sweep{batch}/lr{number}" if batch % 2 else f"lr{number}"


def repository_with(place: Place, number: int, kept: Path | None = None) -> Path:
    """A repository with that many runs; in the directory `kept` it is made only if it is not there."""
    path = (kept or place.root) / f"runs-{number}"
    complete = path / ".git/benchmark-data-is-complete"
    if not complete.exists():
        say(f"{number:,} runs: making them")
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        place.make_repository(path)
        make_runs(place, path, number)
        complete.touch()
    return path


def make_runs(place: Place, repository: Path, number: int) -> None:
    """Runs 0 to `number` - 1 in the repository: records, outputs, and refs as `git runs gc` leaves them."""
    commits = [_commit(place, repository, count) for count in range(COMMITS)]
    store = Store(str(repository / ".runs"))
    outputs = Outputs(store.root)
    for count, text in enumerate(_texts(_started(place, repository, store), commits, number)):
        name = name_of(count)
        path = Path(store.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        _put_out(outputs, name)
    lines = (f"create {refs.ref(name_of(count))} {commits[count % COMMITS]}\n" for count in range(number))
    _git(place, repository, "update-ref", "--stdin", given="".join(lines))
    pack_refs(place, repository)


def pack_refs(place: Place, repository: Path) -> None:
    """Leave the refs as `git runs gc` leaves them."""
    _git(place, repository, "pack-refs", "--all")
    os.sync()  # else the first to flush a file of its own waits for all of these


@contextmanager
def copied(place: Place, repository: Path) -> Iterator[Path]:
    """A copy of the repository, with what its records say remembered; removed once nothing goes on there."""
    copy = place.root / "copy"
    subprocess.run(["cp", "-R", "-p", str(repository), str(copy)], check=True)
    os.sync()
    time.sleep(RACY)
    place.run("git", "runs", "table", cwd=copy)
    yield copy
    while place.fails("git", "runs", "gc", cwd=copy):  # as long as one is at work in the background
        time.sleep(0.1)
    shutil.rmtree(copy)


@contextmanager
def with_loose_refs(place: Place, repository: Path) -> Iterator[Path]:
    """The repository, with each ref in a file of its own; packed again at the end."""
    deletions = _git(place, repository, "for-each-ref", "--format=delete %(refname) %(objectname)", "refs/runs")
    for changes in (deletions, deletions.replace("delete ", "create ")):
        _git(place, repository, "update-ref", "--stdin", given=changes)
    os.sync()
    try:
        yield repository
    finally:
        pack_refs(place, repository)


def _texts(started: Record, commits: list[str], number: int) -> Iterator[str]:
    """The records of the runs, as text."""
    different = [_different(started, commits, count) for count in range(min(number, DIFFERENT))]
    texts = list(map(yamltext.dump, different))
    yield from texts
    for count in range(len(texts), number):
        like, text = different[count % DIFFERENT], texts[count % DIFFERENT]
        for old, new in zip(_own(like), _own(_different(started, commits, count)), strict=True):
            text = text.replace(old, new)
        yield text


def _own(fields: Record) -> list[str]:
    """What is a run's own, in its record; the name as it stands in the places that hold it."""
    name = fields["name"]
    in_place = [f"name: {name}\n", f"/{name} ", f"/{name}\n", f"session: {name}}}"]
    return [*in_place, fields["id"], fields["datetime"], fields["finished"]]


def _different(started: Record, commits: list[str], number: int) -> Record:
    """The record of a run that was really started, as if it was that of run `number`."""
    name = name_of(number)
    flags = f"--lr={10 ** -(number % 6)} --seed={number % DIFFERENT}"
    begun = FIRST + APART * (number * 7919 % 100_003)  # in another order than their names
    command = started.text("command").replace("train.py", f"train.py {flags}").replace(started.text("name"), name)
    return Record(
        {
            **{key: value for key, value in started.items() if key != "exit-code"},
            "id": str(uuid.uuid4()),
            "name": name,
            "description": IDEAS[number % len(IDEAS)],
            "command": command,
            "input-command": f"python train.py {flags}",
            "commit": commits[number % COMMITS],
            "datetime": begun.isoformat(timespec="microseconds"),
            "host": HOSTS[number % len(HOSTS)],
            "finished": (begun + timedelta(minutes=90, seconds=number % 977)).isoformat(timespec="microseconds"),
            "launcher": {"tmux": {**started["launcher"]["tmux"], "session": name}},
            **ENDS[number % len(ENDS)],
        }
    )


def _started(place: Place, repository: Path, store: Store) -> Record:
    """The record of a run that took place, with all that `git runs new` writes today."""
    place.run("git", "runs", "new", "-q", "template", "python train.py", cwd=repository)
    place.run("git", "runs", "wait", "template", cwd=repository)
    fields = store.read("template")
    place.run("git", "runs", "delete", "-y", "template", cwd=repository)
    return fields


def _commit(place: Place, repository: Path, number: int) -> str:
    (repository / "train.py").write_text(f"print('version {number}')\n")
    _git(place, repository, "add", "train.py")
    _git(place, repository, "commit", "-q", "-m", f"Train better, part {number}")
    return _git(place, repository, "rev-parse", "HEAD").strip()


def _put_out(outputs: Outputs, name: str) -> None:
    outputs.create(name)
    Path(outputs.log(name)).write_text(LOG)
    Path(outputs.tensorboard(name), "events.out.tfevents").write_text(LOG)
    Path(outputs.checkpoints(name), "last.ckpt").write_text(LOG)


def _git(place: Place, repository: Path, *arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["git", *arguments],
        cwd=repository,
        env=place.environment,
        check=True,
        text=True,
        input=given,
        stdout=subprocess.PIPE,
    ).stdout
