"""What passes between the program and the person at the terminal: safe text, warnings, questions, an editor."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from ..errors import Declined, EditorFailed, NotConfirmed
from ..system.files import remove_file
from . import progress
from .escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..errors import RunsError


def show(texts: Iterable[str]) -> None:
    """Write the texts to standard output: as they are, but to a terminal with control characters spelled out."""
    sys.stdout.writelines((escape(text, keep="\n\t") for text in texts) if is_seen() else texts)


def is_seen() -> bool:
    """Whether standard output comes to a terminal, be it by way of a pager."""
    return sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE") in ("true", "1")


def warn(message: str) -> None:
    """A `warning:` line on standard error."""
    progress.clear()
    print(f"warning: {escape(message)}", file=sys.stderr)


def hint(message: str) -> None:
    """A `hint:` line on standard error."""
    progress.clear()
    print(f"hint: {escape(message)}", file=sys.stderr)


def report_all(errors: Sequence[RunsError]) -> int:
    """An `error:` line on standard error for each; the exit code that tells whether there were any."""
    for error in errors:
        print(f"error: {escape(error.message)}", file=sys.stderr)
    return int(bool(errors))


def confirm(question: str, items: list[str], *, doing: str) -> None:
    """Show the question and the items and wait for a yes; raises Declined, or NotConfirmed without a terminal."""
    if not sys.stdin.isatty():
        raise NotConfirmed(doing)
    print(question)
    for item in items:
        print(f"  {escape(item)}")
    try:
        answer = input("[y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined


@contextmanager
def edited(text: str, *, editor: str, directory: str) -> Iterator[str]:
    """`text` as the person left it in `editor` (a shell command, git-var(1)), without white space around it.

    It is edited in a file in `directory`, which is kept, and named, where the editor, or what is done with the text,
    fails.
    """
    import subprocess
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix="RUN_DESCRIPTION.", dir=directory)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        if subprocess.run(["sh", "-c", f'{editor} "$@"', editor, path], check=False).returncode:
            raise EditorFailed(editor)
        with open(path, encoding="utf-8") as file:
            text = file.read().strip()
        if not text:
            os.unlink(path)
        yield text
    except BaseException:
        if os.path.exists(path):
            warn(f"your text is kept in '{path}'")
        raise
    remove_file(path)
