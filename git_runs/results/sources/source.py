"""The interface of a metric source, and its rules.

A source finds the metrics that a program has written in one way: numbers, by step, each series under a key such as
`val_loss`. A new source is a module beside this one with a class `OwnSource`, its name in `NAMES`, before those that
are trusted less; tests/results/test_sources.py then runs against it, too. The rules:

reading    Changes nothing, follows no symbolic link, and imports nothing of the program's.
whole      A program may be writing just now: what is half there is left out, and comes with the next reading.
true       What is no number is no metric, and what cannot be read is skipped: never a wrong value. NaN and infinities
           are values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...records.outputs import Outputs


class Series:
    """The points of one metric, in the order in which they were written."""

    def __init__(self, origin: str) -> None:
        self.origin = origin  # absolute path of the file that they come from
        self.steps: array[float] = array("d")
        self.values: array[float] = array("d")

    def add(self, step: float, value: float) -> None:
        """One more point."""
        self.steps.append(step)
        self.values.append(value)


class Source(ABC):
    """Reads the metrics that were written in one way."""

    @abstractmethod
    def read(self, outputs: Outputs, name: str) -> dict[str, Series]:
        """The series of the run `name`, by key; none where there is nothing of the kind."""
