"""Lock files, created exclusively as git creates its own. Each says who holds it, so that one is broken only where
its holder is known to be dead."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress

from ..errors.records import Locked
from ..system import processes, whoami
from ..system.files import age_of, open_plain, remove_file, unlink_if

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SUFFIX = ".lock"


def take(path: str, patience: float, like: str | None = None, **purpose: str) -> None:
    """Create the lock file, breaking one whose holder died here; `purpose` is for whoever finds it left over. `like`
    is another lock of ours, of the same purpose: a link to that is made faster than a file.

    Raises Locked where somebody else holds it for `patience` seconds, and FileNotFoundError without its directory.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            if like is None or not _link_to(like, path):
                _create(path, {**_ourselves(), **purpose})
            return
        except FileExistsError:
            if break_left(path):
                continue
            if time.monotonic() > deadline:
                raise Locked(path, age_of(path)) from None
            time.sleep(0.01)


@contextmanager
def held(path: str, patience: float) -> Iterator[None]:
    """Hold the lock for the `with` block; raises what `take` raises."""
    take(path, patience)
    try:
        yield
    finally:
        remove_file(path)


def is_held(path: str) -> bool:
    """Whether somebody holds the lock, and may live."""
    with suppress(OSError):
        return not is_left(read(path))
    return False


def break_left(path: str) -> bool:
    """Remove the lock file if its holder is known to be dead; of any number that try, one does."""
    return unlink_if(path, is_left)


def is_left(content: str) -> bool:
    """Whether what a lock file says of its holder proves that nobody will remove it."""
    try:
        holder = json.loads(content)
        return _is_here(holder) and not processes.is_alive(holder["process"])
    except (ValueError, KeyError, TypeError):
        return False


def is_unseen(path: str) -> bool:
    """Whether somebody holds the lock of whom nobody here can know whether they live: in a container, say, which may
    have been started anew since."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return not _is_here(json.loads(read(path)))
    return False


def _is_here(holder: dict[str, Any]) -> bool:
    return (holder["host"], holder["namespace"]) == (whoami.hostname(), whoami.namespace())


def read(path: str) -> str:
    """What the lock file says; raises OSError where there is none that could be read."""
    with open_plain(path) as file:
        return file.read().decode(errors="replace")


def is_anonymous(content: str) -> bool:
    """Whether a lock does not say who holds it: whoever made it was killed just then, or had no room to say more."""
    return not purpose(content)


def purpose(content: str) -> dict[str, Any]:
    """The holder in the lock file, and what it was taken for; nothing where it cannot be read."""
    with suppress(ValueError):
        found = json.loads(content)
        return found if isinstance(found, dict) else {}
    return {}


def _ourselves() -> dict[str, Any]:
    return {
        "host": whoami.hostname(),
        "namespace": whoami.namespace(),
        "process": processes.identify(os.getpid()),
    }


def _link_to(lock: str, path: str) -> bool:
    """Whether the file system could do it; raises FileExistsError and FileNotFoundError."""
    try:
        os.link(lock, path)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        return False
    return True


def _create(path: str, content: dict[str, Any]) -> None:
    """With its content at once, where the file system can: a lock that says nothing could never be broken."""
    try:
        _create_at_once(path, content)
    except FileExistsError:
        raise
    except (AttributeError, OSError):
        _create_step_by_step(path, content)


def _create_at_once(path: str, content: dict[str, Any]) -> None:
    """As open(2) has it under O_TMPFILE: whatever ends us before the last step leaves no file at all."""
    descriptor = os.open(os.path.dirname(path), os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    try:
        _write(descriptor, content)
        _link(descriptor, path)
    finally:
        os.close(descriptor)


def _link(descriptor: int, path: str) -> None:
    # With a directory's descriptor Python calls linkat(2), which follows the link to the file.
    directory = os.open(processes.PROC, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.link(f"self/fd/{descriptor}", path, src_dir_fd=directory, follow_symlinks=True)
    finally:
        os.close(directory)


def _create_step_by_step(path: str, content: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _write(descriptor, content)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: dict[str, Any]) -> None:
    # On a full disk it is a lock all the same, so that what is there can be deleted.
    with suppress(OSError):
        os.write(descriptor, json.dumps(content).encode())
