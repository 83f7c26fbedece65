"""The language of git-for-each-ref(1): each format gives here what the real git makes of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_runs.cli.format import Format
from git_runs.cli.format_values import Atoms
from git_runs.errors.cli import BadFormat

# What is called otherwise in git: the date and the message of the commit.
IN_GIT = {"datetime": "committerdate", "description": "contents"}
MESSAGE = "Überschrift,\nin two lines\n\nA body.\n\nMore of it: 数据\n"
SECONDS = 1_766_000_000
RED, RESET = "\x1b[31m", "\x1b[m"
ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.com",
    "GIT_COMMITTER_DATE": f"{SECONDS} +0530",
    "LC_ALL": "C.UTF-8",
}


class Git:
    """A repository with three runs of one commit, and their values as records have them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.run("init", "-q")
        self.run("commit", "-q", "--allow-empty", "-m", MESSAGE)
        self.commit = self.run("rev-parse", "HEAD").stdout.decode().strip()
        self.refs = [f"refs/runs/{name}" for name in ("a", "exp/lr0.1", "exp/lr0.2/größer")]
        for ref in self.refs:
            self.run("update-ref", ref, "HEAD")

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """What git answers."""
        return subprocess.run(["git", *words], cwd=self._path, env=ENVIRONMENT, capture_output=True, check=check)

    def lines(self, text: str) -> bytes:
        """What `git for-each-ref` makes of a format."""
        for ours, gits in IN_GIT.items():
            text = text.replace(f"%({ours}", f"%({gits}")
        words = ("-c", "core.abbrev=7", "for-each-ref", "--color=always", f"--format={text}", "refs/runs")
        return self.run(*words).stdout

    def refusal(self, text: str) -> str:
        """Its words where it does not understand a format."""
        result = self.run("for-each-ref", f"--format={text}", "refs/runs", check=False)
        assert result.returncode in (128, 129)
        errors = [line for line in result.stderr.decode().splitlines() if line.startswith(("fatal: ", "error: "))]
        return errors[-1].partition(": ")[2]

    def ours(self, text: str) -> bytes:
        """What we make of it."""
        form = Format(text, Atoms(lambda commit: commit[:7]), color)
        values = {"commit": self.commit, "datetime": "2025-12-18T01:03:20.123456+05:30", "description": MESSAGE}
        lines = (form.line({**values, "refname": ref}.__getitem__) for ref in self.refs)
        return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def color(words: str) -> str:
    """As git says it of these."""
    return {"red": RED, "normal": "", "reset": RESET}[words]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """A repository in which nothing changes."""
    return Git(tmp_path_factory.mktemp("git"))


IF = "%(if:equals=exp/lr0.1)%(refname:lstrip=2)%(then)is %(refname)%(else)no %(if)%(then)x%(else)y%(end)%(end)"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "%",
        "100%",
        "%%(refname)",
        "%%%%41",
        "%41%zz%4%0a|%09|%e2%82%ac%ff%00end",
        "%(refname)",
        "%(refname:short) %(objectname) %(objectname:short) %(objectname:short=12) %(objectname:short=2)",
        *(
            f"%(refname:{way}={number})"
            for way in ("lstrip", "strip", "rstrip")
            for number in (-9, -2, -1, 0, 1, 2, 3, 9)
        ),
        "%(align:30)%(refname)%(end)|",
        "%(align:30,left)%(refname)%(end)|%(align:middle,31)%(refname)%(end)|%(align:width=9,position=right)x%(end)|",
        "%(align:8)%(refname)%(end)|%(align:0)x%(end)|%(align:20,right)数据 é%(end)|%(align:20,right)e\u0301%(end)|",
        "%(align:40,right)%(align:20)%(refname:lstrip=2)%(end)]%(end)|",
        "%(if)%(refname)%(then)a%(else)b%(end) %(if) %0a%09 %(then)a%(else)b%(end) %(if)%(then)a%(end)",
        IF,
        "%(align:30,middle)" + IF + "%(end)|",
        "%(if:notequals=refs/runs/a)%(refname)%(then)other%(end)|%(if:equals=)%(then)empty%(end)",
        "%(color:red)%(refname)",
        "%(color:red)%(refname)%(color:reset) end",
        "%(if)x%(then)%(color:red)%(end)y",
        "%(color:red)a%(color:reset)b%(color:red)c",
        "%(color:red)a%(color:normal)b",
        *(f"%(datetime:{form})" for form in ("iso", "iso8601", "iso-strict", "rfc", "short", "raw", "unix", "default")),
        *(f"%(datetime:{form})" for form in ("iso-local", "local", "relative", "human", "format:%Y/%j %H:%M:%S")),
        "%(description:subject)|%(description:body)|%(description:lines=1)|%(description:lines=4)|",
    ],
)
def test_a_format_gives_what_git_makes_of_it(git: Git, text: str) -> None:
    assert git.ours(text) == git.lines(text)


