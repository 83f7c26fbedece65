"""Which runs there are and when each was started, as it was seen at one moment. Kept in the cache, it saves reading a
hundred thousand records, and putting their names in order, only to know which are there or which are the newest."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain
from math import nan

from .order import natural_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..system.files import Stamp
    from .record import Record

    Entry = tuple[int, int, int, int, float, bool]

TYPES = "qqqqdb"  # of the columns, as array has it: the numbers of a stamp, the start, whether there is `reproduction`
WIDTH = sum(array(code).itemsize for code in TYPES)  # bytes of one run
FEW = 100  # entries that are put between the others, instead of sorting all anew


def entry(record: Record, stamp: Stamp) -> Entry:
    """What the catalogue holds of a run with that record."""
    start = record.moment("datetime")
    return (*stamp, nan if start is None else start, "reproduction" in record)


class Catalogue:
    """The runs' names in natural order, and beside them, column by column, what is known of each."""

    def __init__(self, names: Iterable[str] = (), numbers: bytes = b"") -> None:
        """From what `names` and `numbers` gave before; raises ValueError where it cannot be that."""
        self.names = list(names)
        if len(numbers) != WIDTH * len(self.names):
            raise ValueError("there is not one entry for each name")
        self._columns: list[array[float]] = []
        for code in TYPES:
            column: array[float] = array(code)
            end = column.itemsize * len(self.names)
            column.frombytes(numbers[:end])
            numbers = numbers[end:]
            self._columns.append(column)

    @property
    def stamps(self) -> list[array[float]]:
        """Size, times and inode of the files that the runs' records were read from, each as a column."""
        return self._columns[:4]

    @property
    def starts(self) -> array[float]:
        """When the runs were started, in seconds since the epoch; NaN where that is not known."""
        return self._columns[4]

    @property
    def has_reproductions(self) -> bool:
        """Whether a run has a verdict on its reproduction."""
        return any(self._columns[5])

    @property
    def numbers(self) -> bytes:
        """All that is held beside the names."""
        return b"".join(column.tobytes() for column in self._columns)

    def changed_since(self, before: Catalogue) -> list[int]:
        """The places of the runs that were not there then, or whose records have changed, or may change without another
        stamp."""
        unsettled = [place for place, inode in enumerate(self.stamps[3]) if not inode]  # NO_STAMP
        if self.names == before.names:
            pairs = zip(before.stamps, self.stamps, strict=True)
            changed = (_differences(old, new) for old, new in pairs if old != new)
            return sorted({*unsettled, *chain.from_iterable(changed)})
        stamps = dict(zip(before.names, zip(*before.stamps, strict=True), strict=True))
        rows = zip(self.names, zip(*self.stamps, strict=True), strict=True)
        others = (place for place, (name, stamp) in enumerate(rows) if stamps.get(name) != stamp)
        return sorted({*unsettled, *others})

    def only(self, names: Collection[str]) -> Catalogue:
        """The runs of those names."""
        return self._part([place for place, name in enumerate(self.names) if name in names])

    def joined(self, other: Catalogue) -> Catalogue:
        """These runs and those of another one, in natural order."""
        both = Catalogue()
        rows = (zip(one.names, zip(*one._columns, strict=True), strict=True) for one in (self, other))
        both._fill(dict(chain.from_iterable(rows)), ())
        return both

    def in_order(self, names: Iterable[str]) -> Catalogue:
        """The runs of those names, as far as they are there, in that order instead: to be read, not to be updated."""
        places = {name: place for place, name in enumerate(self.names)}
        return self._part([places[name] for name in dict.fromkeys(names) if name in places])

    def _part(self, places: Sequence[int]) -> Catalogue:
        part = Catalogue()
        part.names = list(map(self.names.__getitem__, places))
        part._columns = [array(column.typecode, map(column.__getitem__, places)) for column in self._columns]
        return part

    def update(self, gone: Collection[str], entries: Mapping[str, Entry]) -> None:
        """Drop the runs that are gone, and add others, or change what is known of those that are there."""
        if len(gone) + len(entries) > FEW:
            self._fill({**dict(zip(self.names, zip(*self._columns, strict=True), strict=True)), **entries}, gone)
            return
        for name in gone:
            place = self._place(name)
            for column in (self.names, *self._columns):
                del column[place]  # type: ignore[attr-defined]
        for name, values in entries.items():
            self._put(name, values)

    def _fill(self, entries: Mapping[str, Entry], gone: Iterable[str]) -> None:
        self.names = sorted(entries.keys() - set(gone), key=natural_key)
        rows = [entries[name] for name in self.names]
        self._columns = [array(code, [row[index] for row in rows]) for index, code in enumerate(TYPES)]

    def _put(self, name: str, values: Entry) -> None:
        place = self._place(name)
        is_there = self.names[place : place + 1] == [name]
        for column, value in zip((self.names, *self._columns), (name, *values), strict=True):
            if is_there:
                column[place] = value  # type: ignore[index]
            else:
                column.insert(place, value)  # type: ignore[attr-defined]

    def _place(self, name: str) -> int:
        """Where the name is, or would be."""
        return bisect_left(self.names, natural_key(name), key=natural_key)


def _differences(old: Sequence[float], new: Sequence[float]) -> Iterable[int]:
    return (place for place, (before, now) in enumerate(zip(old, new, strict=True)) if before != now)
