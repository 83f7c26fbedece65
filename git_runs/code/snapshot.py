"""Commits made of a work tree as it is, with its changed and untracked files and what is included of the ignored ones.

git works on a copy of the index (git(1), GIT_INDEX_FILE), so that the person's index, HEAD, branch, stash and files
stay as they are. Submodules with changes are snapshot the same way, and the outer commit points at their snapshots.
"""

from __future__ import annotations

import os

from ..errors.code import SnapshotTooLarge
from ..system.git import calls, config, discovery, status, variables
from . import attributes, exactness, index, keeping, sparse
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..system.git.config import Checkout
    from ..system.git.status import WorkTreeState

UNMERGED = ("DD", "AU", "UD", "UA", "DU", "AA", "UU")


class Submodule:
    """A repository inside the work tree, and the commit that the snapshot has of it."""

    def __init__(
        self, outer: str, common_dir: str, commit: str, kept: str | None = None, sparse: list[str] | None = None
    ) -> None:
        self.too_large: int | None = None  # bytes by which the outer repository would grow, if it is not kept there
        self.outer = outer  # absolute top of the work tree that it is in
        self.common_dir = common_dir  # absolute
        self.commit = commit  # full hash
        self.kept = kept  # as of a snapshot
        self.sparse = sparse or []  # as of a snapshot

    def to_record(self) -> dict[str, str | int | list[str]]:
        """What a run's record says of it."""
        known = {
            "commit": self.commit,
            "repository": self.common_dir,
            "bytes": self.kept,
            "sparse": self.sparse or None,
            "not-kept": self.too_large,
        }
        return {key: value for key, value in known.items() if value is not None}


class Snapshot:
    """The state of a work tree at one moment."""

    def __init__(
        self,
        commit: str,
        inexact: list[str],
        submodules: dict[str, Submodule],
        *,
        kept: str | None = None,
        sparse: list[str] | None = None,
        symbolic_links: list[str] | None = None,
        added: int = 0,
    ) -> None:
        self.commit = commit  # full hash: a new one, or HEAD where nothing had changed
        self.inexact = inexact  # files that a checkout would not bring back byte for byte, from the top
        self.submodules = submodules  # by path from the top, with their own submodules
        self.kept = kept  # the commit, one of its parents, that has what a checkout would not bring back, if any
        self.sparse = sparse or []  # patterns of the files that are in the work tree; none: all
        self.symbolic_links = symbolic_links  # paths, from the top, among which are all that are; None: not known
        self.added = added  # bytes of the untracked and included files in it

    @property
    def all_kept(self) -> dict[str, str]:
        """The commits that are kept so, by the path of the repository from the top, "" for its own."""
        inner = {path: submodule.kept for path, submodule in self.submodules.items()}
        return {path: commit for path, commit in {"": self.kept, **inner}.items() if commit}

    def to_json(self) -> dict[str, Any]:
        """The snapshot in plain lists and mappings."""
        return {**vars(self), "submodules": {path: vars(inner) for path, inner in self.submodules.items()}}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Snapshot:
        """That of which `to_json` gave this."""
        submodules = {}
        for path, known in content["submodules"].items():
            inner = dict(known)
            too_large = inner.pop("too_large")
            submodules[path] = Submodule(**inner)
            submodules[path].too_large = too_large
        return cls(**{**content, "submodules": submodules})


