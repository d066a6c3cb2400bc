"""Tables of results: a run against its baselines, and a test."""

from __future__ import annotations

from engine.runs.deltas import DEFINITIONS
from engine.runs.results import Results
from engine.training.evaluation import Evaluation
from engine.training.progress import duration
from tasks import task_class
from utils.text import aligned

MULTI_TASK, SINGLE_TASK = "multi-task", "single-task"
_LITTLE = 0.05  # of an accuracy


def results_table(results: Results) -> str:
    """The table of a run: the metrics of each task, its accuracy metric first, by the constant
    prediction, the single-task network and this one. Below it stands what Δ is made of, which
    network has learnt nothing, and which metric was never measured."""
    rows = comparison_rows(results)
    notes = [*unlearnt(results), *unmeasured(results)]
    parts = [_title(results), aligned(rows), _closing(results), notes]
    return "\n\n".join("\n".join(part) for part in parts if part)


def comparison_rows(results: Results) -> list[list[str]]:
    """The rows of that table, with its header."""
    multi = results.is_compared
    header = ["", "", "constant", *([SINGLE_TASK, MULTI_TASK, "Δ"] if multi else ["network"])]
    rows = [header]
    for task in results.tasks:
        kind = task_class(task)
        for name in sorted(results.metrics[task], key=lambda name: name != kind.accuracy):
            in_gain = "*" if multi and name in results.metrics_in_delta[task] else ""
            arrow = "↑" if kind.metrics[name] > 0 else "↓"
            row = [task if name == kind.accuracy else "", f"{name} {arrow}{in_gain}"]
            row.append(kind.format_metric(name, results.constant.get(task, {}).get(name)))
            if multi:
                row.append(kind.format_metric(name, results.baseline.get(task, {}).get(name)))
            row.append(kind.format_metric(name, results.metrics[task][name]))
            if multi:
                row.append(_percent(results.gain(task, name)))
            rows.append(row)
    return rows


def unlearnt(results: Results) -> list[str]:
    """A line for each task of which a network has learnt next to nothing; see
    :func:`unlearnt_tasks`."""
    lines = []
    for network, task in unlearnt_tasks(results):
        kind = task_class(task)
        metrics = results.baseline if network == SINGLE_TASK else results.metrics
        constant = results.constant.get(task, {}).get(kind.accuracy)
        called = f"{network} network" if results.is_compared else "network"
        line = f"note: the {called} has learnt next to nothing of {task}"
        line += f": {kind.format_accuracy(metrics[task][kind.accuracy])}"
        if constant is not None:
            line += f", and {kind.format_metric(kind.accuracy, constant)} without the image"
        lines.append(line + ("; its Δ means little" if results.is_compared else ""))
    return lines


def unlearnt_tasks(results: Results) -> list[tuple[str, str]]:
    """The networks, 'multi-task' (which the run's own is called) or 'single-task', and tasks of
    which they have learnt next to nothing: the accuracy is not above that of the constant
    prediction, or not above 5 %."""
    networks = {MULTI_TASK: results.metrics}
    if results.is_compared and not results.potential_given:
        networks[SINGLE_TASK] = results.baseline
    pairs = []
    for task in results.tasks:
        accuracy = task_class(task).accuracy
        least = max(results.constant.get(task, {}).get(accuracy) or 0, _LITTLE)
        for network, metrics in networks.items():
            value = metrics.get(task, {}).get(accuracy)
            if value is not None and value <= least:
                pairs.append((network, task))
    return pairs


def unmeasured(results: Results) -> list[str]:
    """A line for each task of which Δ lacks a metric of the run or of its baseline."""
    if not results.is_compared:
        return []
    why = (
        "the potentials given are accuracies alone"
        if results.potential_given
        else "an earlier version has tested the run or its baseline; the same command tests their "
        "best networks anew where their results.json is removed"
    )
    lines = []
    for task, metrics in results.metrics_in_delta.items():
        known = results.metrics[task].keys() & results.baseline.get(task, {}).keys()
        if missing := [name for name in metrics if name not in known]:
            lines.append(f"note: no Δ of {task}, for lack of {', '.join(missing)}: {why}")
    return lines


def metrics_table(evaluation: Evaluation) -> str:
    """All metrics of a test, and each task's metric by class."""
    rows = []
    for task, metrics in evaluation.metrics.items():
        kind = task_class(task)
        rows += [[task, name, kind.format_metric(name, value)] for name, value in metrics.items()]
        of_class = kind.accuracy  # a share as well
        rows += [
            [task, name, kind.format_metric(of_class, value)]
            for name, value in evaluation.per_class[task].items()
        ]
    return "\n".join(aligned(rows))


def _title(results: Results) -> list[str]:
    loss = f"{results.described_loss}, " if results.is_compared else ""
    tested = ", ".join(f"{task} {images}" for task, images in results.test_images.items())
    chosen = f"the {results.selected_on} set"
    if results.selection_images is not None:
        chosen = f"{results.selection_images} images of {chosen}"
    return [
        f"{results.cfg}: {loss}seed {results.seed}, {results.device}",
        f"network: of {results.best_place}, the best on {chosen}",
        f"measured on the test set, labelled images: {tested}",
    ]


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
    if results.pseudo_labels is not None:
        numbers = (f"{task} {number:,}" for task, number in results.pseudo_labels.items())
        rows.insert(0, ["pseudo-labels", ", ".join(numbers) or "none: no label is missing"])
    if results.is_compared:
        against = "the potentials given" if results.potential_given else "the baselines"
        gain = f"{_percent(results.delta_mtl)} against {against}, {DEFINITIONS[results.definition]}"
        rows.insert(0, ["Δ_MTL", f"{gain} (delta_metrics = {results.definition})"])
    return aligned(rows)


def _percent(gain: float | None) -> str:
    return "–" if gain is None else f"{gain:+.2f} %"
