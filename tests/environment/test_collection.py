"""What is recorded of the environment, and what must never be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from git_runs.environment import collection, links
from git_runs.environment.fingerprints import Fingerprints
from git_runs.records.environments import Environments
from git_runs.records.record import Record
from tests.conftest import NO_FLAGS, Repository, wait_for

PROMPTS = ("PS1", "VIRTUAL_ENV_PROMPT", "CONDA_PROMPT_MODIFIER", "CONDA_SHLVL")


def test_interpreter_platform_and_packages_are_recorded(repo: Repository) -> None:
    repo.machine.take_packages_of_tests()
    repo.finish("x")
    found = repo.environment("x")
    assert found["python"] == sys.version.split()[0]
    assert found["executable"].startswith(sys.prefix)
    assert found["platform"].startswith("Linux ")
    packages = (repo.path / f".runs/environments/{found['packages']}.txt").read_text().splitlines()
    assert packages == sorted(packages)
    assert any(line.startswith("dulwich==") for line in packages)
    assert any(line.startswith("git-runs==") for line in packages)
    repo.finish("y")
    assert len(list((repo.path / ".runs/environments").glob("*.txt"))) == 1


def test_only_variables_that_decide_are_recorded_with_their_values(repo: Repository) -> None:
    given = {"CUDA_VISIBLE_DEVICES": "1,2", "MY_SEED": "7", "API_TOKEN": "s3cret-value", "MODEL": "large"}
    repo.git("config", "runs.env", "MOD*")
    repo.machine.environment |= given
    repo.ok("new", *NO_FLAGS, "x", "true")
    repo.wait("x")
    found = repo.environment("x")
    assert found["variables"] == {"CUDA_VISIBLE_DEVICES": "1,2", "LANG": "C.UTF-8", "MODEL": "large", "MY_SEED": "7"}
    assert "API_TOKEN" in found["others"]
    assert not [path for path in (repo.path / ".runs").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def test_the_python_of_the_virtualenv_is_meant(repo: Repository) -> None:
    venv = repo.machine.home / "venv"
    repo.machine.run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "Some_Pkg-1.5.dist-info").mkdir()
    (site / "Some_Pkg-1.5.dist-info/direct_url.json").write_text(
        '{"url": "https://example.com/p", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    )
    repo.finish("x", "true", f"--virtualenv-path={venv}")
    found = repo.environment("x")
    assert found["executable"] == f"{venv}/bin/python3"
    packages = (repo.path / f".runs/environments/{found['packages']}.txt").read_text()
    assert packages == "some-pkg==1.5 @ https://example.com/p@abc\n"


def test_gpus_are_recorded_where_there_are_any(repo: Repository) -> None:
    tool = repo.machine.home / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA A100, 535.1'\n")
    tool.chmod(0o755)
    repo.machine.environment["PATH"] += f":{tool.parent}"
    repo.finish("x")
    assert repo.environment("x")["gpus"] == ["NVIDIA A100, 535.1"]


def test_it_never_fails_or_delays_a_run(repo: Repository) -> None:
    tool = repo.machine.home / "bin/python3"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n[ -e ~/go ] || exec sleep 60\nexit 1\n")
    tool.chmod(0o755)
    repo.ok("new", "-q", *NO_FLAGS, "x", f"PATH={tool.parent}:$PATH; touch up; cat")
    wait_for((repo.path / "up").exists)
    (repo.path / "up").unlink()
    repo.machine.tmux("send-keys", "-t", "=x:", "C-d")
    repo.wait("x")
    assert repo.lookup("x", "status") == "finished"


def test_differences_are_reported_line_by_line(tmp_path: Path) -> None:
    environments, key = Environments(str(tmp_path)), Fingerprints(str(tmp_path))
    one, two = environments.keep_packages(["a==1", "b==1"]), environments.keep_packages(["a==1", "b==2"])
    was = {
        "python": "3.10",
        "packages": one,
        **collection.describe_variables({"A_SEED": "1", "X": "1"}, ["*SEED"], key),
    }
    now = {
        "python": "3.11",
        "packages": two,
        **collection.describe_variables({"X": "2"}, ["*SEED"], key),
    }
    was["others"]["SSH_CLIENT"] = "as it once was recorded"
    assert collection.differences(was, was, environments) == []
    assert collection.differences(was, now, environments) == [
        "python: was '3.10', is '3.11'",
        "packages: -b==1",
        "packages: +b==2",
        "A_SEED: was '1', is not set",
        "variables that differ: X",
    ]


def test_only_variables_of_terminal_and_session_are_of_no_matter(repo: Repository) -> None:
    repo.machine.environment |= {"RUNS_MODE": "fast", "TERMINATION": "5", "XDG_CONFIG_HOME": "/a", "SSH_TTY": "x"}
    repo.machine.environment |= dict.fromkeys(PROMPTS, "(venv) ")
    repo.finish("x", "echo $RUNS_MODE $TERMINATION", *NO_FLAGS)
    assert repo.log("x") == "fast 5\n"
    assert {"RUNS_MODE", "TERMINATION", "XDG_CONFIG_HOME"} < set(repo.environment("x")["others"])
    assert not {"SSH_TTY", "TERM", "RUNS_NAME", "TMUX_PANE", *PROMPTS} & set(repo.environment("x")["others"])


def test_all_in_a_linked_directory_counts(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/x").write_text("1")
    before = links.describe(str(tmp_path))
    (tmp_path / "deep/er/x").write_text("22")
    assert links.describe(str(tmp_path))["size"] == before["size"] + 1
    assert list(links.describe(str(tmp_path / "none"))) == ["target", "missing"]


def fake_python(place: Path, packages: str) -> None:
    """A virtualenv whose Python is this one, with one package."""
    site = place / "lib/python3.11/site-packages"
    (place / "bin").mkdir(parents=True)
    (site / f"{packages}.dist-info").mkdir(parents=True)
    (place / "bin/activate").write_text(f"PATH={place}/bin:$PATH\n")
    python = place / "bin/python"
    answer = f'["3.11.0", "{python}", ["{site}"]]'
    python.write_text(f"""#!/bin/sh\n[ "$1" = -B ] && echo '{answer}' && exit\nexec {sys.executable} "$@"\n""")
    python.chmod(0o755)


