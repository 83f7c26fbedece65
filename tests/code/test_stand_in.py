"""`git runs new --isolate=mount`: the run's own work tree stands in the place of the user's."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import NO_FLAGS, Machine, Repository, Screen, needs_mounts, wait_for
from tests.wheels import Virtualenv

MOUNTED = ("new", "-q", *NO_FLAGS, "--snapshot", "--isolate=mount")

pytestmark = needs_mounts


@pytest.fixture(autouse=True)
def no_pager(machine: Machine) -> None:
    """Nothing between what git prints and the log."""
    machine.environment["GIT_PAGER"] = "cat"


def finish(repo: Repository, name: str, command: str, *options: str, cwd: Path | None = None) -> list[str]:
    """Run it to its end; what it printed."""
    result = repo.runs(*MOUNTED, *options, name, command, cwd=cwd)
    assert result.code == 0, result
    repo.wait(name)
    return log(repo, name)


def log(repo: Repository, name: str) -> list[str]:
    """The lines that the command printed."""
    return repo.log(name).splitlines()


def tree(repo: Repository, name: str) -> Path:
    """The run's own work tree."""
    return repo.path / ".runs/worktrees" / name


def test_whatever_names_the_tree_by_its_path_reaches_the_runs_own(repo: Repository, tmp_path: Path) -> None:
    code = "import os, sys, time\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.02)\nimport late\n"
    repo.commit("train.py", code)
    (repo.path / "late.py").write_text("print('as it was')\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").write_text("beside\n")
    go = repo.machine.home / "go"
    result = repo.runs(
        *MOUNTED, "x", f"python3 {repo.path}/train.py && cat ../data/x && pwd", GO=str(go), PYTHONPATH=str(repo.path)
    )
    assert (result.code, result.err) == (0, "")
    (repo.path / "late.py").write_text("print('edited')\n")
    (repo.path / "train.py").unlink()
    go.touch()
    repo.wait("x")
    assert log(repo, "x") == ["as it was", "beside", str(repo.path)]
    wait_for(lambda: not tree(repo, "x").exists())  # which follows the end of the run
    record = repo.record("x")
    assert (record["isolate"], record["top"]) == ("mount", str(repo.path))
    assert "live" not in record


def test_code_that_lies_outside_of_the_tree_is_recorded(repo: Repository, tmp_path: Path) -> None:
    finish(repo, "x", "true", cwd=repo.path)
    assert "live" not in repo.record("x")
    repo.machine.environment["PYTHONPATH"] = f"{repo.path}:{tmp_path}"
    finish(repo, "y", "true")
    assert repo.record("y")["live"] == [f"PYTHONPATH ({tmp_path})"]
    assert f"not from the run's own work tree: PYTHONPATH ({tmp_path})" in repo.runs("reproduce", "--check", "y").err


def test_git_works_in_it_and_on_it(repo: Repository) -> None:
    questions = "git rev-parse --show-toplevel --show-prefix; git status --porcelain"
    command = f"{questions}; git commit -qam own; git log --format=%s"
    (repo.path / "sub dir").mkdir()
    (repo.path / "sub dir/file").write_text("1\n")
    shown = finish(repo, "g/x", f"echo 2 >file; {command}", cwd=repo.path / "sub dir")
    assert shown == [str(repo.path), "sub dir/", ' M "sub dir/file"', "own", "snapshot for run 'g/x'", "first model"]
    assert repo.git("log", "-1", "--format=%s").strip() == "first model"
    own = tree(repo, "g/x")  # it is kept, since its commit is nowhere else
    assert repo.git("log", "-1", "--format=%s", cwd=own).strip() == "own"
    assert repo.git("status", "--porcelain", cwd=own) == ""
    wait_for(lambda: sorted(entry.name for entry in own.iterdir()) == [".git", "sub dir", "train.py"])


def test_linked_paths_are_where_they_always_are(repo: Repository) -> None:
    repo.commit(".gitignore", "data\n*.local\n")
    (repo.path / "data").mkdir()
    (repo.path / "data/x").write_text("1\n")
    (repo.path / "conf").mkdir()
    (repo.path / "conf/my.local").write_text("mine\n")
    for path in ("data", "conf/my.local"):
        repo.git("config", "--add", "runs.link", path)
    top = repo.path
    shown = finish(repo, "x", f"cat conf/my.local {top}/data/x; readlink data; echo 2 >data/x; git status --porcelain")
    assert shown == ["mine", "1"]
    assert (repo.path / "data/x").read_text() == "2\n"
    wait_for(lambda: not tree(repo, "x").exists())
    assert repo.record("x")["links"]["conf/my.local"]["size"] == 5  # type: ignore[index]


