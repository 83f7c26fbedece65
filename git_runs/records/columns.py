"""The values of one key for all runs, as they were seen at one moment. Kept in the cache, they save a table of ten
thousand runs that is sorted by a metric from taking ten thousand records apart. A value counts while its run's record
has the same stamp, and, where it comes from other files, while these are as they were: its witness names them."""

from __future__ import annotations

import json

from .catalogue import Catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .record import Value

    Stamps = Mapping[str, Sequence[int]]  # by path
    Witness = Stamps | bool | None  # None: the value rests on the record alone

UNKNOWN = False  # the witness of a value that nobody has asked for, or that may change without being seen


class Column:
    """A value for each run of a catalogue, in its order, and what it rests on beside the record."""

    def __init__(
        self, catalogue: Catalogue | None = None, values: Sequence[Value] = (), witnesses: Sequence[Witness] = ()
    ) -> None:
        """Of a catalogue's runs; or of none."""
        self.catalogue = catalogue or Catalogue()
        self.values = list(values)
        self.witnesses = list(witnesses)

    @property
    def text(self) -> str:
        """What is kept beside the catalogue."""
        return json.dumps([self.values, self.witnesses])

    @classmethod
    def of_text(cls, catalogue: Catalogue, text: str) -> Column:
        """From what `text` gave; raises ValueError."""
        values, witnesses = json.loads(text)
        return cls(catalogue, values, witnesses)

    def of(self, now: Catalogue) -> Column:
        """The values of another catalogue's runs: those that count as far as their records say, others unknown."""
        stale = now.changed_since(self.catalogue)
        if now.names == self.catalogue.names:
            values, witnesses = list(self.values), list(self.witnesses)
        else:
            before = dict(zip(self.catalogue.names, zip(self.values, self.witnesses, strict=True), strict=True))
            pairs = [before.get(name, (None, UNKNOWN)) for name in now.names]
            values, witnesses = [value for value, _ in pairs], [witness for _, witness in pairs]
        for place in stale:
            witnesses[place] = UNKNOWN
        return Column(now, values, witnesses)

    def unknown(self, places: Sequence[int], holds: Callable[[Stamps], bool]) -> list[int]:
        """Those of the places of which the value is not known. `holds` says of what a witness names whether it is as
        it was."""

        def is_known(witness: Witness) -> bool:
            return witness is None or (not isinstance(witness, bool) and holds(witness))

        return [place for place in places if not is_known(self.witnesses[place])]

    def put(self, place: int, value: Value, witness: Witness) -> None:
        """Of one run."""
        self.values[place], self.witnesses[place] = value, witness
