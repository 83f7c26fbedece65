"""Where in a file a setting stands, which git does not say: the syntax of git-config(1), and of YAML."""

from __future__ import annotations

import re

SECTION = re.compile(r'\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\](.*)', re.DOTALL)
KEY = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:[=#;]|$)")
YAML_KEY = re.compile(r"([\w-]+)\s*:")


def numbers(path: str) -> dict[str, list[int]]:
    """The numbers of the lines, from 1, at which values begin, by key as git names it, such as `runs.jobs`; those of a
    YAML file are of `runs`. Nothing of a file that cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    found: dict[str, list[int]] = {}
    section, goes_on = "", False
    for number, line in enumerate(lines, 1):
        text, continued = line, goes_on
        goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if continued:
            continue
        if header := SECTION.match(text):
            name, subsection, text = header.groups()
            section = name.lower() if subsection is None else f"{name.lower()}.{subsection}"
        if section and (key := KEY.match(text)):
            found.setdefault(f"{section}.{key[1].lower()}", []).append(number)
        elif not section and (key := YAML_KEY.match(text)):
            found.setdefault(f"runs.{key[1]}", []).append(number)
    return found
