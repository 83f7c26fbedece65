"""Pieces of our own work that copies of this process do."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn, TypeVar

    T = TypeVar("T")

MANY = 5000  # files to read that are worth another process


def in_two(find: Callable[[int, int], Iterable[T]], count: int, many: int) -> list[T]:
    """What `find(0, count)` gives; of `many` pieces of work or more by `find` for each half, the second in a process
    that ends with it. What waits for the file system is done in half the time, as by git-config(1), core.preloadIndex;
    and what computes, where there is another processor for it.

    `find` gives what marshal can write: numbers, texts, tuples of them and the like.
    """
    if count < many:
        return list(find(0, count))
    middle = count // 2
    other = _Child(lambda: list(find(middle, count)))
    first = list(find(0, middle))
    try:
        second: list[T] = other.answer()
        return first + second
    except ChildProcessError:
        return first + list(find(middle, count))


def in_child(work: Callable[[], T]) -> T:
    """What `work` gives in a copy of this process, which ends with it: what marshal can write. Raises
    ChildProcessError where it fails."""
    found: T = _Child(work).answer()
    return found


class _Child:
    """A copy of this process that does a piece of work, and ends without doing anything else that is ours."""

    def __init__(self, work: Callable[[], Any]) -> None:
        reading, writing = os.pipe()
        self._process = os.fork()
        if not self._process:
            _answer(writing, work)
        os.close(writing)
        self._reading = reading

    def answer(self) -> Any:
        """What the work gave; raises ChildProcessError where it failed."""
        import marshal

        with open(self._reading, "rb") as file:
            content = file.read()
        _, status = os.waitpid(self._process, 0)
        if status:
            raise ChildProcessError("another process has failed")
        return marshal.loads(content)


def _answer(pipe: int, work: Callable[[], Any]) -> NoReturn:
    import marshal

    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        with open(pipe, "wb") as file:
            file.write(marshal.dumps(work()))
        code = 0
    finally:
        os._exit(code)
