"""Commits that no work tree and no index is needed for: git-fast-import(1)."""

from __future__ import annotations

import re
from itertools import chain

from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Commit:
    """What is to be committed."""

    def __init__(
        self,
        author: str,
        moment: int,
        message: str,
        *,
        parent: str | None = None,
        tree: str | None = None,
        changed: Mapping[str, bytes] | None = None,
        removed: Iterable[str] = (),
    ) -> None:
        self.author = author  # a name
        self.moment = moment  # seconds since the epoch
        self.message = message
        self.parent = parent  # full hash; None: the commit before it, or none
        self.tree = tree  # full hash of the whole tree, or else that of the parent
        self.changed = changed or {}  # the files that are to be another there, by path
        self.removed = list(removed)  # the paths that go

    def stream(self, ref: str) -> Iterator[bytes]:
        """As git-fast-import(1) reads it."""
        message = self.message.encode("utf-8", "surrogateescape")
        yield f"commit {ref}\nmark :1\n".encode()
        yield f"committer {_identity(self.author)} {self.moment} +0000\ndata {len(message)}\n".encode()
        yield message + b"\n"
        if self.parent:
            yield f"from {self.parent}\n".encode()
        if self.tree:
            yield f'M 040000 {self.tree} ""\n'.encode()
        for path in self.removed:
            yield f"D {path}\n".encode()
        for path, content in self.changed.items():
            yield f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"


def commit(place: tuple[str, ...], ref: str, new: Commit) -> None:
    """Add a commit to the branch of that ref; raises GitFailed."""
    _import(place, new.stream(ref))


def replace(place: tuple[str, ...], ref: str, commits: list[Commit]) -> str:
    """Let the ref point at the last of those commits, each the parent of the next; gives its full hash. Raises
    GitFailed."""
    streams = chain([f"reset {ref}\n\n".encode()], *(one.stream(ref) for one in commits), [b"get-mark :1\n"])
    return _import(place, streams, "--force").strip()


def _import(place: tuple[str, ...], stream: Iterable[bytes], *options: str) -> str:
    words = (*place, "fast-import", "--quiet", "--done", "--date-format=raw", *options)
    return calls.Call(*words, stdin=b"".join([*stream, b"done\n"])).output()


def _identity(author: str) -> str:
    name = re.sub(r"[<>\n\0]", "", author)
    return f"{name} <{name if '@' in name else ''}>"
