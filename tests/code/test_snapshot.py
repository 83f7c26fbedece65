"""`git runs new --snapshot`: what the commit holds, and that nothing of the person's is touched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository

QUIET = ("new", "-q", *NO_FLAGS, "--snapshot")


def belongings(repo: Repository) -> tuple[object, ...]:
    """All that is the person's: index, HEAD, branches, stash, and files with their times."""
    git_dir = repo.path / ".git"
    index = (git_dir / "index").read_bytes() if (git_dir / "index").exists() else b""
    refs = repo.machine.run("git", "for-each-ref", "refs/heads", "refs/stash", cwd=repo.path).out
    shared = sorted((path.name, path.read_bytes()) for path in git_dir.glob("sharedindex.*"))
    files = sorted(
        (str(path), path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in repo.path.rglob("*")
        if not {".git", ".runs"} & set(path.relative_to(repo.path).parts)
    )
    return index, (git_dir / "HEAD").read_text(), refs, shared, files


def take(repo: Repository, name: str = "x", *options: str) -> dict[str, str]:
    """Snapshot the tree for a run; gives the contents of its files, by path."""
    before = belongings(repo)
    repo.ok(*QUIET, *options, name, "true")
    assert belongings(repo) == before
    assert not list((repo.path / ".git").glob("runs-snapshot*"))
    repo.git("fsck", "--no-dangling")
    repo.wait(name)
    paths = repo.git("ls-tree", "-r", "-z", "--name-only", f"runs/{name}").split("\0")[:-1]
    return {path: repo.git("cat-file", "blob", f"runs/{name}:{path}") for path in paths}


def dirty(repo: Repository) -> None:
    """A changed, a deleted, a staged, an untracked, an executable and an ignored file, and a link."""
    repo.commit("gone", "")
    repo.commit(".gitignore", "*.log\n")
    (repo.path / "train.py").write_text("changed\n")
    (repo.path / "gone").unlink()
    (repo.path / "staged").write_text("first")
    repo.git("add", "staged")
    (repo.path / "staged").write_text("later")
    (repo.path / "new dir").mkdir()
    (repo.path / "new dir/untracked\n").write_text("new")
    (repo.path / "script").write_text("#!/bin/sh\n")
    (repo.path / "script").chmod(0o755)
    (repo.path / "link").symlink_to("nowhere")
    (repo.path / "ignored.log").write_text("no")


DIRTY = {
    ".gitignore": "*.log\n",
    "train.py": "changed\n",
    "staged": "later",
    "new dir/untracked\n": "new",
    "script": "#!/bin/sh\n",
    "link": "nowhere",
}


def test_the_commit_holds_what_lies_in_the_tree(repo: Repository) -> None:
    dirty(repo)
    head = repo.git("rev-parse", "HEAD").strip()
    assert take(repo) == DIRTY
    assert repo.git("log", "-1", "--format=%P|%s|%an", "runs/x") == f"{head}|snapshot for run 'x'|A U Thor\n"
    assert repo.git("ls-tree", "runs/x", "script").startswith("100755 ")
    assert "train.py" in repo.git("diff", "--name-only", "runs/x^", "runs/x")
    record = repo.record("x")
    assert (record["commit"], record["base"]) == (repo.git("rev-parse", "runs/x").strip(), head)


def test_a_clean_tree_makes_no_commit(repo: Repository) -> None:
    repo.ok(*QUIET, "x", "true")
    assert repo.git("rev-parse", "runs/x") == repo.git("rev-parse", "HEAD")
    assert "base" not in repo.record("x")


def test_on_an_unborn_branch_it_has_no_parent(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", str(tmp_path / "empty"))
    repo = Repository(machine, tmp_path / "empty")
    (repo.path / "train.py").write_text("first")
    assert take(repo) == {"train.py": "first"}
    assert repo.git("rev-list", "--count", "runs/x") == "1\n"


def conflict(repo: Repository) -> None:
    """A merge that has stopped."""
    repo.git("checkout", "-q", "-b", "other")
    repo.commit("train.py", "theirs\n")
    repo.git("checkout", "-q", "main")
    repo.commit("train.py", "ours\n")
    repo.machine.run("git", "merge", "other", cwd=repo.path)


def split_index(repo: Repository) -> None:
    """An index in two files."""
    repo.git("update-index", "--split-index")
    (repo.path / "train.py").write_text("changed\n")


def sparse_index(repo: Repository) -> None:
    """A tree of which only a part is checked out, and a file outside of that."""
    repo.commit("a/x", "x")
    repo.commit("b/y", "y")
    repo.git("sparse-checkout", "init", "--cone", "--sparse-index")
    repo.git("sparse-checkout", "set", "a")
    (repo.path / "b").mkdir()
    (repo.path / "b/z").write_text("outside")


def hidden(repo: Repository) -> None:
    """Files whose changes git is set to ignore."""
    repo.commit("config", "old")
    repo.git("update-index", "--assume-unchanged", "train.py")
    repo.git("update-index", "--skip-worktree", "config")
    (repo.path / "train.py").write_text("changed\n")
    (repo.path / "config").write_text("mine")


def intended(repo: Repository) -> None:
    """A file that is to be added."""
    (repo.path / "later").write_text("content")
    repo.git("add", "--intent-to-add", "later")


def file_and_directory(repo: Repository) -> None:
    """A file where a directory was, and the other way round."""
    repo.commit("d/f", "")
    repo.commit("e", "")
    (repo.path / "d/f").unlink()
    (repo.path / "d").rmdir()
    (repo.path / "d").write_text("now a file")
    (repo.path / "e").unlink()
    (repo.path / "e").mkdir()
    (repo.path / "e/f").write_text("now a directory")


@pytest.mark.parametrize(
    ("make", "holds"),
    [
        (conflict, {"train.py": "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"}),
        (split_index, {"train.py": "changed\n"}),
        (sparse_index, {"a/x": "x", "b/y": "y", "b/z": "outside"}),
        (hidden, {"train.py": "changed\n", "config": "mine"}),
        (intended, {"later": "content"}),
        (file_and_directory, {"d": "now a file", "e/f": "now a directory"}),
    ],
)
def test_whatever_state_the_index_is_in(
    repo: Repository, make: Callable[[Repository], None], holds: dict[str, str]
) -> None:
    make(repo)
    found = take(repo)
    assert holds.items() <= found.items()


def test_in_a_linked_work_tree_it_is_that_tree(repo: Repository, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    (tmp_path / "linked/train.py").write_text("linked\n")
    (repo.path / "train.py").write_text("main\n")
    repo.ok(*QUIET, "x", "true", cwd=tmp_path / "linked")
    assert repo.git("show", "runs/x:train.py") == "linked\n"


def test_from_a_subdirectory_it_is_the_whole_tree(repo: Repository) -> None:
    (repo.path / "sub").mkdir()
    (repo.path / "sub/new").write_text("new")
    (repo.path / "train.py").write_text("changed\n")
    repo.ok(*QUIET, "x", "true", cwd=repo.path / "sub")
    assert repo.git("show", "runs/x:train.py", "runs/x:sub/new") == "changed\nnew"


def test_bytes_that_a_checkout_would_not_bring_back_are_named(repo: Repository) -> None:
    repo.commit(".gitattributes", "*.txt text=auto\n*.id ident\n*.up filter=up\n")
    repo.git("config", "filter.up.clean", "tr A-Z a-z")
    repo.git("config", "filter.up.smudge", "cat")
    for name, content in {
        "mixed.txt": b"a\r\nb\n",
        "fine.txt": b"a\nb\n",
        "a.id": b"$Id: 0123 $",
        "A.up": b"ABC",
        "fine.up": b"abc",
    }.items():
        (repo.path / name).write_bytes(content)
    result = repo.runs(*QUIET, "x", "true")
    assert result.code == 0
    assert result.err.startswith(
        "warning: a checkout would give other bytes than you have (line ends, ident, filters): A.up, a.id, mixed.txt\n"
    )
    assert repo.record("x")["inexact"] == ["A.up", "a.id", "mixed.txt"]


def test_ignored_files_that_are_included(repo: Repository) -> None:
    repo.commit(".gitignore", "*.pt\n/conf\n")
    (repo.path / "a.pt").write_text("a")
    (repo.path / "conf").mkdir()
    (repo.path / "conf/b").write_text("b")
    (repo.path / "c.pt").write_text("c")
    repo.git("config", "runs.include", "a.*")
    repo.git("config", "--add", "runs.include", "conf")
    repo.finish("before", "echo x >$RUNS_CHECKPOINT_DIR/a.pt", *NO_FLAGS)
    assert {"a.pt", "conf/b"} == set(take(repo)) - {".gitignore", "train.py"}


def test_too_many_untracked_bytes_stop_the_start(repo: Repository) -> None:
    (repo.path / "small").write_bytes(b"x" * 1000)
    (repo.path / "data").mkdir()
    (repo.path / "data/large").write_bytes(b"x" * (11 << 20))
    result = repo.runs(*QUIET, "x", "true")
    assert result.code == 128
    assert result.err.startswith(
        "fatal: a snapshot would add 11.0 MiB of untracked files, more than 10.0 MiB;"
        " the largest: data/large (11.0 MiB), small (less than 0.1 MiB)\n"
        "hint: to keep them all the same: --snapshot-limit=12m\n"
    )
    assert repo.refs() == []
    assert "data/large" in take(repo, "x", "--snapshot-limit=12m")
    leave_out = result.err.split("to leave the largest out: ")[1].split(";")[0]
    assert repo.machine.run("sh", "-c", leave_out, cwd=repo.path).code == 0
    found = take(repo, "y")
    assert ("data/large" in found, "small" in found) == (False, True)


def test_submodules_are_snapshot_too_and_keep_their_commits(repo: Repository) -> None:
    paths = ("dirty", "moved", "clean")
    repo.add_submodules(*paths)
    inner = {path: Repository(repo.machine, repo.path / path) for path in paths}
    (inner["dirty"].path / "code").write_text("dirty")
    (inner["dirty"].path / "new").write_text("new")
    moved = inner["moved"].commit("code", "moved")
    repo.ok(*QUIET, "g/x", "true")
    repo.wait("g/x")
    commits = {path: repo.git("rev-parse", f"runs/g/x:{path}").strip() for path in inner}
    assert inner["dirty"].git("show", f"{commits['dirty']}:code", f"{commits['dirty']}:new") == "dirtynew"
    assert commits["moved"] == moved
    assert (inner["dirty"].path / "code").read_text() == "dirty"
    for path, commit in commits.items():
        assert inner[path].git("rev-parse", "refs/runs/g/x").strip() == commit
    repo.ok("move", "g/x", "y")
    assert [one.refs() for one in inner.values()] == [["refs/runs/y"]] * 3
    repo.ok("delete", "-y", "y")
    assert [one.refs() for one in inner.values()] == [[]] * 3


def test_a_ref_of_that_name_in_a_submodule_is_not_touched(repo: Repository, tmp_path: Path) -> None:
    library = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(library.path))
    library.commit("code", "old")
    library.git("update-ref", "refs/runs/x", "HEAD")
    library.commit("code", "new")
    result = repo.runs(*QUIET, "x", "true")
    assert result.code == 128
    assert result.err.startswith("fatal: refs/runs/x exists in the submodule's repository '")
    assert repo.refs() == []
    assert library.git("rev-parse", "refs/runs/x", "HEAD~") == library.git("rev-parse", "HEAD~", "HEAD~")


def test_dirty_trees_may_be_allowed_and_that_is_recorded(repo: Repository) -> None:
    (repo.path / "train.py").write_text("changed\n")
    repo.ok("new", "-q", *NO_FLAGS, "--allow-dirty", "x", "cat train.py")
    repo.wait("x")
    assert repo.log("x") == "changed\n"
    assert repo.lookup("x", "dirty") == "true"
    assert repo.git("rev-parse", "runs/x") == repo.git("rev-parse", "HEAD")
    repo.git("checkout", "-q", "train.py")
    repo.ok("new", "-q", "--allow-dirty", "y", "true")
    assert "dirty" not in repo.record("y")


def test_a_dry_run_makes_no_commit(repo: Repository) -> None:
    (repo.path / "train.py").write_text("changed\n")
    objects = repo.git("count-objects")
    head = repo.git("rev-parse", "HEAD").strip()
    out = repo.ok("new", "-n", *NO_FLAGS, "--snapshot", "x", "true")
    assert out == f"Would start run 'x' at a snapshot of 1 change on top of commit {head}:\n  true\n"
    assert repo.git("count-objects") == objects


def test_files_that_are_as_young_as_the_index_are_looked_into(repo: Repository) -> None:
    """A copy of the index is younger than the index, and would make git trust files that changed meanwhile."""
    for number in range(5):
        repo.commit("train.py", f"{number}\n")
        (repo.path / "train.py").write_text(f"{number + 1}\n")
        os.utime(repo.path / "train.py", ns=((repo.path / ".git/index").stat().st_mtime_ns,) * 2)
        repo.ok(*QUIET, f"x{number}", "true")
        assert repo.git("show", f"runs/x{number}:train.py") == f"{number + 1}\n"


def test_an_index_of_a_hook_is_found_from_anywhere(repo: Repository) -> None:
    repo.commit("sub/x", "1")
    (repo.path / "sub/x").write_text("2")
    repo.ok(*QUIET, "x", "true", cwd=repo.path / "sub", GIT_INDEX_FILE=".git/index")
    assert repo.git("diff", "--name-status", "main", "runs/x") == "M\tsub/x\n"


def test_a_directory_that_became_a_link(repo: Repository) -> None:
    repo.commit("d/f", "")
    (repo.path / "d").rename(repo.path / "e")
    (repo.path / "d").symlink_to("e")
    assert {"d": "e", "e/f": ""}.items() <= take(repo).items()


def test_bytes_in_submodules_are_looked_at_too(repo: Repository) -> None:
    inner = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(inner.path))
    inner.commit(".gitattributes", "* text=auto eol=lf\n")
    (inner.path / "mixed.txt").write_bytes(b"a\r\nb\n")
    repo.ok(*QUIET, "x", "true")
    assert repo.record("x")["inexact"] == ["lib/mixed.txt"]


def test_a_linked_work_tree_inside_is_named_as_left_out(repo: Repository) -> None:
    repo.git("worktree", "add", "-q", "inside", "-b", "other")
    (repo.path / "train.py").write_text("changed\n")
    repo.ok(*QUIET, "x", "true")
    assert repo.record("x")["inexact"] == ["inside"]
    assert repo.git("ls-tree", "--name-only", "runs/x") == "train.py\n"


def both_renamed_it(repo: Repository) -> str:
    """A conflict in which a path is gone on both sides, and is there again."""
    repo.git("checkout", "-q", "-b", "side")
    repo.git("mv", "train.py", "ours.py")
    repo.git("commit", "-q", "-m", "ours")
    repo.git("checkout", "-q", "main")
    repo.git("mv", "train.py", "theirs.py")
    repo.git("commit", "-q", "-m", "theirs")
    repo.machine.run("git", "merge", "side", cwd=repo.path)
    (repo.path / "train.py").write_text("rewritten\n")
    return "rewritten\n"


def removed_but_there(repo: Repository) -> None:
    """A file that is no longer tracked and now ignored."""
    repo.git("rm", "-q", "--cached", "train.py")
    (repo.path / ".gitignore").write_text("train.py\n")


def a_file_that_became_a_directory(repo: Repository) -> None:
    """Its path is also a directory now, and removed from the index."""
    repo.git("rm", "-q", "train.py")
    (repo.path / "train.py").mkdir()
    (repo.path / "train.py/inner").write_text("x")


def behind_a_link(repo: Repository) -> None:
    """A path that was removed from the index and now leads through a link."""
    repo.commit("train/x", "x")
    repo.git("rm", "-q", "--cached", "train/x", "train.py")
    (repo.path / "elsewhere").mkdir()
    (repo.path / "train/x").rename(repo.path / "elsewhere/x")
    (repo.path / "train").rmdir()
    (repo.path / "train").symlink_to("elsewhere")
    (repo.path / "train.py").unlink()


@pytest.mark.parametrize(
    ("make", "content"),
    [
        (both_renamed_it, {"train.py": "rewritten\n"}),
        (removed_but_there, {"train.py": None}),
        (a_file_that_became_a_directory, {"train.py": None, "train.py/inner": "x"}),
        (behind_a_link, {"train/x": None, "train": "elsewhere", "elsewhere/x": "x"}),
    ],
)
def test_odd_paths_are_as_git_add_would_have_them(
    repo: Repository, make: Callable[[Repository], object], content: dict[str, str | None]
) -> None:
    make(repo)
    found = take(repo)
    assert {path: found.get(path) for path in content} == content


def test_a_file_that_became_a_repository_is_kept_as_one(repo: Repository) -> None:
    inner = Repository(repo.machine, repo.path / "train.py")
    inner.path.unlink()
    repo.machine.run("git", "init", "-q", str(inner.path))
    commit = inner.commit("z", "z")
    repo.ok(*QUIET, "x", "true")
    repo.wait("x")
    assert repo.git("ls-tree", "runs/x", "train.py") == f"160000 commit {commit}\ttrain.py\n"


def test_a_submodule_that_lost_its_repository_is_named(repo: Repository) -> None:
    repo.add_submodules("lib")
    (repo.path / "lib/.git").unlink()
    (repo.path / "lib/code").write_text("edited")
    assert "filters): lib\n" in repo.runs(*QUIET, "x", "true").err
    assert repo.record("x")["inexact"] == ["lib"]


def test_bytes_of_a_file_that_only_git_status_calls_changed_are_looked_at(repo: Repository) -> None:
    repo.commit(".gitattributes", "* text=auto\n")
    (repo.path / "train.py").write_bytes(b"import sys\r\nprint(*sys.argv[1:], sep='\\n')\r\n")
    assert "filters): train.py\n" in repo.runs(*QUIET, "x", "true").err
    record = repo.record("x")
    assert repo.git("rev-parse", "runs/x^@").split() == [record["base"], record["bytes"]]
    assert repo.git("diff", "HEAD", "runs/x") == ""


def test_options_of_the_command_line_do_not_hide_what_a_checkout_will_do(repo: Repository) -> None:
    (repo.path / "train.py").write_bytes(b"print(1)\r\n")
    result = repo.machine.run("git", "-c", "core.autocrlf=true", "runs", *QUIET, "x", "true", cwd=repo.path)
    assert "filters): train.py\n" in result.err


def test_a_name_that_is_no_text_can_be_named(repo: Repository) -> None:
    repo.commit(".gitattributes", "* text=auto\n")
    with open(os.fsencode(repo.path) + b"/\xff", "wb") as file:
        file.write(b"a\r\nb\n")
    repo.ok(*QUIET, "x", "true")
    assert repo.record("x")["inexact"] == ["\\udcff"]


def test_what_is_linked_is_left_out(repo: Repository) -> None:
    (repo.path / "data").mkdir()
    (repo.path / "data/large").write_text("x" * 2000)
    repo.git("config", "runs.link", "data")
    assert "data/large" not in take(repo, "x", "--snapshot-limit=1k")


def test_the_limit_holds_for_all_repositories_together(repo: Repository) -> None:
    repo.add_submodules("lib")
    for place in ("new", "lib/new"):
        (repo.path / place).write_text("x" * 700)
    result = repo.runs(*QUIET, "--snapshot-limit=1k", "x", "true")
    assert (result.code, "of untracked files, more than" in result.err) == (128, True)
    repo.ok(*QUIET, "--snapshot-limit=2k", "x", "true")


def test_an_executable_bit_that_git_does_not_keep_is_named(repo: Repository) -> None:
    repo.git("config", "core.fileMode", "false")
    (repo.path / "script").write_text("#!/bin/sh\n")
    (repo.path / "script").chmod(0o755)
    assert "filters): script\n" in repo.runs(*QUIET, "x", "true").err


def test_a_dry_run_on_an_unborn_branch(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", str(tmp_path / "new"))
    unborn = Repository(machine, tmp_path / "new")
    (unborn.path / "file").touch()
    shown = unborn.ok("new", "-n", "--snapshot", "x", "true")
    assert "Would start run 'x' at a snapshot of 1 change on top of a first commit:\n" in shown


def test_a_run_in_a_sparse_tree_says_what_was_there(repo: Repository) -> None:
    repo.commit("a/x", "x")
    repo.commit("b/y", "y")
    repo.git("sparse-checkout", "set", "a")
    repo.finish("x", "ls", *NO_FLAGS)
    assert repo.record("x")["sparse"] == ["/*", "!/*/", "/a/"]
    assert repo.runs("reproduce", "--check", "x").err == ""
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    path = repo.record_path("x")
    once = re.sub("^sparse:.*\n(?:- .*\n)*", "sparse: true\n", path.read_text(), flags=re.MULTILINE)
    path.write_text(once)
    problem = "error: it ran in a sparse checkout, and will have all files of its commit\n"
    assert repo.runs("reproduce", "--check", "x").err == problem
