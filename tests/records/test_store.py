"""The records on disk: locks, whole writes, and the cache that must never matter."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from git_runs.errors.code import NameTaken
from git_runs.errors.records import BadRecord, Locked, NoSuchRun
from git_runs.records import reader
from git_runs.records.cache import NAME, Cache
from git_runs.records.catalogue import Catalogue
from git_runs.records.record import Record, Run
from git_runs.records.store import Store
from git_runs.system import children, processes, whoami
from git_runs.system.files import NO_STAMP, stamp_of, write_whole

A = Run("a", Record())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store that does not wait long."""
    store = Store(str(tmp_path / "runs"), patience=0.3)
    store.prepare(None)
    return store


def recalled(store: Store, name: str) -> Record:
    """The record by way of the cache."""
    ((_, run),) = store.reader.recall([name])
    assert isinstance(run, Run)
    return run.record


def remembers(store: Store, name: str) -> bool:
    """Whether the cache has what the record says now."""
    return bool(Cache(store.root).get({name: stamp_of(store.path(name))}, light=False))


def age(path: str) -> None:
    """Make the file old enough to be remembered."""
    os.utime(path, ns=(time.time_ns() - 10**10, time.time_ns() - 10**10))


def test_a_name_is_created_once(store: Store) -> None:
    store.create("g/a", Record(name="g/a", description="first"))
    with pytest.raises(NameTaken):
        store.create("g/a", Record(name="g/a", description="second"))
    assert store.read("g/a")["description"] == "first"
    assert list(store.names()) == ["g/a"]


