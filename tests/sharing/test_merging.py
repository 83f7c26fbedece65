"""What is merged from a remote stands here as it stands there; a copy that is old undoes nothing."""

from __future__ import annotations

import re

from tests.conftest import NO_FLAGS
from tests.sharing.conftest import Clone
from tests.sharing.test_exchange import share


def test_a_copy_from_the_trash_undoes_no_edit(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.ok("delete", "-y", "base")
    ann.ok("describe", "base", "-m", "later")
    ann.ok("move", "base", "g/new")
    ann.edit("g/new", "status: finished", "status: failed")
    ann.push("g/new")
    bob.ok("pull")
    bob.ok("undelete", "base")
    bob.push("--all")
    assert bob.refs() == ["refs/runs/g/new"]
    assert ann.names_there() == ["g/new"]
    ann.ok("pull")
    for one in (ann, bob):
        assert (one.lookup("g/new", "description"), one.lookup("g/new", "status")) == ("later", "failed")
    assert ann.record("g/new") == bob.record("g/new")


def test_what_comes_while_a_run_is_in_the_trash_is_merged_when_it_is_back(ann: Clone, bob: Clone) -> None:
    ann.ok("new", "-q", *NO_FLAGS, "base", "until [ -e go ]; do sleep 0.05; done")
    ann.push("base")
    bob.ok("fetch")
    bob.ok("adopt", "origin/base")
    bob.edit("base", "name: base\n", "name: base\nnote: mine\n")
    bob.ok("delete", "-y", "base")
    (ann.path / "go").touch()
    ann.wait("base")
    ann.ok("move", "base", "new")
    ann.push("new")
    bob.ok("pull")
    first, *others = bob.ok("undelete", "base").splitlines()
    assert (first[:18], others) == ("Run 'base' is back", ["Run 'base' is now 'new', as on origin"])
    assert (bob.lookup("new", "status"), bob.lookup("new", "note")) == ("finished", "mine")


def test_what_is_deleted_there_comes_back_with_what_others_had_edited(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base", "echo 1")
    bob.ok("describe", "base", "-m", "by bob")
    bob.push("base")
    bob.ok("delete", "-y", "--remote=origin", "base")
    assert ann.push("--undelete", "base") == "origin: 1 new\n"
    bob.ok("pull")
    assert ann.lookup("base", "description") == bob.lookup("base", "description") == "by bob"
    assert ann.record("base") == bob.record("base")


def test_what_was_edited_in_the_file_bears_a_stamp_here_as_well_as_there(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.ok("describe", "base", "-m", "by bob")
    bob.push("base")
    ann.edit("base", "description: first", "description: by hand")
    warned = ann.runs("push", "-y", "base").err
    assert "'base': description was changed on both sides; the later edit" in warned
    bob.ok("pull")
    for one in (ann, bob):
        assert one.lookup("base", "description") == "by hand"
        assert one.lookup("base", "previous.description") == '["by bob"]'
    assert ann.record("base") == bob.record("base")
    assert ann.push("base") == "Everything up-to-date\n"


def test_a_rename_waits_until_the_name_is_free(ann: Clone, bob: Clone) -> None:
    share(ann, bob, "base")
    bob.run("new")
    ann.ok("move", "base", "new")
    ann.push("new")
    for _ in range(2):
        result = bob.runs("pull")
        assert result.code == 1
        assert "run 'new' already exists" in result.err
        assert "hint: 'base' is called so elsewhere; rename the one of here: git runs move new <new>" in result.err
    bob.ok("move", "new", "mine")
    assert "Run 'base' is now 'new', as on origin" in bob.ok("pull")
    assert bob.ok("list") == "mine\nnew\n"
    assert ann.record("new") == bob.record("new")
    assert re.fullmatch("origin: 1 new\n", bob.push("--all"))
