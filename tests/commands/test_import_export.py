"""`git runs import` and `git runs export`: the single-file database of the first tool."""

from __future__ import annotations

import yaml

from tests.conftest import Repository


def database(repo: Repository) -> str:
    """A database as the first tool wrote it."""
    commit = repo.git("rev-parse", "HEAD").strip()
    return f"""\
continuous2:
  command: CUDA_VISIBLE_DEVICES=1 python train.py
  commit: {commit}
  datetime: '2017-11-03T13:46:48.633364'
  description: Run multiple runs to test stochasticity
  host: rldl3
room-with-original-cnn:
  command: python --timesteps=1
  commit: {commit[:7]}
  datetime: '2017-10-28T17:09:49.971061'
  description: 'Test original cnn: room.mjcf'
"""


def test_the_first_tools_database_is_imported(repo: Repository) -> None:
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.commit("more", "")
    (repo.path / ".git/info/exclude").write_text(".runs\n")
    (repo.path / ".runs").mkdir()
    path = repo.path / ".runs/.runs.yml"
    path.write_text(database(repo).replace(repo.git("rev-parse", "HEAD").strip(), commit))
    assert repo.ok("import") == f"Imported 2 of 2 runs from '{path}' (runs)\n"
    assert repo.ok("list") == "continuous2\nroom-with-original-cnn\n"
    assert repo.lookup("continuous2", "host") == "rldl3"
    assert repo.lookup("room-with-original-cnn", "description") == "Test original cnn: room.mjcf"
    row = repo.ok("table", "--columns=name,status,host", "--sort=name").splitlines()[2:]
    assert [line.split() for line in row] == [["continuous2", "_", "rldl3"], ["room-with-original-cnn", "_", "_"]]
    assert "git runs new --timestamp continuous2 'CUDA_VISIBLE_DEVICES=1 python train.py' --description=" in repo.ok(
        "reproduce", "-n", "continuous2"
    )
    assert repo.git("rev-parse", "runs/continuous2").strip() == commit


def test_names_that_are_taken_and_commits_that_are_not_here(repo: Repository) -> None:
    repo.finish("continuous2")
    before = repo.record_path("continuous2").read_bytes()
    path = repo.machine.home / "runs.yml"
    gone = "da6030dd973c810c330d9635eb8d9c2105bdfe2f"
    path.write_text(f"{database(repo)}two words:\n  commit: HEAD\ngone:\n  commit: {gone}\n")
    result = repo.runs("import", str(path))
    assert result.code == 0
    assert result.out == (
        f"Imported 4 of 4 runs from '{path}' (runs)\n"
        "Under other names: 'continuous2' as 'continuous2-2', 'two words' as 'two-words'\n"
    )
    assert result.err == (
        "warning: at which commit 1 run ran is not known: 'two-words'\n"
        "warning: 1 run is without a ref, as the commit is not here: 'gone'\n"
        "hint: once the commits are fetched: git runs fsck --repair\n"
    )
    assert repo.record_path("continuous2").read_bytes() == before
    assert repo.refs() == [f"refs/runs/{name}" for name in ("continuous2", "continuous2-2", "room-with-original-cnn")]
    assert repo.lookup("gone", "commit") == gone
    assert repo.lookup("two-words", "imported.commit") == "HEAD"
    assert repo.ok("fsck") == ""


def test_an_export_is_of_the_first_tools_form_and_can_be_imported(repo: Repository) -> None:
    repo.finish("a", "true", "-m", "two\nlines")
    repo.finish("g/b", "exit 3")
    path = repo.path / ".runs/.runs.yml"
    assert repo.ok("export") == f"Exported 2 runs to '{path}'\n"
    content = yaml.safe_load(path.read_text())
    assert list(content) == ["a", "g/b"]
    records = {name: repo.record(name) for name in content}
    (packages,) = (repo.path / ".runs/environments").glob("*.txt")
    for name, record in records.items():
        lists = {"packages": packages.read_text().splitlines()} if name == "a" else {}  # once for all
        whole = {**record, "environment": {**repo.environment(name), **lists}}
        assert content[name] == {key: value for key, value in whole.items() if key != "name"}
    path.rename(repo.machine.home / "kept.yml")
    repo.ok("delete", "-y", "--now", ".*")
    repo.ok("import", str(repo.machine.home / "kept.yml"))
    assert {name: repo.record(name) for name in content} == records


def test_an_export_never_replaces_a_database_that_holds_more(repo: Repository) -> None:
    repo.finish("a")
    path = repo.path / ".runs/.runs.yml"
    path.write_text(database(repo))
    result = repo.runs("export")
    assert result.code == 128
    assert result.err == (
        f"fatal: '{path}' holds runs that the export would not: 'continuous2' and 1 more\n"
        "hint: import them first, or use --output or --force\n"
    )
    assert path.read_text() == database(repo)
    other = repo.machine.home / "other.yml"
    repo.ok("export", f"--output={other}", "a")
    assert list(yaml.safe_load(other.read_text())) == ["a"]
    repo.ok("import")
    repo.ok("export")
    assert list(yaml.safe_load(path.read_text())) == ["a", "continuous2", "room-with-original-cnn"]


def test_a_database_that_is_not_there_or_no_database(repo: Repository) -> None:
    result = repo.runs("import")
    assert result.code == 128
    assert result.err.startswith("fatal: no runs of another tool are here\n")
    path = repo.machine.home / "runs.yml"
    path.write_text("a: b\n")
    result = repo.runs("import", str(path))
    assert result.code == 128
    assert result.err.startswith(
        f"fatal: bad record in line 1 of '{path}': run 'a' is no mapping of fields to values\n"
    )


