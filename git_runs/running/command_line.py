"""The command that the shell is given, made of what the user typed and the settings; and how to quote it again."""

from __future__ import annotations

import re
import shlex

from ..console.escape import is_harmless
from ..errors.launchers import LaunchFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..records.outputs import Outputs
    from ..records.record import Record

LONGEST = 128 * 1024 - 1  # bytes in one argument of a Linux process: execve(2), MAX_ARG_STRLEN


def compose(typed: str, settings: Settings, outputs: Outputs, name: str) -> str:
    """`typed` with the flags that pass the program its paths, in the virtualenv; raises LaunchFailed if too long."""
    # White space after the last line would end the command before the flags; a backslash there goes on with them.
    words = [re.sub(r"(?<!\\)\n\s*\Z", "", typed)]
    if settings.tb_dir_flag is not None:
        words.append(_flag(settings.tb_dir_flag, outputs.tensorboard(name)))
    if settings.save_path_flag is not None:
        words.append(_flag(settings.save_path_flag, outputs.checkpoints(name)))
    for extra in settings.extra_flag:
        flag, equals, value = extra.partition("=")
        value = value.replace("<runs-dir>", outputs.root).replace("<run-name>", name)
        words.append(_flag(flag, value) if equals else flag)
    command = " ".join(words) if len(words) > 1 else typed
    if settings.virtualenv_path is not None:
        # All of a compound command depends on the virtualenv, and not only its first part.
        whole = f"{{ {command}\n}}" if re.search(r"[;&|\n]", command) else command
        command = f". {shlex.quote(settings.virtualenv_path + '/bin/activate')} && {whole}"
    if len(command.encode(errors="surrogateescape")) > LONGEST:
        raise LaunchFailed("the command is longer than the 128 KiB that a shell can be given", "put it into a script")
    return command


def typed_command(record: Record) -> str:
    """What the user typed, before flags were added; the whole command where the record does not have it."""
    return record.text("input-command") or record.text("command")


def _flag(flag: str, value: str) -> str:
    """`--flag=value`; a flag of one letter takes its value as the next word, which every parser understands."""
    separator = " " if re.fullmatch(r"-[^-]", flag) else "="
    return f"{flag}{separator}{shlex.quote(value)}"


def quote(word: str, *, for_terminal: bool) -> str:
    """`word` for a POSIX shell, to be pasted; for a terminal, with control characters spelled in bash's `$'...'`."""
    if not for_terminal or all(is_harmless(character) or character == "\n" for character in word):
        return shlex.quote(word)
    return "$'" + "".join(_spell(character) for character in word) + "'"


def _spell(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if is_harmless(character):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))
