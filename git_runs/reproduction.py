"""Whether a run that was started to reproduce another one did so, and what may have kept it from that."""

from __future__ import annotations

from . import comparison, environment
from .record import Record, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .outputs import Outputs
    from .spec import Spec
    from .store import Store

SHOWN = 5  # differences that are named in the record


def judge(store: Store, outputs: Outputs, spec: Spec, this: Run) -> dict[str, Any]:
    """The fields of the record of `this` run that tell how it compares with the original of its spec."""
    if not spec.original:
        return {}
    original = store.find(Run(spec.original["name"], Record(id=spec.original["identifier"])))
    if original is None:
        return {}
    found = [item for item in comparison.compare(outputs, original, this) if item.state != comparison.EQUAL]
    if not found:
        return {"reproduction": comparison.EQUAL}
    shown = [f"{item.what}: {item.detail or item.state}" for item in found[:SHOWN]]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return {"reproduction": comparison.DIFFERENT, "differences": shown + more + _causes(spec, original)}


def _causes(spec: Spec, original: Run) -> list[str]:
    recorded = original.record.get("environment")
    if not isinstance(recorded, dict):
        return ["the environment of the original was not recorded"]
    now = collect(spec, salt=original.record.text("id"), also=environment.variables(recorded))
    causes = environment.differences(recorded, now, spec.root)
    if spec.environment.get("PYTHONHASHSEED", "random") == "random":
        causes.append("PYTHONHASHSEED is not set: sets of texts have another order each time that Python is started")
    return causes or ["the environment is the same: look for a random start without a fixed seed"]


def collect(spec: Spec, salt: str, also: Iterable[str] = ()) -> dict[str, Any]:
    """The environment of the spec's command, as a record has it; the packages are listed in the runs dir."""
    return environment.collect(
        spec.environment,
        command=spec.command,
        cwd=spec.cwd,
        virtualenv=spec.virtualenv,
        decisive=[*spec.decisive, *also],
        salt=salt,
        root=spec.root,
    )
