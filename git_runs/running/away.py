"""Runs that go on in another copy of the repository: what its records say comes into the records here.

How they went is known there alone, and so is what they ran with: all that is in their records there is so here, but for
what people write and what holds for one copy.
"""

from __future__ import annotations

from ..records.record import FIELDS, ITEMWISE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..project import Project
    from ..records.record import Record, Value

# What of a record is this copy's own. Of `host` there is one name in settings and messages, which need not be the one
# that the host gives itself.
OURS = (
    *("id", "name", "launched-as", "description", "reproduces", "original", "commit", "submodules"),
    *("host", "user"),
    *("process", "former-names", "launcher", "reproduction", "differences", "unchecked"),
    *(*ITEMWISE, "deleted", "edited", "previous"),
)
ONCE = "environment"  # comes with the end, and in one piece


def news(fields: Record, theirs: Mapping[str, Value]) -> dict[str, Value]:
    """What is otherwise in the record there: fields with their values, None where they are not there."""
    compared = [key for key in FIELDS if key not in OURS and key != ONCE]
    found = {key: theirs.get(key) for key in compared if fields.get(key) != theirs.get(key)}
    if found and ONCE in theirs:
        found[ONCE] = theirs[ONCE]
    return found


def write(project: Project, fields: Record, changed: Mapping[str, Value]) -> None:
    """Write that into the record."""
    for key, value in changed.items():
        if value is None:
            fields.pop(key, None)
        elif key == ONCE and isinstance(value, dict):
            fields[key] = project.store.environments.keep(value)
        else:
            fields[key] = value
