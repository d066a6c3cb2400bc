"""What a reader of a report should know before any number: a function a warning, in plain words.

Each function returns sentences that name the rows or runs they are about; none where all is well.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from engine.modes.report.experiments import Experiment, Row
from engine.modes.report.runs import ReportRun
from engine.modes.report.settings import LOSS, Settings, settings_of
from engine.runs.history import accuracies, last_gain
from engine.runs.tables import MULTI_TASK, SINGLE_TASK, unlearnt_tasks
from utils.errors import ConfigError

_LITTLE = 0.1  # points of an accuracy, where one seed says nothing of its noise
_NAMED = 5  # classes, before the rest is counted


def warnings_of(experiment: Experiment) -> list[str]:
    """All warnings about an experiment."""
    return [sentence for warn in _WARNINGS for sentence in warn(experiment)]


def one_seed(experiment: Experiment) -> list[str]:
    rows = [row for row in experiment.rows if len(row.runs) == 1]
    return [f"One seed only, which says nothing of noise: {_rows(rows)}."] if rows else []


def other_seeds(experiment: Experiment) -> list[str]:
    """Rows that are compared by fewer seeds than they have."""
    by_seeds = _grouped((tuple(row.by_seed), row.name) for row in experiment.rows)
    if len(by_seeds) < 2:
        return []
    parts = (
        f"{', '.join(map(str, seeds))} ({', '.join(names)})" for seeds, names in by_seeds.items()
    )
    return [f"The rows have other seeds: {'; '.join(parts)}. Only common ones are compared."]


def repeated(experiment: Experiment) -> list[str]:
    """Runs that are left out."""
    if not experiment.repeats:
        return []
    names = ", ".join(str(run.folder.path) for run in experiment.repeats)
    return [f"Left out, as another run has the same options and seed: {names}."]


def chosen_on_test(experiment: Experiment) -> list[str]:
    rows = _where(experiment, lambda run: run.results.selected_on == "test")
    if not rows:
        return []
    return [
        "The validation set was the test set, so that the best epoch was chosen by the numbers "
        f"shown, which flatters them: {_rows(rows)}."
    ]


def given_potentials(experiment: Experiment) -> list[str]:
    rows = _where(experiment, lambda run: bool(run.results.potential_given))
    if not rows:
        return []
    return [
        "Compared with accuracies that the cfg gives, and with no single-task network: "
        f"{_rows(rows)}."
    ]


def still_improving(experiment: Experiment) -> list[str]:
    """Tasks whose accuracy on the validation images gained more over the last quarter of the
    training than the seeds differ by; of one seed, more than a tenth of a point."""
    parts = []
    for name, runs in (
        *((row.name, dict.fromkeys(experiment.tasks, row.runs)) for row in experiment.rows),
        (SINGLE_TASK, experiment.singles),
    ):
        gains = ((task, _last_gain(of_task, task)) for task, of_task in runs.items())
        if gained := [f"{task} +{gain:.1f}" for task, gain in gains if gain is not None]:
            parts.append(f"{name} ({', '.join(gained)})")
    if not parts:
        return []
    return [
        "Still improving when the training ended, by so many points of accuracy over its last "
        f"quarter: {', '.join(parts)}. Longer trainings may give another order."
    ]


def diverged(experiment: Experiment) -> list[str]:
    """Steps that were undone, and losses that ended above where they began."""
    skipped = [
        f"{_run(row, run)} ({run.results.skipped_steps})"
        for row in experiment.rows
        for run in row.runs
        if run.results.skipped_steps
    ]
    rising = [
        f"{_run(row, run)} ({', '.join(tasks)})"
        for row in experiment.rows
        for run in row.runs
        if (tasks := [task for task in experiment.tasks if _rises(run, task)])
    ]
    sentences = []
    if skipped:
        sentences.append(f"Steps were undone, as a loss was not a number: {', '.join(skipped)}.")
    if rising:
        sentences.append(
            f"A training loss was higher in the last epoch than in the first: {', '.join(rising)}."
        )
    return sentences


def unlearnt(experiment: Experiment) -> list[str]:
    """Networks that are no better than a prediction that does not look at the image."""
    networks = _grouped(
        (task, _run(row, run) if network == MULTI_TASK else f"{network} seed {run.seed}")
        for row in experiment.rows
        for run in row.runs
        for network, task in unlearnt_tasks(run.results)
    )
    return [
        f"Next to nothing of {task} has been learnt by {', '.join(names)}: the accuracy is below "
        "5 %, or not above that of a prediction that does not look at the image, so Δ means little."
        for task, names in networks.items()
    ]


def classes_never_right(experiment: Experiment) -> list[str]:
    """Classes whose metric is 0 where others are above 0, in every seed of a row."""
    sentences = []
    for task in experiment.tasks:
        missed = {row.name: classes for row in experiment.rows if (classes := _missed(row, task))}
        if missed:
            parts = (f"{name} ({_some(classes)})" for name, classes in missed.items())
            sentences.append(f"Classes of {task} that were never right: {', '.join(parts)}.")
    return sentences


def not_searched_for(experiment: Experiment) -> list[str]:
    rows = _where(experiment, lambda run: not _is_searched(run))
    if not rows:
        return []
    which = "any row" if len(rows) == len(experiment.rows) else _rows(rows)
    return [f"The learning rate was not searched for by --mode search: {which}."]


def other_machines(experiment: Experiment) -> list[str]:
    """Devices, versions and precisions in which the runs differ."""
    sentences = []
    for noun, attribute in (("devices", "device"), ("versions of PyTorch", "torch"),
                            ("precisions", "precision")):  # fmt: skip
        groups = _grouped(
            (getattr(run.results, attribute), row.name)
            for row in experiment.rows
            for run in row.runs
        )
        if len(groups) > 1:
            parts = (f"{value} ({', '.join(names)})" for value, names in groups.items())
            sentences.append(f"Several {noun}: {'; '.join(parts)}.")
    return sentences


def other_baselines(experiment: Experiment) -> list[str]:
    """Runs of one seed that were compared with different single-task networks."""
    sentences = []
    for seed in experiment.seeds:
        groups = _grouped(
            (str(sorted(run.results.baseline.items())), row.name)
            for row in experiment.rows
            if (run := row.by_seed.get(seed)) and run.results.baseline
        )
        if len(groups) > 1:
            parts = " against ".join(", ".join(names) for names in groups.values())
            sentences.append(f"Seed {seed} has several single-task networks: {parts}.")
    if not sentences:
        return []
    return [*sentences, "Where these differ, so does what Δ is relative to."]


_WARNINGS: Sequence[Callable[[Experiment], list[str]]] = (
    one_seed,
    other_seeds,
    repeated,
    chosen_on_test,
    given_potentials,
    still_improving,
    diverged,
    unlearnt,
    classes_never_right,
    not_searched_for,
    other_machines,
    other_baselines,
)


def _last_gain(runs: Sequence[ReportRun], task: str) -> float | None:
    """The mean last gain of some seeds; None where it is no more than their noise."""
    seeds = [values for run in runs if (values := accuracies(run.epochs, task))]
    if not seeds:
        return None
    gain = statistics.fmean(map(last_gain, seeds))
    last = [values[-1] for values in seeds]
    noise = statistics.stdev(last) if len(last) > 1 else _LITTLE
    return gain if gain > noise else None


def _rises(run: ReportRun, task: str) -> bool:
    """Whether a task's training loss ended above its first epoch, or as no number."""
    losses = [loss for loss in run.epochs.get(f"loss {task}", ()) if loss == loss]
    return len(losses) > 1 and losses[-1] > losses[0]


