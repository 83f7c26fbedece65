"""Refs of runs that have no record: how those who list runs get to know of them."""

from __future__ import annotations

from ..system.git import refstore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from ..project import Project


def warn_of_strays(here: Project, args: Namespace, records: int) -> bool:
    """Where all runs are shown, of which there are so many records, warn of refs that have none; whether there may be
    any refs of runs."""
    if args.patterns or args.patterns_too:
        return True
    refs = refstore.at_most(here.repository, refstore.RUNS)
    if refs > records:
        from ..running import adoption

        adoption.warn_of_refs(here)
    return refs > 0
