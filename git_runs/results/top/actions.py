"""What the screen lets people do to runs: it is said by whoever opens it, for it takes wings above this one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from ...project import Project
    from ...records.record import Run, Value

    class Known(Protocol):
        """What knows values of runs by name."""

        def of(self, run: Run, key: str) -> Value:
            """The value; None where the run has none of that name."""

    class Condition(Protocol):
        """`lr<0.1` and the like."""

        key: str

        def holds(self, run: Run, finder: Known) -> bool:
            """Whether it holds for the run; raises SlowPattern."""


class Actions:
    """Functions, each of which raises RunsError or OSError where it cannot be done.

    Those that act on runs take what was shown of them: they act on the runs with those ids, whatever these are called
    by now. `kill` and `delete` are called once the user said yes, beside the screen; `attach` and `log` while the
    terminal is theirs.
    """

    def __init__(
        self,
        *,
        project: Callable[[], Project],
        select: Callable[[Sequence[str]], Iterable[str]],
        condition: Callable[[str], Condition],
        tend: Callable[[], object],
        remarks: Callable[[Run], str],
        kill: Callable[[Sequence[Run]], str],
        delete: Callable[[Sequence[Run]], str],
        describe: Callable[[Run, str], None],
        attach: Callable[[Run], None],
        log: Callable[[Run], None],
    ) -> None:
        self.project = project  # opens it for whoever calls, since what is read of it is bound to a thread
        self.select = select  # those of the names that are to be shown
        self.condition = condition  # raises BadCondition
        self.tend = tend  # sees to it that runs that wait are taken
        self.remarks = remarks  # the run in a list of those that are to be deleted
        self.kill = kill  # says what became of the runs
        self.delete = delete  # says what became of the runs
        self.describe = describe  # gives it that description
        self.attach = attach
        self.log = log
