"""What the usual table shows of each run, column by column, as it was seen at one moment. Kept in the cache, it saves a
table of ten thousand runs from taking ten thousand records apart. A run's texts count while its file has the same
stamp."""

from __future__ import annotations

from itertools import chain

from ..console.escape import escape
from .catalogue import Catalogue
from .record import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .record import Run

KEPT = ("status", "command", "input-command", "commit", "datetime", "description", "host", "reproduction")
LONGEST = 100  # characters of each text that are kept, and one more where it is longer
MISSING = "_"  # stands for a value that is missing
FEW = 100  # runs with other texts by now that are read anew each time, instead of writing all texts again


def texts_of(run: Run) -> tuple[str, ...]:
    """The texts of KEPT, with recorded values: control characters are spelled out, so that each is one line."""
    values = {**run.record, "status": run.record.text("status") or None}
    return tuple(shown(values.get(column))[: LONGEST + 1] for column in KEPT)


def shown(value: object) -> str:
    """A value as a table for people has it, but for its length."""
    return MISSING if value is None else escape(to_text(value))


class Cells:
    """Texts of the runs of a catalogue, by column, each in the catalogue's order."""

    def __init__(self, catalogue: Catalogue, columns: Mapping[str, Sequence[str]]) -> None:
        self.catalogue = catalogue
        self.columns = columns

    def stale(self, now: Catalogue) -> list[int]:
        """The places of those runs of another catalogue whose texts are not here, or not those of their files."""
        unsettled = [place for place, inode in enumerate(now.stamps[3]) if not inode]  # NO_STAMP
        if now.names == self.catalogue.names:
            pairs = zip(self.catalogue.stamps, now.stamps, strict=True)
            changed = (_differences(old, new) for old, new in pairs if old != new)
            return sorted({*unsettled, *chain.from_iterable(changed)})
        stamps = dict(zip(self.catalogue.names, zip(*self.catalogue.stamps, strict=True), strict=True))
        rows = zip(now.names, zip(*now.stamps, strict=True), strict=True)
        others = (place for place, (name, stamp) in enumerate(rows) if stamps.get(name) != stamp)
        return sorted({*unsettled, *others})

    def of(self, now: Catalogue, fresh: Mapping[int, Sequence[str]]) -> Cells:
        """The texts of another catalogue's runs: these, and `fresh` ones of all KEPT by place."""
        columns = {}
        for column, texts in self.columns.items():
            if now.names == self.catalogue.names:
                moved = list(texts)
            else:
                known = dict(zip(self.catalogue.names, texts, strict=True))
                moved = [known.get(name, "") for name in now.names]
            number = KEPT.index(column)
            for place, row in fresh.items():
                moved[place] = row[number]
            columns[column] = moved
        return Cells(now, columns)


def nothing(columns: Iterable[str]) -> Cells:
    """No texts of no runs."""
    return Cells(Catalogue(), {column: [] for column in columns})


def _differences(old: Sequence[float], new: Sequence[float]) -> Iterable[int]:
    return (place for place, (before, now) in enumerate(zip(old, new, strict=True)) if before != now)
