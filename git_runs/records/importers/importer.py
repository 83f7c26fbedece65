"""The interface of an importer: it reads what another tool has written, and changes none of it.

A new importer is a module beside this one with a class `OwnImporter`, its name in `NAMES`; then
tests/records/test_importers.py runs against it, too. What a record may hold is in records/record.py; only `commit` is
needed.

Whoever calls it decides which of the runs are added, gives ids to those that have none, finds their commits, and moves
their outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..record import Record

    FoundOutput = tuple[str, str, str]  # where it is; the kind of output; and its path in the run's output of that kind


class Importer(ABC):
    """Reads the runs of one tool."""

    @abstractmethod
    def places(self, root: str, top: str | None) -> list[str]:
        """The databases that the tool has left in the runs dir `root`, or in the work tree at `top`."""

    @abstractmethod
    def read(self, path: str, root: str = "") -> dict[str, Record]:
        """The records of the runs at `path`, by the names that they get in the runs dir `root`; `commit` may be short,
        and `id` missing.

        Raises OSError, and BadRecord where what is there is not the tool's.
        """

    @abstractmethod
    def outputs(self, path: str, name: str, root: str) -> list[FoundOutput]:
        """What is in the runs dir `root` of the outputs of a run that was read so."""
