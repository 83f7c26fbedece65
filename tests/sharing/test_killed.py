"""An exchange that is killed, or fails, wherever it writes: the same command succeeds afterwards, both sides agree, and
what people have edited is there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

from tests.faults.harness import (
    FULL,
    STRACE,
    Moment,
    Strace,
    disagreements,
    make,
    mend,
    one_of,
    read_records,
    surprises,
)
from tests.sharing.conftest import Clone

pytestmark = [pytest.mark.timeout(3 * 3600), pytest.mark.skipif(not STRACE, reason="strace is not installed")]

COMMANDS = {
    "push": ("push", "-y", "origin", "{}"),
    "push of a changed run": ("push", "-y", "origin", "{}"),
    "push of a renamed run": ("push", "-y", "origin", "{}-moved"),
    "push of a run into its group": ("push", "-y", "origin", "{}/moved"),
    "push of names that pass": ("push", "-y", "origin", "{}-moved", "{}"),
    "push without atomic": ("push", "-y", "origin", "{}"),
    "push --restore": ("push", "-y", "--restore", "origin"),
    "fetch": ("fetch", "origin"),
    "pull": ("pull", "origin"),
    "pull of a renamed run": ("pull", "origin"),
    "pull of a deleted run": ("pull", "origin"),
    "delete --remote": ("delete", "-y", "--remote=origin", "{}"),
    "purge": ("purge", "-y", "origin"),
    "bundle create": ("bundle", "create", "../{}.bundle", "{}"),
    "bundle import": ("bundle", "import", "../{}.bundle", "--as={}"),
}
UNSENT = ("push", "push without atomic", "bundle create", "bundle import")  # those whose run is nowhere else before
BY_BOB = ("fetch", "pull", "pull of a renamed run", "pull of a deleted run")  # those that need another clone to act
PASSING = "push of names that pass"  # the name of a run that has another one is that of a second run, of another commit
INTO_GROUP = "push of a run into its group"  # by way of a third name there
RENAMED = ("push of a renamed run", "pull of a renamed run", INTO_GROUP, PASSING)
DELETED = ("delete --remote", "pull of a deleted run")
# What the description is then, and the field `note`.
EDITS = {
    "push of a changed run": ("third", "ann"),
    "push of a renamed run": ("second", "ann"),
    INTO_GROUP: ("second", "ann"),
    PASSING: ("second", "ann"),
    "fetch": ("bob", "ann"),
    "pull": ("bob", "ann"),
}
BYSTANDERS = ("by", "stander")


class Exchange:
    """A command of Ann's, who has runs that Bob has, too."""

    def __init__(self, ann: Clone, bob: Clone, hub: Path, command: str) -> None:
        self.ann = ann
        self.bob = bob
        self.hub = hub
        self.command = command
        make(ann, *BYSTANDERS)
        ann.push("--all")
        if command == "push without atomic":
            ann.git("config", "receive.advertiseAtomic", "false", cwd=hub)

    def arguments(self, name: str) -> list[str]:
        return [word.format(name) for word in COMMANDS[self.command]]

    def prepare(self, *names: str) -> None:
        """Make the runs, which both have where the command needs that."""
        make(self.ann, *(name for name in ("first", *names) if name not in read_records(self.ann)))
        for name in names:
            (self.ann.path / f".runs/logs/{name}.log").write_bytes(b"")
        if self.command in UNSENT:
            return
        if self.command == PASSING:
            seconds = [f"{name}-second" for name in names]
            self.ann.commit("train.py", f"print({names[-1]!r})\n", "first")
            make(self.ann, *seconds)
            self.ann.push(*seconds)
        self.ann.push(*names)
        if self.command in BY_BOB:
            self.bob.ok("fetch")
            creations = "".join(f"create refs/runs/{name} {self.ann.record(name)['commit']}\n" for name in names)
            assert self.bob.machine.run("git", "update-ref", "--stdin", cwd=self.bob.path, stdin=creations).code == 0
            for name in names:
                self.bob.record_path(name).parent.mkdir(exist_ok=True, parents=True)
                self.bob.record_path(name).write_bytes(self.ann.record_path(name).read_bytes())
            self.bob.ok("pull")

    def begin(self, name: str) -> None:
        """What has to be so just before the command."""
        if self.command in ("push of a changed run", "push of a renamed run", INTO_GROUP, PASSING):
            self.ann.edit(name, "description: first\n", "description: second\nnote: ann\n")
        if self.command in ("push of a renamed run", PASSING):
            self.ann.ok("move", name, f"{name}-moved")
        if self.command == INTO_GROUP:
            self.ann.ok("move", name, f"{name}/moved")
        if self.command == PASSING:
            self.ann.ok("move", f"{name}-second", name)
        if self.command in BY_BOB[:2]:
            self.bob.ok("describe", name, "-m", "bob")
            self.ann.edit(name, "name: ", "note: ann\nname: ")
        if self.command == "pull of a renamed run":
            self.bob.ok("move", name, f"{name}-moved")
        if self.command in BY_BOB[:3]:
            self.bob.push("--all")
        if self.command == "pull of a deleted run":
            self.bob.ok("delete", "-y", "--remote=origin", name)
        if self.command == "push --restore":
            self.ann.git("push", "-q", "origin", "--prune", "refs/none/*:refs/runs/*", "refs/none/*:refs/git-runs/*")
        if self.command == "bundle import":
            self.ann.ok("bundle", "create", f"../{name}.bundle", name)
            self.ann.ok("describe", name, "-m", "second")

    def check_at_once(self, name: str) -> None:
        """Whatever has become of it, all is whole on both sides."""
        assert [line for line in disagreements(self.ann) if name not in line and "left over" not in line] == []
        assert incomplete(self.ann, self.hub) == []

    def check(self, name: str, printed: str) -> None:
        """The command succeeds, and does all that it was to do."""
        edits = self.command == "push of a changed run"
        if edits:  # as a person would go on
            self.ann.edit(name, "description: second\n", "description: third\n")
        if f"refs/runs/{name} is still there" in printed:  # as the person does who reads it
            self.ann.git("update-ref", "-d", f"refs/runs/{name}")
        if self.command == "pull of a renamed run" or random.random() < 0.5:  # else nobody has asked fsck
            mend(self.ann)
        again = self.ann.runs(*self.arguments(name))
        is_done = self.command == "delete --remote" and again.code == 1 and "no run matches" in again.err
        assert again.code == 0 or is_done, again
        assert not surprises(again.err)
        mend(self.ann)
        assert disagreements(self.ann) == []
        assert incomplete(self.ann, self.hub) == []
        assert stray_refs(self.ann, self.hub) == []
        assert set(BYSTANDERS) <= there(self.ann, self.hub).keys()
        moved = f"{name}/moved" if self.command == INTO_GROUP else f"{name}-moved"
        own = moved if self.command in RENAMED else name
        records, away = read_records(self.ann), there(self.ann, self.hub)
        if self.command in DELETED:
            assert name not in away
            assert (name in records) == (self.command == "delete --remote")
            return
        assert own in records
        if self.command in ("bundle create", "bundle import"):
            assert records[own]["description"] == ("second" if self.command == "bundle import" else "first")
            assert self.ann.git("bundle", "list-heads", f"../{name}.bundle").split()[1::2] == [
                "refs/git-runs/records",
                f"refs/runs/{name}",
            ]
            return
        assert own in away
        assert "previous" not in records[own]
        if self.command == "fetch":
            assert records[own]["description"] == "first"
            assert self.ann.ok("pull", "origin")
            records = read_records(self.ann)
        expected = EDITS.get(self.command, ("first", None))
        assert (records[own]["description"], records[own].get("note")) == expected
        assert away[own]["description"] == expected[0]
        if self.command == PASSING:
            assert away[name]["id"] == records[name]["id"] != records[own]["id"]
            assert away[name]["commit"] != away[own]["commit"]
        elif self.command in RENAMED:
            assert name not in records
            assert name not in away
        self.ann.push("--all")
        assert self.ann.push("--all") == "Everything up-to-date\n"
        edited = {key: value for key, value in there(self.ann, self.hub)[own].items() if key != "edited"}
        assert edited == {key: value for key, value in read_records(self.ann)[own].items() if key != "edited"}


