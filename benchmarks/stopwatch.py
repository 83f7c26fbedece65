"""`python stopwatch.py PATIENCE COMMAND...`: run the command, killed after PATIENCE seconds; and print its exit code,
the seconds that it took from start to end, and its peak memory in bytes.

A process of its own, since the kernel counts the memory of whoever starts a process as that of the new one: it has to
be as small as can be.
"""

import os
import signal
import sys
import time

PAGE_OF_USAGE = 1 if sys.platform == "darwin" else 1024  # bytes, in which the peak memory is given


def measure(command: list[str], patience: float) -> tuple[int, float, int]:
    """Exit code (of a signal: its negative number), seconds and bytes."""
    start = time.perf_counter()
    nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[nowhere], setpgroup=0)
    signal.signal(signal.SIGALRM, lambda number, frame: os.killpg(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, patience)
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), time.perf_counter() - start, usage.ru_maxrss * PAGE_OF_USAGE


if __name__ == "__main__":
    print(*measure(sys.argv[2:], float(sys.argv[1])))
