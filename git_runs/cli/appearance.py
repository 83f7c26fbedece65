"""How things look on the terminal: how wide it is, what it can show, and what git's settings say of colours, dates and
short hashes."""

from __future__ import annotations

from math import inf

from ..console import terminal
from ..console.output import reaches_terminal
from ..system.git import config
from .dates import RELATIVE, Dates
from .hashes import short
from .layout import UNICODE, Signs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..system.git.discovery import Repository

SECTION = "color.runs"
# The slots, such as color.runs.failed, with what they are where nobody sets them: escape sequences, ECMA-48, 8.3.117.
SLOTS = {
    "queued": "\x1b[34m",
    "starting": "\x1b[33m",
    "running": "\x1b[36m",
    "finished": "\x1b[32m",
    "failed": "\x1b[31m",
    "killed": "\x1b[35m",
    "lost": "\x1b[1;31m",
    "best": "\x1b[1m",
    "commit": "\x1b[33m",
    "title": "\x1b[1m",
    "line": "\x1b[2m",
    "missing": "\x1b[2m",
    "curve": "\x1b[36m",
}
RESET = "\x1b[m"


class Appearance:
    """What standard output comes to, and how it is to be used."""

    def __init__(self, repository: Repository, *, is_wide: bool = False) -> None:
        """With lines as long as they may become, if it `is_wide`."""
        self._repository = repository
        self._is_wide = is_wide
        self.signs = Signs(unicode=terminal.shows(UNICODE))
        self.dates = Dates(repository.setting("log.date") or RELATIVE, to_terminal=reaches_terminal())
        self._colors = self._chosen_colors()

    @property
    def width(self) -> float:
        """How many places a line has; without an end where the output is no terminal's."""
        return terminal.size()[0] if reaches_terminal() and not self._is_wide else inf

    def paint(self, color: str, text: str) -> str:
        """The text in the colour of that name, if colours are to be used."""
        code = self._colors.get(color, "") if text else ""
        return f"{code}{text}{RESET}" if code else text

    def short(self, commit: str) -> str:
        """A hash as it is shown: git-config(1), core.abbrev."""
        return short(self._repository, commit)

    def _chosen_colors(self) -> dict[str, str]:
        wanted = config.wants_color(SECTION, to_terminal=reaches_terminal())
        if not wanted:
            return {}
        keys = (entry.key for entry in self._repository.config)
        own = {key.removeprefix(SECTION + ".") for key in keys if key.startswith(SECTION + ".")}
        return {**SLOTS, **config.colors(SECTION, own & SLOTS.keys())}
