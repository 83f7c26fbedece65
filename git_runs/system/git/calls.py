"""git processes: the only module that starts any.

`start` begins a question whose answer is needed later, so that several git processes, and our own imports, run side by
side.
"""

from __future__ import annotations

import os
import subprocess

from ...errors.system import GitFailed, ToolMissing
from .. import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Thread


# git-rev-parse(1) echoes an option that it does not know: that separates paths, which may hold newlines.
SEPARATOR = "--=separator"


class Call:
    """A git process under way. `output` waits for it."""

    def __init__(
        self, *arguments: str, stdin: str | bytes | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self._stdin = _encode(stdin) if isinstance(stdin, str) else stdin
        self._answer: tuple[int, bytes, bytes] | None = None
        self._reader: Thread | None = None
        try:
            self._process = subprocess.Popen(
                ["git", *arguments],
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                umask=processes.child_umask,
            )
        except FileNotFoundError:
            raise ToolMissing("git") from None

    def read_ahead(self) -> Call:
        """Read what it prints, of which there may be much, beside what we do: else it would wait for us."""
        from threading import Thread

        self._reader = Thread(target=self._communicate)
        self._reader.start()
        return self

    def finish(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        code, stdout, stderr = self._finish()
        return code, _decode(stdout), _decode(stderr)

    def _finish(self) -> tuple[int, bytes, bytes]:
        if self._reader:
            self._reader.join()
        return self._answer or self._communicate()

    def _communicate(self) -> tuple[int, bytes, bytes]:
        stdout, stderr = self._process.communicate(self._stdin)
        self._answer = self._process.returncode, stdout, stderr
        return self._answer

    def output(self) -> str:
        """What it printed; raises GitFailed, with git's own words, where git says no."""
        return _decode(self.bytes())

    def bytes(self) -> bytes:
        """The same, undecoded."""
        code, stdout, stderr = self._finish()
        if code:
            raise GitFailed(
                _decode(stderr) or f"fatal: git ended with {f'exit code {code}' if code > 0 else f'signal {-code}'}"
            )
        return stdout

    def succeeds(self) -> bool:
        """Whether git says yes."""
        return self.finish()[0] == 0


def run(*arguments: str, stdin: str | None = None) -> str:
    """What `git <arguments>` prints; raises GitFailed."""
    return Call(*arguments, stdin=stdin).output()


def start(*arguments: str) -> Call:
    """Begin `git <arguments>`; take the answer's `output` when it is needed."""
    return Call(*arguments)


def at(git_dir: str) -> tuple[str, ...]:
    """The options that let git work in the repository with that git dir, and in no work tree."""
    # A submodule's configuration names its work tree, which need not be there.
    return ("--git-dir=" + git_dir, "--work-tree=" + git_dir)


def path(text: str) -> str:
    """A path that git printed, as Python has paths."""
    return os.fsdecode(_encode(text))


def paths(answer: str) -> list[str]:
    """The paths in an answer of git-rev-parse(1) to questions that have SEPARATOR between them."""
    return [path(one[:-1]) for one in answer.split(SEPARATOR + "\n")]


def _decode(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
