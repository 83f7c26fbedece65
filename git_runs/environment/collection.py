"""What else decides a result: the interpreter and its packages, the machine, the GPUs, and environment variables.

Of most variables only a fingerprint is kept: they hold secrets, and a later check is only to say which of them is
another. It is collected beside the run and never fails one.
"""

from __future__ import annotations

import fnmatch
import os
import shutil

from ..console.escape import from_printable, printable
from ..system import programs
from ..system.git import config
from . import fingerprints, packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from ..records.environments import Environments
    from .fingerprints import Fingerprints
    from .interpreter import Command
    from .restored import Restored

UNKNOWN = "unknown"

# They describe a terminal, a login, a job or the run itself, and so are others each time.
OF_NO_MATTER = (
    *("RUNS_NAME", "RUNS_COMMIT", "RUNS_DIR", "RUNS_TB_DIR", "RUNS_SAVE_PATH", "RUNS_CHECKPOINT_DIR"),
    *("RUNS_ATTEMPT", "PWD", "OLDPWD", "SHLVL", "_"),
    *("PS1", "VIRTUAL_ENV_PROMPT", "CONDA_PROMPT_MODIFIER", "CONDA_SHLVL"),
    *("TMUX*", "STY", "TERM", "TERM_*", "TERMCAP", "TERMINFO", "COLUMNS", "LINES", "LS_COLORS", "WINDOWID", "GPG_TTY"),
    *("SSH_*", "DBUS_*", "XDG_SESSION_*", "XDG_RUNTIME_DIR", "XDG_SEAT", "XDG_VTNR", "INVOCATION_ID", "JOURNAL_STREAM"),
    *("SLURM_JOB_*", "SLURM_JOBID", "SLURM_STEP*", "SLURM_TASK_PID", "SLURM_SUBMIT_*", "PBS_JOBID", "LSB_JOBID"),
    "PYTEST_CURRENT_TEST",
)


class Surroundings:
    """What a command finds where it runs."""

    def __init__(
        self,
        command: Command,
        *,
        top: str,
        decisive: Iterable[str],
        environments: Environments,
        fingerprints: Fingerprints,
        ask: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]] = lambda question: question(),
        restored: Restored | None = None,
    ) -> None:
        self.command = command
        self.top = top  # of the work tree that it runs in, absolute
        self.decisive = decisive  # globs for the variables whose values are kept
        self.environments = environments  # where lists of packages are kept
        self.fingerprints = fingerprints  # those of here
        self._ask = ask  # answers a question where the command is
        self.restored = restored  # a virtualenv that was restored for it

    def collect(self, like: Mapping[str, Any] | None = None, top: str = "") -> dict[str, Any]:
        """All of it, as it is kept; what was recorded before, in `like`, in the same way again: a virtualenv that was
        restored then counts as the recorded one. `top` is that of the work tree from which that run was started."""
        before = like or {}
        environment = self.command.environment
        found = self._ask(self._machine)
        if like and self.restored:
            environment = self.restored.environment_without(environment)
            if self.restored.holds(found.get("executable", "")):
                found["executable"] = like.get("executable")
        if self._is_same_place(found, before, top):
            found["executable"] = before["executable"]
        kept, hashed = _mapping(before.get("variables")), _mapping(before.get("others"))
        chosen = [name for name in environment if name in kept or (matches(name, self.decisive) and name not in hashed)]
        return found | describe_variables(environment, chosen, self.fingerprints.like(before))

    def _machine(self) -> dict[str, Any]:
        """Interpreter, packages, and what else is found where the command runs."""
        environment = self.command.environment
        found = self._python()
        found["platform"] = f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"
        if gpus := _gpus(environment):
            found["gpus"] = gpus
        if checkout := config.checkout_settings(self.top, dict(environment)):
            found["git-config"] = checkout
        return found

    def _python(self) -> dict[str, Any]:
        python = self.command.python()
        if not python:
            return {"python": UNKNOWN}
        found = {"python": python.version, "executable": self._from_top(python.executable)}
        if python.virtualenv:
            found["virtualenv"] = self._from_top(python.virtualenv)
        found["packages"] = self.environments.keep_packages(packages.installed(python.path))
        editable = packages.editable_files(python.path)
        return found | ({"editable": self.environments.keep_editable(editable)} if editable else {})

    def _is_same_place(self, found: Mapping[str, Any], before: Mapping[str, Any], top: str) -> bool:
        """Whether both name the same executable: a run's own work tree has another top than the user's."""
        here, there = found.get("executable"), before.get("executable")
        if not isinstance(here, str) or not isinstance(there, str):
            return False
        return os.path.join(self.top, here) == os.path.join(top, there)

    def _from_top(self, place: str) -> str:
        """A place in the work tree as it is found in another one: it may be linked into each."""
        return os.path.relpath(place, self.top) if place.startswith(f"{self.top}/") else place


