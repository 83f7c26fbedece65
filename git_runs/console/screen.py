"""A screen that is drawn again and again in place, and leaves the terminal as it was: xterm's control sequences, which
terminals share; termios(3)."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

SHOW, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # the other screen, without a cursor; and back
HOME, CLEAR_LINE, CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"  # of what is to be seen at once, where the terminal knows that
QUIT, SUSPEND = b"qQ\x04", b"\x1a"  # keys


@contextmanager
def taken() -> Iterator[Screen]:
    """The terminal, for the `with` block; what was shown last stays on it."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)  # so that a signal ends a wait
    screen = Screen(woken)
    before = signal.signal(signal.SIGWINCH, lambda number, frame: None)  # that it came is enough
    screen.take()
    try:
        yield screen
    finally:
        screen.give_back()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGWINCH, before)
        sys.stdout.writelines(f"{line}\n" for line in screen.shown)


class Screen:
    """A terminal."""

    def __init__(self, woken: int) -> None:
        self.shown: Sequence[str] = ()
        self._woken = woken  # can be read from once a signal has come
        self._modes: list[Any] | None = None  # of standard input, before we changed them

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and lines by now."""
        with suppress(OSError):
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
            if columns and lines:
                return columns, lines
        return 80, 24

    def show(self, lines: Sequence[str]) -> None:
        """Show the lines, as many as there is room for, in place of those before."""
        self.shown = lines
        height = self.size[1]
        text = "\r\n".join(CLEAR_LINE + line for line in lines[:height])  # once a line is full, its end would go, too
        rest = f"\r\n{CLEAR_REST}" if len(lines) < height else ""
        sys.stdout.write(f"{BEGIN}{HOME}{text}{rest}{END}")
        sys.stdout.flush()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the size has changed; False where somebody wants to leave."""
        streams = [self._woken, *([sys.stdin.fileno()] if self._modes else [])]
        ready, _, _ = select.select(streams, [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 1 << 10)
        elif ready:
            keys = os.read(sys.stdin.fileno(), 1 << 10)
            if SUSPEND in keys:
                self._pause()
            return keys != b"" and not any(byte in QUIT for byte in keys)
        return True

    def take(self) -> None:
        """Begin to draw on it."""
        with suppress(termios.error, OSError, ValueError):
            self._modes = termios.tcgetattr(sys.stdin.fileno())
            modes = termios.tcgetattr(sys.stdin.fileno())
            modes[3] &= ~(termios.ICANON | termios.ECHO)
            modes[6][termios.VSUSP] = b"\0"  # no key: it is read as the others are
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, modes)
        sys.stdout.write(SHOW)
        sys.stdout.flush()

    def give_back(self) -> None:
        """Leave it as it was."""
        with suppress(OSError):
            sys.stdout.write(LEAVE)
            sys.stdout.flush()
        if self._modes:
            with suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)

    def _pause(self) -> None:
        """Somebody wants the terminal for a while. git(1), which has started us, stops as we do, and not before."""
        self.give_back()
        os.kill(0, signal.SIGTSTP)
        self.take()
