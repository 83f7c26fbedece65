"""When a signal that asks the program to end may do so."""

from __future__ import annotations

import signal
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held() -> Iterator[None]:
    """What is done in the `with` block is done as a whole: a signal that comes meanwhile counts behind it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def allowed() -> Iterator[None]:
    """Inside of `held`: the `with` block may take long, and signals end it; they are held again behind it."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
