"""Make the folders of `versions` anew, by the published versions of the first `runs` tool: needs the network.

    python -m tests.old_tool.make

Each is installed from its wheel, without what it depends on: yaml.load is given a Loader, which it takes by now, ssh is
stubbed, for nothing is remote, and vim is one that changes nothing. The command that it sends to tmux is run as the
record has it, since version 2 forgets to press Enter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from .repository import VERSIONS, make_repository

# What is typed for each version, from which directory of the repository.
AS_FILE = "python3 train.py --as-file --lr=0.5"
RUNS = {
    "1.0.6": [
        (".", ["new", "slow", "python3 train.py --lr=0.5", "--description=A  smaller: step"]),
        (".", ["new", "file", AS_FILE]),
        (".", ["new", "slow10", "python3 train.py --lr=4"]),  # begins as another's does
    ],
    "1.1.6": [
        (".", ["new", "slow", "python3 train.py --lr=0.5", "--description=A  smaller: step"]),
        (".", ["new", "file", AS_FILE]),
        ("sub", ["new", "below", "python3 ../train.py --lr=4"]),  # which puts the database beside the runs dir
    ],
    "2.1.6": [
        (".", ["new", "slow", "python3 train.py --lr=0.5"]),
        (".", ["new", "exp/file", AS_FILE]),
        (".", ["new", "exp/deep/er", "python3 train.py --lr=4"]),
    ],
}
STUBS = {
    "paramiko/__init__.py": "class SSHException(Exception): ...\nclass SSHClient: ...\nclass AutoAddPolicy: ...\n",
    "paramiko/client.py": "from . import AutoAddPolicy, SSHClient\n",
    "sitecustomize.py": "import yaml\nload = yaml.load\nyaml.load = lambda text: load(text, yaml.Loader)\n",
}


def main() -> None:
    """All versions, one after the other."""
    shutil.rmtree(VERSIONS, ignore_errors=True)
    for version in RUNS:
        with tempfile.TemporaryDirectory() as place:
            make(version, Path(place))


def make(version: str, place: Path) -> None:
    """What that version leaves in a repository."""
    tool = Tool(version, place)
    top = place / "repo"
    make_repository(top)
    (top / "sub").mkdir()
    (top / ".runs").mkdir()
    (top / ".runsrc").write_text("extra-flags:\n- [--seed, '<run-name>']\n")
    (top / ".git/info/exclude").write_text(".runsrc\n")
    for where, words in RUNS[version]:
        tool.run(top / where, *words)
        for path in [*top.rglob(".runs.yml"), *top.rglob("runs.yml")]:
            run_commands(yaml.safe_load(path.read_text()), top / where, words[1])
    for name in (".runs", ".runs.yml"):
        keep(top / name, VERSIONS / version / name.replace(".", "dot-", 1))


def run_commands(records: dict[str, dict[str, str]], where: Path, name: str) -> None:
    """What tmux was to run."""
    for found, fields in records.items():
        if found == name.rpartition("/")[2]:
            subprocess.run(["bash", "-c", fields["command"]], cwd=where, check=True)


def keep(source: Path, target: Path) -> None:
    """Copy it, if it is there."""
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy(source, target)


class Tool:
    """The tool, installed, as a command."""

    def __init__(self, version: str, place: Path) -> None:
        self._version = version
        self._modules = place / "modules"
        needed = ["PyYAML", "tabulate", "termcolor", "gitpython"]
        for words in (["--no-deps", f"tf-run-manager=={version}"], needed):
            pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(self._modules), *words]
            subprocess.run(pip, check=True)
        if version.startswith("2"):
            (self._modules / "runs.py").unlink()  # of the version before, left in the wheel; the package comes first
        for path, text in STUBS.items():
            (self._modules / path).parent.mkdir(exist_ok=True)
            (self._modules / path).write_text(text)
        self._programs = place / "bin"
        self._programs.mkdir()
        for program in ("vim", "tmux"):
            (self._programs / program).write_text("#!/bin/sh\nexit 0\n")
            (self._programs / program).chmod(0o755)

    def run(self, where: Path, *words: str) -> None:
        """`runs <words>`, in that directory."""
        module = "runs.main" if self._version.startswith("2") else "runs"
        code = f"from {module} import main; main()"
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._modules),
            "PATH": f"{self._programs}:{os.environ['PATH']}",
        }
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, *words], cwd=where, env=environment, check=True)


if __name__ == "__main__":
    main()
