"""The metrics of a run, from all sources."""

from __future__ import annotations

from math import isnan

from . import sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records.outputs import Outputs
    from .sources.source import Series


class Metric:
    """One metric of a run."""

    def __init__(self, key: str, source: str, series: Series) -> None:
        self.key = key
        self.source = source  # one of sources.NAMES
        self.series = series  # not empty

    @property
    def last(self) -> float:
        """The value that was written last."""
        return self.series.values[-1]

    @property
    def lowest(self) -> float:
        """The lowest value, without those that are not a number."""
        return min(self._numbers(), default=self.last)

    @property
    def highest(self) -> float:
        """The highest value, without those that are not a number."""
        return max(self._numbers(), default=self.last)

    def _numbers(self) -> list[float]:
        return [value for value in self.series.values if not isnan(value)]


def read(outputs: Outputs, name: str) -> list[Metric]:
    """The metrics of the run `name`, in the order of their keys; each from the first source that has it."""
    found: dict[str, Metric] = {}
    for source in sources.NAMES:
        for key, series in sources.named(source).read(outputs, name).items():
            found.setdefault(key, Metric(key, source, series))
    return [found[key] for key in sorted(found)]
