"""Keep the records in git, see records/history.py: in a process of its own, which a command leaves, or at once.

What changes within half a minute is kept by one commit, so that a thousand starts make a handful.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from ..errors.base import RunsError
from ..records import locks
from ..records.history import History
from ..records.journal import Journal
from ..records.runs_dir import RunsDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

PAUSE = 30.0  # seconds between two commits that nobody waits for
PATIENCE = 10.0  # seconds that somebody else's commit may take
LOCK = "git-runs.records.lock"  # in the common git dir, while a commit is made


def main() -> None:
    """What `Journal.start` starts; its arguments are the common git dir and the runs dir. Nobody gets to know of an
    error: the journal is still there for the next one."""
    common_dir, root = sys.argv[1:]
    journal = Journal(common_dir, root)
    with suppress(RunsError, OSError):
        while journal.read()[1]:  # something may be noted just after the last look, while the lock is held
            with locks.held(journal.lock, patience=0.0):
                pause = History(common_dir).moment() + PAUSE - time.time()
                while journal.read()[1]:
                    time.sleep(min(max(0.0, pause), PAUSE))
                    keep(common_dir, root)
                    pause = PAUSE


def keep(common_dir: str, root: str) -> None:
    """Commit what the records are now; raises GitFailed and Locked."""
    journal, runs_dir = Journal(common_dir, root), RunsDir(root)
    with _alone(common_dir):
        gone, size = journal.read()
        # Whoever deletes a record holds its lock until that is done: the next commit is for those.
        going = {name for name in gone if locks.is_held(runs_dir.lock(name))}
        History(common_dir).keep(runs_dir, gone)
        if size:
            journal.forget(size, but=going)


def shorten(common_dir: str, before: float) -> None:
    """Let go of the states of the records before that moment, in seconds since the epoch; raises GitFailed, Locked."""
    with _alone(common_dir):
        History(common_dir).shorten(before)


def _alone(common_dir: str) -> AbstractContextManager[None]:
    return locks.held(os.path.join(common_dir, LOCK), PATIENCE)
