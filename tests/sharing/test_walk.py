"""Three people do to their runs whatever comes to their minds. Once all have exchanged everything, all have the same,
no run is lost, and none is back that was deleted.

`RUNS_FAULTS=full` makes the walk long, `RUNS_SEED=NUMBER` the one that it was.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import yaml

from tests.conftest import NO_FLAGS, Result
from tests.faults.harness import FULL, check, make, read_records, surprises
from tests.sharing.conftest import Clone

pytestmark = pytest.mark.timeout(3600)

STEPS = 1000 if FULL else 25
SEED = int(os.environ.get("RUNS_SEED") or random.randrange(10**6))
Records = dict[str, dict[str, Any]]  # by id
RECORDS = "refs/git-runs/remotes/origin/records"


class Walk:
    """What they have done, and what has to be so for it."""

    def __init__(self, people: list[Clone], chance: random.Random) -> None:
        self.people = people
        self.chance = chance
        self.numbers = count(1)
        self.steps: list[str] = []
        self.started: set[str] = set()  # the ids of all runs
        self.deleted: set[str] = set()  # on the remote
        self.undone: set[str] = set()  # of these, or before: they may be there again
        self.put_away: set[str] = set()  # of those that somebody has deleted in one clone, at some time
        self.typed: dict[str, set[str]] = {}  # texts, by id, which nobody has replaced who saw them

    def do(self, who: Clone, *arguments: str) -> Result:
        """Let one of them call `git runs`; it may say no, in words."""
        result = who.runs(*arguments)
        self.steps.append(f"{who.path.name}: git runs {' '.join(arguments)} -> {result.code} {result.err.strip()}")
        assert result.code in (0, 1, 128), self.story()
        assert not surprises(result.err), self.story()
        return result

    def story(self) -> str:
        """How it came to this."""
        return f"seed {SEED}\n" + "\n".join(self.steps)

    def step(self) -> None:
        """Somebody does something."""
        who = self.chance.choice(self.people)
        names = read_records(who)
        what = self.chance.choice(ALONE if not names else OPERATIONS)
        what(self, who, self.chance.choice([*names] or [""]))

    def new_text(self) -> str:
        return f"text {next(self.numbers)}"

    # --- what one can do

    def start(self, who: Clone, name: str) -> None:
        name = self.chance.choice(["a", "b", "c", "g/a", "g/b", f"r{next(self.numbers)}"])
        command = self.chance.choice(["true", "echo out"])
        if self.do(who, "new", "-q", "--launcher=foreground", *NO_FLAGS, name, command).code == 0:
            self.started.add(str(who.record(name)["id"]))

    def describe(self, who: Clone, name: str) -> None:
        self.do(who, "describe", name, "-m", self.replace(who, name))

    def edit(self, who: Clone, name: str) -> None:
        path, record = who.record_path(name), who.record(name)
        text = self.replace(who, name)
        edited = yaml.safe_dump({**record, "description": text, f"note-{who.path.name}": text}, sort_keys=False)
        path.write_text(edited)
        self.steps.append(f"{who.path.name}: edits {name}: {text}")

    def replace(self, who: Clone, name: str) -> str:
        """A text that somebody is about to type over the one that they see."""
        record, text = who.record(name), self.new_text()
        typed = self.typed.setdefault(str(record["id"]), set())
        typed -= {str(record.get("description"))}
        typed.add(text)
        return text

    def move(self, who: Clone, name: str) -> None:
        new = self.chance.choice(["a", "b", "g/c", "h/a", f"m{next(self.numbers)}"])
        self.do(who, "move", name, new)

    def delete(self, who: Clone, name: str) -> None:
        identifier = str(who.record(name)["id"])
        if self.do(who, "delete", "-y", name).code == 0:
            self.put_away.add(identifier)

    def undelete(self, who: Clone, name: str) -> None:
        before = {record["id"] for record in read_records(who).values()}
        self.do(who, "undelete", ".*")
        self.undone |= {record["id"] for record in read_records(who).values()} - before

    def delete_there(self, who: Clone, name: str) -> None:
        there = self.there(who)
        chosen = self.chance.choice([record["name"] for record in there.values()] or ["nothing"])
        if self.do(who, "delete", "-y", "--remote=origin", chosen).code == 0:
            self.deleted |= {identifier for identifier, record in there.items() if record["name"] == chosen}

    def adopt(self, who: Clone, name: str) -> None:
        there = self.there(who)
        new = [one["name"] for one in there.values() if one["id"] not in {r["id"] for r in read_records(who).values()}]
        if new:
            self.do(who, "adopt", f"origin/{self.chance.choice(new)}")

    def push(self, who: Clone, name: str) -> None:
        self.do(who, "push", "-y", self.chance.choice([name, "--all", "--mine"]))

    def push_again(self, who: Clone, name: str) -> None:
        identifier = str(who.record(name)["id"])
        if self.do(who, "push", "-y", "--undelete", name).code == 0:
            self.undone.add(identifier)

    def pull(self, who: Clone, name: str) -> None:
        self.do(who, "pull")

    def fetch(self, who: Clone, name: str) -> None:
        self.do(who, "fetch")

    # --- the end

    def there(self, who: Clone) -> Records:
        """The records that the remote has."""
        who.runs("fetch")
        if who.machine.run("git", "rev-parse", "-q", "--verify", RECORDS, cwd=who.path).code:
            return {}
        paths = who.git("ls-tree", "-r", "--name-only", RECORDS).splitlines()
        own = [f"{RECORDS}:{path}" for path in paths if re.fullmatch(r"(?!\.|environments/).*\.yml", path)]
        texts = re.split("(?m)^(?=id: )", who.git("show", *own))[1:] if own else []
        assert len(texts) == len(own), self.story()
        records = [yaml.load(text, yaml.CSafeLoader) for text in texts]
        return {record["id"]: record for record in records}

    def exchange(self, who: Clone) -> None:
        """All that one has, and all that is there; names that others have are given way to."""
        for command in (["pull"], ["push", "-y", "--all"]):
            for _ in range(20):
                result = self.do(who, *command)
                if (move := re.search(r"git runs move (\S+) (\S+)", result.err)) and result.code:
                    self.do(who, "move", move[1], f"m{next(self.numbers)}")
                else:
                    break
        here = {record["id"] for record in read_records(who).values()}
        for identifier, record in self.there(who).items():
            if identifier not in here:
                self.have(who, f"origin/{record['name']}", identifier)

    def have(self, who: Clone, name: str, identifier: str) -> None:
        """The run of the remote becomes one of here, or is one again, where it is in the trash."""
        result = self.do(who, "adopt", name)
        if back := re.search(r"git runs (undelete --deletion=\S+ \S+)", result.err):
            self.undone.add(identifier)
            result = self.do(who, *back[1].split())
            if move := re.search(r"git runs move (\S+) <new>", result.err):
                self.do(who, "move", move[1], f"m{next(self.numbers)}")
                result = self.do(who, *back[1].split())
        elif result.code:
            result = self.do(who, "adopt", name, f"m{next(self.numbers)}")
        assert result.code == 0, self.story()


OPERATIONS = [
    *[Walk.start] * 2,
    *[Walk.push] * 4,
    *[Walk.pull] * 4,
    *[Walk.adopt] * 3,
    *(Walk.describe, Walk.describe, Walk.edit, Walk.move),
    *(Walk.delete, Walk.undelete, Walk.delete_there, Walk.push_again, Walk.fetch),
]
ALONE = [Walk.start, Walk.adopt, Walk.adopt, Walk.fetch, Walk.undelete]


def test_a_walk_of_three_clones(ann: Clone, bob: Clone, clone: Callable[[str], Clone]) -> None:
    people = [ann, bob, clone("eve")]
    walk = Walk(people, random.Random(SEED))
    for _ in range(STEPS):
        walk.step()
    for who in people * 4:
        walk.exchange(who)
    there = walk.there(ann)
    for who in people:
        here = {record["id"]: record for record in read_records(who).values()}
        assert there.keys() <= here.keys(), walk.story()
        assert here.keys() - there.keys() <= walk.deleted, walk.story()  # they have put out something here
        assert {identifier: here[identifier] for identifier in there} == there, walk.story()
        check(who)
    assert walk.started - walk.put_away - walk.deleted <= there.keys(), walk.story()
    assert not (walk.deleted - walk.undone) & there.keys(), walk.story()
    for identifier in there.keys() - walk.put_away:
        record = there[identifier]
        seen = {record["description"], *record.get("previous", {}).get("description", [])}
        assert walk.typed.get(identifier, set()) <= seen, (identifier, walk.story())


def test_of_eight_clones_that_push_at_once_all_runs_are_there(clone: Callable[[str], Clone]) -> None:
    people = [clone(f"c{number}") for number in range(8)]
    for who in people:
        make(who, *(f"{who.path.name}-{number}" for number in range(5)))
    pushing = [who.machine.start("git-runs", "push", "-y", "--mine", cwd=who.path) for who in people]
    said = [one.communicate(timeout=300)[1].decode() for one in pushing]
    assert [one.returncode for one in pushing] == [0] * 8, said
    names = sorted(f"{who.path.name}-{number}" for who in people for number in range(5))
    assert sorted(people[0].names_there()) == names
    people[0].ok("fetch")
    assert [line[len("origin/") :] for line in people[0].ok("list", "-r").splitlines() if "/" in line] == names