def test_runs_whose_refs_were_fetched_are_imported(repo: Repository) -> None:
    for name in ("a", "g/b"):
        repo.finish(name)
    path = repo.machine.home / "runs.yml"
    repo.ok("export", "-o", str(path))
    clone = Repository(repo.machine, repo.path.parent / "clone")
    repo.git("clone", "-q", str(repo.path), str(clone.path))
    clone.git("fetch", "-q", "origin", "refs/runs/*:refs/runs/*")
    before = clone.refs()
    assert clone.runs("fsck", "--repair").code == 1
    assert clone.refs() == before == ["refs/runs/a", "refs/runs/g/b"]
    assert clone.ok("import", str(path)) == f"Imported 2 of 2 runs from '{path}' (runs)\n"
    assert [clone.record(name) for name in ("a", "g/b")] == [repo.record(name) for name in ("a", "g/b")]
    assert clone.refs() == before
    assert clone.runs("fsck").out == ""


def test_a_ref_at_another_commit_is_not_taken_for_an_imported_run(repo: Repository) -> None:
    path = repo.machine.home / "runs.yml"
    path.write_text(database(repo))
    other = repo.commit("train.py", "print(1)\n")
    repo.git("update-ref", "refs/runs/continuous2", other)
    assert "'continuous2' as 'continuous2-2'" in repo.ok("import", str(path))
    assert repo.git("rev-parse", "refs/runs/continuous2").strip() == other
    assert not repo.record_path("continuous2").exists()


def test_how_an_imported_run_ended_is_not_known(repo: Repository) -> None:
    path = repo.machine.home / "runs.yml"
    path.write_text(database(repo))
    repo.ok("import", str(path))
    result = repo.runs("wait", "continuous2")
    assert (result.code, result.err) == (1, "error: run 'continuous2': nothing is recorded of its end\n")


def test_a_run_that_is_here_is_not_imported_again_under_another_name(repo: Repository) -> None:
    repo.finish("a")
    path = repo.machine.home / "runs.yml"
    repo.ok("export", "-o", str(path))
    repo.ok("move", "a", "b")
    assert repo.ok("import", str(path)) == f"Imported 0 of 1 run from '{path}' (runs); 1 run is here already\n"
    assert repo.refs() == ["refs/runs/b"]


def test_a_run_of_an_export_that_was_deleted_is_left_out_while_it_can_be_had_back(repo: Repository) -> None:
    for name in ("a", "b"):
        repo.finish(name)
    path = repo.machine.home / "runs.yml"
    repo.ok("export", "-o", str(path))
    repo.ok("move", "a", "c")
    repo.ok("delete", "-y", "c")
    assert repo.ok("import", str(path)) == (
        f"Imported 0 of 2 runs from '{path}' (runs); 1 run is here already\n"
        "Left out what was deleted here, and can be had back by 'git runs undelete': 'c'\n"
    )
    repo.ok("undelete", "c")
    assert repo.ok("list") == "b\nc\n"
    repo.ok("delete", "-y", "--now", "c")
    repo.ok("import", "-q", str(path))
    assert repo.ok("list") == "a\nb\n"


def test_a_commit_is_a_hash_and_nothing_that_moves(repo: Repository) -> None:
    path = repo.machine.home / "runs.yml"
    path.write_text("a:\n  commit: HEAD\nb:\n  commit: main\n")
    assert "at which commit 2 runs ran is not known: 'a', 'b'" in repo.runs("import", str(path)).err
    assert (repo.refs(), "commit" in repo.record("a")) == ([], False)


def test_runs_that_were_imported_by_an_earlier_version_are_known(repo: Repository) -> None:
    path = repo.machine.home / "runs.yml"
    path.write_text(database(repo))
    repo.ok("import", str(path))
    earlier = {key: value for key, value in repo.record("continuous2").items() if key != "imported"}
    identifier = "4d9c5a5e-6f2b-4c2a-9a39-1df0e9f2d8ab"
    repo.record_path("continuous2").write_text(yaml.safe_dump({**earlier, "id": identifier}))
    assert repo.ok("import", str(path)).endswith("; 2 runs are here already\n")


def test_an_export_never_replaces_another_run_of_the_same_name(repo: Repository) -> None:
    repo.finish("a", "true", "-m", "first")
    repo.ok("export")
    repo.ok("delete", "-y", "a")
    repo.finish("a", "true", "-m", "second")
    result = repo.runs("export")
    assert (result.code, result.err.splitlines()[0]) == (
        128,
        f"fatal: '{repo.path}/.runs/.runs.yml' holds runs that the export would not: 'a'",
    )
    assert "description: first\n" in (repo.path / ".runs/.runs.yml").read_text()


def test_an_export_never_replaces_another_run_of_the_first_tool(repo: Repository) -> None:
    path = repo.path / ".runs/.runs.yml"
    repo.finish("a", "true", "-m", "mine")
    path.write_text(f"a:\n  commit: {repo.lookup('a', 'commit')}\n  description: another\n")
    assert repo.runs("export").code == 128
    path.write_text(f"a:\n  commit: {repo.lookup('a', 'commit')[:7]}\n  description: mine\n")
    repo.ok("export")


def test_an_export_to_a_relative_path_goes_where_we_are(repo: Repository) -> None:
    repo.finish("a")
    (repo.path / "sub").mkdir()
    repo.ok("export", "-o", "mine.yml", cwd=repo.path / "sub")
    assert list(yaml.safe_load((repo.path / "sub/mine.yml").read_text())) == ["a"]


def test_an_export_to_standard_output(repo: Repository) -> None:
    repo.finish("a")
    assert list(yaml.safe_load(repo.ok("export", "-o", "-"))) == ["a"]
    assert repo.git("status", "--porcelain") == ""
