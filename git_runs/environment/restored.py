"""A virtualenv that a run gets instead of the one that is recorded: how its command comes to it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    from ..records.record import Record

    T = TypeVar("T")


class Restored:
    """A restored virtualenv, in which a run runs instead of the recorded one. It passes through the supervisor's
    spec."""

    def __init__(
        self,
        *,
        path: str,
        virtualenv: str | None,
        links: list[str],
        variables: dict[str, str],
        stands_in: bool = False,
    ) -> None:
        self.path = path  # absolute
        self.virtualenv = virtualenv  # the recorded one, as `virtualenv_of` gives it
        self.links = links  # paths from the top that lead to it
        self.stands_in = stands_in  # whether it is mounted in the place of the recorded one, where all finds it
        self.variables = {key: variables[key] for key in ("PATH", "VIRTUAL_ENV") if key in variables}  # without it

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command that is to run in it, as if it was activated."""
        if self.stands_in:
            return dict(variables)
        recorded = [f"{place}/bin" for place in (self.virtualenv, variables.get("VIRTUAL_ENV"))]
        others = [place for place in variables.get("PATH", "").split(":") if os.path.normpath(place) not in recorded]
        return {**variables, "PATH": ":".join([f"{self.path}/bin", *others]), "VIRTUAL_ENV": self.path}

    def environment_without(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The same without it: what can be compared with what was recorded."""
        others = {key: value for key, value in variables.items() if key not in ("PATH", "VIRTUAL_ENV")}
        return others | self.variables

    def linked(self, links: Mapping[str, str]) -> dict[str, str]:
        """The links of a run, by path from the top, of which those to the recorded virtualenv lead to it."""
        return {**links, **dict.fromkeys(self.links, self.path)}

    def others(self, links: Mapping[str, T]) -> dict[str, T]:
        """Those of a run's links, by path from the top, that do not lead to it."""
        return {path: link for path, link in links.items() if path not in self.links}

    def places(self, top: str) -> dict[str, str]:
        """Where it is found in a work tree instead of what is there in that at `top`: real places by paths."""
        return {os.path.join(top, path): self.path for path in self.links}

    def mounts(self) -> dict[str, str]:
        """What is mounted for it in another place than a link of the run's: sources by absolute paths."""
        if self.stands_in and self.virtualenv and os.path.isabs(self.virtualenv):
            return {self.virtualenv: self.path}
        return {}

    def holds(self, place: str) -> bool:
        """Whether an absolute path is in it."""
        inside = (self.path, *self.mounts())
        return place.startswith(tuple(f"{directory}/" for directory in inside))

    def to_json(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return dict(vars(self))


def virtualenv_of(recorded: Record) -> str | None:
    """The directory of the virtualenv in a recorded environment: from the top of the run's work tree, where it was in
    it, else absolute; None for a Python in none."""
    place = recorded.text("virtualenv") or os.path.dirname(os.path.dirname(recorded.text("executable")))
    if not os.path.isabs(place):
        return place if place and ".." not in place.split("/") else None
    # Records of before do not say whether it was one.
    return place if "virtualenv" in recorded or os.path.isfile(os.path.join(place, "pyvenv.cfg")) else None


def links_to(virtualenv: str | None, links: Mapping[str, str]) -> list[str]:
    """The paths in a run's work tree that are to lead to a restored virtualenv: those of its links to the recorded one,
    and that one's own where it was in the tree itself."""
    if virtualenv is None:
        return []
    if os.path.isabs(virtualenv):
        return [path for path, target in links.items() if os.path.realpath(target) == os.path.realpath(virtualenv)]
    # Below a link to a directory the link would be made in that directory, outside of the run's tree.
    return [] if any(virtualenv.startswith(f"{path}/") for path in links) else [virtualenv]
