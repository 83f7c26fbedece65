"""A process beside ours that prepares for questions and answers them, on another core."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


class Assistant:
    """A copy of this process that answers questions, lists as JSON has them, with lists."""

    def __init__(self, prepare: Callable[[], object], answer: Callable[[list[Any]], list[Any]]) -> None:
        self._channel, other = socket.socketpair()
        if not os.fork():
            self._channel.close()
            _serve(other, prepare, answer)
        other.close()
        self._lines = self._channel.makefile("rb")

    def ask(self, question: list[Any]) -> list[Any] | None:
        """Its answer; None where it is gone."""
        with suppress(OSError):
            self._channel.sendall(json.dumps(question).encode() + b"\n")
            if line := self._lines.readline():
                answer: list[Any] = json.loads(line)
                return answer
        return None

    def dismiss(self) -> None:
        """It ends once it has answered what it was asked."""
        self._lines.close()
        self._channel.close()


def _serve(channel: socket.socket, prepare: Callable[[], object], answer: Callable[[list[Any]], list[Any]]) -> NoReturn:
    """Until nobody can ask any more. Keys such as Ctrl-C are for the process that asks."""
    try:
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        prepare()
        with channel.makefile("rb") as questions:
            for line in questions:
                channel.sendall(json.dumps(answer(json.loads(line))).encode() + b"\n")
    finally:
        os._exit(0)