def take(
    tree: Tree,
    state: WorkTreeState,
    message: str,
    *,
    include: Iterable[str],
    exclude: Iterable[str],
    limit: int,
    checkout: Checkout,
    outermost: str = "",
    is_apart: bool = False,
    listing: str | None = None,
) -> Snapshot:
    """A commit of the tree as `state` describes it, on top of HEAD, or HEAD itself where nothing has changed.

    Of the ignored files it holds those that match the pathspecs `include`, but no untracked ones at or below the paths
    `exclude`. `checkout` are the settings of its repository; `outermost` is the git dir of the repository around it, if
    any, and `is_apart` says whether its own is not in that; `listing`, what `git *index.LISTING` has printed of the
    tree. Raises SnapshotTooLarge where untracked and included files have more than `limit` bytes, and GitFailed.
    """
    entries = index.Listing(tree.run(*index.LISTING) if listing is None else listing)
    new = _without(tree, exclude, _untracked(tree, state) + _included(tree, include))
    size = _size_of_all(tree, new, limit)
    contents = _Contents(tree, state, new, entries.special, checkout)
    outermost = outermost or os.path.realpath(tree.common_file())
    inner = _submodules(tree, contents.repositories, message, limit, outermost, size)
    with tree.with_copied_index() as copy:
        _fill(copy, contents, inner)
        suspects = attributes.suspects(copy, state.commit, contents.paths, checkout, entries)
        touched = suspects.moved.union(exactness.differing(copy, suspects.files))
        copy.read_again([file for file in suspects.files if file[2] in touched])
        code = copy.run("write-tree").strip()
        inexact = exactness.inexact(copy, state.commit, code, [*contents.changed, *touched])
        inexact += _depending_on_settings(copy, suspects, inexact, with_filters=is_apart)
        kept, too_large = keeping.keep(
            copy, inexact, inner.apart_from(copy, outermost), limit, is_partial=checkout.is_partial
        )
        commit = _commit(copy, code, message, state.commit, kept)
    for path, size in too_large.items():
        inner.found[path].too_large = size
    patterns = sparse.patterns(tree, code, entries.special) if checkout.is_sparse else []
    return Snapshot(
        commit,
        inexact + inner.inexact,
        inner.found,
        kept=kept,
        sparse=patterns,
        symbolic_links=[*entries.symbolic_links, *contents.new, *contents.changed],
        added=inner.added,
    )


def _depending_on_settings(
    copy: Tree, suspects: attributes.Suspects, known: list[str], *, with_filters: bool
) -> list[str]:
    """Those of the files, but for `known` ones, that are as they are only by settings and attributes that may be gone.

    The settings of a repository that is kept go with it, those of filters too. Others stay: a filter may even be there
    so that no object holds what the file does.
    """
    if not suspects.are_converted_by_settings and not with_filters:
        return []
    left_out = {*known, *(() if with_filters else suspects.filtered)}
    return exactness.depending_on_settings(copy, [file for file in suspects.files if file[2] not in left_out])


class _Contents:
    """What is, or may be, otherwise in a tree than in its index: paths from the top."""

    def __init__(
        self, tree: Tree, state: WorkTreeState, new: list[str], special: list[index.Entry], checkout: Checkout
    ) -> None:
        hidden = [entry for entry in special if entry.is_hidden]
        deleted = dict.fromkeys(change[3:] for change in state.changes if _is_deleted(tree, change))
        submodules = [entry.name for entry in special if entry.mode == index.SUBMODULE]
        others = [path.rstrip("/") for path in [*new, *state.paths] if tree.has_repository(path)]
        self.new = new  # untracked and included files
        self.changed = [path for path in state.paths if not path.endswith("/") and path not in deleted]
        self.hidden = [entry.name for entry in hidden if tree.has(entry.name)]  # where git ignores changes
        may_be_missing = {entry.name for entry in hidden if checkout.is_sparse and entry.may_be_missing}
        self.gone = [entry.name for entry in hidden if entry.name not in may_be_missing and not tree.has(entry.name)]
        self.gone += deleted
        self.repositories = list(dict.fromkeys(submodules + others))

    @property
    def paths(self) -> list[str]:
        """All that is or may be otherwise, but for repositories."""
        return [*self.new, *self.changed, *self.hidden, *self.gone]


def _fill(copy: Tree, contents: _Contents, inner: _Inner) -> None:
    """Let the copy of the index be as the tree is."""
    # Of a hidden file git sees the changes once its entry is made anew.
    copy.update_index("--force-remove", contents.hidden + contents.gone)
    files = dict.fromkeys([*contents.changed, *contents.new, *contents.hidden])
    repositories = inner.as_it_was | inner.found.keys()
    copy.update_index("--add", [path for path in files if path.rstrip("/") not in repositories])
    copy.point_at({path: one.commit for path, one in inner.found.items() if one.outer == copy.top})


def _commit(copy: Tree, code: str, message: str, parent: str | None, kept: str | None) -> str:
    """A commit of the tree object `code` on top of `parent`, and of what is `kept`; or `parent` itself where that has
    the same code, and nothing is kept."""
    if parent and not kept and code == copy.run("rev-parse", parent + "^{tree}").strip():
        return parent
    options = [word for commit in (parent, kept) if commit for word in ("-p", commit)]
    return copy.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *options, code, stdin=message).strip()


