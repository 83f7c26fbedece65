"""What was measured, and how much it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .place import PYTHON, REFS, Timing

MEGABYTE = 1_000_000
HEADERS = ("what", "runs", "median, ms", "x python", "x refs", "limit", "is, ms", "met", "peak, MB")

EXPLANATION = """The ratios are to `python -c pass` and to `git for-each-ref --format='%(refname)' refs/runs`,
both measured in turn with the command. Less memory than the 10 MB of what starts the command cannot be seen."""


@dataclass(frozen=True)
class Limit:
    """At most so many times what others took in the same turns, and so many seconds more; and so much memory."""

    times: Mapping[str, float] = field(default_factory=dict)  # by what was measured
    more: float = 0.0  # seconds
    memory: float | None = None  # megabytes

    def seconds(self, timings: Mapping[str, Timing]) -> float:
        """How long it may take, by what the others took."""
        return sum(factor * timings[name].seconds for name, factor in self.times.items()) + self.more

    def holds(self, timing: Timing, timings: Mapping[str, Timing]) -> bool:
        """Whether it was kept."""
        fits = self.memory is None or timing.memory <= self.memory * MEGABYTE
        return fits and timing.seconds <= self.seconds(timings)

    def __str__(self) -> str:
        parts = [name if factor == 1 else f"{factor:g} x {name}" for name, factor in self.times.items()]
        if self.more:
            parts.append(f"{self.more:g} s" if self.more >= 1 else f"{self.more * 1000:.0f} ms")
        return " + ".join(parts) + (f", {self.memory:g} MB" if self.memory else "")


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    runs: int | None  # in the repository
    timing: Timing
    timings: Mapping[str, Timing]  # of all that took turns with it, the floors among them
    limit: Limit | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the limit was kept; None: there is none."""
        return self.limit.holds(self.timing, self.timings) if self.limit else None

    def cells(self) -> list[str]:
        """The line's cells, below HEADERS."""
        return [
            self.what + self.timing.note,
            "" if self.runs is None else f"{self.runs:,}",
            f"{self.timing.seconds * 1000:.1f}",
            self._ratio(PYTHON),
            self._ratio(REFS),
            str(self.limit or ""),
            f"{self.limit.seconds(self.timings) * 1000:.0f}" if self.limit else "",
            {None: "", True: "yes", False: "NO"}[self.is_met],
            f"{self.timing.memory / MEGABYTE:.0f}",
        ]

    def _ratio(self, floor: str) -> str:
        return f"{self.timing.seconds / self.timings[floor].seconds:.1f}" if floor in self.timings else ""
