"""Commits and other objects: which there are, what they hold, and how two commits differ."""

from __future__ import annotations

import os
import re

from ...errors.system import GitFailed
from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    Side = tuple[str, str]  # mode and hash; of what is not there, zeros
    Change = tuple[str, Side, Side]  # the path, and what is there in the old and in the new tree


def start_subject() -> calls.Call:
    """Begin to read the first line of HEAD's message; fails, in git's words, on an unborn branch."""
    return calls.start("log", "-1", "--no-show-signature", "--format=%s")


def resolve(revision: str, git_dir: str | None = None) -> str | None:
    """Full hash of the commit that `revision` names, here or in that repository, or None."""
    place = () if git_dir is None else calls.at(git_dir)
    call = calls.start(*place, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    code, stdout, _ = call.finish()
    return None if code else stdout.strip()


def is_hash(text: str) -> bool:
    """Whether it has the form of a full hash, in either kind of repository."""
    return re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", text) is not None


def hashes(revisions: Iterable[str]) -> dict[str, str]:
    """The full hashes of the objects that the revisions name; without those that name none here, as what has a line
    break in it."""
    revisions = [revision for revision in revisions if "\n" not in revision]
    answers = calls.run(
        "cat-file", "--batch-check=%(objectname)", stdin="".join(revision + "\n" for revision in revisions)
    )
    found = zip(revisions, answers.split("\n")[:-1], strict=True)
    return {revision: answer for revision, answer in found if not answer.endswith(" missing")}


def kinds(names: Iterable[str], git_dir: str) -> dict[str, str]:
    """What the objects of those hashes in that repository are, by hash: "commit", "blob" or "missing", say."""
    lines = "".join(name + "\n" for name in dict.fromkeys(names))
    words = (*calls.at(git_dir), "cat-file", "--batch-check=%(objectname) %(objecttype)")
    answers = calls.run(*words, stdin=lines) if lines else ""
    pairs = (answer.partition(" ") for answer in answers.splitlines())
    return {name: kind for name, _, kind in pairs}


def sizes(names: Iterable[str], git_dir: str | None = None) -> dict[str, int]:
    """How many bytes the objects of those hashes have, by hash, here or in that repository; without those that are not
    there."""
    lines = "".join(name + "\n" for name in dict.fromkeys(names))
    words = (*(() if git_dir is None else calls.at(git_dir)), "cat-file", "--batch-check=%(objectname) %(objectsize)")
    answers = calls.run(*words, stdin=lines) if lines else ""
    return {name: int(size) for name, size in map(str.split, answers.splitlines()) if size != "missing"}


def unknown(revisions: Iterable[str]) -> list[str]:
    """Those of the revisions that name no object here."""
    revisions = list(revisions)
    known = hashes(revisions)
    return [revision for revision in revisions if revision not in known]


def submodules_of(commit: str, git_dir: str) -> list[tuple[str, str]]:
    """Paths and commits of the submodules that the commit in that repository points at; raises GitFailed."""
    tree = calls.run(*calls.at(git_dir), "ls-tree", "-r", "-z", "--full-tree", commit)
    return [(name, inner) for inner, name in re.findall(r"160000 commit ([0-9a-f]+)\t([^\0]+)", tree)]


def changes(pairs: Sequence[tuple[str, str]]) -> list[list[Change]]:
    """What is different between two trees, given by their full hashes, for each pair; raises GitFailed."""
    lines = "".join(f"{old} {new}\n" for old, new in pairs)
    answer = calls.run("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", stdin=lines) if lines else ""
    found: dict[str, list[Change]] = {}
    for match in re.finditer(r"(?P<pair>[0-9a-f]+ [0-9a-f]+)\n|:(\d+) (\d+) (\w+) (\w+) \w+\0([^\0]+)\0", answer):
        if match["pair"]:  # a header, which the changes follow
            changed = found.setdefault(match["pair"], [])
        else:
            old_mode, new_mode, old, new, path = match.groups()[1:]
            changed.append((path, (old_mode, old), (new_mode, new)))
    return [found.get(f"{old} {new}", []) for old, new in pairs]


def held(commit: str, paths: Iterable[str]) -> set[str]:
    """Those of the paths, from the top, without a "/" at their ends, at which the commit has anything; raises
    GitFailed."""
    words = ("--literal-pathspecs", "ls-tree", "-z", "--name-only", "--full-tree", commit)
    return set(calls.run(*words, *(path.rstrip("/") for path in paths)).split("\0"))


def links_of(commit: str) -> list[str]:
    """The paths of the symbolic links in the commit, from the top, as git prints them; raises GitFailed."""
    tree = calls.run("ls-tree", "-r", "-z", "--full-tree", commit)
    return re.findall(r"120000 blob [0-9a-f]+\t([^\0]+)", tree)


def files_of(commit: str, git_dir: str) -> list[tuple[str, str, str]]:
    """Mode, hash and path of the files, links left out, of the commit in that repository; raises GitFailed."""
    place = ("--no-replace-objects", *calls.at(git_dir))
    tree = calls.run(*place, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit)
    return re.findall(r"(100[0-9]{3}) blob ([0-9a-f]+)\t([^\0]+)", tree)


def contents(hashes: Iterable[str], git_dir: str) -> list[bytes]:
    """What the objects with those hashes hold, in that repository; raises GitFailed where one is not there."""
    hashes = list(hashes)
    held = found(hashes, git_dir)
    if missing := [name for name in hashes if name not in held]:
        raise GitFailed(f"fatal: object {missing[0]} missing\n")
    return [held[name] for name in hashes]


def found(names: Iterable[str], git_dir: str, largest: int | None = None) -> dict[str, bytes]:
    """What the objects of those names, such as `<commit>:<path>`, hold in that repository, by name; without those that
    are not there, or have more bytes than `largest`. No name has a newline in it."""
    names = list(names)
    held: dict[str, bytes] = {}
    if not names:
        return held
    words = ("--no-replace-objects", *calls.at(git_dir), "cat-file", "--batch")
    with calls.reading(*words, stdin="".join(name + "\n" for name in names)) as answer:
        for name in names:  # "<hash> <type> <size>", the object, and a newline; or "<name> missing"
            header = answer.readline()
            if header.endswith((b" missing\n", b" ambiguous\n")):
                continue
            if not header:
                break  # the repository is damaged
            size = int(header.rsplit(b" ", 1)[1])
            if largest is None or size <= largest:
                held[name] = answer.read(size)
                answer.read(1)
            else:
                _skip(answer, size + 1)
    return held


def _skip(file: BinaryIO, size: int) -> None:
    while size and (piece := file.read(min(size, 1 << 20))):
        size -= len(piece)


def parents(commit: str, git_dir: str) -> list[str]:
    """The full hashes of those of a commit in that repository, whatever replaces it; none where it is not there."""
    header = raw_commit(commit, git_dir).partition(b"\n\n")[0]
    return re.findall(r"^parent ([0-9a-f]+)$", header.decode(errors="replace"), re.MULTILINE)


def is_in(commit: str, other: str) -> bool:
    """Whether the commit is the other one, or was before it."""
    return calls.start("merge-base", "--is-ancestor", commit, other).succeeds()


def is_shallow(git_dir: str) -> bool:
    """Whether the repository with that common git dir does not have what came before some commits: git-clone(1),
    --depth."""
    return os.path.exists(os.path.join(git_dir, "shallow"))


def message(commit: str, git_dir: str) -> str:
    """That of a commit in that repository; "" where it is not there."""
    return raw_commit(commit, git_dir).partition(b"\n\n")[2].decode(errors="replace")


def raw_commit(commit: str, git_dir: str) -> bytes:
    """What a commit consists of, in that repository; b"" where it is not there."""
    call = calls.start("--no-replace-objects", *calls.at(git_dir), "cat-file", "commit", commit)
    return call.bytes() if call.succeeds() else b""


def is_complete(name: str, git_dir: str) -> bool:
    """Whether the commit or tree of that name is in that repository with all that it holds; nothing is fetched."""
    words = ("rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk=unsorted", name)
    code, answer, _ = calls.start("--no-replace-objects", *calls.at(git_dir), *words).finish()
    return code == 0 and "?" not in answer


def exists(name: str, git_dir: str) -> bool:
    """Whether there is an object of that name, such as `<commit>:<path>`, in that repository."""
    return calls.start("--no-replace-objects", *calls.at(git_dir), "cat-file", "-e", name).succeeds()


def content(name: str, git_dir: str) -> bytes:
    """What the file of that name, such as `<commit>:<path>`, holds in that repository; raises GitFailed."""
    return calls.start("--no-replace-objects", *calls.at(git_dir), "cat-file", "blob", name).bytes()


def diff(old: str, new: str, *options: str, color: bool) -> str:
    """What `git diff` says of two commits; raises GitFailed. The first option that is none begins the paths."""
    words = list(options)
    if "--" not in words:
        words.insert(next((place for place, word in enumerate(words) if not word.startswith("-")), len(words)), "--")
    fixed = ("--no-ext-diff", "--ignore-submodules=none", f"--color={'always' if color else 'never'}")
    code, stdout, stderr = calls.start("diff", *fixed, old, new, *words).finish()
    if code not in (0, 1):  # 1: they differ, with --exit-code
        raise GitFailed(stderr)
    return stdout
