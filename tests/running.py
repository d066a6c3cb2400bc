"""Runs of a cfg, as tests want them."""

import pytest
import torch

from engine.runs import checkpoint
from engine.runs.data import build_data
from engine.runs.experiment import run_experiment
from engine.runs.folder import RunFolder
from engine.runs.network import make_network
from engine.training.log import Log
from engine.training.loop import Loop
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses
from losses.presets import DistilledLoss
from models.batch_norm import synchronise
from utils.ranks import ALONE

CPU = torch.device("cpu")


def run(config):
    """The contents of the `results.json` of an experiment."""
    return run_experiment(config).as_json()


def make_loop(config, path, teachers=None, ranks=ALONE, dtype=torch.float32):
    """The training of a cfg in a folder, with potentials of 0.5; of a loss that distils, with these
    checkpoints by task."""
    data = build_data(config)
    names = [task.name for task in data.tasks]
    folder = RunFolder(path)
    folder.path.mkdir(parents=True, exist_ok=True)
    log = Log(folder.log, ranks)
    loss = config.run.loss.build()
    objective = loss.objective(names, dict.fromkeys(names, 0.5), config.run.seed, log, ranks)
    torch.manual_seed(0)
    network = make_network(config, {task.name: task.head for task in data.tasks}).to(dtype)
    synchronise(network, ranks)
    precision, seed = Precision(CPU, False), config.run.seed
    task_losses = TaskLosses(network, data.tasks, precision, ranks, seed)
    if isinstance(loss, DistilledLoss):
        from engine.training.teachers import distilled_losses

        torch.manual_seed(1)
        task_losses = distilled_losses(
            task_losses, teachers, config.data.size, loss.distance_weight, loss.pseudo_label_weight
        )
        for module in (task_losses.distillation, *task_losses.teachers.networks.values()):
            module.to(dtype)
    header = checkpoint.header(config, data.tasks)
    return Loop(config, data, task_losses, objective, folder, header, log)


def save_untrained(config, task, path, seed=0):
    """Writes the checkpoint of an untrained single-task network, as a baseline's run would."""
    torch.manual_seed(seed)
    network = make_network(config, {task.name: task.head})
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {**checkpoint.header(config, [task]), "network": network.state_dict()}
    checkpoint.save(path, state)
    return path


def interrupt_in_the_second_epoch(loop):
    """Runs a loop until a key is pressed after its first epoch."""
    set_rate = loop.schedule.set

    def set_or_interrupt(step):
        if step > len(loop.train_loader):
            raise KeyboardInterrupt
        return set_rate(step)

    loop.schedule.set = set_or_interrupt
    with pytest.raises(KeyboardInterrupt):
        loop.run()
