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
def edited(text: str, what: str, *, editor: str, directory: str) -> Iterator[str]:
    """`text` as the person left it in `editor` (a shell command, git-var(1)), without white space around it, and
    without the last line, which says `what` it is.

    It is edited in a file in `directory`, which is kept, and named, where the editor, or what is done with the text,
    fails.
    """
    import subprocess
    import tempfile

    note = f"# {escape(what)}; this line is left out"
    descriptor, path = tempfile.mkstemp(prefix=EDITED, dir=directory)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n\n{note}\n")
        if subprocess.run(["sh", "-c", f'{editor} "$@"', editor, path], check=False).returncode:
            raise EditorFailed(editor)
        text = _without(path, note).strip()
        if not text:
            os.unlink(path)
        yield text
    except BaseException:
        if os.path.exists(path):
            _without(path, note)
            warn(f"your text is kept in '{path}'")
        raise
    with suppress(FileNotFoundError):
        os.unlink(path)


def _without(path: str, note: str) -> str:
    """Take that line out of the file; gives what is left."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = list(file)
    left = [line for line in lines if line.strip() != note]
    if left != lines:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(left)
    return "".join(left)
