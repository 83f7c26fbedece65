"""What the index knows of the work tree, and changes that git is set not to see."""

from __future__ import annotations

import os
from functools import cached_property

from ..system.git import calls, discovery, objects, status, variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    File = tuple[str, str, str]  # mode, blob and path of a file in an index or a tree

LISTING = ("ls-files", "-v", "-z", "--stage", "--full-name")
LINK, SUBMODULE = "120000", "160000"
EXECUTABLE = "100755"
RESTORED = "git-runs-restored"  # in a git dir: what `note_restored` writes


class Entry:
    """One entry of the index."""

    def __init__(self, tag: str, mode: str, content: str, name: str) -> None:
        self.tag = tag  # "H"; "S" for skip-worktree, lower case for assume-unchanged: git-update-index(1)
        self.mode = mode  # six octal digits
        self.content = content  # hash of the blob, or of the commit of a submodule
        self.name = name  # as git prints it, from the top

    @property
    def is_hidden(self) -> bool:
        """Whether git is set to ignore changes of it."""
        return self.tag != "H"

    @property
    def may_be_missing(self) -> bool:
        """Whether it need not be in the work tree, as in a sparse checkout."""
        return self.tag in "sS"


class Listing:
    """What `git *LISTING` printed: the entries, unmerged ones left out."""

    def __init__(self, text: str) -> None:
        # "H 100644 <hash> 0\t<path>". In a large index these are many, and few are asked for.
        self._lines = [line for line in text.split("\0") if line]

    @cached_property
    def special(self) -> list[Entry]:
        """Those that are hidden, or submodules."""
        return self._parsed(line for line in self._lines if line[0] != "H" or line[2:8] == SUBMODULE)

    @property
    def files(self) -> list[File]:
        """Those that are files."""
        lines = [line for line in self._lines if line[2:5] == "100"]
        end = lines[0].index(" ", 9) if lines else 0  # of the hash
        return [(line[2:8], line[9:end], line[end + 3 :]) for line in lines if line[end + 1] == "0"]

    @property
    def symbolic_links(self) -> list[str]:
        """The paths of those, from the top."""
        return [entry.name for entry in self._parsed(line for line in self._lines if line[2:8] == LINK)]

    def called(self, name: str) -> list[str]:
        """The paths of those with that name, in whatever directory."""
        lines = [line for line in self._lines if line.endswith(name)]
        return [entry.name for entry in self._parsed(lines) if os.path.basename(entry.name) == name]

    def _parsed(self, lines: Iterable[str]) -> list[Entry]:
        parts = (line.partition("\t") for line in lines)
        entries = ((*about.split(" "), name) for about, _, name in parts)
        return [Entry(tag, mode, content, name) for tag, mode, content, stage, name in entries if stage == "0"]


def start_hidden() -> calls.Call:
    """Begin to list the files whose changes git is set not to see; `read_hidden` takes the answer."""
    return calls.start(*LISTING, "--", ":/")


def read_hidden(call: calls.Call, top: str) -> list[str]:
    """Those of the files that `start_hidden` asked for which are changed, from the top of the work tree, also in
    submodules.

    Files that a sparse checkout leaves out are not there, and so not changed. Raises GitFailed.
    """
    return _changed_of(Listing(call.output()).special, top)


def _changed_of(entries: Iterable[Entry], top: str) -> list[str]:
    """Those of the hidden files, and of those in submodules, that are changed."""
    changed = []
    files = []
    for entry in entries:
        place = os.path.join(top, calls.path(entry.name))
        if entry.mode == SUBMODULE:
            changed += _hidden_in_submodule(entry, place)
        elif not os.path.lexists(place):
            changed += [] if entry.may_be_missing else [entry.name]
        elif entry.mode == LINK or os.path.islink(place) or not os.path.isfile(place):
            changed += [] if _hash_of_link(place, top) == entry.content else [entry.name]
        else:
            files.append(entry)
    return changed + _with_other_content(files, top)


def _hidden_in_submodule(entry: Entry, place: str) -> list[str]:
    dirs = discovery.dirs_at(place)
    if dirs is None:
        return []
    if entry.is_hidden and objects.resolve("HEAD", dirs[0]) != entry.content:
        return [entry.name]
    return [f"{entry.name}/{name}" for name in _hidden_at(place)]


def _hidden_at(top: str) -> list[str]:
    return _without_restored(top, _changed_of(_special_at(top), top))


def _special_at(top: str) -> list[Entry]:
    return Listing(calls.Call("-C", top, *LISTING, environment=variables.without_repository()).output()).special


def _hash_of_link(place: str, top: str) -> str | None:
    """As the index would have it; None where there is no link."""
    if not os.path.islink(place):
        return None
    target = os.fsencode(os.readlink(place)).decode("utf-8", "surrogateescape")
    return calls.run("-C", top, "hash-object", "--stdin", stdin=target).strip()


def _with_other_content(entries: list[Entry], top: str) -> list[str]:
    # git takes the paths line by line.
    simple = [entry for entry in entries if "\n" not in entry.name]
    changed = [entry.name for entry in entries if "\n" in entry.name]
    if simple:
        paths = "".join(os.path.join(top, entry.name) + "\n" for entry in simple)
        blobs = calls.run("-C", top, "hash-object", "--stdin-paths", stdin=paths).splitlines()
        changed += [entry.name for entry, blob in zip(simple, blobs, strict=True) if blob != entry.content]
    return changed


def note_restored(git_dir: str, files: list[File]) -> None:
    """Note which blobs some hidden files in the work tree of that git dir are byte for byte, though they count as what
    the index has."""
    with open(os.path.join(git_dir, RESTORED), "w", encoding="utf-8", errors="surrogateescape") as note:
        note.writelines(f"{blob} {path}\0" for _, blob, path in files)


def _has_content(place: str) -> bool:
    return os.path.lexists(place) and (not os.path.isdir(place) or os.path.islink(place) or bool(os.listdir(place)))


def _without_restored(top: str, changed: list[str]) -> list[str]:
    """The paths without those that are still as it was noted."""
    if not changed or not (dirs := discovery.dirs_at(top)):
        return changed
    try:
        with open(os.path.join(dirs[0], RESTORED), encoding="utf-8", errors="surrogateescape") as note:
            lines = note.read().split("\0")[:-1]
    except FileNotFoundError:
        return changed
    blobs = {path: blob for blob, _, path in (line.partition(" ") for line in lines)}
    raw = ("-C", top, "hash-object", "--no-filters", "--")
    return [path for path in changed if path not in blobs or calls.run(*raw, path).strip() != blobs[path]]


def changed_and_untracked(top: str, others: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """The tracked files that are changed in the work tree at `top`, and the paths that are not tracked, ignored ones
    too; raises GitFailed.

    git is asked nothing of the submodules, of which `others`, paths from there, count for nothing; the rest counts as
    changed where anything is in it.
    """
    words = ("--no-replace-objects", "-C", top, *status.COMMAND, "--ignored=matching", "--ignore-submodules=all")
    call = calls.Call(*words, environment=variables.without_repository())
    special = _special_at(top)
    changed = _without_restored(top, _changed_of((one for one in special if one.mode != SUBMODULE), top))
    submodules = [calls.path(one.name) for one in special if one.mode == SUBMODULE and one.name not in others]
    changed += [path for path in submodules if _has_content(os.path.join(top, path))]
    untracked: list[str] = []
    for change in status.read(call).changes:
        (untracked if change[:2] in ("??", "!!") else changed).append(change[3:])
    return changed, untracked
