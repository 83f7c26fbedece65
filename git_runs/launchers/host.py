"""Runs on another host, which has a copy of the repository, and git runs: that starts them there, as its own.

The commit goes there by git, to the run's ref, which must not be there; then `git runs serve`, by ssh, gets the errand
of the run, and starts it. Whatever is asked of it has the run's id, so that nothing happens twice. Where no answer
comes, nobody knows whether it has started the run: the errand stays, the run is queued, and may be sent again.

Of each run the record there counts. It comes with the state of the run: see `scheduler`.
"""

from __future__ import annotations

import json
import shlex
from contextlib import suppress

from ..config import hosts
from ..config.values import AWAY
from ..console.messages import hint, warn
from ..errors.base import RunsError
from ..errors.config import NoHost
from ..errors.launchers import GoneThere, HostFailed, HostSaysNo, LauncherSilent, LaunchFailed, NotDoneThere
from ..errors.system import BadHost, GitFailed, HostRefused, HostSilent
from ..records.record import OPEN, QUEUED, is_name, timestamp
from ..system import signals, ssh, whoami
from ..system.files import remove_file
from ..system.git import refstore, remotes
from ..system.git.remotes import Update
from .launcher import Job, Started
from .scheduler import ENDED, GOES_ON, SUBMISSION, WAITS, Scheduler, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, BinaryIO

    from ..config.hosts import Host
    from ..config.settings import Settings
    from ..records.record import Record

PROTOCOL = 1  # of requests and answers: commands/serve.py
SERVE = "git runs serve"
PATIENCE = 10.0  # seconds that a host has to answer: it has to be connected, and to start git runs
WRONG_USAGE = 129  # what a git runs ends with that does not know it
NOT_THROUGH = "fatal: Could not read from remote repository."  # git, where ssh has said why