@pytest.mark.parametrize("launcher", ["tmux", "foreground"])
def test_it_ends_as_its_command_does(repo: Repository, launcher: str) -> None:
    by = f"--launcher={launcher}"
    assert repo.runs(*MOUNTED, by, "--wait", "code", "exit 3").code == 3
    assert repo.record("code")["exit-code"] == 3
    assert repo.runs(*MOUNTED, by, "--wait", "signal", "kill -TERM $$").code == 128 + signal.SIGTERM
    assert repo.record("signal")["signal"] == signal.SIGTERM
    assert repo.runs(*MOUNTED, by, "--wait", "missing", "no-such-program").code == 127


def test_devices_are_there(repo: Repository) -> None:
    devices = "/dev/null /dev/zero /dev/urandom $(ls -d /dev/nvidia* /dev/dri/* 2>/dev/null)"
    command = f"stat -c '%n %F %t:%T %A' {devices}; head -c 3 /dev/zero | od -An -c"
    expected = repo.machine.run("bash", "-c", command, cwd=repo.path).out
    assert finish(repo, "x", command) == expected.splitlines()


def test_a_command_that_is_stopped_says_how_it_ends(repo: Repository) -> None:
    up = repo.machine.home / "up"
    repo.ok(*MOUNTED, "x", f"trap 'echo saved; exit 7' TERM; touch {up}; while :; do sleep 0.02; done")
    wait_for(up.exists)
    repo.ok("kill", "x")
    record = repo.record("x")
    assert (record["status"], record["exit-code"]) == ("killed", 7)
    assert "saved" in repo.log("x")


def test_a_person_is_attached_to_it(repo: Repository, screen: Screen) -> None:
    repo.ok(*MOUNTED, "x", "echo ready; read -r word; echo got $word in $PWD")
    screen.type("unset TMUX; git runs attach x")
    screen.shows("ready")
    screen.type("hello")
    repo.wait("x")
    assert f"got hello in {repo.path}" in repo.log("x").replace("\n", "")


def test_runs_that_it_starts_see_its_tree(repo: Repository) -> None:
    repo.git("config", "runs.history", "false")  # whose process would go on for half a minute
    (repo.path / "code").write_text("own\n")
    command = (
        "set -e; git runs list; git runs lookup x status; "
        "git runs new -q plain 'cat code; pwd; git rev-parse --show-toplevel' ;"
        "git runs new -q --snapshot --isolate=mount mounted 'cat code; pwd'; "
        "git runs new -q --snapshot --isolate tree 'cat code'; "
        "git runs new -q --launcher=foreground here 'cat code; git rev-parse HEAD'; "
        "git runs wait plain mounted tree"
    )
    for key in ("tb-dir-flag", "save-path-flag"):
        repo.git("config", f"runs.{key}", "None")
    repo.ok(*MOUNTED, "x", f"git rev-parse HEAD; {command}")
    (repo.path / "code").write_text("edited\n")
    repo.wait("x")
    assert repo.lookup("x", "status") == "finished", repo.log("x")
    assert log(repo, "x")[:3] == [repo.lookup("x", "commit"), "x", "running"]
    assert repo.log("plain").splitlines() == ["own", str(repo.path), str(repo.path)]
    assert log(repo, "mounted") == ["own", str(repo.path)]
    assert log(repo, "tree") == ["own"]
    assert repo.log("here").splitlines() == ["own", repo.lookup("x", "commit")]
    assert repo.refs() == [f"refs/runs/{name}" for name in ("here", "mounted", "plain", "tree", "x")]
    assert repo.runs("fsck").out == ""


def test_what_it_leaves_in_the_background_keeps_its_tree(repo: Repository) -> None:
    go, out = repo.machine.home / "go", repo.machine.home / "out"
    waiting = f"while [ ! -e {go} ]; do sleep 0.02; done; cat {repo.path}/train.py >{out}"
    repo.ok(*MOUNTED, "x", f"setsid sh -c '{waiting}' >/dev/null 2>&1 & sleep 0.1")
    repo.wait("x")
    wait_for(lambda: "locked" not in repo.git("worktree", "list", "--porcelain"))
    assert tree(repo, "x").exists()
    (repo.path / "train.py").write_text("edited\n")
    go.touch()
    wait_for(lambda: out.exists() and out.read_text())
    assert out.read_text().startswith("import sys")


