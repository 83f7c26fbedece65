"""`git runs show`: a run in words."""

from __future__ import annotations

import json

from tests.conftest import NO_FLAGS, Repository, wait_for


def test_a_run_in_words(repo: Repository) -> None:
    (repo.path / "train.py").write_text("print(2)\n")
    repo.finish("x", "cat train.py; exit 3", "--snapshot", *NO_FLAGS, "-m", "try two\n\nit fails")
    base = repo.git("rev-parse", "HEAD").strip()
    record = repo.record("x")
    lines = repo.ok("show", "x").splitlines()
    assert lines[:4] == [
        "run x",
        "Status:       failed with exit code 3",
        f"Commit:       {record['commit']} (a snapshot on top of {base[:10]})",
        "Branch:       main",
    ]
    assert lines[4].startswith(f"Started:      {str(record['datetime'])[:19]}")
    assert lines[7:] == [
        "Directory:    .",
        "Command:      cat train.py; exit 3",
        "Log:          .runs/logs/x.log",
        "",
        "    try two",
        "",
        "    it fails",
        "",
        " train.py | 3 +--",
        " 1 file changed, 1 insertion(+), 2 deletions(-)",
    ]
    assert "+print(2)\n" in repo.ok("show", "--patch", "x")


def test_how_a_reproduction_went(repo: Repository) -> None:
    repo.finish("x", "echo $RANDOM$RANDOM$RANDOM", *NO_FLAGS, "--shell=bash")
    repo.runs("reproduce", "--run", "--wait", "x")
    shown = repo.ok("show", "x-repro")
    assert "Reproduces:   x\n" in shown
    assert "Reproduction: different\n  log: line 1: " in shown


def test_the_original_of_a_reproduction_is_found_whatever_it_is_called(repo: Repository) -> None:
    repo.finish("x", "echo 1", *NO_FLAGS)
    repo.runs("reproduce", "--run", "--wait", "x")
    repo.ok("move", "x", "group/x")
    repo.finish("x", "echo another", *NO_FLAGS)
    assert "Reproduces:   group/x\n" in repo.ok("show", "x-repro")
    assert repo.lookup("x-repro", "reproduces") == "group/x"
    assert json.loads(repo.ok("lookup", "--json", "x-repro"))["reproduces"] == "group/x"
    assert repo.ok("list", "--where", "reproduces=group/x") == "x-repro\n"
    assert repo.ok("list", "--where", "reproduces=x") == ""
    repo.ok("delete", "-y", "group/x")
    assert "Reproduces:   x, which is not here\n" in repo.ok("show", "x-repro")
    assert repo.ok("list", "--where", "reproduces=x") == ""


def test_a_work_tree_of_its_own_is_shown_while_it_is_there(repo: Repository) -> None:
    repo.finish("kept", "echo extra >left.txt", "--isolate", *NO_FLAGS)
    repo.finish("clean", "true", "--isolate", *NO_FLAGS)
    assert "Work tree:    .runs/worktrees/kept\n" in repo.ok("show", "kept")
    wait_for(lambda: "Work tree:" not in repo.ok("show", "clean"))


def test_several_and_none(repo: Repository) -> None:
    repo.finish("a")
    repo.finish("b", "printf '\\033[31m'")
    shown = repo.ok("show", "b", "a")
    assert shown.startswith("run b\n")
    assert "\n\nrun a\n" in shown
    result = repo.runs("show", "a", "c")
    assert (result.code, result.out) == (1, "")


def test_without_its_commits_the_record_still_shows(repo: Repository) -> None:
    (repo.path / "new").write_text("1")
    repo.finish("x", "true", "--snapshot")
    path = repo.record_path("x")
    path.write_text(path.read_text().replace(str(repo.record("x")["commit"]), "1" * 40))
    assert f"Commit:       {'1' * 40} (a snapshot" in repo.ok("show", "x")
