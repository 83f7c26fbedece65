"""What `git runs complete` gives shells."""

from __future__ import annotations

import json
import os
import sysconfig
from pathlib import Path

import pytest

from git_runs.cli import completion, grammar
from git_runs.commands.complete import unquoted
from git_runs.main import COMMANDS, parser_of
from tests import remotes
from tests.conftest import Repository, prepared

RECORD = """\
id: {number:08}-0000-4000-8000-000000000000
name: {name}
command: python3 train.py --lr={lr}
commit: {commit}
datetime: '2026-01-0{number}T12:00:00.000000+00:00'
host: ada
status: finished
exit-code: 0
tags: [good, for-paper]
metrics:
  loss: {{last: 0.5, min: 0.25}}
  loss/val set: {{last: 0.5}}
  "bad\\e[31m": {{last: 0.5}}
"""
NAMES = ("base", "exp/x", "exp/y", "exp/deep/z")


@prepared
def runs(repo: Repository) -> None:
    """The repository with a few runs."""
    commit = repo.git("rev-parse", "HEAD").strip()
    for number, name in enumerate(NAMES, 1):
        path = repo.record_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORD.format(number=number, name=name, commit=commit, lr=number))
        os.utime(path, (1e9, 1e9))  # long ago, so that it is remembered
        repo.git("update-ref", f"refs/runs/{name}", commit)
    (repo.path / ".runs/.gitignore").write_text("*\n")


def complete(
    repo: Repository, *words: str, shell: str = "", replaces: str | None = None, cwd: Path | None = None
) -> str:
    """All that is printed, which is no error: the first line, and the candidates."""
    options = [f"--shell={shell}"] if shell else []
    options += [] if replaces is None else [f"--replaces={replaces}"]
    result = repo.runs("complete", *options, "--", *words, cwd=cwd)
    assert (result.code, result.err) == (0, ""), result
    return result.out


def candidates(repo: Repository, *words: str, cwd: Path | None = None) -> list[str]:
    """The words; the shell adds nothing."""
    rest, *lines = complete(repo, *words, cwd=cwd).splitlines()
    assert rest == ""
    return [line.partition("\t")[0] for line in lines]


# --- what the parsers say


def test_subcommands_come_with_what_they_are_for(repo: Repository) -> None:
    assert complete(repo, "tab") == f"\ntable \t{COMMANDS['table']}\n"
    assert {word.strip() for word in candidates(repo, "")} == {*COMMANDS}
    assert candidates(repo, "nonsense", "") == []


def test_options_of_the_table_come_without_it(repo: Repository) -> None:
    assert candidates(repo, "-")[:2] == ["-C ", "-c "]
    assert candidates(repo, "--so") == ["--sort="]
    assert candidates(repo, "--sort=stat") == ["--sort=status "]
    assert candidates(repo, "--wide", "--so") == ["--sort="]


def test_options_that_were_given_come_not_again(repo: Repository) -> None:
    assert candidates(repo, "table", "--s") == ["--since=", "--sort="]
    assert candidates(repo, "table", "--since=now", "--s") == ["--sort="]
    assert candidates(repo, "table", "--where", "lr=1", "--wh") == ["--where="]  # which may be given many times
    assert candidates(repo, "show", "-p", "--pa") == []
    assert candidates(repo, "reproduce", "--ru") == ["--run ", "--run="]
    assert candidates(repo, "show", "--", "-") == candidates(repo, "show", "--end-of-options", "-") == []


def test_outside_of_a_repository_there_are_subcommands_and_options(repo: Repository) -> None:
    root = Path("/")
    assert candidates(repo, "tab", cwd=root) == ["table "]
    assert candidates(repo, "table", "--so", cwd=root) == ["--sort="]
    assert candidates(repo, "table", "--sort", "sta", cwd=root) == ["status "]
    assert candidates(repo, "show", "", cwd=root) == candidates(repo, "push", "", cwd=root) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_package_is_built_with_what_the_parsers_say(name: str) -> None:
    built = Path(sysconfig.get_path("purelib"), "git_runs/cli", grammar.FILE)
    assert json.loads(built.read_text())[name] == grammar.of_parser(parser_of(name)).fields


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_known_what_completes_each_argument(name: str) -> None:
    takes = grammar.of_parser(parser_of(name))
    for argument in (*takes.options, *takes.operands):
        known = {*completion.KINDS, *completion.FILES, *completion.COMMANDS, *completion.UNKNOWN}
        assert argument.takes == grammar.NOTHING or argument.choices or argument.what in known, argument.what


