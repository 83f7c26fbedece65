"""What leaves this machine with a push, for whoever has to agree to it."""

from __future__ import annotations

from ..console.messages import counted
from ..running.command_line import possible_secrets
from ..system.git import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..records.record import Run
    from .pushing import Parcel

SHOWN = 10  # items of a kind


def lines(parcel: Parcel, git_dir: str) -> list[str]:
    """One for each kind of thing that leaves."""
    runs = parcel.sent
    commits = list(dict.fromkeys(run.record.text("commit") for run in parcel.new))
    renamed = [f"{old} to {new}" for new, old in parcel.former_names.items()]
    hosts = dict.fromkeys(run.record.text("host") for run in runs if run.record.text("host"))
    files = _snapshot_files(parcel.new, git_dir)
    return [
        f"{counted(len(runs), 'run')}: {_some([run.name for run in runs])}",
        *([f"renamed there: {_some(renamed)}"] if renamed else []),
        f"{counted(len(commits), 'commit')}, with what came before" if commits else "no commits",
        f"files that were not committed: {_some(files)}" if files else "no files that were not committed",
        f"fields of records: {', '.join(parcel.fields)}",
        f"names of hosts: {_some(list(hosts))}",
    ]


def _some(items: Sequence[str]) -> str:
    more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _snapshot_files(runs: Sequence[Run], git_dir: str) -> list[str]:
    """The paths of the files that only the commits of the runs hold, and that people had not committed."""
    pairs = {(run.record.text("base"), run.record.text("commit")) for run in runs}
    pairs = {(base, commit) for base, commit in pairs if base and base != commit}
    trees = objects.hashes(f"{commit}^{{tree}}" for pair in pairs for commit in pair)
    sides = [tuple(trees.get(f"{commit}^{{tree}}", "") for commit in pair) for pair in pairs]
    changes = objects.changes([(old, new) for old, new in sides if old and new])
    return sorted({path for one in changes for path, _, _ in one})


def secrets(runs: Sequence[Run]) -> list[str]:
    """What of commands may be a secret, without its value: "run 'base': --token"."""
    found = ((run.name, possible_secrets(run.record.typed_command)) for run in runs)
    return [f"run '{name}': {', '.join(words)}" for name, words in found if words]