def _is_deleted(tree: Tree, change: str) -> bool:
    """Whether a path is no longer part of the tree; in a conflict, what lies there is."""
    xy, path = change[:2], change[3:]
    if tree.has_repository(path):
        return False
    return not tree.has(path) or (xy[0] == "D" and xy not in UNMERGED)


def _untracked(tree: Tree, state: WorkTreeState) -> list[str]:
    """The untracked files, and repositories with a "/" at the end; of directories, git status gives only the names."""
    untracked = [change[3:] for change in state.changes if change.startswith("?? ")]
    files = [path for path in untracked if not path.endswith("/")]
    # git status does not descend into a directory that was a tracked file.
    directories = [path for path in state.paths if os.path.isdir(tree.place(path)) and not tree.has(path.rstrip("/"))]
    if not directories:
        return files
    pathspecs = [f":(top,literal){path}" for path in directories]
    return files + tree.words("ls-files", "-z", "--others", "--exclude-standard", "--", *pathspecs)


def _included(tree: Tree, include: Iterable[str]) -> list[str]:
    pathspecs = list(include)
    if not pathspecs:
        return []
    return tree.words("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *pathspecs)


def _without(tree: Tree, exclude: Iterable[str], paths: list[str]) -> list[str]:
    outside = tuple(os.path.relpath(place, tree.top) + "/" for place in exclude)
    return [path for path in paths if not f"{calls.path(path).rstrip('/')}/".startswith(outside)] if outside else paths


def _size_of_all(tree: Tree, paths: list[str], limit: int) -> int:
    """In bytes; raises SnapshotTooLarge."""
    sizes = {path: tree.size(path) for path in paths}
    if sum(sizes.values()) > limit:
        raise SnapshotTooLarge(sizes, limit)
    return sum(sizes.values())


# --- submodules


class _Inner:
    """What became of the repositories inside a tree."""

    def __init__(self, added: int) -> None:
        self.found: dict[str, Submodule] = {}  # by path from the top
        self.inexact: list[str] = []  # paths whose content is not kept as it is
        self.as_it_was: set[str] = set()  # those of them that are no part of the snapshot
        self.added = added  # bytes of all untracked files so far

    def leave(self, path: str) -> None:
        """The repository at `path` is no part of the snapshot."""
        self.inexact.append(path)
        self.as_it_was.add(path)

    def apart_from(self, outer: Tree, outermost: str) -> dict[str, keeping.Inner]:
        """Those right inside the tree whose repositories are not in the outermost git dir, as a submodule's is."""
        return {
            path: keeping.Inner(one.common_dir, one.commit, one.kept)
            for path, one in self.found.items()
            if one.outer == outer.top and not os.path.realpath(one.common_dir).startswith(f"{outermost}/")
        }

    def add(self, path: str, snapshot: Snapshot, outer: str, common_dir: str) -> None:
        """The repository at `path`, in the work tree at `outer`, is in the snapshot as its own snapshot has it."""
        self.found[path] = Submodule(outer, common_dir, snapshot.commit, snapshot.kept, snapshot.sparse)
        self.found |= {f"{path}/{below}": submodule for below, submodule in snapshot.submodules.items()}
        self.inexact += [f"{path}/{below}" for below in snapshot.inexact]
        self.added += snapshot.added


def _submodules(outer: Tree, paths: list[str], message: str, limit: int, outermost: str, added: int) -> _Inner:
    """Snapshot those repositories inside the tree that are filled, and those inside them.

    A linked work tree of the same repository is none of its, and a submodule without a repository has only files.
    """
    inner = _Inner(added)
    if not paths:
        return inner
    environment = variables.without_repository()
    common_dir = outer.run("rev-parse", "--path-format=absolute", "--git-common-dir").rstrip("\n")
    own = os.path.realpath(calls.path(common_dir))
    for path in paths:
        top = outer.place(path)
        places = discovery.dirs_at(top)
        if places and os.path.realpath(places[1]) != own:
            tree = Tree(top, places[0], environment)
            state = status.read(tree.start(*status.COMMAND))
            snapshot = take(
                *(tree, state, message),
                include=(),
                exclude=(),
                limit=limit - inner.added,
                checkout=config.Checkout(config.read("-C", top, environment=environment)),
                outermost=outermost,
                is_apart=not os.path.realpath(places[1]).startswith(f"{outermost}/"),
            )
            inner.add(path, snapshot, outer.top, places[1])
        elif places or (os.path.isdir(top) and os.listdir(top)):
            inner.leave(path)
    return inner
