"""Files from other hosts by rsync(1): the only module that runs it.

What comes from another host is not trusted. It goes into a directory of ours where no symbolic link leads anywhere:
those that come have MUNGED before what they lead to.
"""

from __future__ import annotations

import os
import re
import tempfile

from ..errors.system import GetFailed, RsyncMissingThere, ToolMissing, ToolTooOld
from . import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors.base import RunsError

OLDEST = (3, 1, 3)  # with a --modify-window of less than a second
MUNGED = "/rsyncd-munged/"  # rsync(1), --munge-links
PARTIAL = ".git-runs-partial"  # the directory, in each, of files of which only a part came
SILENCE = 60  # seconds after which a host that sends nothing counts as gone
# Exit codes: rsync(1), EXIT VALUES.
GONE_MEANWHILE, NO_PROGRAM = 24, 127
TIMEOUTS = (30, 35)
CUT_OFF = (10, 12, *TIMEOUTS, ssh.FAILED)
# Instead of ssh, for what is on this host: only between two hosts is rsync's receiver the one that we start.
HERE = ["sh", "-c", 'shift; exec "$@"', "sh"]


def check() -> None:
    """Raises ToolMissing or ToolTooOld where nothing can be brought."""
    from subprocess import PIPE, run

    try:
        said = run(["rsync", "--version"], stdout=PIPE, check=False).stdout.decode(errors="replace")
    except FileNotFoundError:
        raise ToolMissing("rsync") from None
    found = re.search(r"^rsync +version v?(\d+)\.(\d+)\.(\d+)", said, re.MULTILINE)  # openrsync(1) says it otherwise
    if not found or tuple(map(int, found.groups())) < OLDEST:
        first = " ".join(said.split("\n")[0].split()[:4])
        raise ToolTooOld("rsync", f"({first or 'which does not say its version'})", ".".join(map(str, OLDEST)))


def bring(
    host: str | None, source: str, target: str, *, basis: str, temporary: str, reach: Callable[[int], object]
) -> None:
    """Copy a file to the path `target`, or what is in a directory, whose path ends with "/", into the directory there.
    None is this host. What is in the directory `basis` already, of the same size and time, does not come; the rest
    comes faster for what is there. What was interrupted before goes on where it was. Both lie on the disk of the
    directory `temporary`.

    `reach` gets the percentage that has come. Raises BadHost, HostSilent, HostRefused, RsyncMissingThere, and GetFailed
    where some could not be read or written; the rest of it has come.
    """
    from subprocess import PIPE, Popen

    with tempfile.TemporaryFile() as errors:
        command = [
            *("rsync", "--recursive", "--links", "--times", "--omit-dir-times", "--chmod=u+rwX"),
            "--modify-window=-1",  # a file may be written twice in a second
            *("--munge-links", "--protect-args", f"--partial-dir={PARTIAL}"),
            *(f"--temp-dir={temporary}", f"--timeout={SILENCE}"),
            *([f"--compare-dest={basis}"] if os.path.isdir(basis) else []),
            *("--info=progress2", "--no-inc-recursive", "--outbuf=N"),
            *("--rsh", _one_line(ssh.for_programs() if host else HERE)),
            *(["--copy-links"] if not source.endswith("/") else []),  # of the path itself: behind it there is none
            *("--", f"{_address(host) if host else 'here'}:{_literal(source)}", target),
        ]
        process = Popen(command, stdout=PIPE, stderr=errors, env={**os.environ, "LC_ALL": "C"})
        try:
            assert process.stdout
            while said := process.stdout.read1():  # type: ignore[attr-defined]
                if found := re.findall(rb"(\d+)%", said):
                    reach(int(found[-1]))
            code = process.wait()
        finally:
            process.terminate()  # it keeps what has come so far
            process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").replace("\r", "")
    if code not in (0, GONE_MEANWHILE):
        raise _failure(host, code, said)


def _failure(host: str | None, code: int, said: str) -> RunsError:
    """What it means that rsync ended so, by what it, ssh and the shell there said on standard error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if host and (code == NO_PROGRAM or re.search("rsync.* not found", said)):
        return RsyncMissingThere(host)
    if host and code in CUT_OFF:
        not_its = [line for line in lines if not re.match("rsync|.*io timeout", line)]
        cut_off = f"nothing came within {SILENCE} s" if code in TIMEOUTS else "the connection was cut off"
        return ssh.failure(host, "\n".join(not_its or [cut_off]))
    complaints = [line for line in lines if not line.startswith("rsync error: ")]
    first = (complaints or lines or [f"rsync ended with exit code {code}"])[0]
    return GetFailed(first, len(complaints) - 1)


def _address(host: str) -> str:
    """The host before the colon that a path follows."""
    return f"[{host}]" if ":" in ssh.checked(host) else host


def _literal(path: str) -> str:
    """So that rsync on the other side, which expands patterns, takes the path as it is."""
    return re.sub(r"([\\*?[])", r"\\\1", path) if re.search(r"[*?[]", path) else path


def _one_line(words: list[str]) -> str:
    """As rsync(1) takes a command line apart: not as a shell does; a quote is doubled in quotes."""
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)
