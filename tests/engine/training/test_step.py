"""A step: what it does to the weights, and what it leaves alone."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import losses
from datasets.base import Sample, Split
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from engine.training.ema import MovingAverage
from engine.training.undo import SkippedSteps
from models import Network
from tests.engine.training.tiny import (
    SIZE,
    Head,
    Neck,
    Trunk,
    assert_same,
    make_batch,
    make_network,
    make_step,
    make_tasks,
    weights_of,
)
from tests.labels import label
from utils.errors import UserError

THREE = ("segmentation", "depth", "normal")


def test_a_step_is_gradient_descent_on_the_weighted_sum_of_the_mean_losses():
    tasks = make_tasks("segmentation", "depth")
    network, batch = make_network(tasks), make_batch(tasks, {"depth": [True, False, True, False]})
    batch.targets["depth"][0, :2] = 0  # no reading
    objective = losses.build(
        "weighted-sum", ["segmentation", "depth"], options={"loss_weight": (0.25, 0.75)}
    )
    predictions = network(float_images(batch))
    segmentation = F.cross_entropy(
        predictions["segmentation"], batch.targets["segmentation"].long(), label_smoothing=0.0
    )
    depth, target = predictions["depth"][[0, 2], 0], batch.targets["depth"][[0, 2]]
    depth = (depth - target)[target > 0].abs().mean()
    names, parameters = zip(*network.named_parameters(), strict=True)
    gradients = torch.autograd.grad(0.25 * segmentation + 0.75 * depth, parameters)
    expected = {
        name: parameter.detach() - 0.1 * gradient
        for name, parameter, gradient in zip(names, parameters, gradients, strict=True)
    }
    result = make_step(network, tasks, objective)(batch, 1)
    assert_same(weights_of(network), expected)
    assert result["segmentation"].item() == pytest.approx(segmentation.item(), rel=1e-5)
    assert result["depth"].item() == pytest.approx(depth.item(), rel=1e-5)


def test_a_gradient_longer_than_the_limit_is_shortened():
    tasks = make_tasks()
    network, batch = make_network(tasks), make_batch(tasks)
    before = torch.cat([p.detach().flatten() for p in network.parameters()])
    make_step(network, tasks, losses.build("weighted-sum", THREE), clip_grad=0.01)(batch, 1)
    after = torch.cat([p.detach().flatten() for p in network.parameters()])
    assert (after - before).norm() == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_the_losses_are_those_before_the_first_update_of_several():
    tasks = make_tasks()
    batch = make_batch(tasks)
    plain = make_step(make_network(tasks), tasks, losses.build("weighted-sum", THREE))(batch, 1)
    objective = losses.build("sel-update", THREE, options={"first_batches": 5})
    assert len(objective.grouping) == 3
    assert_same(make_step(make_network(tasks), tasks, objective)(batch, 1), plain)


@pytest.mark.parametrize("loss", ["weighted-sum", "mgda", "sel-update"])
def test_a_batch_without_a_label_changes_nothing(loss):
    tasks = make_tasks()
    network = make_network(tasks)
    objective = losses.build(loss, THREE)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    step = make_step(network, tasks, objective, optimizer)
    step(make_batch(tasks), 1)
    weights, state = weights_of(network), objective.state_dict()
    assert step(make_batch(tasks, dict.fromkeys(THREE, [False] * 4)), 2) == {}
    assert_same(weights_of(network), weights)
    assert str(objective.state_dict()) == str(state)


@pytest.fixture
def files(tmp_path):
    """The files of two images by task type, with depth maps that have no reading."""
    rng = np.random.default_rng(0)
    computed = []
    for k in range(2):
        paths = {name: tmp_path / f"{name}{k}.npy" for name in ("depth", "normal")}
        paths |= {name: tmp_path / f"{name}{k}.png" for name in ("image", "segmentation")}
        cv2.imwrite(str(paths["image"]), rng.integers(0, 256, (*SIZE, 3), np.uint8))
        cv2.imwrite(str(paths["segmentation"]), rng.integers(0, 3, SIZE, np.uint8))
        vectors = rng.normal(size=(*SIZE, 3)).astype(np.float32)
        np.save(paths["normal"], vectors / np.linalg.norm(vectors, axis=2, keepdims=True))
        np.save(paths["depth"], np.zeros(SIZE, np.float32))
        computed.append(paths)
    return computed


def batch_of_files(tasks, files, labelled):
    """The batch of two images with the labels of some tasks."""
    samples = [
        Sample(
            paths["image"], {t.name: label(t, paths[t.name]) for t in tasks if t.name in labelled}
        )
        for paths in files
    ]
    split = Split("rooms", tuple(samples), {"segmentation": tasks[0].classes})
    data = MultiTaskDataset([split], tasks, SIZE)
    return data.collate([data[0, 0], data[0, 1]])


@pytest.mark.parametrize("loss", ["amtl", "geometric", "mgda", "famo", "grad-norm", "uw"])
def test_depth_maps_without_a_reading_are_as_no_depth_maps(loss, files):
    """A loss of 0 would all but stop the shared layers under a geometric mean or MGDA."""
    tasks, states = make_tasks(), []
    for labelled in (THREE, ("segmentation", "normal")):
        network = make_network(tasks)
        objective = losses.build(loss, THREE, potential=dict.fromkeys(THREE, 0.5))
        step = make_step(network, tasks, objective)
        step(make_batch(tasks), 1)
        before = weights_of(network)
        active = step(batch_of_files(tasks, files, labelled), 2)
        assert set(active) == {"segmentation", "normal"}
        after = weights_of(network)
        moved = {name: (after[name] - before[name]).norm().item() for name in after}
        assert moved["backbone.layer.weight"] > 1e-4
        assert moved["heads.depth.layer.weight"] == 0
        states.append(after | {"task weights": torch.tensor(list(objective.weights.values()))})
    assert_same(*states, atol=0, rtol=0)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_loss_that_is_not_a_number_updates_nothing_from_then_on(optimizer):
    tasks = make_tasks()
    network = make_network(tasks)
    average = MovingAverage(network, 0.5)
    make_optimizer = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[optimizer]
    step = make_step(
        network,
        tasks,
        losses.build("weighted-sum", THREE),
        make_optimizer(network.parameters(), lr=0.1),
        averaged=average,
    )
    step(make_batch(tasks), 1)
    good, good_average = weights_of(network), weights_of(average)
    network.heads["depth"].layer.bias.data.fill_(float("nan"))
    step(make_batch(tasks), 2)
    network.heads["depth"].layer.bias.data.copy_(good["heads.depth.layer.bias"])
    step(make_batch(tasks), 3)
    assert_same(weights_of(network), good, atol=0, rtol=0)
    assert_same(weights_of(average), good_average, atol=0, rtol=0)
    assert step.divergence.reason(network) == "the loss of depth was not a number in step 2"


class DroppingTrunk(Trunk):
    """Two features a pixel, of which a quarter is dropped."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.25)

    def forward(self, images):
        return [self.drop(self.layer(images))]


