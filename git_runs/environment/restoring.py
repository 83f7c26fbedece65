"""A virtualenv with the Python and the packages that a run had, made anew, and kept for all runs that had the same.

    <cache>/git-runs/environments/<id>/                  the virtualenv; the cache is $XDG_CACHE_HOME or ~/.cache
    <cache>/git-runs/environments/<id>/git-runs-complete what is in it, once all of it is there, as `_content` gives it
    <cache>/git-runs/environments/<id>-2/                instead of the first, where that is another by now; and so on
    <cache>/git-runs/environments/<id>.lock              held while one of them is made

A run may change the one that it runs in, and the Python below it may be upgraded: each is compared before it is used.
One that is another by now stays as it is, since a run may be using it.

Packages come from where uv(1) or pip(1) finds them by the user's own settings.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import sys

from ..console.messages import counted
from ..errors.records import NoEnvironment
from ..errors.reproducing import NotRestored
from ..system import programs
from ..system.files import entries, is_below, locked, remove_all, write_whole
from . import interpreter, packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ..records.record import Record

DIGITS = 16  # of an id, in hexadecimal
COMPLETE = "git-runs-complete"
PIP = ("-I", "-m", "pip", "--disable-pip-version-check", "--no-input")
BROKEN = "after connection broken by"  # what pip prints when it tries to reach an index again
ATTEMPTS = 5  # to install what is left, where something cannot be had
# Variables that would have Python find other packages, or pip install elsewhere.
BENDING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
LONGEST = 500  # characters of a reason
UNKNOWN = "unknown"  # what a record says of a Python of which nothing is known

# Names and versions as `packages` gives them, and nothing that pip could take for an option.
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s@;]+)"
    r"(?: @ (?P<origin>[a-z][a-z0-9+.-]*://\S+)(?P<editable> \(editable\))?)?"
)
# In site-packages, or a script: what RECORD names.
_SAFE = re.compile(r"(?!/|.*(?:^|/)\.\.(?:/|$)).+|(?:\.\./){3}bin/[^/]+")
_METADATA = re.compile(r"[^/]+\.dist-info/[^/]+")  # which no Python imports
_COMMIT = re.compile(r"(.+)@([0-9a-f]{7,64})")


def restore(
    recorded: Record,
    lines: list[str],
    *,
    top: str,
    there: str | None = None,
    environment: Mapping[str, str],
    say: Callable[[str], object],
) -> str:
    """The directory of a virtualenv with the Python of a recorded environment and the packages of its list, which is
    made where it is not there yet; `say` is given a line before that.

    A recorded Python in the work tree is searched for below `top`. `there`: a directory that will be there for whoever
    uses the virtualenv, with the sources of packages in editable mode. Raises NotRestored with all that cannot be had;
    then nothing is left of it.
    """
    wanted = Wanted(recorded, lines, environment, there)
    if found := wanted.find():
        return found
    os.makedirs(os.path.dirname(wanted.path), exist_ok=True)
    # What we start holds the lock as well, so that nobody else begins while it goes on without us.
    with locked(f"{wanted.path}.lock", lambda: say("Waiting for another process that restores the same")) as lock:
        if found := wanted.find():
            return found
        path = wanted.free_place()
        say(f"Restoring {counted(len(lines), 'package')} for Python {wanted.python} in {_shown(path)}")
        _Workshop(wanted, path, executable_of(recorded, top), environment, lock).make()
        return path


def executable_of(recorded: Record, top: str) -> str:
    """The recorded Python, absolute, which is asked for its version."""
    return os.path.join(top, recorded.text("executable"))


def code_in(recorded: Record, lines: list[str]) -> dict[str, str]:
    """The texts that a restored virtualenv will have as the record has them, and not from where packages come from, and
    that may be run: by name of the package and path."""
    files = _editable_files(recorded.get("editable"), lines)
    return {
        f"{name}: {path}": text
        for name, texts in files.items()
        for path, text in texts.items()
        if not _METADATA.fullmatch(path)
    }


class Wanted:
    """The virtualenv that a recorded environment asks for: where it is, and what is in it."""

    def __init__(
        self, recorded: Record, lines: list[str], environment: Mapping[str, str], there: str | None = None
    ) -> None:
        """Raises NoEnvironment where the record does not say what that is."""
        self._environment = environment
        self.python = recorded.text("python")  # its version
        self.packages = [packages.parted(line)[0] for line in lines]
        self.there = there  # a directory that will be there
        self.editable = _editable_files(recorded.get("editable"), lines)
        if self.python in ("", UNKNOWN):
            raise NoEnvironment("which Python the run used, and with which packages, is not known")
        editable = [repr(sorted(self.editable.items()))] if self.editable else []
        text = "\n".join([self.python, os.uname().sysname, os.uname().machine, *self.packages, *editable])
        # Of the first one; others have a number after it.
        self.path = os.path.join(_cache(environment), "git-runs", "environments", _hash(text))

    def find(self) -> str | None:
        """Where it is, with all that was in it when it was made, and nothing else; None: nowhere."""
        path = self._place(self._latest())
        try:
            with open(os.path.join(path, COMPLETE), encoding="utf-8") as file:
                return path if file.read() == _content(path, self._environment) else None
        except OSError:
            return None

    def free_place(self) -> str:
        """Where to make it: where nobody uses one that was complete once."""
        latest = self._latest()
        was_complete = os.path.exists(os.path.join(self._place(latest), COMPLETE))
        return self._place(latest + 1 if was_complete else latest)

    def _latest(self) -> int:
        """The highest number of those that were made, or begun; 1 where there is none."""
        pattern = re.compile(rf"{os.path.basename(self.path)}-([0-9]+)")
        names = (pattern.fullmatch(entry.name) for entry in entries(os.path.dirname(self.path)))
        return max([1, *(int(match[1]) for match in names if match)])

    def _place(self, number: int) -> str:
        return self.path if number == 1 else f"{self.path}-{number}"


def _content(virtualenv: str, environment: Mapping[str, str]) -> str:
    """What decides what a run finds in it, without starting anything of it but its Python: version, packages with their
    digests, what else is beside them, and a hash of what makes packages in editable mode be found."""
    site = site_of(virtualenv)
    beside = sorted(entry.name for entry in entries(site) if entry.name != "__pycache__")
    editable = repr(sorted(packages.editable_files([site]).items()))
    version = interpreter.version(f"{virtualenv}/bin/python", environment)
    return "\n".join([f"Python {version}", *packages.installed([site]), *beside, _hash(editable), ""])


def site_of(virtualenv: str) -> str:
    """Where it has its packages."""
    return next(iter(glob.glob(f"{glob.escape(virtualenv)}/lib/*/site-packages")), os.path.join(virtualenv, "lib"))


def _editable_files(recorded: object, lines: list[str]) -> dict[str, dict[str, str]]:
    """What `packages.editable_files` gave, of packages that the list has in editable mode; without what leads out of
    the virtualenv."""
    found = recorded if isinstance(recorded, dict) else {}
    names = {_name(line) for line, _ in map(packages.parted, lines) if line.endswith(packages.EDITABLE)}
    return {
        str(name): {path: text for path, text in files.items() if isinstance(text, str) and _SAFE.fullmatch(str(path))}
        for name, files in found.items()
        if name in names and isinstance(files, dict)
    }


def _cache(environment: Mapping[str, str]) -> str:
    """The user's cache: XDG Base Directory Specification."""
    chosen = environment.get("XDG_CACHE_HOME", "")
    return chosen if os.path.isabs(chosen) else os.path.expanduser("~/.cache")


