"""Records in git: kept in the background, few commits for many changes, and back from there when they are gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository, wait_for
from tests.faults.harness import make

REF = "refs/git-runs/records"


@pytest.fixture
def kept(repo: Repository) -> Iterator[Repository]:
    """A repository whose records are kept in git; who waits to keep more of them is gone after the test."""
    del repo.machine.environment["GIT_CONFIG_COUNT"]
    yield repo
    wait_for(lambda: not [path for path in repo.machine.processes() if b"supervise" in command_line(path)])
    for process in waiting(repo.machine):
        with suppress(ProcessLookupError):
            os.kill(int(process.name), signal.SIGKILL)


def command_line(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "cmdline").read_bytes()
    return b""


def waiting(machine: Machine) -> list[Path]:
    """The processes that keep records, or are about to."""
    return [path for path in machine.processes() if b"git_runs.upkeep.history" in command_line(path)]


def files(repo: Repository) -> dict[str, str]:
    """What is kept, by path."""
    listed = repo.git("ls-tree", "-r", "--name-only", REF).splitlines()
    return {path: repo.git("cat-file", "blob", f"{REF}:{path}") for path in listed}


def commits(repo: Repository) -> list[str]:
    """The messages of the commits, the latest first."""
    return repo.git("log", "--format=%s", REF).splitlines()


def is_kept(repo: Repository) -> bool:
    return repo.machine.run("git", "rev-parse", "-q", "--verify", REF, cwd=repo.path).code == 0


def test_a_start_is_kept_without_anybody_asking(kept: Repository) -> None:
    kept.ok("new", "-q", *NO_FLAGS, "exp/base", "sleep 60")
    wait_for(lambda: is_kept(kept))
    found = files(kept)
    assert found[".git-runs"] == "layout: 1\n"
    assert "status: running\n" in found["exp/base.yml"]
    environment = kept.record("exp/base")["environment"]
    directory = kept.path / ".runs/environments"
    assert found[f"environments/{environment}.yml"] == (directory / f"{environment}.yml").read_text()
    assert set(found) == {
        ".git-runs",
        "exp/base.yml",
        *(f"environments/{path.name}" for path in directory.iterdir()),
    }
    assert kept.git("log", "--format=%P", REF).strip() == ""
    kept.git("fsck", "--strict")
    kept.ok("kill", "exp/base")


def test_many_changes_make_few_commits_one_after_the_other(kept: Repository) -> None:
    for number in range(8):
        kept.ok("new", "-q", *NO_FLAGS, f"r{number}", "true")
    for number in range(8):
        kept.wait(f"r{number}")
    assert len(waiting(kept.machine)) <= 1
    kept.ok("gc")
    assert {path: text for path, text in files(kept).items() if path.startswith("r")} == {
        f"r{number}.yml": kept.record_path(f"r{number}").read_text() for number in range(8)
    }
    assert len(commits(kept)) <= 3
    before = kept.git("rev-parse", REF)
    kept.ok("describe", "r3", "-m", "other words")
    kept.ok("gc")
    assert kept.git("rev-parse", f"{REF}^") == before
    assert (commits(kept)[0], kept.git("diff", "--name-only", f"{REF}^", REF)) == ("r3", "r3.yml\n")
    assert "+description: other words" in kept.git("log", "-1", "-p", REF, "--", "r3.yml")
    before = kept.git("rev-parse", REF)
    kept.ok("gc")
    assert kept.git("rev-parse", REF) == before


def test_what_is_deleted_or_moved_goes_from_the_tree_and_what_is_lost_stays(kept: Repository) -> None:
    make(kept, "deleted", "moved", "lost", "back")
    kept.ok("describe", "back", "-m", "words")
    kept.ok("gc")
    kept.ok("delete", "-y", "deleted")
    kept.ok("move", "moved", "g/moved")
    kept.record_path("lost").unlink()
    kept.ok("delete", "-y", "back")
    kept.ok("undelete", "back")
    kept.ok("gc")
    assert [path for path in files(kept) if not path.startswith(("environments", "."))] == [
        "back.yml",
        "g/moved.yml",
        "lost.yml",
    ]
    assert "deleted" in kept.git("log", "-p", REF, "--", "deleted.yml")


def test_a_record_that_has_lost_its_id_gets_it_back(kept: Repository) -> None:
    make(kept, "a")
    kept.ok("gc")
    before = kept.record("a")
    path = kept.record_path("a")
    path.write_text(path.read_text().replace(f"id: {before['id']}\n", ""))
    kept.ok("gc")  # so that the last one that is kept has none
    assert "id" not in kept.record("a")
    kept.ok("fsck", "--repair")
    assert kept.record("a") == before


def test_a_record_that_is_gone_comes_back_with_its_ref(kept: Repository) -> None:
    make(kept, "a", "gone")
    kept.finish("g/b")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    kept.ok("delete", "-y", "--now", "gone")
    before = {name: kept.record_path(name).read_bytes() for name in ("a", "g/b")}
    refs = kept.git("for-each-ref", "refs/runs")
    kept.git("update-ref", "-d", "refs/runs/a")
    for name in ("a", "g/b"):
        kept.record_path(name).unlink()
    shutil.rmtree(kept.path / ".runs/environments")
    lines = kept.runs("fsck").out.splitlines()
    assert lines == [
        f"the record of run '{name}' is gone, but kept in {REF}; with --repair: brought back" for name in ("a", "g/b")
    ]
    kept.ok("fsck", "--repair")
    assert {name: kept.record_path(name).read_bytes() for name in before} == before
    assert kept.git("for-each-ref", "refs/runs") == refs
    assert kept.lookup("a", "environment").startswith("{")
    assert kept.ok("fsck") == ""


def test_how_a_record_that_cannot_be_read_is_had_back_is_said(kept: Repository) -> None:
    make(kept, "a")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    path, good = kept.record_path("a"), kept.record_path("a").read_text()
    state = kept.git("rev-parse", REF).strip()
    path.write_text("id: 1\nname: a: b\n")
    make(kept, "b")
    kept.ok("gc")
    assert files(kept)["a.yml"] != good
    command = f"git show {state}:a.yml >{path}"
    assert f"; mend the file in an editor, or have it as it was: {command}\n" in kept.runs("fsck", "--repair").out
    kept.machine.run("sh", "-c", command, cwd=kept.path)
    assert (path.read_text(), kept.ok("fsck")) == (good, "")


def test_when_the_runs_dir_is_gone_adopt_has_the_records_back(kept: Repository) -> None:
    make(kept, "a", "b")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    before = kept.record_path("a").read_bytes()
    shutil.rmtree(kept.path / ".runs")
    assert "Status:       finished" in kept.ok("show", "a")
    kept.ok("adopt", "--all")
    assert kept.record_path("a").read_bytes() == before
    assert kept.ok("fsck") == ""


def test_one_that_keeps_them_and_is_killed_is_replaced(kept: Repository) -> None:
    kept.ok("new", "-q", *NO_FLAGS, "a", "true")
    kept.wait("a")
    wait_for(lambda: is_kept(kept))
    wait_for(lambda: not waiting(kept.machine))
    kept.ok("describe", "a", "-m", "these")
    wait_for(lambda: waiting(kept.machine))
    (process,) = waiting(kept.machine)
    os.kill(int(process.name), signal.SIGKILL)
    wait_for(lambda: not waiting(kept.machine))
    kept.ok("describe", "a", "-m", "words")
    wait_for(lambda: waiting(kept.machine))
    kept.ok("gc")
    assert "description: words\n" in files(kept)["a.yml"]


def test_gc_lets_go_of_old_states(kept: Repository) -> None:
    make(kept, "a")
    for words in ("one", "two", "three"):
        kept.ok("describe", "a", "-m", words)
        kept.ok("gc")
    now = files(kept)
    tree = kept.git("rev-parse", f"{REF}^{{tree}}").strip()
    stream = "".join(
        f'commit {REF}\ncommitter old <old> {1500000000 + number} +0000\ndata 1\nx\nM 040000 {tree} ""\n\n'
        for number in range(9)
    )
    assert kept.machine.run("git", "fast-import", "--quiet", "--force", cwd=kept.path, stdin=stream).code == 0
    kept.ok("describe", "a", "-m", "four")
    kept.ok("-c", "runs.history=never", "gc")
    assert len(commits(kept)) == 10
    kept.ok("gc")
    assert commits(kept) == ["a"]
    assert files(kept) == {**now, "a.yml": kept.record_path("a").read_text()}
    kept.git("fsck", "--strict")


def test_a_person_s_settings_do_not_change_what_is_kept(kept: Repository) -> None:
    kept.git("config", "core.autocrlf", "true")
    (kept.path / ".git/info/attributes").write_text("*.yml filter=broken\n")
    kept.git("config", "filter.broken.clean", "false")
    kept.git("config", "filter.broken.required", "true")
    make(kept, "a")
    kept.record_path("a").write_text(kept.record_path("a").read_text() + "note: mine\r\n")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    found = kept.machine.run("git", "cat-file", "blob", f"{REF}:a.yml", cwd=kept.path).out
    assert found == kept.record_path("a").read_bytes().decode()


def test_in_a_repository_of_sha256(kept: Repository, tmp_path: Path) -> None:
    path = tmp_path / "other"
    kept.machine.run("git", "init", "-q", "--object-format=sha256", str(path))
    other = Repository(kept.machine, path)
    other.commit("x", "x\n")
    make(other, "a")
    other.ok("describe", "a", "-m", "words")
    other.ok("gc")
    before = other.git("rev-parse", REF)
    other.ok("gc")
    assert other.git("rev-parse", REF) == before
    assert "a.yml" in files(other)


def test_it_can_be_turned_off(kept: Repository) -> None:
    kept.git("config", "runs.history", "false")
    kept.finish("a")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    assert not is_kept(kept)
    assert waiting(kept.machine) == []
    assert not (kept.path / ".git/git-runs.journal").exists()


def test_what_was_deleted_while_no_records_were_kept_is_not_taken_for_lost(kept: Repository) -> None:
    make(kept, "a", "b")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    kept.git("config", "runs.history", "false")
    kept.ok("delete", "-y", "--now", "a")
    kept.git("config", "--unset", "runs.history")
    assert kept.ok("fsck") == ""
    kept.ok("gc")
    assert "a.yml" not in files(kept)


def test_a_ref_that_came_since_is_not_adopted_with_the_record_of_a_deleted_run(kept: Repository) -> None:
    make(kept, "a")
    kept.ok("describe", "a", "-m", "words")
    kept.ok("gc")
    kept.ok("delete", "-y", "--now", "a")
    commit = kept.commit("train.py", "pass\n")
    kept.git("update-ref", "refs/runs/a", commit)
    kept.ok("adopt", "a")
    assert (kept.lookup("a", "commit"), kept.lookup("a", "status")) == (commit, "unknown")


def test_runs_of_another_repository_with_the_same_runs_dir_are_its_own(kept: Repository, tmp_path: Path) -> None:
    clone = Repository(kept.machine, tmp_path / "clone")
    kept.git("clone", "-q", str(kept.path), str(clone.path))
    clone.git("config", "runs.runs-dir", str(kept.path / ".runs"))
    make(kept, "a")
    clone.finish("b")
    for repo in (kept, clone):
        repo.ok("gc")
    assert ("a.yml" in files(clone), "b.yml" in files(clone)) == (False, True)


def test_who_keeps_them_ends_though_a_lock_was_left(kept: Repository) -> None:
    make(kept, "a")
    lock = Path(f"{kept.record_path('a')}.lock")
    dead = {"host": os.uname().nodename, "namespace": os.readlink("/proc/self/ns/pid")}
    lock.write_text(json.dumps({**dead, "process": {"pid": 2**22 - 1, "started": "1", "boot": "x"}}))
    with (kept.path / ".git/git-runs.journal").open("a") as journal:
        journal.write("-a\n")
    kept.ok("gc")
    assert (kept.path / ".git/git-runs.journal").read_text() == ""
    assert "a.yml" in files(kept)
