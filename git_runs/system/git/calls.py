"""git processes: the only module that starts any.

`start` begins a question whose answer is needed later, so that several git processes, and our own imports, run side by
side.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import contextmanager

from ...console import progress
from ...errors.system import GitFailed, ToolMissing
from .. import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Thread
    from typing import BinaryIO


# git-rev-parse(1) echoes an option that it does not know: that separates paths, which may hold newlines.
SEPARATOR = "--=separator"
PIPE = 4096  # bytes that any pipe takes before somebody reads: pipe(7)


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
                umask=programs.child_umask,
            )
        except FileNotFoundError:
            raise ToolMissing("git") from None

    def read_ahead(self) -> Call:
        """Read what it prints, of which there may be much, beside what we do: else it would wait for us."""
        from threading import Thread

        self._reader = Thread(target=self._communicate)
        self._reader.start()
        return self

    def at_most(self, size: int) -> bytes:
        """What it printed, of what somebody else may have made endless; raises GitFailed, also where there is more."""
        with self._process as process:
            assert process.stdout
            assert process.stderr
            found = process.stdout.read(size + 1)
            if len(found) > size:
                process.kill()
                raise GitFailed(f"fatal: git prints more than {size} bytes")
            self._answer = process.wait(), found, process.stderr.read()
        return self.bytes()

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


class ShownCall(Call):
    """One whose progress is shown on the terminal, if there is one, once it has taken a second. What else it says on
    standard error is only in the answer."""

    def _communicate(self) -> tuple[int, bytes, bytes]:
        from threading import Thread

        process = self._process
        assert process.stdout
        assert process.stderr
        printed: list[bytes] = []
        reader = Thread(target=lambda out=process.stdout: printed.append(out.read()))
        reader.start()
        said = b""
        due = time.monotonic() + progress.DELAY
        while piece := os.read(process.stderr.fileno(), 1 << 16):
            said += piece
            if time.monotonic() >= due:
                progress.pass_on(b"".join(_PROGRESS.findall(piece)))
        reader.join()
        self._answer = process.wait(), printed[0], _PROGRESS.sub(b"", said)
        return self._answer


# "Writing objects:  45% (9/20), 1.2 MiB | 600 KiB/s\r", of ours or of the remote's
_PROGRESS = re.compile(rb"(?:remote: )?[A-Z][\w ]+: +[0-9]+(?:%|,| )[^\r\n]*[\r\n]")


@contextmanager
def reading(*arguments: str, stdin: str) -> Iterator[BinaryIO]:
    """What `git <arguments>` prints, for the `with` block, as it is read: of what may be too much for our memory."""
    with _readable(_encode(stdin)) as given:
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                umask=programs.child_umask,
            )
        except FileNotFoundError:
            raise ToolMissing("git") from None
        with process:
            assert process.stdout
            yield process.stdout  # type: ignore[misc]


@contextmanager
def _readable(content: bytes) -> Iterator[int]:
    """A file descriptor from which that can be read, by whoever does so at any time."""
    if len(content) <= PIPE:
        source, target = os.pipe()
        os.write(target, content)
        os.close(target)
        try:
            yield source
        finally:
            os.close(source)
    else:
        import tempfile  # which takes longer than the git command

        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            yield file.fileno()


def run(*arguments: str, stdin: str | None = None) -> str:
    """What `git <arguments>` prints; raises GitFailed."""
    return Call(*arguments, stdin=stdin).output()


def show(*arguments: str, environment: dict[str, str]) -> int:
    """Let `git <arguments>` use our terminal, in that environment; its exit code."""
    try:
        return subprocess.run(["git", *arguments], env=environment, umask=programs.child_umask, check=False).returncode
    except FileNotFoundError:
        raise ToolMissing("git") from None


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