def _shown(path: str) -> str:
    home = os.path.expanduser("~")
    return "~" + path.removeprefix(home) if path.startswith(f"{home}/") else path


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:DIGITS]


# --- to make it


class _Workshop:
    """Makes one virtualenv, while its lock is held."""

    def __init__(self, wanted: Wanted, path: str, known: str, environment: Mapping[str, str], lock: int) -> None:
        self.wanted = wanted
        self.path = path
        self.known = known  # a Python that may be of that version: the one that the run had
        self.environment = {key: value for key, value in environment.items() if key not in BENDING}
        self.lock = lock
        self.uv = shutil.which("uv", path=environment.get("PATH"))

    def make(self) -> None:
        """By uv where it is there; where that cannot, by pip, which may know of other indexes. Raises NotRestored."""
        requirements = self._requirements()
        base = self._find_python()
        failures = []
        for way in [self._by_uv, self._by_pip] if self.uv else [self._by_pip]:
            remove_all(self.path)
            try:
                way(base, requirements)
                self._write_editable()
                self._check()
            except NotRestored as failure:
                failures.append(failure)
                remove_all(self.path)
            else:
                write_whole(os.path.join(self.path, COMPLETE), _content(self.path, self.environment))
                return
        raise min(failures, key=lambda failure: len(failure.reasons))

    def _requirements(self) -> dict[str, list[str]]:
        """The arguments by which uv and pip install each package, by its line."""
        found, reasons = {}, {}
        for line in self.wanted.packages:
            try:
                if not self.wanted.editable.get(_name(line)):
                    found[line] = arguments(line)
                elif not self._will_be_there(place := _path(line.partition(" @ ")[2].removesuffix(packages.EDITABLE))):
                    raise ValueError(f"'{place}' is not there")
            except ValueError as error:
                reasons[line] = str(error)
        if reasons:
            raise NotRestored(reasons)
        return found

    def _will_be_there(self, place: str | None) -> bool:
        """Whether the run will find the sources of a package in editable mode."""
        if place is None:
            return False
        return os.path.exists(place) or (self.wanted.there is not None and is_below(place, self.wanted.there))

    def _find_python(self) -> str | None:
        """A Python of exactly the version; None where there is none here."""
        version = self.wanted.python
        home = self.environment.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
        names = (f"python{'.'.join(version.split('.')[:2])}", "python3", "python")
        directories = self.environment.get("PATH", "").split(":")
        on_path = [os.path.join(directory, name) for name in names for directory in directories if directory]
        candidates = [self.known, *on_path, f"{home}/versions/{version}/bin/python", sys.executable]
        for place in dict.fromkeys(candidates):
            if os.access(place, os.X_OK) and interpreter.version(place, self.environment) == version:
                return place
        return None

    def _by_uv(self, base: str | None, requirements: dict[str, list[str]]) -> None:
        """Without a Python of that version it gets one, as the user's settings allow."""
        assert self.uv
        version = self.wanted.python
        making = [self.uv, "venv", "--quiet", "--no-project", "--python", base or version, self.path]
        self._run(making, f"Python {version}")
        installing = [self.uv, "pip", "install", "--quiet", "--python", f"{self.path}/bin/python", "--no-deps"]
        # Else its files are those of uv's cache, and of all virtualenvs, and a run may change them.
        self._install([*installing, "--link-mode=copy"], requirements)

    def _by_pip(self, base: str | None, requirements: dict[str, list[str]]) -> None:
        if base is None:
            raise NotRestored({f"Python {self.wanted.python}": "it is not on PATH; uv(1) would get it"})
        names = {_name(line) for line in requirements}
        ways = [self._with_pip, self._without_pip] if "pip" in names else [self._without_pip, self._with_pip]
        pip = next(filter(None, (way(base) for way in ways)), None)
        if pip is None:
            raise NotRestored({"pip": f"neither has {base} the module ensurepip, nor is there a pip of version 22.3"})
        there = self._found()
        missing = {line: words for line, words in requirements.items() if line not in there}
        self._install([*pip, "install", "--no-user", "--no-deps"], missing)
        if surplus := [name for name in map(_name, there) if name not in names]:
            self._run([*pip, "uninstall", "--yes", *surplus], "a virtualenv without pip")

    def _with_pip(self, base: str) -> list[str] | None:
        """Make it with the pip that comes with Python, and give the command of that; None where it does not."""
        remove_all(self.path)
        code, *_ = self._call([base, "-I", "-m", "venv", self.path])
        return None if code else [f"{self.path}/bin/python", *PIP]

    def _without_pip(self, base: str) -> list[str] | None:
        """Make it empty, and give the command of a pip that installs into it; None where there is none that can."""
        remove_all(self.path)
        making = [base, "-I", "-m", "venv", "--without-pip", self.path]
        self._run(making, f"a virtualenv of Python {self.wanted.python}")
        commands = [[python, *PIP, "--python", f"{self.path}/bin/python"] for python in (base, sys.executable)]
        return next((command for command in commands if self._call([*command, "--version"])[0] == 0), None)

    def _install(self, installing: list[str], requirements: dict[str, list[str]]) -> None:
        """Raises NotRestored with the packages that cannot be had: what is named last in the output of a program that
        fails is left out, and the rest tried again, ATTEMPTS times in all. Where nothing is named, or nobody answers,
        it is all of them."""
        reasons: dict[str, str] = {}
        left = dict(requirements)
        while left and len(reasons) < ATTEMPTS:
            code, output, reason = self._call([*installing, *_in_order(left.values())])
            if code == 0:
                left = {}
                break
            named = {line: _last_mention(arguments[-1], output) for line, arguments in left.items()}
            line = max(named, key=lambda one: named[one])
            if named[line] < 0 or BROKEN in output:
                reasons |= dict.fromkeys(left, reason)
                left = {}
            else:
                reasons[line] = reason
                del left[line]
        if reasons:
            raise NotRestored(reasons, untried=left)

    def _check(self) -> None:
        """Raises NotRestored where something came out as another version than it was to be."""
        there = {_name(line): line for line in self._found()}
        wanted = {_name(line): line for line in self.wanted.packages}
        reasons = {
            line: f"it came out as {there[name]}" if name in there else "it was not installed"
            for name, line in wanted.items()
            if name not in there or _version(there[name]) != _version(line)
        }
        reasons |= {line: "it was not asked for" for name, line in there.items() if name not in wanted}
        if reasons:
            raise NotRestored(reasons)

    def _found(self) -> list[str]:
        """The packages that are in it; raises NotRestored where its Python is none of the right version."""
        version = interpreter.version(f"{self.path}/bin/python", self.environment)
        if version != self.wanted.python:
            reason = f"it came out as {version}" if version else "it cannot be run"
            raise NotRestored({f"Python {self.wanted.python}": reason})
        return [packages.parted(line)[0] for line in packages.installed([site_of(self.path)])]

    def _write_editable(self) -> None:
        """Put in place what makes packages in editable mode be found, as it was: to install them again would need
        their sources, and what builds them."""
        for files in self.wanted.editable.values():
            for path, text in files.items():
                place = os.path.normpath(os.path.join(site_of(self.path), path))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                is_script = path.startswith("../")
                text = re.sub(r"\A#!python$", f"#!{self.path}/bin/python", text, flags=re.MULTILINE)
                write_whole(place, text, 0o755 if is_script else None)

    def _run(self, command: list[str], what: str) -> None:
        """Raises NotRestored, with what could not be had then."""
        code, _, reason = self._call(command)
        if code:
            raise NotRestored({what: reason})

    def _call(self, command: list[str]) -> tuple[int, str, str]:
        """Exit code, output, and in one line why the program failed."""
        code, *streams = programs.run(command, self.environment, holding=[self.lock])
        stdout, stderr = (stream.decode(errors="replace") for stream in streams)
        lines = (stderr.strip() or stdout).splitlines()
        telling = [line for line in lines if not line.startswith("WARNING:") or BROKEN in line]
        return code, stdout + stderr, " ".join(" ".join(telling).split())[:LONGEST]


