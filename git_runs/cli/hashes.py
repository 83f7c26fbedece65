"""Hashes of commits, as short as git's setting core.abbrev has them: git-config(1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..system.git.discovery import Repository

DIGITS = 10  # where that is left to us
LEAST = 4  # digits that git shows


def short(repository: Repository, commit: str) -> str:
    """The hash, of a commit that need not be here, as it is shown to people."""
    digits = (repository.setting("core.abbrev") or "auto").lower()
    if digits in ("no", "off", "false"):
        return commit
    return commit[: max(LEAST, int(digits)) if digits.isdecimal() else DIGITS]
