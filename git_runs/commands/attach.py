"""Join the tmux session of a run; where it is gone, show how the run ended."""

from __future__ import annotations

import sys
from contextlib import suppress

from .. import project
from ..errors.launchers import NoSession
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
    """Does not return where there is a session: the process becomes the tmux client."""
    here = project.find(search)
    one = query.find(here.store, args.name)
    if session := lifecycle.find_session(here, one.record):
        session.attach()
    identifier = one.record.text("id")
    with suppress(FileNotFoundError, LeadsOut), here.outputs.open_log(one.name) as log:
        logs.copy(log, sys.stdout.buffer, identifier=identifier, last=LINES_OF_LOG, goes_on=None)
    host = None if one.record.is_local else one.record.text("host")
    raise NoSession(one.name, one.record.ending(), host)
