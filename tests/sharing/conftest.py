"""Clones of one repository, and the bare one in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository


class Clone(Repository):
    """A clone, whose runs are its own."""

    def run(self, name: str, command: str = "true", *options: str) -> None:
        """A run that has ended."""
        self.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, *options, name, command)

    def push(self, *arguments: str) -> str:
        """What `git runs push` prints, not asking."""
        return self.ok("push", "-y", *arguments)

    def there(self) -> list[str]:
        """The refs for runs that the remote has, and their commits."""
        return self.git("ls-remote", "origin", "refs/runs/*", "refs/git-runs/*").splitlines()

    def names_there(self) -> list[str]:
        """The names of the runs that have a ref on the remote."""
        prefix = "refs/runs/"
        refs = (line.split("\t")[1] for line in self.there())
        return [ref[len(prefix) :] for ref in refs if ref.startswith(prefix)]

    def edit(self, name: str, before: str, after: str) -> None:
        """Change the record as a person does in an editor."""
        path = self.record_path(name)
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def shown(self, name: str) -> str:
        """The record of the run as the remote has it, which must have been fetched."""
        return self.git("show", f"refs/git-runs/remotes/origin/records:{name}.yml")


@pytest.fixture
def hub(machine: Machine, tmp_path: Path) -> Path:
    """A bare repository."""
    path = tmp_path / "hub"
    machine.run("git", "init", "-q", "--bare", "-b", "main", str(path))
    return path


@pytest.fixture
def clone(machine: Machine, tmp_path: Path, hub: Path) -> Callable[[str], Clone]:
    """Makes clones of it with one commit."""

    def make(name: str) -> Clone:
        machine.run("git", "clone", "-q", str(hub), str(tmp_path / name))
        made = Clone(machine, tmp_path / name)
        if not made.git("for-each-ref", "refs/remotes"):
            made.git("checkout", "-q", "-B", "main")
            made.commit("train.py", "print(1)\n", "first")
            made.git("push", "-q", "origin", "main")
        return made

    return make


@pytest.fixture
def ann(clone: Callable[[str], Clone]) -> Clone:
    return clone("ann")


@pytest.fixture
def bob(clone: Callable[[str], Clone], ann: Clone) -> Clone:
    return clone("bob")
