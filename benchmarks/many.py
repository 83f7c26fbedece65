"""What many runs cost: to register them, and to work them off, beside GNU parallel and beside Slurm alone."""

from __future__ import annotations

import shutil

from tests.cluster import PROGRAMS, Cluster, missing

from .figures import Figure, Limit
from .place import Place, Task, say

REGISTERING, QUEUE, SLURM = "registering", "queue", "slurm"
RUNS, AT_ONCE = 1000, 2
NO_FLAGS = ("--tb-dir-flag=None", "--save-path-flag=None")
VALUES = f"number=1..{RUNS}"
SWEEP = f"git runs sweep -q {' '.join(NO_FLAGS)} --jobs={AT_ONCE}"


def registering(place: Place, rounds: int) -> list[Figure]:
    """1,000 runs of a sweep get names, refs, records, outputs and a place in the queue: within 3 seconds."""
    repository = place.repository("registering")
    place.run("git", "runs", "queue", "stop", cwd=repository)
    task = Task(lambda number: [*SWEEP.split(), f"sweep{number}", "true", VALUES])
    timings = place.take_turns({"sweep": task}, repository, min(rounds, 5))
    shutil.rmtree(repository)
    return [Figure("sweep, all registered, none begun", RUNS, timings["sweep"], {}, Limit(more=3))]


def working_off(place: Place, rounds: int) -> list[Figure]:
    """1,000 runs of `true`, two at once, from the first to the end of the last: within 300 ms each."""
    repository = place.repository("queue")
    say(f"{RUNS:,} runs: working them off")
    place.run("sh", "-c", f"{SWEEP} warm true number=1..10 && git runs wait warm", cwd=repository)
    ours = ["sh", "-c", f"{SWEEP} sweep true {VALUES} && git runs wait sweep"]
    found = [Figure("sweep --jobs=2, to the end", RUNS, place.time(ours, repository), {}, Limit(more=300))]
    if shutil.which("parallel"):
        theirs = ["sh", "-c", f"seq {RUNS} | parallel --will-cite -j{AT_ONCE} true"]
        found.append(Figure("parallel -j2", RUNS, place.time(theirs, repository), {}))
    shutil.rmtree(repository)
    return found


def by_slurm(place: Place, rounds: int) -> list[Figure]:
    """The same by a Slurm of one node, and by an array of jobs without us."""
    if missing(*PROGRAMS):
        say("Slurm is not installed: left out")
        return []
    repository = place.repository("slurm")
    say(f"{RUNS:,} runs: working them off by Slurm, twice")
    cluster = Cluster()
    try:
        ours = ["sh", "-c", f"{SWEEP} --launcher=slurm sweep true {VALUES} && git runs wait sweep"]
        theirs = ["sbatch", "-Q", "--wait", f"--array=1-{RUNS}%{AT_ONCE}", "--output=/dev/null", "--wrap=true"]
        place.environment.update(cluster.environment)
        timings = [place.time(command, repository) for command in (ours, theirs)]
    finally:
        cluster.end()
    shutil.rmtree(repository)
    names = ("sweep --launcher=slurm --jobs=2, to the end", "sbatch --wait --array=1-1000%2")
    return [Figure(name, RUNS, timing, {}) for name, timing in zip(names, timings, strict=True)]


MEASURES = {REGISTERING: registering, QUEUE: working_off, SLURM: by_slurm}