def test_changes_from_many_threads_all_arrive(store: Store) -> None:
    store.create("a", Record(name="a"))
    store.patience = 20

    def change(key: str) -> None:
        with store.change(A) as fields:
            fields[key] = "x"

    threads = [threading.Thread(target=change, args=(f"key{n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read("a")) == 21
    assert sorted(os.listdir(store.root + "/records")) == ["a.yml"]


def test_what_a_person_changes_by_hand_meanwhile_stays(store: Store) -> None:
    store.create("a", Record(name="a", description="old", status="running", host="h"))
    path = Path(store.path("a"))
    with store.change(A) as fields:
        fields["exit-code"] = 3
        fields["status"] = "failed"
        del fields["host"]
        path.write_text(path.read_text().replace("description: old\n", "# mine\nnote: [a,   b]\ndescription: new\n"))
    assert path.read_text() == "name: a\n# mine\nnote: [a,   b]\ndescription: new\nstatus: failed\nexit-code: 3\n"


def test_a_record_that_is_another_runs_meanwhile_is_left_alone(store: Store) -> None:
    store.create("a", Record(id="this", name="a"))
    path = Path(store.path("a"))

    def change() -> None:
        with store.change(Run("a", store.read("a"))) as fields:
            fields["exit-code"] = 3
            path.write_text("id: another\nname: a\n")

    with pytest.raises(NoSuchRun):
        change()
    assert path.read_text() == "id: another\nname: a\n"


def test_what_a_person_changed_at_the_last_moment_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine\n")
    assert not write_whole(str(path), "new\n", only_if=lambda: False)
    assert (path.read_text(), os.listdir(tmp_path)) == ("mine\n", ["file"])


def test_a_change_that_fails_is_not_written(store: Store) -> None:
    store.create("a", Record(name="a"))
    before = Path(store.path("a")).read_bytes()

    def fail() -> None:
        with store.change(A) as fields:
            fields["x"] = "y"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert Path(store.path("a")).read_bytes() == before
    assert os.listdir(store.root + "/records") == ["a.yml"]


def test_a_lock_says_who_holds_it_and_is_waited_for(store: Store) -> None:
    store.create("a", Record(name="a"))
    lock = Path(store.path("a") + ".lock")
    with store.change(A):
        holder = json.loads(lock.read_text())
        assert (holder["host"], holder["process"]["pid"]) == (os.uname().nodename, os.getpid())
        with pytest.raises(Locked), store.change(A):
            pass
    assert not lock.exists()


def dead_process() -> dict[str, object]:
    """The holder in a lock: a process that has ended."""
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = processes.identify(child.pid)
        child.kill()
    assert identity
    return identity


def lock(store: Store, **holder: object) -> Path:
    """The lock of record "a", left by a process that died here, but for what `holder` says."""
    left = {"host": whoami.hostname(), "namespace": whoami.namespace(), "process": dead_process(), **holder}
    path = Path(store.path("a") + ".lock")
    path.write_text(json.dumps(left))
    return path


def test_a_lock_whose_holder_died_here_is_broken(store: Store) -> None:
    store.create("a", Record(name="a"))
    path = lock(store)
    with store.change(A) as fields:
        fields["description"] = "x"
    assert store.read("a")["description"] == "x"
    assert not path.exists()


@pytest.mark.parametrize(
    "holder",
    [
        {"host": "elsewhere"},
        {"namespace": "pid:[1]"},
        {"process": processes.identify(os.getpid())},
        {"process": "?"},
    ],
    ids=lambda holder: next(iter(holder)),
)
def test_a_lock_whose_holder_may_live_is_not_broken(store: Store, holder: dict[str, object]) -> None:
    store.create("a", Record(name="a"))
    path = lock(store, **holder)
    with pytest.raises(Locked), store.change(A):
        pass
    assert path.exists()


def test_a_lock_shows_all_from_the_first_moment(store: Store) -> None:
    done = threading.Event()
    seen: list[str] = []

    def look() -> None:
        while not done.is_set():
            with suppress(FileNotFoundError):
                seen.append(Path(store.lock("a")).read_text())

    thread = threading.Thread(target=look)
    thread.start()
    while len(seen) < 100:
        with store.reserved("a", why="test"):
            pass
    done.set()
    thread.join()
    assert {json.loads(content)["why"] for content in seen} == {"test"}


def test_a_lock_without_hard_links_is_a_lock_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.O_TMPFILE")
    with store.reserved("a"):
        assert json.loads(Path(store.lock("a")).read_text())["host"] == os.uname().nodename
        with pytest.raises(Locked), store.reserved("a"):
            pass
    assert not os.path.exists(store.lock("a"))


def test_an_empty_lock_is_not_broken(store: Store) -> None:
    store.create("a", Record(name="a"))
    Path(store.path("a") + ".lock").touch()  # its holder has not written yet
    with pytest.raises(Locked), store.change(A):
        pass


def test_a_missing_record_cannot_be_changed_and_leaves_no_directories(store: Store) -> None:
    with pytest.raises(NoSuchRun), store.change(Run("g/a", Record())):
        pass
    assert os.listdir(store.root + "/records") == []


def test_a_moved_record_is_found_by_its_id(store: Store) -> None:
    runs = {name: Run(name, Record(id=f"id-of-{name}", name=name, description="id-of-c")) for name in ("a", "b")}
    for name, run in runs.items():
        store.create(name, run.record)
    with store.moving(runs["a"], "g/c"):
        store.rename(runs["a"], "g/c")
    found = store.find(runs["a"])
    assert found is not None
    assert (found.name, found.record["name"]) == ("g/c", "g/c")
    assert store.find(Run("a", Record(id="id-of-c"))) is None
    with store.change(runs["a"]) as fields:
        fields["description"] = "x"
    assert store.read("g/c")["description"] == "x"


def test_another_run_of_the_same_name_is_not_touched(store: Store) -> None:
    store.create("a", Record(id="new", name="a"))
    before = Path(store.path("a")).read_bytes()
    old = Run("a", Record(id="old"))
    assert store.find(old) is None
    with pytest.raises(NoSuchRun), store.change(old) as fields:
        fields["description"] = "x"
    with pytest.raises(NoSuchRun), store.moving(old, "b"):
        pytest.fail("it was held")
    with store.removal([old, A]) as found:
        assert found == []
    assert Path(store.path("a")).read_bytes() == before
    assert os.listdir(store.root + "/records") == ["a.yml"]


def test_a_removal_that_fails_removes_nothing(store: Store) -> None:
    store.create("a", Record(name="a"))
    with pytest.raises(KeyError), store.removal([A]):
        raise KeyError
    assert os.listdir(store.root + "/records") == ["a.yml"]


def test_emptied_groups_go(store: Store) -> None:
    store.create("g/h/a", Record(name="g/h/a"))
    with store.moving(Run("g/h/a", Record()), "g/b"):
        store.rename(Run("g/h/a", Record()), "g/b")
    assert os.listdir(store.root + "/records/g") == ["b.yml"]
    with store.removal([Run("g/b", Record())]):
        os.unlink(store.path("g/b"))
    assert os.listdir(store.root + "/records") == []


def test_a_changed_record_keeps_its_permissions(store: Store) -> None:
    store.create("a", Record(name="a"))
    os.chmod(store.path("a"), 0o660)
    with store.change(A) as fields:
        fields["description"] = "x"
    assert os.stat(store.path("a")).st_mode & 0o777 == 0o660


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "", "a\nb", "x" * 201])
def test_what_is_no_name_leads_nowhere(store: Store, name: str) -> None:
    assert not store.exists(name)
    with pytest.raises(NoSuchRun):
        store.read(name)
    with pytest.raises(NoSuchRun):
        store.create(name, Record())


def test_a_record_that_is_a_link_is_bad(store: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("name: a\n")
    os.symlink(tmp_path / "elsewhere", store.path("a"))
    with pytest.raises(BadRecord, match="symbolic link"):
        store.read("a")
    with pytest.raises(BadRecord), store.change(A):
        pass
    assert (tmp_path / "elsewhere").read_text() == "name: a\n"


def test_links_planted_among_the_records_are_not_followed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.yml").write_text("name: x\n")
    os.symlink(tmp_path / "elsewhere", store.root + "/records/link")
    assert list(store.names()) == []


# --- the cache


def test_what_is_remembered_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("a", Record(name="a", description="x"))
    age(store.path("a"))
    recalled(store, "a")
    other = Store(store.root)
    monkeypatch.setattr(other, "parsed", lambda name: pytest.fail("the file was read"))
    assert recalled(other, "a") == {"name": "a", "description": "x"}


@pytest.mark.parametrize("many", [0, 1000], ids=["by two", "alone"])
def test_what_cannot_be_read_is_reported_in_its_place(store: Store, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MANY", many)
    names = [f"r{number}" for number in range(10)]
    for name in names:
        store.create(name, Record(name=name, description="ünï"))
        age(store.path(name))
    os.unlink(store.path("r2"))
    for name in ("r4", "r8"):
        Path(store.path(name)).write_text("a: 1\na: 2\n")
    for _ in range(2):
        found = dict(Store(store.root).reader.recall(names))
        assert list(found) == names
        assert found.pop("r2") is None
        for name in ("r4", "r8"):
            assert "'a' is there twice" in str(found.pop(name))
        assert [run.record for run in found.values() if isinstance(run, Run)] == [
            {"name": name, "description": "ünï"} for name in found
        ]
    assert remembers(store, "r9")


def test_a_young_file_is_not_remembered(store: Store) -> None:
    store.create("a", Record(name="a"))
    recalled(store, "a")
    assert not remembers(store, "a")


def test_a_file_from_the_future_is_not_remembered(store: Store) -> None:
    store.create("a", Record(name="a"))
    os.utime(store.path("a"), (time.time() + 1000, time.time() + 1000))
    recalled(store, "a")
    assert not remembers(store, "a")


@pytest.mark.parametrize("damage", ["delete", "garbage", "empty", "other tables", "other version", "flip", "directory"])
def test_a_damaged_cache_gives_right_answers_and_is_mended(store: Store, damage: str) -> None:
    store.create("a", Record(name="a", description="the truth"))
    age(store.path("a"))
    recalled(store, "a")
    path = Path(store.root) / NAME
    lies = path.read_bytes().replace(b"the truth", b"the trath")
    path.unlink()
    if damage == "garbage":
        path.write_bytes(os.urandom(20_000))
    elif damage == "empty":
        path.touch()
    elif damage == "other tables":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE records (other TEXT)")
        connection.close()
    elif damage == "other version":  # each has a name of its own
        for version in ("3", "99"):
            path.with_name(f"cache-{version}.sqlite").write_bytes(lies)
    elif damage == "flip":
        path.write_bytes(lies)
    elif damage == "directory":
        path.mkdir()
    assert recalled(Store(store.root), "a")["description"] == "the truth"
    assert recalled(Store(store.root), "a")["description"] == "the truth"
    if damage in ("delete", "garbage", "empty", "other version", "flip"):
        recalled(Store(store.root), "a")
        assert remembers(store, "a")


def test_a_cache_that_somebody_else_locks_is_done_without(store: Store) -> None:
    store.create("a", Record(name="a", description="x"))
    age(store.path("a"))
    recalled(store, "a")
    connection = sqlite3.connect(Path(store.root) / NAME)
    connection.execute("BEGIN EXCLUSIVE")
    assert recalled(Store(store.root), "a")["description"] == "x"
    connection.close()


def test_a_cache_that_is_a_link_is_neither_read_nor_written(store: Store, tmp_path: Path) -> None:
    store.create("a", Record(name="a", description="x"))
    age(store.path("a"))
    recalled(store, "a")
    lie = tmp_path / "lie"
    (Path(store.root) / NAME).rename(lie)
    lie.write_bytes(lie.read_bytes())
    connection = sqlite3.connect(lie)
    connection.execute("DELETE FROM records")
    connection.commit()
    connection.close()
    before = lie.read_bytes()
    (Path(store.root) / NAME).symlink_to(lie)
    assert recalled(Store(store.root), "a")["description"] == "x"
    assert lie.read_bytes() == before


def test_light_runs_lack_the_heavy_fields_only(store: Store) -> None:
    store.create("a", Record(name="a", environment={"python": "3"}, description="x"))
    age(store.path("a"))
    for _ in range(2):
        ((_, run),) = Store(store.root).reader.recall(["a"], light=True)
        assert isinstance(run, Run)
        assert run.value("description") == "x"
        assert recalled(Store(store.root), "a")["environment"] == {"python": "3"}


# --- the survey


def surveyed(store: Store, names: list[str] | None = None) -> list[str]:
    """The names that another reader of the store gets."""
    return Store(store.root).reader.survey(names)[0].names


@pytest.fixture(params=[0, children.MANY], ids=["by two", "alone"])
def old(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Ten runs, in two groups, whose records may be remembered, and are; read by two processes, or by one."""
    monkeypatch.setattr(children, "MANY", request.param)
    for name in (*(f"r{n}" for n in range(9)), "g/r10"):
        store.create(name, Record(name=name, datetime=f"2026-01-0{len(name)}T00:00:00+00:00"))
        age(store.path(name))
    assert len(surveyed(store)) == 10
    return store


def test_a_survey_reads_only_what_has_changed(old: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    other = Store(old.root)

    def note(name: str) -> tuple[Record, bytes]:
        read.append(name)
        return old.parsed(name)

    monkeypatch.setattr(other, "parsed", note)
    assert other.reader.survey()[0].names == ["g/r10", *(f"r{n}" for n in range(9))]
    assert read == []
    Path(old.path("r3")).write_text("name: r3\ndatetime: 2026-02-01T00:00:00+00:00\n")
    assert dict(zip(*((c := other.reader.survey()[0]).names, c.starts), strict=True))["r3"] == 1769904000
    assert read == ["r3"]


def test_a_survey_shows_what_is_gone_and_what_is_new(old: Store) -> None:
    os.unlink(old.path("r3"))
    old.create("r10", Record(name="r10"))
    for _ in range(2):
        assert surveyed(old) == ["g/r10", "r0", "r1", "r2", "r4", "r5", "r6", "r7", "r8", "r10"]


def test_a_run_that_has_the_file_of_another_is_new(old: Store) -> None:
    os.rename(old.path("r3"), old.path("s3"))
    assert surveyed(old) == ["g/r10", "r0", "r1", "r2", "r4", "r5", "r6", "r7", "r8", "s3"]


@pytest.mark.parametrize("names", [["r3"], ["new"], ["r3", "new"], ["gone"], ["bad"], ["r3", "gone", "g/r10"], []])
def test_a_survey_of_some_runs(old: Store, names: list[str]) -> None:
    old.create("new", Record(name="new"))
    Path(old.path("bad")).write_text("a: b: c\n")
    there = {"r3", "new", "g/r10"}
    for _ in range(2):
        catalogue, bad = Store(old.root).reader.survey(names)
        assert catalogue.names == sorted(there.intersection(names))
        assert len(bad) == names.count("bad")
    assert len(surveyed(old)) == 11


def test_a_survey_shows_of_bad_records_each_time(old: Store) -> None:
    Path(old.path("r3")).write_text("a: b: c\n")
    age(old.path("r3"))
    for _ in range(2):
        catalogue, bad = Store(old.root).reader.survey()
        assert len(catalogue.names) == 9
        assert len(bad) == 1
        assert "r3.yml" in bad[0].message


def test_a_young_record_is_surveyed_anew(old: Store) -> None:
    old.create("young", Record(name="young"))
    assert "young" in surveyed(old)
    status = os.stat(old.path("young"))
    # Changed in the same instant, so that only the content is another.
    Path(old.path("young")).write_text("nome: young")
    os.utime(old.path("young"), ns=(status.st_atime_ns, status.st_mtime_ns))
    catalogue, _ = Store(old.root).reader.survey()
    stamps = zip(*catalogue.stamps, strict=True)
    assert dict(zip(catalogue.names, stamps, strict=True))["young"] == NO_STAMP


@pytest.mark.parametrize("damage", ["names", "numbers", "type", "planted"])
def test_a_damaged_catalogue_gives_right_answers_and_is_mended(old: Store, damage: str) -> None:
    path = Path(old.root) / NAME
    connection = sqlite3.connect(path)
    if damage == "names":
        connection.execute("UPDATE catalogue SET names = names || char(10) || 'more'")
    elif damage == "numbers":
        connection.execute("UPDATE catalogue SET numbers = x'00'")
    elif damage == "type":
        connection.execute("UPDATE catalogue SET names = 5, numbers = 'x'")
    else:
        connection.execute("DROP TABLE catalogue")
        connection.execute("CREATE TABLE catalogue (other TEXT)")
    connection.commit()
    connection.close()
    for _ in range(2):
        assert len(surveyed(old)) == 10
    if damage != "planted":
        assert len(Cache(old.root).catalogue().names) == 10


def test_the_catalogue_of_another_time_is_no_lie(old: Store) -> None:
    before = Cache(old.root).catalogue()
    os.unlink(old.path("r3"))
    old.create("a", Record(name="a"))
    age(old.path("a"))
    surveyed(old)
    Cache(old.root).put_catalogue(before)
    assert surveyed(old) == ["a", "g/r10", "r0", "r1", "r2", "r4", "r5", "r6", "r7", "r8"]
    Cache(old.root).put_catalogue(Catalogue())
    assert len(surveyed(old)) == 10


def test_more_runs_than_are_looked_up_together(store: Store) -> None:
    names = [f"r{n}" for n in range(1203)]
    for name in names:
        Path(store.path(name)).write_text(f"name: {name}\n")
        age(store.path(name))
    for _ in range(2):
        assert surveyed(store) == names
        assert [name for name, found in Store(store.root).reader.recall(names) if isinstance(found, Run)] == names


# --- together


def test_bad_records_are_reported_each_time(store: Store) -> None:
    store.create("a", Record(name="a"))
    Path(store.path("a")).write_text("a: b: c\n")
    age(store.path("a"))
    for _ in range(2):
        ((_, found),) = Store(store.root).reader.recall(["a"])
        assert isinstance(found, BadRecord)


def test_two_readers_at_once(store: Store) -> None:
    for n in range(40):  # of more, another process would read half
        store.create(f"r{n}", Record(name=f"r{n}"))
        age(store.path(f"r{n}"))
    names = sorted(store.names())
    answers: list[list[str]] = []

    def read() -> None:
        answers.append(
            [run.record["name"] for _, run in Store(store.root).reader.recall(names) if isinstance(run, Run)]
        )

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [names] * 8


def test_a_linked_group_is_no_way_out_of_the_records(store: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.yml").write_text("name: x\n")
    os.symlink(tmp_path / "elsewhere", store.root + "/records/link")
    assert not store.exists("link/x")
    with pytest.raises(NoSuchRun):
        store.read("link/x")
    with store.removal([Run("link/x", Record())]) as found:
        assert found == []
    with pytest.raises(NoSuchRun):
        store.create("link/y", Record())
    assert os.listdir(tmp_path / "elsewhere") == ["x.yml"]


def test_a_write_that_is_interrupted_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise SystemExit

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(SystemExit):
        store.create("a", Record(name="a"))
    assert os.listdir(store.root + "/records") == []
