"""What the README and the manual say is so."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from argparse import SUPPRESS
from importlib import import_module
from pathlib import Path

import pytest

from git_runs.cli import manual
from git_runs.cli.arguments import Parser
from git_runs.config.settings import SETTINGS
from git_runs.main import COMMANDS

ROOT = Path(__file__).parent.parent
OF_SETTINGS = (ROOT / "docs/settings.md").read_text()
PAGES = {path.stem: path.read_text() for path in (ROOT / "man").glob("*.md")}
OF_ALL = PAGES["git-runs"]

EMPTY = (
    "extra-flag",
    "include",
    "link",
    "slurm",
    "tmux-socket",
    "get-command",
    "on-finish",
    "metric",
    "metric-files",
    "metric-pattern",
)
SHOWN = {**dict.fromkeys(EMPTY, ""), "shell": "`bash`, else `sh`"}
NOT_OF_THE_TABLE = re.compile(r"launcher\.\\<name>|host\.\\<name>")  # which config/layers reads


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_is_documented_with_its_default(setting: object) -> None:
    key, default = setting.key, setting.default  # type: ignore[attr-defined]
    row = re.search(rf"^\| `{key}` \| (.*?) ?\|", OF_SETTINGS, re.MULTILINE)
    assert row
    assert row[1] == SHOWN.get(key, f"`{default}`")


def test_the_manual_documents_the_settings_that_there_are() -> None:
    terms = re.findall(r"^\*\*runs\.(\S+?)\*\*$", _section(OF_ALL, "CONFIGURATION"), re.MULTILINE)
    assert {term for term in terms if not NOT_OF_THE_TABLE.match(term)} == {setting.key for setting in SETTINGS}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_settings_that_there_are(page: str) -> None:
    named = {name for name in re.findall(r"\*\*runs\.([a-z-]+)\*\*", PAGES[page]) if name != "launcher"}
    assert named <= {setting.key for setting in SETTINGS}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_subcommand_documents_the_options_that_it_takes(name: str) -> None:
    page = PAGES[f"git-runs-{name}"]
    terms = [line for line in _section(page, "OPTIONS").splitlines() if line.startswith("**-")]
    documented = {option for term in terms for option in re.findall(r"\*\*(--?[\w-]+)(?:=\w+)?\*\*", term)}
    assert documented == _options(name)
    assert page.startswith(f"---\ntitle: GIT-RUNS-{name.upper()}\n")
    assert f"\n# NAME\n\ngit-runs-{name} - {COMMANDS[name]}\n" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_is_in_the_list(name: str) -> None:
    assert f"\n**git-runs-{name}**(1)\n" in _section(OF_ALL, "COMMANDS")


def test_the_built_pages_have_no_faults() -> None:
    built = sorted(Path(sys.prefix, "share/man/man1").glob("git-runs*.1"))
    assert {path.stem for path in built} == {*PAGES}
    synopses = {path.name: path.read_text().partition(".SH DESCRIPTION")[0] for path in built}
    assert [name for name, synopsis in synopses.items() if re.search(r"\\\(rs\s", synopsis)] == []
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc here")
    lint = subprocess.run(["mandoc", "-Tlint", *built], check=False, capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_no_page_shows_marks_of_markdown() -> None:
    of_text = re.compile(
        r"^\.EX\n.*?^\.EE\n|\\f\[[BI]\].*?\\f\[R\]", re.MULTILINE | re.DOTALL
    )  # without code, names, globs
    for path in sorted(Path(sys.prefix, "share/man/man1").glob("git-runs*.1")):
        assert re.findall(r"^.*[*`].*$", of_text.sub("", path.read_text()), re.MULTILINE) == [], path.name
    for name, page in PAGES.items():
        assert "\\_" not in manual.as_text(page), name


def test_pages_point_only_at_pages_that_there_are() -> None:
    assert {name for page in PAGES.values() for name in re.findall(r"\*\*(git-runs[\w-]*)\*\*\(1\)", page)} <= {*PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_are_commands_that_can_be_given(page: str) -> None:
    lines = re.findall(r"^\$ (.*git runs .*)$", _section(PAGES[page], "EXAMPLES"), re.MULTILINE)
    assert lines
    for words in (shlex.split(command, comments=True) for line in lines for command in line.split(" && ")):
        if words[:2] == ["git", "runs"] and len(words) > 2:
            _parser(words[2]).parse(words[3:])


def _section(page: str, title: str) -> str:
    found = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _options(name: str) -> set[str]:
    """The options of a subcommand, but `-h`, which all have."""
    shown = (action for action in _parser(name)._actions if action.help != SUPPRESS and action.dest != "help")
    return {option for action in shown for option in action.option_strings}


def _parser(name: str) -> Parser:
    parser = Parser(prog=f"git runs {name}", description=None)
    import_module(f"git_runs.commands.{'import_' if name == 'import' else name}").add_arguments(parser)
    return parser
