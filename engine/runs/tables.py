"""Tables of results: a run against its baselines, a test, a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.runs.results import Results, mean_gain
from engine.training.evaluation import Evaluation
from engine.training.progress import duration
from tasks import task_class
from utils.text import aligned


def results_table(results: Results) -> str:
    """The table of a run: the metrics of each task, its accuracy metric first, by the constant
    prediction, the single-task network and this one."""
    rows = comparison_rows(results)
    return "\n".join([_title(results), "", *aligned(rows), "", *_closing(results)])


def comparison_rows(results: Results) -> list[list[str]]:
    """The rows of that table, with its header."""
    multi = results.is_compared
    header = ["", "", "constant", *(["single-task", "multi-task", "Δ"] if multi else ["network"])]
    rows = [header]
    for task in results.tasks:
        kind = task_class(task)
        for name in sorted(results.metrics[task], key=lambda name: name != kind.accuracy):
            sign = kind.metrics[name]
            row = [task if name == kind.accuracy else "", f"{name} {'↑' if sign > 0 else '↓'}"]
            row.append(_shown(sign, results.constant.get(task, {}).get(name)))
            if multi:
                row.append(_shown(sign, results.baseline.get(task, {}).get(name)))
            row.append(_shown(sign, results.metrics[task][name]))
            if multi:
                row.append(_percent(results.gain(task, name)))
            rows.append(row)
    return rows


def metrics_table(evaluation: Evaluation) -> str:
    """All metrics of a test, and each task's metric by class."""
    rows = [
        [task, name, f"{value:.4f}"]
        for task, metrics in evaluation.metrics.items()
        for name, value in [*metrics.items(), *evaluation.per_class[task].items()]
    ]
    return "\n".join(aligned(rows))


def sweep_table(
    runs: Sequence[Results], others: Sequence[tuple[Results, Sequence[str]]] = ()
) -> str:
    """One table over the losses and seeds of a sweep: Δ of each task, Δ_MTL, time an epoch. Where a
    loss has several seeds, their mean follows.

    Args:
        runs: the runs of the sweep.
        others: runs in the places of the sweep with other options, and these; they are named and
            enter no mean.
    """
    everything = [*runs, *(run for run, _ in others)]
    tasks = everything[0].tasks
    rows = [["loss", "seed", *(f"Δ {task}" for task in tasks), "Δ_MTL", "time an epoch"]]
    for loss in dict.fromkeys(run.loss for run in everything):
        same = [run for run in runs if run.loss == loss]
        rows += [_sweep_row(loss, str(run.seed), [run], tasks) for run in same]
        rows += [
            [loss, str(run.seed), *["–"] * (len(tasks) + 1), f"other options: {', '.join(names)}"]
            for run, names in others
            if run.loss == loss
        ]
        if len(same) > 1:
            rows.append(_sweep_row(loss, "mean", same, tasks))
    return "\n".join(aligned(rows))


def _sweep_row(loss: str, seed: str, runs: Sequence[Results], tasks: Sequence[str]) -> list[str]:
    gains = [mean_gain([run.delta[task] for run in runs]) for task in tasks]
    overall = mean_gain([run.delta_mtl for run in runs])
    seconds = sum(run.seconds_per_epoch for run in runs) / len(runs)
    return [loss, seed, *map(_percent, gains), _percent(overall), duration(seconds)]


def _title(results: Results) -> str:
    loss = f"{results.loss}, " if results.is_compared else ""
    return (
        f"{results.cfg}: {loss}seed {results.seed}, best of {results.epochs} epochs "
        f"(epoch {results.best_epoch} on the {results.selected_on} set), {results.device}"
    )


def _closing(results: Results) -> list[str]:
    single = results.single_task_networks or {}

    def cost(key: str, unit: float, name: str) -> str:
        value = getattr(results, key)
        text = f"{value / unit:.2f} {name}"
        if key in single:
            share = 100 * value / single[key]
            text += (
                f", {share:.1f} % of the {single[key] / unit:.2f} {name} of the single-task ones"
            )
        return text

    pace = f"{duration(results.seconds_per_epoch)} ({results.images_per_second:.1f} images/s)"
    rows = [
        ["parameters", cost("parameters", 1e6, "M")],
        ["multiply-adds", cost("gmacs", 1, "G")],
        ["time an epoch", pace],
    ]
    if results.is_compared:
        against = "the potentials given" if results.potential_given else "the baselines"
        gain = f"{_percent(results.delta_mtl)} against {against}, mean over tasks"
        rows.insert(0, ["Δ_MTL", gain])
    return aligned(rows)


def _shown(sign: int, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.2f} %" if sign > 0 else f"{value:.3f}"


def _percent(gain: float | None) -> str:
    return "–" if gain is None else f"{gain:+.2f} %"
