"""Runs go to a remote and come from there: push, fetch, pull, adopt, delete --remote, purge, bundle."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import Machine, Screen, wait_for
from tests.sharing.conftest import Clone


def share(owner: Clone, other: Clone, name: str, command: str = "true") -> None:
    """A run of one clone that the other one has adopted."""
    owner.run(name, command)
    owner.push(name)
    other.ok("fetch")
    other.ok("adopt", f"origin/{name}")


# --- push


def test_ref_and_record_are_sent_as_they_are(ann: Clone) -> None:
    ann.run("base")
    ann.run("g/x")
    assert ann.push("base", "g/x") == "origin: 2 new\n"
    commit = ann.git("rev-parse", "HEAD").strip()
    assert f"{commit}\trefs/runs/base" in ann.there()
    assert ann.shown("base") == ann.record_path("base").read_text()
    files = ann.git("ls-tree", "-r", "--name-only", "refs/git-runs/remotes/origin/records").splitlines()
    assert files[:2] == [".git-runs", "base.yml"]
    assert "g/x.yml" in files
    environment = str(ann.record("base")["environment"])
    assert f"environments/{environment}.yml" in files
    assert "refs/runs" not in ann.git("config", "--list")
    assert ann.push("--all") == "Everything up-to-date\n"
    ann.run("more")
    result = ann.runs("push", "-q", "more")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert f"{commit}\trefs/runs/more" in ann.there()


def test_the_first_push_shows_what_leaves_and_asks(ann: Clone, screen: Screen) -> None:
    (ann.path / "notes.txt").write_text("mine\n")
    ann.run("base", "true", "--snapshot")
    refused = ann.runs("push", "base")
    assert (refused.code, ann.there()) == (128, [])
    assert "no terminal to ask at" in refused.err
    screen.type(f"cd {ann.path} && git runs push base")
    screen.shows("[y/N]")
    shown = screen.text()
    for part in ("1 run: base", "files that were not committed: notes.txt", "fields of records: id, name", "names of"):
        assert part in shown
    screen.type("y")
    screen.shows("origin: 1 new")
    ann.run("next", "true", "--snapshot")
    assert ann.ok("push", "next") == "origin: 1 new\n"


def test_a_push_that_is_declined_asks_again(ann: Clone, bob: Clone, screen: Screen) -> None:
    bob.run("other")
    bob.push("other")
    ann.run("base")
    screen.type(f"cd {ann.path} && git runs push base")
    screen.shows("[y/N]")
    screen.type("n")
    screen.shows("nothing done")
    assert "without asking" in ann.runs("push", "base").err
    assert ann.names_there() == ["other"]


def test_a_remote_that_was_removed_and_is_added_anew_is_a_first_one(ann: Clone, tmp_path: Path) -> None:
    ann.run("base")
    ann.push("base")
    second = str(tmp_path / "second")
    ann.git("init", "-q", "--bare", second)
    ann.git("push", "-q", second, "refs/git-runs/remotes/origin/records:refs/git-runs/records")
    ann.git("remote", "remove", "origin")
    ann.git("remote", "add", "origin", second)
    ann.run("private")
    assert "no terminal to ask at" in ann.runs("push", "private").err
    assert ann.names_there() == []
    assert "no terminal to ask at" in ann.runs("push", "--restore").err


def test_secrets_are_pointed_out(ann: Clone) -> None:
    ann.run("base", "true --api-token=abc")
    assert "what may be a secret leaves with the command of run 'base': --api-token" in ann.runs("push", "-y", ".*").err


def test_a_record_that_has_lost_its_id_is_that_of_the_same_run_again(ann: Clone) -> None:
    ann.run("base")
    ann.push("base")
    before = ann.record_path("base").read_text()
    ann.edit("base", f"id: {ann.record('base')['id']}\n", "")
    refused = ann.runs("push", "-y", "base").err
    assert refused == "fatal: run 'base' cannot be pushed: its record has no valid id; see git runs fsck\n"
    assert ann.runs("fsck", "--repair").code == 0
    assert ann.record("base") == yaml.safe_load(before)
    assert ann.push("--all") == "Everything up-to-date\n"


def test_what_would_be_sent(ann: Clone) -> None:
    ann.run("base")
    assert "Would push to origin:\n  1 run: base\n" in ann.ok("push", "-n", "base")
    assert ann.there() == []
    ann.push("base")
    ann.edit("base", "name: base\n", "name: base\nnote: mine\n")
    before = ann.record_path("base").read_text()
    shown = ann.ok("push", "-n", "base")
    assert shown.startswith("Would push to origin:\n  1 run: base\n  no commits\n")
    assert "\n  fields of records: edited, note\n" in shown
    assert ann.record_path("base").read_text() == before
    ann.ok("move", "base", "other")
    assert "\n  renamed there: base to other\n" in ann.ok("push", "-n", "other")


def test_what_is_asked_of_a_run_as_one_of_a_remote_may_be_here(ann: Clone) -> None:
    ann.run("base", "echo 1")
    ann.push("base")
    ann.ok("move", "base", "other")
    for command in ("log", "metrics"):
        result = ann.runs(command, "origin/base")
        said = "error: of run 'origin/base' there is no more than the record; it is here, too: 'other'\n"
        assert (result.code, result.err) == (1, said)


def test_a_run_that_is_elsewhere_or_was_deleted_is_pointed_at(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.ok("delete", "-y", "base")
    assert bob.runs("show", "base").err.endswith("in the trash: git runs undelete base\n")
    bob.ok("trash", "empty", "-y")
    assert bob.runs("show", "base").err.endswith("hint: a remote has a run of that name: git runs adopt origin/base\n")


def test_a_remote_that_is_mistyped(ann: Clone) -> None:
    ann.run("base")
    for words in (["orign", "base"], ["orign", "--all"], ["orign"]):
        result = ann.runs("push", "-y", *words)
        assert (result.code, ann.there()) == (1, [])
        assert result.err.startswith("error: no run matches 'orign', and no remote is called so; nothing was pushed\n")


def test_runs_have_to_be_named(ann: Clone) -> None:
    ann.run("base")
    result = ann.runs("push")
    assert result.code == 128
    assert result.err == (
        "fatal: nothing is pushed: name the runs; 1 of those here is not on origin\n"
        "hint: or push those that you started here, --mine, or all that are here, --all\n"
    )
    assert ann.push("--mine") == "origin: 1 new\n"
    ann.ok("describe", "base", "-m", "another")
    assert ann.runs("push").err.startswith(
        "fatal: nothing is pushed: name the runs; 1 differs from what is on origin\n"
    )


def test_a_remote_that_is_none(ann: Clone) -> None:
    ann.git("remote", "rename", "origin", "upstream")
    ann.run("base")
    assert ann.push("upstream", "base") == "upstream: 1 new\n"
    assert "'nowhere' is not a remote" in ann.runs("fetch", "nowhere").err
    ann.git("remote", "remove", "upstream")
    assert "no remote is configured" in ann.runs("push", "base").err


def test_a_name_that_another_run_has_there(ann: Clone, bob: Clone) -> None:
    ann.run("base")
    ann.push("base")
    before = ann.there()
    bob.run("base")  # the same commit: refs alone would not differ
    bob.run("more")
    result = bob.runs("push", "-y", "base", "more")
    assert result.code == 128
    assert re.match(r"fatal: 'base' on origin is another run by \S+@\S+ on 20\S+; nothing was pushed\n", result.err)
    assert result.err.endswith("hint: rename yours: git runs move base base-2\n")
    assert ann.there() == before
    bob.ok("move", "base", "base-2")
    assert bob.push("base-2", "more") == "origin: 2 new\n"


def test_a_ref_without_a_record_is_not_touched(ann: Clone) -> None:
    ann.run("base")
    other = ann.commit("other", "x")
    ann.git("push", "-q", "origin", f"{other}:refs/runs/base")
    result = ann.runs("push", "-y", "base")
    assert "refs/runs/base is on origin, at another commit, and has no record there" in result.err
    assert ann.there() == [f"{other}\trefs/runs/base"]


def test_names_that_cannot_be_beside_those_there(ann: Clone, bob: Clone) -> None:
    ann.run("g/x")
    ann.run("up")
    ann.push("--all")
    for name, other in (("G/y", "g"), ("g", "g/x"), ("up/down", "up"), ("UP", "up")):
        bob.run(name)
        result = bob.runs("push", "-y", name)
        assert f"runs '{name}' and '{other}' of origin cannot both exist" in result.err
        bob.ok("delete", "-y", name)
    assert sorted(ann.names_there()) == ["g/x", "up"]


def test_a_partial_clone_has_all_records_at_once(ann: Clone, hub: Path) -> None:
    ann.run("base")
    ann.push("base")
    ann.machine.run("git", "config", "uploadpack.allowFilter", "true", cwd=hub)
    ann.git("clone", "-q", "--filter=blob:none", f"file://{hub}", "../partial")
    partial = Clone(ann.machine, ann.path.parent / "partial")
    partial.ok("fetch")
    objects = partial.git("rev-list", "--objects", "--missing=print", "refs/git-runs/remotes/origin/records")
    assert "base.yml" in objects
    assert "?" not in objects


@pytest.mark.parametrize("options", [(), ("--add",)])
def test_a_remote_that_is_pushed_elsewhere(ann: Clone, tmp_path: Path, options: tuple[str, ...]) -> None:
    ann.run("base")
    ann.push("base")
    ann.git("init", "-q", "--bare", str(tmp_path / "second"))
    if options:
        ann.git("remote", "set-url", "--add", "--push", "origin", str(tmp_path / "hub"))
    ann.git("remote", "set-url", *options, "--push", "origin", str(tmp_path / "second"))
    ann.run("more")
    result = ann.runs("push", "more")
    assert result.code == 128
    assert result.err.startswith("fatal: origin is pushed to another repository than it is fetched from"), result


def test_a_namespace_that_is_no_ref(ann: Clone) -> None:
    ann.run("base")
    ann.git("config", "remote.origin.runsNamespace", "git-runs")
    refused = ann.runs("push", "-y", "base")
    assert refused.err.endswith("git config remote.origin.runsNamespace refs/heads/git-runs\n")
    assert ann.there() == []


def test_a_shallow_clone_sends_no_record_without_its_commit(ann: Clone, hub: Path, tmp_path: Path) -> None:
    ann.commit("more.py", "print(2)\n")
    ann.git("push", "-q", "origin", "main")
    ann.git("clone", "-q", "--depth=1", f"file://{hub}", "../shallow")
    shallow = Clone(ann.machine, tmp_path / "shallow")
    shallow.run("base")
    ann.git("init", "-q", "--bare", "../empty")
    shallow.git("remote", "add", "empty", str(tmp_path / "empty"))
    refused = shallow.runs("push", "-y", "empty", "base")
    assert refused.code == 128
    assert refused.err.endswith("git fetch --unshallow\n")
    assert shallow.git("ls-remote", "empty") == ""
    assert shallow.push("origin", "base") == "origin: 1 new\n"


def test_others_were_faster(ann: Clone, bob: Clone) -> None:
    for one in (ann, bob):
        one.run(one.path.name)
        one.push(one.path.name)
        one.run(f"{one.path.name}-2")
    assert ann.push("ann-2") == "origin: 1 new\n"  # what was seen is old
    assert bob.push("bob-2") == "origin: 1 new\n"
    assert sorted(ann.names_there()) == ["ann", "ann-2", "bob", "bob-2"]
    assert ann.ok("fetch") == "origin: 1 new\n"


def test_whoever_waits_for_another_exchange_says_so(ann: Clone) -> None:
    ann.run("base")
    lock = ann.path / ".git/git-runs.origin.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "namespace": "", "process": {"pid": 1, "start": 1}}))
    with ann.machine.start("git", "runs", "push", "-y", "base", cwd=ann.path) as push:
        assert push.stderr
        assert push.stderr.readline() == b"warning: another git runs exchanges runs with origin; waiting for it\n"
        lock.unlink()
        assert push.wait() == 0
    assert not lock.exists()
    assert ann.names_there() == ["base"]


# --- merge


def test_edits_of_different_fields_come_together(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.ok("describe", "base", "-m", "by bob")
    bob.push("base")
    ann.edit("base", "name: base\n", "name: base\nnote: by ann  # mine\n")
    assert ann.push("base") == "origin: 1 changed\n"
    assert (ann.lookup("base", "description"), ann.lookup("base", "note")) == ("by bob", "by ann")
    assert "# mine" in ann.record_path("base").read_text()
    bob.ok("pull")
    assert (bob.lookup("base", "description"), bob.lookup("base", "note")) == ("by bob", "by ann")


def test_a_file_is_edited_again_and_again(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.edit("base", "name: base\n", "name: base\nnote: 1\n")
    for number in range(1, 4):
        assert ann.push("base") == "origin: 1 changed\n"
        bob.ok("pull")
        assert bob.lookup("base", "note") == str(number)
        ann.edit("base", f"note: {number}", f"note: {number + 1}")


def test_the_later_edit_of_a_field_stands_and_the_other_one_is_kept(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.ok("describe", "base", "-m", "earlier")
    bob.ok("describe", "base", "-m", "later")
    bob.push("base")
    result = ann.runs("push", "-y", "base")
    assert "'base': description was changed on both sides; the later edit by" in result.err
    bob.ok("pull")
    for one in (ann, bob):
        assert one.lookup("base", "description") == "later"
        assert one.lookup("base", "previous.description") == '["earlier"]'
    assert ann.push("--all") == bob.push("--all") == "Everything up-to-date\n"


def test_an_edit_that_came_while_the_run_was_in_the_trash_is_kept(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.ok("describe", "base", "-m", "by bob")
    ann.ok("describe", "base", "-m", "by ann")
    ann.ok("delete", "-y", "base")
    bob.push("base")
    ann.ok("pull")
    ann.ok("undelete", "base")
    assert ann.lookup("base", "description") == "by ann"
    assert "by bob" in ann.lookup("base", "previous.description")


def test_what_ran_is_not_changed_by_anybody(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base", "echo 1")
    bob.edit("base", "command: echo 1", "command: echo 2")
    bob.push("base")
    ann.ok("pull")
    assert ann.lookup("base", "command") == "echo 1"
    assert "command: echo 1" in ann.shown("base")


def test_an_end_comes_from_where_the_run_went_on(ann: Clone, bob: Clone) -> None:
    ann.ok("new", "-q", "--tb-dir-flag=None", "--save-path-flag=None", "base", "until [ -e go ]; do sleep 0.05; done")
    wait_for(lambda: ann.record("base")["status"] == "running")
    ann.push("base")
    bob.ok("fetch")
    bob.ok("adopt", "origin/base")
    assert bob.lookup("base", "status") == "running"
    bob.ok("describe", "base", "-m", "looks good")
    bob.push("base")
    (ann.path / "go").touch()
    ann.wait("base")
    ann.push("base")
    assert bob.ok("pull").startswith("origin: 1 finished")
    for one in (ann, bob):
        record = one.record("base")
        assert (record["status"], record["exit-code"], record["description"]) == ("finished", 0, "looks good")


def test_what_another_remote_and_an_old_bundle_have_brings_no_end_back(ann: Clone, bob: Clone, tmp_path: Path) -> None:
    ann.ok("new", "-q", "--tb-dir-flag=None", "--save-path-flag=None", "base", "until [ -e go ]; do sleep 0.05; done")
    old, second = str(tmp_path / "old.bundle"), str(tmp_path / "second")
    ann.git("init", "-q", "--bare", second)
    for one in (ann, bob):
        one.git("remote", "add", "second", second)
    ann.push("origin", "base")
    ann.push("second", "base")
    ann.ok("bundle", "create", old, "base")
    bob.ok("fetch", "origin")
    bob.ok("adopt", "origin/base")
    (ann.path / "go").touch()
    ann.wait("base")
    ann.push("origin", "base")
    bob.ok("pull", "origin")
    bob.ok("pull", "second")
    bob.ok("bundle", "import", old)
    assert bob.lookup("base", "status") == "finished"
    bob.push("second", "base")
    assert "status: finished" in bob.git("show", "refs/git-runs/remotes/second/records:base.yml")


def test_nobody_else_says_how_a_run_went(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.edit("base", "status: finished", "status: failed")
    bob.push("base")
    ann.ok("pull")
    assert ann.lookup("base", "status") == "finished"
    ann.push("base")
    bob.ok("pull")
    assert bob.lookup("base", "status") == "finished"


def test_a_rename_is_followed(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.ok("move", "base", "g/new")
    assert ann.push("g/new") == "origin: 1 renamed\n"
    assert ann.names_there() == ["g/new"]
    bob.ok("describe", "base", "-m", "meanwhile")
    assert bob.push("base") == "Run 'base' is now 'g/new', as on origin\norigin: 1 changed\n"
    assert bob.refs() == ["refs/runs/g/new"]
    ann.ok("pull")
    assert ann.lookup("g/new", "description") == "meanwhile"
    assert "previous" not in ann.record("g/new")


def test_names_that_pass_from_run_to_run_go_together(ann: Clone, bob: Clone) -> None:
    commits = [ann.commit("train.py", f"print({number})\n") for number in range(3)]
    for name, commit in zip("abc", commits, strict=True):
        ann.git("checkout", "-q", commit)
        share(ann, bob, name)
    for old, new in ("cd", "bc", "ab"):
        ann.ok("move", old, new)
    assert ann.push("--all") == "origin: 3 renamed\n"
    assert ann.there()[1:] == [f"{commit}\trefs/runs/{name}" for name, commit in zip("bcd", commits, strict=True)]
    bob.ok("describe", "-m", "the first one", "a")
    assert bob.ok("pull").count("is now") == 3
    assert [bob.git("rev-parse", f"refs/runs/{name}").strip() for name in "bcd"] == commits
    assert bob.lookup("b", "description") == "the first one"
    assert bob.refs() == ann.refs()
    assert bob.ok("fsck") == ann.ok("fsck") == ""


def test_two_runs_that_have_changed_names_do_so_elsewhere(ann: Clone, bob: Clone) -> None:
    for name in ("a", "b"):
        share(ann, bob, name, f"echo {name}")
        ann.ok("describe", "-m", f"once {name}", name)
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        ann.ok("move", old, new)
        ann.push(new)
    said = bob.ok("pull").splitlines()
    assert {"Run 'a' is now 'b', as on origin", "Run 'b' is now 'a', as on origin"} <= {*said}
    assert bob.refs() == ["refs/runs/a", "refs/runs/b"]
    assert [bob.lookup(name, "description") for name in "ab"] == ["once b", "once a"]
    assert bob.push("--all") == "Everything up-to-date\n"


@pytest.mark.parametrize("how", ["no atomic push", "refused", "shallow"])
def test_a_name_passes_together_with_the_records_or_not_at_all(ann: Clone, hub: Path, how: str) -> None:
    for name, number in (("a", 7), ("b", 8)):
        ann.commit("train.py", f"print({number})\n")
        ann.run(name)
    ann.push("--all")
    before = ann.there()
    ann.ok("move", "b", "c")
    ann.ok("move", "a", "b")
    if how == "no atomic push":
        ann.git("config", "receive.advertiseAtomic", "false", cwd=hub)
        said = "a name is to pass from one run to another, and origin cannot take all of this push together"
    elif how == "shallow":
        (ann.path / ".git/shallow").write_text(ann.git("rev-list", "--max-parents=0", "HEAD"))
        said = "a name is to pass from one run to another, and origin cannot take all of this push together"
    else:
        hook = hub / "hooks/update"
        hook.write_text("#!/bin/sh\ncase $1 in *records) exit 1; esac\n")
        hook.chmod(0o755)
        said = "refs/git-runs/records"
    result = ann.runs("push", "-y", "--all")
    assert (result.code, said in result.err) == (128, True), result
    assert ann.there() == before


@pytest.mark.parametrize("change", [("id: ", "id:  # mine\n  "), ("id: ", "\ufeffid: "), ("id: ", "? id\n: ")])
def test_an_id_that_a_person_has_written_otherwise_is_the_same(ann: Clone, bob: Clone, change: tuple[str, str]) -> None:
    ann.run("base")
    ann.edit("base", *change)
    ann.push("base")
    bob.ok("fetch")
    bob.ok("adopt", "origin/base")
    ann.ok("describe", "base", "-m", "later")
    ann.push("base")
    ann.ok("move", "base", "new")
    ann.push("new")
    assert ann.names_there() == ["new"]
    result = bob.runs("pull")
    assert (result.err, bob.lookup("new", "description")) == ("", "later")


# --- delete


def test_what_is_in_the_trash_is_not_adopted_beside_it(ann: Clone) -> None:
    ann.run("base", "echo 1")
    ann.push("base")
    ann.ok("delete", "-y", "base")
    refused = ann.runs("adopt", "origin/base", "again")
    assert (refused.code, ann.ok("list")) == (128, "")
    line = re.search("hint: to have it back: git (runs undelete .* base)\n", refused.err)
    assert line, refused
    ann.ok(*line[1].split()[1:])
    assert ann.log("base") == "1\n"
    ann.ok("delete", "-y", "--now", "base")
    assert ann.ok("adopt", "origin/base", "again") == "Adopted run 'again'\n"
    assert "there is nothing of that of run 'again'" in ann.runs("get", "again").err


def test_a_deletion_there_is_for_good(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base", "echo 1")
    assert bob.ok("delete", "-y", "--remote=origin", "base") == "origin: 1 deleted\n"
    assert bob.names_there() == []
    ann.ok("describe", "base", "-m", "later")
    result = ann.runs("push", "-y", "base")
    assert result.code == 1
    assert "run 'base' was deleted on origin by " in result.err
    assert ann.names_there() == []
    bob.ok("pull")
    assert bob.ok("list") == ""  # all that was there can be had back
    kept = ann.runs("pull")
    assert "deleted on origin, but here with what they have put out: base" in kept.err
    assert ann.ok("list") == "base\n"


def test_a_deletion_is_undone(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.ok("delete", "-y", "--remote=origin", "base")
    bob.ok("pull")
    bob.ok("undelete", "base")
    assert bob.push("base") == "origin: 1 new\n"
    assert ann.push("base") == "Everything up-to-date\n"
    assert ann.names_there() == ["base"]
    ann.ok("delete", "-y", "--remote=origin", "base")
    assert ann.push("--undelete", "base") == "origin: 1 new\n"
    bob.ok("pull")
    assert bob.ok("list") == "base\n"


def test_what_goes_on_stays(ann: Clone, bob: Clone) -> None:
    ann.ok("new", "-q", "--tb-dir-flag=None", "--save-path-flag=None", "base", "sleep 300")
    ann.push("base")
    bob.ok("delete", "-y", "--remote=origin", "base")
    ann.ok("pull")
    wait_for(lambda: ann.lookup("base", "status") == "running")
    ann.ok("kill", "base")


def test_what_is_simply_gone_there_was_not_deleted(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.run("other")
    ann.push("other")
    seen = "refs/git-runs/remotes/origin/records"  # by bob, who has not fetched "other"
    bob.git("push", "-q", "--force", "origin", f"{seen}:refs/git-runs/records", ":refs/runs/other")
    result = ann.runs("fetch")
    assert "is gone, without having been deleted there" in result.err
    assert ann.ok("pull") == "origin: nothing new\n"
    assert ann.ok("list") == "base\nother\n"
    ann.ok("push", "-y", "--restore")
    assert sorted(ann.names_there()) == ["base", "other"]
    bob.ok("fetch")
    assert "name: other\n" in bob.shown("other")


def test_all_is_gone_there(ann: Clone) -> None:
    ann.run("base")
    ann.push("base")
    ann.git("push", "-q", "origin", ":refs/git-runs/records", ":refs/runs/base")
    assert "origin has no runs any more; what was seen there last is kept here" in ann.runs("fetch").err
    ann.ok("describe", "base", "-m", "changed")
    assert "origin has lost its runs" in ann.runs("push", "-y", "base").err
    ann.ok("push", "-y", "--restore")
    assert ann.names_there() == ["base"]
    assert ann.push("base") == "origin: 1 changed\n"


# --- purge and bundle


def test_a_purge_drops_history_alone(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    ann.ok("describe", "base", "-m", "secret")
    ann.push("base")
    ann.ok("describe", "base", "-m", "harmless")
    ann.push("base")
    assert "Purged origin" in ann.ok("purge", "-y", "origin")
    bob.ok("describe", "base", "-m", "by bob")
    bob.ok("pull")
    assert bob.push("base") == "origin: 1 changed\n"
    assert ann.ok("pull") == "origin: 1 changed\n"
    assert ann.git("rev-list", "--count", "refs/git-runs/remotes/origin/records") == "2\n"
    assert "secret" not in ann.git("log", "-p", "refs/git-runs/remotes/origin/records")


def test_a_bundle(ann: Clone, clone: Callable[[str], Clone], tmp_path: Path) -> None:
    ann.run("base", "echo 1")
    ann.run("other")
    bundle = tmp_path / "runs.bundle"
    ann.ok("bundle", "create", str(bundle), "base")
    heads = ann.git("bundle", "list-heads", str(bundle))
    assert [line.split()[1] for line in heads.splitlines()] == ["refs/git-runs/records", "refs/runs/base"]
    far = clone("far")
    assert "'origin' is a remote" in far.runs("bundle", "import", str(bundle), "--as=origin").err
    far.git("remote", "remove", "origin")
    assert far.ok("bundle", "import", str(bundle)) == "bundle: 1 new\n"
    far.ok("adopt", "bundle/base")
    assert far.lookup("base", "id") == ann.lookup("base", "id")
    assert far.ok("bundle", "import", str(bundle)) == "bundle: nothing new\n"
    ann.ok("describe", "base", "-m", "later")
    ann.ok("bundle", "create", str(bundle), "base")
    far.ok("bundle", "import", str(bundle))
    assert far.lookup("base", "description") == "later"
    ann.ok("bundle", "create", str(bundle), "other")
    said = far.runs("bundle", "import", "--replace", str(bundle)).err
    assert ("1 run of bundle is gone" in said, "push --restore" in said) == (True, False), said


def test_a_bundle_without_commits_that_are_missing_here_is_refused(
    ann: Clone, machine: Machine, tmp_path: Path
) -> None:
    ann.run("base")
    bundle = tmp_path / "runs.bundle"
    ann.ok("bundle", "create", str(bundle), "base", "--known=main")
    machine.run("git", "init", "-q", str(tmp_path / "empty"))
    empty = Clone(machine, tmp_path / "empty")
    result = empty.runs("bundle", "import", str(bundle))
    commit = ann.git("rev-parse", "main").strip()
    assert (result.code, result.out) == (128, "")
    assert result.err.startswith(f"fatal: '{bundle}' was made without a commit that is not here: {commit}\n")
    assert empty.runs("list", "-r").out == ""
    empty.git("fetch", "-q", str(ann.path), "main")
    assert empty.ok("bundle", "import", str(bundle)) == "bundle: 1 new\n"
    assert "there is no run 'bundle/other' to adopt" in empty.runs("adopt", "bundle/base", "bundle/other").err
    empty.ok("adopt", "bundle/base")


def test_a_second_bundle_does_not_push_out_the_first(ann: Clone, bob: Clone, tmp_path: Path) -> None:
    for name in ("one", "two"):
        ann.run(name)
        ann.ok("bundle", "create", str(tmp_path / name), name)
    bob.ok("bundle", "import", str(tmp_path / "one"))
    refused = bob.runs("bundle", "import", str(tmp_path / "two"))
    assert refused.code == 128
    assert "1 of the runs that came with the last bundle are not in this one" in refused.err
    bob.ok("bundle", "import", "--as=second", str(tmp_path / "two"))
    bob.ok("bundle", "import", "--replace", str(tmp_path / "two"))


def test_a_bundle_without_records_changes_nothing(ann: Clone, tmp_path: Path) -> None:
    bundle = str(tmp_path / "strange.bundle")
    blob = ann.git("rev-parse", "HEAD:train.py").strip()
    ann.git("clone", "-q", "--bare", ".", "../strange")
    ann.git("--git-dir=../strange", "update-ref", "refs/git-runs/records", blob)
    ann.git("--git-dir=../strange", "bundle", "create", "-q", bundle, "refs/git-runs/records")
    assert f"there are no records of runs in '{bundle}'" in ann.runs("bundle", "import", bundle).err
    assert ann.git("for-each-ref", "refs/git-runs") == ""


def test_what_is_no_bundle_is_refused(ann: Clone) -> None:
    result = ann.runs("bundle", "import", "train.py")
    assert result.err.startswith("fatal: 'train.py' is not a git bundle\nhint: ")
    assert ann.git("for-each-ref", "refs/git-runs") == ""


def test_what_is_said_to_be_known_and_is_not_is_refused(ann: Clone, tmp_path: Path) -> None:
    ann.run("base")
    bundle = tmp_path / "runs.bundle"
    assert "nowhere" in ann.runs("bundle", "create", str(bundle), "base", "--known=nowhere").err
    assert not bundle.exists()
    ann.ok("bundle", "create", str(bundle), "base", "--known=main")
    assert bundle.exists()
