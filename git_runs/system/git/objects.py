"""Commits and other objects: which there are, what they hold, and how two commits differ."""

from __future__ import annotations

import re

from ...errors.system import GitFailed
from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def start_subject() -> calls.Call:
    """Begin to read the first line of HEAD's message; fails, in git's words, on an unborn branch."""
    return calls.start("log", "-1", "--no-show-signature", "--format=%s")


def resolve(revision: str, git_dir: str | None = None) -> str | None:
    """Full hash of the commit that `revision` names, here or in that repository, or None."""
    place = () if git_dir is None else calls.at(git_dir)
    call = calls.start(*place, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    code, stdout, _ = call.finish()
    return None if code else stdout.strip()


def hashes(revisions: Iterable[str]) -> dict[str, str]:
    """The full hashes of the objects that the revisions, each without white space, name; without those that name none
    here."""
    revisions = list(revisions)
    answers = calls.run(
        "cat-file", "--batch-check=%(objectname)", stdin="".join(revision + "\n" for revision in revisions)
    )
    found = zip(revisions, answers.splitlines(), strict=True)
    return {revision: answer for revision, answer in found if not answer.endswith(" missing")}


def unknown(revisions: Iterable[str]) -> list[str]:
    """Those of the revisions, each without white space, that name no object here."""
    revisions = list(revisions)
    known = hashes(revisions)
    return [revision for revision in revisions if revision not in known]


def submodules_of(commit: str, git_dir: str) -> list[tuple[str, str]]:
    """Paths and commits of the submodules that the commit in that repository points at; raises GitFailed."""
    tree = calls.run(*calls.at(git_dir), "ls-tree", "-r", "-z", "--full-tree", commit)
    return [(name, inner) for inner, name in re.findall(r"160000 commit ([0-9a-f]+)\t([^\0]+)", tree)]


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
    lines = "".join(name + "\n" for name in hashes)
    words = ("--no-replace-objects", *calls.at(git_dir), "cat-file", "--batch")
    answer = calls.Call(*words, stdin=lines).bytes()
    found = []
    while answer:  # "<hash> <type> <size>", the object, and a newline
        header, _, answer = answer.partition(b"\n")
        if header.endswith(b" missing"):
            raise GitFailed(f"fatal: object {header.decode()}\n")
        size = int(header.split()[2])
        found.append(answer[:size])
        answer = answer[size + 1 :]
    return found


def parents(commit: str, git_dir: str) -> list[str]:
    """The full hashes of those of a commit in that repository, whatever replaces it; none where it is not there."""
    header = raw_commit(commit, git_dir).partition(b"\n\n")[0]
    return re.findall(r"^parent ([0-9a-f]+)$", header.decode(errors="replace"), re.MULTILINE)


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
