"""Names and refs: git's own judgement of names, and races."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_runs.code import refs
from git_runs.errors.code import InvalidName
from tests.conftest import Repository

ALPHABET = st.sampled_from("aZ0_.-=+,@%/:~^? *[\\\x7f\n")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(ALPHABET, min_size=1, max_size=8).map(lambda text: "a" + text), min_size=1, max_size=20))
def test_a_valid_name_is_one_that_git_accepts(names: list[str]) -> None:
    for name in names:
        try:
            refs.validate(name)
        except InvalidName:
            continue
        assert subprocess.run(["git", "check-ref-format", refs.ref(name)], check=False).returncode == 0


@pytest.mark.parametrize(
    "name", ["a", "A_9", "_x", "0", "lr=0.1+wd=1e-4,seed@3%", "a/b/c-d", "x" * 200, "head", "a/HEAD", "a.ymlx", "a.b"]
)
def test_names_that_are_valid(name: str) -> None:
    refs.validate(name)


def test_an_empty_directory_that_git_left_is_not_in_the_way(repo: Repository) -> None:
    (repo.path / ".git/refs/runs/base").mkdir(parents=True)
    repo.finish("base")
    assert repo.refs() == ["refs/runs/base"]


def test_refs_are_created_beside_git_packing_them(repo: Repository) -> None:
    packer = repo.machine.start("sh", "-c", "while git pack-refs --all; do :; done", cwd=repo.path)
    for n in range(10):
        repo.ok("new", "-q", f"r{n}", "true")
    packer.kill()
    packer.communicate()
    assert repo.refs() == [f"refs/runs/r{n}" for n in range(10)]
    for n in range(10):
        repo.wait(f"r{n}")


@pytest.mark.parametrize("create", ["create(", "create_one_of_many(here, "])
@pytest.mark.parametrize("packed", [0, 1500])
def test_fifty_racers_for_one_ref(repo: Repository, packed: int, create: str) -> None:
    commit = repo.git("rev-parse", "HEAD").strip()
    if packed:  # git creates it then, not dulwich
        creations = "".join(f"create refs/runs/old{n} {commit}\n" for n in range(packed))
        assert repo.machine.run("git", "update-ref", "--stdin", cwd=repo.path, stdin=creations).code == 0
        repo.git("pack-refs", "--all")
        assert (repo.path / ".git/packed-refs").stat().st_size > refs.MANY_PACKED
    code = (
        "import sys; from git_runs.code import refs; from git_runs.errors.code import NameTaken\n"
        "from git_runs.system.git import discovery\n"
        "here = discovery.Search().repository()\n"
        "sys.stdin.readline()\n"
        f"try: refs.{create}'base', '{commit}'); print('won')\n"
        "except NameTaken: print('lost')\n"
    )
    racers = [
        subprocess.Popen(
            [python(), "-c", code],
            cwd=repo.path,
            env=repo.machine.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(50)
    ]
    answers = []
    for racer in racers:
        assert racer.stdin
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    for racer in racers:
        out, err = racer.communicate(timeout=60)
        answers.append((out.decode().strip(), err.decode()))
    assert sorted(answers) == [("lost", "")] * 49 + [("won", "")]


def test_a_ref_that_is_locked_for_a_moment_is_waited_for(repo: Repository) -> None:
    lock = repo.path / ".git/refs/runs/base.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    repo.machine.start(
        "sh", "-c", f"while [ ! -e .runs/records/base.yml.lock ]; do :; done; sleep 0.5; rm {lock}", cwd=repo.path
    )
    repo.finish("base")


def test_a_stale_lock_of_a_ref_is_named_with_its_age(repo: Repository) -> None:
    lock = repo.path / ".git/refs/runs/base.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    result = repo.runs("new", "base", "true")
    assert re.fullmatch(
        f"fatal: cannot lock a ref: '{lock}' exists since [2-9] s\n"
        "hint: another git process may be using it; if none is running, remove the file\n",
        result.err,
    )
    assert (result.code, repo.ok("list")) == (128, "")


def python() -> str:
    """The interpreter that git runs is installed for."""
    import sys

    return sys.executable
