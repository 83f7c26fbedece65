"""What a user reads when something is wrong: the exact words, and the exit code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Machine, Repository, Result


def says(result: Result, code: int, *lines: str) -> None:
    """The command printed exactly these lines on standard error, nothing else, and ended with that code."""
    assert (result.code, result.err.splitlines(), result.out) == (code, list(lines), "")


def test_dirty_tree(repo: Repository) -> None:
    (repo.path / "train.py").write_text("changed")
    (repo.path / "notes.txt").write_text("new")
    says(
        repo.runs("new", "base", "true"),
        128,
        "fatal: the work tree is not clean, so no commit would hold what ran:  M train.py, ?? notes.txt",
        "hint: commit the changes, put them away with 'git stash -u', or ignore files that do not matter",
        "hint: or run them as they are, kept in a commit of the run's own: --snapshot",
    )
    assert repo.refs() == []


def test_dirty_tree_with_many_changes(repo: Repository) -> None:
    for n in range(5):
        (repo.path / f"new{n}").touch()
    first = repo.runs("new", "base", "true").err.splitlines()[0]
    assert first == (
        "fatal: the work tree is not clean, so no commit would hold what ran: ?? new0, ?? new1, ?? new2 and 2 more"
    )


def test_changes_that_the_configuration_hides_count(repo: Repository) -> None:
    repo.git("config", "status.showUntrackedFiles", "no")
    (repo.path / "notes.txt").write_text("new")
    assert "?? notes.txt" in repo.runs("new", "base", "true").err


def test_collision(repo: Repository) -> None:
    repo.finish("base")
    before = repo.record_path("base").read_bytes()
    says(
        repo.runs("new", "base", "true"),
        128,
        "fatal: run 'base' already exists",
        "hint: use --timestamp to add the time to the name, or --overwrite to delete the old run first",
    )
    assert repo.record_path("base").read_bytes() == before


@pytest.mark.parametrize("pack", [False, True])
def test_a_name_and_a_group_of_that_name(repo: Repository, pack: bool) -> None:
    repo.finish("a")
    repo.finish("g/b/c")
    if pack:
        repo.git("pack-refs", "--all")
    says(
        repo.runs("new", "a/b", "true"),
        128,
        "fatal: runs 'a/b' and 'a' cannot both exist: 'a' would be a run and a group",
        "hint: choose another name, or move 'a' first",
    )
    for name in ("g", "g/b"):
        says(
            repo.runs("new", name, "true"),
            128,
            f"fatal: runs '{name}' and 'g/b/c' cannot both exist: '{name}' would be a run and a group",
            "hint: choose another name, or move 'g/b/c' first",
        )
    assert repo.refs() == ["refs/runs/a", "refs/runs/g/b/c"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "it is empty"),
        (".hidden", "it must start with a letter, a digit or '_'"),
        ("/a", "it must start with a letter, a digit or '_'"),
        ("two words", "' ' is not allowed; letters, digits and . _ - = + , @ % / are"),
        ("a:b", "':' is not allowed; letters, digits and . _ - = + , @ % / are"),
        ("a#(id)", "'#' is not allowed; letters, digits and . _ - = + , @ % / are"),
        ("\N{ROCKET}", "it must start with a letter, a digit or '_'"),
        ("a\nb", "'\\n' is not allowed; letters, digits and . _ - = + , @ % / are"),
        ("a\x1b[31m", "'\\x1b' is not allowed; letters, digits and . _ - = + , @ % / are"),
        ("x" * 201, "it is longer than 200 bytes"),
        ("da6030dd973c810c330d9635eb8d9c2105bdfe2f", "it could be the hash of a commit"),
        ("environments/fa1443c2ec53b199", "records of environments are kept under such names"),
        ("a//b", "it has a '/' at its end or two in a row"),
        ("a/", "it has a '/' at its end or two in a row"),
        ("a/.b", "'.b' starts with '.'"),
        ("a..b", "it has two dots in a row"),
        ("a.", "it ends in '.'"),
        ("a.lock/b", "'a.lock' ends in '.lock', as git's lock files do"),
        ("a.yml", "'a.yml' ends in '.yml', as files in the runs dir do"),
        ("a.log/b", "'a.log' ends in '.log', as files in the runs dir do"),
    ],
)
def test_invalid_name(repo: Repository, name: str, rule: str) -> None:
    from git_runs.console.escape import escape

    says(repo.runs("new", name, "true"), 128, f"fatal: '{escape(name)}' is not a valid run name: {rule}")


def test_pattern_that_is_no_regular_expression(repo: Repository) -> None:
    repo.finish("base")
    says(
        repo.runs("list", "*base"),
        128,
        "fatal: '*base' is not a regular expression: nothing to repeat at position 0",
        "hint: use -G to match names with shell globs such as 'exp/*'",
    )


def test_pattern_that_selects_nothing(repo: Repository) -> None:
    repo.finish("exp/base")
    says(repo.runs("list", "bas"), 1, "error: no run matches 'bas'")
    says(
        repo.runs("delete", "-y", "exp/*"),
        1,
        "error: no run matches 'exp/*'",
        "hint: patterns are regular expressions that match the whole name; use -G to match shell globs",
    )
    says(repo.runs("list", "-G", "x*"), 1, "error: no run matches 'x*'")


def test_unknown_key_in_lookup(repo: Repository) -> None:
    repo.finish("base")
    keys = ", ".join(repo.record("base"))
    message = "error: run 'base' has no 'comit'; did you mean 'commit'?"
    says(repo.runs("lookup", "base", "comit"), 1, message, f"hint: its record has {keys}")
    os.utime(repo.record_path("base"), (1e9, 1e9))  # long ago, so that it is remembered
    for _ in range(2):
        says(repo.runs("lookup", "base", "comit"), 1, message, f"hint: its record has {keys}")


def test_unknown_run(repo: Repository) -> None:
    for command in (
        ["lookup", "x"],
        ["describe", "x", "-m", ""],
        ["log", "x"],
        ["reproduce", "x"],
        ["attach", "x"],
        ["move", "x", "y"],
    ):
        says(repo.runs(*command), 1, "error: no run is named 'x'", "hint: 'git runs list' shows the names")


def test_record_that_is_not_yaml(repo: Repository) -> None:
    for name in ("a", "b", "c"):
        repo.finish(name)
    path = repo.record_path("b")
    broken = "id: 1\nname: b\ndescription: one: two\n"
    path.write_text(broken)
    message = f"bad record in line 3 of '{path}': mapping values are not allowed in this context"
    for command in ("list", "table"):
        result = repo.runs(command)
        assert (result.code, result.err) == (1, f"error: {message}\n")
    assert repo.runs("list").out == "a\nc\n"
    says(repo.runs("lookup", "b"), 128, f"fatal: {message}", "hint: mend the file in an editor")
    for change in (
        ["describe", "b", "-m", "x"],
        ["delete", "-y", "b"],
        ["move", "b", "d"],
        ["new", "--overwrite", "-y", "b", "true"],
    ):
        assert repo.runs(*change).err.splitlines()[0] == f"fatal: {message}"
    assert path.read_text() == broken
    assert repo.refs() == ["refs/runs/a", "refs/runs/b", "refs/runs/c"]


def test_malformed_runsrc_of_gits_form(repo: Repository) -> None:
    path = repo.path / ".runsrc"
    path.write_text("[runs]\n\tcolumn-width = 20\n\tcolumn width = 3\n")
    says(repo.runs("list"), 128, f"fatal: bad config line 3 in file {path}")


def test_malformed_runsrc_in_yaml(repo: Repository) -> None:
    path = repo.path / ".runsrc"
    path.write_text("runs-dir: .lstm/\ntb-dir-flag: a: b\n")
    says(
        repo.runs("list"),
        128,
        f"fatal: bad config line 2 in file {path}: mapping values are not allowed in this context",
    )
    path.write_text("runs-dir: .lstm/\nextra-flags:\n  - just-one\n")
    says(repo.runs("list"), 128, f"fatal: bad config line 3 in file {path}: extra-flags are pairs: - [flag, value]")
    path.write_text("runs-dir: x\ntb-dir-flag: {a: b}\n")
    says(repo.runs("list"), 128, f"fatal: bad config line 2 in file {path}: 'tb-dir-flag' cannot have such a value")
    path.write_text("just words\n")
    says(
        repo.runs("list"), 128, f"fatal: bad config line 1 in file {path}: settings are lines of the form 'key: value'"
    )


@pytest.mark.parametrize("text", ["[runs]\n\ttb-dri-flag = --logdir\n", "tb-dri-flag: --logdir\n"])
def test_unknown_setting_in_runsrc(repo: Repository, text: str) -> None:
    path = repo.path / ".runsrc"
    path.write_text(text)
    says(
        repo.runs("list"), 0, f"warning: unknown setting 'runs.tb-dri-flag' in file {path}; did you mean 'tb-dir-flag'?"
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("column-width", "wide", "it has to be a whole number, 4 or more"),
        ("column-width", "3", "it has to be a whole number, 4 or more"),
        ("collision", "maybe", "it has to be one of refuse, timestamp, overwrite"),
        ("pattern-type", "perl", "it has to be one of regex, glob"),
        ("keep-session", "yes", "it has to be one of failed, always, never"),
        ("shell", "no-such-shell -e", "there is no program 'no-such-shell'"),
        ("shell", "/", "there is no program '/'"),
        ("shell", "''", "there is no program ''"),
        ("shell", "bash 'x", "No closing quotation"),
        ("dirty", "yes", "it has to be one of refuse, snapshot, allow"),
        ("isolate", "maybe", "it has to be true, false, mount or mount-if-possible"),
        ("snapshot-limit", "10 MB", "it has to be a number of bytes, with k, m or g for multiples"),
        ("link", "../x", "it has to be a path in the work tree, from its top"),
        ("link", "/x", "it has to be a path in the work tree, from its top"),
        ("db-filename", "a/b.yml", "it has to be the name of a file in the runs dir"),
        ("runs-dir", "", "it is empty"),
    ],
)
def test_bad_value_of_a_setting(repo: Repository, key: str, value: str, reason: str) -> None:
    repo.git("config", f"runs.{key}", value)
    says(repo.runs("list"), 128, f"fatal: bad value '{value}' for 'runs.{key}' in file .git/config: {reason}")
    repo.git("config", "--unset", f"runs.{key}")
    result = repo.machine.run("git", "-c", f"runs.{key}={value}", "runs", "list", cwd=repo.path)
    says(result, 128, f"fatal: bad value '{value}' for 'runs.{key}' in command line: {reason}")


def test_a_setting_without_a_value(repo: Repository) -> None:
    with (repo.path / ".git/config").open("a") as config:
        config.write("[runs]\n\tshell\n")
    says(repo.runs("list"), 128, "fatal: bad value '' for 'runs.shell' in file .git/config: the value is missing")


def test_unborn_head(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", "-b", "main", str(tmp_path / "empty"))
    repo = Repository(machine, tmp_path / "empty")
    says(repo.runs("new", "base", "true"), 128, "fatal: your current branch 'main' does not have any commits yet")


def test_not_a_repository(machine: Machine) -> None:
    words = "fatal: not a git repository (or any of the parent directories): .git"
    for command in (["list"], ["new", "base", "true"], []):
        says(machine.run("git", "runs", *command, GIT_CEILING_DIRECTORIES="/"), 128, words)


def test_bare_repository(machine: Machine, tmp_path: Path) -> None:
    machine.run("git", "init", "-q", "--bare", str(tmp_path / "bare"))
    repo = Repository(machine, tmp_path / "bare")
    says(repo.runs("new", "base", "true"), 128, "fatal: this operation must be run in a work tree")
    assert repo.ok("list") == ""


def path_with(*tools: str, at: Path) -> str:
    """A PATH on which, of all programs, only these are found."""
    at.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found
        (at / tool).symlink_to(found)
    return str(at)


def git_runs() -> str:
    found = shutil.which("git-runs")
    assert found
    return found


def test_no_tmux(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", repo.machine.environment["PATH"])
    path = path_with("git", "git-runs", "bash", "sh", at=tmp_path / "bin")
    says(
        repo.runs("new", "base", "true", PATH=path),
        128,
        "fatal: tmux is not installed, or not on PATH",
        "hint: install tmux with your package manager, or run here and now: --launcher=foreground",
    )
    assert repo.refs() == []
    assert not (repo.path / ".runs").exists()


def test_no_git(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", repo.machine.environment["PATH"])
    result = repo.machine.run(git_runs(), "list", cwd=repo.path, PATH=path_with("bash", at=tmp_path / "bin"))
    says(result, 128, "fatal: git is not installed, or not on PATH", "hint: install git with your package manager")


def old_program(directory: Path, name: str, script: str) -> None:
    """A program that behaves like an old release, as far as it is asked."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def test_old_tmux(repo: Repository, tmp_path: Path) -> None:
    old_program(tmp_path / "old", "tmux", "echo tmux 3.1c")
    path = f"{tmp_path / 'old'}:{repo.machine.environment['PATH']}"
    says(
        repo.runs("new", "base", "true", PATH=path),
        128,
        "fatal: tmux 3.1c is too old: git runs needs tmux 3.2 or later",
    )
    assert repo.refs() == []


