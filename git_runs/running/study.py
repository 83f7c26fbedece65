"""A study: what Optuna was asked, and what it was told, about the runs of a sweep that searches for the best values.

    <runs dir>/studies/<group>.journal     all of it, as Optuna writes it: each line whole, or cut off and then removed
    <runs dir>/studies/<group>.lock        held by the driver of the study: see optimizer.py
    <runs dir>/studies/<group>.log         what the driver had to say

Optuna: https://optuna.readthedocs.io, its `JournalFileBackend`. A trial that has begun and has not ended is RUNNING
there; the user attributes `id` and `name` say which run is its own.
"""

from __future__ import annotations

import os
import warnings
from hashlib import sha256

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from ..records.record import Record, Run
from ..system.files import remove_file
from .space import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from .space import Listed, Point, Space

SAMPLERS = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
_NAME = "runs"  # of the only study in a journal, whatever the group is called


class Study:
    """One study, which nobody else changes meanwhile."""

    def __init__(self, journal: str, values: Space, *, highest: bool, sampler: str, seed: str) -> None:
        """That of the journal, which is made where it is not there, to find the `highest` value, or the lowest one."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        os.makedirs(os.path.dirname(journal), exist_ok=True)
        _mend(journal)
        self._values = values
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(journal)),
            study_name=_NAME,
            direction="maximize" if highest else "minimize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(),
        )
        # With the same seed once more, it would draw once more what it drew first.
        digest = sha256(f"{seed} {self.begun}".encode()).digest()
        self._study.sampler = SAMPLERS[sampler](seed=int.from_bytes(digest[:4], "big"))

    @property
    def begun(self) -> int:
        """How many trials have begun, those that failed included."""
        return len(self._study.get_trials(deepcopy=False))

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return len(self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))

    def open(self) -> list[OneTrial]:
        """Those that have begun and have not ended, in their order. One that was interrupted before it had all its
        values is failed."""
        found = []
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            if frozen.params.keys() < self._values.keys():
                self._study.tell(frozen.number, state=TrialState.FAIL)
            else:
                reached = max(frozen.intermediate_values, default=-1)
                found.append(self._trial(Trial(self._study, frozen._trial_id), _run_of(frozen), reached))
        return found

    def ask(self) -> OneTrial:
        """A new trial, with the values that Optuna wants to be tried next."""
        trial = self._study.ask({key: _distribution(one) for key, one in self._values.items()})
        return self._trial(trial, Run("", Record()), reached=-1)

    def best(self) -> tuple[Run, float] | None:
        """The run with the best value, and that value; None where there is none so far."""
        if not self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return None
        return _run_of(self._study.best_trial), self._study.best_value

    def _trial(self, trial: Trial, run: Run, reached: int) -> OneTrial:
        chosen = trial.params
        texts = {key: _text(one, chosen[key]) for key, one in self._values.items()}
        return OneTrial(self._study, trial, texts, run, reached)


class OneTrial:
    """A trial, which is tried by a run."""

    def __init__(self, study: optuna.Study, trial: Trial, point: Point, run: Run, reached: int) -> None:
        self.point = point
        self.run = run  # without an `id` where none was chosen for it so far
        self.reached = reached  # the last step of which Optuna knows; -1: none
        self._study = study
        self._trial = trial

    def belongs_to(self, run: Run) -> None:
        """Write down which run it is, before that is registered."""
        self._trial.set_user_attr("name", run.name)
        self._trial.set_user_attr("id", run.record.text("id"))
        self.run = run

    @property
    def is_pruned(self) -> bool:
        """Whether it is not worth going on with, as was found."""
        return bool(self._trial.user_attrs.get("pruned"))

    def report(self, step: int, value: float) -> None:
        """It had that value at that step, by which it and others are judged."""
        self._trial.report(value, step)
        self.reached = step

    def is_to_be_pruned(self) -> bool:
        """Whether, as far as was reported, it is not worth going on with; that is written down."""
        if self._trial.should_prune():
            self._trial.set_user_attr("pruned", True)
        return self.is_pruned

    def succeeded(self, value: float) -> None:
        """It came to that value."""
        self._study.tell(self._trial, value, skip_if_finished=True)

    def failed(self) -> None:
        """It came to none; one that was pruned did well as far as it went."""
        state = TrialState.PRUNED if self.is_pruned else TrialState.FAIL
        self._study.tell(self._trial, state=state, skip_if_finished=True)


def _run_of(frozen: FrozenTrial) -> Run:
    found = frozen.user_attrs
    return Run(str(found.get("name", "")), Record(id=str(found["id"])) if "id" in found else Record())


def _distribution(values: Listed | Span) -> BaseDistribution:
    if not isinstance(values, Span):
        return CategoricalDistribution(values.values)
    if values.kind == "int":
        return IntDistribution(int(values.low), int(values.high))
    return FloatDistribution(values.low, values.high, log=values.kind == "loguniform")


def _text(values: Listed | Span, value: float | str) -> str:
    return values.text(float(value)) if isinstance(values, Span) else str(value)


def _mend(journal: str) -> None:
    """Remove what a driver left that was killed: its lock, and a line that is cut off, which no other may follow."""
    remove_file(f"{journal}.lock")
    try:
        with open(journal, "rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    except FileNotFoundError:
        pass
