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
