"""Other processes: which is it, does it still live; and work that is left to them.

A process id alone says little: ids are reused, and a reboot starts them over. A process is known by its id, its
start time and the boot it runs under. On Linux these come from proc(5): `starttime` in clock ticks since boot, and
`/proc/sys/kernel/random/boot_id`. Elsewhere ps(1) gives the start as text.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, NoReturn, TypeVar

    Identity = dict[str, Any]
    T = TypeVar("T")

PROC = "/proc"
PATIENCE = 10.0  # seconds that a program which is asked may take to answer
MANY = 5000  # files to read that are worth another process

child_umask = -1  # of programs that we start, where ours is another than the user's; -1: as ours


def identify(pid: int) -> Identity | None:
    """`{pid, started, boot}` of a living process, or None. A zombie does not live."""
    if not _has_proc():
        return _identify_by_ps(pid)
    status = _status(pid)
    if status is None or not _lives(status):
        return None
    return {"pid": pid, "started": int(status[19]), "boot": _boot()}


def is_alive(identity: Mapping[str, object]) -> bool:
    """Whether the process that `identify` described still lives."""
    try:
        living = identify(int(str(identity["pid"])))
    except (KeyError, ValueError):
        return False
    return living is not None and all(str(identity.get(key)) == str(value) for key, value in living.items())


def group_lives(group: int) -> bool:
    """Whether any process of the group lives; zombies, which nobody may have reaped, do not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not _has_proc():
        return True
    return any(_lives(status) and int(status[2]) == group for _, status in _statuses())


