"""A search: its baselines, its study, and its trials one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.search.space import (
    Range,
    Simplex,
    flags_of,
    search_space,
    start_of,
    values_of,
)
from engine.modes.search.study import Study, run_name
from engine.modes.search.trial import Objective, run_trial, with_baselines
from engine.modes.sweep.engines.base import ended_together, last_line, start_process
from engine.modes.sweep.job import Job
from engine.runs.baselines import baseline_config, find_finished, given_potentials, single_tasks
from engine.runs.data import build_data
from engine.runs.folder import cfg_folder
from engine.runs.identity import key_of
from tasks import Task
from utils.errors import UserError
from utils.files import write_text

if TYPE_CHECKING:
    import optuna

    from engine.config import Config

SEARCH_OPTIONS = ("mode", "budget", "tune_baselines", "run", "quiet", "json")
"""The options of a command line that are about the search itself."""


@dataclass(frozen=True)
class Search:
    """What a search consists of.

    Attributes:
        config: of the network whose options are tuned, with the cfgs of its baselines.
        flags: what its command line says about the network.
        folder: of the search.
    """

    config: Config
    flags: Sequence[str]
    folder: Path
    space: Sequence[Range | Simplex]
    objective: Objective
    study: Study

    def config_of(self, trial: optuna.Trial | optuna.trial.FrozenTrial) -> Config:
        """The cfg of a trial; its options are those of the multi-task network alone."""
        return self._read(trial, "--run", run_name(trial))

    def best_config(self, trial: optuna.trial.FrozenTrial) -> Config:
        """The cfg that a search ends with."""
        return self._read(trial)

    @property
    def best_path(self) -> Path:
        return best_path(self.config)

    def _read(self, trial, *flags: str) -> Config:
        from engine.config import read

        argv = [self.config.path, *self.flags, *flags_of(self.space, trial), *flags]
        config = read(argv)
        if len(config.run.tasks) == 1:
            return config.single_task(config.run.tasks[0], config.run.run)
        return with_baselines(config, self.config.comparison.baselines)


def prepare_search(config: Config, budget: int, tune_baselines: bool) -> Search:
    """Trains the baselines that are not there, and opens the study.

    Raises:
        UserError: see `utils.errors`.
    """
    folder = cfg_folder(config) / "search"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = build_data(config).tasks
    names = [task.name for task in tasks]
    flags = config.flags_without(SEARCH_OPTIONS)
    if len(tasks) == 1:
        objective = Objective({names[0]: None})
    elif given := given_potentials(config, tasks):
        objective = Objective(given.potential)
    else:
        paths = [_baseline_cfg(config, task, folder) for task in tasks]
        if tune_baselines:
            paths = [_tuned(path, budget, folder) for path in paths]
        config = with_baselines(config, paths)
        objective = Objective(_accuracies(config, tasks, folder))
    space, epochs = search_space(config, names), config.training.periods
    name = f"{config.run.loss.name}-{key_of(config.identity())[:8]}"
    study = Study(folder / "journal.log", name, start_of(space), epochs, budget)
    return Search(config, flags, folder, space, objective, study)


def run_trials(search: Search) -> None:
    """Runs trials until the budget is used."""
    study = search.study
    while True:
        with study.next_trial() as trial:
            if trial is None:
                return
            config = search.config_of(trial)
            ended = run_trial(config, trial, search.objective)
            study.end(trial, ended.value, ended.epochs, ended.pruned)
        said = "no gain can be told" if ended.value is None else f"{ended.value:.2f}"
        said = "pruned" if ended.pruned else ended.line or said
        searched = values_of(search.space, trial.params)
        values = ", ".join(f"{name} {value:.3g}" for name, value in searched.items())
        print(
            f"{study.used}/{study.budget} epochs  |  {run_name(trial)}: {said}  |  {values}",
            flush=True,
        )


def best_path(config: Config) -> Path:
    """The cfg that the search of a cfg ends with."""
    return cfg_folder(config) / "search" / f"{config.run.loss.name}.cfg"


def _baseline_cfg(config: Config, task: Task, folder: Path) -> Path:
    """The resolved cfg of a task's single-task network, in a file of its own, so that no option of
    a trial is about it."""
    path = folder / "baselines" / f"{task.file_name}.cfg"
    path.parent.mkdir(exist_ok=True)
    write_text(path, baseline_config(config, task).text())
    return path


def _tuned(path: Path, budget: int, folder: Path) -> Path:
    """The best cfg of a search for a single-task network."""
    from engine.config import read

    _run(
        Job(f"search {path.stem}", (str(path), "--mode", "search", "--budget", str(budget))), folder
    )
    config = read([str(path)])
    return best_path(config.single_task(config.run.tasks[0]))


def _accuracies(config: Config, tasks: Sequence[Task], folder: Path) -> dict[str, float]:
    """By task, the validation accuracy of its single-task network, which is trained where it is
    not there."""
    path = folder / "baselines" / "all.cfg"
    write_text(path, config.text())
    singles = single_tasks(config, tasks)
    if not all(map(find_finished, singles.values())):
        _run(Job("baselines", (str(path), "--mode", "baselines")), folder)
    return {
        task.name: find_finished(singles[task.name]).finished().validation[task.accuracy]
        for task in tasks
    }


def _run(job: Job, folder: Path) -> None:
    """Runs a command of the search, and tells where it fails."""
    print(f"{job.name} …", flush=True)
    output = folder / f"{job.file_name}.log"
    process = start_process(job, output, {})
    with ended_together(process):
        status = process.wait()
    if status:
        raise UserError(f"{job.name}: {last_line(output)}")