def there(repo: Clone, hub: Path) -> dict[str, dict[str, object]]:
    """The records of runs that the remote has, by name."""
    if repo.machine.run("git", "show-ref", "-q", "--verify", "refs/git-runs/records", cwd=hub).code:
        return {}
    names = repo.git("ls-tree", "-r", "--name-only", "refs/git-runs/records", cwd=hub).splitlines()
    names = [name for name in names if not name.startswith((".", "environments/"))]
    shown = (repo.git("show", f"refs/git-runs/records:{name}", cwd=hub) for name in names)
    return {name.removesuffix(".yml"): yaml.safe_load(text) for name, text in zip(names, shown, strict=True)}


def refs_there(repo: Clone, hub: Path) -> dict[str, str]:
    listed = repo.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/runs", cwd=hub)
    return dict(line.split() for line in listed.splitlines())


def incomplete(repo: Clone, hub: Path) -> list[str]:
    """The runs of which the remote has a record, and not the commit."""
    refs = refs_there(repo, hub)
    return [name for name, record in there(repo, hub).items() if refs.get(name) != record["commit"]]


def stray_refs(repo: Clone, hub: Path) -> list[str]:
    """The runs of which it has a ref alone."""
    return sorted(refs_there(repo, hub).keys() - there(repo, hub).keys())


def named(moments: Iterable[Moment]) -> dict[str, Moment]:
    """Each, by the name of the run that is broken there."""
    return {f"{call}-{count}-th": (call, count) for call, count in moments}


Breaking = Callable[[Strace, Moment, list[str]], str]


def kill(strace: Strace, moment: Moment, arguments: list[str]) -> str:
    return strace.kill(moment, *arguments)


def fail(strace: Strace, moment: Moment, arguments: list[str]) -> str:
    out, err, code = strace.fail(moment, random.choice(["ENOSPC", "EROFS", "EIO"]), *arguments)
    assert not surprises(err)
    assert (code == 0) == (not any(line.startswith(("fatal:", "error:")) for line in err.splitlines())), (err, code)
    return out + err


def either(strace: Strace, moment: Moment, arguments: list[str]) -> str:
    call, _ = moment
    return one_of([kill, fail] if call in strace.FAILING else [kill], arguments[-1])(strace, moment, arguments)


@pytest.mark.parametrize("breaking", [kill, fail] if FULL else [either])  # there are many rows
@pytest.mark.parametrize("command", COMMANDS)
def test_broken_at_any_call_that_writes(ann: Clone, bob: Clone, hub: Path, command: str, breaking: Breaking) -> None:
    exchange = Exchange(ann, bob, hub, command)
    exchange.prepare("v0")
    exchange.begin("v0")
    strace = Strace(ann)
    calls = strace.FAILING if breaking is fail else strace.CALLS
    found = strace.moments(*exchange.arguments("v0"), only=calls)
    moments = named(found if FULL else found[:1])
    exchange.check("v0", "")
    exchange.prepare(*moments)
    for name, moment in moments.items():
        exchange.begin(name)
        printed = breaking(strace, moment, exchange.arguments(name))
        exchange.check_at_once(name)
        exchange.check(name, printed)
