"""The parameters of a run: what the user chose for it, as its command says.

They are taken from the command at the time of reading, and stored nowhere. What cannot be known, since a shell would
make something else of it (a variable, a pattern of file names), is left out: a parameter is never a wrong one.

The grammar of the shell: POSIX, Shell Command Language, 2.2 Quoting, 2.6.3 Command Substitution, 2.7.4 Here-Document,
2.9.1 Simple Commands. Of programs: flags as getopt_long(3) and argparse have them, and `key=value` with `+`, `++` or
`:=`, as Hydra has it.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise, takewhile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # True: a flag without a value; a list: one that is given many times, or with many numbers
    Params = dict[str, str | bool | list[str | bool]]

ENV = "env."  # what the names of variables in front of the program get

_TOKEN = re.compile(
    r"(?P<blank>(?:[ \t\r]|\\\n)+)"
    r"|(?P<redirection>\d*(?:>>|>\||<<<|<<-?|<>|[<>]&|[<>])|&>>?)"
    r"|(?P<operator>&&|\|\||\|&|;;|[;&|()\n])"
    r"|(?P<part>(?P<opening>\"|\$\()|'[^']*'|`(?:\\.|[^`\\])*`|\\.|(?:\$(?!\()|[^\s'\"`\\;&|()<>$])+)",
    re.DOTALL,
)
# What opens and closes something inside of double quotes, and of parentheses; and what has no meaning there.
_IN_QUOTES = re.compile(r"(?P<mark>\"|\$\()|\\.|`(?:\\.|[^`\\])*`", re.DOTALL)
_IN_PARENTHESES = re.compile(r"(?P<mark>[\"()])|\\.|`(?:\\.|[^`\\])*`|'[^']*'", re.DOTALL)
# What a shell makes something else of: outside of quotes, and between double ones.
_EXPANDED, _EXPANDED_IN_QUOTES = re.compile(r"[$`*?~]|\{[^}]*(?:,|\.\.)[^}]*\}"), re.compile(r"[$`]")
_RESERVED = ("!", "{", "do", "then", "else", "elif", "if", "while", "until", "time")
_WITHOUT_COMMAND = ("for", "case", "select", "function", "}", "done", "fi", "esac", "in")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_OVERRIDE = re.compile(r"\+{0,2}([A-Za-z_][\w.@/-]*):?=(.*)", re.DOTALL)
_FLAG = re.compile(r"(--?[A-Za-z_][\w.@/:-]*)(?:=(.*))?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_JOINED = re.compile(r"-([A-Za-z])(\d+(?:\.\d+)?)")  # as in make -j4
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_PYTHON_FLAGS_WITH_VALUE = ("-m", "-c", "-W", "-X")
# What only prepares or tests: it has flags, and they are no parameters.
_PREPARE = {
    *("set", "shopt", "source", ".", "cd", "ulimit", "umask", "unset", "trap", "module", "read", "test", "[", "[["),
    *("mkdir", "cp", "ln", "mv", "rm", "touch", "chmod"),
}
_TOOLS = {"echo", "printf", "date", "ls", "cat", "sleep", "tee"}  # theirs count where no other program has any
_ENV_FLAGS_WITH_VALUE = ("-u", "--unset", "-C", "--chdir")
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
_SCRIPT = re.compile(r".*\.(?:py|sh|R|jl|pl|rb)")


class _Word:
    """A word of a command, without its quotes."""

    def __init__(self, text: str, is_known: bool, is_quoted: bool) -> None:
        self.text = text
        self.is_known = is_known  # whether the program gets it as it is
        self.is_quoted = is_quoted


def of(command: str) -> Params:
    """The parameters of a command, by name: of the first program in it that has any, beside what is exported before it;
    none where it is no whole command.

    A value is text, as the program gets it.
    """
    variables: Params = {}
    exported: Params = {}
    of_tool: Params = {}
    for step in _steps(command):
        assigned, words = _parted(step)
        program = os.path.basename(words[0].text) if words else ""
        if program == "export":
            exported |= _variables(words[1:])
        elif program in _TOOLS:
            of_tool = of_tool or _flags(words)
        elif program not in _PREPARE:
            variables = variables or assigned
            if found := _flags(words):
                return {**exported, **assigned, **found}
    return {**exported, **variables, **of_tool}


# --- the words of a command


def _steps(command: str) -> Iterator[list[_Word]]:
    """The words of its simple commands, without redirections and here-documents; none where a quote or substitution is
    not closed."""
    words: list[_Word] = []
    steps: list[list[_Word]] = [words]
    redirection = ""  # whose word is to come
    documents: list[tuple[str, str]] = []  # the redirection and the last line of each that begins in the next line
    word: _Word | None = None
    place = 0

    def end() -> None:
        nonlocal word, redirection
        if word is None:
            return
        if not redirection:
            words.append(word)
        elif redirection in ("<<", "<<-"):
            documents.append((redirection, word.text))
        word, redirection = None, ""

    while place < len(command):
        if command[place] == "#" and word is None:
            place = (command + "\n").index("\n", place)
            continue
        start = place
        match = _TOKEN.match(command, start)
        if not match:
            return
        place = _closed(command, start) if match["opening"] else match.end()
        if not place:
            return
        if match["part"]:
            word = _joined(word, command[start:place])
            continue
        end()
        if match["redirection"]:
            redirection = match["redirection"]
        elif match["operator"]:
            words = []
            steps.append(words)
        if match["operator"] == "\n":
            place = _behind_documents(command, place, documents)
            documents.clear()
    end()
    yield from filter(None, steps)


def _behind_documents(command: str, place: int, documents: list[tuple[str, str]]) -> int:
    """Where the lines after here-documents begin, of which the first begins there."""
    text = command + "\n" if documents else ""
    for redirection, end in documents:
        line = None
        while line != end and place < len(text):
            start, place = place, text.index("\n", place) + 1
            line = text[start : place - 1].lstrip("\t" if redirection == "<<-" else "")
    return place


def _closed(command: str, place: int) -> int:
    """Where a double quote or substitution ends that opens there, with all that is in it; 0 where it does not."""
    closings: list[str] = []
    while match := (_IN_QUOTES if closings[-1:] == ['"'] else _IN_PARENTHESES).search(command, place):
        place = match.end()
        if closings and match["mark"] == closings[-1]:
            closings.pop()
        elif match["mark"]:
            closings.append('"' if match["mark"] == '"' else ")")
        if not closings:
            return place
    return 0


def _joined(word: _Word | None, part: str) -> _Word:
    """The word with one more part: quoted, or not."""
    if part[0] == "'":
        text, is_known = part[1:-1], True
    elif part[0] == '"':
        text, is_known = re.sub(r'\\([$`"\\\n])', r"\1", part[1:-1]), not _EXPANDED_IN_QUOTES.search(part)
    elif part[0] == "\\":
        text, is_known = part[1:], True
    else:
        text, is_known = part, not _EXPANDED.search(part)
    is_quoted = part[0] in "'\"\\"
    if word is None:
        return _Word(text, is_known, is_quoted)
    return _Word(word.text + text, word.is_known and is_known, word.is_quoted or is_quoted)


# --- what they mean


def _parted(step: list[_Word]) -> tuple[Params, list[_Word]]:
    """The variables that are set for a simple command, and its words from the program on."""
    words = list(step)
    while words and words[0].text in _RESERVED and not words[0].is_quoted:
        words.pop(0)
    if not words or words[0].text in _WITHOUT_COMMAND:
        return {}, []
    place = 0
    is_env = False
    while place < len(words):
        text = words[place].text
        if os.path.basename(text) == "env":
            is_env = True
        elif is_env and text in _ENV_FLAGS_WITH_VALUE:
            place += 1
        elif not (_ASSIGNMENT.fullmatch(text) or (is_env and text.startswith("-"))):
            break
        place += 1
    return _variables(words[:place]), words[place:]


def _variables(words: list[_Word]) -> Params:
    """Those that are set, as far as they are known."""
    matches = (_ASSIGNMENT.fullmatch(word.text) for word in words if word.is_known)
    return {ENV + match[1]: match[2] for match in matches if match}


def _flags(words: list[_Word]) -> Params:
    """The flags and `key=value` of a program with its words."""
    if script := _script_of_shell(words):
        return of(script)
    found: Params = {}
    unknown: set[str] = set()

    def add(name: str, value: str | bool, is_known: bool) -> None:
        if not is_known:
            unknown.add(name)
        before = found.get(name)
        found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]

    rest = list(_without_python(words))[1:]
    while rest:
        word = rest.pop(0)
        if joined := _JOINED.fullmatch(word.text):
            add(joined[1], joined[2], word.is_known)
        elif flag := _FLAG.fullmatch(word.text):
            name = flag[1].lstrip("-")
            following = _values(rest) if flag[2] is None else []
            del rest[: len(following)]
            for value in following:
                add(name, value.text, word.is_known and value.is_known)
            if not following:
                add(name, True if flag[2] is None else flag[2], word.is_known)
        elif override := _OVERRIDE.fullmatch(word.text):
            add(override[1], override[2], word.is_known)
    return {name: value for name, value in found.items() if name not in unknown}


def _script_of_shell(words: list[_Word]) -> str | None:
    """What a shell is given to run, as in `bash -c "..."`."""
    if not words or os.path.basename(words[0].text) not in _SHELLS:
        return None
    for option, script in pairwise(words):
        if re.fullmatch("-[a-z]*c", option.text):
            return script.text if script.is_known else ""
    return None


def _without_python(words: list[_Word]) -> Iterator[_Word]:
    """The words without the options of a Python, which are none of the program that it runs."""
    rest = iter(words)
    for word in rest:
        yield word
        if not _PYTHON.fullmatch(os.path.basename(word.text)):
            continue
        for option in rest:
            if option.text in _PYTHON_FLAGS_WITH_VALUE:
                next(rest, None)
                if option.text in ("-m", "-c"):
                    break
            elif not option.text.startswith("-"):
                yield option
                break


def _values(words: list[_Word]) -> list[_Word]:
    """The words behind a flag that are its value: one, or as many numbers as there are; none where it has no value."""
    if not words or not _is_value(words[0]):
        return []
    numbers = list(takewhile(lambda word: _NUMBER.fullmatch(word.text), words))
    return numbers or words[:1]


def _is_value(word: _Word) -> bool:
    """Whether the word behind a flag is its value, and no flag, script or `key=value`."""
    if word.is_quoted or _NUMBER.fullmatch(word.text):
        return True
    return not (word.text.startswith("-") or _SCRIPT.fullmatch(word.text) or _OVERRIDE.fullmatch(word.text))
