"""What else decides a result: the interpreter and its packages, the machine, the GPUs, and environment variables.

Of most variables only a hash is kept, salted per run: they hold secrets, and a later check is only to say which of
them is another. It is collected beside the run and never fails one.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from itertools import islice

from .files import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

MOST_FILES = 100_000  # that are looked at in a linked directory
PATIENCE = 20.0  # seconds that another program may take to answer

# They tell of a terminal, a session or the run itself, and so are others each time.
OF_NO_MATTER = (
    *("RUNS_NAME", "RUNS_COMMIT", "RUNS_DIR", "RUNS_TB_DIR", "RUNS_SAVE_PATH", "PWD", "OLDPWD", "SHLVL", "_", "TMUX"),
    *("TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLUMNS", "LINES", "LS_COLORS", "WINDOWID", "STY"),
    *("SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_TTY", "GPG_AGENT_INFO"),
    *("DBUS_SESSION_BUS_ADDRESS", "XDG_SESSION_ID", "XDG_RUNTIME_DIR", "INVOCATION_ID", "JOURNAL_STREAM"),
    "PYTEST_CURRENT_TEST",
)

_QUERY = "import json, sys; print(json.dumps([sys.version.split()[0], sys.executable, sys.path[1:]]))"


def collect(
    environment: Mapping[str, str],
    *,
    command: str,
    cwd: str,
    virtualenv: str | None,
    decisive: Iterable[str],
    salt: str,
    root: str,
) -> dict[str, Any]:
    """What a command that runs in `cwd` with that environment finds, as the record has it.

    The list of packages is put into the runs dir `root`. `decisive` are globs for the variables whose values are kept.
    """
    found: dict[str, Any] = {}
    if python := _python(environment, command, cwd, virtualenv):
        version, executable, path = python
        found |= {"python": version, "executable": executable, "packages": _keep(_packages(path), root)}
    found["platform"] = f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"
    if gpus := _gpus(environment):
        found["gpus"] = gpus
    return found | describe_variables(environment, decisive, salt)


def describe_variables(environment: Mapping[str, str], decisive: Iterable[str], salt: str) -> dict[str, dict[str, str]]:
    """The variables as the record has them: values of those that `decisive` globs match, of the others hashes."""
    kept, hashed = {}, {}
    for name, value in sorted(environment.items()):
        if matches(name, decisive):
            kept[_printable(name)] = _printable(value)
        elif not matches(name, OF_NO_MATTER):
            hashed[_printable(name)] = _hash(f"{salt}\0{name}\0{value}", 8)
    return {"variables": kept, "others": hashed}


def variables(recorded: Mapping[str, Any]) -> list[str]:
    """The names of the variables whose values were recorded."""
    return list(_mapping(recorded.get("variables")))


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether any of the globs matches the name of a variable."""
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:digits]


# --- Python


def _python(
    environment: Mapping[str, str], command: str, cwd: str, virtualenv: str | None
) -> tuple[str, str, list[str]] | None:
    """Version, executable and module path of the Python that the command finds, if there is one."""
    words = dict(environment)
    if virtualenv:
        words["PATH"] = os.path.join(virtualenv, "bin") + ":" + words.get("PATH", "")
        words["VIRTUAL_ENV"] = virtualenv
    named = re.search(r"(?:^|[\s;&|])(\S*python[0-9.]*)(?=\s|$)", command)
    for candidate in ([named[1]] if named else []) + ["python3", "python"]:
        place = os.path.join(cwd, candidate) if "/" in candidate else shutil.which(candidate, path=words.get("PATH"))
        # Not in `cwd`: Python would import modules from there, and leave bytecode.
        answer = _ask([place, "-B", "-c", _QUERY], words, "/") if place else None
        with suppress(ValueError, TypeError):
            version, executable, path = json.loads(answer or "")
            return version, executable, path
    return None


def _packages(path: Iterable[str]) -> list[str]:
    """The installed packages, `name==version`, sorted: read from their metadata (PEP 376), the first on the path."""
    found: dict[str, str] = {}
    for directory in path:
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                if match := re.fullmatch(r"(.+?)-([^-]+?)(-py[0-9.]+)?\.(?:dist|egg)-info", entry.name):
                    name = re.sub(r"[-_.]+", "-", match[1]).lower()
                    found.setdefault(name, f"{name}=={match[2]}{_origin(entry.path)}")
    return sorted(found.values())


