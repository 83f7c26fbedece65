"""What a supervisor is started with: a private file that it reads and removes.

The file holds the whole environment of whoever started the run, secrets among it, so only its owner may read it. The
command line of a process is public, and its length limited: it carries no more than the path of the file.
"""

from __future__ import annotations

import json
import os
import sys

from ..system.files import is_below, write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# -I: neither the environment that it is started in nor a json.py in the current directory bends the interpreter.
# Modules come from where ours came from.
_START = (
    "import json, sys; sys.path[:] = json.load(open(sys.argv[1]))['path'];"
    " import git_runs.running.supervise as s; s.main()"
)


BEGUN = ".begun"  # ends the name of a spec of a run that has begun, and may have to begin anew


class Spec:
    """One launch."""

    def __init__(
        self,
        *,
        root: str,
        name: str,
        identifier: str,
        command: str,
        shell: str,
        launcher: str,
        keep_session: str,
        cwd: str,
        top: str,
        environment: dict[str, str],
        isolation: dict[str, Any] | None,
        stand_in: dict[str, Any] | None,
        seen: list[list[Any]],
        virtualenv: str | None,
        decisive: list[str],
        common_dir: str,
        hides_hash_seed: bool,
        umask: int,
        shared: int | None,
        keeps_history: bool,
        metrics: dict[str, Any],
        original: dict[str, str] | None,
        restored: dict[str, Any] | None,
        retry: int,
        on_finish: str | None = None,  # as in specs of before
    ) -> None:
        self.root = root  # the runs dir, absolute
        self.name = name  # the run's name when it was launched
        self.identifier = identifier  # the record's `id`
        self.command = command  # what the shell gets
        self.shell = shell  # a program, and options for it
        self.launcher = launcher  # the name of that which starts the supervisor
        self.keep_session = keep_session  # the setting
        self.cwd = cwd  # absolute, as the command sees it
        self.top = top  # of the work tree that it runs in, absolute, as the command sees it
        self.environment = environment  # all of it
        self.isolation = isolation  # the arguments of an Isolation
        self.stand_in = stand_in  # the arguments of a StandIn
        self.seen = seen  # paths, with device and inode of what whoever started the run has seen there
        self.virtualenv = virtualenv  # what the command is run in
        self.decisive = decisive  # globs for the variables whose values are recorded
        self.common_dir = common_dir  # the git dir that all work trees share
        self.hides_hash_seed = hides_hash_seed  # whether we chose it: then it is no part of the user's environment
        self.umask = umask  # of whoever starts it
        self.shared = shared  # the setting
        self.keeps_history = keeps_history  # whether records are kept in git
        self.metrics = metrics  # the settings of these: `files`, `patterns` and `headline`
        self.original = original  # name and id of the run that this one is to reproduce
        self.restored = restored  # the arguments of a Restored
        self.retry = retry  # how often the command is started again where it fails
        self.on_finish = on_finish  # the setting

    def write(self, path: str | None = None, *, lasts: bool = False) -> str:
        """Write the file for the supervisor, by default where `path_of` has it; its path. On failure a part of it may
        be left there. `lasts`: it is on disk before this returns, for a run that waits for its turn."""
        path = path or path_of(self.root, self.identifier)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        path_of_modules = [os.path.abspath(place) for place in sys.path]
        write_private(path, json.dumps(_as_utf8({**vars(self), "path": path_of_modules})), lasts=lasts)
        return path

    @classmethod
    def read(cls, path: str) -> Spec:
        """What the file says. Raises OSError, and ValueError where it is none."""
        with open(path, encoding="ascii") as file:
            content: dict[str, Any] = json.load(file)
        del content["path"]
        return cls(**content)

    @classmethod
    def take(cls, path: str) -> Spec:
        """Read the file and remove it: of any number that try, one does, and the others get FileNotFoundError."""
        spec = cls.read(path)
        os.unlink(path)
        return spec

    @classmethod
    def borrow(cls, path: str) -> tuple[Spec, str]:
        """Read the file, which stays for who may come again, under the name that says that the run has begun; gives
        that, too."""
        spec, begun = cls.read(path), path.removesuffix(BEGUN) + BEGUN
        os.rename(path, begun)
        return spec, begun

    def follow(self, name: str, worktree: str) -> None:
        """The run was given that name before it began, and its own work tree is to be at that path."""
        assert self.isolation
        former = self.isolation["path"]

        def moved(path: str) -> str:
            return worktree + path[len(former) :] if is_below(path, former) else path

        self.name = name
        self.cwd, self.top = moved(self.cwd), moved(self.top)
        self.environment |= {"RUNS_NAME": name, "PWD": moved(self.environment["PWD"])}
        self.isolation["path"] = worktree
        if self.stand_in:
            self.stand_in |= {"name": name, "tree": worktree}


def path_of(root: str, identifier: str) -> str:
    """Where the spec of the run with that `id` is until its supervisor has taken it."""
    return os.path.join(root, "specs", os.path.basename(identifier) + ".json")


def supervisor(path: str, gpus: str = "") -> list[str]:
    """The command line of a supervisor that takes the spec at `path`, for a command that is to see those GPUs alone, if
    any are given."""
    return [sys.executable, "-I", "-X", "utf8", "-c", _START, path, *([gpus] if gpus else [])]


def _as_utf8(value: Any) -> Any:
    """The same bytes as text decoded from UTF-8, what is not UTF-8 in surrogates: the supervisor's encoding."""
    if isinstance(value, dict):
        return {_as_utf8(key): _as_utf8(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_utf8(item) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    return os.fsencode(value).decode("utf-8", "surrogateescape")
