"""From all places where settings are given to those in force.

From weakest to strongest: built in, git config of system and user, `.runsrc`, git config of repository and work
tree, `git -c`, the command line. Git config is read as git lists it: git-config(1).
"""

from __future__ import annotations

import os

from ..console.messages import warn
from ..errors.base import did_you_mean
from ..errors.system import MainWorkTreeUnknown
from . import runsrc
from .settings import KEYS, SETTINGS, Given, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..system.git.discovery import Repository


def load(repository: Repository, options: Mapping[str, list[str]]) -> Settings:
    """The settings in force for the repository, with values from the command line by key.

    Unknown keys are warned of. Raises BadConfig, BadValue, MainWorkTreeUnknown or GitFailed.
    """
    unknown: MainWorkTreeUnknown | None = None
    try:
        main_top = repository.main_top()
    except MainWorkTreeUnknown as error:
        main_top, unknown = None, error
    base = main_top or repository.common_dir
    given: dict[str, list[Given]] = {setting.key: [] for setting in SETTINGS}
    given["runs-dir"].append(Given(".runs" if main_top else "runs", "", base))

    def add(key: str, value: Given) -> None:
        if key in KEYS:
            given[key].append(value)
        else:
            name = key if "." in key else f"runs.{key}"
            warn(f"unknown setting '{name}' in {value.origin}{did_you_mean(key, KEYS)}")

    def add_git_config(*scopes: str) -> None:
        for entry in repository.config:
            section, _, key = entry.key.partition(".")
            if section == "runs" and entry.scope in scopes:
                origin = entry.origin.replace("file:", "file ").rstrip(":")
                add(entry.key if "." in key else key, Given(entry.value, origin, base))

    add_git_config("system", "global")
    for key, value in runsrc.read(repository, base):
        add(key, value)
    add_git_config("local", "worktree", "command")
    for key, texts in options.items():
        for text in texts:
            add(key, Given(text, "the command line", os.getcwd()))

    if unknown and not os.path.isabs(os.path.expanduser(given["runs-dir"][-1].text or "")):
        raise unknown
    settings = Settings()
    for setting in SETTINGS:
        words = setting.default.split() if setting.many else [setting.default]
        default = [Given(word, "the built-in default", base) for word in words]
        setattr(settings, setting.attribute, setting.value(default + given[setting.key]))
    return settings
