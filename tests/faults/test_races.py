"""Many processes at once: one wins where one can, and what was done and said stays done."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import BOUND, NO_FLAGS, Repository, wait_for
from tests.faults.harness import FULL, check, read_records, settle, surprises

pytestmark = pytest.mark.timeout(3600)

RACERS = 50 if FULL else 16
NAMES = 100 if FULL else 24
SECONDS = 60.0 if FULL else 8.0
NEEDED = {"new", "delete", "describe"}  # what has to succeed once at least; on a busy machine that takes its time
POOL = ["a", "b", "g/a", "g/h/a", "g/h"]


def test_of_many_that_start_the_same_name_one_wins(repo: Repository) -> None:
    codes = all_at_once(repo, [["new", "-q", *NO_FLAGS, "base", f"exit {n}"] for n in range(RACERS)])
    assert sorted(codes) == [0] + [128] * (RACERS - 1)
    settle(repo.machine)
    assert repo.record("base")["exit-code"] == codes.index(0)
    check(repo)


def test_of_many_that_start_different_names_all_win(repo: Repository) -> None:
    with packing(repo):
        codes = all_at_once(repo, [["new", "-q", *NO_FLAGS, f"r{n}", f"exit {n}"] for n in range(NAMES)])
    assert codes == [0] * NAMES
    settle(repo.machine)
    assert {name: fields["exit-code"] for name, fields in read_records(repo).items()} == {
        f"r{n}": n for n in range(NAMES)
    }
    check(repo)


def all_at_once(repo: Repository, commands: list[list[str]]) -> list[int]:
    """Exit codes of the commands, all of which run at the same time."""
    racers = [repo.machine.start("git-runs", *arguments, cwd=repo.path) for arguments in commands]
    results = [(racer.communicate(timeout=300)[1].decode(), racer.returncode) for racer in racers]
    assert [err for err, code in results if surprises(err) or (code and not err.startswith("fatal: "))] == []
    return [code for _, code in results]


@contextmanager
def packing(repo: Repository) -> Iterator[None]:
    """git packs refs and collects garbage all the time."""
    loop = "while :; do git pack-refs --all; git runs gc --quiet; git gc --quiet --prune=now; done"
    packer = repo.machine.start("sh", "-c", loop, cwd=repo.path)
    try:
        yield
    finally:
        packer.kill()
        packer.communicate()
        settle_git(repo)


def settle_git(repo: Repository) -> None:
    """The git that was started last goes on without its loop; another one waits for its locks."""
    wait_for(lambda: repo.machine.run("git", "pack-refs", "--all", cwd=repo.path).code == 0)


# --- all commands at once


def test_everything_at_once_leaves_everything_in_step(repo: Repository) -> None:
    deadline = time.monotonic() + SECONDS
    problems: list[str] = []
    done: list[str] = []
    workers = [
        threading.Thread(target=work, args=(repo, random.Random(seed), deadline, problems, done))
        for seed in random.sample(range(10**6), 6)
    ]
    with packing(repo):
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    repo.runs("kill", "--grace=0", ".*")
    settle(repo.machine)
    assert problems == []
    assert set(done) >= NEEDED
    assert repo.ok("fsck") == ""
    check(repo)
    for name, fields in read_records(repo).items():
        assert fields["status"] in ("finished", "failed", "killed"), (name, fields)


def work(repo: Repository, dice: random.Random, deadline: float, problems: list[str], done: list[str]) -> None:
    """One person after the other, each doing something to some run."""
    while time.monotonic() < deadline or (not set(done) >= NEEDED and time.monotonic() < deadline + BOUND):
        name, other = dice.sample(POOL, 2)
        command = dice.choice(["true", "exit 3", "sleep 0.2; :", "sleep 60"])
        arguments = dice.choice(
            [
                ["new", "-q", name, command],
                ["new", "-q", other, command],
                ["delete", "-y", name],
                ["move", name, other],
                ["describe", name, "-m", f"words {dice.random()}"],
                ["kill", "--grace=0", name],
            ]
        )
        result = repo.runs(*arguments)
        done += [arguments[0]] if result.code == 0 else []
        if surprises(result.err) or "bad record" in result.err:
            problems.append(f"{arguments}: {result}")


# --- no update is lost


def test_words_given_while_a_run_is_moved_about_and_ends_stay(repo: Repository) -> None:
    for attempt in range(20 if FULL else 3):
        first = f"m{attempt}n0"
        repo.ok("new", "-q", *NO_FLAGS, first, "while [ ! -e go ]; do sleep 0.01; done; exit 7")
        last_name = [first]
        mover = threading.Thread(target=move_about, args=(repo, last_name))
        mover.start()
        for number in range(6):
            last_words = f"words {number}"
            give(repo, "describe", last_name, "-m", last_words)
            if number == 3:
                (repo.path / "go").touch()
        mover.join()
        settle(repo.machine)
        (repo.path / "go").unlink()
        (fields,) = (fields for name, fields in read_records(repo).items() if name.startswith(f"m{attempt}n"))
        assert (fields["name"], fields["description"], fields["exit-code"]) == (last_name[0], last_words, 7)
        assert "process" not in fields
        assert "former-names" not in fields
    check(repo)


def move_about(repo: Repository, name: list[str]) -> None:
    """Give the run one new name after the other."""
    for number in range(1, 6):
        new = f"{name[0].partition('n')[0]}n{number}"
        give(repo, "move", name, new)
        name[0] = new


def give(repo: Repository, command: str, name: list[str], *arguments: str) -> None:
    """Try again while the run is just called something else, or just being changed."""
    for _ in range(100):
        if repo.runs(command, name[0], *arguments).code == 0:
            return
    raise AssertionError("it never succeeded")


def test_of_many_descriptions_at_once_the_last_is_whole_and_the_end_is_there(repo: Repository) -> None:
    repo.ok("new", "-q", *NO_FLAGS, "base", "while [ ! -e go ]; do sleep 0.01; done; exit 7")
    texts = [f"words {n}\n" * 50 for n in range(RACERS)]
    writers = [repo.machine.start("git-runs", "describe", "base", "-m", text, cwd=repo.path) for text in texts]
    (repo.path / "go").touch()
    answers = [finish(writer) for writer in writers]
    settle(repo.machine)
    assert [err for err, code in answers if code and "base.yml.lock" not in err] == []  # they waited in vain
    assert repo.record("base")["exit-code"] == 7
    assert repo.record("base")["description"] in [
        text for text, (_, code) in zip(texts, answers, strict=True) if code == 0
    ]
    (repo.path / "go").unlink()
    check(repo)


def finish(process: subprocess.Popen[bytes]) -> tuple[str, int]:
    """What it printed on standard error, and the exit code, once it has ended."""
    _, err = process.communicate(timeout=120)
    return err.decode(), process.returncode
