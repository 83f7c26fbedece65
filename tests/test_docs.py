"""What the README and the manual say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git_runs.config.settings import SETTINGS
from git_runs.main import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MANUAL = (ROOT / "man/git-runs.1").read_text().replace("\\-", "-")

SHOWN = {"extra-flag": "", "include": "", "link": "", "tmux-socket": "", "shell": "`bash`, else `sh`"}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_is_documented_with_its_default(setting: object) -> None:
    key, default = setting.key, setting.default  # type: ignore[attr-defined]
    row = re.search(rf"^\| `{key}` \| (.*?) ?\|", README, re.MULTILINE)
    assert row
    assert row[1] == SHOWN.get(key, f"`{default}`")
    assert f".B runs.{key}\n" in MANUAL


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_a_section_in_the_manual(name: str) -> None:
    assert f"\n.SS {name}\n" in MANUAL
    in_the_tour = ("new", "list", "table", "show", "lookup", "reproduce", "export", "log")
    assert f"`git runs {name}" in README or name in in_the_tour
