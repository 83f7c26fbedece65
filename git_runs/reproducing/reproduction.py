"""Whether a run that was started to reproduce another one did so, and what may have kept it from that."""

from __future__ import annotations

from ..code import keeping
from ..environment import collection, links
from ..environment.interpreter import HASH_SEED
from ..errors.base import RunsError
from ..errors.records import NoEnvironment
from . import comparison

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..environment.collection import Surroundings
    from ..records.outputs import Outputs
    from ..records.record import Run
    from ..records.store import Store

UNKNOWN = "unknown"
SHOWN = 5  # differences that are named in the record


def judge(
    store: Store, outputs: Outputs, former: Run, this: Run, surroundings: Surroundings, repository: str
) -> dict[str, Any]:
    """The fields of the record of `this` run that say how it compares with its original, which is `former` as far as
    its name and id were known when this run was started. `repository` is the git dir that has the code of both."""
    original = store.find(former)
    if original is None:
        return _unknown(f"run '{former.name}' is not here")
    if error := this.record.text("error"):
        return _unknown(f"the re-run could not be started: {error.removeprefix('fatal: ')}")
    try:
        items = comparison.compare(outputs, original, this)
    except RunsError as error:  # a work tree of which git knows no more, say
        return _unknown(f"they could not be compared: {error}")
    if not comparison.has_outputs(outputs, original) and not items[0].differs:
        return _unknown("nothing of the original is here to compare with")
    found = [f"{item.what}: {item.detail or item.state}" for item in items if item.differs]
    unchecked = [f"{item.what}: {item.detail or item.state}" for item in items if not item.differs and item.detail]
    if len(items) == 2 and comparison.is_silent(outputs, this):
        unchecked.append("nothing was put out to compare but the exit code")
    if not found:
        return {"reproduction": comparison.EQUAL, **_notes([*_live(this), *unchecked])}
    causes = list(_causes(original, this, surroundings, repository))
    if not causes and any(item.state == comparison.DIFFERENT for item in items):
        causes += _chance(original, this, surroundings)
    return {"reproduction": comparison.DIFFERENT, "differences": _shortened(found) + causes, **_notes(unchecked)}


def _unknown(reason: str) -> dict[str, Any]:
    return {"reproduction": UNKNOWN, "differences": [reason]}


def _notes(lines: list[str]) -> dict[str, Any]:
    return {"unchecked": _shortened(lines)} if lines else {}


def _shortened(lines: list[str]) -> list[str]:
    return lines[:SHOWN] + ([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])


def _causes(original: Run, this: Run, surroundings: Surroundings, repository: str) -> Iterator[str]:
    """What was another for this run than for the original, or may have been, a line each."""
    environments = surroundings.environments
    try:
        recorded = environments.of(original.record)
        now = surroundings.collect(recorded, original.record.text("top"))
        yield from collection.differences(recorded, now, environments)
        if recorded.get("python") == collection.UNKNOWN:
            yield "which Python the original used, and with which packages, is not known"
    except NoEnvironment as error:
        yield f"of the original {error.message}"
    targets = {path: link.text("target") for path, link in this.record.links.items()}
    linked = surroundings.restored.others(original.record.links) if surroundings.restored else original.record.links
    yield from links.differences(linked, targets=targets)
    yield from links.differences(original.record.outside, links.OUTSIDE)
    if original.record.get("dirty"):
        yield "the original ran with uncommitted changes, which nothing keeps"
    if inexact := keeping.not_kept(original.record, repository):
        yield f"files that a checkout gives other bytes than the original had: {', '.join(inexact)}"
    for run in (original, this):
        if live := run.record.texts("live"):
            yield f"run '{run.name}' took code from where people edit it: {', '.join(live)}"


def _chance(original: Run, this: Run, surroundings: Surroundings) -> Iterator[str]:
    """What may explain a difference that has no other cause, where both ran to the same end."""
    if original.record.get("exit-code") == this.record.get("exit-code") is not None:
        seed = original.record.text("hash-seed") or surroundings.command.environment.get(HASH_SEED, "random")
        order = f"another order in sets of texts, since {HASH_SEED} is not set, or " if seed == "random" else ""
        yield f"perhaps {order}a random start without a fixed seed"


def _live(this: Run) -> Iterator[str]:
    """That the commit does not hold all of the code that ran, where that is so."""
    if live := this.record.texts("live"):
        yield f"code was taken from where people edit it: {', '.join(live)}"
