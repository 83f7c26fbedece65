"""The file `.runsrc`: in the form of git config with a section `[runs]`, or in the YAML of the first `runs` tool."""

from __future__ import annotations

import os
import re

from ..console.messages import warn
from ..errors.config import BadConfig
from ..system.git import config
from .settings import SETTINGS, Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..system.git.discovery import Repository

NAME = ".runsrc"
# What keys may have in the YAML form, beside plain text.
LISTS = {"extra-flag": (str, list), "extra-flags": (list,), "hidden-columns": (str, list)}
# lab-notebook has an INI file of that name, with keys that no configuration of git can have: git-config(1), "Syntax".
_OF_LAB_NOTEBOOK = re.compile(rb"^(db_path|dir_names)\s*[:=]", re.MULTILINE)
MANY = {setting.key for setting in SETTINGS if setting.many}


def read(repository: Repository, base: str) -> Iterable[tuple[str, Given]]:
    """Keys and values of the nearest `.runsrc`, from the current directory up to the top of the work tree."""
    if repository.top is None:
        return
    directory = repository.prefix.rstrip("/")
    while not os.path.isfile(path := os.path.join(repository.top, directory, NAME)):
        if os.path.lexists(path):
            warn(f"no settings are read from '{path}', which is no file")
        if not directory:
            return
        directory = os.path.dirname(directory)
    # In a linked work tree, paths are meant as in the main one: the runs dir is shared.
    base = os.path.join(base, directory)
    for key, text in _read_file(path):
        yield key, Given(text, f"file {path}", base, "runsrc")


def _read_file(path: str) -> Iterable[tuple[str, str | None]]:
    with open(path, "rb") as file:
        text = file.read()
    if _OF_LAB_NOTEBOOK.search(text):
        return  # its settings mean nothing to us; records/importers/lab_notebook.py reads what we need of them
    if not _is_git_style(text):
        yield from _read_yaml(text, path)
        return
    for key, value in config.of_file(path):
        section, _, name = key.partition(".")
        yield (name if section == "runs" else key), value


def _is_git_style(text: bytes) -> bool:
    """Whether the first line that says something opens a section, as git-config(1) requires."""
    lines = (line.strip() for line in text.removeprefix(b"\xef\xbb\xbf").splitlines())
    first = next((line for line in lines if line and not line.startswith((b"#", b";"))), b"[")
    return first.startswith(b"[")


def _read_yaml(text: bytes, path: str) -> Iterable[tuple[str, str | None]]:
    from ..records.yamltext import parse_settings

    settings, pairs = _split_off_bare_pairs(text)
    for key, value in {**parse_settings(settings, path), **parse_settings(pairs, path)}.items():
        if not isinstance(value, LISTS.get(key, str)) and value is not None:
            raise BadConfig(path, _line_of(text, key), f"'{key}' cannot have such a value")
        if key == "extra-flags":
            yield from (
                ("extra-flag", _flag_of_pair(pair, path, text)) for pair in (value if isinstance(value, list) else ())
            )
        elif isinstance(value, list) and key in MANY:
            yield from ((key, str(item)) for item in value)
        elif isinstance(value, list):
            yield key, ",".join(map(str, value))
        else:
            yield key, "None" if value is None else str(value)


def _split_off_bare_pairs(text: bytes) -> tuple[bytes, bytes]:
    """The published example of the YAML form has pairs, `  - [flag, value]`, without the line `extra-flags:` above.

    They come as a text of their own, with that line. Both texts keep every line at its number.
    """
    lines = text.splitlines(keepends=True)
    bare = [] if b"extra-flags:" in text else [n for n, line in enumerate(lines) if line.lstrip().startswith(b"- [")]
    if not bare:
        return text, b"{}"
    pairs = [line if n in bare else b"\n" for n, line in enumerate(lines)]
    pairs[bare[0] - 1] = b"extra-flags:\n"
    return b"".join(b"\n" if n in bare else line for n, line in enumerate(lines)), b"".join(pairs)


def _line_of(text: bytes, words: str) -> int:
    """The number of the first line that begins with those words, from 1; 1 where none does."""
    lines = text.decode(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(words)), 1)


def _flag_of_pair(pair: object, path: str, text: bytes) -> str:
    if not isinstance(pair, list) or len(pair) != 2:
        shown = f"- [{', '.join(map(str, pair))}" if isinstance(pair, list) else f"- {pair}"
        raise BadConfig(path, _line_of(text, shown), "extra-flags are pairs: - [flag, value]")
    name, value = map(str, pair)
    return f"{name if name.startswith('-') else '--' + name}={value}"
