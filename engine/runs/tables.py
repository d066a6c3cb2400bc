"""The end of a run: what it says of each task against its baseline."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from engine.evaluator import Evaluation
from engine.progress import duration
from tasks import KINDS


def relative_gain(value: float, baseline: float, sign: int) -> float | None:
    """By how many percent of the baseline a metric is better, positive = better; `sign` is -1 where
    lower is better (Maninis et al., CVPR 2019). None where the baseline is 0 or not a number."""
    if not baseline or not math.isfinite(baseline) or not math.isfinite(value):
        return None
    return sign * 100 * (value - baseline) / abs(baseline)


def mean_gain(gains: Sequence[float | None]) -> float | None:
    """Δ_MTL, the mean over tasks; None where a task has no gain."""
    if not gains or any(gain is None for gain in gains):
        return None
    return sum(gains) / len(gains)


def results_table(results: dict) -> str:
    """The table of a run: the metrics of each task, its accuracy metric first, by the constant
    prediction, the single-task network and this one."""
    multi = "delta" in results
    header = ["", "", "constant", *(["single-task", "multi-task", "Δ"] if multi else ["network"])]
    rows = [header]
    for task in results["tasks"]:
        kind = KINDS[task.partition(":")[0]]
        for name in sorted(results["metrics"][task], key=lambda name: name != kind.accuracy):
            sign = kind.metrics[name]
            value = results["metrics"][task][name]
            single = results.get("baseline", {}).get(task, {}).get(name)
            row = [task if name == kind.accuracy else "", f"{name} {'↑' if sign > 0 else '↓'}"]
            row.append(_shown(sign, results["constant"].get(task, {}).get(name)))
            if multi:
                row.append(_shown(sign, single))
            row.append(_shown(sign, value))
            if multi:
                gain = None if single is None else relative_gain(value, single, sign)
                row.append(_percent(gain))
            rows.append(row)
    return "\n".join([_title(results), "", *aligned(rows), "", *_closing(results)])


def metrics_table(found: Evaluation) -> str:
    """All metrics of a test, and each task's metric by class."""
    rows = [
        [task, name, f"{value:.4f}"]
        for task, metrics in found.metrics.items()
        for name, value in [*metrics.items(), *found.per_class[task].items()]
    ]
    return "\n".join(aligned(rows))


def sweep_table(runs: Sequence[dict]) -> str:
    """One table over the losses and seeds of a sweep: Δ of each task, Δ_MTL, time an epoch. Where a
    loss has several seeds, their mean follows."""
    tasks = runs[0]["tasks"]
    rows = [["loss", "seed", *(f"Δ {task}" for task in tasks), "Δ_MTL", "time an epoch"]]
    for loss in dict.fromkeys(run["loss"] for run in runs):
        own = [run for run in runs if run["loss"] == loss]
        rows += [_sweep_row(loss, str(run["seed"]), [run], tasks) for run in own]
        if len(own) > 1:
            rows.append(_sweep_row(loss, "mean", own, tasks))
    return "\n".join(aligned(rows))


def _sweep_row(loss: str, seed: str, runs: Sequence[dict], tasks: Sequence[str]) -> list[str]:
    gains = [mean_gain([run["delta"][task] for run in runs]) for task in tasks]
    overall = mean_gain([run["delta_mtl"] for run in runs])
    seconds = sum(run["seconds_per_epoch"] for run in runs) / len(runs)
    return [loss, seed, *map(_percent, gains), _percent(overall), duration(seconds)]


def _title(results: dict) -> str:
    loss = f"{results['loss']}, " if "delta" in results else ""
    return (
        f"{results['cfg']}: {loss}seed {results['seed']}, best of {results['epochs']} epochs "
        f"(epoch {results['best_epoch']} on the {results['selected_on']} set), {results['device']}"
    )


def _closing(results: dict) -> list[str]:
    single = results.get("single_task_networks") or {}

    def cost(key: str, unit: float, name: str) -> str:
        text = f"{results[key] / unit:.2f} {name}"
        if key in single:
            share = 100 * results[key] / single[key]
            text += (
                f", {share:.1f} % of the {single[key] / unit:.2f} {name} of the single-task ones"
            )
        return text

    pace = f"{duration(results['seconds_per_epoch'])} ({results['images_per_second']:.1f} images/s)"
    rows = [
        ["parameters", cost("parameters", 1e6, "M")],
        ["multiply-adds", cost("gmacs", 1, "G")],
        ["time an epoch", pace],
    ]
    if "delta" in results:
        against = "the potentials given" if results["potential_given"] else "the baselines"
        mean = f"{_percent(results['delta_mtl'])} against {against}, mean over tasks"
        rows.insert(0, ["Δ_MTL", mean])
    return aligned(rows)


def _shown(sign: int, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.2f} %" if sign > 0 else f"{value:.3f}"


def _percent(gain: float | None) -> str:
    return "–" if gain is None else f"{gain:+.2f} %"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns under one another: numbers to the right, words to the left."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"–|[+-]?\d[\d.]*( %)?", cell) is not None
