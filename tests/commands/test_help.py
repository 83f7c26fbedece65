"""Help: `help`, `-h`, options as git reads them, and commands that are mistyped."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import Repository

NO_MAN = pytest.mark.skipif(not shutil.which("man"), reason="there is no man here")
PAGES = Path(sys.prefix, "share/man/man1")


def plain(repo: Repository, **variables: str) -> dict[str, str]:
    """Variables with which man prints to a pipe, in a home of its own."""
    return {"MANPAGER": "cat", "MANWIDTH": "100", "HOME": str(repo.path.parent / "home"), **variables}


@NO_MAN
@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        (["help"], "GIT-RUNS(1)"),
        (["--help"], "GIT-RUNS(1)"),
        (["help", "runs-move"], "GIT-RUNS-MOVE(1)"),
        (["help", "move"], "GIT-RUNS-MOVE(1)"),
        (["move", "x", "--help"], "GIT-RUNS-MOVE(1)"),
    ],
)
def test_the_manual_opens_wherever_it_is_installed(repo: Repository, arguments: list[str], page: str) -> None:
    # On PATH, by which man finds pages, there is only a link, as where uv has installed it.
    links = repo.path.parent / "links"
    links.mkdir()
    (links / "git-runs").symlink_to(Path(sys.prefix, "bin/git-runs"))
    path = f"{links}:{os.environ['PATH'].replace(str(Path(sys.prefix, 'bin')), '/nowhere')}"
    result = repo.machine.run(str(links / "git-runs"), *arguments, cwd=Path("/"), **plain(repo, PATH=path))
    assert result.code == 0, result
    assert result.out.split()[0] == page
    assert "git runs help --install" in result.err
    assert "hint" not in repo.machine.run("git-runs", *arguments, cwd=Path("/"), **plain(repo)).err


def test_without_man_the_text_is_printed(repo: Repository) -> None:
    programs = repo.path.parent / "programs"
    programs.mkdir()
    for name in ("git", "sh", "env"):
        (programs / name).symlink_to(shutil.which(name))  # type: ignore[arg-type]
    program = Path(sys.prefix, "bin/git-runs")
    result = repo.machine.run(sys.executable, str(program), "help", "move", cwd=repo.path, PATH=str(programs))
    assert (result.code, result.err) == (0, "")
    assert "NAME\n\ngit-runs-move - rename a run\n" in result.out
    assert "\ngit runs move [-n] [-f] old new\n" in result.out


def test_a_checkout_has_the_text_alone(repo: Repository) -> None:
    program = str(Path(__file__).parent.parent.parent / "bin/git-runs")
    assert "\nRename a run: " in repo.machine.run(program, "help", "move", cwd=repo.path).out
    result = repo.machine.run(program, "help", "--install", cwd=repo.path)
    assert (result.code, result.out) == (128, "")
    assert result.err == "fatal: the manual is built when git runs is installed, and this is a checkout\n"


def test_pages_that_there_are_not(repo: Repository) -> None:
    result = repo.runs("help", "mvoe")
    assert (result.code, result.err.splitlines()[0]) == (
        128,
        "fatal: there is no page of the manual about 'mvoe'; did you mean 'move'?",
    )


def test_install_links_what_man_and_shells_look_for(repo: Repository, tmp_path: Path) -> None:
    data = tmp_path / "data"
    theirs = data / "man/man1/git-runs-move.1"
    stale = data / "man/man1/git-runs-list.1"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    stale.symlink_to("/gone/git_runs/share/man/man1/git-runs-list.1")
    result = repo.machine.run("git-runs", "help", "--install", cwd=Path("/"), XDG_DATA_HOME=str(data))
    assert result.code == 1
    assert f"warning: '{theirs}' is something else, and stays" in result.err
    assert f"Linked {len([*PAGES.glob('git-runs*.1')]) - 1} files in {data}/man/man1\n" in result.out
    assert theirs.read_text() == "mine"
    assert stale.read_text() == (PAGES / "git-runs-list.1").read_text()
    theirs.unlink()
    assert repo.machine.run("git-runs", "help", "--install", cwd=Path("/"), XDG_DATA_HOME=str(data)).code == 0
    assert theirs.is_symlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--foo"], "unknown option `foo'"),
        (["-x"], "unknown switch `x'"),
        (["--re"], "ambiguous option: re (could be --remotes or --reverse)"),
        (["-reverse"], "did you mean `--reverse` (with two dashes)?"),
        (["-n"], "switch `n' requires a value"),
        (["--max-count"], "option `max-count' requires a value"),
        (["--reverse=yes"], "option `reverse' takes no value"),
        (["--no-reverse=yes"], "option `no-reverse' takes no value"),
        (["-n", "x"], "option `max-count': 'x' is not a whole number, 0 or more"),
        (["-r", "-a"], "options '--remotes' and '--all' cannot be used together"),
    ],
)
def test_wrong_options_in_the_words_of_git(repo: Repository, arguments: list[str], message: str) -> None:
    result = repo.runs("list", *arguments)
    assert (result.code, result.out) == (129, "")
    assert result.err.splitlines()[0] == f"error: {message}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle"], "need a subcommand"),
        (["bundle", "make", "file"], "unknown subcommand: `make'"),
        (["queue", "go"], "unknown subcommand: `go'"),
        (["trash", "clear"], "unknown subcommand: `clear'"),
    ],
)
def test_wrong_subcommands_in_the_words_of_git(repo: Repository, arguments: list[str], message: str) -> None:
    result = repo.runs(*arguments)
    assert (result.code, result.err.splitlines()[0]) == (129, f"error: {message}")
    assert result.err.splitlines()[1].startswith(f"usage: git runs {arguments[0]} ")


def test_what_follows_an_unknown_option_is_what_h_prints(repo: Repository) -> None:
    assert repo.runs("list", "--foo").err == f"error: unknown option `foo'\n{repo.runs('list', '-h').out}"


def test_options_are_read_as_git_reads_them(repo: Repository) -> None:
    for name in ("a", "b", "c"):
        repo.finish(name)
    for arguments in [
        ("-n2",),
        ("-2",),
        ("--max-c=2",),
        ("--max", "2"),
        ("-n", "2"),
        ("-Gn2",),
        ("-n9", "--max-count=2"),
    ]:
        assert repo.ok("list", *arguments).split() == ["a", "b"], arguments
    for none in [("--no-max-count",), ("--rev", "--no-reverse"), ("--where=name=a", "--no-where", "--no-glob")]:
        assert repo.ok("list", "-2", *none, "--no-max").split() == ["a", "b", "c"], none
    assert repo.ok("list", "--end-of-options", "a", "b").split() == ["a", "b"]
    assert repo.runs("list", "--end-of-options", "-n2").err == "error: no run matches '-n2'\n"
    assert repo.ok("list", "a", "-G", "--", "b").split() == ["a", "b"]
    repo.git("config", "runs.dirty", "snapshot")
    (repo.path / "more").write_text("x")
    assert "is not clean" in repo.runs("new", "-n", "--no-snapshot", "d", "true").err
    assert repo.ok("new", "-n", "--no-snapshot", "--snapshot", "d", "true").startswith("Would start")
    (repo.path / "more").unlink()
    assert repo.ok("log", "-1", "a") == repo.ok("log", "--lines=1", "a")
    repo.ok("new", "--quiet", "--end-of-options", "d", "--", "echo", "-n", "--", "x")
    assert repo.lookup("d", "input-command") == "echo -n -- x"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("rename", "move"), ("rm", "delete"), ("ls", "list"), ("run", "new"), ("start", "new"), ("stop", "kill")),
        *(("ps", "status"), ("logs", "log"), ("lisst", "list")),
    ],
)
def test_a_command_that_is_called_otherwise_is_named(repo: Repository, typed: str, meant: str) -> None:
    result = repo.runs(typed)
    assert (result.code, result.err.splitlines()[0]) == (
        129,
        f"error: unknown subcommand: '{typed}'; did you mean '{meant}'?",
    )


def test_autocorrect(repo: Repository) -> None:
    repo.finish("base")

    def typed(value: str) -> tuple[int, str, list[str]]:
        result = repo.runs("-c", f"help.autocorrect={value}", "lisst")
        return result.code, result.out, result.err.splitlines()

    warning = "WARNING: You called a command named 'lisst', which does not exist."
    for value in ("immediate", "1", "true", "-1"):
        under = "Continuing under the assumption that you meant 'list'."
        assert typed(value) == (0, "base\n", [warning, under]), value
    after = "Continuing in 0.2 seconds, assuming that you meant 'list'."
    assert typed("2") == (0, "base\n", [warning, after])
    for value in ("show", "0", "off", "prompt"):  # without a terminal there is nobody to ask
        assert typed(value)[2][0] == "error: unknown subcommand: 'lisst'; did you mean 'list'?", value
    assert typed("never")[2][0] == "error: unknown subcommand: 'lisst'"
    assert typed("often")[2][0] == "fatal: bad value 'often' for 'help.autocorrect'"


def test_two_dashes_are_the_value_of_an_option_that_takes_one(repo: Repository) -> None:
    repo.finish("base")
    repo.ok("describe", "base", "-m", "--")
    assert repo.lookup("base", "description") == "--"
    assert repo.runs("list", "-n", "--").err.startswith("error: option `max-count': '--' is not a whole number")
    assert repo.runs("list", "--where", "--").err.startswith("fatal: bad condition '--'")


@pytest.mark.parametrize("arguments", [["rm", "-y", "base"], ["kil", "base"], ["mv", "base", "other"]])
def test_no_guess_takes_anything_away(repo: Repository, arguments: list[str]) -> None:
    repo.finish("base")
    assert repo.runs("-c", "help.autocorrect=immediate", *arguments).code == 129
    assert repo.ok("list") == "base\n"
