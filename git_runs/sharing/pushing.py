"""Send runs to a remote: their refs and their records together, and nothing that somebody else has there is touched.

What is sent is built on the records as they are there: where these have changed since they were seen, git refuses it,
and it is built anew. A ref that is new there has to be missing until then, and one that goes has to be where it was:
the leases of git-push(1). Where the remote cannot change all refs together, those of runs come first, so that no record
is there without its commit; but a ref that passes from one run to another only ever goes together with the records.

Git cannot, in one step, remove a ref and make another one below its name, or above it. So a run that leaves such a name
gets a third one there first, for a moment: whatever is interrupted, its commit and its record are there.
"""

from __future__ import annotations

import time

from ..console.messages import warn
from ..errors.sharing import GaveUp, NamesPassTogether, PushedElsewhere, PushRefused, RefWithoutRecord, RunsGone
from ..errors.system import NotAtomic
from ..system import whoami
from ..system.git import calls, fast_import, objects, remotes
from ..system.git.remotes import AT_ONCE, STALE, Update
from . import fetching, merging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..errors.base import RunsError
    from ..records.record import Run
    from .remote import Remote
    from .shared import Shared

TRIES = 10
LONGEST_PAUSE = 0.5  # seconds between two of them, at most, and at random
# Why git rejects what somebody else has changed a moment ago: git-push(1), OUTPUT, and what receive-pack says.
RACES = (STALE, "failed to update ref", "cannot lock ref", "failed to lock")
NOT_ON_TOP = ("fetch first", "non-fast-forward")  # the same of records, of which the commit goes on from the last one


