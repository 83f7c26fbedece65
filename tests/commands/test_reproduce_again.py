"""`git runs reproduce --run`, `--check`, `--worktree`: a run comes back bit for bit, or what is different is named."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository, Screen, needs_mounts, wait_for

PROGRAM = """\
import os, sys, time
while os.environ.get("GO") and not os.path.exists(os.environ["GO"]):
    time.sleep(0.02)
import late
print(late.text, *sys.argv[1:])
open(os.path.join(os.environ["RUNS_CHECKPOINT_DIR"], "model"), "w").write(late.text)
"""


@pytest.fixture
def messy(repo: Repository) -> Repository:
    """A repository with a program that imports late, edited but not committed."""
    repo.commit("sub/train.py", PROGRAM)
    repo.commit("sub/late.py", "text = 'committed'\n")
    (repo.path / "sub/late.py").write_text("text = 'edited'\n")
    return repo


def launch(repo: Repository, *options: str, command: str = "python3 train.py --lr=1") -> None:
    """Start the run `x` from the messy tree, and wait for it."""
    repo.ok("new", "-q", *NO_FLAGS, "--snapshot", "--isolate", *options, "x", command, cwd=repo.path / "sub")
    repo.wait("x")


def again(repo: Repository, *options: str) -> tuple[int, str]:
    """Reproduce it, wait, and give what is said of it."""
    result = repo.runs("reproduce", "--run", "--wait", *options, "x")
    return result.code, result.out.split("\n", 1)[1]


def wreck_the_tree(repo: Repository) -> None:
    """All that people do to a repository."""
    repo.git("stash", "-u")
    repo.git("stash", "drop")
    repo.commit("sub/late.py", "text = 'new'\n")
    (repo.path / "sub/late.py").write_text("text = 'amended'\n")
    repo.git("commit", "-q", "-a", "--amend", "-m", "amended")
    repo.git("rebase", "-q", "--force-rebase", "--root")
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.git("rm", "-rqf", ".")
    repo.commit("other", "")
    repo.git("branch", "-q", "-D", "main")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")


def test_after_the_tree_is_wrecked_it_comes_out_equal(messy: Repository) -> None:
    launch(messy)
    wreck_the_tree(messy)
    assert again(messy) == (0, "Reproduction: equal\n")
    record = messy.record("x-repro")
    assert (record["reproduces"], record["reproduction"]) == ("x", "equal")
    for key in ("commit", "base", "input-command", "cwd", "settings", "description"):
        assert record[key] == messy.record("x")[key]
    assert (messy.path / ".runs/checkpoints/x-repro/model").read_text() == "edited"
    assert set(os.listdir(messy.path)) == {".git", ".runs", "other"}
    table = messy.ok("table", "--columns=name,reproduction")
    assert "x-repro  equal" in table
    assert "reproduction: equal\n" in messy.ok("lookup", "x-repro")


def test_edits_in_submodules_come_back(messy: Repository) -> None:
    messy.add_submodules("lib")
    (messy.path / "lib/code").write_text("edited\n")
    (messy.path / "lib/new").write_text("new\n")
    launch(messy, command="cat ../lib/code ../lib/new; python3 train.py")
    inner = Repository(messy.machine, messy.path / "lib")
    inner.git("clean", "-qfd")
    inner.git("reset", "-q", "--hard")
    inner.git("gc", "-q", "--prune=now")
    messy.git("submodule", "deinit", "-q", "-f", "lib")
    wreck_the_tree(messy)
    assert again(messy) == (0, "Reproduction: equal\n")
    assert messy.log("x-repro").endswith("edited\nnew\nedited\n")


def forget_bytes(repo: Repository) -> None:
    """Let the record of `x` be one of the time when bytes that git changes were not kept."""
    path = repo.record_path("x")
    path.write_text("".join(line for line in path.open() if not line.startswith("bytes:")))


def test_line_ends_that_do_not_come_back_are_named(repo: Repository) -> None:
    repo.commit(".gitattributes", "* text=auto\n")
    (repo.path / "data.txt").write_bytes(b"a\r\nb\r\n")
    repo.ok("new", "-q", *NO_FLAGS, "--snapshot", "x", "od -c data.txt")
    repo.wait("x")
    forget_bytes(repo)
    code, out = again(repo)
    assert (code, out.splitlines()[0]) == (1, "Reproduction: different")
    assert "\n  files that a checkout gives other bytes than the original had: data.txt\n" in out


def test_another_package_is_the_likely_cause(messy: Repository) -> None:
    venv = messy.machine.home / "venv"
    messy.machine.run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "pkg-1.0.dist-info").mkdir()
    (site / "pkg.py").write_text("version = 1")
    launch(messy, command=f"{venv}/bin/python -Bc 'import pkg; print(pkg.version)'")
    (site / "pkg-1.0.dist-info").rename(site / "pkg-2.0.dist-info")
    (site / "pkg.py").write_text("version = 22")
    code, out = again(messy)
    assert (code, out.splitlines()[:4]) == (
        1,
        ["Reproduction: different", "  log: line 1: '1' / '22'", "  packages: -pkg==1.0", "  packages: +pkg==2.0"],
    )


def test_edits_between_the_start_and_a_late_import_do_not_count(messy: Repository) -> None:
    go = messy.machine.home / "go"
    messy.machine.environment["GO"] = str(go)
    messy.ok("new", "-q", *NO_FLAGS, "--snapshot", "--isolate", "x", "python3 train.py", cwd=messy.path / "sub")
    (messy.path / "sub/late.py").write_text("text = 'too late'\n")
    go.touch()
    messy.wait("x")
    assert (messy.path / ".runs/checkpoints/x/model").read_text() == "edited"
    assert again(messy) == (0, "Reproduction: equal\n")


def test_recorded_variables_are_set_again(messy: Repository) -> None:
    messy.machine.environment["MY_SEED"] = "7"
    launch(messy, command="echo $MY_SEED $OTHER_SEED; python3 train.py")
    del messy.machine.environment["MY_SEED"]
    messy.machine.environment["OTHER_SEED"] = "8"
    assert again(messy) == (0, "Reproduction: equal\n")


def different_variable(repo: Repository) -> None:
    repo.machine.environment["MODE"] = "fast"


def different_link(repo: Repository) -> None:
    (repo.path / "data/x").write_text("other data")


def missing_link(repo: Repository) -> None:
    shutil.rmtree(repo.path / "data")


@pytest.mark.parametrize(
    ("change", "problem", "difference"),
    [
        (different_variable, "variables that differ: MODE", "variables that differ: MODE"),
        (different_link, "linked path data: '{data}' has changed", "log: line 1: 'slow data' / 'slow other data'"),
        (missing_link, "linked path data: '{data}' is not there", "log: line 1: 'slow data' / 'slow none'"),
    ],
)
def test_what_is_different_is_named_before_and_after(
    messy: Repository, change: Callable[[Repository], None], problem: str, difference: str
) -> None:
    messy.commit(".gitignore", "/data\n__pycache__\n")
    (messy.path / "data").mkdir()
    (messy.path / "data/x").write_text("data")
    messy.git("config", "runs.link", "data")
    messy.machine.environment["MODE"] = "slow"
    launch(messy, command="echo $MODE $(cat ../data/x 2>/dev/null || echo none)")
    assert messy.runs("reproduce", "--check", "x").code == 0
    change(messy)
    problem = problem.format(data=messy.path / "data")
    check = messy.runs("reproduce", "--check", "x")
    assert (check.code, check.err) == (1, f"error: {problem}\n")
    code, said = again(messy)
    assert code == 1
    assert said.startswith("Reproduction: different\n")
    assert f"  {difference}\n" in said
    assert "random start" not in said
    assert messy.record("x-repro")["differences"]


def test_a_program_without_a_fixed_hash_seed_is_known_as_such(messy: Repository) -> None:
    messy.git("config", "runs.hash-seed", "leave")
    launch(messy, command="""python3 -c "print(hash('x'))" """)
    code, said = again(messy)
    assert code == 1
    cause = "another order in sets of texts, since PYTHONHASHSEED is not set, or a random start without a fixed seed"
    assert said.endswith(f"  perhaps {cause}\n")
    messy.git("config", "--unset", "runs.hash-seed")
    messy.machine.environment["PYTHONHASHSEED"] = "0"
    messy.ok("delete", "-y", ".*")
    launch(messy, command="""python3 -c "print(hash('x'))" """)
    assert again(messy) == (0, "Reproduction: equal\n")


def test_the_hash_seed_of_a_run_is_its_re_run_s_too(messy: Repository) -> None:
    hashing = """python3 -c "print(hash('x'))" """
    launch(messy, command=hashing)
    assert again(messy) == (0, "Reproduction: equal\n")
    assert messy.record("x-repro")["hash-seed"] == messy.record("x")["hash-seed"]
    assert messy.runs("reproduce", "--check", "x").code == 0
    assert "PYTHONHASHSEED" not in messy.lookup("x", "environment")
    messy.finish("plain", hashing, *NO_FLAGS, "--snapshot")
    messy.finish("shell", "echo $PYTHONHASHSEED", *NO_FLAGS, "--snapshot")
    assert (messy.log("shell"), "hash-seed" in messy.record("shell")) == ("\n", False)
    seed = str(messy.record("plain")["hash-seed"])
    assert messy.record("plain")["environment"] == messy.record("shell")["environment"]
    messy.machine.environment["PYTHONHASHSEED"] = seed
    messy.finish("chosen", hashing, *NO_FLAGS, "--snapshot")
    assert (messy.log("chosen"), "hash-seed" in messy.record("chosen")) == (messy.log("plain"), False)


def test_another_package_list_is_reported_package_by_package(messy: Repository) -> None:
    site = messy.machine.home / "site"
    (site / "thing-1.0.dist-info").mkdir(parents=True)
    messy.machine.environment["PYTHONPATH"] = str(site)
    launch(messy)
    (site / "thing-1.0.dist-info").rename(site / "thing-2.0.dist-info")
    result = messy.runs("reproduce", "--check", "x")
    assert result.code == 1
    hint = "hint: to have the packages that it had: git runs reproduce --run --restore x\n"
    assert result.err == f"error: packages: -thing==1.0\nerror: packages: +thing==2.0\n{hint}"
    for number in range(6):
        (site / f"new{number}-1.0.dist-info").mkdir()
    assert len(messy.runs("reproduce", "--check", "x").err.splitlines()) == 9
    new = "".join(f"warning: packages: +new{number}==1.0\n" for number in range(5))
    assert messy.runs("reproduce", "--run", "x").err == f"{new}warning: and 2 more packages\n{hint}"
    assert "hint: " not in messy.runs("reproduce", "--worktree", "x").err


def test_the_names_of_reruns_are_free_ones(messy: Repository) -> None:
    launch(messy)
    for name in ("x-repro", "x-repro2"):
        assert messy.ok("reproduce", "--run", "x").startswith(f"Started run '{name}' to reproduce 'x' at ")
    messy.ok("reproduce", "--run=mine", "x")
    assert messy.runs("reproduce", "--run=mine", "x").err.endswith("fatal: run 'mine' already exists\n")
    messy.runs("wait", ".*")
    assert messy.ok("list") == "mine\nx\nx-repro\nx-repro2\n"


def test_a_run_that_goes_on_has_nothing_to_compare_with(messy: Repository) -> None:
    messy.ok("new", "-q", *NO_FLAGS, "--snapshot", "x", "sleep 60")
    result = messy.runs("reproduce", "--run", "x")
    assert result.code == 128
    assert result.err.endswith("fatal: run 'x' goes on\nhint: git runs wait x\n")


def test_a_command_of_somebody_elses_is_asked_for(messy: Repository, screen: Screen) -> None:
    launch(messy)
    path = messy.record_path("x")
    path.write_text(path.read_text().replace("user: ", "user: not-"))
    result = messy.runs("reproduce", "--run", "x")
    assert result.code == 128
    assert "fatal: refusing to run a command of somebody else's without asking" in result.err
    screen.type("git runs reproduce --run x")
    screen.shows("python3 train.py --lr=1")
    screen.shows("[y/N]")
    screen.press("Enter")
    screen.shows("error: nothing done")
    assert messy.runs("reproduce", "--run", "-y", "x").code == 0


def test_what_is_missing_of_the_code_is_named(messy: Repository) -> None:
    messy.ok("new", "-q", *NO_FLAGS, "--allow-dirty", "x", "true")
    messy.wait("x")
    assert messy.runs("reproduce", "--check", "x").err == (
        "error: it ran with uncommitted changes, which nothing keeps\n"
    )
    path = messy.record_path("x")
    commit = messy.lookup("x", "commit")
    path.write_text(path.read_text().replace(commit, "1" * 40))
    assert messy.runs("reproduce", "--check", "x").err.startswith(
        f"error: commit {'1' * 40} is not here; it was last seen on host '{os.uname().nodename}'\n"
    )
    path.write_text(path.read_text().replace("1" * 40, commit))
    messy.git("update-ref", "-d", "refs/runs/x")
    assert messy.runs("reproduce", "--check", "x").err.startswith("error: there is no refs/runs/x\n")


def test_a_submodules_missing_commit_is_named(messy: Repository) -> None:
    messy.add_submodules("lib")
    (messy.path / "lib/code").write_text("dirty")
    launch(messy, command="cat ../lib/code")
    (messy.path / "lib/code").write_text("old\n")
    assert again(messy) == (0, "Reproduction: equal\n")
    inner = Repository(messy.machine, messy.path / "lib")
    wait_for(lambda: len(inner.git("worktree", "list").splitlines()) == 1)  # that of the run may go after its end
    for name in inner.refs():
        inner.git("update-ref", "-d", name)
    inner.git("reflog", "expire", "--expire=now", "--all")
    inner.git("gc", "-q", "--prune=now")
    assert f"submodule lib: commit {messy.record('x')['submodules']['lib']['commit']} is not in '" in (  # type: ignore[index]
        messy.runs("reproduce", "--check", "x").err
    )


def test_files_that_come_out_with_other_bytes_are_named(messy: Repository) -> None:
    messy.commit(".gitattributes", "*.txt text=auto\n")
    (messy.path / "mixed.txt").write_bytes(b"a\r\nb\n")
    launch(messy)
    forget_bytes(messy)
    assert messy.runs("reproduce", "--check", "x").err == (
        "error: files that a checkout gives other bytes than the run had: mixed.txt\n"
    )


def test_in_a_tree_that_is_not_clean_it_names_another_way(messy: Repository) -> None:
    launch(messy)
    result = messy.runs("reproduce", "x")
    assert result.code == 128
    assert result.err.endswith("hint: or check it out beside this one: --worktree\n")
    out = messy.ok("reproduce", "--worktree", "x")
    place = Path(f"{messy.path}-x")
    assert (place / "sub/late.py").read_text() == "text = 'edited'\n"
    assert out == (
        f"The run's code is in '{place}'.\nTo reproduce:\n git -C {place}/sub runs new --timestamp x"
        " 'python3 train.py --lr=1' --description=change --tb-dir-flag=None --save-path-flag=None --isolate\n"
    )
    assert (messy.path / "sub/late.py").read_text() == "text = 'edited'\n"
    messy.ok("reproduce", f"--worktree={messy.machine.home}/other", "x")
    assert (messy.machine.home / "other/sub/late.py").exists()
    assert messy.runs("reproduce", "--worktree", "x").err.endswith(
        f"fatal: '{place}' is there already\nhint: name another place: --worktree=<path>\n"
        f"hint: or remove it, if it is a work tree that nobody needs: git worktree remove {place}\n"
    )


def test_a_failing_run_is_reproduced_too(messy: Repository) -> None:
    launch(messy, command="python3 -c 'raise SystemExit(3)'")
    assert again(messy) == (
        0,
        "Reproduction: equal\n  note: nothing was put out to compare but the exit code\n",
    )
    assert messy.lookup("x-repro", "exit-code") == "3"


def test_an_original_that_ran_in_the_tree_itself_compares_as_well(machine: Machine, repo: Repository) -> None:
    repo.commit(".gitignore", "__pycache__\n")
    repo.finish("x", "pwd; python3 train.py $RUNS_TB_DIR", *NO_FLAGS)
    assert again(repo) == (0, "Reproduction: equal\n")
    wait_for(lambda: len(repo.git("worktree", "list").splitlines()) == 1)


def test_a_run_in_the_tree_itself_gets_its_submodules_back(repo: Repository) -> None:
    repo.add_submodules("lib")
    repo.finish("x", "cat lib/code", *NO_FLAGS)
    assert again(repo) == (0, "Reproduction: equal\n")
    repo.ok("reproduce", "--worktree", "x")
    assert (repo.path.parent / "repo-x/lib/code").read_text() == "old\n"
    repo.git("submodule", "deinit", "-q", "-f", "lib")
    commit = repo.git("rev-parse", "runs/x:lib").strip()
    assert f"error: submodule lib: commit {commit} is not here\n" in repo.runs("reproduce", "--check", "x").err


def test_a_re_run_that_cannot_be_started_is_not_compared(messy: Repository) -> None:
    messy.commit(".gitattributes", "sub/late.py filter=mine\n")
    launch(messy)
    for key, value in (("smudge", "false"), ("required", "true")):
        messy.git("config", f"filter.mine.{key}", value)
    reason = "the re-run could not be started: sub/late.py: smudge filter mine failed"
    assert again(messy) == (1, f"Reproduction: unknown\n  {reason}\n")


def test_code_that_no_commit_holds_is_named_where_all_is_equal(messy: Repository) -> None:
    launch(messy, command=f"python3 {messy.path}/sub/train.py")
    live = f"code was taken from where people edit it: {messy.path}/sub/train.py"
    assert again(messy) == (0, f"Reproduction: equal\n  note: {live}\n")


def test_hidden_edits_are_not_carried_along(repo: Repository) -> None:
    repo.finish("x")
    repo.git("update-index", "--assume-unchanged", "train.py")
    (repo.path / "train.py").write_text("mine\n")
    result = repo.runs("reproduce", "x")
    assert result.code == 128
    assert "fatal: the work tree has changes that git is set not to see" in result.err


def test_a_missing_log_is_reported_before(messy: Repository) -> None:
    launch(messy)
    (messy.path / ".runs/logs/x.log").unlink()
    assert messy.runs("reproduce", "--check", "x").err == "error: its log is not there to compare with\n"
    code, said = again(messy)
    assert (code, said) == (1, "Reproduction: different\n  log: only in x-repro\n")
    shutil.rmtree(messy.path / ".runs/checkpoints/x")
    nothing = "Reproduction: unknown\n  nothing of the original is here to compare with\n"
    assert again(messy) == (1, nothing)


def test_variables_that_are_not_asked_for_any_more_are_set_again(messy: Repository) -> None:
    messy.git("config", "runs.env", "MODE")
    messy.machine.environment["MODE"] = "fast"
    launch(messy, command="echo $MODE")
    messy.git("config", "--unset", "runs.env")
    del messy.machine.environment["MODE"]
    result = messy.runs("reproduce", "--run", "--wait", "x")
    assert (result.code, result.err) == (0, "")


def test_what_was_linked_later_reaches_a_run_that_had_the_whole_tree(repo: Repository) -> None:
    repo.commit(".gitignore", "data\n")
    (repo.path / "data").write_text("data\n")
    repo.finish("x", "cat data", *NO_FLAGS)
    result = repo.runs("reproduce", "--run", "--wait", "x")
    assert "hint: ignored, and so not in the run's own work tree:\nhint:   data\n" in result.err
    assert result.code == 1
    repo.git("config", "runs.link", "data")
    assert again(repo) == (0, "Reproduction: equal\n")


def test_files_that_both_left_in_their_trees_are_compared(messy: Repository) -> None:
    launch(messy, command="echo same >kept; date +%N >model")
    code, out = again(messy)
    assert (code, out.splitlines()[:2]) == (1, ["Reproduction: different", "  worktree/sub/model: different"])
    messy.ok("new", "-q", *NO_FLAGS, "--allow-dirty", "y", "echo out; echo 1 >model")
    messy.wait("y")
    result = messy.runs("reproduce", "--run", "--wait", "y")
    assert result.out.split("\n", 1)[1] == (
        "Reproduction: equal\n  note: worktree/model: only one of the runs had a work tree of its own\n"
    )


@pytest.mark.parametrize(
    "ways",
    [
        *(("-n", "--run"), ("--check", "--worktree"), ("--wait",), ("-y", "--check"), ("--restore",)),
        *(("--host=box",), ("--run", "--host=box", "--wait")),
    ],
)
def test_one_way_at_a_time(messy: Repository, ways: tuple[str, ...]) -> None:
    launch(messy)
    result = messy.runs("reproduce", *ways, "x")
    assert result.code == 129
    assert "usage: git runs reproduce [-n | --check | --worktree[=<path>]] [<name>]\n" in result.err
    assert messy.ok("list") == "x\n"


def test_many_may_reproduce_the_same_run_at_once(messy: Repository) -> None:
    launch(messy)
    processes = [messy.machine.start("git", "runs", "reproduce", "--run", "x", cwd=messy.path) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert messy.ok("list") == "x\nx-repro\nx-repro2\nx-repro3\nx-repro4\n"


def test_all_that_somebody_elses_record_would_have_run_is_shown(messy: Repository, screen: Screen) -> None:
    launch(messy, "--extra-flag=--payload", command="true")
    path = messy.record_path("x")
    path.write_text(path.read_text().replace(f"user: {messy.record('x')['user']}", "user: eve"))
    (environment,) = (messy.path / ".runs/environments").glob("*.yml")
    environment.write_text(environment.read_text().replace("variables: {", "variables: {BASH_ENV: evil.sh, "))
    screen.type("git runs reproduce --run x")
    screen.shows("  true --payload")
    screen.shows("  shell: bash")
    screen.shows("  BASH_ENV=evil.sh")
    screen.type("n")
    screen.shows("$")
    assert messy.ok("list") == "x\n"


def test_bytes_of_a_variable_come_back(messy: Repository) -> None:
    typed = f"git runs new -q {' '.join(NO_FLAGS)} --snapshot x 'printf %s \"$MY_SEED\" | od -c'"
    assert messy.machine.run("sh", "-c", typed, cwd=messy.path, MY_SEED="\udcff").code == 0
    messy.wait("x")
    assert "377" in messy.log("x")
    assert again(messy) == (0, "Reproduction: equal\n")


def test_what_was_not_there_before_is_reported(messy: Repository) -> None:
    messy.commit(".gitignore", "data\n")
    messy.git("config", "runs.link", "data")
    launch(messy)
    (messy.path / "data").write_text("new")
    tool = messy.machine.home / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA A100, 535.1'\n")
    tool.chmod(0o755)
    messy.machine.environment["PATH"] += f":{tool.parent}"
    messy.git("config", "core.autocrlf", "true")
    found = messy.runs("reproduce", "--check", "x").err
    assert "error: gpus: was not set, is NVIDIA A100, 535.1\n" in found
    assert f"error: linked path data: '{messy.path}/data' was not there\n" in found
    assert "error: core.autocrlf: was not set, is 'true'\n" in found


def test_asking_for_more_variables_later_changes_nothing(messy: Repository) -> None:
    messy.machine.environment["FOO"] = "1"
    launch(messy)
    messy.git("config", "runs.env", "FOO")
    assert messy.runs("reproduce", "--check", "x").err == ""
    messy.machine.environment["FOO"] = "2"
    assert messy.runs("reproduce", "--check", "x").err == "error: variables that differ: FOO\n"


def test_an_original_that_is_gone_is_reported(messy: Repository) -> None:
    go = messy.machine.home / "go"
    launch(messy, command=f"if [ -e {go}.up ]; then while [ ! -e {go} ]; do sleep 0.02; done; fi; echo done")
    Path(f"{go}.up").touch()
    messy.ok("reproduce", "--run", "x")
    wait_for(lambda: messy.record("x-repro")["status"] == "running")
    messy.ok("delete", "-y", "x")
    go.touch()
    messy.wait("x-repro")
    record = messy.record("x-repro")
    assert (record["reproduction"], record["differences"]) == (
        "unknown",
        ["run 'x' is not here"],
    )


def test_replaced_objects_are_not_checked_out(messy: Repository) -> None:
    launch(messy)
    evil = messy.commit("sub/late.py", "text = 'evil'\n")
    messy.git("replace", str(messy.record("x")["commit"]), evil)
    assert again(messy) == (0, "Reproduction: equal\n")
    assert (messy.path / ".runs/checkpoints/x-repro/model").read_text() == "edited"


def test_nested_submodules_of_a_run_in_the_tree_itself(repo: Repository, tmp_path: Path) -> None:
    library = repo.add_submodules("lib")
    deep = Repository(repo.machine, tmp_path / "deep")
    repo.machine.run("git", "init", "-q", str(deep.path))
    deep.commit("code", "deep\n")
    for place in (library, Repository(repo.machine, repo.path / "lib")):
        place.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(deep.path), "deep")
        place.git("commit", "-q", "-m", "deeper")
    repo.git("commit", "-q", "-a", "-m", "deeper")
    repo.finish("x", "cat lib/deep/code", *NO_FLAGS)
    assert again(repo) == (0, "Reproduction: equal\n")


@pytest.mark.parametrize("how", ["--isolate", pytest.param("--isolate=mount", marks=needs_mounts)])
def test_a_clone_inside_the_tree_comes_back_though_it_is_gone(repo: Repository, how: str) -> None:
    library, deep = (Repository(repo.machine, repo.path / path) for path in ("lib", "lib/deep er"))
    for one in (library, deep):
        repo.machine.run("git", "init", "-q", str(one.path))
        one.commit(".gitattributes", "*.txt text=auto\n")
        one.commit("code", "old\n")
    library.add_submodules("sub")
    (library.path / "code").write_text("edited\n")
    (library.path / "tree").mkdir()
    (library.path / "tree/mixed.txt").write_bytes(b"a\r\nb\n")
    (deep.path / "new").write_text("new\n")
    command = (
        "cd lib; cat code 'deep er/new'; od -c tree/mixed.txt; cat sub/code; git rev-parse HEAD; git status --porcelain"
    )
    assert repo.runs("new", "-q", *NO_FLAGS, "--snapshot", how, "x", command).err == ""
    repo.wait("x")
    commit = repo.git("rev-parse", "runs/x:lib").strip()
    assert repo.log("x").endswith(f"{commit}\n")
    wait_for(lambda: not (repo.path / ".runs/worktrees/x").exists())
    shutil.rmtree(library.path)
    repo.git("gc", "-q", "--prune=now")
    assert repo.runs("reproduce", "--check", "x").err == ""
    result = repo.runs("reproduce", "--run", "--wait", "x")
    assert result.out.endswith("Reproduction: equal\n")
    wait_for(lambda: len(repo.git("worktree", "list").splitlines()) == 1)
    said = repo.runs("reproduce", "-n", "x")
    assert said.err.splitlines() == [
        "warning: a plain checkout gives other bytes than the run had: lib/tree/mixed.txt",
        *(
            f"warning: a plain checkout does not hold the repository '{path}', which is kept with the run"
            for path in ("lib", "library", "lib/deep er", "lib/sub")
        ),
        "hint: to get these back: --worktree or --run",
    ]
    assert said.out.endswith(f" {how}\n")
    repo.git("config", "runs.isolate", how.partition("=")[2] or "true")
    assert "--isolate" not in repo.ok("reproduce", "-n", "x")
    repo.git("config", "--unset", "runs.isolate")
    repo.ok("reproduce", "--worktree", "x")
    beside = Repository(repo.machine, repo.path.parent / "repo-x/lib")
    assert (beside.path / "tree/mixed.txt").read_bytes() == b"a\r\nb\n"
    assert (beside.git("rev-parse", "HEAD").strip(), beside.git("status", "--porcelain")) == (commit, "")
    repo.ok("move", "x-repro", "y")
    repo.machine.run("git", "init", "-q", str(library.path))
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    assert repo.ok("fsck") == ""
    repo.ok("delete", "-y", "--now", ".*")


def test_a_clone_that_is_too_large_to_keep_is_named(repo: Repository) -> None:
    library = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(library.path))
    library.commit("large", "0123456789abcdef" * 100_000)
    result = repo.runs("new", "-q", *NO_FLAGS, "--snapshot", "--isolate", "--snapshot-limit=1m", "x", "wc -c lib/large")
    assert result.err == (
        "warning: the repository 'lib' is not kept with the run, which needs it to come back:"
        " 1.5 MiB are more than runs.snapshot-limit\n"
        "hint: to keep it: --snapshot-limit=2m\n"
    )
    repo.wait("x")
    assert repo.runs("reproduce", "--check", "x").err == ""
    commit = repo.git("rev-parse", "runs/x:lib").strip()
    shutil.rmtree(library.path)
    missing = f"submodule lib: commit {commit} is not in '{library.path}/.git'\n"
    assert repo.runs("reproduce", "--check", "x").err == f"error: {missing}"
    assert repo.runs("reproduce", "--worktree", "x").err.endswith(f"fatal: {missing}")


@pytest.mark.parametrize("inside", ["lib/out/x", "lib/.git/x"])
def test_no_repository_is_made_elsewhere_than_in_the_tree(repo: Repository, tmp_path: Path, inside: str) -> None:
    library = Repository(repo.machine, repo.path / "lib")
    repo.machine.run("git", "init", "-q", str(library.path))
    (tmp_path / "elsewhere").mkdir()
    (library.path / "out").symlink_to(tmp_path / "elsewhere")
    commit = library.commit("code", "old\n")
    repo.finish("x", "true", *NO_FLAGS, "--snapshot", "--isolate")
    path = repo.record_path("x")
    entry = f"{{repository: {library.path}/.git, commit: {commit}}}"
    planted, count = re.subn(r"^(submodules:.*\n)", rf"\1  {inside}: {entry}\n", path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(planted)
    result = repo.runs("reproduce", "--worktree", "x")
    assert ("is behind a link" in result.err) == (inside == "lib/out/x")
    assert os.listdir(tmp_path / "elsewhere") == []
    assert not (repo.path.parent / "repo-x" / inside).exists()


def test_what_cannot_be_compared_is_recorded_with_the_reason(repo: Repository) -> None:
    repo.finish("x", "echo >left", *NO_FLAGS, "--isolate")
    (repo.path / ".git/worktrees/x/index").write_text("no index")
    result = repo.runs("reproduce", "--run=again", "--wait", "x")
    assert (result.code, "they could not be compared: " in result.out) == (1, True), result
    assert repo.record("again")["reproduction"] == "unknown"
