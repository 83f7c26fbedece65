"""How the texts of settings are read: functions from a text, and the directory that a relative path starts from, to the
value. ValueError says what is wrong with the text."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern

LAUNCHER = r"[A-Za-z][\w-]*"  # the name of one that settings describe
AWAY, HOST = (
    "host:",
    r"[A-Za-z0-9][\w.@-]*",
)  # what begins the name of one that starts runs on a host, whose name follows
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def text(given: str, base: str) -> str:
    """Any text but none."""
    if not given:
        raise ValueError("it is empty")
    return given


def pattern(given: str, base: str) -> Pattern[str]:
    """A regular expression with named groups."""
    from ..records.query import compiled

    try:
        found = compiled(text(given, base))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not found.groupindex:
        raise ValueError("it has no named group, as in (?P<loss>[0-9.]+)")
    return found


def text_or_none(given: str, base: str) -> str | None:
    """Any text; "None", or none, is None."""
    return None if given in ("", "None") else given


def path(given: str, base: str) -> str:
    """A path, absolute then."""
    return os.path.normpath(os.path.join(base, os.path.expanduser(text(given, base))))


def path_or_none(given: str, base: str) -> str | None:
    """A path, absolute then; "None", or none, is None."""
    return None if text_or_none(given, base) is None else path(given, base)


def path_with_placeholders(given: str, base: str) -> str:
    """A path, absolute once its placeholders are filled in."""
    return given if given.startswith("<runs-dir>") else path(given, base)


def file_name(given: str, base: str) -> str:
    """The name of a file in the runs dir."""
    if "/" in given or given in ("", ".", ".."):
        raise ValueError("it has to be the name of a file in the runs dir")
    return given


def width(given: str, base: str) -> int:
    """How many characters wide."""
    if not given.isdecimal() or int(given) < 4:
        raise ValueError("it has to be a whole number, 4 or more")
    return int(given)


def truth(given: str, base: str) -> bool:
    """As git-config(1) reads a boolean."""
    if given.lower() not in ("true", "yes", "on", "1", "false", "no", "off", "0", ""):
        raise ValueError("it has to be true or false")
    return given.lower() in ("true", "yes", "on", "1")


def isolation(given: str, base: str) -> str:
    """Whether a run gets a work tree of its own, and where: "true", "mount" or "mount-if-possible"; "" for none."""
    if given.lower() in ("mount", "mount-if-possible"):
        return given.lower()
    try:
        return "true" if truth(given, base) else ""
    except ValueError:
        raise ValueError("it has to be true, false, mount or mount-if-possible") from None


def date_or_off(given: str, base: str) -> str | None:
    """A date, as in dates.expiry; what git-config(1) reads as false is None."""
    return None if given.lower() in ("false", "no", "off", "0") else text(given, base)


def permissions(given: str, base: str) -> int | None:
    """As git-config(1) reads core.sharedRepository, and "private": the permissions of a file; None: by the umask."""
    words = {"private": 0o600, "group": 0o660, "true": 0o660, "all": 0o664, "world": 0o664, "everybody": 0o664}
    if given.lower() in ("umask", "false"):
        return None
    if given.lower() in words:
        return words[given.lower()]
    if len(given) != 4 or set(given) - set("01234567") or int(given, 8) & 0o7600 != 0o600:
        raise ValueError("it has to be private, umask, group, all, or permissions such as 0640")
    return int(given, 8)


def number(given: str, base: str, what: str = "a whole number") -> int:
    """As git-config(1) reads an integer: with k, m or g at its end."""
    digits, unit = (given[:-1], given[-1].lower()) if given[-1:].isalpha() else (given, "")
    if not digits.isdecimal() or len(digits) > 12 or unit not in UNITS:
        raise ValueError(f"it has to be {what}, with k, m or g for multiples")
    return int(digits) * UNITS[unit]


def size(given: str, base: str) -> int:
    """A number of bytes."""
    return number(given, base, "a number of bytes")


def below_the_top(given: str, base: str) -> str:
    """A path in the work tree, from its top."""
    path = os.path.normpath(text(given, base))
    if os.path.isabs(path) or path.split(os.sep)[0] in (".", ".."):
        raise ValueError("it has to be a path in the work tree, from its top")
    return path


def words(given: str, base: str) -> list[str]:
    """Words with commas or white space between them."""
    return given.replace(",", " ").split()


class OneOf:
    """How one of those words is read."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, given: str, base: str) -> str:
        """The word itself."""
        if given not in self.words:
            raise ValueError(f"it has to be one of {', '.join(self.words)}")
        return given


def launcher(*names: str) -> Callable[[str, str], str]:
    """How the name of a launcher is read: one of those, or of one that settings of its own describe."""

    def read(given: str, base: str) -> str:
        if given not in names and not re.fullmatch(f"{LAUNCHER}|{AWAY}{HOST}", given):
            raise ValueError(
                f"it is {', '.join(names)}, {AWAY} and the name of a host, or the name in the settings"
                " runs.launcher.<name>.*"
            )
        return given

    return read


def shell(given: str, base: str) -> str:
    """A shell and its options; it is searched on PATH again where the command runs."""
    import shlex

    program, *_ = shlex.split(given) or [""]
    if not is_on_path(program):
        raise ValueError(f"there is no program '{program}'")
    return given


def is_on_path(program: str) -> bool:
    """Whether that program can be started."""
    # shutil.which would say it too, at the price of importing shutil in every command.
    places = [""] if "/" in program else os.get_exec_path()
    paths = [os.path.join(place, program) for place in places]
    return any(os.access(path, os.X_OK) and os.path.isfile(path) for path in paths)