def _keep(packages: list[str], root: str) -> str:
    """Write the list into the runs dir, once for all runs that have the same; gives its hash."""
    identifier = _hash("\n".join(packages), 16)
    path = _packages_path(root, identifier)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, "".join(line + "\n" for line in packages))
    return identifier


def _packages_path(root: str, identifier: str) -> str:
    return os.path.join(root, "environments", os.path.basename(identifier) + ".txt")


def _origin(metadata: str) -> str:
    """Where a package came from if that was no index: PEP 610."""
    with (
        suppress(OSError, ValueError, KeyError, AttributeError),
        open(os.path.join(metadata, "direct_url.json")) as file,
    ):
        direct = json.load(file)
        if "vcs_info" in direct:
            return f" @ {direct['url']}@{direct['vcs_info']['commit_id']}"
        return f" @ {direct['url']}" + (" (editable)" if direct.get("dir_info", {}).get("editable") else "")
    return ""


def _gpus(environment: Mapping[str, str]) -> list[str]:
    """Names and driver, by nvidia-smi(1), if it is there."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if not tool:
        return []
    answer = _ask([tool, "--query-gpu=name,driver_version", "--format=csv,noheader"], environment, "/")
    return answer.splitlines() if answer else []


def _ask(command: list[str], environment: Mapping[str, str], cwd: str) -> str | None:
    try:
        answer = subprocess.run(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace") if answer.returncode == 0 else None


# --- linked paths


def describe_link(target: str) -> dict[str, Any]:
    """Size in bytes and latest change, in nanoseconds, of what a link leads to; of a directory, of all in it."""
    found: dict[str, Any] = {"target": target}
    with suppress(OSError):
        status = os.stat(target)
        size, modified = (0 if os.path.isdir(target) else status.st_size), status.st_mtime_ns
        for one in islice(_statuses(target), MOST_FILES):
            size, modified = size + one.st_size, max(modified, one.st_mtime_ns)
        found |= {"size": size, "modified": modified}
    return found


def _statuses(top: str) -> Iterator[os.stat_result]:
    for directory, directories, files in os.walk(top):
        directories.sort()
        for name in sorted([*files, *directories]):
            with suppress(OSError):
                yield os.lstat(os.path.join(directory, name))


# --- what is another


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any], root: str) -> list[str]:
    """What is another now than recorded, a line each; both as `collect` gives it, with the same salt."""
    found = []
    for key in ("python", "executable", "platform", "gpus"):
        if key in recorded and recorded[key] != now.get(key):
            found.append(f"{key}: was {_shown(recorded[key])}, is {_shown(now.get(key))}")
    if "packages" in recorded and recorded["packages"] != now.get("packages"):
        found += _different_packages(root, str(recorded["packages"]), str(now.get("packages")))
    was, is_now = _mapping(recorded.get("variables")), _mapping(now.get("variables"))
    for name in sorted({*was, *is_now}):
        if was.get(name) != is_now.get(name):
            found.append(f"{name}: was {_shown(was.get(name))}, is {_shown(is_now.get(name))}")
    was, is_now = _mapping(recorded.get("others")), _mapping(now.get("others"))
    if others := [name for name in sorted({*was, *is_now}) if was.get(name) != is_now.get(name)]:
        found.append("variables that are others: " + ", ".join(others))
    return found


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _shown(value: object) -> str:
    return "not set" if value is None else "; ".join(map(str, value)) if isinstance(value, list) else f"'{value}'"


def _different_packages(root: str, recorded: str, now: str) -> list[str]:
    lists = []
    for identifier in (recorded, now):
        try:
            with open(_packages_path(root, identifier), encoding="utf-8") as file:
                lists.append(set(file.read().splitlines()))
        except OSError:
            return ["packages: the list is another, and one of both is not in the runs dir"]
    was, is_now = lists
    lines = [(line, "-") for line in was - is_now] + [(line, "+") for line in is_now - was]
    return [f"packages: {sign}{line}" for line, sign in sorted(lines)]
