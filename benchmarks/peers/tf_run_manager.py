"""tf-run-manager: all runs in one YAML file, which every command reads whole."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..place import Task, same
from ..scale import LIST, LOOKUP, TABLE
from .peer import Peer

# It was written for PyYAML 3, where the loader was not to be named. Its `new` asks its questions in vim.
START = (
    "import functools, yaml; yaml.load = functools.partial(yaml.load, Loader=yaml.Loader);"
    "from runs.main import main; main()"
)


class TfRunManager(Peer):
    """The first `runs`."""

    package = "tf-run-manager"
    needs = ("PyYAML", "paramiko", "tabulate", "termcolor")
    with_dependencies = False

    def make(self) -> None:
        (self.directory / ".runsrc").write_text("column-width: 30\n")  # without one it searches for ever
        database = self.directory / ".runs/runs.yml"
        database.parent.mkdir()
        with database.open("w") as file:
            for number in range(self.runs):
                command = f"python train.py --lr=0.1 --seed={number}"
                flags = f"--tb-dir=.runs/tensorboard/lr{number} --save-path=.runs/checkpoints/lr{number}"
                entry = {
                    "command": f"{command} {flags}",
                    "commit": "90c0ad704e54d5152d897a4e978cc75d5152d897",
                    "datetime": "2026-11-03T13:46:48.633364",
                    "description": "Try a smaller learning rate with a longer warm-up",
                    "input-command": command,
                }
                file.write(f"lr{number}:\n" + "".join(f"  {key}: {json.dumps(entry[key])}\n" for key in entry))

    def tasks(self) -> Mapping[str, Task]:
        runs = [self.program("python"), "-c", START]
        return {
            LIST: same(*runs, "list"),
            TABLE: same(*runs, "table"),
            LOOKUP: same(*runs, "lookup", f"lr{self.runs // 2}", "commit"),
        }
