"""A name that a run of a remote has left may be that of a group there afterwards, and the other way round: git cannot
have refs of both, neither here nor there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sharing.conftest import Clone
from tests.sharing.test_exchange import share

SEEN = "refs/git-runs/remotes/origin/runs/"


def seen(clone: Clone) -> list[str]:
    """The names of the runs of the remote for which refs are here."""
    return clone.git("for-each-ref", f"--format=%(refname:lstrip={SEEN.count('/')})", SEEN).split()


def settled(ann: Clone, bob: Clone) -> None:
    """Both clones go on, and have nothing more to tell each other."""
    for one in (ann, bob):
        one.ok("pull")
        assert one.push("--all") == "Everything up-to-date\n"
        assert one.runs("fsck").out == ""


# --- refs here


def test_a_name_that_a_run_has_left_is_free_for_a_group(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "x")
    ann.ok("move", "x", "y")
    ann.push("y")
    bob.ok("pull")
    assert seen(bob) == ["y"]
    bob.run("x/1")
    assert bob.push("x/1") == "origin: 1 new\n"
    assert sorted(seen(bob)) == ["x/1", "y"]
    ann.ok("fetch")
    ann.ok("adopt", "origin/x/1")
    settled(ann, bob)


def test_a_clone_that_is_stuck_goes_on(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "x")
    share(ann, bob, "g/1")
    commits = {name: bob.git("rev-parse", SEEN + name).strip() for name in ("x", "g/1")}
    for old, new in (("x", "y"), ("g/1", "h")):
        ann.ok("move", old, new)
        ann.push(new)
    bob.ok("pull")
    for name, commit in commits.items():  # as an earlier version left them
        bob.git("update-ref", SEEN + name, commit)
    bob.run("x/1")
    bob.run("g")
    assert bob.push("x/1", "g") == "origin: 2 new\n"
    assert sorted(seen(bob)) == ["g", "h", "x/1", "y"]
    settled(ann, bob)


def test_what_others_have_renamed_so_is_merged(ann: Clone, bob: Clone) -> None:
    for name in ("x", "z", "g/1"):
        share(ann, bob, name)
    for old, new in (("x", "y"), ("g/1", "h"), ("z", "x/1"), ("y", "g")):
        ann.ok("move", old, new)
        ann.push(new)
        bob.ok("pull")
    ann.ok("describe", "g", "-m", "by ann")
    ann.push("g")
    bob.ok("pull")
    assert bob.ok("list") == "g\nh\nx/1\n"
    assert bob.lookup("g", "description") == "by ann"
    assert sorted(seen(bob)) == ["g", "h", "x/1"]
    settled(ann, bob)


def test_a_push_that_was_ended_too_early_is_noted(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "x")
    commit = ann.git("rev-parse", f"{SEEN}x").strip()
    synced = ann.git("rev-parse", "refs/git-runs/synced/origin").strip()
    ann.ok("move", "x", "y")
    ann.push("y")
    ann.run("x/1")
    before = ann.git("rev-parse", "refs/git-runs/synced/origin").strip()
    ann.push("x/1")
    sent = ann.git("rev-parse", "refs/git-runs/synced/origin").strip()
    assert synced != before
    for name in ("x/1", "x"):  # as if nothing of this had been noted, and as an earlier version left the former name
        words = ("-d", SEEN + name) if name == "x/1" else (SEEN + name, commit)
        ann.git("update-ref", *words)
    for ref, at in (("synced", before), ("remotes/origin/records", before)):
        ann.git("update-ref", f"refs/git-runs/{ref}" if "/" in ref else f"refs/git-runs/{ref}/origin", at)
    ann.git("update-ref", "refs/git-runs/outbox/origin", sent)
    ann.ok("pull")
    assert sorted(seen(ann)) == ["x/1", "y"]
    settled(ann, bob)


def look_at_snapshot(ann: Clone, bob: Clone) -> None:
    """Let Bob see Ann's run x, whose commit he has by this alone."""
    ann.run("other")
    (ann.path / "train.py").write_text("print(2)\n")
    ann.run("x", "true", "--snapshot")
    ann.push("--all")
    bob.ok("fetch")
    assert "print(2)" in bob.runs("diff", "-p", "origin/x", "origin/other").out


def test_what_only_a_former_name_keeps_stays(ann: Clone, bob: Clone) -> None:
    look_at_snapshot(ann, bob)
    commit = bob.git("rev-parse", f"{SEEN}x").strip()
    ann.ok("delete", "-y", "--remote=origin", "x")
    ann.ok("delete", "-y", "x")
    ann.git("checkout", "-q", "train.py")
    ann.run("x/1")
    ann.push("x/1")
    bob.ok("fetch")
    assert bob.ok("adopt", "origin/x/1") == "Adopted run 'x/1'\n"
    assert bob.refs() == ["refs/runs/x/1"]
    assert "x/1" in seen(bob)
    assert "x" not in seen(bob)
    bob.git("gc", "-q", "--prune=now")
    assert bob.git("show", f"{commit}:train.py") == "print(2)\n"
    bob.git("remote", "rename", "origin", "upstream")
    bob.ok("fetch", "upstream")
    assert bob.git("for-each-ref", SEEN) == ""
    bob.git("gc", "-q", "--prune=now")
    assert bob.git("show", f"{commit}:train.py") == "print(2)\n"
    assert bob.runs("fsck").out == ""


