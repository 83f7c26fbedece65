"""`git runs new --isolate`: a work tree of the run's own, what is in it, and when it goes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from git_runs.code import keeping
from tests.conftest import NO_FLAGS, Machine, Repository, Screen, needs_mounts, wait_for

ISOLATED = ("new", "-q", *NO_FLAGS, "--isolate")
MOUNT_HINT = "hint: to have the run's own tree in the place of yours: --isolate=mount\n"


def start(repo: Repository, name: str, command: str, *options: str, cwd: Path | None = None) -> None:
    """Start an isolated run and wait until its work tree is there or it has ended."""
    repo.ok(*ISOLATED, *options, name, command, cwd=cwd)
    wait_for(lambda: repo.record(name)["status"] != "starting")


def finish(repo: Repository, name: str, command: str, *options: str, cwd: Path | None = None) -> None:
    """Start an isolated run and wait until it has ended and closed its session, or kept it."""
    start(repo, name, command, *options, cwd=cwd)
    repo.wait(name)
    wait_for(lambda: "0" not in repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out)


def work_trees(repo: Repository) -> list[str]:
    """The linked work trees that git knows of, from the runs dir."""
    listing = repo.git("worktree", "list", "--porcelain").split("\n")
    places = [line.removeprefix("worktree ") for line in listing if line.startswith("worktree ")]
    return [os.path.relpath(place, repo.path / ".runs/worktrees") for place in places[1:]]


def log(repo: Repository, name: str) -> list[str]:
    """The lines that the command printed."""
    return repo.log(name).splitlines()


def test_later_edits_do_not_reach_it(repo: Repository) -> None:
    (repo.path / "late.py").write_text("print('as it was')\n")
    code = "import os, time\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.02)\nimport late\n"
    (repo.path / "train.py").write_text(code)
    go = repo.machine.home / "go"
    repo.machine.environment["GO"] = str(go)
    repo.ok(*ISOLATED, "--snapshot", "x", "python3 train.py")
    (repo.path / "late.py").write_text("print('edited')\n")
    (repo.path / "train.py").unlink()
    go.touch()
    repo.wait("x")
    assert log(repo, "x") == ["as it was"]


def test_it_runs_in_the_same_subdirectory_at_its_own_commit(repo: Repository) -> None:
    repo.commit("sub dir/file", "")
    finish(repo, "g/x", "pwd; git rev-parse HEAD --show-prefix; git status --porcelain", cwd=repo.path / "sub dir")
    place = repo.path / ".runs/worktrees/g/x/sub dir"
    assert log(repo, "g/x") == [str(place), repo.lookup("g/x", "commit"), "sub dir/"]
    assert repo.lookup("g/x", "cwd") == "sub dir"
    assert repo.git("status", "--porcelain") == ""


def test_it_goes_when_all_is_well_and_nothing_is_left_in_it(repo: Repository) -> None:
    repo.commit(".gitignore", "*.out\n__pycache__\n")
    finish(repo, "well", "mkdir __pycache__; touch __pycache__/x; true")
    assert work_trees(repo) == []
    assert not (repo.path / ".runs/worktrees/well").exists()
    kept = {
        "failed": "false",
        "changed": "echo x >>train.py",
        "untracked": "touch new",
        "ignored": "touch dear.out",
        "committed": "git commit -q --allow-empty -m mine",
    }
    for name, command in kept.items():
        finish(repo, name, command)
    finish(repo, "mine", "true", "--keep")
    assert sorted(work_trees(repo)) == sorted([*kept, "mine"])
    repo.git("worktree", "prune")
    assert sorted(work_trees(repo)) == sorted([*kept, "mine"])
    repo.ok("delete", "-y", "--now", ".*")
    assert work_trees(repo) == []
    assert os.listdir(repo.path / ".runs/worktrees") == []
    assert repo.git("status", "--porcelain") == ""


def test_two_runs_from_different_states_never_meet(repo: Repository) -> None:
    for name in ("a", "b"):
        (repo.path / "train.py").write_text(f"print({name!r})\n")
        repo.ok(*ISOLATED, "--snapshot", name, "python3 train.py")
    for name in ("a", "b"):
        repo.wait(name)
        assert log(repo, name) == [name]


def test_linked_paths_lead_to_the_tree_that_it_was_started_in(repo: Repository) -> None:
    repo.commit(".gitignore", "/data/\n/conf/local\n*.bin\n__pycache__\n")
    for path in ("data", "conf", "__pycache__"):
        (repo.path / path).mkdir()
    (repo.path / "data/x").write_text("data\n")
    (repo.path / "conf/local").write_text("mine\n")
    (repo.path / "weights.bin").touch()
    result = repo.runs(*ISOLATED, "plain", "true")
    assert result.err.splitlines() == [
        "hint: ignored, and so not in the run's own work tree:",
        *(f"hint:   {path}" for path in ("conf/", "data/", "weights.bin")),
        "hint: if it needs one, to link it: git config --add runs.link conf",
        "hint: or to keep what is there now with the run: git config --add runs.include conf",
    ]
    repo.wait("plain")
    assert repo.runs("reproduce", "--run", "plain").err == ""
    for path in ("data", "conf/local"):
        repo.git("config", "--add", "runs.link", path)
    result = repo.runs(*ISOLATED, "x", "cat data/x conf/local; echo new >data/out")
    assert "data" not in result.err
    repo.wait("x")
    assert log(repo, "x") == ["data", "mine"]
    assert (repo.path / "data/out").read_text() == "new\n"
    wait_for(lambda: "x" not in work_trees(repo))
    assert (repo.path / "data/x").exists()
    links = repo.record("x")["links"]
    assert isinstance(links, dict)
    assert list(links["data"]) == ["target", "size", "modified", "content"]


@pytest.mark.parametrize(
    ("command", "example"),
    [("true", "data"), ("cat x", "data"), ("cat ../my\\ weights/1", "'my weights'"), ("sh --venv=../.venv", ".venv")],
)
def test_the_example_of_what_it_misses_is_a_useful_one(repo: Repository, command: str, example: str) -> None:
    repo.commit(".gitignore", "/.venv\n/data\n/my weights\n*.egg-info\n")
    for path in (".venv/pyvenv.cfg", "a.egg-info/PKG-INFO", "data/x", "my weights/1", "sub/x"):
        (repo.path / path).parent.mkdir()
        (repo.path / path).touch()
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "sub")
    lines = repo.runs(*ISOLATED, "x", command, cwd=repo.path / "sub").err.splitlines()
    assert lines[1:5] == [
        *("hint:   .venv/", "hint:   data/", "hint:   my weights/"),
        f"hint: if it needs one, to link it: git config --add runs.link {example}",
    ]
    include = f"hint: or to keep what is there now with the run: git config --add runs.include {example}"
    assert lines[5:] == ([] if example == ".venv" else [include])


def test_what_it_misses_is_named_wherever_it_lies(repo: Repository) -> None:
    (repo.machine.home / "excludes").write_text("*.secret\n")
    repo.git("config", "core.excludesFile", str(repo.machine.home / "excludes"))
    repo.commit("data/.gitignore", "config.local\n")
    repo.commit("pkg/conf/__init__.py", "")
    repo.commit("pkg/.gitignore", "local.yaml\n*.pyc\n")
    for path in ("data/config.local", "pkg/conf/local.yaml", "pkg/my.secret", "pkg/conf/x.pyc"):
        (repo.path / path).touch()
    result = repo.runs(*ISOLATED, "few", "true")
    shown = [line[len("hint:   ") :] for line in result.err.splitlines() if line.startswith("hint:   ")]
    assert shown == ["data/config.local", "pkg/conf/local.yaml", "pkg/my.secret"]
    for number in range(7):
        (repo.path / f"pkg/{number}.secret").touch()
    assert "hint:   and 5 more\n" in repo.runs(*ISOLATED, "many", "true").err
    repo.git("config", "runs.include", ":(glob)**/*.secret")
    assert "secret" not in repo.runs(*ISOLATED, "included", "true").err


def test_empty_directories_come_along(repo: Repository) -> None:
    repo.commit(".gitignore", "cache/\n")
    for path in ("out/deep", "src", "cache", "clone/.git"):
        (repo.path / path).mkdir(parents=True)
    (repo.path / "src/new.py").touch()
    for path in ("src/empty", "src/cache", "src/__pycache__"):
        (repo.path / path).mkdir()
    command = "find . -type d -empty -not -path './.git*' | sort; touch out/deep/x src/empty/y"
    finish(repo, "a", command, "--snapshot")
    assert log(repo, "a") == ["./out/deep", "./src/empty"]
    assert repo.record("a")["directories"] == ["out/deep", "src/empty"]
    shutil.rmtree(repo.path / "out")
    assert repo.runs("reproduce", "--run", "--wait", "a").out.endswith("Reproduction: equal\n")


def test_paths_that_climb_out_of_the_tree_are_named(repo: Repository) -> None:
    (repo.path.parent / "shared.txt").write_text("shared\n")
    (repo.path / "inside").symlink_to("train.py")
    (repo.path / "out").symlink_to("../shared.txt")
    (repo.path / "sub").mkdir()
    (repo.path / "sub/up").symlink_to("../train.py")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "links")
    warning = "warning: paths that climb out of the tree lead elsewhere from the run's own: "
    result = repo.runs(*ISOLATED, "a", "cat train.py --data=../shared.txt ../nothing sub/../train.py")
    assert result.err == f"{warning}../shared.txt, out -> ../shared.txt\n{MOUNT_HINT}"
    assert {path: one["target"] for path, one in outside(repo, "a").items()} == dict.fromkeys(
        ("../shared.txt", "out"), str(repo.path.parent / "shared.txt")
    )
    repo.git("rm", "-q", "out")
    repo.git("commit", "-q", "-m", "none")
    assert repo.runs(*ISOLATED, "b", "cat ../train.py", cwd=repo.path / "sub").err == ""
    assert "outside" not in repo.record("b")


def outside(repo: Repository, name: str) -> dict[str, dict[str, object]]:
    """What leads out of the tree, as the run has recorded it."""
    found = repo.record(name)["outside"]
    assert isinstance(found, dict)
    return found


def test_what_lies_outside_is_compared(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").write_text("old\n")
    (repo.path / "data").symlink_to(tmp_path / "data")
    (repo.path / "none").symlink_to(tmp_path / "none")
    (repo.path / "back").symlink_to("..")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "links")
    result = repo.runs(*ISOLATED, "x", "cat data/x")
    warning = "warning: paths that climb out of the tree lead elsewhere from the run's own: back -> ..\n"
    assert result.err == warning + MOUNT_HINT
    repo.wait("x")
    assert list(outside(repo, "x")["data"]) == ["target", "size", "modified", "content"]
    not_compared = f"way out of the tree back: '{tmp_path}' is not compared, since the work tree itself is in it"
    assert repo.runs("reproduce", "--check", "x").err == f"error: {not_compared}\n"
    repo.git("rm", "-q", "data", "none", "back")
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    (tmp_path / "data/x").write_text("new!\n")
    (tmp_path / "none").touch()
    changed = [
        f"way out of the tree data: '{tmp_path}/data' has changed",
        f"way out of the tree none: '{tmp_path}/none' was not there",
    ]
    assert set(changed) <= {line[len("error: ") :] for line in repo.runs("reproduce", "--check", "x").err.splitlines()}
    said = repo.runs("reproduce", "--run", "--wait", "x").out
    assert "Reproduction: different\n  log: line 1: 'old' / 'new!'\n" in said
    assert all(f"  {line}\n" in said for line in changed)
    path = repo.record_path("x")
    once = re.sub("^outside:.*\n(?:  .*\n)*", "outside: [../x]\n", path.read_text(), flags=re.MULTILINE)
    path.write_text(once)
    assert "way out" not in repo.runs("reproduce", "--check", "x").err


def test_a_target_that_is_no_text_is_compared(repo: Repository, tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(place)
    os.symlink(place, repo.path / "data")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "link")
    finish(repo, "x", "true")
    assert "missing" not in outside(repo, "x")["data"]
    assert repo.runs("reproduce", "--check", "x").err == ""


def test_an_absolute_link_into_the_tree_is_warned_of(repo: Repository) -> None:
    repo.commit("real.yml", "1\n")
    (repo.path / "cfg.yml").symlink_to(repo.path / "real.yml")
    (repo.path / "within.yml").symlink_to("real.yml")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "links")
    warning = "warning: code is taken from this work tree, not from the run's own: link cfg.yml\n"
    assert repo.runs(*ISOLATED, "x", "cat cfg.yml").err == warning + MOUNT_HINT
    record = repo.record("x")
    assert (record["live"], "outside" in record) == (["link cfg.yml"], False)


@needs_mounts
def test_where_the_tree_is_in_its_place_it_leads_to_the_runs_own(repo: Repository) -> None:
    repo.commit("real.yml", "1\n")
    (repo.path / "cfg.yml").symlink_to(repo.path / "real.yml")
    assert repo.runs("new", "-q", "--isolate=mount", "--snapshot", "x", "cat cfg.yml").err == ""
    assert "live" not in repo.record("x")


def test_submodules_come_from_here(repo: Repository, tmp_path: Path) -> None:
    library = repo.add_submodules("libs/one")
    library.path.rename(tmp_path / "gone")
    finish(repo, "clean", "cat libs/one/code; git -C libs/one rev-parse HEAD; git status --porcelain")
    (repo.path / "libs/one/code").write_text("dirty\n")
    finish(repo, "dirty", "cat libs/one/code; git status --porcelain; exit 3", "--snapshot")
    inner = Repository(repo.machine, repo.path / "libs/one")
    assert log(repo, "clean") == ["old", inner.git("rev-parse", "HEAD").strip()]
    assert log(repo, "dirty") == ["dirty"]
    assert work_trees(repo) == ["dirty"]
    repo.ok("move", "dirty", "g/moved")
    assert repo.machine.run("git", "status", "--porcelain", cwd=repo.path / ".runs/worktrees/g/moved").out == ""
    repo.ok("delete", "-y", "--now", "g/moved")
    assert work_trees(repo) == []
    assert len(inner.git("worktree", "list").splitlines()) == 1
    assert (repo.path / "libs/one/code").read_text() == "dirty\n"


def test_what_was_changed_in_one_comes_back_with_its_run(repo: Repository) -> None:
    library = repo.add_submodules("libs/one")
    assert library
    command = "echo staged >>train.py; git add train.py; echo more >>train.py; touch new; echo x >libs/one/code; exit 3"
    finish(repo, "a", command)
    work_tree = repo.path / ".runs/worktrees/a"
    inner = Repository(repo.machine, repo.path / "libs/one")

    def state() -> tuple[object, ...]:
        inside = (work_tree, work_tree / "libs/one")
        refs = (repo.git("for-each-ref"), inner.git("for-each-ref"))
        return refs, [repo.machine.run("git", "status", "--porcelain", cwd=top).out for top in inside]

    before = state()
    repo.ok("delete", "-y", "a")
    assert not work_tree.exists()
    repo.git("worktree", "prune", "--expire=now")
    inner.git("worktree", "prune", "--expire=now")
    for place in (repo, inner):
        place.git("reflog", "expire", "--expire=now", "--all")
        place.git("gc", "-q", "--prune=now")
    assert repo.ok("fsck") == ""
    repo.ok("undelete", "a")
    assert state() == before
    assert (work_trees(repo), repo.ok("fsck")) == (["a"], "")
    repo.ok("delete", "-y", "a")
    repo.ok("trash", "empty", "-y")
    assert work_trees(repo) == []
    assert len(inner.git("worktree", "list").splitlines()) == 1
    assert "git-runs" not in repo.git("for-each-ref") + inner.git("for-each-ref")
    assert "runs/" not in inner.git("for-each-ref")


def test_a_run_that_goes_on_may_be_moved(repo: Repository) -> None:
    go = repo.machine.home / "go"
    start(repo, "old", f"touch {go}.up; while [ ! -e {go} ]; do sleep 0.02; done; git status --short; pwd; exit 3")
    wait_for(Path(f"{go}.up").exists)
    repo.ok("move", "old", "new")
    assert work_trees(repo) == ["new"]
    assert repo.lookup("new", "worktree") == str(repo.path / ".runs/worktrees/new")
    go.touch()
    repo.wait("new")
    assert repo.lookup("new", "exit-code") == "3"
    assert log(repo, "new") == [str(repo.path / ".runs/worktrees/old")]
    wait_for(lambda: not (repo.path / ".runs/worktrees/old").is_symlink())
    assert repo.git("-C", str(repo.path / ".runs/worktrees/new"), "status", "--porcelain") == ""


def test_a_checkout_that_fails_is_the_runs_failure(repo: Repository) -> None:
    repo.commit(".gitattributes", "*.big filter=broken\n")
    repo.commit("x.big", "x")
    repo.git("config", "filter.broken.clean", "cat")
    repo.git("config", "filter.broken.smudge", "false")
    repo.git("config", "filter.broken.required", "true")
    finish(repo, "x", "echo never")
    record = repo.record("x")
    assert record["status"] == "failed"
    assert record["error"] == "fatal: x.big: smudge filter broken failed"
    assert "exit-code" not in record
    assert "never" not in repo.log("x")
    assert repo.runs("wait", "x").err == "error: run 'x': failed: fatal: x.big: smudge filter broken failed\n"
    repo.ok("delete", "-y", "x")
    assert work_trees(repo) == []


def test_the_checkout_is_no_part_of_the_runs_time(repo: Repository) -> None:
    hook = repo.path / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ndate +%s.%N >~/checked-out\n")
    hook.chmod(0o755)
    finish(repo, "x", "true")
    checked_out = float((repo.machine.home / "checked-out").read_text())
    started = repo.machine.run("date", "-d", repo.lookup("x", "datetime"), "+%s.%N").out
    assert float(started) >= checked_out


def test_uncommitted_changes_cannot_be_left_out_silently(repo: Repository) -> None:
    (repo.path / "train.py").write_text("changed\n")
    result = repo.runs(*ISOLATED, "--allow-dirty", "x", "true")
    assert result.code == 128
    assert result.err.startswith(
        "fatal: the work tree is not clean, so the run's own work tree would not have the changes:  M train.py\n"
    )


def test_something_in_the_way_of_its_work_tree(repo: Repository) -> None:
    place = repo.path / ".runs/worktrees/x"
    repo.finish("other")
    place.mkdir(parents=True)
    (place / "dear").touch()
    result = repo.runs(*ISOLATED, "x", "true")
    assert result.err.startswith(f"fatal: run 'x' cannot use '{place}': it is there already\n")
    assert (place / "dear").exists()


@pytest.mark.parametrize("bare", [False, True], ids=["linked", "bare"])
def test_from_a_linked_work_tree(machine: Machine, repo: Repository, tmp_path: Path, bare: bool) -> None:
    main = repo
    if bare:
        machine.run("git", "clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare.git"))
        main = Repository(machine, tmp_path / "bare.git")
    main.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "topic")
    (tmp_path / "tree/train.py").write_text("print('linked')\n")
    tree = Repository(machine, tmp_path / "tree")
    tree.ok(*ISOLATED, "--snapshot", "x", "python3 train.py")
    tree.wait("x")
    assert log(tree, "x") == ["linked"]
    wait_for(lambda: "worktrees/x" not in tree.git("worktree", "list"))


def test_what_leads_back_into_the_tree_is_warned_of(repo: Repository) -> None:
    venv = repo.machine.home / "venv"
    package = venv / "lib/python3.11/site-packages/mine-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "direct_url.json").write_text(f'{{"url": "file://{repo.path}", "dir_info": {{"editable": true}}}}')
    repo.machine.environment |= {"VIRTUAL_ENV": str(venv), "PYTHONPATH": f"{repo.path}/src:/elsewhere"}
    assert repo.runs(*ISOLATED, "x", "true").err == (
        "warning: code is taken from this work tree, not from the run's own:"
        f" PYTHONPATH ({repo.path}/src), package mine (editable)\n{MOUNT_HINT}"
    )
    assert repo.runs("new", "-q", "y", "true").err == ""


def cone(repo: Repository) -> None:
    """Directories, one of them nested."""
    repo.git("sparse-checkout", "set", "--cone", "a", "deep/er")


def sparse_index(repo: Repository) -> None:
    """The same, where the index knows no more than directories of what is left out."""
    repo.git("sparse-checkout", "init", "--cone", "--sparse-index")
    cone(repo)


def any_patterns(repo: Repository) -> None:
    """Patterns that are no cone, and no words of git for what they are."""
    repo.git("config", "core.sparseCheckout", "true")
    patterns = repo.path / repo.git("rev-parse", "--git-path", "info/sparse-checkout").strip()
    patterns.parent.mkdir(exist_ok=True)
    patterns.write_text("# mine\n/*\n!/b/\n!/deep/x\n")
    repo.git("read-tree", "-m", "-u", "HEAD")


FILES = "find . -name .git -prune -o -name .runs -prune -o -type f -print | sort"


@pytest.mark.parametrize("where", ["main", "linked"])
@pytest.mark.parametrize("make", [cone, sparse_index, any_patterns])
def test_it_is_as_sparse_as_the_tree(repo: Repository, make: Callable[[Repository], None], where: str) -> None:
    for path in ("a/x", "b/y", "b/old", "b/out", "deep/x", "deep/er/x", "deep/er/y"):
        repo.commit(path, path)
    if where == "linked":
        repo.git("worktree", "add", "-q", "../linked")
        repo.git("sparse-checkout", "set", "b")
        repo = Repository(repo.machine, repo.path.parent / "linked")
    make(repo)
    settings = repo.git("config", "--list", "--show-scope")
    for path, content in {"b/y": "edited\n", "b/new [x] ": "new\n", "b/old": "b/old", "deep/er/x": "mine"}.items():
        (repo.path / path).parent.mkdir(exist_ok=True)
        (repo.path / path).write_text(content)
    there = repo.machine.run("sh", "-c", FILES, cwd=repo.path).out.splitlines()
    assert "./b/out" not in there
    command = f"cd ..; cat b/y; {FILES}; git status --porcelain"
    repo.ok(*ISOLATED, "--snapshot", "x", command, cwd=repo.path / "a")
    repo.wait("x")
    assert log(repo, "x") == ["edited", *there]
    assert repo.git("config", "--list", "--show-scope") == settings
    repo.git("sparse-checkout", "disable")
    assert repo.runs("reproduce", "--check", "x").err == ""
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    assert repo.lookup("x-repro", "sparse") == repo.lookup("x", "sparse")


def test_what_is_linked_is_not_tracked(repo: Repository) -> None:
    repo.commit("data/.gitkeep", "")
    repo.git("config", "runs.link", "data")
    result = repo.runs(*ISOLATED, "x", "true")
    assert (result.code, result.err) == (
        128,
        "fatal: runs.link leads to 'data/.gitkeep', which is tracked\nhint: name the ignored paths beside it\n",
    )
    repo.git("config", "runs.link", "missing")
    assert repo.runs(*ISOLATED, "y", "true").err == "warning: linked path 'missing' is not there\n"


@pytest.mark.parametrize(
    "command",
    [
        "echo mine >>lib.o",
        "touch new.o",
        "git commit -q --allow-empty -m mine; git checkout -q --detach $RUNS_COMMIT",
        "git update-index --assume-unchanged train.py; echo mine >>train.py",
    ],
)
def test_it_stays_while_anything_in_it_is_nowhere_else(repo: Repository, command: str) -> None:
    repo.commit("lib.o", "")
    finish(repo, "x", command)
    assert repo.lookup("x", "status") == "finished"
    assert work_trees(repo) == ["x"]


def test_a_moved_run_takes_its_work_tree_away_too(repo: Repository) -> None:
    go = repo.machine.home / "go"
    start(repo, "old", f"touch {go}.up; while [ ! -e {go} ]; do sleep 0.02; done")
    wait_for(Path(f"{go}.up").exists)
    repo.ok("move", "old", "new")
    go.touch()
    repo.wait("new")
    wait_for(lambda: work_trees(repo) == [])


def test_the_question_before_a_delete_names_kept_work_trees(repo: Repository, screen: Screen) -> None:
    finish(repo, "x", "false")
    screen.type("git runs delete x")
    screen.shows("  x (with its work tree and all that is in it)")


def test_output_in_the_place_of_a_link_is_kept(repo: Repository) -> None:
    repo.commit(".gitignore", "model\n")
    (repo.path / "model").write_text("old")
    repo.git("config", "runs.link", "model")
    finish(repo, "x", "echo new >tmp; mv tmp model")
    assert (repo.path / ".runs/worktrees/x/model").read_text() == "new\n"
    assert (repo.path / "model").read_text() == "old"


@pytest.mark.parametrize("how", ["nohup", "setsid"])
def test_it_stays_while_somebody_works_in_it(repo: Repository, how: str) -> None:
    go = repo.machine.home / "go"
    child = f"{how} sh -c 'while ! [ -e {go} ]; do sleep 0.05; done; echo late >out' >/dev/null 2>&1 & sleep 0.3"
    finish(repo, "x", child)
    go.touch()
    wait_for((repo.path / ".runs/worktrees/x/out").exists)


def test_included_files_are_reported_from_the_top(repo: Repository) -> None:
    repo.commit(".gitignore", "*.cfg\n")
    (repo.path / "sub").mkdir()
    (repo.path / "sub/b.cfg").touch()
    repo.git("config", "runs.include", "sub/b.cfg")
    assert repo.runs(*ISOLATED, "--snapshot", "x", "true", cwd=repo.path / "sub").err == ""
    repo.wait("x")
    assert repo.git("ls-tree", "-r", "--name-only", "runs/x") == ".gitignore\nsub/b.cfg\ntrain.py\n"


@pytest.mark.parametrize(
    ("command", "named"),
    [("python3 {top}/train.py", "{top}/train.py"), ("cd {top} && true", "{top}"), ("sh --in={link}/x", "{link}/x")],
)
def test_a_command_that_names_the_tree_itself_is_warned_of(
    repo: Repository, tmp_path: Path, command: str, named: str
) -> None:
    (tmp_path / "link").symlink_to(repo.path)
    words = {"top": repo.path, "link": tmp_path / "link"}
    result = repo.runs(*ISOLATED, "x", command.format(**words))
    assert result.err == (
        f"warning: code is taken from this work tree, not from the run's own: {named.format(**words)}\n{MOUNT_HINT}"
    )
    assert repo.record("x")["live"] == [named.format(**words)]
    repo.wait("x")
    problem = "code is taken from where people edit it, not from the run's own work tree"
    assert f"error: {problem}: {named.format(**words)}\n" in repo.runs("reproduce", "--check", "x").err
    assert repo.runs("reproduce", "--run", "x").err == f"warning: {problem}: {named.format(**words)}\n"
    repo.finish("whole", command.format(**words), *NO_FLAGS)
    assert repo.runs("reproduce", "--check", "whole").err == ""
    said = f"warning: code is taken from this work tree, not from the run's own: {named.format(**words)}\n"
    assert repo.runs("reproduce", "--run", "whole").err == said


def test_a_package_of_a_linked_virtualenv_that_is_the_tree_is_warned_of(repo: Repository) -> None:
    repo.commit(".gitignore", ".venv\n")
    venv = repo.path / ".venv"
    repo.machine.run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "mine-1.0.dist-info").mkdir()
    (site / "mine-1.0.dist-info/direct_url.json").write_text(
        f'{{"url": "file://{repo.path}", "dir_info": {{"editable": true}}}}'
    )
    repo.git("config", "runs.link", ".venv")
    assert "package mine (editable)\n" in repo.runs(*ISOLATED, "x", ".venv/bin/python train.py").err
    repo.wait("x")
    environment = repo.environment("x")
    assert environment["executable"] == ".venv/bin/python"
    path = repo.path / f".runs/environments/{environment['packages']}.txt"
    assert path.read_text() == f"mine==1.0 @ file://{repo.path} (editable)\n"


def test_while_its_run_goes_on_git_lets_it_be(repo: Repository) -> None:
    go = repo.machine.home / "go"
    start(repo, "a", f"touch {go}.up; while [ ! -e {go} ]; do sleep 0.02; done; exit 3")
    wait_for(Path(f"{go}.up").exists)
    place = str(repo.path / ".runs/worktrees/a")
    result = repo.machine.run("git", "worktree", "remove", "--force", place, cwd=repo.path)
    assert result.code == 128
    assert "locked working tree, lock reason: a run goes on in it" in result.err
    go.touch()
    repo.wait("a")
    wait_for(lambda: "locked" not in repo.git("worktree", "list", "--porcelain"))
    repo.git("worktree", "remove", "--force", place)


def bytes_that_git_changes(repo: Repository) -> dict[str, bytes]:
    """Files in a repository and in a submodule that a checkout would give other bytes or permissions."""
    repo.add_submodules("lib")
    repo.git("config", "core.fileMode", "false")
    attributes = "*.txt text=auto\n*.id ident\n*.up filter=up\n"
    repo.commit(".gitattributes", attributes)
    repo.commit("old.txt", "a\nb\n")
    repo.git("config", "filter.up.clean", "tr A-Z a-z")
    repo.git("config", "filter.up.smudge", "cat")
    (repo.path / "lib/.gitattributes").write_text(attributes)
    files = {
        "old.txt": b"a\r\nb\n",
        "sub/mixed\nname.txt": b"a\r\nb\n",
        '"quoted.txt': b"a\r\nb\n",
        "a.id": b"$Id: 0123 $\n",
        "A.up": b"ABC",
        "script": b"echo executable\n",
        "lib/mixed.txt": b"a\r\nb\n",
    }
    for path, content in files.items():
        (repo.path / path).parent.mkdir(exist_ok=True)
        (repo.path / path).write_bytes(content)
    (repo.path / "script").chmod(0o755)
    return files


def test_bytes_that_git_changes_come_along_and_back(repo: Repository) -> None:
    files = bytes_that_git_changes(repo)
    names = " ".join(shlex.quote(path) for path in files)
    result = repo.runs(*ISOLATED, "--snapshot", "x", f"sha256sum {names}; ./script; git status --porcelain")
    assert result.err == ""
    repo.wait("x")
    sums = repo.machine.run("sh", "-c", f"sha256sum {names}", cwd=repo.path).out
    assert log(repo, "x") == [*sums.splitlines(), "executable"]
    wait_for(lambda: work_trees(repo) == [])
    record = repo.record("x")
    assert isinstance(record["inexact"], list)
    assert sorted(record["inexact"]) == sorted(files)
    assert repo.git("rev-parse", "runs/x^@").split() == [record["base"], record["bytes"]]
    repo.git("clean", "-qfdx")
    repo.git("reset", "-q", "--hard")
    repo.git("gc", "-q", "--prune=now")
    assert repo.runs("reproduce", "--check", "x").err == ""
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    assert repo.record("x-repro")["bytes"] == record["bytes"]
    repo.ok("reproduce", "--worktree", "x")
    beside = repo.path.parent / "repo-x"
    assert {path: (beside / path).read_bytes() for path in files} == files
    assert repo.machine.run("git", "status", "--porcelain", cwd=beside).out == ""
    result = repo.runs("reproduce", "x")
    assert result.err.startswith("warning: a plain checkout gives other bytes than the run had: ")


def test_what_is_no_file_of_the_checkout_is_never_written_to(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (repo.path / "link").symlink_to(tmp_path / "precious")
    (repo.path / "outer").symlink_to(tmp_path)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "links")
    repo.ok("new", "-q", *NO_FLAGS, "x", "true")
    repo.wait("x")
    blob = repo.git("hash-object", "-w", "train.py").strip()

    def tree(*entries: str) -> str:
        return repo.machine.run("git", "mktree", cwd=repo.path, stdin="\n".join(entries)).out.strip()

    outer = tree(f"100644 blob {blob}\tprecious")
    evil = tree(f"040000 tree {outer}\touter", *(f"100644 blob {blob}\t{name}" for name in ("link", "new")))
    evil = repo.git("commit-tree", "-m", keeping.MESSAGE, evil).strip()
    commit = repo.git("commit-tree", "-m", "code", "-p", "HEAD", "-p", evil, "HEAD^{tree}").strip()
    repo.git("update-ref", "refs/runs/x", commit)
    path = repo.record_path("x")
    planted = re.sub("^commit: .*", f"commit: {commit}", path.read_text(), flags=re.MULTILINE)
    path.write_text(planted + f"bytes: {evil}\ninexact: [link, outer/precious, new]\n")
    repo.ok("reproduce", "--worktree", "x")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "repo-x/new").exists()


def added_attributes(repo: Repository) -> None:
    """Attributes that are not tracked."""
    (repo.path / "sub/.gitattributes").write_text("*.txt text eol=crlf\n")


def removed_attributes(repo: Repository) -> None:
    """Attributes that are no longer there; git still finds them in the index."""
    (repo.path / ".gitattributes").unlink()


def attributes_of_the_repository(repo: Repository) -> None:
    """Attributes that no commit holds, younger than the files."""
    (repo.path / ".git/info/attributes").write_text("*.txt text eol=crlf\n")


def attributes_of_the_user(repo: Repository) -> None:
    """The same, for all repositories."""
    repo.git("config", "core.attributesFile", "~/attributes")
    (repo.machine.home / "attributes").write_text("*.txt ident\n")


@pytest.mark.parametrize(
    ("change", "content"),
    [
        (added_attributes, b"a $Id$\n"),
        (removed_attributes, b"crlf\r\n"),
        (attributes_of_the_repository, b"a\n"),
        (attributes_of_the_user, b"$Id: mine $\n"),
    ],
)
def test_bytes_of_files_whose_attributes_changed_come_along_and_back(
    repo: Repository, change: Callable[[Repository], None], content: bytes
) -> None:
    (repo.path / "sub").mkdir()
    (repo.path / "sub/a.txt").write_bytes(content)
    os.utime(repo.path / "sub/a.txt", (1e9, 1e9))
    repo.commit(".gitattributes", "*.txt eol=crlf\n" if change is removed_attributes else "*.md text\n")
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "content")
    change(repo)
    repo.ok(*ISOLATED, "--snapshot", "x", "cat sub/a.txt | od -c; git status --porcelain")
    repo.wait("x")
    expected = repo.machine.run("od", "-c", "sub/a.txt", cwd=repo.path).out
    assert log(repo, "x") == expected.splitlines()
    assert repo.lookup("x", "commit") != repo.git("rev-parse", "HEAD").strip()
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
