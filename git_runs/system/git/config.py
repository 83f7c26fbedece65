"""What git config says: git-config(1)."""

from __future__ import annotations

import os

from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COMMAND = "command"  # the scope of options of git itself


class ConfigEntry:
    """One value of one configuration key, as git-config(1) lists it."""

    def __init__(self, scope: str, origin: str, key: str, value: str | None) -> None:
        self.scope = scope  # system, global, local, worktree or command
        self.origin = origin  # "file:<path>" or "command line:"
        self.key = key  # section and name in lower case
        self.value = value  # None: the key stands alone, without "="


class Checkout:
    """The settings that decide what a checkout writes, and which objects there are.

    Those of a command line count for nothing: a later checkout will not have them.
    """

    def __init__(self, entries: Iterable[ConfigEntry]) -> None:
        values = {
            entry.key: "true" if entry.value is None else entry.value for entry in entries if entry.scope != COMMAND
        }
        line_ends = values.get("core.autocrlf", "false").lower()
        self.converts = line_ends == "input" or _is_true(line_ends)  # files without attributes, too
        self.writes_crlf = _is_true(line_ends) or (
            line_ends != "input" and values.get("core.eol", "").lower() == "crlf"
        )
        self.keeps_modes = _is_true(values.get("core.filemode", "true"))
        self.is_sparse = _is_true(values.get("core.sparsecheckout", "false"))
        # Objects may be missing until they are asked for: partial-clone.txt of git.
        self.is_partial = any(key.startswith("remote.") and key.endswith(".promisor") for key in values)
        directory = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        configured = values.get("core.attributesfile") or os.path.join(directory, "git", "attributes")
        self.attributes_file = os.path.expanduser(configured)  # the user's own; nothing need be there


def _is_true(value: str) -> bool:
    return value.lower() not in ("false", "no", "off", "0", "")


def start(*options: str, environment: dict[str, str] | None = None) -> calls.Call:
    """Begin to list all values, with the options of git itself in front, and in that environment, if not in ours;
    `parse` takes what it prints."""
    return calls.Call(*options, "config", "-z", "--show-scope", "--show-origin", "--list", environment=environment)


def read(*options: str, environment: dict[str, str] | None = None) -> list[ConfigEntry]:
    """All values, weakest first; raises GitFailed."""
    return parse(start(*options, environment=environment).output())


def parse(listing: str) -> list[ConfigEntry]:
    """The values that `start` lists, weakest first."""
    words = listing.split("\0")[:-1]
    triples = zip(words[0::3], words[1::3], words[2::3], strict=True)
    return [ConfigEntry(scope, origin, *_key_and_value(entry)) for scope, origin, entry in triples]


def _key_and_value(entry: str) -> tuple[str, str | None]:
    key, separator, value = entry.partition("\n")
    return key, value if separator else None


def value(key: str) -> str | None:
    """The value of one key, of the repository that we are in; None where nobody has set it."""
    code, answer, _ = calls.Call("config", "-z", "--get", key).finish()
    return answer.rstrip("\0") if code == 0 else None


def set_value(key: str, value: str) -> None:
    """Write a value into the configuration of the repository that we are in; raises GitFailed."""
    calls.run("config", key, value)


def of_file(path: str) -> list[tuple[str, str | None]]:
    """Keys and values of a git-style configuration file, includes not followed; raises GitFailed."""
    entries = calls.run("config", "-z", "--file", path, "--list").split("\0")[:-1]
    return [_key_and_value(entry) for entry in entries]


def checkout_settings(place: str, environment: dict[str, str]) -> dict[str, str]:
    """The settings at `place` that decide which bytes a checkout writes; none where there is no repository."""
    keys = r"^(core\.(autocrlf|eol|symlinks|attributesfile)|filter\..*\.(smudge|clean|process))$"
    answer = calls.Call("-C", place, "config", "-z", "--get-regexp", keys, environment=environment).finish()[1]
    entries = [_key_and_value(entry) for entry in answer.split("\0")[:-1]]
    return {key: value or "" for key, value in entries}


def wants_color(key: str, *, to_terminal: bool) -> bool:
    """Whether a setting such as `color.diff` asks for colours; NO_COLOR (https://no-color.org) is weaker."""
    environment = dict(os.environ)
    if environment.get("NO_COLOR"):
        to_terminal = False
        environment.pop("GIT_PAGER_IN_USE", None)  # which stands for a terminal
    words = ("config", "--get-colorbool", key, str(to_terminal).lower())
    return calls.Call(*words, environment=environment).output().strip() == "true"


def diff_colors(*, to_terminal: bool) -> tuple[str, str, str] | None:
    """The escape sequences for old and new lines and for what follows; None where `color.diff` asks for none."""
    if not wants_color("color.diff", to_terminal=to_terminal):
        return None
    slots = (("color.diff.old", "red"), ("color.diff.new", "green"), ("color.diff.none", "reset"))
    answers = [calls.start("config", "--get-color", key, default) for key, default in slots]
    old, new, reset = (call.output() for call in answers)
    return old, new, reset


def colors(section: str, slots: Iterable[str]) -> dict[str, str]:
    """The escape sequences for slots that are set, such as `color.diff.old`."""
    answers = {slot: calls.start("config", "--get-color", f"{section}.{slot}") for slot in slots}
    return {slot: call.output() for slot, call in answers.items()}


def color(words: str) -> str | None:
    """The escape sequence for a colour in git's words, "bold red"; None where it knows no such colour."""
    code, sequence, _ = calls.Call("config", "--get-color", "--", "", words).finish()
    return None if code else sequence


def pager() -> str:
    """The pager for our output, a shell command; "" where none is to be used."""
    own, default = calls.start("config", "--get", "pager.runs"), calls.start("var", "GIT_PAGER")
    configured = own.finish()[1].strip()
    if configured.lower() in ("false", "no", "off", "0"):
        return ""
    is_command = configured.lower() not in ("", "true", "yes", "on", "1")
    return configured if is_command else default.finish()[1].strip()


def editor() -> str:
    """The editor that git would use, a shell command."""
    return calls.run("var", "GIT_EDITOR").rstrip("\n")
