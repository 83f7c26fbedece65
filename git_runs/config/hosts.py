"""Other hosts, as settings describe them; git config alone is read, since what it names is run there.

runs.host.<name>.path       where the repository is there, bare or not; from the home directory if it is relative
runs.host.<name>.setup      a line for the shell that is run first there: `. ~/venv/bin/activate`
runs.host.<name>.address    what ssh is called with, if that is not the name
"""

from __future__ import annotations

import re
import shlex

from ..errors.config import NoHost
from ..system.git import config

# What a script ends with where it did not come as far as the command that it is to run; the shell has other codes.
NO_DIRECTORY, NO_SETUP, NO_PROGRAM = 121, 122, 123
_HAS_PROGRAM = 'command -v git-runs >/dev/null || [ -x "$(git --exec-path)/git-runs" ]'


class Host:
    """A host with the repository, where runs can be started."""

    def __init__(self, name: str, address: str, path: str, setup: str | None) -> None:
        self.name = name
        self.address = address
        self.path = path
        self.setup = setup

    def script(self, command: str) -> str:
        """A line for a shell there that runs the command, a line of the shell itself, in the repository."""
        steps = [f"cd -- {quoted_path(self.path)} || exit {NO_DIRECTORY}"]
        if self.setup:
            steps.append(f"eval {shlex.quote(self.setup)} || exit {NO_SETUP}")
        return "; ".join([*steps, f"{{ {_HAS_PROGRAM}; }} || exit {NO_PROGRAM}", f"exec {command}"])

    def line(self, command: str) -> str:
        """The same for people, who see what fails."""
        return " && ".join([f"cd {quoted_path(self.path)}", *([self.setup] if self.setup else []), command])

    def setting(self, key: str) -> str:
        """The name of one of its settings."""
        return setting(self.name, key)


def find(name: str) -> Host:
    """The host of that name; raises NoHost where settings do not say where the repository is there."""
    path = config.value(setting(name, "path"))
    if not path:
        raise NoHost(name, setting(name, "path"))
    return Host(name, config.value(setting(name, "address")) or name, path, config.value(setting(name, "setup")))


def setting(name: str, key: str) -> str:
    """The name of a setting of the host of that name."""
    return f"runs.host.{name}.{key}"


def quoted_path(path: str) -> str:
    """A path as a shell has to read it: a "~" or "~user" at its beginning is a home directory."""
    home, slash, rest = path.partition("/")
    if not re.fullmatch(r"~[\w.-]*", home):
        return shlex.quote(path)
    return home + slash + (shlex.quote(rest) if rest else "")
