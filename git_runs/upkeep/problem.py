"""A disagreement between records, refs, outputs and processes, and what settles it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Problem:
    """What is wrong with one run or file."""

    def __init__(
        self,
        kind: str,
        what: str,
        *,
        run: str | None = None,
        other: str | None = None,
        path: str | None = None,
        repair: str = "",
        mend: Callable[[], object] | None = None,
        advice: str = "",
        is_output: bool = False,
    ) -> None:
        self.kind = kind  # one or two words, the same for all of its kind
        self.what = what  # a sentence
        self.run = run  # the name of the run that it is about, if any
        self.other = other  # the name of another run that it is about, too
        self.path = path  # the file or directory that it is about, if any
        self.repair = repair  # how it would be settled: "removed"; "": only a person can settle it
        self.mend = mend  # checks again, and settles it where it still is so; raises RunsError or OSError
        self.advice = advice  # what a person can do
        self.is_output = is_output  # whether settling it deletes what a run put out

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What identifies it, whenever it is seen."""
        return self.kind, self.run, self.path
