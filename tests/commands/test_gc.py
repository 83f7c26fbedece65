"""`git runs gc`: what is packed, forgotten and closed, what never is, and when `new` starts it."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path

import pytest

from git_runs.records import locks
from git_runs.records.cache import NAME
from tests.conftest import NO_FLAGS, Repository, Screen, wait_for

LONG_AGO = time.time() - 30 * 24 * 3600


def loose_refs(repo: Repository) -> list[str]:
    """All refs that are files of their own."""
    top = repo.path / ".git" / "refs"
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def fail(repo: Repository, name: str) -> None:
    """A run that keeps its session, with the last screen of its command."""
    repo.finish(name, "false", *NO_FLAGS)
    wait_for(lambda: "1" in repo.machine.tmux("list-panes", "-t", f"={name}", "-F", "#{pane_dead}").out)


# --- refs


def test_all_refs_are_packed_as_git_gc_does(repo: Repository) -> None:
    for name in ("a", "group/b"):
        repo.finish(name)
    before = repo.git("for-each-ref")
    result = repo.runs("gc")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert loose_refs(repo) == []
    assert repo.git("for-each-ref") == before
    assert repo.ok("fsck") == ""


def test_refs_stay_loose_where_git_gc_would_leave_them(repo: Repository) -> None:
    repo.finish("a")
    repo.git("config", "gc.packRefs", "false")
    repo.ok("gc")
    assert loose_refs(repo) == ["heads/main", "runs/a"]
    repo.git("config", "gc.packRefs", "notbare")
    repo.ok("gc")
    assert loose_refs(repo) == []


# --- the cache


def remembered(repo: Repository) -> int:
    """How many rows the cache has."""
    with sqlite3.connect(repo.path / ".runs" / NAME) as cache:
        return int(cache.execute("SELECT count(*) FROM records").fetchone()[0])


def test_the_cache_forgets_runs_that_are_gone_and_gets_smaller(repo: Repository) -> None:
    repo.finish("a")
    text = repo.record_path("a").read_text()
    for number in range(100):
        path = repo.record_path(f"gone{number}")
        path.write_text(text + f"notes: {'x' * 5000}\n")
        os.utime(path, (LONG_AGO, LONG_AGO))
    os.utime(repo.record_path("a"), (LONG_AGO, LONG_AGO))
    repo.ok("list")
    size = (repo.path / ".runs" / NAME).stat().st_size
    assert remembered(repo) == 101
    for number in range(100):
        repo.record_path(f"gone{number}").unlink()
    repo.ok("gc")
    assert remembered(repo) == 1
    assert (repo.path / ".runs" / NAME).stat().st_size < size / 5
    assert repo.ok("list") == "a\n"


def old_cache(path: Path, table: str = "records") -> Path:
    """A cache as an older version made it, a month ago."""
    with sqlite3.connect(path) as cache:
        cache.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, size INT, mtime INT, inode INT, fields TEXT)")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_old_caches_of_other_versions_go_and_nothing_else(repo: Repository, tmp_path: Path) -> None:
    repo.finish("a")
    root = repo.path / ".runs"
    old, recent = old_cache(root / "cache-1.sqlite"), old_cache(root / "cache-2.sqlite")
    os.utime(recent)
    someones = old_cache(root / "cache-77.sqlite", table="my_data")
    notes = root / "cache-78.sqlite"
    notes.write_text("not a database")
    elsewhere = old_cache(tmp_path / "cache-1.sqlite")
    link = root / "cache-79.sqlite"
    link.symlink_to(elsewhere)
    for path in (notes, link):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    repo.ok("gc")
    assert not old.exists()
    for path in (recent, someones, notes, link, elsewhere):
        assert path.exists()


def test_a_damaged_cache_is_nobody_s_trouble(repo: Repository) -> None:
    repo.finish("a")
    (repo.path / ".runs" / NAME).write_text("damaged")
    repo.ok("gc")
    assert repo.ok("list") == "a\n"


# --- sessions


def test_sessions_of_runs_that_ended_long_ago_are_closed(repo: Repository) -> None:
    for name in ("old", "new", "other"):
        fail(repo, name)
    path = repo.record_path("old")
    finished = repo.lookup("old", "finished")
    path.write_text(path.read_text().replace(finished, "2026-01-01T00:00:00.000000+00:00"))
    repo.machine.tmux("new-session", "-d", "-s", "mine", "sleep 1000")
    for never in ("never", "false"):
        repo.git("config", "runs.gc-sessions", never)
        repo.ok("gc")
        assert repo.machine.sessions() == ["mine", "new", "old", "other"]
    repo.git("config", "--unset", "runs.gc-sessions")
    repo.ok("gc")
    assert repo.machine.sessions() == ["mine", "new", "other"]
    repo.git("config", "runs.gc-sessions", "now")
    repo.ok("gc")
    assert repo.machine.sessions() == ["mine"]
    assert repo.ok("list") == "new\nold\nother\n"


def test_sessions_that_somebody_uses_stay(repo: Repository, screen: Screen) -> None:
    for name in ("attached", "split", "window", "respawned", "unused"):
        fail(repo, name)
    repo.ok("new", *NO_FLAGS, "running", "sleep 1000")
    repo.machine.tmux("split-window", "-t", "=split:", "sleep 1000")
    repo.machine.tmux("new-window", "-t", "=window:", "sleep 1000")
    repo.machine.tmux("respawn-pane", "-t", "=respawned:", "sleep 1000")
    screen.type("env -u TMUX git runs attach attached")
    wait_for(lambda: repo.machine.tmux("list-clients", "-t", "=attached").out)
    repo.ok("-c", "runs.gc-sessions=now", "gc")
    assert repo.machine.sessions() == ["attached", "respawned", "running", "split", "window"]


def test_a_date_that_git_does_not_understand_is_reported_before_anything_is_done(repo: Repository) -> None:
    repo.finish("a")
    result = repo.runs("-c", "runs.gc-sessions=whenever", "gc")
    assert result.code == 128
    assert "'whenever'" in result.err
    assert "is not a valid timestamp" in result.err
    assert loose_refs(repo) == ["heads/main", "runs/a"]


# --- one at a time, and by itself


def test_only_one_works_at_a_time(repo: Repository) -> None:
    repo.finish("a")
    lock = repo.path / ".git" / "runs-gc.lock"
    locks.take(str(lock), patience=0)
    result = repo.runs("gc")
    assert result.code == 128
    assert re.fullmatch(
        f"fatal: git runs gc is already running, since [0-9]+ s\nhint: if none is running, remove '{lock}'\n",
        result.err,
    )
    result = repo.runs("-c", "runs.gc-auto=1", "gc", "--auto")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert loose_refs(repo) == ["heads/main", "runs/a"]
    lock.write_text(lock.read_text().replace('"pid": ', '"pid": 99'))  # of one that has died
    repo.ok("gc")
    assert loose_refs(repo) == []
    assert not lock.exists()


def test_auto_does_nothing_up_to_the_limit(repo: Repository) -> None:
    for name in ("a", "group/b"):
        repo.finish(name)
    for limit in ("2", "0"):
        repo.ok("-c", f"runs.gc-auto={limit}", "gc", "--auto")
        assert loose_refs(repo) == ["heads/main", "runs/a", "runs/group/b"]
    repo.ok("-c", "runs.gc-auto=1", "gc", "--auto")
    assert loose_refs(repo) == []


def test_new_starts_it_past_the_limit(repo: Repository) -> None:
    repo.git("config", "runs.gc-auto", "2")
    for name in ("a", "b"):
        repo.finish(name)
    assert loose_refs(repo) == ["heads/main", "runs/a", "runs/b"]
    result = repo.runs("new", "-q", "c", "true")
    assert (result.code, result.out, result.err) == (0, "c\n", "")
    wait_for(lambda: loose_refs(repo) == [])
    repo.wait("c")
    wait_for(lambda: not (repo.path / ".git" / "runs-gc.lock").exists())
    assert repo.ok("fsck") == ""


@pytest.mark.parametrize("setting", ["runs.gc-auto=0", "gc.packRefs=false"])
def test_new_does_not_start_what_is_not_wanted(repo: Repository, setting: str) -> None:
    repo.git("config", "runs.gc-auto", "1")
    for name in ("a", "b", "c"):
        repo.ok("-c", setting, "new", name, "true")
        repo.wait(name)
    assert loose_refs(repo) == ["heads/main", "runs/a", "runs/b", "runs/c"]
    assert not [path for path in repo.machine.processes() if b"gc" in (path / "cmdline").read_bytes().split(b"\0")]