def test_submodules_and_clones_inside_the_tree(repo: Repository) -> None:
    library = repo.add_submodules("lib")
    repo.machine.run("git", "clone", "-q", str(library.path), str(repo.path / "clone"))
    for place in ("lib", "clone"):
        (repo.path / place / "code").write_text("changed\n")
    command = "; ".join(f"cat {repo.path}/{at}/code; git -C {at} status --porcelain" for at in ("lib", "clone"))
    shown = finish(repo, "x", f"{command}; git status --porcelain; git -C clone rev-parse HEAD --show-toplevel")
    submodules = repo.record("x")["submodules"]
    assert shown == ["changed", "changed", submodules["clone"]["commit"], f"{repo.path}/clone"]  # type: ignore[index]
    wait_for(lambda: not tree(repo, "x").exists())


def test_from_a_linked_work_tree(repo: Repository, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "-q", str(linked))
    (linked / "new").write_text("1\n")
    shown = finish(repo, "x", f"cat {linked}/new; git rev-parse --show-toplevel HEAD; git runs list", cwd=linked)
    assert shown[:3] == ["1", str(linked), repo.lookup("x", "commit")]
    assert "x" in shown[3]


def test_a_rerun_stands_where_the_original_stood(repo: Repository, machine: Machine, tmp_path: Path) -> None:
    repo.commit(".gitignore", "data\n")
    repo.git("config", "runs.link", "data")
    (repo.path / "data").mkdir()
    (repo.path / "data/x").write_text("data\n")
    (repo.path / "new").write_text("1\n")
    place = repo.path
    finish(repo, "x", f"cat {place}/new data/x; pwd; git rev-parse HEAD; ls .runs/records")
    wait_for(lambda: not tree(repo, "x").exists())
    (place / "new").write_text("edited\n")
    renamed = Repository(machine, tmp_path / "renamed")
    place.rename(renamed.path)
    result = renamed.runs("reproduce", "--run", "--wait", "x")
    assert "Reproduction: equal\n" not in result.out  # the list of records is another
    assert log(renamed, "x-repro")[:4] == ["1", "data", str(place), renamed.lookup("x", "commit")]
    wait_for(lambda: not place.exists())
    assert renamed.record("x-repro")["top"] == str(place)
    shutil.copytree(renamed.path, place, symlinks=True)  # another copy stands there now
    renamed.runs("reproduce", "--run=again", "--wait", "x")
    assert log(renamed, "again")[:3] == ["1", "data", str(place)]
    assert place.exists()


def test_in_another_clone_it_stands_where_it_stood(repo: Repository, machine: Machine, tmp_path: Path) -> None:
    (repo.path / "new").write_text("1\n")
    finish(repo, "x", f"cat {repo.path}/new; pwd; git log -1 --format=%s")
    wait_for(lambda: not tree(repo, "x").exists())
    (repo.path / "new").write_text("edited\n")
    clone = Repository(machine, tmp_path / "clone")
    machine.run("git", "clone", "-q", str(repo.path), str(clone.path))
    clone.git("fetch", "-q", "origin", "refs/runs/*:refs/runs/*")
    shutil.copytree(repo.path / ".runs", clone.path / ".runs", symlinks=True)
    result = clone.runs("reproduce", "--run", "--wait", "x")
    assert result.out.endswith("Reproduction: equal\n"), result
    assert log(clone, "x-repro") == ["1", str(repo.path), "snapshot for run 'x'"]
    assert (repo.path / "new").read_text() == "edited\n"


def test_where_it_cannot_stand_that_is_said(repo: Repository, tmp_path: Path) -> None:
    finish(repo, "x", "cat train.py")
    record = repo.record_path("x")
    record.write_text(record.read_text().replace(f"top: {repo.path}\n", "top: /nowhere/at/all\n"))
    result = repo.runs("reproduce", "--run", "--wait", "x")
    assert "warning: its work tree cannot stand at '/nowhere/at/all'" in result.err
    assert "Reproduction: equal" in result.out


