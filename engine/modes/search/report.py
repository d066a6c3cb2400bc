"""What a search has found: the best cfg, and the front of fixed weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.modes.search.space import Simplex, flags_of, start_of, values_of
from engine.modes.search.trial import read_epochs
from engine.runs.folder import run_folder
from tasks import task_class
from utils.files import write_text
from utils.text import aligned

if TYPE_CHECKING:
    import optuna

    from engine.modes.search.search import Search


def report(search: Search) -> int:
    """Writes the best cfg, prints how good it is, and returns the exit status."""
    trials = search.study.complete()
    if not trials:
        print("no trial was completed")
        return 1
    best = trials[0]
    write_text(search.best_path, search.best_config(best).text())
    rows = [["option", "the cfg", "best"]]
    starts = values_of(search.space, start_of(search.space))
    found = values_of(search.space, best.params)
    rows += [[name, f"{starts[name]:.4g}", f"{value:.4g}"] for name, value in found.items()]
    what = "mean gain on validation" if len(search.objective.accuracy) > 1 else "on validation"
    print("\n".join(["", *aligned(rows), "", f"{what}: {_value(search, best.value)}"]))
    if any(isinstance(dimension, Simplex) for dimension in search.space):
        print("\n".join(["", "front of fixed weights, on validation:", *_front(search, trials)]))
    print(f"\n{search.best_path}")
    return 0


def _value(search: Search, value: float) -> str:
    if len(search.objective.accuracy) > 1:
        return f"{value:+.2f} %"
    [task] = search.objective.accuracy
    return task_class(task).format_accuracy(value)


def _front(search: Search, trials: Sequence[optuna.trial.FrozenTrial]) -> list[str]:
    """A row for each trial that no other one beats in all tasks: the weights, the accuracies."""
    points = [(trial, _accuracies(search, trial)) for trial in trials]
    front = [point for point in points if not any(_beats(o[1], point[1]) for o in points)]
    tasks = list(search.objective.accuracy)
    [simplex] = [dimension for dimension in search.space if isinstance(dimension, Simplex)]
    rows = [[*(f"weight {task}" for task in tasks), *tasks]]
    for trial, accuracies in front:
        weights = flags_of([simplex], trial)[1:]
        shown = (task_class(t).format_accuracy(value) for t, value in accuracies.items())
        rows.append([*weights, *shown])
    return aligned(rows)


def _accuracies(search: Search, trial: optuna.trial.FrozenTrial) -> Mapping[str, float]:
    folder = run_folder(search.config_of(trial))
    return search.objective.accuracies(read_epochs(folder)[folder.finished().best_epoch - 1])


def _beats(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether a point is as good in all tasks and better in one."""
    return one != other and all(one[task] >= value for task, value in other.items())
