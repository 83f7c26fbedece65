"""Three clones and a bare repository, which one of them reaches by ssh: a run is started in the first, listed in the
second, described in the third, ends in the first, is deleted from the second, and all of them agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from tests.conftest import NO_FLAGS, wait_for
from tests.sharing.conftest import Clone
from tests.sshd import Host

TRAIN = "until [ -e go ]; do sleep 0.05; done; echo loss 0.25"
COLUMNS = "--columns=name,status,description,commit"


def test_a_run_travels(ann: Clone, bob: Clone, clone: Callable[[str], Clone], host: Host, hub: Path) -> None:
    cid = clone("cid")
    cid.git("remote", "set-url", "origin", f"ssh://{host.name}{hub}")

    ann.ok("new", *NO_FLAGS, "-m", "a first try", "lr/0.1", TRAIN)
    wait_for(lambda: ann.record("lr/0.1")["status"] == "running")
    assert ann.push("lr/0.1") == "origin: 1 new\n"

    assert bob.ok("fetch") == "origin: 1 new\n"
    assert bob.ok("list", "-r") == "origin/lr/0.1\n"
    assert "running" in bob.ok("table", "-r", COLUMNS)

    assert cid.ok("fetch") == "origin: 1 new\n"
    cid.ok("adopt", "origin/lr/0.1")
    cid.ok("describe", "lr/0.1", "-m", "the best so far")
    assert cid.push("lr/0.1") == "origin: 1 changed\n"

    (ann.path / "go").touch()
    ann.wait("lr/0.1")
    assert ann.push("lr/0.1") == "origin: 1 changed\n"
    for one in (ann, bob, cid):
        one.ok("pull")
    shown = [yaml.safe_load(one.ok("lookup", "origin/lr/0.1")) for one in (ann, bob, cid)]
    assert shown[0] == shown[1] == shown[2]
    assert (shown[0]["status"], shown[0]["exit-code"]) == ("finished", 0)
    assert shown[0]["description"] == "the best so far"
    assert ann.record("lr/0.1")["description"] == cid.record("lr/0.1")["description"] == "the best so far"
    assert cid.record("lr/0.1")["status"] == "finished"
    cid.ok("reproduce", "lr/0.1")

    assert bob.ok("delete", "-y", "--remote=origin", "lr/0.1") == "origin: 1 deleted\n"
    for one in (ann, bob, cid):
        one.ok("fetch")
        assert one.ok("list", "-r") == ""
        assert one.names_there() == []
    assert "deleted on origin, but here with what they have put out: lr/0.1" in ann.runs("pull").err
    assert "Deleted run 'lr/0.1': it was deleted on origin by" in cid.ok("pull")
    assert cid.ok("list") == ""
    refused = cid.runs("push", "-y", "--all")
    assert (refused.code, cid.names_there()) == (0, [])
    assert ann.runs("push", "-y", "--all").code == 1
    assert ann.names_there() == []
    assert ann.log("lr/0.1").endswith("loss 0.25\n")
