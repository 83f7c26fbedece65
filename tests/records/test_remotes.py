"""Records that others have written: whatever they hold, they are read, or said to be bad, and nothing else happens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from git_runs.errors.records import BadRecord, NoSuchRun
from git_runs.records.remotes import LARGEST, Fetched
from git_runs.records.remotes import remotes as fetched
from tests import remotes
from tests.conftest import NO_FLAGS, Repository, needs_mounts
from tests.remotes import FETCHED, Entry

FIELDS = yaml.safe_dump(
    {"id": "1234-5678", "name": "x", "command": "echo", "status": "finished", "datetime": "2026-01-01T00:00:00+00:00"}
).encode()
ALL = (
    *("id", "name", "launched-as", "description", "command", "input-command", "params", "reproduces", "commit", "base"),
    *("dirty", "sparse", "inexact", "bytes", "submodules", "branch", "datetime", "host", "user", "top", "cwd"),
    *("worktree", "isolate", "links", "directories", "live", "outside", "hash-seed", "queued", "priority", "gpus"),
    *("status", "attempts", "error", "reason", "exit-code", "signal", "edited", "previous", "deleted"),
    *("finished", "metrics", "reproduction", "differences", "unchecked", "process", "former-names", "launcher"),
    *("settings", "environment", "tags", "duration"),
)
ODD = {
    "lists": ["a", {"b": ["c"]}],
    "mappings": {"a": {"b": ["c"]}, "": None},
    "texts": "\u202e--force\x85; rm -rf / $(touch pwned) `touch pwned`",
    "numbers": "99999999999999999999999999",
    "paths": "../../../../etc/passwd",
    "empty": None,
}


def plain(content: bytes) -> Entry:
    """A file."""
    return "100644", content


def test_names_of_remotes_may_have_slashes(repo: Repository) -> None:
    for remote, names in {"origin": ["x", "team/x", "team/y"], "origin/team": ["x", "z"], "a/b": ["c"]}.items():
        files = {f"{name}.yml": plain(f"id: '1'\ncommand: {remote} {name}\n".encode()) for name in names}
        remotes.put(repo, files, f"refs/git-runs/remotes/{remote}/records")
    assert repo.ok("list", "-r").splitlines() == [
        *("a/b/c", "origin/team/x", "origin/team/y", "origin/team/z", "origin/x"),
    ]
    commands = {name: repo.lookup(name, "command") for name in ("a/b/c", "origin/x", "origin/team/x", "origin/team/y")}
    assert list(commands.values()) == ["a/b c", "origin x", "origin/team x", "origin team/y"]
    for name in ("origin/-x", "a/x", "origin/../x"):
        assert repo.runs("lookup", name).code == 1, name


def test_what_was_fetched_is_found_wherever_git_keeps_refs(repo: Repository) -> None:
    common_dir = str(repo.path / ".git")
    assert fetched(common_dir) == []
    repo.git("update-ref", "refs/git-runs/remotes/a/b/records", "HEAD")
    repo.git("update-ref", "refs/git-runs/remotes/origin/records", "HEAD")
    repo.git("update-ref", "refs/git-runs/remotes/origin/runs/x/records", "HEAD")  # the commit of a run
    assert fetched(common_dir) == ["a/b", "origin"]
    repo.git("pack-refs", "--all")
    assert fetched(common_dir) == ["a/b", "origin"]


def test_what_is_no_record_is_passed_over(repo: Repository) -> None:
    files = {
        **{f"{name}.yml": plain(FIELDS) for name in ("x", "group/y", "-x", "a b", ".hidden/z", "a..b", "x" * 201)},
        ".deleted/1234.yml": plain(FIELDS),
        ".git-runs": plain(b"layout: 1\n"),
        "environments/0123456789abcdef.yml": plain(b"python: 3\n"),
        "environments/mine.yml": plain(FIELDS),
        "link.yml": ("120000", b"/etc/passwd"),
        "module.yml": ("160000", repo.git("rev-parse", "HEAD").strip().encode()),
        "README": plain(b"no run\n"),
    }
    remotes.put(repo, files, FETCHED)
    there = Fetched(str(repo.path / ".git"), "origin")
    assert sorted(there.names()) == ["environments/mine", "group/y", "x"]
    assert there.read("x")["name"] == "x"
    assert there.environment_file("0123456789abcdef.yml") == b"python: 3\n"
    for name in ("link", "module", "../x", "-x", "environments/0123456789abcdef", "nothing"):
        with pytest.raises(NoSuchRun):
            there.read(name)
    assert repo.ok("list", "-r").splitlines() == ["origin/environments/mine", "origin/group/y", "origin/x"]


def test_trees_that_list_without_end_are_given_up(repo: Repository) -> None:
    tree = repo.machine.run("git", "mktree", cwd=repo.path, stdin="").out.strip()
    blob = repo.git("hash-object", "-w", "train.py").strip()
    lines = "".join(f"100644 blob {blob}\t{'x' * 100}{number}.yml\n" for number in range(20))
    for _ in range(12):
        tree = repo.machine.run("git", "mktree", cwd=repo.path, stdin=lines).out.strip()
        lines = "".join(f"040000 tree {tree}\t{number}\n" for number in range(20))
    repo.git("update-ref", FETCHED, repo.git("commit-tree", "-m", "bomb", tree).strip())
    for words in (["list", "-r"], ["table", "-a"]):
        result = repo.runs(*words)
        assert result.code == 0
        assert "warning: the records of origin cannot be read: fatal: git prints more than " in result.err
    assert repo.runs("show", "origin/x").code == 1


def test_what_cannot_be_read_is_said_and_the_others_are_shown(repo: Repository) -> None:
    bombs = "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9))
    bad = {
        "empty": b"",
        "huge": b"x: " + b"y" * LARGEST,
        "deep": b"x: " + b"[" * 10000,
        "bomb": b"a: &a [x]\n" + bombs.encode(),
        "list": b"- 1\n- 2\n",
        "bytes": b"x: \xff\xfe\n",
        "escape": b"x: \x1b[31m\n",
        "tag": b"!!python/object/apply:os.system ['touch pwned']\n",
    }
    remotes.put(repo, {f"{name}.yml": plain(content) for name, content in {**bad, "good": FIELDS}.items()}, FETCHED)
    result = repo.runs("table", "-r", "--columns=name,status")
    assert (result.code, result.out.splitlines()[2:]) == (1, ["origin/good  finished"])
    assert sorted(line.split("'")[1] for line in result.err.splitlines() if "bad record" in line) == sorted(
        f"origin:{name}.yml" for name in bad
    )
    there = Fetched(str(repo.path / ".git"), "origin")
    for name in bad:
        with pytest.raises(BadRecord, match=f"origin:{name}.yml"):
            there.read(name)
        for command in ("show", "lookup", "metrics", "adopt"):
            result = repo.runs(command, f"origin/{name}")
            assert (result.code, "bad record" in result.err) == (128, True), (command, name, result)
            assert "hint: whoever has the run can mend its record, and send it again\n" in result.err
    assert not list(Path(repo.path).rglob("pwned"))


def test_fields_of_other_types_do_nothing(repo: Repository) -> None:
    commit = repo.git("rev-parse", "HEAD").strip()
    records = {kind: {**dict.fromkeys(ALL, value), "id": f"1-{kind}"} for kind, value in ODD.items()}
    records["nothing"] = dict.fromkeys(ALL)
    records["named"] = {**records["texts"], "id": "1-named", "commit": "HEAD", "status": "running"}
    for kind, one in [*records.items()]:
        identifier = one["id"] and f"{one['id']}-ended"
        records[f"ended-{kind}"] = {**one, "id": identifier, "commit": commit, "status": "finished"}
    remotes.put(repo, {f"{name}.yml": plain(yaml.safe_dump(one).encode()) for name, one in records.items()}, FETCHED)
    before = files(repo)
    names = [f"origin/{name}" for name in records]
    for words in (
        *(["list", "-r"], ["list", "-a", "--where=loss>1"], ["table", "-r"], ["table", "-a", "--format=json"]),
        *(["table", "-r", "--sort=loss", "--columns=name,duration,metrics,params,lr,environment.python"],),
        *(
            ["table", "-r", "--sort=status"],
            ["compare", *names],
            ["plot", *names],
            ["status", *names],
            ["show", *names],
        ),
        *(["lookup", "origin/lists"], ["lookup", "origin/texts", "command"], ["metrics", "origin/mappings"]),
        *(["diff", "origin/ended-texts", "origin/ended-mappings"], ["log", "origin/paths"], ["kill", "origin/named"]),
        *(["reproduce", "-n", name] for name in names),
        *(["reproduce", "--run", name] for name in ("origin/ended-texts", "origin/ended-lists")),
        *(["adopt", name] for name in ("origin/named", "origin/paths", "origin/ended-nothing")),
    ):
        check(repo, *words)
    check_text(repo.on_terminal("table", "-r"))
    made = {path.name for path in files(repo) - before if path.parts[0] != ".runs"}
    assert made == {"git-runs.fetched-7.sqlite", "origin"}  # the latter is the ref of what is merged, of nothing here
    assert repo.refs() == []
    check(repo, "adopt", *(name for name in names if "ended" in name and "nothing" not in name))
    ours = repo.ok("list").split()
    assert len(ours) == len(ODD) + 1  # that which is called "named", too
    for words in (["table"], ["show", *ours], ["fsck", "--repair"], ["reproduce", "-n", ours[0]]):
        check(repo, *words)
    for words in (["delete", "-y"], ["undelete"]):
        check(repo, *words, *ours)
    assert repo.ok("list").split() == ours
    assert [path for path in files(repo) - before if path.parts[0] not in (".runs", ".git")] == []


@needs_mounts
def test_no_program_that_a_record_names_is_started_unasked(repo: Repository) -> None:
    pwned = repo.path.parent / "pwned"
    for place in ("bin/python", "venv/bin/python3", "venv/bin/activate"):
        (repo.path / place).parent.mkdir(parents=True, exist_ok=True)
        (repo.path / place).write_text(f"#!/bin/sh\ntouch {pwned}\n")
        (repo.path / place).chmod(0o755)
    (repo.path / "etc").mkdir()
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "evil")
    repo.finish("own", "true", "--isolate", *NO_FLAGS)
    own = repo.record("own")
    evil = {
        **own,
        "id": "1234",
        "command": "bin/python x",
        "input-command": "bin/python x",
        "top": str(repo.path),
        "settings": {"shell": "bash", "virtualenv-path": str(repo.path / "venv")},
    }
    variables = {"PATH": f"{repo.path}/bin:{repo.path}/venv/bin", "PYTHONPATH": str(repo.path)}
    text = yaml.safe_dump({"python": "3.1", "variables": variables, "others": {}})
    identifier = hashlib.sha256(text.removesuffix("\n").encode()).hexdigest()[:16]
    evil["environment"] = identifier
    mounted = {**evil, "id": "1235", "isolate": "mount", "top": "/etc"}
    there = {f"{name}.yml": plain(yaml.safe_dump(one).encode()) for name, one in (("x", evil), ("y", mounted))}
    remotes.put(repo, {**there, f"environments/{identifier}.yml": plain(text.encode())}, FETCHED)
    assert repo.lookup("origin/x", "environment.variables.PYTHONPATH") == str(repo.path)
    repo.ok("adopt", "origin/x", "origin/y")
    for name in ("origin/x", "origin/y", "x", "y"):
        for how in (["-n"], ["--check"], ["--run"], ["--run", "--restore"]):
            check(repo, "reproduce", *how, name)
        check(repo, "show", name)
    assert not pwned.exists()
    for name in ("x", "y"):
        assert "run a command of somebody else's" in repo.runs("reproduce", "--run", name).err


def files(repo: Repository) -> set[Path]:
    """All files of the repository, but for git's objects, and beside it, but for what commands in general make."""
    found = {path.relative_to(repo.path) for path in repo.path.rglob("*") if path.is_file()}
    return {path for path in found if path.parts[:2] != (".git", "objects")}


def check(repo: Repository, *words: str) -> None:
    """The command says yes, or says no in our own words."""
    result = repo.runs(*words)
    check_text(result.err)
    assert result.code in (0, 1, 128), (words, result)


def check_text(text: str) -> None:
    """That is no failure of ours."""
    assert "unexpected" not in text
    assert "Traceback" not in text
