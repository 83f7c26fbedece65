"""What a launcher starts: it runs the command of a run, and records how that goes."""

from __future__ import annotations

import os
import random
import shlex
import signal
import sys
import threading
import time
from contextlib import suppress
from itertools import count

from .. import launchers
from ..code.isolation import Isolation
from ..code.stand_in import MOVED_ASIDE, StandIn
from ..console.messages import text_of
from ..environment import links
from ..environment.collection import Surroundings
from ..environment.fingerprints import Fingerprints
from ..environment.interpreter import HASH_SEED, Command
from ..environment.restored import Restored
from ..errors.base import RunsError
from ..errors.records import BadRecord, Locked, NoSuchRun, Unencodable
from ..errors.system import GitFailed
from ..launchers.launcher import COMES_AGAIN
from ..records import record
from ..records.logs import FAILED_SO
from ..records.outputs import Outputs, end_marker, start_marker
from ..records.record import Record, Run
from ..records.runs_dir import share
from ..records.store import Store
from ..system import gpus, processes, programs
from ..system.files import remove_file
from . import on_finish
from .execution import HANDLED, Execution, take_terminal
from .outcome import Outcome
from .spec import Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..launchers.launcher import Inside
    from ..system.mounts import View

PATIENCE = 60.0  # seconds to try to write the record: how a run ended is known only here
OF_AN_END = ("error", "reason", "exit-code", "signal", "metrics", "on-finish")  # the fields of an end that was none
RACES, BETWEEN_RACES = 3, 0.5  # tries of two git processes that are in each other's way, and seconds between them
BETWEEN_SIGNALS = 5.0  # seconds: a scheduler signals the processes of a job one by one, perhaps us last
ATTEMPT = "RUNS_ATTEMPT"  # the variable that says which one it is, from 1
TAIL = 1 << 12  # bytes at the end of a log, in which git says why it failed


