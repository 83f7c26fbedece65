"""The interface of an importer: it reads what another tool has written, and changes none of it.

A new importer is a module beside this one with a class `OwnImporter`, its name in `NAMES`; then
tests/records/test_importers.py runs against it, too. What a record may hold is in records/record.py; only `commit` is
needed.

Whoever calls it decides which of the runs are added, gives ids to those that have none, and finds their commits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..record import Record


class Importer(ABC):
    """Reads the runs of one tool."""

    @abstractmethod
    def read(self, path: str) -> dict[str, Record]:
        """The records of the runs at `path`, by their names there; `commit` may be short, and `id` missing.

        Raises OSError, and BadRecord where what is there is not the tool's.
        """
