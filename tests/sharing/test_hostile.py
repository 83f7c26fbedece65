"""What a remote, or whoever may write there, can do to the runs here: change what people edit, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.faults.harness import surprises
from tests.sharing.conftest import Clone

RECORDS = "refs/git-runs/records"
SEEN = "refs/git-runs/remotes/origin/records"


@pytest.fixture
def mallory(clone: Callable[[str], Clone], ann: Clone) -> Clone:
    return clone("mallory")


def spoil(mallory: Clone, change: Callable[[dict[str, str]], object]) -> None:
    """Let the remote have other files beside, or instead of, its records; paths may be any that git can write."""
    mallory.ok("fetch")
    files: dict[str, str] = {}
    for path in mallory.git("ls-tree", "-r", "--name-only", SEEN).splitlines():
        files[path] = mallory.git("show", f"{SEEN}:{path}")
    change(files)
    commit = mallory.git("commit-tree", "-p", SEEN, "-m", "spoilt", _tree(mallory, files)).strip()
    mallory.git("push", "-q", "origin", f"{commit}:{RECORDS}")


def _tree(mallory: Clone, files: dict[str, str]) -> str:
    given = mallory.path.parent / "given"

    def made(*words: str, text: str) -> str:
        given.write_text(text)
        result = mallory.machine.run("sh", "-c", f'exec git "$@" <{given}', "sh", *words, cwd=mallory.path)
        assert result.code == 0, result
        return result.out.strip()

    entries, directories = "", {path.split("/", 1)[0] for path in files if "/" in path}
    for path, content in files.items():
        if "/" not in path:
            entries += f"100644 blob {made('hash-object', '-w', '--stdin', text=content)}\t{path}\0"
    for directory in directories:
        inner = {path[len(directory) + 1 :]: text for path, text in files.items() if path.startswith(directory + "/")}
        entries += f"040000 tree {_tree(mallory, inner)}\t{directory}\0"
    return made("mktree", "-z", text=entries)


def replaced(name: str, *pairs: tuple[str, str]) -> Callable[[dict[str, str]], None]:
    """The record of that run with other words in it."""

    def change(files: dict[str, str]) -> None:
        for old, new in pairs:
            assert old in files[f"{name}.yml"]
            files[f"{name}.yml"] = files[f"{name}.yml"].replace(old, new)

    return change


@pytest.mark.parametrize("is_known", [True, False])
def test_what_ran_here_and_how_stays_as_it_is(ann: Clone, mallory: Clone, *, is_known: bool) -> None:
    ann.run("base", "echo 1")
    ann.push("base")
    before = ann.record("base")
    spoil(
        mallory,
        replaced(
            "base",
            ("name: base", "name: ../../x"),
            ("command: echo 1", "command: touch x"),
            ("status: finished", "status: failed"),
            ("settings:", "base: x\nsettings:"),
            ("description: first", "description: other"),
        ),
    )
    if not is_known:  # as where it came there by another way
        ann.git("update-ref", "-d", "refs/git-runs/synced/origin")
    ann.ok("pull")
    after = ann.record("base")
    edits = {"description": None, "edited": None, "previous": None}
    assert {**after, **edits} == {**before, **edits}
    assert after["description"] == "other"
    ann.ok("describe", "base", "-m", "mine")
    ann.push("base")
    assert "status: finished" in ann.shown("base")


def test_names_that_mean_something_to_git_do_nothing(ann: Clone, mallory: Clone) -> None:
    ann.run("base")
    ann.push("base")
    own = ann.lookup("base", "id").strip()
    evil = f"x\ndata 0\n\nreset refs/heads/evil\nfrom {ann.git('rev-parse', 'HEAD').strip()}\n\n"
    names = [evil, f".deleted/{own}.x\n{own}", "../out.yml", ".deleted/../../out.yml", '"quoted".yml', "-f.yml"]
    spoil(mallory, lambda files: files.update(dict.fromkeys(names, "id: 1\n")))
    ann.ok("pull")
    assert ann.ok("list") == "base\n"
    mallory.git("push", "-q", "origin", f":{RECORDS}")
    assert "has no runs any more" in ann.runs("fetch").err
    ann.ok("push", "-y", "--restore")
    assert ann.git("for-each-ref", "refs/heads").split("\t")[1] == "refs/heads/main\n"
    ann.ok("fetch")
    files = ann.git("ls-tree", "-r", "--name-only", SEEN).splitlines()
    assert [path for path in files if not path.startswith("environments/")] == [".git-runs", "base.yml"]
    assert not (ann.path.parent / "out.yml").exists()


def test_a_purge_leaves_nothing_of_what_was_deleted(ann: Clone, mallory: Clone) -> None:
    ann.run("base", "true --token=hunter2")
    ann.push("base")
    mallory.ok("fetch")
    mallory.ok("adopt", "origin/base")
    ann.ok("delete", "--remote=origin", "-y", "base")
    ann.ok("purge", "-y", "origin")
    assert "hunter2" not in ann.git("log", "-p", SEEN)
    assert "Deleted run 'base': it was deleted on origin by" in mallory.ok("pull")
    assert "was deleted on origin by" in ann.runs("push", "-y", "base").err


def test_what_is_no_record_changes_nothing(ann: Clone, mallory: Clone) -> None:
    ann.run("base")
    ann.run("other")
    ann.push("--all")
    own, text = ann.lookup("base", "id").strip(), ann.record_path("base").read_text()
    spoilt = {
        "base.yml": f"id: {own}\n{{",
        "other.yml": "x" * (5 << 20),
        "nested.yml": "id: 1\nx: " + "[" * 100_000,
        "aliases.yml": "id: 2\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "binary.yml": "\x00\x01",
        "list.yml": "- id\n",
    }
    spoil(mallory, lambda files: files.update(spoilt))
    for command in ("pull", "list -r", "table -r", "push -y --all", "fsck", "show origin/base"):
        result = ann.runs(*command.split())
        assert not surprises(result.err), (command, result)
    assert ann.record_path("base").read_text() == text
    assert ann.ok("list") == "base\nother\n"


def test_a_run_that_is_there_twice_is_one_here(ann: Clone, mallory: Clone) -> None:
    ann.run("base")
    ann.push("base")
    spoil(mallory, lambda files: files.update({"copy.yml": files["base.yml"].replace("description: first", "a: b")}))
    assert not surprises(ann.runs("pull").err)
    assert len(ann.ok("list").split()) == 1
    assert not surprises(ann.runs("push", "-y", "--all").err)


def test_a_tombstone_of_a_run_that_goes_on(ann: Clone, mallory: Clone) -> None:
    ann.ok("new", "-q", "--tb-dir-flag=None", "--save-path-flag=None", "base", "sleep 300")
    ann.push("base")
    own = ann.lookup("base", "id").strip()
    stone = "deleted: 2026-01-01T00:00:00.000000+00:00\n"
    spoil(mallory, lambda files: files.update({f".deleted/{own}.yml": files.pop("base.yml") + stone}))
    ann.ok("pull")
    wait_for(lambda: ann.lookup("base", "status") == "running")
    ann.ok("kill", "base")


def test_who_deleted_a_run_is_shown_as_text(ann: Clone, mallory: Clone) -> None:
    ann.run("base")
    ann.push("base")
    own = ann.lookup("base", "id").strip()
    stone = 'deleted: 2026-01-01T00:00:00.000000+00:00\nedited: {deleted: "2026-01-01 \\e[31m\\nfatal: x"}\n'
    spoil(mallory, lambda files: files.update({f".deleted/{own}.yml": files.pop("base.yml") + stone}))
    shown = ann.ok("pull")
    assert "Deleted run 'base': it was deleted on origin by \\x1b[31m\\nfatal: x on 2026-01-01\n" in shown


def test_a_form_that_only_a_later_version_knows(ann: Clone, mallory: Clone) -> None:
    ann.run("base")
    ann.push("base")
    spoil(mallory, lambda files: files.update({".git-runs": "layout: 2\n"}))
    before = ann.there()
    for command in ("pull", "push -y base", "delete -y --remote=origin base", "purge -y origin"):
        result = ann.runs(*command.split())
        assert (result.code, "update git runs" in result.err) == (128, True), (command, result)
    assert ann.there() == before


@pytest.mark.parametrize("kind", ["blob", "tree", "tag"])
def test_refs_that_are_no_commits(ann: Clone, mallory: Clone, kind: str) -> None:
    ann.run("base")
    ann.push("base")
    mallory.ok("fetch")
    mallory.git("tag", "-a", "-m", "x", "tag", SEEN)
    target = {"blob": f"{SEEN}:base.yml", "tree": f"{SEEN}^{{tree}}", "tag": "refs/tags/tag"}[kind]
    refs = (RECORDS, "refs/runs/base", "refs/runs/x")
    mallory.git("push", "-q", "--force", "origin", *(f"{target}:{ref}" for ref in refs))
    before = ann.record_path("base").read_text()
    for command in ("fetch", "pull", "list -r", "push -y base", "reproduce -n origin/base", "fsck"):
        result = ann.runs(*command.split())
        assert not surprises(result.err), (command, result)
    assert ann.record_path("base").read_text() == before
    assert ann.git("cat-file", "-t", "refs/runs/base") == "commit\n"
    assert ann.runs("fsck").code == 0, ann.runs("fsck")
    ann.git("push", "-q", "origin", f":{RECORDS}", ":refs/runs/base", ":refs/runs/x")
    ann.ok("push", "-y", "--restore")
    assert ann.names_there() == ["base"]


# --- remotes that take not all


def test_what_a_hook_refuses_is_said(ann: Clone, hub: Path) -> None:
    ann.run("base")
    for hook, script, words in (
        ("pre-receive", "echo no runs here >&2; exit 1", "pre-receive hook declined"),
        ("update", 'case "$1" in refs/runs/*) exit 1;; esac', "hook declined"),
    ):
        path = hub / "hooks" / hook
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        result = ann.runs("push", "-y", "base")
        assert (result.code, words in result.err) == (128, True), result
        assert ann.there() == []
        path.unlink()
    assert ann.push("base") == "origin: 1 new\n"


def test_where_refs_of_runs_are_hidden_branches_do(ann: Clone, bob: Clone, hub: Path) -> None:
    ann.git("config", "transfer.hideRefs", "refs/runs", cwd=hub)
    ann.git("config", "--add", "transfer.hideRefs", "refs/git-runs", cwd=hub)
    ann.run("base")
    assert "runsNamespace refs/heads/git-runs" in ann.runs("push", "-y", "base").err
    for one in (ann, bob):
        one.git("config", "remote.origin.runsNamespace", "refs/heads/git-runs")
    assert ann.push("base") == "origin: 1 new\n"
    shown = ann.git("for-each-ref", "--format=%(refname)", "refs/heads/git-runs", "refs/runs", "refs/git-runs", cwd=hub)
    assert shown.split() == ["refs/heads/git-runs/records", "refs/heads/git-runs/runs/base"]
    assert bob.ok("fetch") == "origin: 1 new\n"
    bob.ok("adopt", "origin/base")
    bob.ok("describe", "base", "-m", "by bob")
    assert bob.push("base") == "origin: 1 changed\n"
    ann.ok("pull")
    assert ann.lookup("base", "description") == "by bob"
    ann.ok("move", "base", "g/new")
    ann.push("g/new")
    ann.ok("purge", "-y", "origin")
    bob.ok("pull")
    assert bob.ok("list") == "g/new\n"
    assert bob.ok("delete", "-y", "--remote=origin", "g/new") == "origin: 1 deleted\n"
    assert ann.git("for-each-ref", "--format=%(refname)", "refs/heads/git-runs", cwd=hub).split() == [
        "refs/heads/git-runs/records"
    ]