# --- what is here


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", ""], ["exp/", "base "]),
        (["show", "ex"], ["exp/"]),
        (["show", "exp/"], ["exp/deep/", "exp/x ", "exp/y "]),
        (["show", "exp/x", "exp/"], ["exp/deep/", "exp/y "]),
        (["log", "-n", "5", "ba"], ["base "]),
        (["log", "-n5", "ba"], ["base "]),
        (["log", "base", "ba"], []),
        (["log", "--lines", "ba"], []),
        (["move", "ba"], ["base "]),
        (["move", "base", ""], ["exp/"]),
        (["new", ""], ["exp/"]),
        (["show", "../"], []),
        (["show", "exp/../"], []),
        (["show", "/"], []),
        (["show", "out/"], []),
        (["adopt", ""], ["lost "]),
        (["queue", ""], ["start ", "stop "]),
        (["bundle", ""], ["create ", "import "]),
        (["bundle", "create", "file", "ba"], ["base "]),
        (["table", "--columns=name,los"], ["--columns=name,loss ", "--columns=name,loss/val set "]),
        (["table", "--columns", "loss,los"], ["loss,loss/val set "]),
        (["table", "--sort", "-lo"], ["-loss ", "-loss/val set "]),
        (["table", "--sort=loss:m"], ["--sort=loss:min ", "--sort=loss:max "]),
        (["table", "--where", "lo"], ["loss=", "loss/val set="]),
        (["table", "--where=status=fin"], ["--where=status=finished "]),
        (["table", "--where", "lr="], ["lr=4 ", "lr=3 ", "lr=2 ", "lr=1 "]),
        (["table", "--where", "tag=g"], ["tag=good "]),
        (["tag", "ba"], ["base "]),
        (["tag", "base", "+f"], ["+for-paper "]),
        (["lookup", "base", "lo"], ["loss ", "loss/val set "]),
        (["plot", "--metric", "lo"], ["loss ", "loss/val set "]),
        (["compare", "--correlate", "lo"], ["loss ", "loss/val set "]),
        (["compare", "--correlate", "na"], []),
        (["table", "--format=%(name) %(los"], ["--format=%(name) %(loss)", "--format=%(name) %(loss/val set)"]),
        (["plot", "--x=t"], ["--x=time "]),
        (["new", "--param", "l"], ["lr="]),
        (["sweep", "group", "python3 train.py", "l"], ["lr="]),
        (["new", "--isolate=m"], ["--isolate=mount ", "--isolate=mount-if-possible "]),
        (["new", "--launcher=s"], ["--launcher=slurm ", "--launcher=spooler "]),
        (["new", "--host", ""], ["gpu1 "]),
        (["fetch", ""], ["origin "]),
        (["push", ""], ["exp/", "base ", "origin "]),
        (["-c", "runs.keep"], ["runs.keep-session="]),
        (["-c", "runs.pattern-type="], ["runs.pattern-type=regex ", "runs.pattern-type=glob "]),
        (["-c", "runs.runs-dir=elsewhere", "show", ""], []),
    ],
    ids=" ".join,
)  # fmt: skip
def test_words_are_completed_by_what_they_are(runs: Repository, words: list[str], expected: list[str]) -> None:
    runs.git("update-ref", "refs/runs/lost", "HEAD")
    runs.git("config", "runs.launcher.spooler.submit", "tsp")
    runs.git("config", "runs.host.gpu1.path", "work")
    runs.git("remote", "add", "origin", "/nowhere")
    (runs.path / ".runs/records/out").symlink_to(runs.path.parent)
    (runs.path.parent / "outside.yml").touch()
    runs.ok("table")  # which fills the cache
    assert candidates(runs, *words) == expected


def test_keys_are_known_before_anything_was_remembered(runs: Repository) -> None:
    assert candidates(runs, "table", "--sort", "lr") == ["lr "]
    assert candidates(runs, "table", "--sort", "loss/") == ["loss/val set "]


def test_metrics_of_a_run_that_goes_on_are_those_that_were_read_last(runs: Repository) -> None:
    record = runs.record_path("base")
    record.write_text(record.read_text().partition("metrics:")[0])
    os.utime(record, (1e9, 1e9))
    written = runs.path / ".runs/tensorboard/base/metrics.csv"
    written.parent.mkdir(parents=True)
    written.write_text("step,speed\n1,5\n")
    os.utime(written, (1e9, 1e9))
    runs.ok("table", "--columns=name,speed")
    assert candidates(runs, "table", "--sort", "spee") == ["speed "]


def test_what_shells_complete_themselves_is_said(repo: Repository) -> None:
    assert complete(repo, "export", "-o", "") == "files\n"
    assert complete(repo, "export", "--output=x") == "files\n"
    assert complete(repo, "bundle", "create", "") == "files\n"
    assert complete(repo, "-C", "") == "files\n"
    assert complete(repo, "new", "name", "pyth") == "command 1\n"
    assert complete(repo, "new", "--", "python", "-c", "") == "command 3\n"
    assert complete(repo, "new", "name", "-m", "x", "--", "") == "command 1\n"


