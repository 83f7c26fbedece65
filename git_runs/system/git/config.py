"""What git config says: git-config(1)."""

from __future__ import annotations

from . import calls


class ConfigEntry:
    """One value of one configuration key, as git-config(1) lists it."""

    def __init__(self, scope: str, origin: str, key: str, value: str | None) -> None:
        self.scope = scope  # system, global, local, worktree or command
        self.origin = origin  # "file:<path>" or "command line:"
        self.key = key  # section and name in lower case
        self.value = value  # None: the key stands alone, without "="


def start(*options: str) -> calls.Call:
    """Begin to list all values, with the options of git itself in front; `parse` takes what it prints."""
    return calls.start(*options, "config", "-z", "--show-scope", "--show-origin", "--list")


def read(*options: str) -> list[ConfigEntry]:
    """All values, weakest first; raises GitFailed."""
    return parse(start(*options).output())


def parse(listing: str) -> list[ConfigEntry]:
    """The values that `start` lists, weakest first."""
    words = listing.split("\0")[:-1]
    triples = zip(words[0::3], words[1::3], words[2::3], strict=True)
    return [ConfigEntry(scope, origin, *_key_and_value(entry)) for scope, origin, entry in triples]


def _key_and_value(entry: str) -> tuple[str, str | None]:
    key, separator, value = entry.partition("\n")
    return key, value if separator else None


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
    """Whether a setting such as `color.diff` asks for colours."""
    return calls.run("config", "--get-colorbool", key, str(to_terminal).lower()).strip() == "true"


def diff_colors(*, to_terminal: bool) -> tuple[str, str, str] | None:
    """The escape sequences for old and new lines and for what follows; None where `color.diff` asks for none."""
    if not wants_color("color.diff", to_terminal=to_terminal):
        return None
    slots = (("color.diff.old", "red"), ("color.diff.new", "green"), ("color.diff.none", "reset"))
    answers = [calls.start("config", "--get-color", key, default) for key, default in slots]
    old, new, reset = (call.output() for call in answers)
    return old, new, reset


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
