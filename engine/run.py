"""One run: train a network, test its best checkpoint, write down what was found."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch

import losses
from engine import checkpoint
from engine.baselines import Baselines
from engine.data import Data
from engine.evaluator import evaluate
from engine.network import make_network
from engine.optimizer import learning_rate
from engine.pictures import draw_results
from engine.report import results_table
from engine.results import comparison, run_results, without_nan
from engine.run_folder import RunFolder, write_text
from engine.teachers import Teachers
from engine.trainer import Trainer
from losses.objective import Objective
from models import Network
from tasks import Task
from utils.config import Config
from utils.errors import ConfigError


def train_run(
    config: Config,
    data: Data,
    folder: RunFolder,
    device: torch.device,
    baselines: Baselines | None = None,
) -> dict:
    """Trains the cfg's network as far as the folder's last checkpoint leaves to do, tests the best
    checkpoint, and writes and prints the results, which it returns.

    Args:
        baselines: what a multi-task network is compared with; None for a single-task one.
    """
    torch.manual_seed(config.seed)
    # Weights that the last checkpoint will replace need not be downloaded.
    pretrained = "false" if folder.last.exists() else config.pretrained
    network = make_network(config, {task.name: task.head for task in data.tasks}, pretrained)
    objective = _objective(config, data.tasks, baselines)
    teachers = _teachers(config, network, data.tasks, objective, baselines, device)
    trainer = Trainer(config, network, data, objective, folder, device, teachers)
    objective.log = trainer.records.log
    _announce(trainer, baselines)
    trainer.fit()

    best = checkpoint.load(folder.best, device)
    network.load_state_dict(best["network"])
    found = evaluate(network, data.tasks, trainer.test_loader(data.test), device, trainer.precision)
    results = run_results(trainer, best, found)
    if baselines:
        results |= comparison(data.tasks, found, baselines)
    draw_results(network, data.test, device, folder.pictures)
    write_text(folder.results, json.dumps(without_nan(results), indent=2) + "\n")
    trainer.records.log(f"\n{results_table(results)}\n\n{folder.results}\n")
    return results


def _objective(config: Config, tasks: Sequence[Task], baselines: Baselines | None) -> Objective:
    try:
        return losses.build(
            config.loss,
            [task.name for task in tasks],
            potential=baselines.potential if baselines else None,
            options=config.method_options(),
            seed=config.seed,
        )
    except ConfigError as reason:
        raise config.error("loss", str(reason)) from None


def _teachers(
    config: Config,
    network: Network,
    tasks: Sequence[Task],
    objective: Objective,
    baselines: Baselines | None,
    device: torch.device,
) -> Teachers | None:
    if not objective.needs_teachers:
        return None
    return Teachers(config, network, tasks, baselines.networks, objective.distance_weight, device)


def _announce(trainer: Trainer, baselines: Baselines | None) -> None:
    data, log = trainer.data, trainer.records.log
    labels = ", ".join(f"{t.name} {len(data.train.labelled_for(t))}" for t in data.tasks)
    log(f"{trainer.folder.path}")
    log(
        f"{len(data.train)} training images (labelled: {labels}), {len(data.val)} to validate on, "
        f"{len(data.test)} to test on; {trainer.device}, {trainer.precision.name}, learning rate "
        f"{learning_rate(trainer.config):.3g}"
    )
    if baselines:
        log("potentials: " + ", ".join(f"{n} {p:.4f}" for n, p in baselines.potential.items()))
    if trainer.teachers:
        paths = {name: single.folder.path for name, single in baselines.networks.items()}
        log("teachers: " + ", ".join(f"{name} {path}" for name, path in paths.items()))