def _missed(row: Row, task: str) -> list[str]:
    """The classes that no seed of a row has got right; none where no class was."""
    seeds = [run.results.per_class.get(task, {}) for run in row.runs]
    classes = [name for name in seeds[0] if name.removesuffix(" AP50") not in {*seeds[0]} - {name}]
    missed = [name for name in classes if all(of_seed.get(name) == 0 for of_seed in seeds)]
    return missed if len(missed) < len(classes) else []


def _is_searched(run: ReportRun) -> bool:
    """Whether a run has the options that `--mode search` found: its cfg is the one that the search
    has written, or the one beside it gives the same."""
    loss = run.results.loss
    if Path(run.results.cfg).parts[-2:] == ("search", f"{loss}.cfg"):
        return True
    path = run.folder.path.parents[1] / "search" / f"{loss}.cfg"
    if not path.is_file():
        return False
    try:
        found = settings_of(path.read_text("utf-8"))
    except (ConfigError, ValueError):
        return False
    return _searched(found) == _searched(run.settings)


def _searched(settings: Settings) -> dict:
    """What a search varies, of some options."""
    return {
        key: value
        for key, value in settings.items()
        if key[1] in ("lr", "weight_decay") or key[0].startswith(LOSS)
    }


def _where(experiment: Experiment, is_so: Callable[[ReportRun], bool]) -> list[Row]:
    """The rows of which this is so of a run."""
    return [row for row in experiment.rows if any(map(is_so, row.runs))]


def _rows(rows: Iterable[Row]) -> str:
    return ", ".join(row.name for row in rows)


def _run(row: Row, run: ReportRun) -> str:
    return f"{row.name} seed {run.seed}"


def _some(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _grouped(pairs: Iterable[tuple]) -> Mapping:
    """The names under each value, each once."""
    groups: dict = {}
    for value, name in pairs:
        groups.setdefault(value, {})[name] = None
    return {value: list(names) for value, names in groups.items()}
