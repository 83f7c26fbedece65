"""Where the command of a run goes on: a module for each launcher, behind the one interface of `launcher`.

Nothing outside this folder knows which launchers there are: it takes the one that a setting or a record names.
"""

from __future__ import annotations

import re
from importlib import import_module

from ..config.values import AWAY, HOST, LAUNCHER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..records.record import Record
    from .launcher import Inside, Launcher, Session
    from .scheduler import Scheduler

# Each is a module here with the classes `OwnLauncher` and `OwnInside`; the first is the default. AWAY and the name of
# another host is one that has runs started there, see `host`; any other name is that of a scheduler which settings
# describe: see `configured`.
NAMES = ("tmux", "foreground", "slurm")
NAME = f"{LAUNCHER}|{AWAY}{HOST}"


def named(name: str) -> Launcher:
    """The launcher of that name."""
    launcher: Launcher = _module(name).OwnLauncher(*_own_name(name))
    return launcher


def named_scheduler(name: str) -> Scheduler:
    """The launcher of that name, which is one that gives runs to a scheduler."""
    launcher: Any = named(name)
    scheduler: Scheduler = launcher
    return scheduler


def inside(name: str) -> Inside:
    """What surrounds a supervisor that the launcher of that name has started: this process."""
    found: Inside = _module(name).OwnInside(*_own_name(name))
    return found


def of_host(name: str) -> str:
    """The launcher that has runs started on the host of that name."""
    return AWAY + name


def _module(name: str) -> Any:
    kind = name if name in NAMES else "host" if name.startswith(AWAY) else "configured"
    return import_module(f".{kind}", __package__)


def _own_name(name: str) -> list[str]:
    return [] if name in NAMES else [name.removeprefix(AWAY)]


def name_of(fields: Record) -> str | None:
    """The launcher that a run was started by; None where its record names none."""
    return next((name for name, _ in _details([fields])), None)


def details_of(fields: Record) -> dict[str, Any]:
    """What that has recorded of the run."""
    return next((details for _, details in _details([fields])), {})


def is_scheduled(fields: Record) -> bool:
    """Whether the run was given to a scheduler, which has it run where it chooses."""
    launcher = of(fields)
    return launcher is not None and launcher.is_scheduler


def is_away(fields: Record) -> bool:
    """Whether the run goes on in another copy of the repository."""
    launcher = of(fields)
    return launcher is not None and launcher.is_away


def place_of(fields: Record) -> str | None:
    """Where the scheduler of the run has it, in words; None where it has none, or is not known to have it."""
    details = details_of(fields)
    return scheduler_of(fields).place(details) if is_scheduled(fields) and "job" in details else None


def scheduler_of(fields: Record) -> Scheduler:
    """The launcher that a run was given to, which is one that gives runs to a scheduler."""
    return named_scheduler(name_of(fields) or "")


def can_attach(fields: Record) -> bool:
    """Whether the launcher of a run holds something that a person can attach to."""
    launcher = of(fields)
    return launcher is not None and launcher.noun is not None


def of(fields: Record) -> Launcher | None:
    """The launcher that a run was started by; None where its record names none."""
    name = name_of(fields)
    return named(name) if name else None


def sessions(records: Iterable[Record]) -> dict[str, Session]:
    """What the launchers of the runs with those records hold of them, and of others, by their tags; each launcher is
    asked once for all.

    Raises ToolMissing and LauncherSilent.
    """
    details: dict[str, list[dict[str, Any]]] = {}
    for name, one in _details(records):
        details.setdefault(name, []).append(one)
    return {tag: session for name, many in details.items() for tag, session in named(name).sessions(many).items()}


def _details(records: Iterable[Record]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The launchers that the records name, and what those recorded, as far as there is any."""
    for fields in records:
        recorded = fields.get("launcher")
        launcher = recorded if isinstance(recorded, dict) else {}
        for name, details in launcher.items():
            if isinstance(details, dict) and re.fullmatch(NAME, str(name)):
                yield name, details
