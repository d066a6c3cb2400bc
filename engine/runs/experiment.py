"""The experiment: single-task baselines, the multi-task network, and how they compare."""

from __future__ import annotations

from pathlib import Path

import torch

from datasets.loader import Loader
from engine import baselines, checkpoint
from engine.cost import cost
from engine.data import Data, build_data, with_full_names
from engine.evaluator import Evaluation, evaluate
from engine.network import declared_tasks, make_network
from engine.precision import Precision
from engine.report import metrics_table, results_table
from engine.run import train_run
from engine.run_folder import RunFolder, checkpoint_to_use, find_finished, multi_task_folder
from utils.config import Config


def run_experiment(config: Config) -> dict:
    """Does what the cfg says, as far as it has not been done; prints and returns the results.

    Raises:
        UserError: something the user can mend; see `utils.errors`.
    """
    config = resolved(config)
    baselines.check_potential(config)
    folder = multi_task_folder(config)
    folder.check(config)
    if results := folder.finished():
        return _show(folder, results)
    device = choose_device(config)
    data = build_data(config)
    cost(config, {task.name: task.head for task in data.tasks})  # refuses what cannot be built
    if len(data.tasks) == 1:
        return _single_task(config, data, folder, device)
    given = baselines.given_potentials(config, data.tasks)
    with folder.claim(config):
        if results := folder.finished():
            return _show(folder, results)
        compared = given or baselines.trained_baselines(
            config, data.tasks, lambda *run: train_run(*run, device)
        )
        return train_run(config, data, folder, device, compared)


def _single_task(config: Config, data: Data, folder: RunFolder, device: torch.device) -> dict:
    """Trains a cfg with one task: a run, and at the same time a baseline for other cfgs."""
    found = find_finished(Path(config.runs), config.key(data.tasks[0].name))
    if found:
        return _show(found, found.finished())
    with folder.claim(config):
        return folder.finished() or train_run(config, data, folder, device)


def test_checkpoint(config: Config) -> Evaluation:
    """Evaluates a checkpoint (`ckpt`, else the run's best) on the test set, and prints all metrics,
    per class too.

    Raises:
        UserError: see `utils.errors`.
    """
    config = resolved(config)
    path = checkpoint_to_use(config, [task.name for task in declared_tasks(config)])
    state = checkpoint.load(path)
    device = choose_device(config)
    data = build_data(config)
    heads = {task.name: task.head for task in data.tasks}
    network = make_network(config, heads, pretrained="false").to(device)
    checkpoint.load_network(network, state["network"], path)
    loader = Loader(
        data.test,
        config.batch_size,
        training=False,
        workers=config.num_workers,
        pin=device.type == "cuda",
    )
    found = evaluate(network, data.tasks, loader, device, Precision(device, config.amp))
    print(f"{path}, on {len(data.test)} test images\n\n{metrics_table(found)}")
    return found


def choose_device(config: Config) -> torch.device:
    """The device of the run: the only place where one is chosen.

    Raises:
        ConfigError: the device that the cfg names is not there.
    """
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise config.error("device", f"there is no device {config.device!r} here") from None
    return device


def resolved(config: Config) -> Config:
    """The cfg with all its names known. With one task every loss is that task's own."""
    config = with_full_names(config)
    alone = len(config.tasks) == 1
    return config.replace(loss=baselines.LOSS, method_values={}) if alone else config


def _show(folder: RunFolder, results: dict) -> dict:
    print(f"{folder.path} is done; its results:\n\n{results_table(results)}\n", flush=True)
    return results
