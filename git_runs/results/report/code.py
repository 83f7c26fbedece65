"""The code of many commits, as far as it is different, so that any two of them can be compared in a page.

A file at a path counts where not all of the commits have the same there. What files hold is stored once for each
content, and not for each pair of commits.
"""

from __future__ import annotations

import re

from ...console.escape import escape
from ...system.git import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Side = tuple[str, str]  # mode and hash, as git has them

LARGEST = 200_000  # bytes of a file that is compared line by line
ALL = 2_000_000  # bytes of all of them
NOTHING, SUBMODULE = "000000", "160000"  # modes


def compared(commits: Iterable[str], git_dir: str) -> dict[str, Any]:
    """For JSON: `commits`, those that are here, each with its `files` [path, mode, number of its text] where it differs
    from the first; and `texts`, each text or, where it is none or too long, a list of one line that says so. The number
    is -1 where there is no file. The first has all paths at which another one differs."""
    trees = _trees(commits)
    base = next(iter(trees.values()), "")
    others = list(dict.fromkeys(tree for tree in trees.values() if tree != base))
    changes = objects.changes([(base, tree) for tree in others])
    sides: dict[str, dict[str, Side]] = {base: {}}
    for tree, changed in zip(others, changes, strict=True):
        sides[tree] = {path: new for path, _, new in changed}
        sides[base].update((path, old) for path, old, _ in changed)
    texts = _texts({side for files in sides.values() for side in files.values() if side[0] != NOTHING}, git_dir)
    places = {side: place for place, side in enumerate(texts)}
    files = {
        tree: [[escape(path), mode, places.get((mode, name), -1)] for path, (mode, name) in sorted(found.items())]
        for tree, found in sides.items()
    }
    listed = [{"commit": commit, "files": files[tree]} for commit, tree in trees.items()]
    return {"commits": listed, "texts": list(texts.values())}


def _trees(commits: Iterable[str]) -> dict[str, str]:
    """The trees of the commits that are here."""
    names = {commit: commit + "^{tree}" for commit in commits if re.fullmatch("[0-9a-f]{4,64}", commit)}
    known = objects.hashes(names.values()) if names else {}
    return {commit: known[name] for commit, name in names.items() if known.get(name, " ").isalnum()}  # not ambiguous


def _texts(sides: set[Side], git_dir: str) -> dict[Side, str | list[str]]:
    """What they hold: the short ones first, as long as there is room."""
    sizes = objects.sizes(name for mode, name in sides if mode != SUBMODULE)
    found: dict[Side, str | list[str]] = {
        side: f"Subproject commit {side[1]}\n" for side in sides if side[0] == SUBMODULE
    }
    files = sorted((sizes[side[1]], side) for side in sides - {*found} if side[1] in sizes)
    for size, side in files:
        found[side] = [f"a file of {size} bytes, too large for this page"]
    fitting = list(_fitting(files))
    for side, content in zip(fitting, objects.contents([name for _, name in fitting], git_dir), strict=True):
        is_text = b"\0" not in content[:8000]  # as git decides it
        found[side] = (
            escape(content.decode(errors="replace"), keep="\n\t")
            if is_text
            else [f"a binary file of {len(content)} bytes"]
        )
    for side in sides - {*found}:
        found[side] = ["a file that is not in this repository"]
    return found


def _fitting(files: Iterable[tuple[int, Side]]) -> Iterator[Side]:
    room = ALL
    for size, side in files:
        room -= size
        if size <= LARGEST and room >= 0:
            yield side
