"""`git runs new`: what is started, recorded and refused."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from git_runs.records import cache
from git_runs.records.store import Store
from tests.conftest import NO_FLAGS, Machine, Repository, Screen, wait_for


def files(repo: Repository) -> set[str]:
    """The names of the files in the runs dir, but for environments and the guard, which belong to all runs."""
    found = (path for path in (repo.path / ".runs").rglob("*") if path.is_file())
    return {path.name for path in found if path.parent.name not in ("environments", ".git")}


def test_a_run_is_a_ref_a_record_outputs_and_a_session(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD").strip()
    out = repo.ok("new", "base", "python3 train.py", "--description=the first one")
    assert out.startswith(f"Started run 'base' at {head[:10]} (first model)\n")
    repo.wait("base")
    assert repo.git("rev-parse", "refs/runs/base").strip() == head
    assert repo.git("log", "-1", "--format=%s", "runs/base") == "first model\n"
    runs = repo.path / ".runs"
    command = f"python3 train.py --tb-dir={runs}/tensorboard/base --save-path={runs}/checkpoints/base/model.ckpt"
    record = repo.record("base")
    assert list(record) == [
        *("id", "name", "description", "command", "input-command", "commit", "branch", "datetime", "host", "user"),
        *("runs-dir", "top", "cwd", "hash-seed", "status", "exit-code", "finished", "launcher", "settings"),
        "environment",
    ]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", str(record["id"]))
    assert record["name"] == "base"
    assert record["description"] == "the first one"
    assert record["command"] == command
    assert record["input-command"] == "python3 train.py"
    assert record["commit"] == head
    assert record["branch"] == "main"
    assert record["host"] == socket.gethostname()
    assert record["runs-dir"] == str(runs)
    assert record["top"] == str(repo.path)
    assert record["cwd"] == "."
    assert record["status"] == "finished"
    assert record["exit-code"] == 0
    assert len(repo.record_path("base").read_text().splitlines()) <= 25
    assert record["settings"] == {
        "tb-dir-flag": "--tb-dir",
        "save-path": "<runs-dir>/checkpoints/<run-name>/model.ckpt",
        "save-path-flag": "--save-path",
        "shell": "bash",
    }
    for key in ("datetime", "finished"):
        moment = datetime.fromisoformat(str(record[key]))
        assert re.search(r"\.\d{6}[+-]\d\d:\d\d$", str(record[key]))
        assert abs(datetime.now(timezone.utc) - moment) < timedelta(minutes=5)
    assert (runs / "tensorboard/base").is_dir()
    assert list((runs / "checkpoints/base").iterdir()) == []
    assert repo.log("base") == f"--tb-dir={runs}/tensorboard/base\n--save-path={runs}/checkpoints/base/model.ckpt\n"


def test_the_work_tree_stays_clean(repo: Repository) -> None:
    repo.finish("base")
    assert repo.git("status", "--porcelain") == ""
    assert (repo.path / ".runs/.gitignore").read_text() == "*\n"


def test_the_description_is_by_default_the_subject_of_the_commit(repo: Repository) -> None:
    repo.finish("base")
    assert repo.lookup("base", "description") == "first model"


def test_a_program_and_its_arguments_behind_dashes_are_quoted_for_the_shell(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "base", "--", "printf", "%s\\n", "a  b", "$HOME;'\"", "-n")
    repo.wait("base")
    assert repo.log("base") == "a  b\n$HOME;'\"\n-n\n"


@pytest.mark.parametrize(
    "text",
    [
        'it\'s "quoted"',
        "two\nlines",
        "a;b && c | d > e",
        "#(touch pwned) #{pane_id} %H",
        "$HOME $(id) `id`",
        "\N{ROCKET} \N{SNOWMAN} ümlaut",
        "tab\there \x1b[31mred\x1b[0m",
        "\\ \\n back\\slash\\",
        "  leading and trailing  ",
        "- dash: colon #hash",
        "!!python/object:os.system",
        "{a: b} [c] &d *e",
        "\u2028 \u0085 \ufeff",
        "a\r\nb",
    ],
)
def test_command_and_description_may_hold_anything(repo: Repository, text: str) -> None:
    from shlex import quote

    repo.ok(
        "new",
        "--tb-dir-flag=None",
        "--save-path-flag=None",
        f"--description={text}",
        "base",
        f"printf %s {quote(text)} >out",
    )
    repo.wait("base")
    assert (repo.path / "out").read_bytes() == text.encode()
    assert repo.record("base")["description"] == text
    assert repo.record("base")["command"] == f"printf %s {quote(text)} >out"
    assert repo.ok("lookup", "base", "description") == text + "\n"
    assert not (repo.path / "pwned").exists()


def test_a_command_of_100_kb_reaches_the_shell_byte_for_byte(repo: Repository) -> None:
    text = "x" * 100_000
    repo.finish("base", f"printf %s {text} >out", *NO_FLAGS)
    assert (repo.path / "out").read_text() == text
    assert repo.record("base")["input-command"] == f"printf %s {text} >out"


def test_flags_go_behind_the_last_line_of_a_command(repo: Repository) -> None:
    repo.finish("base", "\n  python3 train.py \\\n    --lr 1\n")
    assert repo.log("base").splitlines()[:2] == ["--lr", "1"]
    assert repo.log("base").splitlines()[2].startswith("--tb-dir=/")


def test_a_line_continued_at_the_end_goes_on_with_the_flags(repo: Repository) -> None:
    repo.finish("base", "python3 train.py \\\n")
    assert repo.log("base").splitlines()[0].startswith("--tb-dir=/")


@pytest.mark.parametrize(
    ("comment", "shown"), [(" # it's the second", []), (" '#' \\# a#b", ["#", "#", "a#b"]), ("\t#\n\n", [])]
)
def test_flags_are_no_part_of_a_comment(repo: Repository, comment: str, shown: list[str]) -> None:
    repo.finish("base", f"python3 train.py{comment}")
    *words, tb_dir, _ = repo.log("base").splitlines()
    assert (words, tb_dir.startswith("--tb-dir=/")) == (shown, True)
    assert repo.record("base")["input-command"] == f"python3 train.py{comment}"


def test_the_command_runs_where_it_was_started(repo: Repository) -> None:
    (repo.path / "sub dir").mkdir()
    repo.commit("sub dir/file", "")
    repo.finish("base", "pwd; true", cwd=repo.path / "sub dir")
    assert repo.log("base") == f"{repo.path}/sub dir\n"
    assert repo.lookup("base", "cwd") == "sub dir"


def test_the_run_sees_the_callers_environment_and_what_it_is(repo: Repository) -> None:
    # A server that somebody else started earlier, with an environment of its own.
    repo.machine.run("tmux", "new-session", "-d", "-s", "earlier", CUDA_VISIBLE_DEVICES="7", ONLY_SERVER="1")
    result = repo.runs("new", *NO_FLAGS, "base", "env -0 >out", CUDA_VISIBLE_DEVICES="3", MULTI="a\nb", GIT_EDITOR=":")
    assert result.code == 0, result
    repo.wait("base")
    variables = dict(line.split("=", 1) for line in (repo.path / "out").read_text().split("\0")[:-1])
    runs = repo.path / ".runs"
    assert variables["CUDA_VISIBLE_DEVICES"] == "3"
    assert variables["MULTI"] == "a\nb"
    assert "ONLY_SERVER" not in variables
    assert variables["RUNS_NAME"] == "base"
    assert variables["RUNS_COMMIT"] == repo.lookup("base", "commit")
    assert variables["RUNS_DIR"] == str(runs)
    assert variables["RUNS_TB_DIR"] == f"{runs}/tensorboard/base"
    assert variables["RUNS_SAVE_PATH"] == f"{runs}/checkpoints/base/model.ckpt"
    assert variables["RUNS_CHECKPOINT_DIR"] == f"{runs}/checkpoints/base"
    assert variables["TMUX"].startswith(repo.machine.environment["TMUX_TMPDIR"])
    assert not [key for key in variables if key.startswith("GIT_") and key not in repo.machine.environment]
    assert variables["PATH"] == repo.machine.environment["PATH"]


def test_a_run_started_in_a_hook_is_not_tied_to_the_hooks_index(repo: Repository) -> None:
    hook = repo.path / ".git/hooks/post-commit"
    hook.write_text("#!/bin/sh\ngit runs new hooked 'env >out'\n")
    hook.chmod(0o755)
    repo.commit("more", "")
    hook.unlink()
    repo.wait("hooked")
    leaked = "^GIT_(DIR|INDEX_FILE|PREFIX|EDITOR|AUTHOR_NAME|AUTHOR_DATE)="
    assert not re.search(leaked, (repo.path / "out").read_text(), re.MULTILINE)
    assert repo.lookup("hooked", "commit") == repo.git("rev-parse", "HEAD").strip()


def test_the_c_locale_changes_nothing(repo: Repository) -> None:
    result = repo.runs("new", "base", "printf '\N{ROCKET}' >out", "-m", "\N{SNOWMAN}", LC_ALL="C")
    assert result.code == 0, result
    repo.wait("base")
    assert (repo.path / "out").read_text() == "\N{ROCKET}"
    assert repo.runs("lookup", "base", "description", LC_ALL="C").out == "\N{SNOWMAN}\n"


def test_a_tmux_server_in_the_c_locale_changes_nothing(repo: Repository) -> None:
    repo.machine.run("tmux", "new-session", "-d", "-s", "earlier", LC_ALL="C", LANG="C")
    repo.finish("base", "printf '\N{ROCKET}' >out")
    assert (repo.path / "out").read_text() == "\N{ROCKET}"


def test_detached_sessions_survive_a_users_destroy_unattached(repo: Repository) -> None:
    (repo.machine.home / ".tmux.conf").write_text("set -g destroy-unattached on\nset -g remain-on-exit off\n")
    repo.finish("base", "echo one; sleep 0.3; echo two; exit 3", *NO_FLAGS)
    assert repo.lookup("base", "exit-code") == "3"
    assert repo.log("base") == "one\ntwo\n"
    assert repo.machine.sessions() == ["base"]


def test_a_runs_dir_whose_name_is_full_of_traps_for_tmux(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a #{pane_pid} %d #(touch pwned) 'x' \"y\" \N{SNOWMAN}\n;"
    machine.run("git", "init", "-q", str(path))
    repo = Repository(machine, path)
    repo.commit("file", "")
    repo.finish("base", "echo hello", *NO_FLAGS)
    assert repo.log("base") == "hello\n"
    assert not list(tmp_path.rglob("pwned"))
    repo.ok("delete", "-y", "base")


def test_the_session_is_named_after_the_run(repo: Repository) -> None:
    repo.machine.run("tmux", "new-session", "-d", "-s", "lr=0_1%")
    repo.machine.run("tmux", "new-session", "-d", "-s", "lr=0_1_")
    repo.ok("new", "lr=0.1%", "sleep 60")
    assert "lr=0_1_-2" in repo.machine.sessions()
    assert repo.machine.tmux("show-options", "-v", "-t", "lr=0_1_-2", "@run").out.startswith(
        repo.lookup("lr=0.1%", "id")
    )


def test_many_runs_at_once_share_nothing(repo: Repository) -> None:
    processes = [
        repo.machine.start("git", "runs", "new", *NO_FLAGS, f"r{n}", f"echo {n} >$RUNS_TB_DIR/n", cwd=repo.path)
        for n in range(8)
    ]
    assert [process.wait(60) for process in processes] == [0] * 8
    for n in range(8):
        repo.wait(f"r{n}")
        assert (repo.path / f".runs/tensorboard/r{n}/n").read_text() == f"{n}\n"


def test_of_racers_for_a_name_one_wins(repo: Repository) -> None:
    processes = [
        repo.machine.start("git", "runs", "new", *NO_FLAGS, "base", f"echo {n}; exit {n}", cwd=repo.path)
        for n in range(8)
    ]
    results = [(process.communicate(timeout=60)[1].decode(), process.returncode) for process in processes]
    winners = [n for n, (_, code) in enumerate(results) if code == 0]
    assert len(winners) == 1
    for error, code in results:
        assert code in (0, 128)
        assert code == 0 or error == (
            "fatal: run 'base' already exists\n"
            "hint: use --timestamp to add the time to the name, or --overwrite to delete the old run first\n"
        )
    repo.wait("base")
    assert repo.lookup("base", "exit-code") == str(winners[0])
    assert repo.log("base").startswith(f"{winners[0]}\n")


@pytest.mark.parametrize("collision", ["refuse", "overwrite"])
def test_a_name_of_which_a_start_has_made_the_ref_is_taken(repo: Repository, collision: str) -> None:
    """And nobody is advised to delete that ref."""
    store = Store(str(repo.path / ".runs"))
    store.prepare(None)
    with store.reserved("base"):
        repo.git("update-ref", "refs/runs/base", "HEAD")
        result = repo.runs("-c", f"runs.collision={collision}", "new", "base", "true")
        assert (result.code, result.err.splitlines()[0]) == (128, "fatal: run 'base' already exists")
        assert "update-ref" not in result.err
    assert "update-ref" in repo.runs("new", "base", "true").err


def test_a_dry_run_touches_nothing(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD").strip()
    assert repo.ok("new", "-n", "base", "python3 train.py") == (
        f"Would start run 'base' at commit {head}:\n"
        f"  python3 train.py --tb-dir={repo.path}/.runs/tensorboard/base"
        f" --save-path={repo.path}/.runs/checkpoints/base/model.ckpt\n"
    )
    assert repo.refs() == []
    assert not (repo.path / ".runs").exists()
    assert repo.machine.sessions() == []


def test_quiet_prints_only_the_name(repo: Repository) -> None:
    assert repo.ok("new", "-q", "base", "true") == "base\n"
    out = repo.ok("new", "-q", "--timestamp", "base", "true")
    assert re.fullmatch(r"base\d{10}\n", out)


def test_an_editor_writes_the_description(repo: Repository) -> None:
    editor = repo.machine.home / "editor"
    editor.write_text('#!/bin/sh\ncat "$1" >seen\nprintf "\\nlong\\n\\nstory\\n\\n" >"$1"\n')
    editor.chmod(0o755)
    seen = repo.machine.home / "seen"
    editor.write_text(editor.read_text().replace("seen", str(seen)))
    result = repo.runs("new", "-e", "base", "true", GIT_EDITOR=str(editor))
    assert result.code == 0, result
    assert seen.read_text() == "first model\n\n# the description of run 'base'; this line is left out\n"
    assert repo.record("base")["description"] == "long\n\nstory"
    assert not list((repo.path / ".git").glob("RUN_DESCRIPTION*"))


def test_a_failing_editor_starts_nothing_and_keeps_the_text(repo: Repository) -> None:
    result = repo.runs("new", "-e", "base", "true", GIT_EDITOR="sh -c 'sed -i 1cmine $1; exit 1' editor")
    (kept,) = (repo.path / ".git").glob("RUN_DESCRIPTION*")
    assert result.code == 128
    assert result.err.splitlines()[0] == f"warning: your text is kept in '{kept}'"
    assert kept.read_text() == "mine\n\n"  # without the line that says what it is
    assert repo.refs() == []


def test_what_changed_while_the_editor_was_open_counts(repo: Repository) -> None:
    editor = repo.machine.home / "editor"
    editor.write_text("#!/bin/sh\necho my text >$1\ntouch dirt\n")
    editor.chmod(0o755)
    result = repo.runs("new", "-e", "base", "true", GIT_EDITOR=str(editor))
    (kept,) = (repo.path / ".git").glob("RUN_DESCRIPTION*")
    assert result.code == 128
    assert result.err.startswith(f"warning: your text is kept in '{kept}'\nfatal: the work tree is not clean, ")
    assert kept.read_text() == "my text\n"
    assert repo.refs() == []
    (repo.path / "dirt").unlink()
    editor.write_text("#!/bin/sh\necho my text >$1\ngit commit -q --allow-empty -m newer\n")
    assert repo.runs("new", "-e", "base", "true", GIT_EDITOR=str(editor)).code == 0
    assert repo.lookup("base", "commit") == repo.git("rev-parse", "HEAD").strip()


def test_a_text_outlives_a_failed_start(repo: Repository) -> None:
    result = repo.runs(
        "new", "-e", "b", "true", GIT_EDITOR="sh -c 'echo mine >$1' editor", TMUX_TMPDIR=str(repo.path / "train.py")
    )
    (kept,) = (repo.path / ".git").glob("RUN_DESCRIPTION*")
    assert result.code == 128
    assert kept.read_text() == "mine\n"


def test_timestamp_adds_the_time_only_to_a_name_that_is_taken(repo: Repository) -> None:
    assert repo.ok("new", "-q", "--timestamp", "base", "true") == "base\n"
    names = [repo.ok("new", "-q", "--timestamp", "base", "true").strip() for _ in range(2)]
    assert len({"base", *names}) == 3
    for name in names:
        assert repo.lookup(name, "command") == f"true --tb-dir={repo.path}/.runs/tensorboard/{name}" + (
            f" --save-path={repo.path}/.runs/checkpoints/{name}/model.ckpt"
        )


def test_overwrite_deletes_the_old_run(repo: Repository) -> None:
    repo.finish("base", "echo old >$RUNS_TB_DIR/old")
    first = repo.lookup("base", "id")
    repo.ok("new", "--overwrite", "-y", "base", "true")
    assert repo.lookup("base", "id") != first
    assert list((repo.path / ".runs/tensorboard/base").iterdir()) == []


def test_overwrite_deletes_nothing_where_the_new_run_cannot_be_made(repo: Repository) -> None:
    repo.git("config", "runs.trash-days", "0")
    repo.finish("base", "echo old >$RUNS_TB_DIR/old")
    before = repo.record("base")
    result = repo.runs("new", "--overwrite", "-y", "base", "echo " + "x" * 131_000)
    assert (result.code, "longer than the 128 KiB" in result.err) == (128, True), result
    assert (repo.record("base"), repo.refs()) == (before, ["refs/runs/base"])
    assert (repo.path / ".runs/tensorboard/base/old").exists()


@pytest.mark.parametrize("days", ["0", "3"])
@pytest.mark.parametrize(
    "fault", [("--tb-dir=/dev/null/x",), ("--launcher=broken",), ("--jobs=1", "--tb-dir=/dev/null/x")]
)
def test_overwrite_gives_back_the_old_run_where_the_new_one_cannot_be_started(
    repo: Repository, fault: tuple[str, ...], days: str
) -> None:
    repo.git("config", "runs.trash-days", days)
    for key, line in {"submit": "exit 1", "state": "true", "cancel": "true"}.items():
        repo.git("config", f"runs.launcher.broken.{key}", line)
    repo.finish("base", "echo old >$RUNS_TB_DIR/old")
    identifier = repo.lookup("base", "id")
    result = repo.runs("new", "--overwrite", "-y", *fault, "base", "true")
    assert result.code == 128
    assert (repo.lookup("base", "id"), repo.refs()) == (identifier, ["refs/runs/base"])
    assert (repo.path / ".runs/tensorboard/base/old").exists()
    repo.ok("new", "-q", "--overwrite", "-y", "base", "true")
    assert ("base" in repo.runs("trash").out) == (days == "3")


def test_overwrite_stops_a_run_that_goes_on(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "base", "echo $$ >new; mv new pid; exec sleep 60")
    wait_for((repo.path / "pid").exists)
    pid = int((repo.path / "pid").read_text())
    (repo.path / "pid").unlink()
    repo.ok("new", "--overwrite", "-y", "base", "true")
    assert not os.path.exists(f"/proc/{pid}")


def test_overwrite_asks_and_without_a_terminal_refuses(repo: Repository) -> None:
    repo.finish("base")
    first = repo.lookup("base", "id")
    result = repo.runs("new", "--overwrite", "base", "true")
    assert result.code == 128
    assert result.err == (
        "fatal: refusing to delete run 'base' without asking, and there is no terminal to ask at\n"
        "hint: use --yes to go on\n"
    )
    assert repo.lookup("base", "id") == first


def test_in_a_linked_work_tree_head_and_files_are_its_own_and_runs_are_shared(repo: Repository, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "-q", "-b", "other", str(linked))
    (repo.path / "dirt").write_text("")  # the main work tree is not clean, the linked one is
    (linked / "sub").mkdir()
    repo.git("commit", "-q", "--allow-empty", "-m", "elsewhere", cwd=linked)
    repo.finish("base", "pwd; true", cwd=linked / "sub")
    assert repo.lookup("base", "branch") == "other"
    assert repo.lookup("base", "commit") == repo.git("rev-parse", "other").strip()
    assert repo.log("base") == f"{linked}/sub\n"
    assert repo.ok("list", cwd=linked) == repo.ok("list") == "base\n"
    assert not (linked / ".runs").exists()


def test_a_detached_head_has_no_branch(repo: Repository) -> None:
    repo.git("checkout", "-q", "--detach")
    repo.finish("base")
    assert "branch" not in repo.record("base")


def test_a_virtualenv_is_activated_before_the_command(repo: Repository) -> None:
    venv = repo.machine.home / "my venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/activate").write_text("export VIRTUAL=yes\n")
    repo.finish("base", "echo $VIRTUAL", f"--virtualenv-path={venv}")
    assert repo.log("base").startswith("yes ")
    assert repo.lookup("base", "command").startswith(f". '{venv}/bin/activate' && echo $VIRTUAL --tb-dir=")


def test_a_missing_virtualenv_is_refused(repo: Repository) -> None:
    result = repo.runs("new", "-q", "--virtualenv-path=/nowhere", "base", "true")
    assert (result.code, result.err) == (
        128,
        (
            "fatal: there is no virtualenv in '/nowhere': bin/activate is missing\n"
            "hint: runs.virtualenv-path names it; None is none\n"
        ),
    )
    assert repo.refs() == []


def test_the_word_behind_an_option_is_its_value_whatever_it_begins_with(repo: Repository) -> None:
    out = repo.ok("new", "-n", "--tb-dir-flag", "--logdir", "--save-path-flag", "-s", "-m", "-1", "base", "true")
    runs = f"{repo.path}/.runs"
    assert out.splitlines()[-1] == f"  true --logdir={runs}/tensorboard/base -s {runs}/checkpoints/base/model.ckpt"
    repo.ok("new", "base", "-m", "- a\n- b", "true")
    assert repo.lookup("base", "description") == "- a\n- b"
    assert repo.runs("new", "base", "true", "-m").err == "error: switch `m' requires a value\n"


def test_wrong_usage_is_explained(repo: Repository) -> None:
    usage = (
        "usage: git runs new [<options>] <name> <command>\n"
        "   or: git runs new [<options>] <name> -- <program> [<arg>...]\n"
    )
    for arguments, message in [
        (["base"], "a command is required"),
        (["base", "python", "x.py"], "<command> is one argument: quote it, or put '--' before the program"),
        (["base", " "], "the command is empty"),
    ]:
        result = repo.runs("new", *arguments)
        assert (result.code, result.err) == (129, f"error: {message}\n{usage}")


def test_bytes_that_no_record_can_hold_are_refused(repo: Repository) -> None:
    result = repo.runs("new", "base", b"echo \xff")
    assert (result.code, result.err) == (128, "fatal: the command is not valid UTF-8, so no record could hold it\n")
    assert repo.refs() == []


def test_a_failed_launch_leaves_nothing_behind(repo: Repository) -> None:
    # The directory for tmux's socket cannot be made below a file.
    result = repo.runs("new", "base", "true", TMUX_TMPDIR=str(repo.path / "train.py"))
    assert result.code == 128
    assert result.err.startswith("fatal: tmux could not start a session: ")
    assert repo.refs() == []
    assert files(repo) == {".gitignore"}


def test_outputs_of_nobody_are_never_mixed_with_a_new_run(repo: Repository) -> None:
    left = repo.path / ".runs/checkpoints/base"
    repo.finish("other")
    left.mkdir()
    (left / "precious").write_text("")
    result = repo.runs("new", "base", "true")
    assert (result.code, result.err) == (
        128,
        f"fatal: run 'base' cannot use '{left}': it is there already\nhint: move it away, or choose another name\n",
    )
    assert repo.refs() == ["refs/runs/other"]
    assert (left / "precious").exists()
    assert not (repo.path / ".runs/tensorboard/base").exists()


def test_a_ref_without_a_record_is_never_overwritten(repo: Repository) -> None:
    repo.git("update-ref", "refs/runs/base", "HEAD")
    assert repo.runs("new", "base", "true").err == (
        f"warning: there is no runs dir '{repo.path}/.runs', but there is a ref of a run;"
        " to have records again: git runs adopt --all\n"
        "fatal: run 'base' already exists\n"
        "hint: use --timestamp or another name; git runs adopt base makes a record of it, and, if nobody needs it,"
        " git update-ref -d refs/runs/base deletes it\n"
    )
    result = repo.runs("new", "--overwrite", "-y", "base", "true")
    assert (result.code, result.err.partition("\n")[2]) == (
        128,
        (
            "fatal: refs/runs/base exists, but run 'base' has no record here: it may be a run of another clone\n"
            "hint: use --timestamp or another name; git runs adopt base makes a record of it, and, if nobody needs it,"
            " git update-ref -d refs/runs/base deletes it\n"
        ),
    )
    assert repo.refs() == ["refs/runs/base"]


def test_a_record_without_a_ref_takes_the_name_too(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "old")
    repo.git("update-ref", "-d", "refs/runs/base")
    assert repo.runs("new", "base", "true").err.startswith("fatal: run 'base' already exists\n")
    assert repo.ok("new", "-q", "--timestamp", "base", "true").startswith("base1")
    assert repo.lookup("base", "description") == "old"
    assert repo.runs("new", "--overwrite", "-y", "base", "true").err.startswith(
        "fatal: run 'base' has no refs/runs/base here: it may belong to another repository that has the same runs dir\n"
    )
    repo.ok("new", "--overwrite", "-y", "--force", "-m", "new", "base", "true")
    assert repo.lookup("base", "description") == "new"


def test_overwrite_never_hits_a_run_that_took_the_name_meanwhile(repo: Repository, screen: Screen) -> None:
    repo.finish("base", "true", "-m", "old")
    screen.type("git runs new --overwrite base true; echo code=$?")
    screen.shows("[y/N]")
    repo.ok("delete", "-y", "base")
    repo.finish("base", "true", "-m", "somebody's")
    screen.type("y")
    screen.shows("fatal: run 'base' already exists")
    screen.shows("code=128")
    assert repo.lookup("base", "description") == "somebody's"


def test_a_directory_of_other_things_does_not_become_the_runs_dir(repo: Repository) -> None:
    repo.commit("src/model.py", "")
    repo.git("config", "runs.runs-dir", "src")
    result = repo.runs("new", "base", "true")
    assert (result.code, result.err) == (
        128,
        (
            f"fatal: the runs dir '{repo.path}/src' holds other files\n"
            "hint: choose another with runs.runs-dir, or let git ignore this one\n"
        ),
    )
    assert os.listdir(repo.path / "src") == ["model.py"]
    assert repo.refs() == []
    (repo.path / ".git/info/exclude").write_text("/src/*\n!/src/model.py\n")
    repo.finish("base")
    assert {"model.py", "records"} < set(os.listdir(repo.path / "src"))
    assert repo.git("status", "--porcelain") == ""


def test_what_is_no_name_never_reaches_git(repo: Repository) -> None:
    repo.finish("keep")
    (repo.path / ".runs/records/x\ndelete refs\n.yml").write_text("name: x\n")
    assert repo.ok("list") == "keep\n"
    assert repo.runs("delete", "-y", "-G", "x*").code == 1
    assert repo.refs() == ["refs/runs/keep"]


def test_a_hook_that_watches_refs_is_reported(repo: Repository) -> None:
    hook = repo.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" = committed ] && cat >>"$HOME/seen"\nexit 0\n')
    hook.chmod(0o755)
    repo.finish("base")
    assert "refs/runs/base" in (repo.machine.home / "seen").read_text()


def test_interrupted_while_tmux_is_asked_nothing_is_left(repo: Repository) -> None:
    slow = repo.machine.home / "bin/tmux"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\n{shutil.which("tmux")} "$@" || exit\n'
        "case $* in *new-session*) touch ~/asked; exec sleep 60;; esac\n"
    )
    slow.chmod(0o755)
    environment = repo.machine.environment
    environment["PATH"] = f"{slow.parent}:{environment['PATH']}"
    process = repo.machine.start("git-runs", "new", *NO_FLAGS, "base", "sleep 60", cwd=repo.path)
    wait_for((repo.machine.home / "asked").exists)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    for sleeping in repo.machine.processes():
        if (sleeping / "cmdline").read_bytes() == b"sleep\00060\0":
            os.kill(int(sleeping.name), signal.SIGKILL)
    process.communicate()
    assert repo.refs() == []
    assert repo.machine.sessions() == []
    wait_for(lambda: files(repo) == {".gitignore"})


def test_a_compound_command_depends_on_its_virtualenv_as_a_whole(repo: Repository) -> None:
    venv = repo.machine.home / "venv/bin"
    venv.mkdir(parents=True)
    (venv / "activate").write_text("return 1\n")
    repo.finish("base", "cd . ; echo ran # it", f"--virtualenv-path={venv.parent}")
    assert repo.lookup("base", "status") == "failed"
    assert "ran" not in repo.log("base")
    (venv / "activate").write_text("export VIRTUAL=yes\n")
    repo.finish("good", "cd . ; echo $VIRTUAL; cat <<END\nhere\nEND", *NO_FLAGS, f"--virtualenv-path={venv.parent}")
    assert repo.log("good") == "yes\nhere\n"


def test_a_runs_dir_that_has_lost_its_gitignore_ignores_itself_again(repo: Repository) -> None:
    repo.finish("a")
    (repo.path / ".runs/.gitignore").unlink()
    repo.finish("b")
    assert repo.git("status", "--porcelain") == ""


def test_two_repositories_with_one_runs_dir_do_not_delete_each_others_runs(
    repo: Repository, machine: Machine, tmp_path: Path
) -> None:
    repo.git("config", "--global", "runs.runs-dir", str(tmp_path / "shared"))
    repo.finish("base")
    machine.run("git", "clone", "-q", str(repo.path), str(tmp_path / "other"))
    other = Repository(machine, tmp_path / "other")
    result = other.runs("delete", "-y", "base")
    assert (result.code, result.err) == (
        128,
        (
            "fatal: run 'base' has no refs/runs/base here: it may belong to another repository that has the same"
            " runs dir\nhint: delete it there, or use --force\n"
        ),
    )
    assert repo.ok("list") == "base\n"


@pytest.mark.parametrize("delay", [0.02 * step for step in range(1, 16)])
def test_interrupted_at_any_moment_a_run_is_whole_or_not_there(repo: Repository, delay: float) -> None:
    process = repo.machine.start("git-runs", "new", "-q", *NO_FLAGS, "base", "sleep 60", cwd=repo.path)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    if out:
        assert out == b"base\n"
        assert "launcher" in repo.record("base")
        assert repo.lookup("base", "status") in ("starting", "running")
        repo.ok("kill", "base")
    else:
        assert repo.refs() == []
        assert repo.machine.sessions() == []
    wait_for(lambda: not list(repo.machine.processes()))  # the supervisor ends later than its session
    left = files(repo) - {".gitignore", cache.NAME}
    assert left == ({"base.log", "base.yml"} if out else set())
    assert not list((repo.path / ".git").rglob("*.lock"))


def test_a_run_that_is_just_being_started_is_stopped_not_its_starter(repo: Repository) -> None:
    starting = repo.machine.start("git-runs", "new", "-q", *NO_FLAGS, "base", "sleep 60", cwd=repo.path)
    wait_for(repo.record_path("base").exists)
    assert repo.ok("kill", "base") == "Killed run 'base'\n"
    starting.communicate(timeout=30)
    assert starting.returncode == 0
    assert repo.lookup("base", "status") == "killed"


def test_each_description_is_a_paragraph(repo: Repository) -> None:
    repo.finish("a", "true", "-m", "one", "-m", "two", *NO_FLAGS)
    assert repo.record("a")["description"] == "one\n\ntwo"
    repo.ok("describe", "a", "-m", "three", "-m", "four")
    assert repo.record("a")["description"] == "three\n\nfour"


def test_a_commit_without_a_message_is_no_empty_parenthesis(repo: Repository) -> None:
    repo.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    commit = repo.git("rev-parse", "HEAD")[:10]
    assert repo.ok("new", *NO_FLAGS, "a", "true").splitlines()[0] == f"Started run 'a' at {commit}"


@pytest.mark.parametrize("name", ["HEAD", "FETCH_HEAD"])
def test_no_run_is_called_as_git_calls_its_own(repo: Repository, name: str) -> None:
    result = repo.runs("new", name, "true")
    assert (result.code, result.err) == (
        128,
        f"fatal: '{name}' is not a valid run name: git has a ref of that name\n",
    )


def test_it_shows_the_command_as_it_is_started(repo: Repository) -> None:
    out = repo.ok("new", "--save-path-flag=None", "base", "true")
    assert out.splitlines()[1] == f"  true --tb-dir={repo.path}/.runs/tensorboard/base"


@pytest.mark.parametrize(
    ("shared", "mode", "of_log"),
    [(None, 0o700, 0o640), ("umask", 0o750, 0o640), ("group", 0o2770, 0o660), ("0644", 0o2755, 0o644)],
)
def test_who_may_enter_the_runs_dir(repo: Repository, shared: str | None, mode: int, of_log: int) -> None:
    if shared:
        repo.git("config", "runs.shared", shared)
    code = "import os, sys; os.umask(0o027); os.execvp(sys.argv[1], sys.argv[1:])"
    repo.machine.run("tmux", "new-session", "-d", "sleep 60")  # the server has another umask
    words = ("git-runs", "new", *NO_FLAGS, "base", "umask; touch $RUNS_TB_DIR/x")
    assert repo.machine.run(sys.executable, "-c", code, *words, cwd=repo.path).code == 0
    repo.wait("base")
    assert repo.log("base") == "0027\n"
    runs = repo.path / ".runs"
    assert stat.S_IMODE(runs.stat().st_mode) == mode
    files = (runs / "logs/base.log", repo.record_path("base"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {of_log}
    assert stat.S_IMODE((runs / "tensorboard/base/x").stat().st_mode) == 0o640


def test_reflogs_of_runs_are_git_s_to_make(repo: Repository) -> None:
    repo.git("config", "core.logAllRefUpdates", "always")
    repo.finish("base")
    assert len(repo.git("reflog", "refs/runs/base").splitlines()) == 1


def test_who_shares_the_runs_dir_shares_no_work_tree(repo: Repository) -> None:
    repo.finish("base")
    repo.commit("train.py", "print(1)\n")
    repo.git("config", "runs.shared", "all")
    code = "import os, sys; os.umask(0o077); os.execvp(sys.argv[1], sys.argv[1:])"
    result = repo.machine.run(sys.executable, "-c", code, "git", "runs", "reproduce", "base", cwd=repo.path)
    assert result.code == 0
    assert stat.S_IMODE((repo.path / "train.py").stat().st_mode) == 0o600
