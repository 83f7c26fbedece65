"""Which command was meant by a word that names none: help.autocorrect in git-config(1)."""

from __future__ import annotations

import sys
import time
from difflib import get_close_matches

from ..console.escape import escape
from ..errors.base import UsageError
from ..errors.cli import BadAutocorrect
from ..system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = "help.autocorrect"
OF_OTHERS = {  # what other programs call it
    "rename": "move",
    "mv": "move",
    "rm": "delete",
    "remove": "delete",
    "restore": "undelete",
    "ls": "list",
    "run": "new",
    "start": "new",
    "stop": "kill",
    "ps": "status",
    "logs": "log",
    "tail": "log",
    "tb": "tensorboard",
}
MOST = 3  # commands that may be meant
CAREFUL = ("delete", "trash", "kill", "move", "import", "reproduce", "push", "purge", "fsck")  # never run by a guess
ASK = -1.0  # instead of seconds


def command_for(typed: str, known: Iterable[str], usage: str) -> str:
    """The command that is to run instead, as the setting says. Where that is none, raises UsageError, which names those
    that may be meant."""
    meant = [OF_OTHERS[typed]] if typed in OF_OTHERS else get_close_matches(typed, list(known), n=MOST)
    delay = _delay()
    if len(meant) == 1 and delay is not None and _goes_on(typed, meant[0], ASK if meant[0] in CAREFUL else delay):
        return meant[0]
    names = " or ".join(f"'{name}'" for name in meant)
    question = f"; did you mean {names}?" if meant and config.value(KEY) != "never" else ""
    raise UsageError(f"unknown subcommand: '{typed}'{question}", usage)


def _delay() -> float | None:
    """After how many seconds to go on, ASK to ask before; None: not at all. Raises BadAutocorrect."""
    policy = (config.value(KEY) or "show").lower()
    if policy in ("show", "never", "false", "no", "off", "0"):
        return None
    if policy == "prompt":
        return ASK
    if policy in ("immediate", "true", "yes", "on", "1"):
        return 0
    try:
        return max(0, int(policy)) / 10
    except ValueError:
        raise BadAutocorrect(policy) from None


def _goes_on(typed: str, meant: str, delay: float) -> bool:
    if delay == ASK:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        print(f"Run '{meant}' instead [y/N]? ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    print(f"WARNING: You called a command named '{escape(typed)}', which does not exist.", file=sys.stderr)
    going_on = f"Continuing in {delay:.1f} seconds, assuming" if delay else "Continuing under the assumption"
    print(f"{going_on} that you meant '{meant}'.", file=sys.stderr, flush=True)
    time.sleep(delay)
    return True