@pytest.mark.parametrize(
    "text",
    [
        "%(refname",
        "x%()",
        "%(align)%(end)",
        "%(align:)%(end)",
        "%(align:left)x%(end)",
        "%(align:7,up)x%(end)",
        "%(align:-7)x%(end)",
        "%(align:width=x)x%(end)",
        "%(align:7,position=up)x%(end)",
        "%(align:7)x",
        "%(if:x)%(then)%(end)",
        "%(if)x%(then)y",
        "%(if)x",
        "%(if)x%(end)",
        "%(if)x%(else)y%(end)",
        "%(if)x%(then)y%(then)z%(end)",
        "%(if)x%(then)y%(else)z%(else)z%(end)",
        "%(then)",
        "%(else)",
        "%(end)",
        "%(if)x%(then)y%(end)%(end)",
        "%(align:7)%(then)%(end)",
        "%(if)x%(then)%(align:7)%(else)%(end)%(end)",
        "%(color)",
        "%(refname:lstrip=x)",
        "%(objectname:short=x)".replace("x", "0"),
    ],
)
def test_what_git_refuses_is_refused_in_its_words(git: Git, text: str) -> None:
    with pytest.raises(BadFormat) as refused:
        git.ours(text)
    assert refused.value.message == git.refusal(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%(objectname:long)", "unrecognized %(objectname) argument: long"),
        ("%(commit:long)", "unrecognized %(commit) argument: long"),
        ("%(datetime:soon)", "unknown date format soon"),
        ("%(status:short)", "%(status) does not take arguments"),
        ("%(name:short)", "%(name) does not take arguments"),
        ("%(end:x)", "%(end) does not take arguments"),
        ("%(description:lines=x)", "positive value expected description:lines=x"),
        ("%(if)" * 5000, "format: atoms are nested too deep"),
        ("%(refname:base)", "unrecognized %(refname) argument: base"),
    ],
)
def test_arguments_that_an_atom_does_not_take_are_refused(git: Git, text: str, message: str) -> None:
    with pytest.raises(BadFormat) as refused:
        git.ours(text)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("lr", "lr"),
        ("loss:min", "loss:min"),
        ("val:loss", "val:loss"),
        ("val:loss:min", "val:loss:min"),
        ("params.commit:short", "params.commit:short"),
        ("metrics.acc:unix", "metrics.acc:unix"),
        ("begun:unix", "begun"),
        ("settings.tb-dir", "settings.tb-dir"),
        ("objectname", "commit"),
        ("finished:format:%H:%M", "finished"),
    ],
)
def test_a_colon_ends_the_names_of_fields_and_belongs_to_those_of_metrics(words: str, key: str) -> None:
    assert Atoms(str)(words)[0] == key


def test_colors_take_no_place() -> None:
    form = Format("%(align:5,right)%(color:red)ab%(color:reset)%(end)|", Atoms(str), color)
    assert form.line(dict[str, str]().get) == f"   {RED}ab{RESET}|"


def test_a_value_that_is_missing_is_empty() -> None:
    form = Format("%(lr)|%(commit:short)|%(datetime:unix)|%(description:subject)|%(refname:short)|", Atoms(str), color)
    assert form.line(dict[str, str]().get) == "|||||"


def test_values_are_made_safe_and_the_format_is_not() -> None:
    atoms = Atoms(str, lambda text: text.replace("\x1b", "?"))
    assert Format("%1b[1m%(name)", atoms, color).line({"name": "\x1b[31m"}.get) == "\x1b[1m?[31m"