class OwnLauncher(Scheduler):
    """A run there for each run."""

    is_away = True

    def __init__(self, host: str) -> None:
        self.host = host
        self.name = AWAY + host
        self.noun = f"session on host '{host}'"

    def check(self) -> None:
        """Raises NoHost where nobody has said where the repository is there."""
        hosts.find(self.host)

    def place(self, details: Mapping[str, Any]) -> str:
        """The host."""
        return f"on host '{self.host}'"

    def register(self, fields: Record, tag: str) -> dict[str, Any]:
        """All by which the run can be found there, whatever happens to us."""
        is_ours = self.host == whoami.hostname()  # then the path makes the difference
        fields["host"] = f"{self.host}:{hosts.find(self.host).path}" if is_ours else self.host
        return {"job": fields.text("id"), "name": fields.text("name"), "commit": fields.text("commit"), "tag": tag}

    # --- start

    def start(self, job: Job, settings: Settings) -> Started:
        """Send the commit and the errand, which stays where no answer comes."""
        host = hosts.find(self.host)
        with open(job.command[-1], encoding="ascii") as file:
            errand = json.load(file)
        details = {"job": errand["id"], "name": errand["name"], "commit": errand["commit"]}
        details |= {"submitted": timestamp(), "tag": job.tag}
        is_new = self._push(host, errand)
        try:
            with signals.held():  # from now on it may have been started
                told = self._start(errand)
        except NotDoneThere as error:
            if is_new:
                self._take_back(host, errand)
            raise LaunchFailed(error.message, *error.hints) from None
        except LauncherSilent as error:
            warn(f"{error.message}; nobody knows whether run '{job.name}' was started")
            hint("it is queued here; to send it again, and start it once: git runs queue start")
            return Started(details, None)
        remove_file(job.command[-1])
        return Started({**details, "name": told["name"]}, None, fields=told["fields"])

    def start_all(self, jobs: Sequence[Job], settings: Settings, at_once: int | None) -> list[Started]:
        """One after the other; how many run at once is said by `runs.jobs` there."""
        started: list[Started] = []
        try:
            for job in jobs:
                started.append(self.start(job, settings))
        except BaseException:
            with suppress(RunsError):
                self.cancel([one.details for one in started])
            raise
        return started

    def _push(self, host: Host, errand: Mapping[str, Any]) -> bool:
        """Create the run's ref there; whether it is new. Where it was there, at whichever commit, the host knows whose
        it is. Raises LaunchFailed."""
        ref = refstore.RUNS + str(errand["name"])
        try:
            return remotes.push_one(_url(host), Update(ref, str(errand["commit"])), ssh.for_git())
        except GitFailed as error:
            raise LaunchFailed(
                f"the code could not be sent to host '{self.host}': {_reason(error.message)}",
                f"it goes to the repository '{host.path}' there, as {host.setting('path')} says",
            ) from None

    def _start(self, errand: Mapping[str, Any]) -> dict[str, Any]:
        """What the host says of the run, which goes on, or waits, there."""
        identifier = str(errand["id"])
        try:
            answer = self._ask("start", errand=errand, within=SUBMISSION)
        except HostFailed:  # before that, or after it?
            with suppress(HostFailed):
                known: dict[str, Any] = self._ask("records", runs={identifier: errand["name"]})["runs"]
                if identifier in known:
                    return dict(known[identifier])
            raise
        if identifier not in answer["runs"]:
            raise HostFailed(self.host, "its answer is about another run")
        return dict(answer["runs"][identifier])

    def _take_back(self, host: Host, errand: Mapping[str, Any]) -> None:
        """Delete the ref there, if it is still as we have made it."""
        with suppress(GitFailed):
            sent = Update(refstore.RUNS + str(errand["name"]), None, str(errand["commit"]))
            remotes.push_one(_url(host), sent, ssh.for_git())

    # --- how it stands, and what it prints

    def states(self, details: Iterable[Mapping[str, Any]]) -> dict[str, State]:
        """What the records there say."""
        return {identifier: _state(told) for identifier, told in self._told(details).items()}

    def cancel(self, details: Sequence[Mapping[str, Any]]) -> None:
        """End them, and take back what was sent of those that were not started."""
        self._kill(details, at_once=False)

    def signal(self, details: Mapping[str, Any], *, at_once: bool) -> None:
        """Let the host do so."""
        self._kill([details], at_once=at_once)

    def _kill(self, details: Sequence[Mapping[str, Any]], *, at_once: bool) -> None:
        refs = {str(one["name"]): str(one["commit"]) for one in details if "name" in one and "commit" in one}
        self._ask("kill", runs=_named(details), refs=refs, within=SUBMISSION, **{"at-once": at_once})

    def attach(self, details: Mapping[str, Any]) -> None:
        """Become a `git runs attach` there."""
        told = self._told([details]).get(str(details["job"]))
        if told is None:
            raise GoneThere(self.host)
        host = hosts.find(self.host)
        ssh.become(host.address, host.script(f"git runs attach {shlex.quote(told['name'])}"))

    def copy_log(self, details: Mapping[str, Any], target: BinaryIO, *, last: int | None, follows: bool) -> None:
        """Copy what the run has printed there, as `lifecycle.copy_log` does."""
        host = hosts.find(self.host)
        request = _request("log", runs=_named([details]), lines=last, follow=follows)
        try:
            answer = ssh.pass_on(host.address, host.script(SERVE), request, target)
        except (HostSilent, HostRefused) as error:
            raise LauncherSilent(f"host '{self.host}'", said=error.said) from None
        if answer.code:
            raise _failure(host, answer)

    def deletion(self, details: Sequence[Mapping[str, Any]]) -> str:
        """By ssh."""
        host = hosts.find(self.host)
        names = shlex.join(str(one.get("name")) for one in details)
        return f"ssh -t {host.address} {shlex.quote(host.line(f'git runs delete {names}'))}"

    # --- asking

    def _told(self, details: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """What the host says of those of the runs that it has, by their ids."""
        runs: dict[str, dict[str, Any]] = self._ask("records", runs=_named(details))["runs"]
        return runs

    def _ask(self, action: str, *, within: float = PATIENCE, **more: Any) -> dict[str, Any]:
        """The answer of `git runs serve` there. Raises LauncherSilent where nobody answers, HostFailed where it cannot
        be run, and HostSaysNo where it cannot do what it is asked."""
        try:
            host = hosts.find(self.host)
            answer = ssh.ask(host.address, host.script(SERVE), _request(action, **more), within=within)
        except (HostSilent, HostRefused) as error:
            raise LauncherSilent(f"host '{self.host}'", said=error.said) from None
        except (NoHost, BadHost) as error:
            raise HostFailed(self.host, error.message, *error.hints) from None
        content = _parsed(answer)
        if content is None:
            raise _failure(host, answer)
        if "error" in content:
            raise HostSaysNo(self.host, str(content["error"]), [str(one) for one in content.get("hints", [])])
        return content


def _request(action: str, **more: Any) -> bytes:
    return json.dumps({"protocol": PROTOCOL, "do": action, **more}).encode() + b"\n"


def _parsed(answer: ssh.Answer) -> dict[str, Any] | None:
    """None where it is none of `git runs serve`."""
    with suppress(ValueError, RecursionError):
        content = json.loads(answer.out)
        if isinstance(content, dict) and ("error" in content or _are_told(content.get("runs"))):
            return content
    return None


def _are_told(runs: object) -> bool:
    return isinstance(runs, dict) and all(
        isinstance(one, dict)
        and isinstance(one.get("fields"), dict)
        and is_name(str(one.get("name")))
        and isinstance(one.get("waits"), str)
        for one in runs.values()
    )


def _named(details: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The ids of the runs, with the names that they may have there."""
    return {str(one["job"]): str(one.get("name", "")) for one in details if one.get("job")}


def _state(told: Mapping[str, Any]) -> State:
    status = str(told["fields"].get("status"))
    phase = WAITS if status == QUEUED else GOES_ON if status in OPEN else ENDED
    return State(phase, str(told["waits"]) if phase == WAITS else status, fields=told["fields"])


def _url(host: Host) -> str:
    """For git: git-fetch(1), GIT URLS."""
    user, at, place = ssh.checked(host.address).rpartition("@")
    return f"{user}{at}[{place}]:{host.path}" if ":" in place else f"{host.address}:{host.path}"


def _reason(said: str) -> str:
    """The line of git's words that says why it could not push; of ssh's, the last, where ssh did not come through."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(("fatal:", "error:", "!"))]
    if own and own[0] == NOT_THROUGH and lines[0] != NOT_THROUGH:
        return lines[lines.index(NOT_THROUGH) - 1]
    return own[0] if own else lines[-1]


def _failure(host: Host, answer: ssh.Answer) -> HostFailed:
    """Why `git runs serve` was not run there, or failed, by its exit code and its last words."""
    said = answer.err.strip().splitlines()[-1] if answer.err.strip() else f"exit code {answer.code}"
    path, setup = host.setting("path"), host.setting("setup")
    known = {
        hosts.NO_DIRECTORY: (f"there is no directory '{host.path}'", f"say where it is: git config {path} DIRECTORY"),
        hosts.NO_SETUP: (f"'{host.setup}' failed", f"say what is to be run first: git config {setup} LINE"),
        hosts.NO_PROGRAM: (
            "git runs is not installed, or not on PATH",
            f"there: pipx install git-runs; or say how it is found: git config {setup} '. ~/venv/bin/activate'",
        ),
        WRONG_USAGE: ("git runs is older than this one", "there: pipx upgrade git-runs"),
    }
    trial = shlex.quote(host.line("git runs --version"))
    return HostFailed(host.name, *known.get(answer.code, (said, f"to try it: ssh {host.address} {trial}")))
