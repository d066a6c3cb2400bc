"""One run: a network is trained and tested, and the results are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.runs import checkpoint
from engine.runs.baselines import Baselines, single_task
from engine.runs.constants import constant_metrics
from engine.runs.cost import network_cost
from engine.runs.data import Data
from engine.runs.decisions import dataset_lines
from engine.runs.device import choose_device, device_name, forget_peak_memory, peak_memory
from engine.runs.folder import RunFolder
from engine.runs.missing import label_missing
from engine.runs.network import freeze, make_network
from engine.runs.pictures import draw_results
from engine.runs.plan import Plan
from engine.runs.protocol import protocol_values, write_protocol
from engine.runs.restart import initial_checkpoint
from engine.runs.results import Results, mean
from engine.runs.tables import results_table
from engine.training.evaluation import evaluate
from engine.training.log import Log
from engine.training.loop import Loop
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses
from losses.presets import DistilledLoss
from models import Network
from models.batch_norm import synchronise
from models.compilation import compile_parts
from utils.errors import doing
from utils.ranks import Ranks

if TYPE_CHECKING:
    from engine.config import Config


def train_run(
    config: Config,
    data: Data,
    folder: RunFolder,
    ranks: Ranks,
    baselines: Baselines | None = None,
    *,
    plan: Plan,
) -> Results:
    """Trains the cfg's network as far as the folder's last checkpoint leaves to do, tests the best
    checkpoint, and writes and prints the results, which it returns.

    Args:
        ranks: the processes that train it together.
        baselines: what a multi-task network is compared with; None for a single-task one.
        plan: of the experiment.
    """
    with doing(f"{folder.path} was being trained and tested", folder.path):
        return _train_run(config, data, folder, ranks, baselines, plan)


def _train_run(config, data, folder, ranks, baselines, plan) -> Results:
    device = choose_device(config)
    forget_peak_memory(device)
    log = Log(folder.log, ranks)
    ranks.from_first(lambda: write_protocol(folder, data.kept_labels))
    pseudo_labels = label_missing(config, data, baselines, device, ranks, log)
    initial = ranks.from_first(lambda: initial_checkpoint(config, folder))
    # What the first process downloads is there for the others.
    network = ranks.first_before_others(lambda: _make_network(config, data, folder, initial, log))
    network.to(device)
    if config.training.channels_last:
        network.to(memory_format=torch.channels_last)
    with config.located():
        loss = config.run.loss.build()
        objective = loss.objective(
            [task.name for task in data.tasks],
            baselines.potential if baselines else None,
            config.run.seed,
            log,
            ranks,
        )
    if ranks.size > 1:
        synchronise(network, ranks)
    if config.training.compile:
        with config.located():
            compile_parts(network, loss.has_rule or bool(config.training.diagnose))
    precision = Precision(device, config.training.amp)
    weight = config.data.missing.build().weight
    task_losses = TaskLosses(network, data.tasks, precision, ranks, config.run.seed, weight)
    if isinstance(loss, DistilledLoss):
        from engine.training.teachers import distilled_losses

        task_losses = distilled_losses(
            task_losses,
            baselines.checkpoints,
            config.data.size,
            loss.distance_weight,
            loss.pseudo_label_weight,
        )
    header = checkpoint.header(config, data.tasks)
    later = plan.later_images(folder)
    loop = Loop(config, data, task_losses, objective, folder, header, log, later)
    log(f"{plan.title(folder)}: {folder.path}")
    _announce(config, data, precision, baselines, log)
    loop.run()
    return _test(config, data, folder, loop, baselines, initial, pseudo_labels, log)


def _make_network(config, data, folder, initial, log) -> Network:
    """The network of a run before its first step; a checkpoint may replace its weights."""
    torch.manual_seed(config.run.seed)
    # Weights that a checkpoint will replace need not be downloaded.
    pretrained = not (folder.has_state or initial)
    network = make_network(config, {task.name: task.head for task in data.tasks}, pretrained)
    freeze(config, network)
    if config.training.recompute:
        with config.located():
            network.backbone.recompute()
    if initial and not folder.has_state:
        _start_from(network, Path(initial["path"]), log)
    return network


def _start_from(network: Network, path: Path, log: Log) -> None:
    """Starts the weights of a run from a checkpoint."""
    anew = checkpoint.load_matching(network, checkpoint.load(path)["network"], path)
    log(f"the weights start from {path}" + (f"; new heads: {', '.join(anew)}" if anew else ""))


def _announce(config, data, precision, baselines, log) -> None:
    labels = ", ".join(f"{t.name} {len(data.train.labelled_for(t))}" for t in data.tasks)
    rate = config.training.optimizer.build().learning_rate(config.loading.batch_size)
    for line in (*dataset_lines(data), *data.notes):
        log(line)
    log(
        f"{len(data.train)} training images (labelled: {labels}), {len(data.val)} to validate on, "
        f"{len(data.test)} to test on; {precision.device}, {precision.name}, learning rate "
        f"{rate:.3g}"
    )
    if baselines:
        log(
            "potentials: "
            + "  ".join(
                f"{task.name} {task.format_accuracy(baselines.potential[task.name])}"
                for task in data.tasks
            )
        )
        if baselines.checkpoints and issubclass(config.run.loss.part, DistilledLoss):
            paths = (f"{name} {path.parent}" for name, path in baselines.checkpoints.items())
            log("teachers: " + ", ".join(paths))


def _test(config, data, folder, loop, baselines, initial, pseudo_labels, log) -> Results:
    """Tests the best checkpoint, and writes and prints the results."""
    ranks, network = loop.ranks, loop.network
    best = ranks.first_before_others(lambda: loop.keeper.load_best(loop.device))
    network.load_state_dict(best["network"])
    loader = data.test_loader(config, loop.device, ranks)
    evaluation = evaluate(network, data.tasks, loader, loop.precision, ranks, is_test=True)

    def report() -> Results:
        results = _results(config, data, loop, best, evaluation)
        results.initial_checkpoint, results.pseudo_labels = initial, pseudo_labels
        _compare(results, config, data, best, baselines)
        draw_results(network, data.test, loop.device, folder, loop.steps_done)
        results.write(folder.results)
        log(f"\n{results_table(results)}\n\n{folder.results}\n")
        return results

    return ranks.from_first(report)


def _compare(results: Results, config, data, best, baselines) -> None:
    """Adds to results what they are compared with, or what makes them a baseline of others."""
    if baselines:
        results.potential, results.potential_given = baselines.potential, baselines.cost is None
        results.compare(baselines.metrics, config.comparison.delta_metrics)
        if baselines.cost:
            results.single_task_networks = vars(baselines.cost)
        return
    single = single_task(config, data)
    results.validation = best["validation"][data.tasks[0].name]
    if not results.initial_checkpoint:
        results.identity, results.baseline_key = single.identity, single.key


def _results(config, data, loop, best, evaluation) -> Results:
    cost, history = network_cost(config, data.tasks), loop.state.history
    return Results(
        cfg=str(config.path),
        loss=config.run.loss.name,
        seed=config.run.seed,
        tasks=[task.name for task in data.tasks],
        metrics=evaluation.metrics,
        per_class=evaluation.per_class,
        accuracy=evaluation.accuracy(data.tasks),
        constant=constant_metrics(config, data, loop.device),
        selected_on=data.selected_on,
        selection_images=len(data.val),
        best_epoch=best["epoch"],
        epochs=loop.length.periods,
        best_iteration=loop.length.until(best["epoch"]) if loop.length.in_iterations else None,
        iterations=config.training.max_iterations or None,
        learning_rate=config.training.optimizer.build().learning_rate(config.loading.batch_size),
        seconds_per_epoch=mean(row["seconds"] for row in history),
        images_per_second=mean(row["images_per_second"] for row in history),
        parameters=cost.parameters,
        gmacs=cost.gmacs,
        train_images=len(data.train),
        train_labels={task.name: len(data.train.labelled_for(task)) for task in data.tasks},
        protocol=protocol_values(config),
        missing=config.data.missing.name,
        test_images={task.name: len(data.test.labelled_for(task)) for task in data.tasks},
        threads=torch.get_num_threads(),
        device=device_name(loop.device),
        peak_memory=peak_memory(loop.device),
        processes=loop.ranks.size,
        micro_batches=config.training.micro_batches,
        images_by_process=loop.shares.images,
        precision=loop.precision.name,
        torch=torch.__version__,
        options=config.text(),
        skipped_steps=loop.skipped.count if loop.skipped else None,
    )
