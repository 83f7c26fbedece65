"""Trees that people have had when they started a run, and what is promised for a run of each.

A case is a function that makes the tree and returns the command. Its promises are for three ways: `tree`, in the user's
tree; `isolate` and `mount`, in a tree of the run's own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.conftest import Repository
from tests.wheels import Virtualenv


@dataclass
class Promise:
    """What becomes of a run."""

    kind: str
    text: str = ""  # in the messages of `new`


# The run prints what the command prints in the user's tree, and so does its re-run, whatever was edited meanwhile.
EQUAL = Promise("equal")
# By chance it prints something else each time; its re-run prints the same.
REPEATED = Promise("repeated")
# The run may be another one, and nothing sees that: README names this limit.
LIMIT = Promise("limit")
NOTHING_TO_SAY = Promise("said")


def said(text: str) -> Promise:
    """The run may be another one, and `new` says that text."""
    return Promise("said", text)


def refused(text: str) -> Promise:
    """`new` starts nothing, and says that text."""
    return Promise("refused", text)


@dataclass
class Case:
    """A tree and its promises, by way."""

    make: Callable[[Repository], str]
    promises: dict[str, Promise]


CASES: dict[str, Case] = {}
Make = Callable[[Repository], str]


def case(*, tree: Promise = EQUAL, isolate: Promise = EQUAL, mount: Promise = EQUAL) -> Callable[[Make], Make]:
    """Add a case to the list."""

    def add(make: Make) -> Make:
        CASES[make.__name__] = Case(make, {"tree": tree, "isolate": isolate, "mount": mount})
        return make

    return add


def write(repo: Repository, path: str, content: str) -> None:
    """A file in the tree."""
    place = repo.path / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode())


# --- changes that git sees


@case()
def an_untracked_module(repo: Repository) -> str:
    write(repo, "late.py", "print('late')\n")
    return "python3 -B -c 'import late'"


@case()
def names_that_no_shell_likes(repo: Repository) -> str:
    for name in (" lead", "new\nline", "ünï", "-dash", 'q"uote', "$(x)", "tab\t", "*"):
        write(repo, f"names/{name}", name)
    return 'for file in names/*; do cat "$file"; done; ls names | od -c'


@case()
def changes_in_the_index_that_were_undone_on_disk(repo: Repository) -> str:
    repo.commit("a", "1\n")
    write(repo, "a", "2\n")
    repo.git("add", "a")
    write(repo, "a", "1\n")
    return "cat a"


@case()
def files_that_were_deleted(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.commit("b", "1\n")
    (repo.path / "a").unlink()
    repo.git("rm", "-q", "--cached", "b")
    return "ls"


@case()
def a_file_that_became_a_directory(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.commit("d/file", "1\n")
    (repo.path / "a").unlink()
    write(repo, "a/inner", "2\n")
    shutil.rmtree(repo.path / "d")
    write(repo, "d", "a file now\n")
    return "cat a/inner d"


@case()
def links_that_changed(repo: Repository) -> str:
    (repo.path / "link").symlink_to("one")
    write(repo, "one", "1\n")
    repo.git("add", ".")
    repo.git("commit", "-qm", "links")
    write(repo, "two", "2\n")
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("two")
    return "cat link; readlink link"


@case()
def an_executable_bit(repo: Repository) -> str:
    repo.commit("tool", "#!/bin/sh\necho tool\n")
    (repo.path / "tool").chmod(0o755)
    return "./tool"


@case()
def a_file_that_is_only_intended_to_be_added(repo: Repository) -> str:
    write(repo, "a", "1\n")
    repo.git("add", "-N", "a")
    return "cat a"


@case()
def a_tracked_file_that_is_ignored(repo: Repository) -> str:
    repo.commit("a.log", "1\n")
    repo.commit(".gitignore", "*.log\n")
    write(repo, "a.log", "2\n")
    return "cat a.log"


@case()
def a_merge_that_stopped_at_a_conflict(repo: Repository) -> str:
    repo.commit("a", "base\n")
    repo.git("switch", "-qc", "other")
    repo.commit("a", "theirs\n")
    repo.git("switch", "-q", "main")
    repo.commit("a", "ours\n")
    repo.machine.run("git", "merge", "-q", "other", cwd=repo.path)
    return "cat a"


@case()
def a_rebase_that_stopped_for_an_edit(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.commit("a", "2\n")
    repo.machine.run("git", "rebase", "-q", "-i", "HEAD~2", cwd=repo.path, GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/")
    write(repo, "a", "in between\n")
    return "cat a; git rev-parse --abbrev-ref HEAD >/dev/null"


@case()
def no_commit_yet(repo: Repository) -> str:
    repo.git("checkout", "-q", "--orphan", "new")
    return "cat train.py"


# --- changes that git is set not to see


@case()
def a_file_that_is_assumed_unchanged(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.git("update-index", "--assume-unchanged", "a")
    write(repo, "a", "2\n")
    return "cat a"


@case()
def a_file_whose_place_in_the_work_tree_is_the_users(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.git("update-index", "--skip-worktree", "a")
    write(repo, "a", "2\n")
    return "cat a"


@case()
def executable_bits_that_git_ignores(repo: Repository) -> str:
    repo.git("config", "core.fileMode", "false")
    repo.commit("tool", "#!/bin/sh\necho tool\n")
    (repo.path / "tool").chmod(0o755)
    write(repo, "tool", "#!/bin/sh\necho changed\n")
    return "./tool"


@case()
def a_file_that_was_removed_behind_gits_back(repo: Repository) -> str:
    repo.commit("a", "1\n")
    repo.git("update-index", "--skip-worktree", "a")
    (repo.path / "a").unlink()
    return "ls"


# --- bytes that git would bring back otherwise


@case()
def mixed_line_ends(repo: Repository) -> str:
    repo.git("config", "core.autocrlf", "input")
    write(repo, "a", "one\r\ntwo\n")
    return "od -c a"


@case()
def an_ident_that_was_written_by_hand(repo: Repository) -> str:
    repo.commit(".gitattributes", "* ident\n")
    write(repo, "a", "$Id: mine $\n")
    return "cat a"


@case()
def a_filter_that_loses_something(repo: Repository) -> str:
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.commit(".gitattributes", "*.txt filter=upper\n")
    write(repo, "a.txt", "small\n")
    return "cat a.txt"


@case()
def attributes_that_changed_without_a_commit(repo: Repository) -> str:
    repo.commit("a", "one\r\ntwo\r\n")
    write(repo, ".gitattributes", "a text\n")
    return "od -c a"


@case()
def attributes_that_are_never_committed(repo: Repository) -> str:
    repo.commit("a", "one\ntwo\n")
    write(repo, ".git/info/attributes", "a text eol=crlf\n")
    return "od -c a"


@case()
def attributes_that_were_committed_without_a_new_checkout(repo: Repository) -> str:
    repo.commit("a", "one\ntwo\n")
    repo.commit(".gitattributes", "a text eol=crlf\n")
    return "od -c a"


@case()
def settings_that_changed_after_the_checkout(repo: Repository) -> str:
    repo.commit("a", "one\ntwo\n")
    repo.git("config", "core.autocrlf", "true")
    return "od -c a"


@case()
def a_filter_that_hides_a_change(repo: Repository) -> str:
    repo.git("config", "filter.strip.clean", "grep -v ^out")
    repo.commit(".gitattributes", "*.nb filter=strip\n")
    repo.commit("a.nb", "in\nout: 1\n")
    write(repo, "a.nb", "in\nout: 2\n")
    return "cat a.nb"


@case()
def an_executable_bit_of_a_committed_file_that_git_ignores(repo: Repository) -> str:
    repo.git("config", "core.fileMode", "false")
    repo.commit("tool", "#!/bin/sh\necho tool\n")
    (repo.path / "tool").chmod(0o755)
    return "./tool"


@case()
def a_sparse_checkout(repo: Repository) -> str:
    repo.commit("in/a", "1\n")
    repo.commit("out/b", "1\n")
    repo.git("sparse-checkout", "set", "in")
    write(repo, "in/a", "2\n")
    write(repo, "new", "3\n")
    return "ls . in; cat in/a new"


# --- what git leaves out


@case()
def empty_directories(repo: Repository) -> str:
    (repo.path / "results/deep").mkdir(parents=True)
    return "echo 1 >results/deep/out && cat results/deep/out && rm results/deep/out"


@case(isolate=said("conf/local/my.cfg"), mount=said("conf/local/my.cfg"), tree=NOTHING_TO_SAY)
def a_config_that_git_ignores_two_levels_down(repo: Repository) -> str:
    repo.commit("conf/.gitignore", "*.cfg\n")
    write(repo, "conf/local/my.cfg", "mine\n")
    return "cat conf/local/my.cfg || echo default"


@case(isolate=said("  data.local"), mount=said("  data.local"), tree=NOTHING_TO_SAY)
def a_file_that_the_users_own_excludes_ignore(repo: Repository) -> str:
    excludes = repo.machine.home / "excludes"
    excludes.write_text("*.local\n")
    repo.git("config", "core.excludesFile", str(excludes))
    write(repo, "data.local", "mine\n")
    return "cat data.local || echo default"


@case()
def an_ignored_config_that_is_included(repo: Repository) -> str:
    repo.commit("conf/.gitignore", "*.cfg\n")
    write(repo, "conf/my.cfg", "mine\n")
    repo.git("config", "runs.include", "conf/*.cfg")
    return "cat conf/my.cfg"


@case()
def ignored_data_that_is_linked(repo: Repository) -> str:
    repo.commit(".gitignore", "data\n")
    write(repo, "data/x", "1\n")
    repo.git("config", "runs.link", "data")
    return "cat data/x"


@case(tree=refused("--snapshot-limit=2m"), isolate=refused("--snapshot-limit=2m"), mount=refused("--snapshot-limit=2m"))
def untracked_files_over_the_limit(repo: Repository) -> str:
    repo.git("config", "runs.snapshot-limit", "1m")
    write(repo, "large", "x" * (1 << 20) + "\n")
    return "wc -c large"


# --- other repositories inside


@case()
def a_submodule_with_edits(repo: Repository) -> str:
    repo.add_submodules("lib")
    write(repo, "lib/code", "edited\n")
    write(repo, "lib/new", "new\n")
    return "cat lib/code lib/new"


@case()
def a_submodule_that_is_not_there(repo: Repository) -> str:
    repo.add_submodules("lib")
    repo.git("submodule", "deinit", "-q", "-f", "lib")
    return "ls lib"


@case()
def a_clone_of_a_library_with_edits(repo: Repository) -> str:
    library = Repository(repo.machine, repo.path.parent / "library")
    repo.machine.run("git", "init", "-q", str(library.path))
    library.commit("code", "old\n")
    repo.machine.run("git", "clone", "-q", str(library.path), str(repo.path / "lib"))
    write(repo, "lib/code", "edited\n")
    return "cat lib/code"


# --- paths


@case(isolate=said("../shared.txt"), tree=NOTHING_TO_SAY)
def a_command_that_climbs_out(repo: Repository) -> str:
    write(repo, "../shared.txt", "shared\n")
    return "cat ../shared.txt || true"


@case(isolate=said("link -> ../shared.txt"), tree=NOTHING_TO_SAY)
def a_tracked_link_that_leads_out(repo: Repository) -> str:
    write(repo, "../shared.txt", "shared\n")
    (repo.path / "link").symlink_to("../shared.txt")
    return "cat link || true"


@case(isolate=said("train.py"), tree=NOTHING_TO_SAY)
def a_command_that_names_the_tree(repo: Repository) -> str:
    write(repo, "train.py", "print('changed')\n")
    return f"python3 {repo.path}/train.py"


@case(isolate=said("PYTHONPATH"), tree=NOTHING_TO_SAY)
def a_python_path_into_the_tree(repo: Repository) -> str:
    write(repo, "lib/late.py", "print('late')\n")
    repo.machine.environment["PYTHONPATH"] = f"{repo.path}/lib"
    return "python3 -B -c 'import late'"


@case(isolate=said("link link"), tree=NOTHING_TO_SAY)
def a_tracked_link_into_the_tree_itself(repo: Repository) -> str:
    write(repo, "real", "as it was\n")
    (repo.path / "link").symlink_to(repo.path / "real")
    return "cat link"


@case(isolate=NOTHING_TO_SAY, tree=NOTHING_TO_SAY)
def a_virtualenv_in_the_tree_that_is_active(repo: Repository) -> str:
    repo.commit(".gitignore", ".venv\n")
    venv = Virtualenv(repo.machine, repo.path / ".venv").path
    repo.machine.environment |= {"PATH": f"{venv}/bin:{repo.machine.environment['PATH']}", "VIRTUAL_ENV": str(venv)}
    return "python3 -c 'import sys; print(sys.prefix)'"


@case(isolate=said("package mine (editable)"), tree=NOTHING_TO_SAY)
def an_editable_package_in_a_virtualenv(repo: Repository) -> str:
    repo.commit(".gitignore", ".venv\n")
    write(repo, "src/mine.py", "print('edited')\n")
    Virtualenv(repo.machine, repo.path / ".venv").install_editable(repo.path, "mine", "src")
    repo.git("config", "runs.link", ".venv")
    return ".venv/bin/python -B -c 'import mine'"


@case(tree=LIMIT, isolate=LIMIT)
def a_path_in_a_config_file(repo: Repository) -> str:
    write(repo, "data/x", "as it was\n")
    write(repo, "config", f"{repo.path}/data/x\n")
    return "cat $(cat config)"


@case(isolate=said("native.so"), mount=said("native.so"), tree=NOTHING_TO_SAY)
def a_module_that_was_compiled_in_place(repo: Repository) -> str:
    repo.commit(".gitignore", "*.so\n")
    write(repo, "pkg/native.so", "compiled\n")
    return "cat pkg/native.so || true"


@case(tree=REPEATED, isolate=REPEATED, mount=REPEATED)
def the_order_of_a_set(repo: Repository) -> str:
    write(repo, "train.py", "print({*'abcdefghijklmnop'})\n")
    return "python3 train.py"


# --- repositories of other forms


@case()
def a_git_dir_elsewhere(repo: Repository) -> str:
    (repo.path / ".git").rename(repo.path.parent / "git-dir")
    write(repo, ".git", f"gitdir: {repo.path.parent}/git-dir\n")
    write(repo, "a", "1\n")
    return "cat a; git rev-parse --show-prefix"


@case()
def a_replaced_commit(repo: Repository) -> str:
    old = repo.git("rev-parse", "HEAD").strip()
    new = repo.commit("a", "1\n")
    repo.git("replace", new, old)
    write(repo, "b", "2\n")
    return "cat a b"


@case()
def another_work_tree_inside(repo: Repository) -> str:
    repo.git("worktree", "add", "-q", "-b", "other", "inner")
    write(repo, "a", "1\n")
    return "cat a"


def edit_all_that_git_sees(repo: Repository) -> None:
    """As a person does who goes on with the work."""
    listing = repo.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")[:-1]
    for path in listing:
        place = repo.path / path
        if not place.is_symlink() and place.is_file():
            place.chmod(0o644)
            place.write_text("edited meanwhile\n")
    assert os.path.isdir(repo.path / ".runs")
