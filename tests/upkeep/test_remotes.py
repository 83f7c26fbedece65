"""What plain git, and exchanges that were interrupted, leave of remotes: fsck reports it, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from git_runs.system import whoami
from tests.conftest import Machine
from tests.sharing.conftest import Clone, ann, bob, clone, hub

__all__ = ["ann", "bob", "clone", "hub"]  # fixtures

HERE = "refs/git-runs/remotes/"


def problems(repo: Clone, *options: str) -> list[str]:
    """The kinds of what fsck finds."""
    return [found["kind"] for found in json.loads(repo.runs("fsck", "--format=json", *options).out)]


def share(owner: Clone, other: Clone, name: str) -> None:
    """A run that both have."""
    owner.run(name)
    owner.push(name)
    other.ok("fetch")
    other.ok("adopt", f"origin/{name}")


def refs(repo: Clone) -> set[str]:
    return set(repo.git("for-each-ref", "--format=%(refname)", "refs/git-runs").split())


# --- remotes that are renamed and removed


def test_a_remote_that_was_renamed_is_followed_by_fsck(ann: Clone) -> None:
    ann.run("base")
    ann.push("base")
    before = refs(ann)
    ann.git("remote", "rename", "origin", "up/stream")
    assert problems(ann) == ["renamed remote"]
    assert ann.runs("fsck", "--repair").code == 0
    assert problems(ann) == []
    assert refs(ann) == {ref.replace("origin", "up/stream") for ref in before}
    assert ann.push("up/stream", "base") == "Everything up-to-date\n"


def test_a_remote_that_was_renamed_is_followed_by_an_exchange(ann: Clone, bob: Clone, tmp_path: Path) -> None:
    """Where its name is another remote's by now, what belongs to either is kept apart."""
    share(ann, bob, "base")
    ann.edit("base", "description: first", "description: by hand")
    bob.ok("describe", "base", "-m", "by bob")
    bob.push("base")
    ann.machine.run("git", "init", "-q", "--bare", str(tmp_path / "fork"))
    ann.git("remote", "rename", "origin", "upstream")
    ann.git("remote", "add", "origin", str(tmp_path / "fork"))
    assert "origin: no runs so far" in ann.ok("fetch", "origin")
    assert "refusing to push runs without asking" in ann.runs("push", "origin", "base").err  # as it is the first push
    ann.ok("pull", "upstream")
    ann.run("more")
    assert ann.ok("push", "upstream", "more") == "upstream: 1 new\n"  # nobody is asked, as it is not the first push
    assert ann.lookup("base", "previous.description") == '["by hand"]'  # and not the first words, which both had
    assert ann.push("origin", "base") == "origin: 1 new\n"
    assert problems(ann) == []


def test_what_was_seen_of_a_removed_remote_stays(ann: Clone, bob: Clone, tmp_path: Path) -> None:
    bob.run("base")
    bob.push("base")
    ann.ok("fetch")
    before = refs(ann)
    ann.git("remote", "remove", "origin")
    assert problems(ann, "--repair") == ["removed remote"]
    assert refs(ann) == before
    assert ann.ok("list", "-r") == "origin/base\n"
    advice = json.loads(ann.runs("fsck", "--format=json").out)[0]["advice"]
    assert ann.machine.run("sh", "-c", advice.partition("nobody needs that: ")[2], cwd=ann.path).code == 0
    assert problems(ann) == []
    assert ann.ok("list", "-r") == ""


def test_a_bundle_is_no_removed_remote(ann: Clone, bob: Clone, tmp_path: Path) -> None:
    ann.run("base")
    ann.ok("bundle", "create", str(tmp_path / "file"), "base")
    bob.ok("bundle", "import", str(tmp_path / "file"), "--as=gift")
    assert problems(bob) == []


# --- what is left, and what should not be there


def test_what_exchanges_left_is_removed(ann: Clone) -> None:
    ann.run("base")
    ann.push("base")
    for ref in ("draft/origin", "outbox/bundle.out"):
        ann.git("update-ref", f"refs/git-runs/{ref}", "HEAD")
    ann.git("update-ref", f"{HERE}origin/runs/strange", "HEAD^{tree}")
    lock = ann.path / ".git/git-runs.origin.lock"
    holder = {"host": whoami.hostname(), "namespace": whoami.namespace(), "process": {"pid": 1, "start": -1}}
    lock.write_text(json.dumps(holder))
    assert sorted(problems(ann)) == ["left ref", "left ref", "lock", "strange ref"]
    assert ann.runs("fsck", "--repair").code == 0
    assert not lock.exists()
    assert problems(ann) == []
    assert f"{HERE}origin/runs/base" in refs(ann)