def test_without_bubblewrap(repo: Repository, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for directory in repo.machine.environment["PATH"].split(":"):
        for program in Path(directory).glob("*"):
            if program.name != "bwrap" and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    repo.machine.environment["PATH"] = str(programs)
    result = repo.runs(*MOUNTED, "x", "true")
    assert result.code == 128
    assert "fatal: bwrap is not installed" in result.err
    assert "bubblewrap" in result.err
    assert repo.refs() == []
    repo.git("config", "runs.isolate", "mount-if-possible")
    result = repo.runs("new", "-q", *NO_FLAGS, "--snapshot", "x", "pwd")
    assert "the run's own work tree is at another path\n" in result.err
    repo.wait("x")
    assert log(repo, "x") == [str(tree(repo, "x"))]
    assert "isolate" not in repo.record("x")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a right away that root needs here")
def test_where_namespaces_are_forbidden(repo: Repository) -> None:
    words = ("setpriv", "--bounding-set", "-sys_admin", "git", "runs", *MOUNTED, "x", "true")
    result = repo.machine.run(*words, cwd=repo.path)
    assert result.code == 128
    assert "fatal: a work tree of the run's own cannot stand in the place of yours: bwrap: " in result.err
    assert "hint: --isolate runs it in a work tree at another path" in result.err
    assert repo.refs() == []


def test_a_run_that_goes_on_may_be_moved(repo: Repository) -> None:
    go = repo.machine.home / "go"
    repo.ok(*MOUNTED, "a", f"touch {go}.up; while [ ! -e {go} ]; do sleep 0.02; done; cat train.py; git status --short")
    wait_for(Path(f"{go}.up").exists)
    repo.ok("move", "a", "b")
    go.touch()
    repo.wait("b")
    assert repo.lookup("b", "status") == "finished"
    assert log(repo, "b")[0] == "import sys"
    wait_for(lambda: not tree(repo, "b").exists())


# --- work trees, git dirs and links in places that nobody expects


def test_a_copy_of_a_runs_tree_is_a_tree_of_its_own(repo: Repository, tmp_path: Path) -> None:
    repo.commit("code", "original\n")
    finish(repo, "x", "exit 3", "--keep")
    copy = tmp_path / "copy"
    shutil.copytree(tree(repo, "x"), copy, symlinks=True)
    (copy / "code").write_text("copy\n")
    here = ("new", "-q", *NO_FLAGS, "--launcher=foreground", "--allow-dirty", "y", "cat code; pwd")
    assert repo.runs(*here, cwd=copy).out.splitlines() == ["copy", str(copy)]


def test_a_run_starts_no_tmux_server(repo: Repository) -> None:
    repo.git("config", "runs.history", "false")  # whose process would go on for half a minute
    flags = " ".join(NO_FLAGS)
    command = f"git runs new -q inner true; echo $?; git runs new -q {flags} --launcher=foreground here 'cat train.py'"
    result = repo.runs(*MOUNTED, "--launcher=foreground", "x", command)
    assert "128\nimport sys" in result.out
    assert "fatal: a tmux server that a run starts would see its files for ever\n" in result.err
    assert "hint: start one: tmux new -d\n" in result.err
    assert repo.machine.sessions() == []
    repo.runs(*MOUNTED, "--launcher=foreground", "y", "tmux new -d; true")
    assert repo.runs("new", "-q", "--wait", "z", "true").code == 1
    assert repo.lookup("z", "error").startswith(
        f"fatal: what starts this run does not see '{repo.path}/.git' as you do: "
    )


def test_runs_that_it_starts_here_and_now(repo: Repository) -> None:
    repo.git("config", "runs.history", "false")  # whose process would go on for half a minute
    (repo.path / "code").write_text("own\n")
    new = f"git runs new -q --launcher=foreground {' '.join(NO_FLAGS)}"
    inner = (
        f"{new} --snapshot --isolate=mount a 'cat code; pwd' && {new} --isolate b 'git commit -q --allow-empty -m work'"
    )
    repo.ok(*MOUNTED, "x", inner)
    repo.wait("x")
    assert f"\nown\n{repo.path}\n" in repo.log("x")
    assert repo.lookup("x", "status") == "finished", repo.log("x")
    assert repo.git("log", "-1", "--format=%s", cwd=tree(repo, "b")).strip() == "work"
    wait_for(lambda: not tree(repo, "a").exists())


def test_git_prunes_no_work_tree_whose_place_it_takes(repo: Repository) -> None:
    repo.commit(".gitignore", ".wt\n")
    repo.git("worktree", "add", "-q", "-b", "feature", ".wt/feature")
    (repo.path / ".wt/feature/staged").write_text("1\n")
    repo.git("add", "staged", cwd=repo.path / ".wt/feature")
    assert finish(repo, "x", "git worktree prune -v; git status --porcelain") == []
    assert repo.git("status", "--porcelain", cwd=repo.path / ".wt/feature") == "A  staged\n"


def test_links_that_are_links_stay_links(repo: Repository, tmp_path: Path) -> None:
    repo.commit(".gitignore", "data\nshared/cache\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").write_text("precious\n")
    (repo.path / "data").symlink_to("../data")
    (tmp_path / "shared/cache").mkdir(parents=True)
    (repo.path / "shared").symlink_to("../shared")
    repo.git("add", "shared")
    for path in ("data", "shared/cache"):
        repo.git("config", "--add", "runs.link", path)
    assert finish(repo, "x", "cat data/x; ls -d shared/cache; git clean -fdxq") == ["precious", "shared/cache"]
    assert (tmp_path / "data/x").exists()
    wait_for(lambda: not tree(repo, "x").exists())


def test_a_virtualenv_in_the_tree_is_there_when_it_is_active(repo: Repository) -> None:
    repo.commit(".gitignore", ".venv\n")
    venv = Virtualenv(repo.machine, repo.path / ".venv").path
    path = f"{venv}/bin:{repo.machine.environment['PATH']}"
    result = repo.runs(*MOUNTED, "x", "python3 -c 'import sys; print(sys.prefix)'", PATH=path)
    assert (result.code, result.err) == (0, "")
    repo.wait("x")
    assert log(repo, "x") == [str(venv)]
    assert finish(repo, "y", "python3 -c 'import sys; print(sys.prefix)'", f"--virtualenv-path={venv}") == [str(venv)]


@pytest.mark.parametrize("how", ["--isolate", "--isolate=mount"])
def test_a_linked_file_is_no_output(repo: Repository, how: str) -> None:
    repo.commit(".gitignore", "*.local\n")
    (repo.path / "my.local").write_text("1\n")
    repo.git("config", "runs.link", "my.local")
    finish(repo, "x", "cat my.local >result", how)
    assert repo.ok("reproduce", "--run", "--wait", "x").endswith("Reproduction: equal\n")


@pytest.mark.parametrize("where", ["behind a link", "a link", "an ignored link"])
def test_with_the_runs_dir_elsewhere(repo: Repository, tmp_path: Path, where: str) -> None:
    (tmp_path / "big").mkdir()
    if where == "behind a link":
        (tmp_path / "link").symlink_to(tmp_path / "big")
        repo.git("config", "runs.runs-dir", str(tmp_path / "link/runs"))
    else:
        (repo.path / ".runs").symlink_to(tmp_path / "big")
    if where == "an ignored link":
        repo.commit(".gitignore", ".runs\n")
    result = repo.runs(*MOUNTED, "x", "cat train.py; git runs list; git rev-parse --show-toplevel; git status --short")
    assert result.code == 0, result
    repo.wait("x")
    assert log(repo, "x")[-2:] == ["x", str(repo.path)], repo.log("x")


def test_with_the_runs_dir_in_the_git_dir(repo: Repository) -> None:
    repo.git("config", "runs.runs-dir", ".git/runs")
    result = repo.runs(*MOUNTED, "x", "true")
    assert "yours: the runs dir lies in the git dir\n" in result.err
    assert repo.refs() == []
    assert repo.runs("new", "-q", *NO_FLAGS, "--snapshot", "--isolate=mount-if-possible", "x", "true").code == 0
    repo.wait("x")


def test_a_renamed_repository_has_its_submodules_and_clones(repo: Repository, tmp_path: Path) -> None:
    library = repo.add_submodules("lib")
    repo.machine.run("git", "clone", "-q", str(library.path), str(repo.path / "clone"))
    for place in ("lib", "clone"):
        (repo.path / place / "code").write_text("changed\n")
    for name, how in (("x", "--isolate=mount"), ("y", "--isolate")):
        finish(repo, name, "cat lib/code clone/code", how)
    wait_for(lambda: not tree(repo, "x").exists() and not tree(repo, "y").exists())
    repo.path = repo.path.rename(tmp_path / "renamed")
    for name in ("x", "y"):
        assert repo.ok("reproduce", "--run", "--wait", name).endswith("Reproduction: equal\n")


def test_a_place_stays_while_a_run_stands_there(repo: Repository, tmp_path: Path) -> None:
    go = repo.machine.home / "go"
    place = repo.path
    repo.ok(*MOUNTED, "x", f"[ -e {go}.first ] || exit 0; touch {go}.up; until [ -e {go} ]; do sleep 0.02; done; pwd")
    repo.wait("x")
    Path(f"{go}.first").touch()
    repo.path = place.rename(tmp_path / "renamed")
    repo.ok("reproduce", "--run", "x")
    wait_for(Path(f"{go}.up").exists)
    repo.runs("reproduce", "--check", "x")
    assert place.is_dir()
    go.touch()
    repo.wait("x-repro")
    assert log(repo, "x-repro") == [str(place)]
    wait_for(lambda: not place.exists())


def test_its_paths_need_no_mask(repo: Repository) -> None:
    finish(repo, "x", "echo $PWD")
    finish(repo, "y", "echo $PWD/.runs/worktrees/y")
    finish(repo, "z", "echo $PWD")
    assert repo.runs("verify", "x", "z").code == 0
    assert f"'{repo.path}'" in repo.runs("verify", "x", "y").out