@pytest.mark.parametrize(
    ("command", "known"),
    [
        ("'{venv}/bin/python' train.py", True),
        ("A=1 {venv}/bin/python train.py", True),
        (". '{venv}/bin/activate' && python train.py", True),
        ("cd / && source '{venv}/bin/activate'; python -c 1", True),
        ("~/my\\ env/bin/python -c 1", True),
        ("./tool", True),
        ("cd sub && ../none/bin/python train.py", False),
        ("uv run python train.py", False),
    ],
)
def test_the_python_that_the_command_runs_with(repo: Repository, command: str, known: bool) -> None:
    venv = repo.machine.home / "my env"
    fake_python(venv, "pkg-1.0")
    (repo.machine.home / "env").symlink_to(venv)
    repo.commit("tool", f"#!{repo.machine.home}/env/bin/python\n")
    (repo.path / "tool").chmod(0o755)
    repo.git("commit", "-q", "-a", "-m", "executable")
    command = command.format(venv=venv if "'" in command else repo.machine.home / "env")
    repo.finish("x", command, *NO_FLAGS)
    found = repo.environment("x")
    if known:
        assert (repo.path / f".runs/environments/{found['packages']}.txt").read_text() == "pkg==1.0\n"
    else:
        assert found["python"] == "unknown"
        problem = "error: which Python the command uses, and with which packages, is not known\n"
        assert problem in repo.runs("reproduce", "--check", "x").err


@pytest.mark.parametrize("command", ["{venv}/bin/python -c 1", ". {venv}/bin/activate && python -c 1"])
@pytest.mark.parametrize("how", ["--isolate", "--no-isolate"])
def test_a_python_in_the_tree_is_the_same_from_wherever_it_is_named(repo: Repository, command: str, how: str) -> None:
    repo.commit(".gitignore", ".venv\n")
    fake_python(repo.path / ".venv", "pkg-1.0")
    repo.finish("x", command.format(venv=repo.path / ".venv"), *NO_FLAGS, how)
    assert "executable: " not in repo.runs("reproduce", "--check", "x").err
    repo.runs("reproduce", "--run", "--wait", "x")
    repo.environment("x")["executable"]
    assert repo.runs("reproduce", "--check", "x-repro").err == ""


def test_a_change_in_a_linked_directory_is_seen_whatever_its_times(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_text("1")
    (tmp_path / "data/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/back").symlink_to(tmp_path / "data")
    for name, time in (("a", 1), ("z", 2_000_000_000)):
        (tmp_path / "data" / name).write_text("111")
        os.utime(tmp_path / "data" / name, (time, time))
    before = {"data": Record(links.describe(str(tmp_path / "data")))}
    assert list(links.differences(before)) == []
    changed = [f"linked path data: '{tmp_path}/data' has changed"]
    (tmp_path / "data/a").write_text("222")
    os.utime(tmp_path / "data/a", (2, 2))
    assert list(links.differences(before)) == changed
    os.utime(tmp_path / "data/a", (1, 1))
    assert list(links.differences(before)) == []
    (tmp_path / "elsewhere/x").write_text("22")
    assert list(links.differences(before)) == changed


def test_a_directory_with_too_many_files_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST_FILES", 2)
    for number in range(3):
        (tmp_path / str(number)).touch()
    before = {"data": Record(links.describe(str(tmp_path)))}
    assert list(links.differences(before)) == [f"linked path data: of '{tmp_path}' no more than 2 files are compared"]
