"""A value of a run by its name: a field of its record, or else a parameter.

`params.lr` names a parameter alone. A name with dots is a field inside another, too: `settings.shell`.
"""

from __future__ import annotations

from math import isnan

from ..records import query
from ..records.record import is_field
from . import params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records.record import Run, Value
    from ..records.store import Store

PARAMS = "params."


def of(store: Store, run: Run, name: str) -> Value:
    """The value as it is to be shown; None where the run has none of that name."""
    if name.startswith(PARAMS):
        return parameters(run).get(name.removeprefix(PARAMS))
    found = query.value(store, run, name)
    return parameters(run).get(name) if found is None and not is_field(name) else found


def parameters(run: Run) -> dict[str, Value]:
    """What was chosen for the run, by name: what its command says, and, before that, what was given with --param."""
    given = run.record.get("params")
    derived = params.of(run.record.text("input-command") or run.record.text("command"))
    shown = {name: "true" if value is True else value for name, value in derived.items()}
    return {**shown, **(given if isinstance(given, dict) else {})}


def are_equal(value: Value, text: str) -> bool:
    """Whether a parameter has the value that a text says: 0.10 is 0.1."""
    numbers = _number(value), _number(text)
    return None not in numbers and numbers[0] == numbers[1]


def _number(value: Value) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if isnan(number) else number
