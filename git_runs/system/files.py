"""Changes to files and directories that are whole or not there at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO, TypeVar

    Stamp = tuple[int, int, int, int]
    T = TypeVar("T")

NO_STAMP = (0, 0, 0, 0)
SIDE_BY_SIDE = 4  # threads; more of them wait for each other
SHARE = 50  # items, after each of which a thread can be stopped


def write_whole(
    path: str, text: str | bytes, mode: int | None = None, *, only_if: Callable[[], bool] = lambda: True
) -> bool:
    """Replace the file, or make it, by one that is complete and on disk before this returns.

    It gets the permissions `mode`, by default what the umask leaves. False, and all is as it was, unless `only_if`
    holds at the last moment.
    """
    temporary = _temporary(path)
    try:
        with open(temporary, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode & 0o7777)
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        if not only_if():
            os.unlink(temporary)
            return False
        os.rename(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename, error.filename2 = path, None
        raise
    with suppress(OSError):  # it is replaced by now, and no error may say that it is not
        sync_directory(os.path.dirname(os.path.abspath(path)))
    return True


def write_private(path: str, text: str, *, lasts: bool = False) -> None:
    """Make a new file, in ASCII, which only its owner may read; on failure a part of it may be left. `lasts`: it is on
    disk before this returns."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
            if lasts:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:  # one of a write names no file
        error.filename = path
        raise


def write_all(contents: Mapping[str, str | bytes], done: Callable[[], object]) -> None:
    """Make new files, given by their paths: all of them, each complete and on disk before this returns, or none. `done`
    is called after each. Their directories are there."""
    temporary = {path: _temporary(path) for path in contents}

    def write(path: str) -> None:
        content = contents[path]
        with open(temporary[path], "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())

    made: list[str] = []
    try:
        side_by_side(write, list(contents), done)
        for path, written in temporary.items():
            os.rename(written, path)
            made.append(path)
        for directory in {os.path.dirname(path) for path in contents}:
            sync_directory(directory)
    except BaseException:
        for path in [*temporary.values(), *made]:
            remove_file(path)
        raise


def _temporary(path: str) -> str:
    """Where the file is until it is complete. No run's name ends in ".lock", so that this is no run's file."""
    return f"{path}.{os.getpid()}.tmp.lock"


def sync_directory(path: str) -> None:
    """Let what was made in the directory, renamed and removed there, be on disk before this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(source: str, target: str) -> None:
    """Rename what is at the path, or, to another disk, copy it whole, and remove it then; raises OSError."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_by_copy(source, target)


def _move_by_copy(source: str, target: str) -> None:
    import shutil

    copy = _temporary(target)
    try:
        if os.path.isdir(source) and not os.path.islink(source):
            shutil.copytree(source, copy, symlinks=True)
        else:
            shutil.copy2(source, copy, follow_symlinks=False)
        os.rename(copy, target)
    except BaseException:
        remove_all(copy)
        raise
    remove_all(source)


def open_plain(path: str) -> BinaryIO:
    """Open a file for reading; raises OSError where it is a link, or a pipe that might make us wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", path)
    return open(descriptor, "rb")


def unlink_if(path: str, condition: Callable[[str], bool]) -> bool:
    """Remove the file if its text meets the condition; of any number that try, one removes it, and no other file."""
    with suppress(OSError), open_plain(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # While it is open its inode is given to no other file.
        if os.path.samestat(os.stat(path), os.fstat(file.fileno())) and condition(file.read().decode(errors="replace")):
            os.unlink(path)
            return True
    return False


@contextmanager
def locked(path: str, waits: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Hold the file, which is made where it is not there, for the `with` block, once nobody else does any more; `waits`
    is called where somebody does. Gives its descriptor. A process that inherits that one holds it, too, as long as it
    lives: flock(2)."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_directory(path: str) -> Iterator[int]:
    """Its descriptor, for the `with` block, below which paths are found faster; raises FileNotFoundError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_below(place: str, directory: str) -> bool:
    """Whether a path is that of the directory, or of something in it, as the paths are written."""
    return place == directory or place.startswith(directory.rstrip("/") + "/")


def stamp_of(path: str) -> Stamp:
    """What is another in each state of a file: its size, times in nanoseconds, and inode.

    Raises FileNotFoundError and the like.
    """
    status = os.lstat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def age_of(path: str) -> float:
    """Seconds since the file was written; 0 where it is not there any more."""
    try:
        return time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def files_below(directory: str) -> Iterator[str]:
    """The paths of all that is in the directory, at any depth, but for directories; links are not followed."""
    return (os.path.join(directory, path) for path in paths_below(directory))


def paths_below(directory: str) -> Iterator[str]:
    """The same, relative to the directory, which is faster."""
    groups = [""]
    while groups:
        group = groups.pop()
        path = os.path.join(directory, group)
        with suppress(FileNotFoundError, NotADirectoryError), opened_directory(path) as opened:
            for entry in os.scandir(opened):
                if entry.is_dir(follow_symlinks=False):
                    groups.append(f"{group}{entry.name}/")
                else:
                    yield group + entry.name


def entries(directory: str) -> Iterator[os.DirEntry[str]]:
    """What is in the directory; nothing where there is none."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as found:
        yield from found


def remove_file(path: str) -> None:
    """Remove the file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_all(path: str) -> None:
    """Remove what is there: a file, a link, or a directory with all that is in it."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        remove_file(path)
    except OSError:  # it is not empty
        import shutil

        while os.path.lexists(path):
            with suppress(FileNotFoundError):  # somebody else removes the same
                shutil.rmtree(path)


def side_by_side(work: Callable[[T], object], items: Sequence[T], done: Callable[[], object]) -> None:
    """Do the work for all items, which lets them wait for the disk together; `done` is called after each.

    Where an exception ends it, no work goes on when this has ended.
    """
    if len(items) <= SHARE:
        for item in items:
            work(item)
            done()
        return
    from concurrent.futures import ThreadPoolExecutor

    from . import signals

    workers = ThreadPoolExecutor(SIDE_BY_SIDE)
    shares = [items[start : start + SHARE] for start in range(0, len(items), SHARE)]
    try:
        for results in workers.map(lambda share: [work(item) for item in share], shares):
            for _ in results:
                done()
    finally:
        with signals.held():
            workers.shutdown(cancel_futures=True)


def prune(path: str, top: str) -> None:
    """Remove the directories above `path` and below `top` that are empty."""
    parent = os.path.dirname(path)
    while parent.startswith(top + os.sep):
        try:
            os.rmdir(parent)
        except OSError:
            return
        parent = os.path.dirname(parent)
