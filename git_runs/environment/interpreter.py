"""Which Python a command runs with. Nothing is started but that Python itself."""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
import shutil
from contextlib import suppress
from functools import cached_property, lru_cache

from ..system import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# They bring a Python of their own, or one of another machine.
OPAQUE = ("uv", "poetry", "pipenv", "pdm", "hatch", "conda", "mamba", "docker", "podman", "apptainer", "ssh", "srun")
HASH_SEED = "PYTHONHASHSEED"  # the variable: https://docs.python.org/3/using/cmdline.html
SYSTEM = ("", "/", "/usr", "/usr/local")
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*")
_OPERATORS = re.compile(r"[;&|()\n]+")
_QUERY = (
    "import json, sys; inside = sys.prefix != getattr(sys, 'base_prefix', sys.prefix);"
    " print(json.dumps([sys.version.split()[0], sys.executable, sys.path[1:], sys.prefix if inside else None]))"
)


class Python:
    """What a Python says of itself."""

    def __init__(self, version: str, executable: str, path: list[str], virtualenv: str | None = None) -> None:
        self.version = version
        self.executable = executable  # absolute
        self.path = path  # where it finds modules
        self.virtualenv = virtualenv  # the directory of that which it is in


def is_virtualenv(place: str) -> bool:
    """Whether there is one in that directory."""
    return os.path.isfile(os.path.join(place, "bin", "activate"))


class Command:
    """A shell command, and the Python that it runs with.

    It is the one that the command names, or that of the program which it runs, else the one on PATH.
    """

    def __init__(
        self,
        text: str,
        environment: Mapping[str, str],
        cwd: str,
        virtualenv: str | None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.text = text
        self.environment = environment  # what it is started with
        self.cwd = cwd  # absolute
        self.virtualenv = virtualenv  # activated before it
        self.places = places or {}  # directories that its relative paths will lead to, instead of the keys

    @cached_property
    def steps(self) -> list[list[str]]:
        """The words of its simple commands, without variables that are set before them; none where quotes are open."""
        return _steps_of(self.text, self.environment)

    @property
    def names_python(self) -> bool:
        """Whether a Python is among its words."""
        return any(_PYTHON.fullmatch(os.path.basename(word)) for step in self.steps for word in step)

    def python(self) -> Python | None:
        """What its Python says of itself; None where that is not known."""
        place, variables = self._located
        return ask(place, variables) if place else None

    @property
    def place(self) -> str | None:
        """Where its Python is; None or "" where that is not known."""
        return self._located[0]

    def editable_packages(self) -> Iterator[tuple[str, str]]:
        """Name and directory of the packages that are installed in editable mode in the virtualenv of its Python, which
        is not started: PEP 610."""
        place, variables = self._located
        tops = dict.fromkeys([os.path.dirname(os.path.dirname(place or "")), variables.get("VIRTUAL_ENV", "")])
        for top in tops:
            yield from _editable_packages(top) if top not in SYSTEM else ()

    @cached_property
    def _located(self) -> tuple[str | None, dict[str, str]]:
        """Where its Python is, and the environment that this gets."""
        variables, virtualenv = dict(self.environment), self.virtualenv
        for step in self.steps:
            if step[0] in (".", "source") and len(step) > 1 and step[1].endswith("/bin/activate"):
                virtualenv = self._path(step[1]).removesuffix("/bin/activate")
        if virtualenv:
            variables |= {"PATH": f"{virtualenv}/bin:{variables.get('PATH', '')}", "VIRTUAL_ENV": virtualenv}
        if any(os.path.basename(step[0]) in OPAQUE for step in self.steps):
            return None, variables
        programs = (_program(step, variables, self._path) for step in self.steps)
        place = next((program for program in programs if program is not None), None)
        if place is None:
            place = shutil.which("python3", path=variables.get("PATH"))
        return place or None, variables

    def _path(self, word: str) -> str:
        """The absolute path that a word of it means."""
        place = os.path.normpath(os.path.join(self.cwd, word))
        if not os.path.isabs(word):
            for directory, instead in self.places.items():
                if f"{place}/".startswith(f"{directory}/"):
                    return instead + place.removeprefix(directory)
        return os.path.join(self.cwd, word)


@lru_cache
def _editable_packages(top: str) -> list[tuple[str, str]]:
    """Those of the virtualenv in that directory, which is read once for all commands of a sweep."""
    from urllib.parse import unquote

    from . import packages

    found = []
    for metadata in glob.glob(f"{glob.escape(top)}/lib/python*/site-packages/*.dist-info"):
        direct = packages.direct_url(metadata)
        if isinstance(about := direct.get("dir_info"), dict) and about.get("editable"):
            place = unquote(str(direct.get("url")).removeprefix("file://"))
            found.append((os.path.basename(metadata).split("-")[0], place))
    return found


# --- what the command says


def _steps_of(command: str, variables: Mapping[str, str]) -> list[list[str]]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    steps: list[list[str]] = [[]]
    for word in words:
        if _OPERATORS.fullmatch(word):
            steps.append([])
        elif steps[-1] or not re.match(r"[A-Za-z_]\w*=", word):
            steps[-1].append(_expanded(word, variables))
    return [step for step in steps if step]


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    home = variables.get("HOME", "~")
    word = home + word[1:] if word == "~" or word.startswith("~/") else word
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda match: variables.get(match[1] or match[2], match[0]), word)


def _program(step: list[str], variables: Mapping[str, str], path: Callable[[str], str]) -> str | None:
    """Where the Python of one simple command is: "" if it is not where it should be, None if it is no Python."""
    named = next((word for word in step if _PYTHON.fullmatch(os.path.basename(word))), None)
    if named:
        return _place(named, variables, path) or ""
    place = _place(step[0], variables, path)
    interpreter = _first_line(place).split() if place else []
    if not interpreter or not any(_PYTHON.fullmatch(os.path.basename(word)) for word in interpreter):
        return None
    python = interpreter[-1] if "env" in os.path.basename(interpreter[0]) else interpreter[0]
    return _place(python, variables, path) or ""


def _place(word: str, variables: Mapping[str, str], path: Callable[[str], str]) -> str | None:
    if "/" not in word:
        return shutil.which(word, path=variables.get("PATH"))
    place = path(word)
    return place if os.access(place, os.X_OK) and os.path.isfile(place) else None


def _first_line(place: str) -> str:
    """What follows "#!" in a script."""
    try:
        with open(place, "rb") as file:
            line = file.readline(512)
    except OSError:
        return ""
    return line[2:].decode(errors="replace").strip() if line.startswith(b"#!") else ""


def ask(place: str, variables: Mapping[str, str]) -> Python | None:
    """What the Python at that absolute path says of itself; None where it says nothing."""
    # Not in the command's directory: Python would import modules from there. -B: it leaves no bytecode.
    answer = programs.ask([place, "-B", "-c", _QUERY], variables)
    with suppress(ValueError, TypeError):
        return Python(*json.loads(answer or ""))
    return None


def version(place: str, variables: Mapping[str, str]) -> str | None:
    """The version of the Python at that absolute path, of which no code but its own is run: no .pth file, and nothing
    that variables name. None where it says nothing."""
    code = "import sys; print(sys.version.split()[0])"
    answer = programs.ask([place, "-I", "-S", "-B", "-c", code], variables)
    return answer.strip() if answer else None