def test_old_git(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", repo.machine.environment["PATH"])
    # Before 2.31, rev-parse echoed --path-format as it does any option that it does not know.
    answers = 'rev-parse) printf "%s\\n" --path-format=absolute .git;; version) echo git version 2.30.2;;'
    script = f'case "$1" in {answers} *) exec {shutil.which("git")} "$@";; esac'
    old_program(tmp_path / "old", "git", script)
    result = repo.machine.run(git_runs(), "list", cwd=repo.path, PATH=f"{tmp_path / 'old'}:{os.environ['PATH']}")
    says(result, 128, "fatal: git 2.30.2 is too old: git runs needs git 2.31 or later")


def test_unknown_subcommand(repo: Repository) -> None:
    says(
        repo.runs("lisst"),
        129,
        "error: unknown subcommand: 'lisst'; did you mean 'list'?",
        "usage: git runs [-C <path>] [-c <name>=<value>] [<command> [<args>]]",
        "See 'git runs -h'.",
    )


def test_unknown_option(repo: Repository) -> None:
    says(
        repo.runs("attach", "--colour", "x"),
        129,
        "error: unknown option `colour'",
        "usage: git runs attach [<name>]",
    )


def test_ref_and_record_that_disagree(repo: Repository) -> None:
    repo.finish("base")
    old = repo.lookup("base", "commit")
    new = repo.commit("more", "")
    repo.git("update-ref", "refs/runs/base", new)
    says(
        repo.runs("reproduce", "base"),
        128,
        f"fatal: refs/runs/base is at {new}, but the record says {old}: one of them was changed",
        "hint: put right whichever was, with git update-ref or in the record",
    )
    repo.git("update-ref", "-d", "refs/runs/base")
    says(
        repo.runs("reproduce", "base"),
        128,
        f"fatal: there is no refs/runs/base; the record says it was at {old}",
        f"hint: git update-ref refs/runs/base {old}",
    )


def test_control_characters_in_messages_are_spelled_out(repo: Repository) -> None:
    says(repo.runs("list", "\x1b]0;x"), 1, "error: no run matches '\\x1b]0;x'")
    says(repo.runs("log", "a\x07"), 1, "error: no run is named 'a\\x07'", "hint: 'git runs list' shows the names")


def test_runs_dir_that_cannot_be_written(repo: Repository) -> None:
    (repo.path / ".git/info/exclude").write_text("blocked\n")
    (repo.path / "blocked").write_text("a file")
    repo.git("config", "runs.runs-dir", "blocked")
    says(repo.runs("new", "base", "true"), 128, f"fatal: '{repo.path}/blocked': File exists")
    assert repo.refs() == []


def test_disk_full_while_a_record_is_written(repo: Repository) -> None:
    repo.finish("other")
    before = sorted((repo.path / ".runs").rglob("*"))
    # A limit on the size of files: what is longer fails as on a full disk.
    result = repo.machine.run(
        "bash", "-c", "ulimit -f 1; git runs new base 'true $(: " + "x" * 3000 + ")'", cwd=repo.path
    )
    says(result, 128, f"fatal: '{repo.path}/.runs/records/base.yml': File too large")
    assert repo.refs() == ["refs/runs/other"]
    assert sorted((repo.path / ".runs").rglob("*")) == before


def test_disk_full_while_the_ref_is_written(machine: Machine, small_disk: Path, tmp_path: Path) -> None:
    repo = Repository(machine, small_disk / "repo")
    machine.run("git", "init", "-q", "--template=", str(repo.path))
    repo.commit("train.py", "")
    repo.git("config", "runs.runs-dir", str(tmp_path / "runs"))
    machine.run("sh", "-c", "cat /dev/zero >filler", cwd=small_disk)
    result = repo.runs("new", "base", "true")
    assert (result.code, result.out) == (128, "")
    assert "Traceback" not in result.err
    assert result.err.startswith("fatal: cannot update ref 'refs/runs/base': couldn't write ")
    assert not list(repo.path.glob(".git/refs/runs/*.lock"))
    (small_disk / "filler").unlink()
    repo.finish("base")


def test_a_full_disk_keeps_nobody_from_deleting(repo: Repository) -> None:
    repo.finish("base")
    result = repo.machine.run("bash", "-c", "ulimit -f 0; git-runs delete -y base", cwd=repo.path)
    assert (result.code, "hint: --now deletes at once" in result.err) == (128, True)
    assert (repo.ok("list"), repo.ok("fsck")) == ("base\n", "")
    result = repo.machine.run("bash", "-c", "ulimit -f 0; git-runs delete -y --now base", cwd=repo.path)
    assert result.code == 0, result
    assert repo.ok("list") == ""


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_changes_that_git_was_reported_not_to_see(repo: Repository, mark: str) -> None:
    repo.git("update-index", mark, "train.py")
    repo.finish("unchanged")
    (repo.path / "train.py").write_text("other\n")
    assert repo.git("status", "--porcelain") == ""
    says(
        repo.runs("new", "base", "true"),
        128,
        "fatal: the work tree has changes that git is set not to see, and that no commit would hold: train.py",
        "hint: to see them: git update-index --no-assume-unchanged --no-skip-worktree <file>; then commit them",
    )
    assert repo.refs() == ["refs/runs/unchanged"]


def test_a_kill_on_another_host_names_no_option_that_it_does_not_have(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    text = path.read_text().replace(f"host: {os.uname().nodename}", "host: rldl3").replace("finished\n", "running\n")
    path.write_text(text)
    says(
        repo.runs("kill", "base"),
        128,
        "fatal: run 'base' belongs to host 'rldl3': stopping it here could pull it from under a running program",
        "hint: do it on rldl3",
    )


@pytest.mark.parametrize(
    "arguments", [["python3", "-m", "train"], ["python3", "train.py"], ["./run.sh", "-q"], ["x", "--", "y"]]
)
def test_a_command_that_is_not_quoted(repo: Repository, arguments: list[str]) -> None:
    result = repo.runs("new", "base", *arguments)
    assert result.code == 129
    assert result.err.splitlines()[0] == "error: <command> is one argument: quote it, or put '--' before the program"
    assert "<command> is one argument" in repo.runs("new", "base", "python3", "train.py", "--steps=2").err
    assert repo.refs() == []
