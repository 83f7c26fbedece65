"""The command that the shell is given, made of what the user typed and the settings; and how to quote it again."""

from __future__ import annotations

import re
import shlex

from ..console.escape import is_harmless
from ..errors.launchers import LaunchFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config.settings import Settings
    from ..records.outputs import Outputs

LONGEST = 128 * 1024 - 1  # bytes in one argument of a Linux process: execve(2), MAX_ARG_STRLEN


class Paths:
    """Where a run is to put what it puts out, and what stands for that in commands, flags and settings."""

    def __init__(self, settings: Settings, outputs: Outputs, name: str) -> None:
        self._values = {"<runs-dir>": outputs.root, "<run-name>": name}
        self.tb_dir = self.fill(settings.tb_dir)  # absolute, as all of them
        self.save_path = self.fill(settings.save_path)
        self.checkpoint_dir = outputs.checkpoints(name)
        self._values |= {"<tb-dir>": self.tb_dir, "<save-path>": self.save_path}

    def fill(self, text: str, quote: Callable[[str, int], str] = lambda value, start: value) -> str:
        """The text with the values of its placeholders, each `quote`d for the place where its placeholder starts."""
        known = "|".join(self._values)
        return re.sub(known, lambda found: quote(self._values[found[0]], found.start()), text)


def compose(typed: str, settings: Settings, paths: Paths) -> str:
    """`typed` with its placeholders filled in, and with the flags that pass the program its paths, but for those that
    it places itself; in the virtualenv. Raises LaunchFailed if too long."""
    filled = paths.fill(typed, lambda value, start: quoted_within(value, typed[:start]))
    words = [before_flags(filled)]
    if settings.tb_dir_flag is not None and "<tb-dir>" not in typed:
        words.append(_flag(settings.tb_dir_flag, paths.tb_dir))
    if settings.save_path_flag is not None and "<save-path>" not in typed:
        words.append(_flag(settings.save_path_flag, paths.save_path))
    for extra in settings.extra_flag:
        flag, equals, value = extra.partition("=")
        words.append(_flag(flag, paths.fill(value)) if equals else flag)
    command = " ".join(words) if len(words) > 1 else filled
    if settings.virtualenv_path is not None:
        # All of a compound command depends on the virtualenv, and not only its first part.
        whole = f"{{ {command}\n}}" if re.search(r"[;&|\n]", command) else command
        command = f". {shlex.quote(settings.virtualenv_path + '/bin/activate')} && {whole}"
    if len(command.encode(errors="surrogateescape")) > LONGEST:
        raise LaunchFailed("the command is longer than the 128 KiB that a shell can be given", "put it into a script")
    return command


def added_flags(typed: str, settings: Settings) -> list[str]:
    """The names of the flags that `compose` adds at the end of that command."""
    places = {"<tb-dir>": settings.tb_dir_flag, "<save-path>": settings.save_path_flag}
    own = [flag for place, flag in places.items() if flag is not None and place not in typed]
    return own + [extra.partition("=")[0] for extra in settings.extra_flag]


def has_several_programs(typed: str) -> bool:
    """Whether an unquoted `|`, `;`, `&&` or `||` joins programs, of which the last one gets what is added at the end;
    what only prepares the shell for a single one, such as `cd`, does not count."""
    plain = _PREPARATIONS.sub("", _NESTED.sub("_", typed))
    return bool(re.search(r"[|;]|&&", plain))


_NESTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|\$\([^()]*\)|`[^`]*`""", re.DOTALL)
_PREPARATIONS = re.compile(r"\A(?:\s*(?:cd|export|set|source|\.)\s[^|;&]*(?:;|&&))+")


def before_flags(command: str) -> str:
    """The command, to which flags are to be added: a comment at its end would swallow them, and white space after its
    last line would end it before them; a backslash there goes on with them."""
    plain = _NESTED.sub(lambda nested: "_" * len(nested[0]), command)
    if comment := re.search(r"(?:\A|(?<=[\s;&|()]))#[^\n]*\s*\Z", plain):
        command = command[: comment.start()].rstrip(" \t")
    return re.sub(r"(?<!\\)\n\s*\Z", "", command)


def quoted_within(value: str, before: str) -> str:
    """The value as a shell has to read it after that part of a command, which may have opened a quote."""
    opened = re.sub(_WHOLE, "", before)[:1]
    if opened == "'":
        return value.replace("'", "'\\''")
    return re.sub(r'([\\$`"])', r"\\\1", value) if opened == '"' else shlex.quote(value)


# What leaves no quote open, in a shell command: POSIX, Shell Command Language, 2.2 Quoting.
_WHOLE = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^'"\\]""", re.DOTALL)


def possible_secrets(typed: str) -> list[str]:
    """Flags and variables of a command whose values, by their names, may be nobody's business."""
    names = re.findall(r"(?:^|[\s;&|(])([\w-]+)[= ](?=[^\s$<-])", typed)
    return [name for name in dict.fromkeys(names) if _SECRET.fullmatch(name)]


_SECRET = re.compile(
    r"(?i:-{0,2}(?:\w+[-_])*(?:token|password|passwd|secret|api[-_]?key|access[-_]key))|[A-Z0-9_]+_KEY"
)


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
