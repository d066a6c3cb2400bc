"""One trial of a search: a run of its own, whose folder tells how it is getting on."""

from __future__ import annotations

import csv
import signal
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.sweep.engines.base import ended_together, last_line, start_process
from engine.modes.sweep.job import Job
from engine.runs.folder import RunFolder, run_folder
from engine.runs.results import relative_gain
from tasks import task_class
from utils import signals
from utils.files import write_text

if TYPE_CHECKING:
    import optuna

    from engine.config import Config

_PAUSE = 0.5  # seconds between two looks at the epochs


@dataclass(frozen=True)
class Objective:
    """What a search makes as large as it can: the mean over the tasks of the gain of their
    validation accuracies over those of the single-task networks, in percent; with one task, its
    accuracy.

    Attributes:
        accuracy: by task, that of its single-task network; of a single task, None.
    """

    accuracy: Mapping[str, float | None]

    def of(self, row: Mapping[str, str]) -> float | None:
        """The value of a row of epochs.csv; None where it has no evaluation."""
        values = []
        for task, baseline in self.accuracy.items():
            text = row.get(f"{task} {task_class(task).accuracy}")
            value = float(text) if text else None
            values.append(value if baseline is None else relative_gain(value, baseline, 1))
        return None if None in values else statistics.mean(values)

    def accuracies(self, row: Mapping[str, str]) -> dict[str, float]:
        """By task, the validation accuracy of a row."""
        return {task: float(row[f"{task} {task_class(task).accuracy}"]) for task in self.accuracy}


@dataclass(frozen=True)
class Ended:
    """How a trial ended: its value, None without any; the epochs that it trained; whether it was
    pruned; and what it said where it failed."""

    value: float | None
    epochs: int
    pruned: bool = False
    line: str = ""


def run_trial(config: Config, trial: optuna.Trial, objective: Objective) -> Ended:
    """Trains the network of a trial until it is done, or pruned.

    Raises:
        Stopped: a signal has come; the run is saved.
    """
    folder = run_folder(config)
    prepare(config, folder)
    output = folder.path / "trial.log"
    # One process at a time trains a run, also where a trial is gone on with.
    process = start_process(Job("trial", (str(folder.config),)), output, {})
    with signals.deferred(), ended_together(process):
        seen = 0
        while process.poll() is None:
            signals.check()
            time.sleep(_PAUSE)
            rows = read_epochs(folder)
            for row in rows[seen:]:
                if (value := objective.of(row)) is not None:
                    trial.report(value, int(row["epoch"]))
            seen = len(rows)
            if trial.should_prune():
                process.send_signal(signal.SIGTERM)
                process.wait()
                return Ended(None, len(read_epochs(folder)), pruned=True)
    results, rows = folder.finished(), read_epochs(folder)
    if process.returncode or results is None:
        return Ended(None, len(rows), line=last_line(output))
    return Ended(objective.of(rows[results.best_epoch - 1]), len(rows))


def prepare(config: Config, folder: RunFolder) -> None:
    """Writes the cfg of a run into its folder, from where it is run."""
    folder.path.mkdir(parents=True, exist_ok=True)
    if not folder.config.exists():
        write_text(folder.config, config.text())
        folder.log.touch()


def read_epochs(folder: RunFolder) -> list[dict[str, str]]:
    """The rows of the evaluated and other epochs of a run so far."""
    if not folder.epochs.exists():
        return []
    with open(folder.epochs, newline="") as file:
        return list(csv.DictReader(file))


def with_baselines(config: Config, paths: Sequence[str | Path]) -> Config:
    """A cfg that is compared with the networks of these cfgs, one a task."""
    named = tuple(map(str, paths))
    return replace(config, comparison=config.comparison.with_values(baselines=named))
