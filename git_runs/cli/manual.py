"""The pages of the manual, which travel in the package, shown as git shows its own: git-help(1)."""

from __future__ import annotations

import os
import re

from ..config.values import is_on_path
from ..console.messages import hint
from ..errors.base import did_you_mean
from ..errors.cli import NoPage
from ..system import programs
from ..system.git import calls

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARE = os.path.join(PACKAGE, "share")  # what setup.py builds; missing in a checkout
SOURCES = (os.path.join(SHARE, "doc", "git-runs"), os.path.join(os.path.dirname(PACKAGE), "man"))
OF_ALL = "git-runs"  # the page of all commands


def page_of(command: str) -> str:
    """The page of a command; raises NoPage where there is none."""
    name = command.removeprefix("git-").removeprefix("runs").removeprefix("-")
    page = f"{OF_ALL}-{name}" if name else OF_ALL
    if _source(page) is None:
        files = [file for place in SOURCES if os.path.isdir(place) for file in os.listdir(place)]
        raise NoPage(name, did_you_mean(name, [file[len(OF_ALL) + 1 : -len(".md")] for file in files]))
    return page


def show(page: str) -> int:
    """Open a page in man(1), or whatever man.viewer names in git config; where there is none, print its text. Gives the
    exit code."""
    if not os.path.isfile(os.path.join(SHARE, "man", "man1", f"{page}.1")) or not has_viewer():
        _print(page)
        return 0
    path = f"{os.path.join(SHARE, 'man')}:{os.environ.get('MANPATH', '')}"  # an empty end: and where man looks anyway
    code = calls.show("help", "--man", page, environment={**os.environ, "MANPATH": path})
    if not is_found_by_man():
        hint("'git help runs' and completion by TAB work after 'git runs help --install'")
    return code


def has_viewer() -> bool:
    """Whether there is anything that git can show a page with."""
    return is_on_path("man") or calls.start("config", "man.viewer").succeeds()


def is_found_by_man() -> bool:
    """Whether man(1) finds the pages by itself, as for `git help runs`."""
    return _answers("man", "-w", OF_ALL)


def _answers(*command: str) -> bool:
    try:
        return programs.run([*command])[0] == 0
    except OSError:
        return False


def _print(page: str) -> None:
    from . import pager

    source = _source(page)
    if source is None:
        raise NoPage(page)
    with open(source, encoding="utf-8") as file:
        text = file.read()
    pager.start()
    print(as_text(text), end="")


def _source(page: str) -> str | None:
    places = (os.path.join(place, f"{page}.md") for place in SOURCES)
    return next(filter(os.path.isfile, places), None)


def as_text(markdown: str) -> str:
    """Markdown without its head and its marks."""
    text = re.sub(r"\A---\n.*?\n---\n+", "", markdown, flags=re.DOTALL)
    text = re.sub(r"^```.*\n|^#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^:   ", "    ", text, flags=re.MULTILINE)
    return re.sub(r"\\([\W_])|\*", lambda mark: mark[1] or "", text)
