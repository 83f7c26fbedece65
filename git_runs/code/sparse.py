"""Sparse checkouts, where a work tree has only those files of its commit that patterns name: git-sparse-checkout(1)."""

from __future__ import annotations

import os
import re

from . import index
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .index import Entry

NOTHING = "!/*"  # a pattern by which no file is there
_APPLIED = ("-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")


def patterns(tree: Tree, code: str, special: list[Entry]) -> list[str]:
    """The patterns, in the form that is not cone mode, by which a work tree gets those files of the commit or tree
    `code` that are in this one: the patterns that are set here, and the path of each file that is here all the same.

    None where no patterns are set. `special` are the entries of the index that git treats specially. Raises GitFailed,
    and what the file system says.
    """
    lines = set_here(tree)
    if not lines:
        return []
    missing = {entry.name for entry in special if entry.may_be_missing and not tree.has(entry.name)}
    return lines + [_literal(path) for path in _left_out(tree, code) if path not in missing]


def set_here(tree: Tree) -> list[str]:
    """The patterns that are set here; none where there are none."""
    return _set_in(os.path.join(tree.git_dir, "info", "sparse-checkout"))


def _set_in(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line for line in file.read().splitlines() if line and not line.startswith("#")]
    except FileNotFoundError:
        return []
    return [_as_text(line) for line in lines] or [NOTHING]


def _left_out(tree: Tree, code: str) -> Collection[str]:
    """The paths that the patterns leave out, by git's own word: it applies them to an index of all files, of which none
    is in the work tree."""
    with tree.with_index_of(code) as whole, tree.empty_directory() as nowhere:
        empty = Tree(nowhere, tree.git_dir, whole.environment)
        empty.run(*_APPLIED, "read-tree", "-m", "-u", "--no-recurse-submodules", code)
        return [entry.name for entry in index.Listing(empty.run(*index.LISTING)).special if entry.may_be_missing]


def _literal(path: str) -> str:
    """The pattern that only that path matches: gitignore(5)."""
    return _as_text("/" + re.sub(r"([\\*?[ ])", r"\\\1", path))


def _as_text(pattern: str) -> str:
    """The pattern in one line of text: what that cannot hold may be any character."""
    return re.sub(r"[\n\r\ud800-\udfff]", "?", pattern)
