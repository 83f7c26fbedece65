"""DVC experiments: each is a commit, below a ref that is named after the commit that it started from."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from ..place import Task, same
from ..scale import LIST, NEW, TABLE
from .peer import Peer

FIRST = -3  # other than those that are started while it is measured
STAGE = """\
stages:
  train:
    cmd: python3 train.py
    deps: [train.py]
    params: [lr]
    metrics:
    - metrics.json: {cache: false}
"""


class Dvc(Peer):
    """Started once; all further experiments are commits like that one, with other parameters."""

    package = "dvc"

    def make(self) -> None:
        self.run(self.program("dvc"), "init", "-q")
        self.run(self.program("dvc"), "config", "core.analytics", "false")
        (self.directory / "params.yaml").write_text("lr: 0\n")
        (self.directory / "train.py").write_text("open('metrics.json', 'w').write('{\"loss\": 0.5}')\n")
        (self.directory / "dvc.yaml").write_text(STAGE)
        self.run("git", "add", ".")
        self.run("git", "commit", "-q", "-m", "base")
        self.run(*self._new(FIRST))
        ref = self._git("for-each-ref", "--format=%(refname)", f"refs/exps/*/*/new{FIRST}").strip()
        lock = self._git("show", f"{ref}:dvc.lock")
        commits = (self._commit(ref, lock, number) for number in range(1, self.runs))
        self._git("fast-import", "--quiet", given="".join(commits))
        self.run("git", "pack-refs", "--all")

    def tasks(self) -> Mapping[str, Task]:
        dvc = self.program("dvc")
        return {LIST: same(dvc, "exp", "list"), TABLE: same(dvc, "exp", "show", "--csv"), NEW: Task(self._new)}

    def _new(self, number: int) -> list[str]:
        return [self.program("dvc"), "exp", "run", "-n", f"new{number}", "-S", f"lr={number}"]

    def _commit(self, like: str, lock: str, number: int) -> str:
        """What makes git fast-import(1) write another experiment."""
        lr = f"0.{number}"
        message = f"dvc: commit experiment {number:064x}"
        return (
            f"commit {like.removesuffix(f'new{FIRST}')}lr{number}\n"
            f"committer bench <bench@example.com> {1_800_000_000 + number} +0000\n"
            f"{_data(message)}from {like}~0^\n"
            + "".join(
                f"M 100644 inline {path}\n{_data(text)}"
                for path, text in {
                    "params.yaml": f"lr: {lr}\n",
                    "dvc.lock": lock.replace(f"lr: {FIRST}\n", f"lr: {lr}\n"),
                    "metrics.json": f'{{"loss": {lr}}}',
                }.items()
            )
        )

    def _git(self, *arguments: str, given: str = "") -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env=self.place.environment,
            check=True,
            input=given,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
