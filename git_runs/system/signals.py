"""When a signal that asks the program to end may do so."""

from __future__ import annotations

import signal
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import NoReturn

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def held() -> AbstractContextManager[None]:
    """What is done in the `with` block is done as a whole: a signal that comes meanwhile counts after it."""
    return _mask(signal.SIG_BLOCK)


def allowed() -> AbstractContextManager[None]:
    """Inside of `held`: the `with` block may take long, and signals end it; they are held again after it."""
    return _mask(signal.SIG_UNBLOCK)


@contextmanager
def bounded(seconds: float, error: Exception) -> Iterator[None]:
    """Raises the error where the `with` block, of the main thread, computes and reads for longer than that.

    It is the time of the processor that counts, so that a busy machine makes nothing slow; `re` handles signals while
    it matches.
    """

    def give_up(number: int, frame: object) -> NoReturn:
        raise error

    signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)  # again, should some clean-up swallow the exception
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)  # should the error have come just before the other one


def asked(error: Exception, by: Iterable[int] = ASKING) -> AbstractContextManager[None]:
    """Raises the error in the `with` block, of the main thread, where one of these signals asks the program to end."""

    def give_up(number: int, frame: object) -> NoReturn:
        raise error

    return _handled(give_up, by)


def not_interrupted() -> AbstractContextManager[None]:
    """In the `with` block, of the main thread, keys that interrupt are for another process that has our terminal."""
    return _handled(signal.SIG_IGN, (signal.SIGINT, signal.SIGQUIT))


@contextmanager
def _handled(handler: Callable[[int, object], object] | signal.Handlers, numbers: Iterable[int]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def _mask(how: int) -> Iterator[None]:
    before = signal.pthread_sigmask(how, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
