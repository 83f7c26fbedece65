"""The examples in docs/scripting.md print what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from git_runs.main import COMMANDS
from tests.conftest import Repository

PAGE = (Path(__file__).parent.parent / "docs/scripting.md").read_text()
EXAMPLES = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TRAIN = """import sys
lr = float(sys.argv[1].partition("=")[2])
if lr > 1:
    sys.exit("diverged")
for step in range(1, 4):
    print(f"step {step} val_loss={lr / step:.4g}")
"""
CHANGING = re.compile(r"\b(?:[0-9a-f]{8,40}|\d{4}-\d\d-\d\d)\b")  # hashes and days


@pytest.mark.skipif(not shutil.which("jq"), reason="there is no jq here")
def test_the_examples_print_what_the_page_says(repo: Repository) -> None:
    repo.commit("train.py", TRAIN, "Train on XOR")
    for example in EXAMPLES:
        commands = re.findall(r"^\$ (.*)$", example, re.MULTILINE)
        assert _stripped(example) == _stripped("".join(f"$ {one}\n{_printed(repo, one)}" for one in commands))


def _printed(repo: Repository, command: str) -> str:
    """On standard output and standard error, in order."""
    environment = repo.machine.environment
    return subprocess.run(
        ["bash", "-c", command],
        cwd=repo.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def _stripped(text: str) -> str:
    return CHANGING.sub("#", text)


def test_the_page_has_the_exit_codes_of_all_commands() -> None:
    table = re.search(r"^\| command \| 1 means \|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table
    cells = "".join(line.split("|")[1] for line in table[1].splitlines())
    named = {word.split()[0] for word in re.findall("`(.*?)`", cells)}
    assert {*COMMANDS} - named <= ALWAYS
    assert named <= {*COMMANDS}


ALWAYS = {"attach", "top", "help", "config"}  # of which the table of all commands says enough