def test_runs_of_remotes_come_where_a_command_takes_them(runs: Repository) -> None:
    origin = remotes.bare(runs)
    runs.ok("push", "-y", "--all")
    other = remotes.clone(runs.machine, origin, "other")
    other.ok("fetch", "-q")
    assert candidates(other, "show", "") == candidates(other, "adopt", "") == ["origin/"]
    assert candidates(other, "show", "origin/") == ["origin/exp/", "origin/base "]
    assert candidates(other, "show", "origin/exp/d") == ["origin/exp/deep/"]
    assert candidates(other, "delete", "") == candidates(other, "delete", "origin/") == []


def test_deleted_runs_come_where_they_can_be_had_back(runs: Repository) -> None:
    runs.ok("delete", "-yf", "exp")
    assert candidates(runs, "undelete", "") == ["exp/"]
    assert candidates(runs, "undelete", "exp/") == ["exp/deep/", "exp/x ", "exp/y "]
    (deletion,) = (runs.path / ".runs/trash").iterdir()
    assert complete(runs, "undelete", "--deletion=") == f"\n--deletion={deletion.name} \texp/deep/z, exp/x, exp/y\n"


def test_elsewhere_and_in_subdirectories_it_is_that_repository(runs: Repository) -> None:
    inside = runs.path / "sub"
    inside.mkdir()
    assert candidates(runs, "show", "b", cwd=inside) == ["base "]
    assert candidates(runs, "-C", str(runs.path), "show", "b", cwd=Path("/")) == ["base "]


# --- what never happens


def test_nothing_is_changed(runs: Repository) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in runs.path.rglob("*")}

    (runs.path / ".runs/.gitignore").unlink()
    before = state()
    for words in (["show", ""], ["table", "--sort", ""], ["table", "--where", "lr="], ["undelete", ""], ["adopt", ""]):
        complete(runs, *words)
    assert state() == before


def test_what_is_broken_is_no_error(runs: Repository) -> None:
    runs.record_path("base").write_text("a: [\n")
    assert candidates(runs, "table", "--sort", "lr") == ["lr "]
    (runs.path / ".runs/cache-7.sqlite").write_text("x" * 10000)
    assert candidates(runs, "table", "--sort", "lr") == ["lr "]
    runs.git("config", "runs.column-width", "nonsense")
    assert candidates(runs, "show", "") == []
    (runs.path / ".git/config").write_text("[nonsense")  # git itself complains of it, where it is called first
    for words, out in ((["--", "show", ""], "\n"), (["--", "table", "--so"], "\n--sort="), (["show"], "")):
        result = runs.machine.run("git-runs", "complete", "--shell=bash", *words, cwd=runs.path)
        assert (result.out.rstrip("\n"), result.err) == (out.rstrip("\n"), "")


def test_escape_sequences_never_reach_the_terminal(runs: Repository) -> None:
    assert "\x1b" not in complete(runs, "table", "--sort", "")
    assert candidates(runs, "table", "--sort", "bad") == []


# --- quotes, and pieces of words


@pytest.mark.parametrize(
    ("typed", "expected", "quote"),
    [
        ("", "", ""),
        ("plain", "plain", ""),
        ("'a b'", "a b", ""),
        ("'a b", "a b", "'"),
        ('x"a \\"b', 'xa "b', '"'),
        ("a\\ b", "a b", ""),
        ("a\\", "a", ""),
        ("'it'\\''s", "it's", "'"),
        ('"\\a$', "\\a$", '"'),
    ],
)
def test_words_are_read_as_a_shell_reads_them(typed: str, expected: str, quote: str) -> None:
    assert unquoted(typed) == (expected, quote)


@pytest.mark.parametrize(
    ("words", "replaces", "expected"),
    [
        (["table", "--sort=loss:mi"], "mi", "min "),
        (["table", "--sort=loss:"], "", "last "),
        (["table", "--sort", "loss/"], "loss/", "loss/val\\ set "),
        (["table", "--sort", "'loss/"], "'loss/", "loss/val set"),
        (["table", "--sort='loss/"], "'loss/", "loss/val set"),
        (["table", "--columns=name,'loss/"], "name,'loss/", "loss/val set"),
        (["table", "--columns=name,loss/val\\ "], "name,loss/val\\ ", "name,loss/val\\ set "),
        (["show", '"exp/x'], '"exp/x', "exp/x"),
    ],
)
def test_bash_gets_the_piece_that_it_replaces_with_quotes(
    runs: Repository, words: list[str], replaces: str, expected: str
) -> None:
    assert complete(runs, *words, shell="bash", replaces=replaces).split("\n")[1] == expected


def test_zsh_gets_the_piece_that_it_replaces_as_it_is(runs: Repository) -> None:
    assert complete(runs, "table", "--sort=loss/", shell="zsh", replaces="loss/") == "\nloss/val set \tmetric\n"


def test_fish_gives_the_last_word_with_quotes(runs: Repository) -> None:
    assert complete(runs, "table", "--sort", "'loss/", shell="fish") == "\nloss/val set \tmetric\n"
