"""What all peers have in common: each is installed in an environment of its own, beside our own packages."""

from __future__ import annotations

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ..place import Place, Task

ENVIRONMENTS = Path(sys.prefix, "peers")


class Peer(ABC):
    """A program that does the same work, and a directory with a number of runs as it would have recorded them."""

    package: ClassVar[str]  # as pip knows it
    needs: ClassVar[tuple[str, ...]] = ()  # further packages, for what is measured
    most: ClassVar[int] = 100_000  # runs that can be made in minutes
    with_dependencies: ClassVar[bool] = True  # False: it asks for such old ones that they cannot be installed any more

    def __init__(self, place: Place, directory: Path, runs: int) -> None:
        self.place = place
        self.directory = directory
        self.runs = runs

    @abstractmethod
    def make(self) -> None:
        """Make the runs, in its own format, in the directory, which is a repository."""

    @abstractmethod
    def tasks(self) -> Mapping[str, Task]:
        """What it does of what `git runs` does, by the names of scale.py."""

    @classmethod
    def program(cls, name: str) -> str:
        """The path of one of its programs."""
        return str(ENVIRONMENTS / cls.package / "bin" / name)

    @classmethod
    def version(cls) -> str | None:
        """The version that is installed; None: none is."""
        ask = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
        try:
            command = [cls.program("python"), "-c", ask, cls.package]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        except (FileNotFoundError, subprocess.CalledProcessError):
            return None

    @classmethod
    def install(cls) -> None:
        """Install it with pip; raises subprocess.CalledProcessError."""
        environment = ENVIRONMENTS / cls.package
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        pip = [cls.program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if cls.with_dependencies:
            subprocess.run([*pip, cls.package, *cls.needs], check=True)
        else:
            subprocess.run([*pip, *cls.needs], check=True)
            subprocess.run([*pip, "--no-deps", cls.package], check=True)

    def run(self, *command: str) -> None:
        """Run a command in the directory; raises subprocess.CalledProcessError."""
        self.place.run(*command, cwd=self.directory)
