"""What git does to a runs dir, and what it sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Repository, prepared, wait_for


@prepared
def kept(repo: Repository) -> None:
    """A repository with a run, and an untracked and an ignored file."""
    repo.commit(".gitignore", "*.log\n")
    repo.finish("a", 'echo model >"$RUNS_SAVE_PATH"', *NO_FLAGS)
    (repo.path / "notes").write_text("notes")
    (repo.path / "x.log").write_text("log")


def contents(repo: Repository) -> dict[Path, bytes]:
    """All that is in the runs dir."""
    return {path: path.read_bytes() for path in (repo.path / ".runs").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "command", [["clean", "-fdx"], ["clean", "-fdX"], ["stash", "-u"], ["stash", "-a"], ["reset", "--hard"]]
)
def test_git_leaves_the_runs_dir_alone(kept: Repository, command: list[str]) -> None:
    before = contents(kept)
    assert kept.git("status", "--porcelain") == "?? notes\n"
    kept.git(*command)
    assert contents(kept) == before
    assert kept.ok("list") == "a\n"
    assert kept.runs("fsck").out == ""


def test_git_adds_nothing_of_it(kept: Repository) -> None:
    before = contents(kept)
    kept.git("add", "-A")
    assert kept.git("status", "--porcelain") == "A  notes\n"
    assert kept.machine.run("git", "add", "-A", "-f", cwd=kept.path).code == 128
    assert kept.git("ls-files", ".runs") == ""
    assert contents(kept) == before


def test_a_run_that_goes_on_meanwhile_ends_as_always(repo: Repository) -> None:
    repo.ok("new", "-q", *NO_FLAGS, "a", "touch $RUNS_DIR/up; until [ -e $RUNS_DIR/go ]; do sleep 0.02; done; echo end")
    wait_for((repo.path / ".runs/up").exists)
    repo.git("clean", "-fdx")
    repo.git("stash", "-a")
    (repo.path / ".runs/go").touch()
    repo.wait("a")
    assert (repo.lookup("a", "status"), repo.log("a")) == ("finished", "end\n")


def test_a_program_in_a_work_tree_of_its_own_finds_its_commit(repo: Repository) -> None:
    repo.finish("a", "git rev-parse HEAD --show-toplevel", "--isolate", "--keep", *NO_FLAGS)
    commit = repo.git("rev-parse", "HEAD").strip()
    assert repo.log("a").splitlines()[-2:] == [commit, f"{repo.path}/.runs/worktrees/a"]


@pytest.mark.parametrize("inside", ["", "logs", "checkpoints/a"])
def test_inside_the_runs_dir_the_repository_around_it_is_found(kept: Repository, inside: str) -> None:
    place = kept.path / ".runs" / inside
    assert kept.ok("list", cwd=place) == "a\n"
    assert kept.ok("lookup", "a", "commit", cwd=place) == kept.git("rev-parse", "HEAD")
    (kept.path / "notes").unlink()
    kept.ok("new", "-q", *NO_FLAGS, "b", "pwd; git runs list | cat", cwd=place)
    kept.wait("b")
    assert kept.log("b") == f"{place}\na\nb\n".replace("/\n", "\n")
    assert "GIT_DIR" not in kept.environment("b")["others"]


def test_what_is_lost_of_it_comes_back_with_the_next_run(kept: Repository) -> None:
    exclude = kept.path / ".git/info/exclude"
    assert "/.runs/" in exclude.read_text().splitlines()
    exclude.write_text("# mine\nnotes")
    (kept.path / ".runs/.gitignore").unlink()
    kept.finish("b", "true", *NO_FLAGS)
    assert exclude.read_text() == "# mine\nnotes\n/.runs/\n"
    kept.finish("c", "true", *NO_FLAGS)
    assert exclude.read_text() == "# mine\nnotes\n/.runs/\n"
    (kept.path / ".runs/.git/HEAD").unlink()
    (kept.path / ".runs/.git/git-runs-guard").unlink()
    kept.finish("d", "true", *NO_FLAGS)
    kept.git("clean", "-fdx")
    assert kept.ok("list").split() == ["a", "b", "c", "d"]


def test_a_repository_that_was_moved_is_guarded_anew(kept: Repository, tmp_path: Path) -> None:
    kept.path.rename(tmp_path / "moved")
    moved = Repository(kept.machine, tmp_path / "moved")
    (moved.path / ".git/info/exclude").write_text("notes\n")
    moved.finish("b", "true", *NO_FLAGS)
    assert (moved.path / ".git/info/exclude").read_text() == "notes\n/.runs/\n"
    moved.git("clean", "-fdx")
    assert moved.ok("list").split() == ["a", "b"]


@pytest.mark.parametrize("name", ["my runs", "a/b[1]*?", "#runs", "!runs", "ends with blank ", "back\\slash", "ü"])
def test_any_name_is_excluded(repo: Repository, name: str) -> None:
    repo.git("config", "runs.runs-dir", name)
    repo.finish("a", "true", *NO_FLAGS)
    assert repo.git("status", "--porcelain") == ""
    repo.git("clean", "-fdx")
    assert repo.ok("list") == "a\n"


def test_linked_work_trees_have_the_same(repo: Repository, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", str(tmp_path / "other"))
    repo.finish("a", "true", *NO_FLAGS, cwd=tmp_path / "other")
    repo.git("clean", "-fdx")
    repo.git("clean", "-fdx", cwd=tmp_path / "other")
    assert repo.ok("list") == "a\n"


def test_where_files_of_it_are_tracked_they_stay_so(repo: Repository) -> None:
    repo.commit(".runs/.runs.yml", "{}\n")
    repo.commit(".gitignore", ".runs/*\n!.runs/.runs.yml\n")
    repo.finish("a", "true", *NO_FLAGS)
    assert not (repo.path / ".runs/.git").exists()
    (repo.path / ".runs/.runs.yml").write_text("a: b\n")
    assert repo.git("status", "--porcelain") == " M .runs/.runs.yml\n"


def test_a_repository_of_a_persons_own_in_it_is_left_alone(repo: Repository) -> None:
    (repo.path / ".runs").mkdir()
    repo.git("init", "-q", ".runs")
    (repo.path / ".git/info/exclude").write_text("/.runs/\n")
    repo.finish("a", "true", *NO_FLAGS)
    assert (repo.path / ".runs/.git/config").exists()
    assert not (repo.path / ".runs/.git/git-runs-guard").exists()


def test_outside_of_work_trees_there_is_none(repo: Repository, tmp_path: Path) -> None:
    repo.git("config", "runs.runs-dir", str(tmp_path / "runs"))
    repo.finish("a", "true", *NO_FLAGS)
    assert not (tmp_path / "runs/.git").exists()
