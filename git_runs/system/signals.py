"""When a signal that asks the program to end may do so."""

from __future__ import annotations

import signal
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def held() -> AbstractContextManager[None]:
    """What is done in the `with` block is done as a whole: a signal that comes meanwhile counts after it."""
    return _mask(signal.SIG_BLOCK)


def allowed() -> AbstractContextManager[None]:
    """Inside of `held`: the `with` block may take long, and signals end it; they are held again after it."""
    return _mask(signal.SIG_UNBLOCK)


@contextmanager
def _mask(how: int) -> Iterator[None]:
    before = signal.pthread_sigmask(how, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
