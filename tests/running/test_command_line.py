"""The command that the shell is given: flags, placeholders, and what programs make of their paths."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from git_runs.running.command_line import has_several_programs, possible_secrets
from tests.conftest import NO_FLAGS, Repository

# As torch.save, tf.train.Saver and a program with a directory of its own do it.
SAVERS = {
    "file": "open(path, 'wb').write(b'model')",
    "prefix": "[open(path + end, 'w').write('model') for end in ('.index', '.meta', '.data-00000-of-00001')]",
    "directory": "os.mkdir(path); open(path + '/weights', 'w').write('model')",
}


@pytest.mark.parametrize("way", SAVERS)
def test_a_save_path_is_what_the_program_makes_of_it(repo: Repository, way: str) -> None:
    """And all of it belongs to the run."""
    repo.commit("train.py", f"import os, sys\npath = sys.argv[-1].split('=')[1]\n{SAVERS[way]}\n")
    repo.finish("a", "python3 train.py")
    assert repo.lookup("a", "status") == "finished"
    directory = repo.path / ".runs/checkpoints/a"
    made = sorted(path.relative_to(directory) for path in directory.rglob("*"))
    assert made
    assert repo.runs("reproduce", "--run", "--wait", "a").out.endswith("Reproduction: equal\n")
    next(path for path in (repo.path / ".runs/checkpoints/a-repro").rglob("*") if path.is_file()).write_text("other")
    assert "different" in repo.runs("verify", "a", "a-repro").out
    repo.ok("move", "a", "b")
    moved = repo.path / ".runs/checkpoints/b"
    assert sorted(path.relative_to(moved) for path in moved.rglob("*")) == made
    repo.ok("delete", "-y", "b")
    assert not moved.exists()
    assert repo.runs("fsck").out == ""


def test_a_run_of_before_gets_a_directory_again(repo: Repository) -> None:
    repo.commit("train.py", "import sys\nopen(sys.argv[-1].split('=')[1] + '/model', 'w').write('model')\n")
    repo.finish("a", "python3 train.py", "--save-path=<runs-dir>/checkpoints/<run-name>")
    fields = repo.record("a")
    fields["settings"] = {
        "tb-dir-flag": "--tb-dir",
        "save-path-flag": "--save-path",
        "extra-flag": [],
        "virtualenv-path": None,
        "shell": "bash",
    }
    repo.record_path("a").write_text(yaml.safe_dump(fields, sort_keys=False))
    assert repo.runs("reproduce", "--run", "--wait", "a").out.endswith("Reproduction: equal\n")
    shown = repo.ok("reproduce", "-n", "a").splitlines()[-1]
    assert "--save-path='<runs-dir>/checkpoints/<run-name>'" in shown
    assert repo.machine.run("sh", "-c", shown, cwd=repo.path).code == 0


def test_what_the_command_places_itself_is_not_added(repo: Repository) -> None:
    runs = repo.path / ".runs"
    for command, expected in {
        "a | tee <tb-dir>/out": f"a | tee {runs}/tensorboard/x/out --save-path={runs}/checkpoints/x/model.ckpt",
        "a --out=<save-path> <tb-dir>": f"a --out={runs}/checkpoints/x/model.ckpt {runs}/tensorboard/x",
        "a <run-name> <runs-dir> <save-path>": (
            f"a x {runs} {runs}/checkpoints/x/model.ckpt --tb-dir={runs}/tensorboard/x"
        ),
    }.items():
        assert repo.ok("new", "-n", "x", command).splitlines()[-1] == f"  {expected}"
    repo.finish("x", "echo said | tee <tb-dir>/out >/dev/null; : <save-path>")
    assert (runs / "tensorboard/x/out").read_text() == "said\n"
    assert repo.record("x")["input-command"] == "echo said | tee <tb-dir>/out >/dev/null; : <save-path>"
    assert repo.runs("reproduce", "--run", "--wait", "x").out.endswith("Reproduction: equal\n")
    assert (runs / "tensorboard/x-repro/out").exists()


@pytest.mark.parametrize(
    "typed",
    [
        "printf '%s' <runs-dir>/a",
        "printf '%s' '<runs-dir>/a'",
        'printf "%s" "<runs-dir>/a"',
        "printf '%s' \"it's\"<runs-dir>/a | cut -c5-",
        "printf '%s' 'say \"'<runs-dir>/a | cut -c6-",
        "printf '%s' \\'<runs-dir>/a | cut -c2-",
        "printf '%s' \\\"'<runs-dir>/a' | cut -c2-",
        'printf "%s" "\\"<runs-dir>/a" | cut -c2-',
        "printf '%s' '\\'<runs-dir>/a | cut -c2-",
    ],
)
def test_a_placeholder_is_quoted_for_where_it_stands(repo: Repository, typed: str) -> None:
    odd = repo.path.parent / 'it\'s $HOME "a" `b` \\ c'
    repo.git("config", "runs.runs-dir", str(odd))
    repo.finish("x", typed, *NO_FLAGS)
    command = repo.ok("lookup", "x", "command")
    assert subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, check=True).stdout.decode().strip() == (
        f"{odd}/a"
    )


def test_arguments_after_two_dashes_are_filled_in_as_well(repo: Repository) -> None:
    odd = repo.path.parent / "a b's"
    repo.git("config", "runs.runs-dir", str(odd))
    repo.ok("new", "-q", *NO_FLAGS, "x", "--", "echo", "--to=<tb-dir>", "it's <run-name>")
    repo.wait("x")
    assert (odd / "logs/x.log").read_text() == f"--to={odd}/tensorboard/x it's x\n"


def test_directories_elsewhere_are_made(repo: Repository, tmp_path: Path) -> None:
    repo.git("config", "runs.tb-dir", f"{tmp_path}/events/<run-name>")
    repo.git("config", "runs.save-path", f"{tmp_path}/models/<run-name>/best.pt")
    repo.finish("g/x", 'touch "$RUNS_SAVE_PATH" "$RUNS_TB_DIR/e"', *NO_FLAGS)
    assert repo.lookup("g/x", "status") == "finished"
    assert (tmp_path / "models/g/x/best.pt").exists()
    assert (tmp_path / "events/g/x/e").exists()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("python t.py --token=abc", ["--token"]),
        ("python t.py --api-key abc --lr 1", ["--api-key"]),
        ("WANDB_API_KEY=abc python t.py", ["WANDB_API_KEY"]),
        ("cd x && HF_TOKEN=abc python t.py --password=x", ["HF_TOKEN", "--password"]),
        ("python t.py --token=$TOKEN --tokens=5 --key=lr --max-tokens 7 --tokenizer=bpe", []),
        ("python t.py --token", []),
        ("python t.py --lr=0.1 monkey=3", []),
    ],
)
def test_what_may_be_secret_in_a_command(typed: str, expected: list[str]) -> None:
    assert possible_secrets(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("python3 train.py | tail -1", True),
        ("python3 train.py; echo done", True),
        ("cd src && python3 prepare.py && python3 train.py", True),
        ("python3 train.py || true", True),
        ("for i in 1 2; do python3 train.py; done", True),
        ("cd src && . env/bin/activate; python3 train.py", False),
        ("python3 train.py --name='a | b; c' \"&& d\" \\;", False),
        ("python3 train.py --n=$(wc -l <data | cut -f1) 2>&1", False),
    ],
)
def test_whether_the_last_program_of_a_command_is_one_of_several(typed: str, expected: bool) -> None:
    assert has_several_programs(typed) == expected


def test_flags_that_go_to_the_last_program_of_several_are_warned_of(repo: Repository) -> None:
    result = repo.runs("new", "-q", "a", "python3 train.py | tail -1")
    assert result.err == (
        "warning: the last program of the command gets --tb-dir and --save-path; to place them: <tb-dir> and"
        " <save-path> in it; to have none: --tb-dir-flag=None --save-path-flag=None\n"
    )
    assert "gets --save-path;" in repo.runs("new", "b", "python3 train.py | tee <tb-dir>/out").err
    assert repo.runs("new", "c", "python3 train.py --logdir=<tb-dir> | tee <save-path>").err == ""
    assert repo.runs("new", *NO_FLAGS, "d", "python3 train.py | tail -1").err == ""


def test_a_secret_in_the_command_is_warned_of_once(repo: Repository) -> None:
    result = repo.runs("new", "-q", *NO_FLAGS, "a", "true --token=abc")
    assert (result.code, result.out) == (0, "a\n")
    assert result.err == (
        "warning: the record, which others may read, holds what looks secret: --token; pass it in a variable\n"
    )