def test_what_may_have_been_sent_is_no_problem(ann: Clone) -> None:
    ann.run("base")
    ann.push("base")
    ann.git("update-ref", "refs/git-runs/outbox/origin", "refs/git-runs/synced/origin")
    assert problems(ann, "--repair") == []
    ann.ok("describe", "base", "-m", "other")
    assert ann.push("base") == "origin: 1 changed\n"
    assert "refs/git-runs/outbox/origin" not in refs(ann)


# --- what plain git does beside it


def test_what_mirrors_have_removed_there_is_put_back(ann: Clone, bob: Clone, clone: Callable[[str], Clone]) -> None:
    """One after the other, and before anybody has put anything back."""
    cleo = clone("cleo")
    share(ann, bob, "shared")
    for one in (ann, bob, cleo):
        one.run(f"of-{one.path.name}")
        one.push("--all")
    ann.run("gone")
    ann.push("gone")
    for one in (ann, bob, cleo):
        one.ok("pull")
    bob.ok("delete", "-y", "--remote=origin", "gone")
    ann.ok("fetch")
    bob.ok("-c", "runs.history=90.days.ago", "gc")  # what git keeps of its records is where the remote has its own
    for culprit, said in ((bob, "gone, without having been deleted"), (cleo, "has no runs any more")):
        culprit.git("push", "-q", "--mirror", "origin")
        assert said in ann.runs("fetch").err
    assert "origin has lost its runs" in ann.runs("push", "-y", "of-ann").err
    assert ann.runs("push", "-y", "--restore", "-n").code == 129  # and nothing was put back
    assert ann.runs("push", "-y", "--restore").code == 0
    cleo.ok("push", "-y", "--restore")
    for one in (ann, bob, cleo):
        one.ok("pull")
        assert set(one.ok("list", "-r").split()) == {
            f"origin/{name}" for name in ("shared", "of-ann", "of-bob", "of-cleo")
        }
        assert f"of-{one.path.name}" in one.ok("list").split()
    assert set(ann.names_there()) == {"shared", "of-ann", "of-bob", "of-cleo"}
    assert ann.runs("push", "-y", "gone").code == 1  # it was deleted, and is not back


def test_run_refs_that_a_fetch_has_pruned_are_back(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "shared")
    bob.run("own", "true")
    (bob.path / "notes").write_text("mine\n")
    bob.run("snapshot", "true", "--snapshot")
    bob.ok("describe", "shared", "-m", "by bob")
    bob.git("fetch", "-q", "--prune", "--update-head-ok", "origin", "+refs/*:refs/*")
    assert bob.refs() == ["refs/runs/shared"]
    assert bob.runs("fsck", "--repair").code == 0
    assert bob.refs() == ["refs/runs/own", "refs/runs/shared", "refs/runs/snapshot"]
    assert problems(bob) == []
    ann.ok("describe", "shared", "-m", "by ann, later")
    ann.push("shared")
    bob.ok("pull")
    assert bob.lookup("shared", "description") == "by ann, later"
    assert "origin: 2 new" in bob.push("--all")


def test_no_commit_goes_that_a_record_needs(ann: Clone, bob: Clone) -> None:
    (ann.path / "notes").write_text("mine\n")
    ann.run("snapshot", "true", "--snapshot")
    ann.push("snapshot")
    bob.ok("fetch")
    bob.ok("adopt", "origin/snapshot")
    for one in (ann, bob):
        one.git("reflog", "expire", "--expire=now", "--all")
        one.git("gc", "-q", "--prune=now")
        assert problems(one) == []
        assert one.git("cat-file", "-t", one.lookup("snapshot", "commit")) == "commit\n"
    ann.ok("delete", "-y", "--now", "snapshot")  # the remote, and what is seen of it, still has it
    ann.git("gc", "-q", "--prune=now")
    ann.ok("adopt", "origin/snapshot")
    assert ann.lookup("snapshot", "status") == "finished"


def test_a_run_that_a_mirror_has_renamed_gets_one_ref(ann: Clone, bob: Clone) -> None:
    for name in ("base", "other"):
        ann.run(name)
        ann.push(name)
    bob.ok("fetch")
    bob.ok("adopt", "origin/base", "mine")
    bob.ok("-c", "runs.history=90.days.ago", "gc")
    bob.git("push", "-q", "--mirror", "origin")
    ann.ok("fetch")
    ann.ok("push", "-y", "--restore")
    assert ann.names_there() == ["mine", "other"]
    assert ann.ok("list", "-r") == "origin/mine\norigin/other\n"


def test_a_mirror_has_what_the_remote_has(ann: Clone, machine: Machine, hub: Path, tmp_path: Path) -> None:
    ann.run("base")
    ann.push("base")
    machine.run("git", "clone", "-q", "--mirror", str(hub), str(tmp_path / "mirror"))
    found = Clone(machine, tmp_path / "mirror")
    assert found.refs() == ["refs/runs/base"]
    assert ann.git("rev-parse", "refs/runs/base") == found.git("rev-parse", "refs/runs/base")
