"""The trainer's step, with every loss, on batches that are labelled in part."""

import math

import pytest
import torch

import losses
from engine.data import build_data
from engine.network import make_network
from engine.run_folder import RunFolder
from engine.trainer import Trainer
from utils.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def make_trainer(make_config, partial, tmp_path):
    def make(loss="amtl", *options):
        config = make_config(partial, "--loss", loss, *options)
        data = build_data(config)
        names = [task.name for task in data.tasks]
        objective = losses.build(
            loss, names, potential=dict.fromkeys(names, 0.5), options=config.method_options()
        )
        torch.manual_seed(0)
        network = make_network(config, {task.name: task.head for task in data.tasks}, "false")
        folder = RunFolder(tmp_path / loss)
        folder.path.mkdir()
        return Trainer(config, network, data, objective, folder, CPU)

    return make


@pytest.mark.parametrize("loss", losses.PRESETS)
def test_every_loss_trains_on_partially_annotated_batches(make_trainer, loss):
    trainer = make_trainer(loss)
    names = trainer.names
    for epoch in (1, 2):
        before = [p.detach().clone() for p in trainer.network.parameters()]
        for batch in list(trainer.train_loader.epoch(epoch))[:2]:
            found = trainer.step(batch)
            present = {name for name in names if batch.labelled[name].any()}
            assert set(found) == present
            assert all(math.isfinite(value.item()) for value in found.values())
        trainer.objective.end_epoch()
        trainer.objective.evaluated({name: 0.1 + 0.1 * i for i, name in enumerate(names)})
        after = list(trainer.network.parameters())
        assert all(p.isfinite().all() for p in after)
        moved = sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert moved > 0.9 * len(after)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_batch_without_a_tasks_labels_leaves_its_head_alone(make_trainer, optimizer):
    trainer = make_trainer("weighted-sum", "--optimizer", optimizer)
    batch = next(b for b in trainer.train_loader.epoch(1))
    only_depth = {name: torch.zeros(4, dtype=torch.bool) for name in trainer.names}
    only_depth["depth"][:] = True
    batch.labelled = only_depth
    heads = {
        t: [p.detach().clone() for p in trainer.network.task_parameters(t)] for t in only_depth
    }
    assert set(trainer.step(batch)) == {"depth"}
    for task, before in heads.items():
        after = trainer.network.task_parameters(task)
        same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert same == (task != "depth")


def test_divergence_is_told_in_one_line(make_trainer):
    trainer = make_trainer(
        "weighted-sum", "--optimizer", "sgd", "--lr", "1e30", "--warmup_epoch", "0"
    )
    with pytest.raises(UserError, match=r"training diverged in epoch 1; lower --lr"):
        trainer.fit()


def test_the_average_follows_the_weights_and_is_what_is_tested(make_trainer):
    trainer = make_trainer("weighted-sum", "--ema", "--ema_momentum", "0.5")
    trainer.fit()
    saved = torch.load(trainer.folder.best, weights_only=True)["network"]
    mean = trainer.averaged.module.state_dict()
    own = trainer.network.state_dict()
    key = next(iter(own))
    assert all(torch.equal(saved[name], mean[name]) for name in saved)
    assert not torch.equal(own[key], mean[key])
    torch.testing.assert_close(own[key], mean[key], atol=0.05, rtol=0)