def signal_group(group: int, number: int) -> None:
    """Send the signal to the processes of a group, if there are any that are ours; those that are stopped go on, and
    get it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        os.killpg(group, signal.SIGCONT)


def descendants(pid: int) -> list[Identity]:
    """The living processes that the process started, and those that they started, whatever their groups; as far as
    that can be known."""
    children: dict[int, list[int]] = {}
    for child, status in _statuses():
        children.setdefault(int(status[1]), []).append(child)
    found, unseen = [], [pid]
    while unseen:
        below = children.get(unseen.pop(), [])
        unseen += below
        found += [identity for child in below if (identity := identify(child))]
    return found


def end_children(patience: float) -> None:
    """Wait until the processes that we started have ended, as far as that can be known; after `patience` seconds they
    get SIGTERM."""
    deadline = time.monotonic() + patience
    asked = False
    while children := descendants(os.getpid()):
        if time.monotonic() > deadline and not asked:
            asked = True
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child["pid"], signal.SIGTERM)
        time.sleep(0.01)


def detach_module(module: str, *arguments: str, cwd: str | None = None) -> None:
    """Start `main` of that module, by the interpreter and the modules that we are, to go on by itself: in a session of
    its own, without terminal, its output going nowhere."""
    import json
    import subprocess

    start = f"import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {module} import main; sys.exit(main())"
    command = [sys.executable, "-I", "-c", start, json.dumps(sys.path), *arguments]
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, cwd=cwd, umask=child_umask
    )
    process.returncode = 0  # nobody waits for it, and Python is not to complain of that


def in_two(find: Callable[[int, int], Iterable[T]], count: int, many: int) -> list[T]:
    """What `find(0, count)` gives; of `many` pieces of work or more by `find` for each half, the second in a process
    that ends with it. What waits for the file system is done in half the time, as by git-config(1), core.preloadIndex;
    and what computes, where there is another processor for it.

    `find` gives what marshal can write: numbers, texts, tuples of them and the like.
    """
    if count < many:
        return list(find(0, count))
    middle = count // 2
    other = _Child(lambda: list(find(middle, count)))
    first = list(find(0, middle))
    try:
        second: list[T] = other.answer()
        return first + second
    except ChildProcessError:
        return first + list(find(middle, count))


def in_child(work: Callable[[], T]) -> T:
    """What `work` gives in a copy of this process, which ends with it: what marshal can write. Raises
    ChildProcessError where it fails."""
    found: T = _Child(work).answer()
    return found


class _Child:
    """A copy of this process that does a piece of work, and ends without doing anything else that is ours."""

    def __init__(self, work: Callable[[], Any]) -> None:
        reading, writing = os.pipe()
        self._process = os.fork()
        if not self._process:
            _answer(writing, work)
        os.close(writing)
        self._reading = reading

    def answer(self) -> Any:
        """What the work gave; raises ChildProcessError where it failed."""
        import marshal

        with open(self._reading, "rb") as file:
            content = file.read()
        _, status = os.waitpid(self._process, 0)
        if status:
            raise ChildProcessError("another process has failed")
        return marshal.loads(content)


def _answer(pipe: int, work: Callable[[], Any]) -> NoReturn:
    import marshal

    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        with open(pipe, "wb") as file:
            file.write(marshal.dumps(work()))
        code = 0
    finally:
        os._exit(code)


def run(
    command: list[str], environment: Mapping[str, str] | None = None, *, holding: Sequence[int] = ()
) -> tuple[int, bytes, bytes]:
    """Exit code of a program, and what it printed to standard output and standard error. Raises OSError.

    It gets our environment, unless another is given, and of our descriptors those that it is to go on `holding`.

    It goes on where an exception, as of a signal, ends the call: what it has begun may not be undone by killing it.
    """
    from subprocess import PIPE, Popen

    process = Popen(command, stdout=PIPE, stderr=PIPE, umask=child_umask, env=environment, pass_fds=holding)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def ask(command: list[str], environment: Mapping[str, str]) -> str | None:
    """What a program prints; None where it fails, or has not ended after PATIENCE."""
    import subprocess

    try:
        answer = subprocess.run(
            command,
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace") if answer.returncode == 0 else None


class Dialogue:
    """A program that gives back what it is given, as cat(1) does."""

    def __init__(self, command: list[str], *, passes: Iterable[int] = ()) -> None:
        """`passes`: the descriptors that it gets beside the standard ones. Raises OSError."""
        from subprocess import PIPE, Popen

        self._process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=list(passes), umask=child_umask)
        self._error = b""

    def echoes(self) -> bool:
        """Whether it does: this waits for it."""
        process = self._process
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        return process.stdout.read(1) == b"\n"

    def end(self) -> None:
        """Give it no more, and wait for its end."""
        if self._process.returncode is not None:
            return
        with suppress(BrokenPipeError):
            self._error += self._process.communicate()[1]

    def error(self) -> str:
        """What it printed to standard error, in the end."""
        self.end()
        return self._error.decode(errors="replace").strip()


def is_in(place: str) -> bool:
    """Whether a process that is ours to see works in the directory or below it, as far as that can be known."""
    inside = os.path.realpath(place) + "/"
    for pid in _pids():
        with suppress(OSError):
            if f"{os.readlink(f'{PROC}/{pid}/cwd')}/".startswith(inside):
                return True
    return False


def ignores(pid: int, number: int) -> bool:
    """Whether the process ignores the signal, as far as that can be known."""
    try:
        with open(f"{PROC}/{pid}/status", "rb") as file:
            mask = next(line.split()[1] for line in file if line.startswith(b"SigIgn:"))
    except (OSError, StopIteration):
        return False
    return bool(int(mask, 16) >> (number - 1) & 1)


def mentions(path: str) -> bool:
    """Whether the command line of a living process here has the path in it, as far as that can be known."""
    for pid in _pids():
        with suppress(OSError), open(f"{PROC}/{pid}/cmdline", "rb") as file:
            if os.fsencode(path) in file.read():
                return True
    return False


def hostname() -> str:
    """The name of this machine, as records carry it."""
    return os.uname().nodename


def namespace() -> str:
    """What is another in each container of the same machine; "" where there is none."""
    try:
        return os.readlink(f"{PROC}/self/ns/pid")
    except OSError:
        return ""


def _has_proc() -> bool:
    return os.path.exists(f"{PROC}/self/stat")


def places() -> Iterator[str]:
    """The directories of the processes that are ours to see in proc(5)."""
    return (f"{PROC}/{pid}" for pid in _pids())


def _pids() -> list[int]:
    """The ids of all processes that are ours to see; none where they are not known."""
    return [int(entry) for entry in os.listdir(PROC) if entry.isdecimal()] if _has_proc() else []


def _statuses() -> Iterator[tuple[int, list[bytes]]]:
    """The processes that are ours to see, zombies too: their ids, and their fields as `_status` gives them."""
    for pid in _pids():
        if status := _status(pid):
            yield pid, status


def _lives(status: list[bytes]) -> bool:
    return status[0] not in (b"Z", b"X")


def _status(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat from the third, `state`, on."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb") as file:
            # The second, the command's name in parentheses, may hold spaces and parentheses itself.
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _boot() -> str:
    with open(f"{PROC}/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _identify_by_ps(pid: int) -> Identity | None:
    """By ps(1): the boot is left empty, the start is a date."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env=environment)
    state, _, started = answer.stdout.decode().strip().partition(" ")
    if not started or state.startswith("Z"):
        return None
    return {"pid": pid, "started": " ".join(started.split()), "boot": ""}


def user() -> str:
    """Who we are."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.getuid())
