"""Changes to files and directories that are whole or not there at all."""

from __future__ import annotations

import os
from contextlib import suppress


def write_whole(path: str, text: str) -> None:
    """Replace the file by one that is complete and on disk before this returns.

    `<path>.tmp.lock` is used meanwhile: one writer at a time, so the caller holds a lock.
    """
    temporary = path + ".tmp.lock"
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        error.filename = error.filename or temporary
        raise
    _sync_directory(os.path.dirname(path))


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(path: str, top: str) -> None:
    """Remove the directories above `path` and below `top` that are empty."""
    parent = os.path.dirname(path)
    while parent.startswith(top + os.sep):
        try:
            os.rmdir(parent)
        except OSError:
            return
        parent = os.path.dirname(parent)