def describe_variables(
    environment: Mapping[str, str], decisive: Iterable[str], fingerprints: Fingerprints
) -> dict[str, Any]:
    """The variables as they are recorded: values of those that `decisive` globs match, of the others fingerprints."""
    kept, hashed = {}, {}
    for name, value in sorted(environment.items()):
        if matches(name, decisive):
            kept[printable(name)] = printable(value)
        elif not matches(name, OF_NO_MATTER):
            hashed[printable(name)] = fingerprints.of(name, value)
    return {"variables": kept, **fingerprints.origin(), "others": hashed}


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether any of the globs matches the name of a variable."""
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def value_of(recorded: str) -> str:
    """The value of a variable as it was, bytes that are no text included."""
    return from_printable(recorded)


def _gpus(environment: Mapping[str, str]) -> list[str]:
    """Names and driver, by nvidia-smi(1), if it is there."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if not tool:
        return []
    answer = programs.ask([tool, "--query-gpu=name,driver_version", "--format=csv,noheader"], environment)
    return answer.splitlines() if answer else []


# --- what is another


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any], environments: Environments) -> list[str]:
    """What is another now than recorded, a line each; both as `collect` gives it."""
    return [
        *_of_interpreter(recorded, now),
        *_of_packages(recorded, now, environments),
        *_of_values(recorded, now),
        *_of_fingerprints(recorded, now),
    ]


def _of_interpreter(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in ("python", "executable", "platform", "gpus"):
        if recorded.get(key) != now.get(key):
            yield f"{key}: was {_shown(recorded.get(key))}, is {_shown(now.get(key))}"


def _of_packages(recorded: Mapping[str, Any], now: Mapping[str, Any], environments: Environments) -> Iterator[str]:
    lists = recorded.get("packages"), now.get("packages")
    if lists[0] != lists[1]:
        was, is_now = map(environments.packages, lists)
        if was is None or is_now is None:
            yield "packages: the list is another, and one of both is not in the runs dir"
        else:
            yield from packages.differences(was, is_now)
    before, after = environments.editable(recorded.get("editable")), environments.editable(now.get("editable"))
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield f"package {name}: it is installed in editable mode in another way"


def _of_values(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in ("git-config", "variables"):
        was, is_now = _mapping(recorded.get(key)), _mapping(now.get(key))
        for name in sorted({*was, *is_now}):
            if was.get(name) != is_now.get(name):
                yield f"{name}: was {_shown(was.get(name))}, is {_shown(is_now.get(name))}"


def _of_fingerprints(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Of variables whose values are not known; where not even fingerprints can be compared, of those that are gone or
    new."""
    was, is_now = _mapping(recorded.get("others")), _mapping(now.get("others"))
    if not fingerprints.are_comparable(recorded, now):
        if "key" in recorded and "key" in now and (both := was.keys() & is_now.keys()):
            yield f"{len(both)} variables: unknown, since they were recorded in different clones"
        was, is_now = dict.fromkeys(was), dict.fromkeys(is_now)
    names = (name for name in sorted({*was, *is_now}) if not matches(name, OF_NO_MATTER))  # some were recorded once
    if others := [name for name in names if was.get(name, "") != is_now.get(name, "")]:
        yield "variables that differ: " + ", ".join(others)


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _shown(value: object) -> str:
    return "not set" if value is None else "; ".join(map(str, value)) if isinstance(value, list) else f"'{value}'"
