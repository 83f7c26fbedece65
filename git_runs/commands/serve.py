"""Answer the git runs of another host, which asks by ssh: one request on standard input, one answer on standard output.

Both are JSON on a line. Nobody types this: git runs new --host=HOST has it run there.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from .. import __version__, project
from ..errors.base import RunsError
from ..errors.launchers import NotUnderstood
from ..records.record import Record, Run
from ..running import service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from typing import Any

    from ..project import Project
    from ..system.git.discovery import Search

    Request = Mapping[str, Any]

# A request: {"protocol": PROTOCOL, "do": one of ACTIONS, "runs": {id: name}}, and what else the action takes.
# An answer: {"protocol": PROTOCOL, "version": ..., "runs": {id: what `service.told` gives}}, or in the place of "runs"
# "error" and "hints", in words. The answer to "log" is the bytes that the run printed.


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "git runs serve"


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 where there is an answer, also where that is an error."""
    try:
        request = _read()
        action = str(request.get("do"))
        if action == "log":
            return _log(project.find(search), request)
        answer = ACTIONS[action](search, request) if action in ACTIONS else _unknown(action)
    except RunsError as error:
        answer = {"error": error.message, "hints": list(error.hints)}
    except OSError as error:
        answer = {"error": f"{error.filename or 'there'}: {error.strerror or error}", "hints": []}
    print(json.dumps({"protocol": service.PROTOCOL, "version": __version__, **answer}))
    return 0


def _read() -> Request:
    """Raises NotUnderstood."""
    try:
        request = json.loads(sys.stdin.buffer.readline())
    except ValueError:
        raise NotUnderstood("a request that is no JSON") from None
    if not isinstance(request, dict) or request.get("protocol") != service.PROTOCOL:
        raise NotUnderstood(f"a request that is not of protocol {service.PROTOCOL}")
    return request


def _unknown(action: str) -> dict[str, Any]:
    raise NotUnderstood(f"the request to '{action}'")


def _runs(request: Request) -> dict[str, str]:
    asked = request.get("runs")
    return {str(one): str(name) for one, name in asked.items()} if isinstance(asked, dict) else {}


def _told(here: Project, runs: Mapping[str, Run]) -> dict[str, Any]:
    return {"runs": {identifier: service.told(here, one) for identifier, one in runs.items()}}


def _start(search: Search, request: Request) -> dict[str, Any]:
    errand = request.get("errand")
    errand = errand if isinstance(errand, dict) else {}
    try:
        here = project.find(search, service.options(errand), mends=True)
        started = service.start(here, errand)
    except BaseException:
        with suppress(RunsError):  # its ref came for this run alone, which may be sent again
            name, commit = str(errand.get("name")), str(errand.get("commit"))
            service.forget(project.find(search, mends=True), name, commit)
        raise
    return _told(here, {started.record.text("id"): started})


def _records(search: Search, request: Request) -> dict[str, Any]:
    here = project.find(search, mends=True)
    return _told(here, service.find(here, _runs(request)))


def _kill(search: Search, request: Request) -> dict[str, Any]:
    """Those that wait are taken out; of those that are not here the refs go that were sent for them: "refs" has their
    commits by name."""
    here = project.find(search, mends=True)
    runs = service.find(here, _runs(request))
    service.kill(here, runs.values(), at_once=request.get("at-once") is True)
    sent = request.get("refs")
    for name, commit in sent.items() if isinstance(sent, dict) else ():
        service.forget(here, str(name), str(commit))
    return _told(here, service.find(here, _runs(request)))


ACTIONS = {"start": _start, "records": _records, "kill": _kill}


def _log(here: Project, request: Request) -> int:
    ((identifier, name),) = _runs(request).items()
    found = service.find(here, {identifier: name})
    one = found.get(identifier) or Run(name, Record(id=identifier))
    follows, lines = request.get("follow") is True, request.get("lines")
    if follows:
        _end_with_whoever_asked()
    last = lines if isinstance(lines, int) else None
    service.copy_log(here, one, sys.stdout.buffer, last=last, follows=follows)
    return 0


def _end_with_whoever_asked() -> None:
    """End when nobody holds the other end of standard input any more: ssh has ended, or the connection broke."""
    from threading import Thread

    def wait() -> None:
        while os.read(0, 1 << 12):
            pass
        os._exit(0)

    Thread(target=wait, daemon=True).start()
