"""What single subcommands refuse."""

from __future__ import annotations

from .base import Negative, RunsError, UsageError, did_you_mean, few

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class NoCommand(RunsError):
    """The record of a run has no command."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the record of run '{name}' has no command")


class NoDescription(RunsError):
    """The editor was left without a text; `result` says what that means."""

    def __init__(self, result: str) -> None:
        super().__init__(f"the description is empty; {result}", "use -m '' for none")


class NoNote(RunsError):
    """There is no text to add to a run."""

    def __init__(self) -> None:
        super().__init__("the remark is empty; nothing is added")


class NoSuchKey(Negative):
    """The run has no such field of its record, and no such parameter or metric."""

    def __init__(self, name: str, key: str, keys: list[str], others: list[str]) -> None:
        hints = [f"its record has {', '.join(keys)}", *([f"parameters and metrics: {few(others)}"] if others else [])]
        super().__init__(f"run '{name}' has no '{key}'{did_you_mean(key, [*keys, *others])}", *hints)


class NoneHas(Negative):
    """None of the runs has the field that is asked for."""

    def __init__(self, key: str) -> None:
        super().__init__(f"none of these runs has '{key}'")


class NoValue(NoSuchKey):
    """The run has no value of which a condition could hold. The exit code lets git-bisect(1) skip a commit."""

    exit_code = 125


class DoesNotHold(Negative):
    """A condition does not hold for the run."""

    def __init__(self, name: str, condition: str, value: str) -> None:
        super().__init__(f"run '{name}': not {condition}, but {value or 'none'}")


class NoLog(Negative):
    """Nothing that the run printed is kept."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' has no log")


class NotBegun(Negative):
    """The run has printed nothing, since it still waits, or has ended before it could begin."""

    def __init__(self, name: str, ending: str | None) -> None:
        """`ending`: how it has ended; None: it waits."""
        if ending:
            super().__init__(f"run '{name}' has never begun: {ending}")
        else:
            super().__init__(
                f"run '{name}' has not begun: it waits for its turn", f"to wait for it: git runs log -f {name}"
            )


class NoMetrics(Negative):
    """The run has written none that are known."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"run '{name}' has no metrics",
            "they are read from event files in its TensorBoard directory, metrics.csv, *.jsonl and the like there or"
            " beside its checkpoints, and from its log; see 'PARAMETERS AND METRICS' in 'git runs --help'",
        )


class OnlySummary(Negative):
    """What the run has written is gone, and with it the points of its metrics."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"what run '{name}' has written of its metrics is gone",
            f"its record has their last, lowest and highest values: git runs metrics {name}",
        )


class NothingToReport(Negative):
    """None of the runs is to be in the report."""

    def __init__(self) -> None:
        super().__init__("there is no run to report on")


class NotAReport(RunsError):
    """The file that the report would replace is another one."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is there already, and is no report", "choose another file, or replace it with --force"
        )


class PlotlyMissing(RunsError):
    """The Python package whose JavaScript draws the curves of a report is not installed."""

    def __init__(self) -> None:
        super().__init__("a report needs plotly, which is not installed", "pip install 'git-runs[report]'")


class NoSuchMetric(Negative):
    """None of the runs has the metric that is asked for."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        known = sorted(known)
        there = f"they have {few(known)}" if known else "they have no metrics that are known"
        super().__init__(f"none of these runs has a metric '{key}'{did_you_mean(key, known)}", there)


class NoRunLeft(Negative):
    """No run meets all conditions."""

    def __init__(self) -> None:
        super().__init__("no run is selected")


class TensorBoardMissing(RunsError):
    """TensorBoard is not installed where it is looked for."""

    def __init__(self) -> None:
        super().__init__(
            "tensorboard is not installed, or not on PATH",
            "install it: pip install tensorboard",
            "one in another virtualenv is found if runs.virtualenv-path names that",
        )


class OwnLogdir(UsageError):
    """An option of TensorBoard's that says what it shows, which is for us to say."""

    def __init__(self, option: str) -> None:
        super().__init__(f"{option} is for git runs to give: patterns and --where choose what TensorBoard shows")


class NothingToPlot(Negative):
    """There are no runs, or none of them has written metrics that are known."""

    def __init__(self, runs: int) -> None:
        super().__init__(f"none of the {runs} runs has metrics" if runs else "there are no runs to plot")


class WhichMetric(Negative):
    """It is not clear which metrics are meant: the runs share none, or too many."""

    def __init__(self, shared: int, keys: list[str]) -> None:
        message = f"these runs have {shared} metrics in common" if shared else "these runs have no metric in common"
        super().__init__(message, f"choose with --metric: {few(keys)}")


class NoAxis(Negative):
    """Of none of the points is known what they are to be drawn over."""

    def __init__(self, axis: str) -> None:
        whys = {
            "time": "it is not known when these metrics were written",
            "epoch": "it is not known in which epochs these metrics were written: no metric 'epoch' is beside them",
        }
        super().__init__(whys[axis], "--x=step draws them by their steps")


class NotRunning(Negative):
    """None of the runs that should be stopped is running."""

    def __init__(self, names: list[str]) -> None:
        one = f"run '{names[0]}' is not running" if len(names) == 1 else f"none of the {len(names)} runs is running"
        super().__init__(one)


class NotFinished(Negative):
    """A run that was waited for did not end well, or not in time."""

    def __init__(self, name: str, ending: str) -> None:
        super().__init__(f"run '{name}': {ending}")


class GoneMeanwhile(Negative):
    """A run was moved or deleted by somebody else before it could be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' was moved, deleted or replaced meanwhile; what has its name now is untouched")


class NotAStore(RunsError):
    """The directory that runs are to be exported to holds other things."""

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' holds something else than runs of MLflow", "name another directory: --output")


class NothingToImport(RunsError):
    """No tool has left runs where it was looked for them: at a path, or where tools leave them."""

    def __init__(self, path: str | None, tools: Iterable[str]) -> None:
        where = f"at '{path}'" if path else "here"
        super().__init__(
            f"no runs of another tool are {where}",
            "to say where they are: git runs import --from=<tool> <path>",
            f"tools: {', '.join(tools)}",
        )


class SeveralTools(RunsError):
    """More than one tool has left runs; each is given by its name, and where they are."""

    def __init__(self, found: Iterable[tuple[str, str]], path: str | None) -> None:
        commands = [f"git runs import --from={tool}" + (f" '{path}'" if path else "") for tool, _ in found]
        places = [f"{tool} ('{place}')" for tool, place in found]
        super().__init__(f"there are runs of several tools: {', '.join(places)}", *commands)


class WouldReplace(RunsError):
    """The file to be written is there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' exists", "to replace it: --force")


class WouldLose(RunsError):
    """The file to be replaced holds runs that would then be recorded nowhere."""

    def __init__(self, path: str, names: list[str]) -> None:
        others = f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        super().__init__(
            f"'{path}' holds runs that the export would not: {others}", "import them first, or use --output or --force"
        )
