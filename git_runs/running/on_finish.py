"""What is run after a run has ended: the line of the setting runs.on-finish, which may tell a person of it."""

from __future__ import annotations

import os
import shlex
import signal
from contextlib import suppress

from ..records.record import timestamp, to_text
from ..system import programs, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records.record import Run

OUTPUT = "on-finish.log"  # in the runs dir: what all such lines have printed
LARGEST = 1 << 20  # bytes of that, from which on it begins anew
MOST = 64 << 20  # bytes from which on the line that prints is ended, before the disk is full
PATIENCE = 60.0  # seconds that it may take
FIELDS = {"status": "STATUS", "exit-code": "EXIT_CODE", "signal": "SIGNAL", "error": "ERROR", "reason": "REASON"}
FIELDS |= {"description": "DESCRIPTION", "commit": "COMMIT", "host": "HOST", "input-command": "COMMAND"}
NAMES = {f"RUNS_{name}" for name in FIELDS.values()} | {"RUNS_DURATION"}


def with_variables(environment: Mapping[str, str], run: Run, log: str) -> dict[str, str]:
    """The environment with what the line finds there of the run, which has ended and whose log lies there; and nothing
    of another one, from whose line this one was started."""
    around = {key: value for key, value in environment.items() if key not in NAMES}
    found = {f"RUNS_{name}": to_text(run.record[key]) for key, name in FIELDS.items() if key in run.record}
    duration = run.record.duration
    found |= {} if duration is None else {"RUNS_DURATION": f"{duration:.0f}"}
    return {**around, **found, "RUNS_NAME": run.name, "RUNS_LOG": log}


def carry_out(line: str, *, shell: str, root: str, directory: str, environment: Mapping[str, str]) -> str | None:
    """Run the line, in that directory, with what it prints appended to a file in the runs dir `root`; gives why it
    failed, None where it did not. It is ended where it takes too long or prints too much, or by Ctrl-C."""
    words = [*shlex.split(shell), "-c", line]
    try:
        with open(_output(root), "a") as output, signals.asked(_Interrupted(), (signal.SIGINT,)):
            output.write(f"--- {timestamp()} {environment['RUNS_NAME']}\n")
            output.flush()
            code = programs.run_apart(words, PATIENCE, MOST, output, cwd=directory, environment=environment)
    except TimeoutError:
        return f"it took longer than {PATIENCE:.0f} seconds"
    except _Interrupted:
        return "it was interrupted"
    except (OSError, ValueError) as error:
        return str(error)
    return None if not code else f"exit code {code}" if code > 0 else f"signal {-code}"


class _Interrupted(Exception):
    """Somebody does not want to wait for it."""


def _output(root: str) -> str:
    path = os.path.join(root, OUTPUT)
    with suppress(FileNotFoundError):
        if os.path.getsize(path) > LARGEST:
            os.unlink(path)
    return path
