"""Refs of runs that have no record: how those who list runs get to know of them."""

from __future__ import annotations

from contextlib import suppress

from ..errors.system import GitFailed
from ..system.git import refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from ..errors.records import BadRecord
    from ..project import Project
    from ..records.catalogue import Catalogue


class Strays:
    """Counts the refs of runs, beside other work, for a command that shows all runs."""

    def __init__(self, args: Namespace) -> None:
        """From the arguments of `add_patterns`."""
        self._counting = None if args.patterns or args.patterns_too else refstore.start_counting(refstore.RUNS)

    def warn(self, here: Project, catalogue: Catalogue, bad: list[BadRecord]) -> bool:
        """Warn of those that have no record, where there are more refs than records; whether there are any refs."""
        with suppress(GitFailed):
            number = refstore.count(self._counting) if self._counting else 0
            if number > len(catalogue.names) + len(bad):
                from ..running import adoption

                adoption.warn_of_refs(here)
            return number > 0
        return False
