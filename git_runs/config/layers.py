"""From all places where settings are given to those in force.

From weakest to strongest: built in, git config of system and user, `.runsrc`, git config of repository and work
tree, `git -c`, the command line. Git config is read as git lists it: git-config(1).
"""

from __future__ import annotations

import os
from types import MappingProxyType

from ..console.messages import warn
from ..errors.base import did_you_mean
from ..errors.system import MainWorkTreeUnknown
from . import runsrc
from .settings import KEYS, OF_GIT_CONFIG, SETTINGS, Given, Setting, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..system.git.config import ConfigEntry
    from ..system.git.discovery import Repository


# What begins the keys that launchers/configured.py reads, the commands of other schedulers, and those of hosts.py.
OF_OTHERS = ("launcher.", "host.")
BUILT_IN = "the built-in default"


def load(repository: Repository, options: Mapping[str, list[str]]) -> Settings:
    """The settings in force for the repository, with values from the command line by key.

    Unknown keys are warned of. Raises BadConfig, BadValue, MainWorkTreeUnknown or GitFailed.
    """
    unknown: MainWorkTreeUnknown | None = None
    try:
        main_top = repository.main_top()
    except MainWorkTreeUnknown as error:
        main_top, unknown = None, error
    given = gather(repository, main_top, options)
    if unknown and not os.path.isabs(os.path.expanduser(given["runs-dir"][-1].text or "")):
        raise unknown
    settings = Settings()
    for setting in SETTINGS:
        setattr(settings, setting.attribute, setting.value(given[setting.key]))
    return settings


def gather(
    repository: Repository, main_top: str | None, options: Mapping[str, list[str]] = MappingProxyType({})
) -> dict[str, list[Given]]:
    """All values that were given to each setting, by its key, weakest first; the first ones are the defaults.

    Unknown keys are warned of. Raises BadConfig or GitFailed.
    """
    base = main_top or repository.common_dir
    given = {setting.key: _default(setting, base) for setting in SETTINGS}
    given["runs-dir"] = [Given(".runs" if main_top else "runs", BUILT_IN, base)]

    def add(key: str, value: Given) -> None:
        if key in KEYS:
            given[key].append(value)
        else:
            name = key if "." in key else f"runs.{key}"
            warn(f"unknown setting '{name}' in {value.origin}{did_you_mean(key, KEYS)}")

    def add_git_config(*scopes: str) -> None:
        for entry in repository.config:
            section, _, key = entry.key.partition(".")
            if section == "runs" and entry.scope in scopes and not key.startswith(OF_OTHERS):
                add(entry.key if "." in key else key, Given(entry.value, _origin(entry), base, entry.scope))

    add_git_config("system", "global")
    for key, value in runsrc.read(repository, base):
        if key in OF_GIT_CONFIG:
            warn(f"'{key}' in {value.origin} does not count: what names a program must be in git config")
        else:
            add(key, value)
    add_git_config("local", "worktree", "command")
    for key, texts in options.items():
        for text in texts:
            add(key, Given(text, "the command line", os.getcwd(), "command"))
    return given


def of_others(repository: Repository) -> list[tuple[str, Given]]:
    """What git config says of hosts and other schedulers, which is not in the table, by key without `runs.`."""
    return [
        (key, Given(entry.value, _origin(entry), "", entry.scope))
        for entry in repository.config
        for section, _, key in [entry.key.partition(".")]
        if section == "runs" and key.startswith(OF_OTHERS)
    ]


def _default(setting: Setting, base: str) -> list[Given]:
    words = setting.default.split() if setting.many else [setting.default]
    return [Given(word, BUILT_IN, base) for word in words]


def _origin(entry: ConfigEntry) -> str:
    return entry.origin.replace("file:", "file ").rstrip(":")
