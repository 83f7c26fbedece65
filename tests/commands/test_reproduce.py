"""`git runs reproduce`: the code is checked out, and the command printed works when pasted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from shlex import quote

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen


def paste(repo: Repository, line: str, cwd: Path | None = None) -> None:
    """Give the line to a shell, as a person would."""
    result = repo.machine.run("sh", "-c", line, cwd=cwd or repo.path)
    assert result.code == 0, result


def line_of(repo: Repository, name: str, cwd: Path | None = None) -> str:
    """The command that starts the run again."""
    out = repo.ok("reproduce", "-n", name, cwd=cwd)
    head, checkout, command = out.split("\n", 2)
    assert (head, checkout[:14]) == ("To reproduce:", " git checkout ")
    return command


def test_the_ref_is_checked_out_and_the_command_printed(repo: Repository) -> None:
    repo.finish("base", "python3 train.py --lr 1", "--description=it's new")
    commit = repo.lookup("base", "commit")
    repo.commit("train.py", "changed")
    repo.git("pack-refs", "--all")
    result = repo.runs("reproduce", "base")
    assert result.code == 0
    command = "git runs new --timestamp base 'python3 train.py --lr 1' --description='it'\"'\"'s new'"
    assert result.out == f"To reproduce:\n {command}\n"
    assert result.err == f"HEAD is now at {commit[:7]} first model\nhint: to go back: git switch main\n"
    assert repo.git("rev-parse", "HEAD").strip() == commit
    assert repo.machine.run("git", "symbolic-ref", "-q", "HEAD", cwd=repo.path).code == 1
    assert "import sys" in (repo.path / "train.py").read_text()


def test_a_dry_run_prints_both_commands_and_touches_nothing(repo: Repository) -> None:
    repo.finish("base", "python3 train.py")
    commit = repo.lookup("base", "commit")
    head = repo.commit("train.py", "changed")
    (repo.path / "dirt").touch()
    assert repo.ok("reproduce", "--dry-run", "base").splitlines() == [
        "To reproduce:",
        f" git checkout --no-overwrite-ignore {commit}",
        " git runs new --timestamp base 'python3 train.py' --description='first model'",
    ]
    assert repo.git("rev-parse", "HEAD").strip() == head


@pytest.mark.parametrize("dirt", ["train.py", "untracked"])
def test_a_tree_that_is_not_clean_is_left_alone(repo: Repository, dirt: str) -> None:
    repo.finish("base")
    head = repo.commit("more", "")
    (repo.path / dirt).write_text("mine")
    result = repo.runs("reproduce", "base")
    assert result.code == 128
    assert result.err.startswith(
        "fatal: the work tree is not clean, so a checkout would mix the changes with the run's code: "
    )
    assert repo.git("rev-parse", "HEAD").strip() == head
    assert (repo.path / dirt).read_text() == "mine"


@pytest.mark.parametrize(
    "text",
    [
        "it's",
        '"double" $HOME `id` $(id)',
        "two\nlines",
        "a!b",
        "\\back\\slash",
        "*?[a]",
        "\N{ROCKET}",
        "tab\tand \x1b[0m",
        "-x; #",
    ],
)
def test_the_printed_command_works_when_pasted(repo: Repository, text: str) -> None:
    repo.ok("new", *NO_FLAGS, "-m", text, "base", f"printf %s {quote(text)} >$RUNS_TB_DIR/out")
    repo.wait("base")
    paste(repo, line_of(repo, "base"))
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert again.startswith("base1")
    repo.wait(again)
    assert (repo.path / f".runs/tensorboard/{again}/out").read_text() == text
    for key in ("input-command", "description", "commit", "cwd", "settings"):
        assert repo.record(again)[key] == repo.record("base")[key]


def test_on_a_terminal_control_characters_are_spelled_for_bash(repo: Repository, screen: Screen) -> None:
    repo.finish("base", "true", "-m", "bell\x07'quoted' \\")
    screen.type("git runs reproduce -n base")
    screen.shows(r"--description=$'bell\x07\'quoted\' \\'")


def test_settings_that_differ_today_are_carried_along(repo: Repository) -> None:
    venv = repo.machine.home / "my venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/activate").touch()
    repo.finish(
        "base",
        "true",
        *("--tb-dir-flag=None", "--save-path-flag=-s", "--extra-flag=--log=<runs-dir>/x y", "--extra-flag=--fast"),
        *(f"--virtualenv-path={venv}", "--shell=sh"),
    )
    line = line_of(repo, "base")
    assert line == (
        " git runs new --timestamp base true --description='first model' --tb-dir-flag=None --save-path-flag=-s"
        f" --extra-flag='--log=<runs-dir>/x y' --extra-flag=--fast --virtualenv-path='{venv}' --shell=sh\n"
    )
    repo.git("config", "runs.extra-flag", "--other=1")
    assert " --extra-flag='' --extra-flag='--log=<runs-dir>/x y' --extra-flag=--fast " in line_of(repo, "base")
    paste(repo, line_of(repo, "base"))
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert repo.record(again)["settings"] == repo.record("base")["settings"]


def test_settings_that_are_set_today_and_were_not_are_taken_back(repo: Repository) -> None:
    repo.finish("base")
    repo.git("config", "runs.virtualenv-path", "/venv")
    repo.git("config", "runs.tb-dir-flag", "--logdir")
    repo.git("config", "runs.extra-flag", "--other=1")
    assert line_of(repo, "base").endswith(
        " --description='first model' --tb-dir-flag=--tb-dir --extra-flag='' --virtualenv-path=None\n"
    )


def test_from_another_directory_the_command_goes_where_the_run_was(repo: Repository) -> None:
    (repo.path / "sub dir").mkdir()
    repo.commit("sub dir/file", "")
    repo.finish("base", "pwd; true", cwd=repo.path / "sub dir")
    assert line_of(repo, "base", cwd=repo.path / "sub dir").startswith(" git runs new ")
    line = line_of(repo, "base")
    assert line.startswith(f" git -C '{repo.path}/sub dir' runs new ")
    paste(repo, line)
    (again,) = set(repo.ok("list").split()) - {"base"}
    repo.wait(again)
    assert repo.log(again) == f"{repo.path}/sub dir\n"


def test_it_survives_what_people_do_to_history(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "topic")
    commit = repo.commit("train.py", "print('the one')", "to be amended")
    repo.finish("base", "python3 train.py")
    repo.git("commit", "-q", "--amend", "-m", "amended", "--allow-empty", "--date=2001-01-01T00:00:00")
    repo.git("checkout", "-q", "main")
    repo.git("branch", "-q", "-D", "topic")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    repo.ok("reproduce", "base")
    assert repo.git("rev-parse", "HEAD").strip() == commit
    assert (repo.path / "train.py").read_text() == "print('the one')"


def test_plain_git_reads_the_ref(repo: Repository) -> None:
    repo.finish("a")
    repo.commit("train.py", "changed\n")
    repo.finish("b")
    assert repo.git("diff", "--stat", "runs/a", "runs/b").startswith(" train.py | ")
    assert repo.git("log", "--format=%s", "runs/a..runs/b") == "change\n"
    assert repo.refs() == ["refs/runs/a", "refs/runs/b"]


def test_an_ignored_file_in_the_way_is_never_overwritten(repo: Repository) -> None:
    repo.commit("notes", "the run's")
    repo.finish("base")
    repo.git("rm", "-q", "notes")
    repo.commit(".gitignore", "notes\n")
    (repo.path / "notes").write_text("mine")
    result = repo.runs("reproduce", "base")
    assert result.code == 128
    assert "would be overwritten by checkout" in result.err
    assert (repo.path / "notes").read_text() == "mine"


def test_the_settings_of_the_commit_count_not_those_of_today(repo: Repository) -> None:
    repo.commit(".runsrc", "[runs]\n\ttb-dir-flag = --old\n")
    repo.finish("base", "true")
    repo.commit(".runsrc", "[runs]\n\ttb-dir-flag = --new\n")
    # A dry run does not know what of the other .runsrc will be in force.
    assert line_of(repo, "base").endswith(
        " --tb-dir='<runs-dir>/tensorboard/<run-name>' --tb-dir-flag=--old"
        " --save-path='<runs-dir>/checkpoints/<run-name>/model.ckpt' --save-path-flag=--save-path"
        " --extra-flag='' --virtualenv-path=None --shell=bash\n"
    )
    out = repo.ok("reproduce", "base")
    assert out == "To reproduce:\n git runs new --timestamp base true --description=change\n"
    paste(repo, out.splitlines()[1])
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert repo.record(again)["settings"] == repo.record("base")["settings"]


def test_the_settings_of_the_runs_directory_count(repo: Repository) -> None:
    repo.commit("sub/.runsrc", "[runs]\n\ttb-dir-flag = --sub\n")
    repo.finish("base", "true", cwd=repo.path / "sub")
    line = line_of(repo, "base")
    assert line == f" git -C {repo.path}/sub runs new --timestamp base true --description=change\n"
    paste(repo, line)
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert repo.record(again)["settings"] == repo.record("base")["settings"]


def test_settings_of_our_own_command_line_do_not_count(repo: Repository) -> None:
    repo.finish("base", "true", "--tb-dir-flag=--x")
    result = repo.machine.run("git", "-c", "runs.tb-dir-flag=--x", "runs", "reproduce", "-n", "base", cwd=repo.path)
    assert result.out.endswith(" --tb-dir-flag=--x\n")


def test_a_flag_that_a_person_wrote_as_plain_text_is_not_dropped(repo: Repository) -> None:
    repo.finish("base", "true", "--extra-flag=--a=1")
    path = repo.record_path("base")
    path.write_text(re.sub(r"extra-flag: *\[.*?\]|extra-flag:\n *- --a=1", "extra-flag: --a=1", path.read_text()))
    assert '"extra-flag": "--a=1"' in repo.lookup("base", "settings")
    assert line_of(repo, "base").endswith(" --extra-flag=--a=1\n")


def test_the_way_back_is_quoted_for_the_shell(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "a;b")
    repo.finish("base")
    assert "hint: to go back: git switch 'a;b'\n" in repo.runs("reproduce", "base").err


def test_a_submodule_that_stays_elsewhere_is_reported(repo: Repository) -> None:
    library = repo.add_submodules("lib")
    repo.finish("base")
    library.commit("code", "new")
    repo.git("-C", "lib", "pull", "-q")
    repo.git("commit", "-q", "-a", "-m", "newer library")
    result = repo.runs("reproduce", "base")
    assert result.code == 0
    assert "warning: the work tree is not clean, so it is not what the run had:  M lib\n" in result.err
    assert "hint: to bring submodules to their commits: git submodule update --init --recursive\n" in result.err


@pytest.mark.parametrize("words", [["-x"], ["--help"], ["-x", "it's", "a b"]])
def test_a_command_that_begins_like_an_option_works_when_pasted(repo: Repository, words: list[str]) -> None:
    repo.ok("new", *NO_FLAGS, "base", "--", *words)
    repo.wait("base")
    paste(repo, line_of(repo, "base"))
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert repo.record(again)["input-command"] == repo.record("base")["input-command"]


@pytest.mark.parametrize("command", ["-x 'odd", "-x && true", "--help"])
def test_a_command_that_somebody_has_edited_is_the_same_when_pasted(repo: Repository, command: str) -> None:
    repo.finish("base", "true", *NO_FLAGS)
    path = repo.record_path("base")
    path.write_text(path.read_text().replace("command: 'true'", f"command: {json.dumps(command)}"))
    paste(repo, line_of(repo, "base"))
    (again,) = set(repo.ok("list").split()) - {"base"}
    assert str(repo.record(again)["command"]).strip() == command


def test_a_record_without_a_command_is_reported(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    path.write_text(re.sub("(input-)?command: .*\n", "", path.read_text()))
    result = repo.runs("reproduce", "base")
    assert (result.code, result.err) == (128, "fatal: the record of run 'base' has no command\n")


def test_a_run_that_goes_on_is_named_before_its_code_is_changed(repo: Repository) -> None:
    repo.finish("base")
    repo.ok("new", *NO_FLAGS, "long", "sleep 60")
    result = repo.runs("reproduce", "base")
    assert result.err.startswith(
        "warning: run 'long' goes on: if it runs in this work tree, what it loads from now on is other code\n"
    )


def test_from_a_detached_head_it_is_said_how_to_go_back(repo: Repository) -> None:
    repo.finish("a")
    commit = repo.commit("train.py", "changed\n")
    repo.git("switch", "-q", "--detach")
    assert repo.runs("reproduce", "a").err.endswith(f"\nhint: to go back: git switch --detach {commit}\n")
    repo.git("switch", "-q", "--detach", commit)


@pytest.mark.parametrize(
    ("begin", "doing", "way_out"),
    [
        ("git rebase -q main~1 --exec false", "rebasing", "git rebase --quit"),
        ("git merge -q --no-commit --no-ff other", "merging", "git merge --quit"),
        (
            "git cherry-pick --no-commit other; git rev-parse other >.git/CHERRY_PICK_HEAD",
            "cherry-picking",
            "git cherry-pick --quit",
        ),
        ("git bisect start", "bisecting", "git bisect reset HEAD"),
    ],
)
def test_in_the_middle_of_something_it_refuses_as_git_switch(
    repo: Repository, begin: str, doing: str, way_out: str
) -> None:
    repo.finish("base")
    repo.git("checkout", "-q", "-b", "other")
    repo.git("commit", "-q", "--allow-empty", "-m", "other")
    repo.git("checkout", "-q", "main")
    repo.git("commit", "-q", "--allow-empty", "-m", "more")
    repo.machine.run("sh", "-c", begin, cwd=repo.path)
    head = repo.git("rev-parse", "HEAD")
    result = repo.runs("reproduce", "base")
    assert result.code == 128
    assert f'fatal: cannot switch branch while {doing}\nConsider "{way_out}" or "git worktree add".\n' in result.err
    assert repo.git("rev-parse", "HEAD") == head
