"""The trials of a search, in a journal that several processes and machines share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from utils.errors import UserError
from utils.locks import locked, try_locked

if TYPE_CHECKING:
    import optuna

_UNPRUNED = 4  # the first trials: there is nothing yet to compare them with
_CONTINUES, _RUN, _EPOCHS = "continues", "run", "epochs"


class Study:
    """A study of Optuna (Akiba et al., KDD 2019) with a budget of epochs.

    Args:
        path: the journal.
        name: of the study in it.
        start: the point that is tried first.
        epochs: of a trial that is not pruned.
        budget: epochs of all trials together, those of pruned ones included.
    """

    def __init__(self, path: Path, name: str, start: Mapping[str, float], epochs: int, budget: int):
        optuna = optuna_package()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.name, self.epochs, self.budget = path, name, epochs, budget
        # A file that is only appended to: SQLite's locks fail on network disks.
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        self.study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(constant_liar=True, seed=os.getpid()),
            pruner=optuna.pruners.MedianPruner(_UNPRUNED, n_warmup_steps=epochs // 4),
        )
        with locked(self._lock("budget"), "a trial is being chosen"):
            if not self.study.get_trials(deepcopy=False):
                self.study.enqueue_trial(dict(start))

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials but those that others go on with."""
        trials = self.study.get_trials(deepcopy=False)
        continued = {trial.user_attrs.get(_CONTINUES) for trial in trials}
        return [trial for trial in trials if trial.number not in continued]

    @property
    def used(self) -> int:
        """The epochs of all trials; one that runs counts as if it were not pruned."""
        return sum(
            trial.user_attrs.get(_EPOCHS, self.epochs)
            for trial in self.trials
            if trial.state.name != "WAITING"
        )

    @contextlib.contextmanager
    def next_trial(self) -> Iterator[optuna.Trial | None]:
        """A trial for this process, which other processes see to be alive within; None where the
        budget is used."""
        with contextlib.ExitStack() as alive:
            with locked(self._lock("budget"), "a trial is being chosen"):
                self._enqueue_lost_trials()
                trial = None
                if self.used + self.epochs <= self.budget:
                    trial = self.study.ask()
                    alive.enter_context(locked(self._lock(trial.number), "a trial is running"))
                    if _RUN not in trial.user_attrs:
                        trial.set_user_attr(_RUN, f"search-{self.name}-{trial.number}")
            yield trial

    def end(self, trial: optuna.Trial, value: float | None, epochs: int, pruned: bool) -> None:
        """Ends a trial with its value; None where it failed or was pruned."""
        from optuna.trial import TrialState

        trial.set_user_attr(_EPOCHS, epochs)
        if pruned or value is None:
            self.study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        else:
            self.study.tell(trial, value)

    def complete(self) -> list[optuna.trial.FrozenTrial]:
        """The trials that have a value, the best one first."""
        done = [trial for trial in self.trials if trial.state.name == "COMPLETE"]
        return sorted(done, key=lambda trial: -trial.value)

    def _enqueue_lost_trials(self) -> None:
        """Trials whose process has died are gone on with, from their last checkpoint."""
        for trial in self.trials:
            if trial.state.name != "RUNNING":
                continue
            with try_locked(self._lock(trial.number)) as is_lost:
                if is_lost:
                    kept = {_CONTINUES: trial.number, _RUN: trial.user_attrs.get(_RUN)}
                    kept = {name: value for name, value in kept.items() if value is not None}
                    self.study.enqueue_trial(trial.params, kept)

    def _lock(self, name: int | str) -> Path:
        return self.path.with_name(f".{self.name}-{name}.lock")


def run_name(trial: optuna.Trial | optuna.trial.FrozenTrial) -> str:
    """What the run of a trial is called."""
    return trial.user_attrs[_RUN]


def optuna_package() -> ModuleType:
    try:
        import optuna
        import optuna.storages.journal
    except ModuleNotFoundError:
        raise UserError("--mode search wants the package optuna: pip install optuna") from None
    return optuna
