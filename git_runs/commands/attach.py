"""Join the session of a run; where it is gone, show how the run ended."""

from __future__ import annotations

import sys
from contextlib import suppress

from .. import launchers, project
from ..errors.launchers import NoSession, NotJoinable
from ..errors.records import LeadsOut
from ..records import logs, query
from ..running import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..system.git.discovery import Search

LINES_OF_LOG = 10


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")


def run(args: Namespace, search: Search) -> int:
    """Does not return where there is a session: the process becomes its client."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    if session := lifecycle.find_session(here, one.record):
        session.attach()
    identifier = one.record.text("id")
    with suppress(FileNotFoundError, LeadsOut), here.outputs.open_log(one.name) as log:
        logs.copy(log, sys.stdout.buffer, identifier=identifier, last=LINES_OF_LOG, goes_on=None)
    launcher = launchers.of(one.record)
    if launcher and not launcher.noun:
        raise NotJoinable(one.name, launcher.name, one.record.ending())
    host = None if one.record.is_local else one.record.text("host")
    raise NoSession(one.name, launcher.noun if launcher else None, one.record.ending(), host)
