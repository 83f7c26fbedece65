"""From wherever it is called, `git runs` works on the repository that git finds, and all views share one runs dir."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository


def repository(machine: Machine, path: Path) -> Repository:
    """A repository with one commit at `path`."""
    machine.run("git", "init", "-q", "-b", "main", str(path))
    repo = Repository(machine, path)
    repo.commit("file", "")
    return repo


def test_from_a_subdirectory(repo: Repository) -> None:
    (repo.path / "a/b").mkdir(parents=True)
    repo.finish("base", cwd=repo.path / "a/b")
    assert repo.ok("list", cwd=repo.path / "a") == repo.ok("list") == "base\n"
    assert not (repo.path / "a/b/.runs").exists()


def test_through_minus_c(repo: Repository) -> None:
    repo.finish("base")
    for command in (
        ["git", "-C", str(repo.path), "runs"],
        ["git", "runs", "-C", str(repo.path)],
        ["git-runs", "-C", "repo"],
    ):
        assert repo.machine.run(*command, "list", cwd=repo.path.parent).out == "base\n"


def test_with_git_dir_and_git_work_tree(repo: Repository, tmp_path: Path) -> None:
    repo.finish("base")
    variables = {"GIT_DIR": f"{repo.path}/.git", "GIT_WORK_TREE": str(repo.path)}
    assert repo.runs("list", cwd=tmp_path, **variables).out == "base\n"
    result = repo.runs("new", *NO_FLAGS, "other", "pwd; git rev-parse --git-dir", cwd=tmp_path, **variables)
    assert result.code == 0, result
    repo.wait("other")
    assert repo.log("other") == f"{repo.path}\n.git\n"
    result = repo.machine.run("git", f"--git-dir={repo.path}/.git", "runs", "list", cwd=tmp_path)
    assert result.out == "base\nother\n"


def test_a_work_tree_elsewhere_shares_the_runs_of_its_repository(repo: Repository, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {"GIT_DIR": f"{repo.path}/.git", "GIT_WORK_TREE": str(elsewhere)}
    assert repo.machine.run("git", "checkout", "-f", "main", cwd=elsewhere, **variables).code == 0
    result = repo.runs("new", *NO_FLAGS, "base", "pwd", cwd=elsewhere, **variables)
    assert result.code == 0, result
    repo.wait("base")
    assert repo.log("base") == f"{elsewhere}\n"


@pytest.mark.parametrize("alias", ["runs", "!git runs"])
def test_through_an_alias(repo: Repository, tmp_path: Path, alias: str) -> None:
    repo.git("config", "--global", "alias.r", alias)
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    (repo.path / "sub").mkdir()
    (tmp_path / "linked/sub").mkdir()
    repo.commit("newer", "")
    for n, directory in enumerate((repo.path / "sub", tmp_path / "linked/sub")):
        result = repo.machine.run("git", "r", "new", *NO_FLAGS, f"r{n}", "env | grep -c ^GIT_DIR; pwd", cwd=directory)
        assert result.code == 0, result
        repo.wait(f"r{n}")
    # As with any command of an alias, git has changed to the top: git-config(1), alias.*.
    top = {"runs": "/sub", "!git runs": ""}[alias]
    assert repo.log("r0") == f"0\n{repo.path}{top}\n"
    assert repo.log("r1") == f"0\n{tmp_path}/linked{top}\n"
    assert repo.lookup("r0", "commit") != repo.lookup("r1", "commit")
    assert repo.machine.run("git", "r", "list", cwd=tmp_path / "linked").out == "r0\nr1\n"


def test_in_a_submodule(repo: Repository) -> None:
    repo.add_submodules("lib")
    repo.git("config", "--global", "alias.r", "!git runs")
    for n, command in enumerate((["git", "runs"], ["git", "r"])):
        result = repo.machine.run(*command, "new", *NO_FLAGS, f"r{n}", "pwd", cwd=repo.path / "lib")
        assert result.code == 0, result
    sub = Repository(repo.machine, repo.path / "lib")
    for n in range(2):
        sub.wait(f"r{n}")
        assert sub.log(f"r{n}") == f"{repo.path}/lib\n"
    assert (repo.path / "lib/.runs/records/r0.yml").exists()
    assert repo.ok("list") == ""
    assert repo.git("status", "--porcelain") == ""


def test_a_dirty_submodule_is_not_clean(repo: Repository) -> None:
    repo.add_submodules("lib")
    repo.git("config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
    repo.git("commit", "-q", "-a", "-m", "look away")
    (repo.path / "lib/code").write_text("changed")
    assert "  M lib" in repo.runs("new", "base", "true").err


def test_a_bare_repository_with_linked_work_trees(machine: Machine, repo: Repository, tmp_path: Path) -> None:
    bare, trees = tmp_path / "bare.git", [tmp_path / "one", tmp_path / "two"]
    machine.run("git", "clone", "-q", "--bare", str(repo.path), str(bare))
    for tree in trees:
        assert machine.run("git", "worktree", "add", "-q", "-b", tree.name, str(tree), cwd=bare).code == 0
    one = Repository(machine, trees[0])
    one.ok("new", *NO_FLAGS, "base", "pwd")
    one.wait("base")
    assert one.log("base") == f"{trees[0]}\n"
    assert (bare / "runs/records/base.yml").exists()
    for place in (*trees, bare):
        assert machine.run("git", "runs", "list", cwd=place).out == "base\n"


def test_a_bare_repository_named_dot_git_beside_its_work_trees(
    machine: Machine, repo: Repository, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    machine.run("git", "clone", "-q", "--bare", str(repo.path), str(project / ".git"))
    machine.run("git", "worktree", "add", "-q", "tree", cwd=project)
    tree = Repository(machine, project / "tree")
    tree.finish("base")
    assert (project / ".git/runs/records/base.yml").exists()
    # git moves core.bare to the main work tree's own configuration.
    assert machine.run("git", "sparse-checkout", "init", "--cone", cwd=tree.path).code == 0
    assert tree.ok("list") == machine.run("git", "runs", "list", cwd=project).out == "base\n"


def test_inside_the_git_dir(repo: Repository) -> None:
    repo.finish("base")
    assert repo.ok("list", cwd=repo.path / ".git") == "base\n"
    assert repo.ok("list", cwd=repo.path / ".git/refs") == "base\n"


def test_a_separate_git_dir(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", f"--separate-git-dir={tmp_path / 'store'}", str(tmp_path / "work"))
    repo = Repository(machine, tmp_path / "work")
    repo.commit("file", "")
    repo.finish("base")
    assert repo.record_path("base").exists()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    result = repo.runs("list", cwd=tmp_path / "linked")
    assert result.code == 128
    assert result.err == (
        f"fatal: it is not known where the main work tree of '{tmp_path / 'store'}' is, and the runs dir is there\n"
        "hint: say where: git config runs.runs-dir <absolute path>\n"
    )
    repo.git("config", "runs.runs-dir", str(repo.path / ".runs"))
    assert repo.ok("list", cwd=tmp_path / "linked") == "base\n"


def test_a_symbolic_link_to_the_work_tree(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repo.path)
    repo.finish("base", cwd=tmp_path / "link")
    assert repo.ok("list") == "base\n"


def test_a_repository_with_long_hashes(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", "--object-format=sha256", str(tmp_path / "long"))
    repo = Repository(machine, tmp_path / "long")
    commit = repo.commit("file", "")
    repo.finish("base")
    assert repo.lookup("base", "commit") == commit
    assert len(commit) == 64
    assert repo.git("rev-parse", "runs/base").strip() == commit


def test_a_repository_that_git_finds_unsafe(repo: Repository) -> None:
    repo.path.chmod(0o755)
    repo.machine.run("chown", "-R", "12345", str(repo.path))
    if repo.path.stat().st_uid != 12345:
        pytest.skip("only root gives files away")
    result = repo.runs("list")
    assert result.code == 128
    assert result.err.startswith("fatal: detected dubious ownership in repository")


@pytest.mark.parametrize("how", ["deleted", "link", "submodule", "in a submodule"])
def test_changes_that_git_was_reported_not_to_see(repo: Repository, how: str) -> None:
    repo.add_submodules("lib")
    (repo.path / "link").symlink_to("train.py")
    repo.git("add", "link")
    repo.git("commit", "-q", "-m", "link")
    inner = Repository(repo.machine, repo.path / "lib")
    if how == "in a submodule":
        inner.git("update-index", "--assume-unchanged", "code")
        (inner.path / "code").write_text("hidden")
    else:
        repo.git("update-index", "--assume-unchanged", "train.py", "link", "lib")
    if how == "deleted":
        (repo.path / "train.py").unlink()
    elif how == "link":
        (repo.path / "link").unlink()
        (repo.path / "link").symlink_to("elsewhere")
    elif how == "submodule":
        inner.commit("code", "newer")
    result = repo.runs("new", "x", "true")
    path = {"deleted": "train.py", "link": "link", "submodule": "lib", "in a submodule": "lib/code"}[how]
    assert f"that no commit would hold: {path}\n" in result.err
    repo.finish("y", "true", "--allow-dirty")
    assert repo.record("y")["dirty"] is True
