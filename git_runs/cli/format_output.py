"""What --format, --porcelain, --json and -z print of runs, the same in all commands that have them.

Scripts rely on it: docs/scripting.md says of each form what it consists of.
"""

from __future__ import annotations

import re
from functools import partial
from math import isfinite

from ..console.escape import escape
from ..console.output import reaches_terminal, show
from ..errors.base import UsageError
from ..errors.cli import BadFormat
from ..records.record import to_text
from .format_options import PLACEHOLDER
from .format_values import NAME, Atoms
from .hashes import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from ..project import Project
    from ..records.record import Value
    from .format_entries import Entry

_QUOTED = re.compile(r"[\x00-\x1f\x7f\"\\\ud800-\udfff]")  # what git-config(1), core.quotePath, has quoted
_LETTERS = {"\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", '"': '"', "\\": "\\"}


class Form:
    """How lines are made of runs, or of what else a command shows."""

    def __init__(self, keys: Sequence[str] | None, end: str) -> None:
        self.keys = keys  # of the values that it asks for; None for all that there is
        self.end = end  # of each line

    def text(self, entry: Entry) -> str:
        """What is printed of one."""
        raise NotImplementedError


class Formatted(Form):
    """By a format in the language of git-for-each-ref(1)."""

    def __init__(self, here: Project, text: str, end: str) -> None:
        from .format import Format

        if PLACEHOLDER not in text:
            raise BadFormat(f"invalid format: {text}", "a format names values, as in --format='%(name) %(status)'")
        safe = partial(escape, keep="\n\t") if reaches_terminal() and end == "\n" else None
        self._format = Format(text, Atoms(partial(short, here.repository), safe), _Colors(here))
        super().__init__(self._format.keys, end)

    def text(self, entry: Entry) -> str:
        """One line."""
        return self._format.line(entry.find) + self.end


class Json(Form):
    """An object a line. JSON has no NaN and no infinities (RFC 8259, section 6): they are null."""

    def __init__(self, columns: Sequence[str] | None, end: str) -> None:
        super().__init__(columns, end)
        import json

        # All but ASCII is spelled with \u: so nothing in a record reaches a terminal, and bytes that are no text pass.
        self._encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False).encode

    def text(self, entry: Entry) -> str:
        """One line."""
        found = entry.whole() if self.keys is None else {key: entry.find(key) for key in self.keys}
        try:
            return self._encode(found) + self.end
        except ValueError:  # rare, and to ask each value takes a fifth of the time
            return self._encode(_finite(found)) + self.end


class Porcelain(Form):
    """Lines `key value`, the first of which names the run, and an empty one behind them, as in `git worktree list`."""

    def text(self, entry: Entry) -> str:
        """As many lines as there are values, and the one behind them."""
        found = entry.lines() if self.keys is None else {key: entry.find(key) for key in self.keys}
        found.pop(NAME, None)
        lines = [self._line(key, to_text(value)) for key, value in found.items() if value is not None]
        return "".join([self._line("run", entry.name), *lines, self.end])

    def _line(self, key: str, value: str) -> str:
        if self.end == "\0":
            return f"{key} {value}\0" if value else f"{key}\0"
        key = _quoted(key) if " " in key or _QUOTED.search(key) else key
        return f"{key} {_quoted(value) if _QUOTED.search(value) else value}\n" if value else f"{key}\n"


def chosen(here: Project, args: Namespace, columns: Sequence[str] | None = None) -> Form:
    """The form that the arguments ask for, of those columns or of all that there is; raises BadFormat or UsageError."""
    end = "\0" if args.null else "\n"
    if args.json:
        return Json(columns, end)
    if args.format is None:
        return Porcelain(columns, end)
    if columns is not None:
        raise UsageError("--columns and --format='%(...)' cannot be used together")
    return Formatted(here, args.format, end)


def write(form: Form, entries: Iterable[Entry]) -> None:
    """Print what the form makes of each; what a format shows is safe for a terminal by now, and may have colours."""
    show(map(form.text, entries), exact=isinstance(form, Formatted) or form.end == "\0")


def _finite(value: Value) -> Value:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return list(map(_finite, value)) if isinstance(value, list) else value


def _quoted(text: str) -> str:
    """In C's way, as git quotes paths: git-config(1), core.quotePath."""

    def spelled(match: re.Match[str]) -> str:
        character = match[0]
        number = ord(character) - (0xDC00 if ord(character) > 0xFF else 0)
        return "\\" + (_LETTERS.get(character) or f"{number & 0xFF:03o}")

    return f'"{_QUOTED.sub(spelled, text)}"'


class _Colors:
    """The escape sequences for colours in git's words, where they are wanted."""

    def __init__(self, here: Project) -> None:
        self._here = here
        self._are_wanted: bool | None = None

    def __call__(self, words: str) -> str:
        """Raises BadFormat."""
        from ..system.git import config
        from .appearance import SECTION

        if (sequence := config.color(words)) is None:
            raise BadFormat(f"unrecognized color: %(color:{words})")
        if self._are_wanted is None:
            self._are_wanted = config.wants_color(SECTION, to_terminal=reaches_terminal())
        return sequence if self._are_wanted else ""