def dropping_network(tasks):
    torch.manual_seed(0)
    trunk = DroppingTrunk()
    heads = {task.name: Head(task.head.channels) for task in tasks}
    return Network(trunk, Neck(), heads, list(trunk.parameters()))


def test_every_forward_pass_of_a_training_draws_at_a_place_of_its_own():
    tasks, places = make_tasks(), []
    network = dropping_network(tasks)
    network.register_forward_hook(lambda *_: places.append(network.masks.place))
    step = make_step(network, tasks, losses.build("sel-update", THREE))
    for number in (1, 2):
        step(make_batch(tasks), number)
    passes = [(place.step, place.forward_pass) for place in places]
    assert passes == [(number, n) for number in (1, 2) for n in range(4)]
    assert all((place.images, place.batch_size) == (range(4), 4) for place in places)


@pytest.mark.parametrize("loss", ["rlw", "pcgrad", "graddrop"])
def test_a_training_can_go_on_at_any_step_to_the_last_digit(loss):
    tasks = make_tasks()
    network, objective = dropping_network(tasks), losses.build(loss, THREE)
    step = make_step(network, tasks, objective)
    for number in (1, 2):
        step(make_batch(tasks, seed=number), number)
    resumed, state = dropping_network(tasks), objective.state_dict()
    resumed.load_state_dict(network.state_dict())
    for number in (3, 4):
        step(make_batch(tasks, seed=number), number)
    objective = losses.build(loss, THREE)
    objective.load_state_dict(state)
    resumed_step = make_step(resumed, tasks, objective)
    for number in (3, 4):
        resumed_step(make_batch(tasks, seed=number), number)
    assert_same(weights_of(resumed), weights_of(network), atol=0, rtol=0)


@pytest.mark.parametrize("loss", ["uw", "famo", "grad-norm", "dwa", "sel-update", "amtl"])
def test_a_step_that_is_not_a_number_is_as_if_it_had_not_been(loss):
    """With the statistics of BatchNorm, the optimizer's state and that of the objective."""
    states = []
    for with_a_bad_step in (True, False):
        tasks = make_tasks()
        network = make_network(tasks)
        network.backbone.layer = nn.Sequential(network.backbone.layer, nn.BatchNorm2d(2))
        objective = losses.build(loss, THREE, potential=dict.fromkeys(THREE, 0.5))
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
        average = MovingAverage(network, 0.5)
        skipped = SkippedSteps([network, optimizer, objective, average])
        step = make_step(network, tasks, objective, optimizer, averaged=average, skipped=skipped)
        step(make_batch(tasks, seed=1), 1)
        if with_a_bad_step:
            bad = make_batch(tasks, seed=2)
            bad.targets["normal"][0] = float("inf")
            assert step(bad, 2) == {}
            assert (skipped.count, skipped.in_a_row) == (1, 1)
        step(make_batch(tasks, seed=3), 3)
        assert skipped.in_a_row == 0
        task_weights = {"task weights": torch.tensor(list(objective.weights.values()))}
        averages = {f"average {name}": value for name, value in weights_of(average).items()}
        states.append(weights_of(network) | task_weights | averages)
    assert_same(*states, atol=0, rtol=0)


def test_a_few_steps_in_a_row_may_be_skipped_but_no_more():
    tasks = make_tasks("depth")
    network = make_network(tasks)
    objective = losses.build("weighted-sum", ["depth"])
    step = make_step(network, tasks, objective, skipped=SkippedSteps([network, objective]))
    bad = make_batch(tasks)
    network.heads["depth"].layer.bias.data.fill_(float("inf"))
    for number in range(1, 6):
        assert step(bad, number) == {}
    with pytest.raises(UserError, match="the loss of depth was not a number in step 6, and so it"):
        step(bad, 6)