def _in_order(requirements: Collection[list[str]]) -> list[str]:
    """The arguments of all packages: those with an option first, so that no other can be taken for one."""
    options = [word for words in requirements if len(words) > 1 for word in words]
    return [*options, "--", *(words[0] for words in requirements if len(words) == 1)]


def arguments(line: str) -> list[str]:
    """How uv and pip are to install a package; the last word is what they name it by. Raises ValueError with a reason
    why they cannot."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("it is no name and version of a package")
    origin = match["origin"]
    if origin is None:
        return [f"{match['name']}=={match['version']}"]
    place = _path(origin)
    if place is not None and not os.path.exists(place):
        raise ValueError(f"'{place}' is not there")
    if match["editable"]:
        if place is None:
            raise ValueError("where its files are is not known")
        return ["--editable", place]
    commit = _COMMIT.fullmatch(origin)
    return [f"git+{origin}" if commit else origin]


def _path(url: str) -> str | None:
    """Where a URL leads in the file system; None where it leads elsewhere."""
    from urllib.parse import unquote

    place = unquote(url.partition("#")[0].removeprefix("file://"))
    if not url.startswith("file:///"):
        return None
    match = _COMMIT.fullmatch(place)
    return match[1] if match and not os.path.exists(place) else place


def _last_mention(argument: str, output: str) -> int:
    """Where a program has named the package of that argument for the last time; -1: nowhere."""
    found = -1
    for name in filter(None, (argument, _path(argument.removeprefix("git+")))):
        for match in re.finditer(rf"(?<![\w.-]){re.escape(name)}(?![\w.])", output):
            found = max(found, match.end())
    return found


def _name(line: str) -> str:
    return line.partition("==")[0]


def _version(line: str) -> str:
    return line.partition(" @ ")[0]
