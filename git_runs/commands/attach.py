"""Join the session of a run; where it is gone, show how the run ended."""

from __future__ import annotations

import sys
from contextlib import suppress

from .. import launchers, project
from ..cli.arguments import named
from ..errors.base import Negative
from ..errors.launchers import NoSession, NotJoinable, StillWaits
from ..errors.records import LeadsOut
from ..records import logs, query
from ..running import lifecycle, queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search

LINES_OF_LOG = 10


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: the newest run")


def run(args: Namespace, search: Search) -> int:
    """Does not return where there is a session: the process becomes its client."""
    here = project.find(search)
    one = query.find(here.store, named(here, args.name))
    refusal: Negative | None = None
    if session := lifecycle.find_session(here, one.record):
        try:
            session.attach()
        except Negative as error:
            refusal = error
    if queue.waits(here, one.record):
        raise StillWaits(one.name, queue.reason_of(one.record, queue.reasons(here)))
    with suppress(FileNotFoundError, LeadsOut), here.outputs.open_log(one.name) as log:
        logs.copy(log, sys.stdout.buffer, one.record, last=LINES_OF_LOG, goes_on=None)
    if refusal:
        raise refusal
    launcher = launchers.of(one.record)
    if launcher and not launcher.noun:
        raise NotJoinable(one.name, launcher.name, one.record.ending())
    host = None if one.record.is_local else one.record.text("host")
    raise NoSession(one.name, launcher.noun if launcher else None, one.record.ending(), host)