def test_what_is_looked_at_below_a_former_name(ann: Clone, bob: Clone) -> None:
    look_at_snapshot(ann, bob)
    ann.ok("move", "x", "y")
    ann.push("y")
    (ann.path / "train.py").write_text("print(3)\n")
    ann.run("x/1", "true", "--snapshot")
    ann.push("x/1")
    bob.ok("fetch")
    result = bob.runs("diff", "-p", "origin/x/1", "origin/y")
    assert (result.code, result.err) == (1, ""), result  # they differ
    assert "print(3)" in result.out
    assert "x/1" in seen(bob)


def test_bundles_with_a_name_and_then_with_a_group(ann: Clone, clone: Callable[[str], Clone], tmp_path: Path) -> None:
    cem = clone("cem")
    ann.run("x")
    ann.ok("bundle", "create", str(tmp_path / "1"), "x")
    ann.ok("move", "x", "y")
    ann.run("x/1")
    ann.ok("bundle", "create", str(tmp_path / "2"), ".*")
    cem.ok("bundle", "import", str(tmp_path / "1"))
    cem.ok("bundle", "import", str(tmp_path / "2"))
    cem.ok("adopt", "bundle/x/1")
    assert cem.ok("list", "-r", "bundle/.*") == "bundle/x/1\nbundle/y\n"


# --- refs there


@pytest.mark.parametrize(("old", "new"), [("x", "x/1"), ("x/1", "x"), ("x/y/z", "x/y")])
def test_a_run_moves_into_the_group_of_its_name_or_out_of_it(ann: Clone, bob: Clone, old: str, new: str) -> None:
    share(ann, bob, old)
    ann.ok("move", old, "aside")
    ann.ok("move", "aside", new)
    ann.ok("describe", new, "-m", "moved")
    assert f"  renamed there: {old} to {new}\n" in ann.ok("push", "-n", new)
    result = ann.runs("push", "-y", new)
    assert (result.code, result.out, result.err) == (0, "origin: 1 renamed\n", "")
    assert ann.names_there() == seen(ann) == [new]
    assert f"Run '{old}' is now '{new}', as on origin" in bob.ok("pull")
    assert bob.record(new) == ann.record(new)
    assert seen(bob) == [new]
    settled(ann, bob)


def test_names_of_groups_and_runs_pass_among_several(ann: Clone, bob: Clone) -> None:
    for name in ("x", "g/1", "z"):
        share(ann, bob, name)
    for old, new in (("x", "a"), ("g/1", "x/1"), ("z", "h")):
        ann.ok("move", old, new)
    ann.run("z/new")
    assert ann.push("--all") == "origin: 1 new, 3 renamed\n"
    assert sorted(ann.names_there()) == sorted(seen(ann)) == ["a", "h", "x/1", "z/new"]
    bob.ok("pull")
    assert bob.ok("list") == "a\nh\nx/1\n"
    for name in ("a", "h", "x/1"):
        assert bob.record(name) == ann.record(name)
    settled(ann, bob)


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_push_that_is_interrupted_between_two_names_goes_on(
    ann: Clone, bob: Clone, hub: Path, *, is_noted: bool
) -> None:
    share(ann, bob, "x")
    commit = ann.git("rev-parse", "refs/runs/x").strip()
    before = [line.split() for line in ann.git("for-each-ref", "refs/git-runs").splitlines()]
    ann.ok("move", "x", "x/1")
    ann.ok("describe", "x/1", "-m", "moved")
    hook = hub / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nif grep -q refs/runs/x/1; then exit 1; fi\n")
    hook.chmod(0o755)
    assert ann.runs("push", "-y", "x/1").code == 128
    (between,) = ann.names_there()
    assert re.fullmatch("x-[0-9a-f]{8}", between)
    assert f"{commit}\trefs/runs/{between}" in ann.there()
    bob.ok("pull")
    assert bob.ok("list") == f"{between}\n"
    if not is_noted:  # as if we had been ended before
        ann.git("update-ref", "refs/git-runs/outbox/origin", "refs/git-runs/synced/origin")
        for at, _, ref in before:
            if "/outbox/" not in ref:
                ann.git("update-ref", ref, at)
        ann.git("update-ref", "-d", SEEN + between)
    hook.unlink()
    assert ann.push("x/1") == "origin: 1 renamed\n"
    assert ann.names_there() == seen(ann) == ["x/1"]
    assert "previous" not in ann.record("x/1")
    assert f"Run '{between}' is now 'x/1', as on origin" in bob.ok("pull")
    assert bob.record("x/1") == ann.record("x/1")
    settled(ann, bob)


def test_without_atomic_pushes_it_is_the_same(ann: Clone, bob: Clone, hub: Path) -> None:
    share(ann, bob, "x")
    ann.git("config", "receive.advertiseAtomic", "false", cwd=hub)
    ann.ok("move", "x", "x/1")
    assert ann.push("x/1") == "origin: 1 renamed\n"
    assert ann.names_there() == ["x/1"]
    bob.ok("pull")
    settled(ann, bob)
