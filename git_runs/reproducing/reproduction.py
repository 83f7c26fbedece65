"""Whether a run that was started to reproduce another one did so, and what may have kept it from that."""

from __future__ import annotations

from ..environment import collection, interpreter, links
from ..records.record import Record, Run
from . import comparison

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..records.outputs import Outputs
    from ..records.store import Store
    from ..running.spec import Spec

UNKNOWN = "unknown"
SHOWN = 5  # differences that are named in the record


def judge(store: Store, outputs: Outputs, spec: Spec, this: Run) -> dict[str, Any]:
    """The fields of the record of `this` run that tell how it compares with the original of its spec."""
    if not spec.original:
        return {}
    original = store.find(Run(spec.original["name"], Record(id=spec.original["identifier"])))
    if original is None:
        return {"reproduction": UNKNOWN, "differences": [f"run '{spec.original['name']}' is not there any more"]}
    items = comparison.compare(outputs, original, this)
    found = [f"{item.what}: {item.detail or item.state}" for item in items if item.differs]
    unchecked = [f"{item.what}: {item.detail or item.state}" for item in items if not item.differs and item.detail]
    if len(items) == 2 and comparison.is_silent(outputs, this):
        unchecked.append("nothing was put out to compare but the exit code")
    told = {"unchecked": _shortened(unchecked)} if unchecked else {}
    if not found:
        return {"reproduction": comparison.EQUAL, **told}
    causes = list(_causes(spec, original, this))
    return {"reproduction": comparison.DIFFERENT, "differences": _shortened(found) + causes, **told}


def _shortened(lines: list[str]) -> list[str]:
    return lines[:SHOWN] + ([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])


def _causes(spec: Spec, original: Run, this: Run) -> Iterator[str]:
    """What was another for this run than for the original, a line each; chance, where nothing else explains it."""
    recorded = original.record.get("environment")
    if isinstance(recorded, dict):
        now = collect(spec, salt=original.record.text("id"), like=recorded)
        yield from collection.differences(recorded, now, spec.root)
    else:
        yield "the environment of the original was not recorded"
    yield from links.differences(original.record.links)
    if original.record.get("dirty"):
        yield "the original ran with uncommitted changes, which nothing keeps"
    if inexact := original.record.texts("inexact"):
        yield f"files that a checkout gives other bytes than the original had: {', '.join(inexact)}"
    for run in (original, this):
        if live := run.record.texts("live"):
            yield f"run '{run.name}' took code from the work tree that people edit: {', '.join(live)}"
    if original.record.get("exit-code") == this.record.get("exit-code") is not None:
        is_set = spec.environment.get("PYTHONHASHSEED", "random") != "random"
        hashes = "" if is_set else "PYTHONHASHSEED is not set, so that sets of texts have another order each time; "
        yield f"{hashes}a random start without a fixed seed"


def collect(spec: Spec, salt: str, like: object = None) -> dict[str, Any]:
    """The environment of the spec's command, as a record has it; what `like` has recorded, in the same way."""
    command = interpreter.Command(spec.command, spec.environment, spec.cwd, spec.virtualenv)
    return collection.collect(command, top=spec.top, decisive=spec.decisive, salt=salt, root=spec.root, like=like)
