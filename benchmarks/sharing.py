"""What it takes to exchange runs with a remote that has 10,000 of them, on the same disk; and what these cost a team
mate who pushes there and has never heard of us."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from git_runs.records import yamltext
from git_runs.records.record import Record

from .figures import Figure, Limit
from .place import FLOORS, PYTHON, Place, Task, Timing, same, say

SHARING = "sharing"
RUNS, OF_A_GROUP = 10_000, 100
COMMITTER = "committer bench <bench@example.com> 1767225600 +0000"


def exchanging(place: Place, rounds: int) -> list[Figure]:
    """Of 10,000 runs there: one edited is pushed within 150 ms, nothing new is fetched within 60 ms, all are listed
    within 200 ms; and a plain push takes at most 100 ms more than to a remote without runs."""
    here = place.repository("sharing")
    remotes = {name: _remote(place, here, name) for name in ("without", "with")}
    _put_runs(place, here, remotes["with"])
    place.run("git", "remote", "add", "origin", f"file://{remotes['with']}", cwd=here)
    place.run("git", "runs", "new", "-q", "--launcher=foreground", "mine", "true", cwd=here)
    place.run("git", "runs", "push", "-y", "origin", "mine", cwd=here)
    plain, beside = "git push", f"git push, {RUNS:,} runs there"
    push, fetch, listing = "push of one edited run", "fetch, nothing new", "list -r"
    tasks = {
        PYTHON: FLOORS[PYTHON],
        plain: _push(place, remotes["without"]),
        beside: _push(place, remotes["with"]),
        push: Task(
            lambda number: ["git", "runs", "push", "origin", "mine"],
            before=lambda number: place.run("git", "runs", "describe", "-m", str(number), "mine", cwd=here),
        ),
        fetch: same("git", "runs", "fetch", "origin"),
        listing: same("git", "runs", "list", "-r"),
    }
    limits = {beside: Limit({plain: 1}, 0.1), push: Limit(more=0.15), fetch: Limit(more=0.06), listing: Limit(more=0.2)}
    timings = place.take_turns(tasks, here, rounds)
    for path in (here, *remotes.values(), *map(_mate, remotes.values())):
        shutil.rmtree(path)
    return [_figure(what, timings, limits.get(what)) for what in tasks if what != PYTHON]


def _figure(what: str, timings: dict[str, Timing], limit: Limit | None) -> Figure:
    """With the fastest round, which other work of the machine has met least."""
    timing = timings[what]
    return Figure(f"{what}; fastest: {timing.fastest * 1000:.0f} ms", RUNS, timing, timings, limit)


def _remote(place: Place, here: Path, name: str) -> Path:
    """A bare one with the main branch, and a clone of it, that of a team mate."""
    path = place.root / f"{name}.git"
    place.run("git", "clone", "-q", "--bare", str(here), str(path), cwd=here)
    place.run("git", "clone", "-q", f"file://{path}", str(_mate(path)), cwd=here)
    return path


def _mate(remote: Path) -> Path:
    return remote.with_suffix(".mate")


def _push(place: Place, remote: Path) -> Task:
    """A commit of the team mate's in every round."""
    mate = _mate(remote)
    return Task(
        lambda number: ["git", "push", "-q", "origin", "main"],
        before=lambda number: place.run("git", "commit", "-q", "--allow-empty", "-m", str(number), cwd=mate),
        cwd=mate,
    )


def _put_runs(place: Place, here: Path, remote: Path) -> None:
    """What 10,000 pushes would leave there: a commit of its own for each run, and all records in one; refs packed."""
    say(f"{RUNS:,} runs: putting them into a remote")
    marks = place.root / "marks"
    _import(place, remote, _code(), f"--export-marks={marks}")
    marked = dict(line.split() for line in marks.read_text().splitlines())
    commits = [marked[f":{number + 1}"] for number in range(RUNS)]
    _import(place, remote, _records(_typical(place, here), commits))
    place.run("git", "pack-refs", "--all", cwd=remote)
    os.sync()


def _name(number: int) -> str:
    return f"sweep{number // OF_A_GROUP}/lr-{number % OF_A_GROUP}"


def _import(place: Place, remote: Path, stream: Iterator[str], *options: str) -> None:
    words = ("git", "fast-import", "--quiet", *options)
    given = "".join(stream).encode()
    subprocess.run(words, cwd=remote, env=place.environment, input=given, check=True, stdout=subprocess.DEVNULL)


def _code() -> Iterator[str]:
    """The run of that number has the mark of the next one."""
    for number in range(RUNS):
        yield f"commit refs/runs/{_name(number)}\nmark :{number + 1}\n{COMMITTER}\ndata 0\n"
        yield f"from refs/heads/main^0\nM 100644 inline notes\n{_data(str(number))}"


def _typical(place: Place, here: Path) -> Record:
    """The record of a run that was started here."""
    place.run("git", "runs", "new", "-q", "--launcher=foreground", "typical", "true --lr=0.1", cwd=here)
    return yamltext.parse((here / ".runs/records/typical.yml").read_bytes(), "typical")


def _records(like: Record, commits: list[str]) -> Iterator[str]:
    yield f"commit refs/git-runs/records\n{COMMITTER}\ndata 0\nM 100644 inline .git-runs\n{_data('layout: 1')}"
    text = yamltext.dump(like)
    for number, commit in enumerate(commits):
        own = {
            like.text("id"): str(uuid.UUID(int=number)),
            like.text("commit"): commit,
            like.text("name"): _name(number),
        }
        content = text
        for old, new in own.items():
            content = content.replace(old, new)
        yield f"M 100644 inline {_name(number)}.yml\n{_data(content)}"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


MEASURES = {SHARING: exchanging}
