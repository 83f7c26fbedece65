"""What another host's git runs is given to start a run, in the place of a spec: the code is named by its commit, which
goes there by git, and the environment of the command is the one there.

    {"id": ..., "name": ..., "commit": ..., "launch": what `Launch.from_json` takes but for what each host has of its
     own, "settings": {key: texts}}

The settings are those that shape the command and what is recorded of its metrics. They are given as a command line has
them: an empty text forgets what is configured there.
"""

from __future__ import annotations

import json
import os

from ..config.settings import SETTINGS
from ..records.record import SHAPING_SETTINGS
from ..system.files import write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..config.settings import Setting, Settings

OF_EACH_HOST = ("environment", "links", "isolate", "top")  # of what Launch.to_json gives
OF_METRICS = ("metric", "metric-files", "metric-pattern")
SENT = (*(key for key in SHAPING_SETTINGS if key != "virtualenv-path"), *OF_METRICS)  # a virtualenv is there or not


class Errand:
    """One launch elsewhere."""

    def __init__(
        self, *, identifier: str, name: str, commit: str, launch: dict[str, Any], settings: dict[str, list[str]]
    ) -> None:
        self.identifier = identifier  # the record's `id`
        self.name = name  # the run's
        self.commit = commit  # full hash
        self.launch = {key: value for key, value in launch.items() if key not in OF_EACH_HOST}
        self.settings = settings

    def write(self, path: str, *, lasts: bool = False) -> str:
        """Write the file, for its owner alone; its path. `lasts`: it is on disk before this returns."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_private(path, json.dumps(self.to_json()), lasts=lasts)
        return path

    def to_json(self) -> dict[str, Any]:
        """The errand in plain lists and mappings."""
        return {"id": self.identifier, **{key: value for key, value in vars(self).items() if key != "identifier"}}


def settings_of(settings: Settings) -> dict[str, list[str]]:
    """What another host is to know of these."""
    by_key = {setting.key: setting for setting in SETTINGS}
    found = {key: _texts(by_key[key], getattr(settings, by_key[key].attribute)) for key in SENT}
    if found["shell"] == [by_key["shell"].default]:  # nobody has chosen it, and the one there may be another
        del found["shell"]
    return found


def _texts(setting: Setting, value: Any) -> list[str]:
    if setting.many:
        return ["", *(getattr(one, "pattern", one) for one in value)]
    return ["None" if value is None else str(value)]
