"""A process beside ours that prepares for questions and answers them, on another core."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, NoReturn


class Assistant:
    """A copy of this process that answers questions, lists as JSON has them, with lists."""

    def __init__(self, answer: Callable[[list[Any]], list[Any]], first: list[Any]) -> None:
        """`answer` is called there; so it is with the `first` question at once, before that is asked."""
        questions, asking = os.pipe()
        answers, answering = os.pipe()
        if not os.fork():
            os.close(asking)
            os.close(answers)
            _serve(os.fdopen(questions, "rb"), os.fdopen(answering, "wb"), answer, first)
        os.close(questions)
        os.close(answering)
        self._questions, self._answers = os.fdopen(asking, "wb"), os.fdopen(answers, "rb")

    def ask(self, question: list[Any]) -> list[Any] | None:
        """Its answer; None where it is gone."""
        with suppress(OSError):
            _send(self._questions, question)
            if line := self._answers.readline():
                answer: list[Any] = json.loads(line)
                return answer
        return None

    def dismiss(self) -> None:
        """It ends once it has answered what it was asked."""
        self._questions.close()
        self._answers.close()


def _send(target: BinaryIO, value: list[Any]) -> None:
    target.write(json.dumps(value).encode() + b"\n")
    target.flush()


def _serve(
    questions: BinaryIO, answers: BinaryIO, answer: Callable[[list[Any]], list[Any]], first: list[Any]
) -> NoReturn:
    """Until nobody can ask any more. Keys such as Ctrl-C are for the process that asks."""
    try:
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        known = answer(first)
        for line in questions:
            question = json.loads(line)
            _send(answers, known if question == first else answer(question))
    finally:
        os._exit(0)
