"""Questions that a person at the terminal answers: yes or no, and a text in the editor."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress

from ..errors.console import Declined, EditorFailed, NotConfirmed
from .escape import escape
from .messages import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

EDITED = "RUN_DESCRIPTION."  # what the names of files that are edited begin with


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

    descriptor, path = tempfile.mkstemp(prefix=EDITED, dir=directory)
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
    with suppress(FileNotFoundError):
        os.unlink(path)