class Parcel:
    """What is to become another one on a remote, all together."""

    def __init__(self) -> None:
        self.changed: dict[str, bytes] = {}  # files of the tree of records, by path
        self.removed: list[str] = []
        self.updates: list[Update] = []  # of refs of runs
        self.new: list[Run] = []
        self.renamed: list[Run] = []  # edited or not
        self.edited: list[Run] = []
        self.former_names: dict[str, str] = {}  # of those that are renamed there, by the names that they get
        self.fields: dict[str, None] = {}  # of the records that are sent: those that are another there
        self.deleted: list[Run] = []
        self.refused: list[RunsError] = []  # what keeps single runs from being sent
        self.without_commit: set[str] = set()  # names of imported runs whose commit is not here: they stay here
        self.first: Parcel | None = None  # what has to be sent before, so that names are free; then all is packed anew

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to change."""
        return not (self.changed or self.removed or self.updates)

    @property
    def sent(self) -> list[Run]:
        """The runs of which anything is sent."""
        return [*self.new, *self.renamed, *self.edited]

    @property
    def names(self) -> list[str]:
        """Of the runs in it."""
        return [run.name for run in (*self.sent, *self.deleted)]


class Outcome:
    """What came of a push."""

    def __init__(self) -> None:
        self.parcel = Parcel()
        self.reports: list[merging.Report] = []  # of what was merged into the records here before


def deliver(
    remote: Remote, pack: Callable[[Shared], Parcel], approve: Callable[[Parcel], None] = lambda parcel: None
) -> Outcome:
    """Send what `pack` makes of the records that are there; it is asked again where these have changed meanwhile.
    `approve` gets what is about to leave, once, and may raise.

    Raises GaveUp, NamesPassTogether, PushRefused, RefWithoutRecord, RunsGone, ExchangeUnderWay, GitFailed, and what
    keeps a run from being merged; then nothing has changed there. Raises PushedElsewhere.
    """
    outcome = Outcome()
    rejected: dict[str, str] = {}
    is_fresh, tries = False, 0
    with remote.alone():
        while True:
            report = merging.merge_all(remote)
            outcome.reports.append(report)
            for error in report.failed:
                raise error
            there = report.there
            if is_fresh or (there.commit and report.is_settled):
                parcel = outcome.parcel = pack(there)
                if parcel.is_empty and is_fresh:
                    return outcome
                if not parcel.is_empty:
                    if not tries:
                        approve(parcel)
                    tries += 1
                    if not (rejected := _send(remote, there, parcel.first or parcel)):
                        if parcel.first is None:
                            return outcome
                        tries = 1
                        continue
                    _wait_for_others(remote, rejected, tries)
            news = fetching.fetch(remote)
            if not news.has_records and there.commit:
                raise RunsGone(remote.name)
            _check_place(remote, rejected, news)
            is_fresh = True


def _check_place(remote: Remote, rejected: dict[str, str], news: fetching.News) -> None:
    """Raises PushedElsewhere where records were rejected as old, and those here are not, or where they are there."""
    seen, _, sent = remote.state()
    if STALE in rejected.get(remote.records_there, "") and (not news.is_any or seen == sent):
        raise PushedElsewhere(remote.name)


def _wait_for_others(remote: Remote, rejected: dict[str, str], tries: int) -> None:
    """Raises PushRefused where it is not only that others were faster, and GaveUp."""
    import random

    for ref, reason in rejected.items():
        races = (*RACES, *NOT_ON_TOP) if ref == remote.records_there else RACES
        if "atomic" not in reason and not any(race in reason for race in races):
            raise PushRefused(remote.name, ref, reason)
    if tries == TRIES:
        raise GaveUp(remote.name, TRIES)
    if tries > 1:
        warn(f"{remote.name} changed while we pushed; trying again ({tries} of {TRIES})")
    time.sleep(random.uniform(0, LONGEST_PAUSE * min(tries, 4) / 4))


def _send(remote: Remote, there: Shared, parcel: Parcel) -> dict[str, str]:
    """Gives why refs were rejected, by ref; where all is well, nothing, and what is there is noted here. Raises
    NamesPassTogether."""
    # Over the ref of another run, which has left its name: only together with the records, which say whose it is.
    passed = [one for one in parcel.updates if one.value and one.before]
    is_shallow = objects.is_shallow(remote.git_dir)
    if len(passed) >= AT_ONCE or (passed and is_shallow):
        raise NamesPassTogether(remote.name)
    commit = build(remote, there.commit, parcel)
    records = Update(remote.records_there, commit, there.commit)  # of which the commit goes on from that
    new = [one for one in parcel.updates if one.value and not one.before]
    gone = [one for one in parcel.updates if not one.value]
    # Refs without a record change nothing that anybody sees: they may come in several parts before, and go after it.
    while len(new) + len(passed) > AT_ONCE:
        part, new = new[:AT_ONCE], new[AT_ONCE:]
        if rejected := _push(remote, part):
            return _explained(remote, rejected)
    if is_shallow:  # an atomic push leaves out what cannot go there, and sends the rest
        rejected = _push(remote, new) or _push(remote, [records])
    else:
        rejected, gone = _push_together(remote, new, passed, records, gone)
    if rejected:
        return _explained(remote, rejected)
    _note(remote, commit, parcel)
    _remove(remote, gone)
    return {}


def _push_together(
    remote: Remote, new: Sequence[Update], passed: Sequence[Update], records: Update, gone: list[Update]
) -> tuple[dict[str, str], list[Update]]:
    """Gives why refs were rejected, and those that are still to go. Raises NamesPassTogether."""
    free = AT_ONCE - len(new) - len(passed)
    try:
        return remotes.push(remote.name, [*new, *passed, *gone[:free], records], atomic=True), gone[free:]
    except NotAtomic:
        if passed:
            raise NamesPassTogether(remote.name) from None
        warn(f"{remote.name} has no atomic push: refs of runs go first, records last")
        return _push(remote, new) or _push(remote, [records]), gone


def _remove(remote: Remote, gone: Sequence[Update]) -> None:
    for start in range(0, len(gone), AT_ONCE):
        for ref, reason in _push(remote, gone[start : start + AT_ONCE]).items():
            warn(f"{ref} stays on {remote.name}: {reason}")


def _push(remote: Remote, updates: Sequence[Update]) -> dict[str, str]:
    return remotes.push(remote.name, updates, atomic=False) if updates else {}


def _explained(remote: Remote, rejected: dict[str, str]) -> dict[str, str]:
    """The refs that were rejected for themselves, and not for others; raises RefWithoutRecord."""
    own = {ref: reason for ref, reason in rejected.items() if "atomic" not in reason} or rejected
    stale = [ref for ref, reason in own.items() if STALE in reason and ref != remote.records_there]
    if stale and remote.records_there not in own and not fetching.fetch(remote).is_any:
        raise RefWithoutRecord(stale[0], remote.name)  # no record says what is there
    return own


def build(remote: Remote, parent: str | None, parcel: Parcel) -> str:
    """The commit that has the parcel's records in it; raises GitFailed."""
    names = parcel.names
    new = fast_import.Commit(
        whoami.user_and_host(),
        int(time.time()),
        ", ".join(names) if len(names) <= 3 else f"{len(names)} runs",
        parent=parent,
        changed=parcel.changed,
        removed=parcel.removed,
    )
    return fast_import.replace(calls.at(remote.git_dir), remote.outbox, [new])


def _note(remote: Remote, now: str, parcel: Parcel) -> None:
    """What the remote has now, and that all of it is merged, as what was there before is."""
    runs = {update.ref[len(remote.run_there("")) :]: update.value for update in parcel.updates}
    pushed = {"pushed": now} if parcel.sent else {}
    remote.track(runs, records_here=now, synced=now, outbox=None, **pushed)