def main() -> None:
    """Carry out the spec whose path is the first argument, on the GPUs in the second one, if there is one; ends with
    the command's exit code."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # until they are: from here on the run has begun
        comes_again = COMES_AGAIN in os.environ
        spec, kept = Spec.borrow(sys.argv[1]) if comes_again else (Spec.take(sys.argv[1]), None)
        visible = "".join(sys.argv[2:])
        spec.environment |= {gpus.VARIABLE: visible} if visible else {}
        inside = launchers.inside(spec.launcher)
        supervisor = Supervisor(spec, inside, visible, kept, is_again=sys.argv[1] == kept)
        _live_in(inside.adapt(spec.environment))
        sys.exit(supervisor.run())
    except RunsError as error:
        _say(text_of(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _say(f"fatal: {error}")
        sys.exit(RunsError.exit_code)


class Supervisor:
    """Runs one command and records how it goes."""

    def __init__(
        self, spec: Spec, inside: Inside, visible: str = "", kept: str | None = None, *, is_again: bool = False
    ) -> None:
        """`visible`: the GPUs of the run's slot in a queue; `kept`: where the spec still is, if the run may be ended to
        begin anew; `is_again`: whether it was."""
        self.spec = spec
        self.gpus = visible  # of the run's slot in a queue, as its environment has them
        self.inside = inside
        self.kept = kept
        self.is_again = is_again
        os.umask(spec.umask)  # what starts us may have another
        share(spec.shared)
        self.execution = Execution(_say, spec.umask)
        self.this_run = Run(spec.name, Record(id=spec.identifier))
        # A run that is started by one whose work tree stands in the place of ours, and here, has ours moved aside.
        self.common_dir = spec.common_dir if os.path.isdir(spec.common_dir) else os.path.join(spec.root, MOVED_ASIDE)
        self.store = Store(spec.root, PATIENCE, self.common_dir, is_kept=spec.keeps_history)
        if self.store.journal:
            self.store.journal.is_left_to_others = True  # when we exit, all of our session may be killed
        self.outputs = Outputs(spec.root)
        if spec.isolation and (now := self.store.find(self.this_run)) and now.name != spec.name:
            spec.follow(now.name, self.outputs.worktree(now.name))
            self.this_run = Run(now.name, self.this_run.record)
        self.isolation = self._isolation()
        self.stand_in = StandIn(**spec.stand_in) if spec.stand_in else None
        self.view: View | None = None  # what the command sees of the file system, if that is not what we see
        self.collecting = threading.Thread(target=self._collect, daemon=True)
        self.error: str | None = None  # what kept the command from being started
        self.will_come_again = False
        self.first_attempt = 1

    def run(self) -> int:
        """From `running` to the end; gives the exit code to end with, as a shell would put it."""
        code = self._check_places()
        code = code or (self._isolate() if self.isolation else 0)
        code = code or (self._stand_in() if self.stand_in else 0)
        if code == 0:
            self._record_start()
            code = self._run_command()
        finished = record.timestamp()
        execution = self.execution
        self.inside.complete_log(
            self.outputs.log(self.spec.name), end_marker(self.spec.identifier), execution.prints_still
        )
        self.error = self._cause()
        execution.end()
        self._settle_whether_it_comes_again(code)
        if self.collecting.ident is not None:
            self.collecting.join(2 * programs.PATIENCE)
        self._record_end(code, finished)
        if not execution.prints_still() and not self.will_come_again:
            self._leave_work_tree(code)
        if self.spec.on_finish and not self.will_come_again:
            self._finish(self.spec.on_finish)
        self._leave(code)
        return code if code >= 0 else 128 - code

    def _settle_whether_it_comes_again(self, code: int) -> None:
        """A run that was to stop, and not by `kill`, which takes its spec away, may have to begin anew: it waits, until
        whoever asks the scheduler knows better. Else nobody needs the spec any more."""
        if self.kept and code:
            self.execution.wait_for_stop(BETWEEN_SIGNALS)
        self.will_come_again = bool(self.kept and self.execution.stops and os.path.exists(self.kept))
        if self.kept and not self.will_come_again:
            remove_file(self.kept)

    def _check_places(self) -> int:
        """What starts us may see other files than whoever started the run, as a server does that a run in another's
        place has started; gives 0, or an exit code, and sets `error`."""
        for path, *identity in self.spec.seen:
            with suppress(OSError):
                status = os.stat(path)
                if [status.st_dev, status.st_ino] == identity:
                    continue
            return self._fail(f"what starts this run does not see '{path}' as you do: {self.inside.advice}")
        return 0

    # --- a work tree of its own

    def _isolation(self) -> Isolation | None:
        arguments = self.spec.isolation
        return Isolation(**{**arguments, "repository": self.common_dir}) if arguments else None

    def _isolate(self) -> int:
        """Make the run's own work tree; gives 0, or how the command that failed has ended, and sets `error`."""
        assert self.isolation
        this = self.store.find(self.this_run)
        if this is None:
            raise NoSuchRun(self.spec.name)
        if not this.record.is_under_way:  # whoever started us was killed before it could say that we answer for the run
            found = self.inside.found() if "launcher" not in this.record else None
            self._record_process(status=record.STARTING, **({"launcher": {self.spec.launcher: found}} if found else {}))
        try:
            is_there = self.is_again and os.path.isdir(self.isolation.path)  # with what the run has made in it
            code = 0 if is_there else self._make_work_tree(self.isolation)
            if code == 0:
                self.inside.mark(start_marker(self.spec.identifier))
            return code
        except (OSError, GitFailed) as error:
            return self._fail(f"the work tree could not be made: {error}")

    def _make_work_tree(self, isolation: Isolation) -> int:
        for step in isolation.steps():
            if code := self._run_step(step):
                self.error = f"the work tree could not be made: {step[0]} ended with exit code {code}"
                return code
        isolation.complete()
        inside = os.path.relpath(self.spec.cwd, self.spec.top)
        os.makedirs(os.path.join(isolation.path, inside), exist_ok=True)
        return 0

    def _run_step(self, step: list[str]) -> int:
        """Run it in the way of the command; gives how it ended. Where nothing came of it, it is tried again: `git
        worktree add` fails where another one is just being made, of which it reads what is not written yet."""
        assert self.isolation
        for _ in range(RACES):
            code = self.execution.run(step, cwd="/", began=self.inside.began, to_errors=True)
            if not code or self.execution.stops or os.path.lexists(self.isolation.path):
                break
            time.sleep(random.uniform(0, BETWEEN_RACES))
        return code

    def _stand_in(self) -> int:
        """Let the work tree stand where the command expects it; gives 0, or an exit code, and sets `error`."""
        assert self.stand_in
        try:
            os.chdir(self.stand_in.tree)  # it stays while we are in it
            self.view = self.stand_in.view(self.common_dir)
        except (OSError, RunsError) as error:
            return self._fail(str(error))
        return 0

    def _fail(self, reason: str) -> int:
        """Say what keeps the command from being started; gives the exit code for that."""
        self.error = reason
        _say(f"fatal: {reason}")
        return 1

    def _cause(self) -> str | None:
        """What kept the command from being started, in git's words if there are any."""
        if self.error is None:
            return None
        with suppress(OSError), open(self.outputs.log(self.spec.name), "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
            lines = log.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.startswith("fatal: ")), self.error)
        return self.error

    def _leave_work_tree(self, code: int) -> None:
        """It has served its time if all went well and nothing is in it that its commit does not hold."""
        os.chdir("/")
        if not self.isolation:
            return
        if self.view:
            self.view.close()
        is_used = self.view is not None and self.stand_in is not None and self.stand_in.is_seen()
        serves_on = self.isolation.keep or code or self.execution.was_killed or self.error or is_used
        with suppress(RunsError, OSError):
            if now := self.store.find(self.this_run):
                place = self.isolation.path = self.outputs.worktree(now.name)  # it may have been moved
                if self.stand_in and not is_used and not processes.is_in(place):
                    self.stand_in.tree = place
                    self.stand_in.remove_places()
                self.isolation.unlock()
                if not serves_on and self.isolation.is_unchanged() and not processes.is_in(self.isolation.path):
                    self.isolation.remove()
                elif self.common_dir != self.spec.common_dir:
                    self.isolation.name_repository(self.spec.common_dir)

    # --- the command

    def _run_command(self) -> int:
        """Run it to its end, and again where it fails and may be repeated: its exit code, or minus the signal that
        ended it."""
        words = [*shlex.split(self.spec.shell), "-c", self.spec.command]
        last = self.first_attempt + self.spec.retry
        for attempt in count(self.first_attempt):
            os.environ[ATTEMPT] = str(attempt)
            code = self.execution.run(words, cwd=self.spec.cwd, began=self._command_began, view=self.view)
            if code <= 0 or self.execution.was_killed or attempt >= last:
                break
            _say(f"{FAILED_SO}{code}: attempt {attempt + 1} of {last}")
            self._record_attempt(attempt + 1)
        return code

    def _command_began(self, group: int) -> None:
        self.inside.began(group)
        if self.collecting.ident is None:
            self.collecting.start()

    # --- what else decides the result

    def _collect(self) -> None:
        """Run in a thread beside the command: record its environment, and what lies where its links lead. It fails no
        run."""
        with suppress(Exception):
            found = self.store.environments.keep(self._surroundings().collect())
            this = self.store.find(self.this_run)
            described = links.described(this.record) if this else {}
            with self.store.change(self.this_run) as fields:
                fields["environment"] = found
                fields.update(described)
        self._keep_history()

    def _keep_history(self) -> None:
        if self.store.journal and self.spec.keeps_history:
            self.store.journal.start()

    def _surroundings(self) -> Surroundings:
        spec = self.spec
        environment = dict(spec.environment)
        if spec.hides_hash_seed:
            del environment[HASH_SEED]
        command = Command(spec.command, environment, spec.cwd, spec.virtualenv)
        return Surroundings(
            command,
            top=spec.top,
            decisive=spec.decisive,
            environments=self.store.environments,
            fingerprints=Fingerprints(self.common_dir),
            **({"ask": self.view.call} if self.view else {}),
            restored=Restored(**spec.restored) if spec.restored else None,
        )

    # --- the record

    def _record_start(self) -> None:
        """Set the record to `running`. Where it cannot be written the command runs all the same.

        Raises NoSuchRun where there is none: the run was deleted, or its start undone.
        """
        began = {"datetime": record.timestamp()} if self.isolation else {}  # to make the work tree took its time
        self._record_process(status=record.RUNNING, **began)

    def _record_process(self, **others: object) -> None:
        """Write down that the run goes on with us, and other fields."""
        try:
            with self.store.change(self.this_run) as fields:
                if self.kept and not os.path.exists(self.kept):
                    raise NoSuchRun(self.spec.name)  # it was killed while it waited to begin anew
                fields |= {**others, **self.inside.known()}
                if self.is_again and others["status"] == record.RUNNING:
                    self.first_attempt = fields["attempts"] = int(fields.get("attempts") or 1) + 1
                for key in ("finished", *OF_AN_END):  # fsck may have thought that we would never come
                    fields.pop(key, None)
                if details := self.inside.details():
                    recorded = fields.get("launcher") or {}
                    fields["launcher"] = {self.spec.launcher: {**details, **recorded.get(self.spec.launcher, {})}}
                fields["process"] = processes.identify(os.getpid())
                if self.gpus:
                    fields["gpus"] = self.gpus
        except (BadRecord, Locked) as error:
            _say(text_of(error))
        except OSError as error:
            _say(f"fatal: cannot write the run's record: {error}")

    def _record_attempt(self, attempt: int) -> None:
        """The command is started again, whether this can be written or not."""
        with suppress(RunsError, OSError), self.store.change(self.this_run) as fields:
            fields["attempts"] = attempt

    def _record_end(self, code: int, finished: str) -> None:
        """Write how the command ended, under whatever name the run has by now; nothing where it was deleted."""
        if self.will_come_again:
            self._record_wait()
            return
        ending = self._ending(code, finished)
        outcome = Outcome(self.spec, self.store, self.outputs, self.this_run, self._surroundings)
        ending |= outcome.soon(ending)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self.store.change(self.this_run) as fields:
                    former = fields.end(ending)
                break
            except NoSuchRun:
                return
            except (RunsError, OSError) as error:
                if isinstance(error, Unencodable):
                    ending = self._ending(code, finished)
                if time.monotonic() > deadline:
                    _say(f"fatal: cannot record the end, exit code {code}, at {finished}: {error}")
                    return
                time.sleep(0.5)
        outcome.add_rest(ending)
        self._keep_history()
        self.outputs.remove_links(*former)

    def _record_wait(self) -> None:
        with suppress(RunsError, OSError), self.store.change(self.this_run) as fields:
            fields |= {"status": record.QUEUED, "queued": record.timestamp()}
            fields.pop("process", None)

    def _ending(self, code: int, finished: str) -> dict[str, object]:
        """The fields that say how the command ended."""
        was_killed = self.execution.was_killed
        status = record.KILLED if was_killed else record.FAILED if code or self.error else record.FINISHED
        if self.error and not was_killed:
            return {"status": status, "error": self.error, "finished": finished}
        return {"status": status, "exit-code" if code >= 0 else "signal": abs(code), "finished": finished}

    def _finish(self, line: str) -> None:
        """Run the line of the setting runs.on-finish, now that all is recorded. It fails no run; why it failed itself
        is recorded."""
        with suppress(Exception):
            if now := self.store.find(self.this_run):
                take_terminal()  # so that Ctrl-C reaches us
                around, name = os.path.split(self.spec.common_dir)
                failure = on_finish.carry_out(
                    line,
                    shell=self.spec.shell,
                    root=self.store.root,
                    directory=around if name == ".git" else self.spec.common_dir,
                    environment=on_finish.with_variables(os.environ, now, self.outputs.log(now.name)),
                )
                if failure:
                    with self.store.change(now) as fields:
                        fields["on-finish"] = failure

    def _leave(self, code: int) -> None:
        """Keep what a person sees of the run as `keep-session` says: by default it stays if the run failed, or while
        somebody is attached.

        A run that was stopped on purpose has not failed.
        """
        stops = self.execution.stops
        if signal.SIGHUP not in stops:
            failed = bool(code) and not stops
            self.inside.leave(keep={"always": True, "never": False}.get(self.spec.keep_session, failed or None))


def _live_in(environment: dict[str, str]) -> None:
    """Take over that environment."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def _say(text: str) -> None:
    """Print it, if there still is a terminal."""
    with suppress(OSError):
        os.write(2, f"{text}\r\n".encode(errors="backslashreplace"))
