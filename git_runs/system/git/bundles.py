"""Objects and refs in one file: git-bundle(1)."""

from __future__ import annotations

import os
import re

from . import calls, refstore, remotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def create(path: str, place: str, git_dir: str, refs: Mapping[str, str], known: Sequence[str]) -> None:
    """Write a bundle with those refs, at those commits of the repository at `git_dir`, but without what the revisions
    that are `known` contain. `place`: an empty directory, for a repository in which the refs are called so. Raises
    GitFailed."""
    kind = calls.run(*calls.at(git_dir), "rev-parse", "--show-object-format").strip()
    calls.run("-c", "init.defaultBranch=none", "init", "-q", "--bare", f"--object-format={kind}", "--template=", place)
    with open(os.path.join(place, "objects", "info", "alternates"), "w", encoding="utf-8") as file:
        file.write(os.path.join(git_dir, "objects") + "\n")
    refstore.update((word for ref, commit in refs.items() for word in (f"create {ref}", commit)), place)
    others = calls.run(*calls.at(git_dir), "rev-parse", *known).split() if known else []
    words = "".join(f"{ref}\n" for ref in refs) + "".join(f"^{commit.lstrip('^')}\n" for commit in others)
    call = calls.Call("--git-dir=" + place, "bundle", "create", "-q", os.path.abspath(path), "--stdin", stdin=words)
    call.output()


def is_one(path: str) -> bool:
    """Whether the file begins as a bundle does: gitformat-bundle(5). Raises what the file system says."""
    with open(path, "rb") as file:
        return re.match(rb"# v[0-9]+ git bundle\n", file.readline(64)) is not None


def heads(path: str) -> dict[str, str]:
    """The refs that are in it, and what they point at; raises GitFailed."""
    lines = calls.run("bundle", "list-heads", path).splitlines()
    return {ref: target for target, ref in (line.split(" ", 1) for line in lines)}


def fetch(path: str, refspecs: Sequence[str]) -> None:
    """Fetch from the bundle by those refspecs; raises NotThere and GitFailed."""
    remotes.fetch(path, refspecs)
