"""`git runs config`: the values in force, and where they come from."""

from __future__ import annotations

import pytest

from git_runs.config.settings import SETTINGS
from tests.conftest import Repository


def test_every_setting_is_shown_with_the_place_it_comes_from(repo: Repository) -> None:
    (repo.path / ".runsrc").write_text("# ours\n[runs]\n\tcolumn-width = 40\n\tjobs = 1\n")
    config = repo.path / ".git/config"
    config.write_text(
        config.read_text() + '[runs] jobs = 2\n[runs]\n  env = A\n  env = "B \\\n    env = C"\n'
        '  Env = D\n[runs "host.lab"]\npath = /x\n'
    )
    line = config.read_text().splitlines().index("[runs] jobs = 2") + 1
    rows = [row.split("\t") for row in repo.ok("-c", "runs.slurm=mem=1g", "config").splitlines()]
    assert {setting.key for setting in SETTINGS} <= {row[2][len("runs.") :].split("=")[0] for row in rows}
    shown = [tuple(row) for row in rows if row[0] != "default" and "-flag=" not in row[2]]
    assert set(shown) >= {
        ("runsrc", f"file:{repo.path}/.runsrc:3", "runs.column-width=40"),
        ("local", f"file:.git/config:{line}", "runs.jobs=2"),
        ("local", f"file:.git/config:{line + 5}", "runs.env=D"),
        ("local", f"file:.git/config:{line + 7}", "runs.host.lab.path=/x"),
        ("command", "command line", "runs.slurm=mem=1g"),
    }
    assert ("default", "", "runs.collision=refuse") in [tuple(row) for row in rows]


def test_one_setting_with_all_its_values(repo: Repository) -> None:
    for value in ("A*", "", "B*", "C*"):
        repo.git("config", "--add", "runs.env", value)
    rows = repo.ok("config", "runs.env").splitlines()
    lines = [int(row.split("\t")[1].rpartition(":")[2]) for row in rows]
    assert [row.split("\t")[2] for row in rows] == ["runs.env=B*", "runs.env=C*"]
    text = (repo.path / ".git/config").read_text().splitlines()
    assert [text[line - 1].strip() for line in lines] == ["env = B*", "env = C*"]


def test_what_nobody_has_set_is_empty(repo: Repository) -> None:
    assert repo.ok("config", "metric") == "default\t\truns.metric=\n"


def test_options_of_git_config_that_show_all(repo: Repository) -> None:
    assert repo.ok("config", "-l") == repo.ok("config", "--list") == repo.ok("config")


def test_yaml_has_lines_too(repo: Repository) -> None:
    (repo.path / ".runsrc").write_text("# ours\ncolumn-width: 40\n")
    assert repo.ok("config", "column-width") == f"runsrc\tfile:{repo.path}/.runsrc:2\truns.column-width=40\n"


def test_a_key_that_is_nearly_right(repo: Repository) -> None:
    result = repo.runs("config", "runs.jobz")
    assert (result.code, result.err) == (1, "error: there is no setting 'runs.jobz'; did you mean 'jobs'?\n")


def test_a_bad_value_is_shown_all_the_same(repo: Repository) -> None:
    repo.git("config", "runs.jobs", "many")
    result = repo.runs("config", "jobs")
    assert result.code == 1
    assert result.out.endswith("\truns.jobs=many\n")
    assert "bad value 'many' for 'runs.jobs' in file .git/config" in result.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["jobs", "2"], "git config runs.jobs 2"),
        (["--set", "jobs", "2"], "git config runs.jobs 2"),
        (["--global", "runs.metric", "a b"], "git config --global runs.metric 'a b'"),
        (["--unset", "jobs"], "git config --unset runs.jobs"),
        (["--edit"], "git config --edit"),
    ],
)
def test_what_git_does_is_left_to_git(repo: Repository, arguments: list[str], line: str) -> None:
    result = repo.runs("config", *arguments)
    assert (result.code, result.out) == (129, "")
    assert result.err == f"error: git runs config only shows settings\nhint: git changes them: {line}\n"
    assert "jobs" not in (repo.path / ".git/config").read_text()


def test_keys_are_compared_as_git_does(repo: Repository) -> None:
    repo.git("config", "runs.jobs", "2")
    repo.git("config", "runs.host.GPU.path", "/upper")
    repo.git("config", "runs.host.gpu.path", "/lower")
    assert repo.ok("config", "Runs.Jobs") == repo.ok("config", "jobs")
    assert repo.ok("config", "runs.host.GPU.Path").endswith("\truns.host.GPU.path=/upper\n")
    assert repo.ok("config", "host.gpu.path").count("\n") == 1
    assert (repo.runs("config", "").code, repo.runs("config", "").out) == (1, "")
