"""Where the command of a run goes on: a module for each launcher, behind the one interface of `launcher`.

Nothing outside this folder knows which launchers there are: it takes the one that a setting or a record names.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..records.record import Record
    from .launcher import Inside, Launcher, Session

# Each is a module here with the classes `OwnLauncher` and `OwnInside`; the first is the default.
NAMES = ("tmux", "foreground")


def named(name: str) -> Launcher:
    """The launcher of one of NAMES."""
    launcher: Launcher = import_module(f".{name}", __package__).OwnLauncher()
    return launcher


def inside(name: str) -> Inside:
    """What surrounds a supervisor that the launcher of that name has started: this process."""
    found: Inside = import_module(f".{name}", __package__).OwnInside()
    return found


def name_of(fields: Record) -> str | None:
    """The launcher that a run was started by; None where its record names none of NAMES."""
    return next((name for name, _ in _details([fields])), None)


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
        for name in NAMES:
            if isinstance(details := launcher.get(name), dict):
                yield name, details
