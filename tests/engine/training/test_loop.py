"""The training of a run, with every loss, on batches that are labelled in part."""

import csv
import itertools
import math

import pytest
import torch

from engine.runs.network import declared_tasks
from losses import LOSSES
from losses.presets import DistilledLoss
from tests.running import interrupt_in_the_second_epoch, make_loop
from utils.errors import UserError


@pytest.fixture
def make_trainer(make_config, make_teachers, partial, tmp_path):
    def make(loss="amtl", *options, folder=None):
        config = make_config(partial, "--loss", loss, *options)
        teachers = None
        if issubclass(config.run.loss.part, DistilledLoss):
            teachers = make_teachers(config, declared_tasks(config))
        return make_loop(config, tmp_path / (folder or loss), teachers)

    return make


def is_taught(trainer):
    return bool(trainer.step.task_losses.components())


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_on_partially_annotated_batches(make_trainer, loss):
    trainer = make_trainer(loss)
    names = list(trainer.objective.tasks)
    for epoch in (1, 2):
        before = [p.detach().clone() for p in trainer.network.parameters()]
        shares = iter(list(trainer.train_loader.epoch(epoch))[: 2 * trainer.parts])
        for parts in zip(*[shares] * trainer.parts, strict=True):
            result = trainer.step(list(parts) if trainer.parts > 1 else parts[0], 1)
            active = {name for name in names if any(p.labelled[name].any() for p in parts)}
            assert set(result) == (set(names) if is_taught(trainer) else active)
            assert all(math.isfinite(value.item()) for value in result.values())
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
    only_depth = {name: torch.zeros(4, dtype=torch.bool) for name in trainer.objective.tasks}
    only_depth["depth"][:] = True
    batch.labelled = only_depth
    heads = {
        t: [p.detach().clone() for p in trainer.network.task_parameters(t)] for t in only_depth
    }
    assert set(trainer.step(batch, 1)) == {"depth"}
    for task, before in heads.items():
        after = trainer.network.task_parameters(task)
        same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert same == (task != "depth")


def test_divergence_is_told_in_one_line(make_trainer):
    trainer = make_trainer(
        "weighted-sum", "--optimizer", "sgd", "--lr", "1e9", "--warmup_epoch", "0"
    )
    with pytest.raises(
        UserError, match=r"training diverged in epoch 1: the loss of \w+ was not a number in step"
    ):
        trainer.run()


def test_the_average_follows_the_weights_and_is_what_is_tested(make_trainer):
    trainer = make_trainer("weighted-sum", "--ema", "--ema_momentum", "0.5")
    trainer.run()
    saved = torch.load(trainer.folder.best, weights_only=True)["network"]
    mean = trainer.averaged.module.state_dict()
    mine = trainer.network.state_dict()
    key = next(iter(mine))
    assert all(torch.equal(saved[name], mean[name]) for name in saved)
    assert not torch.equal(mine[key], mean[key])
    torch.testing.assert_close(mine[key], mean[key], atol=0.05, rtol=0)


def weights_of(trainer):
    return torch.load(trainer.folder.last, weights_only=True)["network"]


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("loss", ["rlw", "graddrop", "pcgrad", "kd-mtl", "sel-update"])
def test_looking_at_the_gradients_changes_nothing(make_trainer, loss):
    states = []
    for wanted in (False, True):
        trainer = make_trainer(loss)
        for batch in list(trainer.train_loader.epoch(1))[:3]:
            statistics = {} if wanted else None
            trainer.step(batch, 1, statistics)
            assert not wanted or statistics["condition"] >= 1
            if wanted and is_taught(trainer):
                assert "norm/detection" in statistics, "every task is active in every batch"
        states.append(trainer.network.state_dict())
    assert same(*states)


@pytest.mark.parametrize("loss", ["sel-update", pytest.param("kd-amtl", marks=pytest.mark.slow)])
def test_a_run_that_is_cut_off_goes_on_to_the_last_digit(make_trainer, loss):
    options = ("--max_epoch", "2", "--diagnose", "3")
    whole = make_trainer(loss, *options)
    whole.run()
    stopped = make_trainer(loss, *options, folder="stopped")
    interrupt_in_the_second_epoch(stopped)
    resumed = make_trainer(loss, *options, folder="stopped")
    resumed.run()
    assert same(weights_of(resumed), weights_of(whole))
    for table in ("gradients", "affinity"):
        paths = [getattr(trainer.folder, table) for trainer in (whole, resumed)]
        assert [path.exists() for path in paths] == [table == "gradients" or loss != "kd-amtl"] * 2
        if paths[0].exists():
            assert paths[0].read_text() == paths[1].read_text()
    with open(whole.folder.gradients, newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, 2 * len(whole.train_loader) + 1, 3))


def test_the_groups_are_told_when_they_change(make_trainer, capsys):
    trainer = make_trainer(
        "sel-update", "--first_batches", "2", "--affinity_decay", "0.5", "--max_epoch", "2"
    )
    trainer.run()
    said = [line for line in capsys.readouterr().out.splitlines() if "updated together" in line]
    with open(trainer.folder.affinity, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == 2 * list(trainer.objective.tasks)
    partitions = [[{0}, {1}, {2}]]
    for k in (0, 3):
        numbers = [row["group"] for row in rows[k : k + 3]]
        members = ({t for t in range(3) if numbers[t] == group} for group in set(numbers))
        partitions.append(sorted(members, key=min))
    changes = sum(a != b for a, b in itertools.pairwise(partitions))
    assert len(said) == changes > 0
    assert all("segmentation" in line and "depth" in line for line in said)


def flat_weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("loss", ["amtl", "nash-mtl", "graddrop", "grad-norm"])
def test_loss_scaling_changes_nothing_but_the_rounding(make_trainer, loss):
    """As on a GPU without bfloat16: gradients are unscaled before a rule or statistic sees them."""
    result = []
    for scale in (None, 1024.0):
        trainer = make_trainer(loss, "--optimizer", "sgd", "--lr", "8", "--clip_grad", "1")
        if scale:
            trainer.precision.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        before = flat_weights(trainer.network)
        statistics = {}
        trainer.step(next(iter(trainer.train_loader.epoch(1))), 1, statistics)
        result.append((flat_weights(trainer.network) - before, statistics))
    (plain, unscaled), (update, statistics) = result
    assert statistics == pytest.approx(unscaled, rel=1e-3)
    assert plain.norm() == pytest.approx(1.0, rel=1e-2), "as long as clip_grad allows"
    assert (update - plain).norm() < 1e-3
