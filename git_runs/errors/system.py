"""git and the programs that git runs needs."""

from __future__ import annotations

from .base import RunsError


class GitFailed(RunsError):
    """git ended with an error; what it wrote on standard error is the message."""

    label = ""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message.strip() or "fatal: git failed without a message", *hints)


class RefLocked(GitFailed):
    """Another git process holds the lock of a ref, or died with it."""

    label = RunsError.label

    def __init__(self, path: str, age: float) -> None:
        hint = "another git process may be using it; if none is running, remove the file"
        super().__init__(f"cannot lock a ref: '{path}' exists since {age:.0f} s", hint)


class ToolMissing(RunsError):
    """A program that git runs needs is not on PATH; `instead` is what can be done without it."""

    def __init__(self, tool: str, instead: str = "") -> None:
        super().__init__(
            f"{tool} is not installed, or not on PATH", f"install {tool} with your package manager{instead}"
        )


class ToolTooOld(RunsError):
    """A program that git runs needs is older than the oldest that works."""

    def __init__(self, tool: str, found: str, needed: str) -> None:
        super().__init__(f"{tool} {found} is too old: git runs needs {tool} {needed} or later")


class NoGpu(RunsError):
    """The GPUs of this machine are asked for, and there are none that could be found."""

    def __init__(self) -> None:
        super().__init__(
            "no GPU is found: neither nvidia-smi nor the driver has one", "name those to be used, as in --gpus=0,1"
        )


class MountsForbidden(RunsError):
    """A run cannot have its work tree at the place of another; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"a work tree of the run's own cannot stand in the place of yours: {reason}",
            "--isolate runs it in a work tree at another path; runs.isolate=mount-if-possible does so by itself",
        )


class MainWorkTreeUnknown(RunsError):
    """A linked work tree of a repository whose git dir does not say where its main work tree is."""

    def __init__(self, common_dir: str) -> None:
        super().__init__(
            f"it is not known where the main work tree of '{common_dir}' is, and the runs dir is there",
            "say where: git config runs.runs-dir <absolute path>",
        )


class RsyncMissingThere(RunsError):
    """Another host has no rsync."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"rsync is not installed on host '{host}', or not on the PATH of its shell",
            "install it there; or name a command that brings outputs: git config runs.get-command",
        )


class GetFailed(RunsError):
    """Files could not be brought here, `said` is why, in the program's words, which had `more` to say."""

    def __init__(self, said: str, more: int = 0) -> None:
        super().__init__(said + (f" (and {more} more like this)" if more > 0 else ""))


class NotAtomic(RunsError):
    """A remote cannot change several refs together."""

    def __init__(self, remote: str) -> None:
        super().__init__(f"'{remote}' does not support atomic pushes")


class NotThere(RunsError):
    """A remote does not have a ref that was asked for."""

    def __init__(self, remote: str, ref: str) -> None:
        super().__init__(f"'{remote}' has no {ref}")
        self.ref = ref


class BadHost(RunsError):
    """What is to be a host cannot be the name or address of one."""

    def __init__(self, host: str) -> None:
        super().__init__(f"'{host}' cannot be the name of a host")


class HostSilent(RunsError):
    """Another host does not answer, or no more; what goes on there is not known. `said` is why, in ssh's words."""

    def __init__(self, host: str, said: str) -> None:
        super().__init__(f"host '{host}' does not answer: {said}", f"to see more of it: ssh -v {host} true")
        self.said = said


class HostRefused(RunsError):
    """Another host does not let us in; `said` is why, in ssh's words."""

    def __init__(self, host: str, said: str) -> None:
        super().__init__(
            f"host '{host}' does not let us in: {said}",
            f"this must work without a question, say by ssh-agent: ssh -o BatchMode=yes {host} true",
        )
        self.said = said
