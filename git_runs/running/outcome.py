"""What came out of a run that has ended: its metrics, and how it compares with the run that it is to reproduce."""

from __future__ import annotations

from contextlib import suppress

from ..records import query
from ..records.record import Record, Run
from ..results import metrics
from ..results.sources.source import Rules
from ..system import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..environment.collection import Surroundings
    from ..records.outputs import Outputs
    from ..records.record import Value
    from ..records.store import Store
    from .spec import Spec

    Find = Callable[[Run], dict[str, Value]]  # the fields that say one thing of it

SOON = 1.0  # seconds of computing in which it is recorded with the end, and not after it


class Outcome:
    """That of one run. Whatever goes wrong with it, no run fails by that."""

    def __init__(
        self, spec: Spec, store: Store, outputs: Outputs, this: Run, surroundings: Callable[[], Surroundings]
    ) -> None:
        """`this` is the run by name and id; `surroundings`: those of its command."""
        self._spec = spec
        self._store = store
        self._outputs = outputs
        self._this = this
        self._surroundings = surroundings
        self._late: dict[Find, float] = {self._judgement: 3600.0, self._metrics: 60.0}  # at most, in seconds

    def soon(self, ending: Mapping[str, Value]) -> dict[str, Value]:
        """The fields that are found fast of the run, which ended so."""
        fields: dict[str, Value] = {}
        for find in [*self._late]:
            found = self._within(SOON, find, ending)
            if found is not None:
                fields |= found
                del self._late[find]
        return fields

    def add_rest(self, ending: Mapping[str, Value]) -> None:
        """Take the time for the others, now that the end is written, unless somebody asks us to end."""
        for find, seconds in self._late.items():
            found = None
            with suppress(_GivenUp), signals.asked(_GivenUp()):
                found = self._within(seconds, find, ending)
            with suppress(Exception):
                if found:
                    with self._store.change(self._this) as fields:
                        fields.update(found)

    def _within(self, seconds: float, find: Find, ending: Mapping[str, Value]) -> dict[str, Value] | None:
        """None where it takes longer, or fails."""
        with suppress(Exception), signals.bounded(seconds, _GivenUp()):
            this = self._store.find(self._this)
            if this is None:
                return {}
            this.record.update(ending)
            return find(this)
        return None

    def _judgement(self, this: Run) -> dict[str, Value]:
        original = self._spec.original
        if not original:
            return {}
        from ..reproducing import reproduction  # a re-run alone uses it

        former = Run(original["name"], Record(id=original["identifier"]))
        surroundings, repository = self._surroundings(), self._spec.common_dir
        return reproduction.judge(self._store, self._outputs, former, this, surroundings, repository)

    def _metrics(self, this: Run) -> dict[str, Value]:
        rules = Rules(self._spec.metrics["files"], list(map(query.compiled, self._spec.metrics["patterns"])))
        found = metrics.for_record(self._outputs, this, rules, self._spec.metrics["headline"])
        return {"metrics": found} if found else {}


class _GivenUp(Exception):
    """It takes too long; no OSError, since those are taken care of where files are read."""
