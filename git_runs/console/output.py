"""Standard output: texts that are safe for a terminal."""

from __future__ import annotations

import os
import sys

from .escape import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def show(texts: Iterable[str], *, exact: bool = False) -> None:
    """Write the texts to standard output: as they are, but to a terminal with control characters spelled out, unless
    they are to be `exact`."""
    is_safe = exact or not reaches_terminal()
    sys.stdout.writelines(texts if is_safe else (escape(text, keep="\n\t") for text in texts))


def reaches_terminal() -> bool:
    """Whether standard output comes to a terminal, be it by way of a pager."""
    return sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE") in ("true", "1")
