"""Files that git status calls clean, and to which a checkout would give other bytes: runs get those that are there."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conftest import NO_FLAGS, Repository

ISOLATED = ("new", "-q", *NO_FLAGS, "--launcher=foreground", "--snapshot", "--isolate")


def attributes_without_a_checkout(repo: Repository) -> None:
    """Line ends that only the next checkout will have."""
    repo.commit("a.txt", "one\ntwo\n")
    repo.commit(".gitattributes", "*.txt text eol=crlf\n")


def settings_without_a_checkout(repo: Repository) -> None:
    """The same, for all text files."""
    repo.commit("a.txt", "one\ntwo\n")
    repo.git("config", "core.autocrlf", "true")


def executable_bit(repo: Repository) -> None:
    """A mode that git is set to ignore."""
    repo.git("config", "core.fileMode", "false")
    repo.commit("a.txt", "one\ntwo\n")
    (repo.path / "a.txt").chmod(0o755)


def lossy_filter(repo: Repository) -> None:
    """An edit that is filtered out, so that git finds nothing."""
    repo.git("config", "filter.strip.clean", "grep -v ^out")
    repo.commit(".gitattributes", "*.txt filter=strip\n")
    repo.commit("a.txt", "one\nout 1\ntwo\n")
    (repo.path / "a.txt").write_text("one\nout 2\ntwo\n")


def of_the_repository(repo: Repository) -> None:
    """Attributes that no commit holds, older than the file."""
    repo.commit("a.txt", "one\ntwo\n")
    (repo.path / ".git/info/attributes").write_text("*.txt text eol=crlf\n")
    os.utime(repo.path / "a.txt", (2e9, 2e9))


def macro(repo: Repository) -> None:
    """Attributes by the name of another."""
    repo.commit(".gitattributes", "[attr]dos text eol=crlf\n")
    repo.commit("a.txt", "one\ntwo\n")
    (repo.path / ".git/info/attributes").write_text("*.txt dos\n")


def removed_where_git_ignores_it(repo: Repository) -> None:
    """A file that is gone, though the checkout is not sparse."""
    repo.commit("a.txt", "one\ntwo\n")
    repo.git("update-index", "--skip-worktree", "a.txt")
    (repo.path / "a.txt").unlink()


def the_same_in_a_clone(repo: Repository) -> None:
    """Attributes in a repository inside the tree."""
    library = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(library.path))
    attributes_without_a_checkout(library)


def removed_attributes(repo: Repository) -> None:
    """Attributes by which a file was checked out, and which are no longer there."""
    repo.commit("b.md", "one\n")
    repo.commit(".gitattributes", "*.md text\n*.txt text eol=crlf\n")
    (repo.path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    repo.git("add", "a.txt")
    repo.git("commit", "-q", "-m", "with CRLF")
    repo.commit(".gitattributes", "*.md text\n")


SHOWN = "for f in a.txt lib/a.txt; do test -f $f && od -c $f && ls -l $f | cut -c 1-10; done; ls"


@pytest.mark.parametrize(
    "make",
    [
        *(attributes_without_a_checkout, settings_without_a_checkout, executable_bit, lossy_filter, of_the_repository),
        *(macro, removed_where_git_ignores_it, the_same_in_a_clone, removed_attributes),
    ],
)
def test_a_run_gets_the_bytes_that_are_there(repo: Repository, make: Callable[[Repository], None]) -> None:
    make(repo)
    expected = repo.machine.run("bash", "-c", SHOWN, cwd=repo.path).out
    assert repo.ok(*ISOLATED, "x", f"{SHOWN}; git status --porcelain") == expected
    again = repo.runs("reproduce", "--run", "--wait", "x")
    assert again.out.endswith("Reproduction: equal\n"), again
